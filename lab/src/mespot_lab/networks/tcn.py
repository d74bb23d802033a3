"""A temporal convolutional network: dilated convolutions over the rows, with up to three heads.

After Bai, Kolter and Koltun 2018 (residual blocks of dilated convolutions), not causal, small. The
network itself is :class:`mespot_lab.networks.network_torch.TcnModule`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from mespot_lab.networks.network import Network

if TYPE_CHECKING:
    from mespot_lab.networks.network_torch import TcnModule


@dataclass(frozen=True)
class Tcn(Network):
    """Dilated convolutions over descriptor rows; heads for micro, macro and blink.

    docs/scorers/tcn.md describes the fields that the transformer has as well.

    Parameters
    ----------
    receptive_field_s : float
        The network looks at least so many seconds to either side of a row. It decides the number of
        layers.
    """

    called: ClassVar[str] = "tcn"

    receptive_field_s: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require("receptive_field_s", self.receptive_field_s > 0, "above 0")

    def module(self, d: int, heads: int, rate: float, seed: int) -> TcnModule:
        """Layers of dilation 1, 2, 4, ... until their sum reaches ``receptive_field_s``."""
        from mespot_lab.networks.network_torch import TcnModule

        layers = max(1, math.ceil(math.log2(self.receptive_field_s * rate + 1) - 1e-9))
        dilations = [2**i for i in range(layers)]
        return TcnModule(d, heads, self.channels, dilations, seed, self.dropout)
