"""The networks' operations as an ONNX graph of rows (n, columns), with any number of rows.

The graph is written node by node and needs no torch. Several networks stand in one graph, and its
output is the mean of theirs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mespot.scorers.lstm_onnx import OPSET, serialised
from mespot_lab.networks._ops import Ops

_TO_THE_END = np.iinfo(np.int64).max
# As in _ops_torch, which is not to be imported without torch.
LEAST_VARIANCE = 1e-5


def graph(
    networks: Sequence[Mapping[str, NDArray[Any]]],
    forward: Callable[[Ops, str], str],
    d: int,
    sigmoid: bool,
) -> bytes:
    """Networks of one kind as ONNX bytes: input ``x`` (n, d), output ``y`` (n - 2 reach, heads).

    ``forward`` is the network's; where ``sigmoid``, it is taken of the mean. Needs ``onnx``.
    """
    from onnx import TensorProto, helper

    nodes: list[Any] = []
    constants: list[Any] = []
    outputs = [
        forward(OnnxOps(weights, nodes, constants, f"n{i}_"), "x")
        for i, weights in enumerate(networks)
    ]
    nodes.append(helper.make_node("Mean", outputs, ["mean"]))
    nodes.append(helper.make_node("Sigmoid" if sigmoid else "Identity", ["mean"], ["y"]))
    heads = len(networks[0]["heads_b"])
    return serialised(
        helper.make_graph(
            nodes,
            "mespot-network",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", d])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", heads])],
            constants,
        ),
        OPSET,
    )


class OnnxOps:
    """See :class:`mespot_lab.networks._ops.Ops`; values are names of the graph's."""

    def __init__(
        self,
        weights: Mapping[str, NDArray[Any]],
        nodes: list[Any],
        constants: list[Any],
        prefix: str,
    ) -> None:
        self._weights, self._nodes, self._constants = weights, nodes, constants
        self._prefix = prefix
        self._known: set[str] = set()

    def linear(self, x: str, name: str) -> str:
        product = self._node("MatMul", [x, self._weight(f"{name}_w")])
        return self._node("Add", [product, self._weight(f"{name}_b")])

    def inner(self, x: str, left: int, right: int) -> str:
        if not left and not right:
            return x
        ends = (left, -right if right else _TO_THE_END, 0)
        return self._node("Slice", [x, *(self._whole([end]) for end in ends)])

    def beside(self, parts: Sequence[str]) -> str:
        return self._node("Concat", list(parts), axis=-1)

    def add(self, x: str, y: str) -> str:
        return self._node("Add", [x, y])

    def relu(self, x: str) -> str:
        return self._node("Relu", [x])

    def levelled(self, x: str, name: str) -> str:
        inputs = [x, self._weight(f"{name}_w"), self._weight(f"{name}_b")]
        return self._node("LayerNormalization", inputs, axis=-1, epsilon=LEAST_VARIANCE)

    def dropped(self, x: str) -> str:
        return x

    def attended(self, query: str, key: str, value: str, name: str, heads: int) -> str:
        _, size, width = self._weights[name].shape
        q = self._node("Reshape", [query, self._whole([-1, heads, 1, size])])
        q = self._node("Mul", [q, self._constant(np.float32(1 / math.sqrt(size)))])
        # Which rows each row looks at, (n, W): its own number and the W - 1 after it.
        n = self._node("Squeeze", [self._node("Shape", [query], end=1)])
        first = self._node("Range", [self._whole(0), n, self._whole(1)])
        first = self._node("Reshape", [first, self._whole([-1, 1])])
        around = self._node("Add", [first, self._whole(list(range(width)))])
        split = self._whole([0, width, heads, size])
        keys = self._node("Reshape", [self._node("Gather", [key, around], axis=0), split])
        keys = self._node("Transpose", [keys], perm=[0, 2, 3, 1])
        values = self._node("Reshape", [self._node("Gather", [value, around], axis=0), split])
        values = self._node("Transpose", [values], perm=[0, 2, 1, 3])
        level = self._node(
            "Add",
            [
                self._node("MatMul", [q, keys]),
                self._node("MatMul", [q, self._weight(name)]),
            ],
        )
        seen = self._node("MatMul", [self._node("Softmax", [level], axis=-1), values])
        return self._node("Reshape", [seen, self._whole([-1, heads * size])])

    def _node(self, kind: str, inputs: list[str], **attributes: Any) -> str:
        from onnx import helper

        output = f"{self._prefix}{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def _weight(self, name: str) -> str:
        known = self._prefix + name
        if known not in self._known:
            self._known.add(known)
            self._put(self._weights[name].astype(np.float32), known)
        return known

    def _whole(self, values: int | list[int]) -> str:
        return self._constant(np.array(values, np.int64))

    def _constant(self, value: Any) -> str:
        name = f"{self._prefix}c{len(self._constants)}"
        self._put(np.asarray(value), name)
        return name

    def _put(self, value: NDArray[Any], name: str) -> None:
        from onnx import numpy_helper

        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
