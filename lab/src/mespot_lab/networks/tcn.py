"""A temporal convolutional network: dilated convolutions over the rows, with three heads.

After Bai, Kolter & Koltun 2018 (residual blocks of dilated convolutions), not causal, small.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from mespot_lab.networks._network import Arrays, Built, Network
from mespot_lab.networks._ops import Ops

_TAPS = 3


@dataclass(frozen=True)
class Tcn(Network):
    """Dilated convolutions over descriptor rows; heads for micro, macro and blink.

    Fields that the transformer has as well are told in docs/scorers/tcn.md.

    Parameters
    ----------
    reach_s : float
        The network looks at least so far to either side of a row; decides the number of layers.
    """

    called: ClassVar[str] = "tcn"

    reach_s: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require("reach_s", self.reach_s > 0, "above 0")

    def built(self, rate: float) -> Built:
        """Layers of dilation 1, 2, 4, ... until their sum reaches ``reach_s``."""
        layers = max(1, math.ceil(math.log2(self.reach_s * rate + 1) - 1e-9))
        return TcnBuilt(self.channels, tuple(2**i for i in range(layers)))


@dataclass(frozen=True)
class TcnBuilt:
    """The network in rows: linear -> [x + relu(convolution(levelled x))] per dilation -> heads.

    Levelling takes the size of a movement away: what a convolution answers to is its shape, and a
    macro-expression ten times as large is not ten times as much of a micro-expression.
    """

    channels: int
    dilations: tuple[int, ...]

    @property
    def reach(self) -> int:
        return sum(self.dilations) * (_TAPS - 1) // 2

    def initial(self, d: int, heads: int, rng: np.random.Generator) -> Arrays:
        from mespot.scorers.torch_training import glorot

        c = self.channels
        shapes = {"in": (d, c)} | {f"conv{i}": (_TAPS * c, c) for i in range(len(self.dilations))}
        weights = {}
        for name, (a, b) in (shapes | {"heads": (c, heads)}).items():
            weights[f"{name}_w"] = glorot(rng, a, b)
            weights[f"{name}_b"] = np.zeros(b, np.float32)
        for name in ("level", *(f"before{i}" for i in range(len(self.dilations)))):
            weights[f"{name}_w"] = np.ones(c, np.float32)
            weights[f"{name}_b"] = np.zeros(c, np.float32)
        return weights

    def forward(self, ops: Ops, x: Any) -> Any:
        x = ops.dropped(ops.linear(x, "in"))
        for i, dilation in enumerate(self.dilations):
            z = ops.levelled(x, f"before{i}")
            taps = [ops.inner(z, k * dilation, (_TAPS - 1 - k) * dilation) for k in range(_TAPS)]
            y = ops.dropped(ops.relu(ops.linear(ops.beside(taps), f"conv{i}")))
            x = ops.add(ops.inner(x, dilation, dilation), y)
        return ops.linear(ops.levelled(x, "level"), "heads")


PLUGIN = Tcn
