"""A small transformer: every row attends to the rows around it, which it knows by relative place.

After Vaswani et al. 2017 with the relative positions of Shaw et al. 2018 and the layer
normalisation before each part of Xiong et al. 2020.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from mespot_lab.networks._network import Arrays, Built, Network
from mespot_lab.networks._ops import Ops


@dataclass(frozen=True)
class Transformer(Network):
    """Attention of a few heads over the rows around each row; heads for micro, macro and blink.

    Fields that the TCN has as well are told in docs/scorers/tcn.md.

    Parameters
    ----------
    layers : int
    attention_heads : int
        ``channels`` must be a multiple of it.
    window_s : float
        Length of the window about a row that a layer attends to, in seconds.
    """

    called: ClassVar[str] = "transformer"

    layers: int = 2
    attention_heads: int = 4
    window_s: float = 0.6

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require("layers", self.layers >= 1, "at least 1")
        self._require("window_s", self.window_s > 0, "above 0")
        divides = self.attention_heads >= 1 and self.channels % self.attention_heads == 0
        self._require("attention_heads", divides, "a divisor of channels")

    def built(self, rate: float) -> Built:
        """Windows of an odd number of rows, at least three."""
        half = max(1, round(self.window_s * rate / 2))
        return TransformerBuilt(self.channels, self.attention_heads, (half,) * self.layers)


@dataclass(frozen=True)
class TransformerBuilt:
    """The network in rows: linear -> [attention, two linear layers] per layer -> heads."""

    channels: int
    attention_heads: int
    halves: tuple[int, ...]

    @property
    def reach(self) -> int:
        return sum(self.halves)

    def initial(self, d: int, heads: int, rng: np.random.Generator) -> Arrays:
        from mespot.scorers.torch_training import glorot

        c = self.channels
        shapes, levels, weights = {"in": (d, c)}, ["level"], {}
        for i, half in enumerate(self.halves):
            shapes |= {f"{name}{i}": (c, c) for name in ("query", "key", "value", "out")}
            shapes |= {f"up{i}": (c, 2 * c), f"down{i}": (2 * c, c)}
            levels += [f"before{i}", f"between{i}"]
            size = (self.attention_heads, c // self.attention_heads, 2 * half + 1)
            weights[f"place{i}"] = rng.normal(0, 0.1, size).astype(np.float32)
        for name, (a, b) in (shapes | {"heads": (c, heads)}).items():
            weights[f"{name}_w"] = glorot(rng, a, b)
            weights[f"{name}_b"] = np.zeros(b, np.float32)
        for name in levels:
            weights[f"{name}_w"] = np.ones(c, np.float32)
            weights[f"{name}_b"] = np.zeros(c, np.float32)
        return weights

    def forward(self, ops: Ops, x: Any) -> Any:
        x = ops.dropped(ops.linear(x, "in"))
        for i, half in enumerate(self.halves):
            z = ops.levelled(x, f"before{i}")
            query = ops.linear(ops.inner(z, half, half), f"query{i}")
            key, value = ops.linear(z, f"key{i}"), ops.linear(z, f"value{i}")
            seen = ops.attended(query, key, value, f"place{i}", self.attention_heads)
            x = ops.add(ops.inner(x, half, half), ops.dropped(ops.linear(seen, f"out{i}")))
            z = ops.levelled(x, f"between{i}")
            wide = ops.relu(ops.linear(z, f"up{i}"))
            x = ops.add(x, ops.dropped(ops.linear(wide, f"down{i}")))
        return ops.linear(ops.levelled(x, "level"), "heads")


PLUGIN = Transformer
