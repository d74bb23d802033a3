"""HOG-TOP (Li et al. 2017), the paper's second descriptor."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from mespot.descriptors._grid import Cuts, largest_block
from mespot.descriptors._planes import ThreePlanes, check_choice
from mespot.errors import UsageError


@dataclass(frozen=True)
class HogTop(ThreePlanes):
    """Gradient orientations on the XY, XT and YT planes, weighted by magnitude, per block.

    The gradient of a plane is [-1 0 1] along its two axes. Bin k is centred on the angle
    k * 360 / bins degrees of the full circle, so that (1, 0) and its small disturbances fall in
    one bin and a mirrored video gives mirrored bins.

    Parameters
    ----------
    bins : int
        Orientation bins per plane, 2 to 64.
    orientation : {"signed", "unsigned"}
        Of the full circle, or of the half circle: then opposite gradients are alike, and bin k is
        centred on k * 180 / bins degrees.
    voting : {"hard", "soft"}
        A vote goes to the nearest bin, or is shared by the two nearest in proportion to the angle.
    """

    bins: int = 8
    orientation: Literal["signed", "unsigned"] = "signed"
    voting: Literal["hard", "soft"] = "hard"

    kind: ClassVar[str] = "weighted"

    def __post_init__(self) -> None:
        if not 2 <= self.bins <= 64:
            raise ValueError(f"bins {self.bins}: need 2 to 64 orientation bins")
        check_choice("orientation", self.orientation, ("signed", "unsigned"))
        check_choice("voting", self.voting, ("hard", "soft"))
        super().__post_init__()

    @property
    def bins_per_plane(self) -> int:
        return self.bins

    def _mirrored_bins(self) -> NDArray[np.int64]:
        if self.orientation == "signed" and self.bins % 2:
            raise UsageError(
                f"descriptor: bins = {self.bins}: signed orientations can be mirrored only with an "
                "even number of bins"
            )
        half = self.bins // 2 if self.orientation == "signed" else 0
        return (half - np.arange(self.bins)) % self.bins

    def _has_octants(self, cuts: Cuts) -> bool:
        """Whether the fast kernel does: its counts have 16 bits."""
        choices = (self.bins, self.orientation, self.voting)
        return choices == (8, "signed", "hard") and largest_block(cuts) < 2**16

    def _walk(self, cuts: Cuts) -> Hashable:
        if self._has_octants(cuts):
            return ("octants", self.grid, self.overlap)
        choices = (self.kind, self.bins, self.orientation, self.voting)
        return ("orientations", self.grid, self.overlap, choices)

    def _largest_vote(self) -> int:
        """No vote is larger: a magnitude is below 361 grey levels."""
        return 361 * 2**18 if self.kind == "weighted" else 2**16 if self.voting == "soft" else 1

    def _ring(self, n: int, cuts: Cuts) -> NDArray[Any]:
        slots = 8 * -(-self.bins // 8)
        counted = self.kind == "counted" and self._has_octants(cuts)
        return np.zeros(
            (n, self.grid[1], self.grid[0], 3 * slots), np.uint16 if counted else np.uint64
        )

    def _histograms(
        self,
        frames: NDArray[np.uint8],
        which: tuple[int, int, int],
        cuts: Cuts,
        rings: Mapping[str, NDArray[Any]],
    ) -> None:
        if self._has_octants(cuts):
            from mespot.descriptors._octants import octant_votes

            none = np.zeros((0, 1, 1, 1), np.uint64)
            counted = rings.get("counted", none).view(np.uint64)
            octant_votes(frames, which, cuts, rings.get("weighted", none), counted)
            return
        from mespot.descriptors._orientations_any import any_votes, vote_table

        bins, votes = vote_table(
            self.bins, self.orientation == "signed", self.voting == "soft", self.kind == "weighted"
        )
        any_votes(frames, which, bins, votes, cuts, rings[self.kind])


PLUGIN = HogTop
