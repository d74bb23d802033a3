"""A small transformer: every row attends to the rows around it, by relative position.

After Vaswani et al. 2017, with the relative positions of Shaw et al. 2018 and the layer norm before
each part of Xiong et al. 2020. The network itself is
:class:`mespot_lab.networks.network_torch.TransformerModule`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from mespot_lab.networks.network import Network

if TYPE_CHECKING:
    from mespot_lab.networks.network_torch import TransformerModule


@dataclass(frozen=True)
class Transformer(Network):
    """Attention of a few heads over the rows around each row; heads for micro, macro and blink.

    docs/scorers/tcn.md describes the fields that the TCN has as well.

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

    def module(self, d: int, heads: int, rate: float, seed: int) -> TransformerModule:
        """Windows of an odd number of rows, at least three."""
        from mespot_lab.networks.network_torch import TransformerModule

        half = max(1, round(self.window_s * rate / 2))
        attention = (self.attention_heads, (half,) * self.layers)
        return TransformerModule(d, heads, self.channels, attention, seed, self.dropout)
