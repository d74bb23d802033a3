"""The LSTM as an ONNX graph; writing it does not need torch.

The graph is written node by node from the weights: every row is projected once (x · W + b), and the
M steps of all windows run as one batch on slices of that projection. Step t of the n - M + 1
windows needs rows t … t + n - M, in ONNX terms from t to t - (M - 1) counted from the end, so that
the graph holds constants only and takes any number of rows >= M. Features stand first in the
projection, windows second: gates are then long contiguous rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

OPSET = 17
_TO_THE_END = np.iinfo(np.int64).max


def lstm_graph(weights: Mapping[str, NDArray[Any]], window: int, sigmoid: bool) -> bytes:
    """The network as ONNX bytes: input ``x`` (n, d), output ``y`` (n - window + 1, window).

    ``weights``: w_x (d, 4K), w_h (K, 4K), b (4K,), dense_w (K, 1), dense_b (1,); gates in the order
    input, forget, cell, output. Needs the package ``onnx``.
    """
    from onnx import TensorProto, helper

    graph = _Graph(weights)
    graph.add("MatMul", ["x", "w_x"], "xw")
    graph.add("Add", ["xw", "b"], "rows")
    graph.add("Transpose", ["rows"], "p", perm=[1, 0])
    for t in range(window):
        graph.step(t, window)
    graph.add("Concat", [f"s{t}" for t in range(window)], "scores", axis=0)
    graph.add("Add", ["scores", "dense_b"], "linear")
    graph.add("Sigmoid" if sigmoid else "Identity", ["linear"], "level")
    graph.add("Transpose", ["level"], "y", perm=[1, 0])
    d = weights["w_x"].shape[0]
    return serialised(
        helper.make_graph(
            graph.nodes,
            "mespot-lstm",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", d])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["windows", window])],
            graph.constants,
        ),
        OPSET,
    )


def serialised(graph: Any, opset: int) -> bytes:
    """A checked ONNX graph as bytes, the same for the same graph."""
    from onnx import checker, helper

    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", opset)], producer_name="mespot"
    )
    # The lowest version that knows the opset: readable by every ONNX Runtime since 1.10.
    model.ir_version = 8
    checker.check_model(model)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


class _Graph:
    """Nodes and constants as they are collected."""

    def __init__(self, weights: Mapping[str, NDArray[Any]]) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.units = weights["w_h"].shape[0]
        for name in ("w_x", "b"):
            self.constant(name, weights[name].astype(np.float32))
        self.constant("w_h", weights["w_h"].T.astype(np.float32))
        self.constant("dense_w", weights["dense_w"].T.astype(np.float32))
        self.constant("dense_b", weights["dense_b"].astype(np.float32))
        self.constant("axis", np.array([1], np.int64))
        self.constant("split", np.full(4, self.units, np.int64))

    def constant(self, name: str, value: NDArray[Any]) -> None:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))

    def add(self, kind: str, inputs: list[str], *outputs: str, **attributes: Any) -> None:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, list(outputs), **attributes))

    def step(self, t: int, window: int) -> None:
        """Position t of every window: gates, cell, hidden state and its score ``s{t}`` (1, n)."""
        end = t - (window - 1)
        self.constant(f"from{t}", np.array([t], np.int64))
        self.constant(f"to{t}", np.array([end or _TO_THE_END], np.int64))
        self.add("Slice", ["p", f"from{t}", f"to{t}", "axis"], f"p{t}")
        gates = f"p{t}"
        if t:
            self.add("Gemm", ["w_h", f"h{t - 1}", f"p{t}"], f"g{t}")
            gates = f"g{t}"
        self.add("Split", [gates, "split"], *(f"{g}{t}_" for g in "ifuo"), axis=0)
        for gate in "ifo" if t else "io":
            self.add("Sigmoid", [f"{gate}{t}_"], f"{gate}{t}")
        self.add("Tanh", [f"u{t}_"], f"u{t}")
        self.add("Mul", [f"i{t}", f"u{t}"], f"new{t}" if t else "c0")
        if t:
            self.add("Mul", [f"f{t}", f"c{t - 1}"], f"old{t}")
            self.add("Add", [f"new{t}", f"old{t}"], f"c{t}")
        self.add("Tanh", [f"c{t}"], f"e{t}")
        self.add("Mul", [f"o{t}", f"e{t}"], f"h{t}")
        self.add("MatMul", ["dense_w", f"h{t}"], f"s{t}")
