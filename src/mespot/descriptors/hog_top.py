"""HOG-TOP (Li et al. 2017), the paper's second descriptor."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from mespot.descriptors.block_grid import Cuts
from mespot.descriptors.planes import Sums, ThreePlanes

BINS = 8
# A vote is a whole number of 2^-18 grey levels: its error is below 2e-6 of a grey level, and sums
# stay within 64 bits.
_MAGNITUDE_UNITS = 2**18
# The place of a direction between two bins is a whole number of 2^-16.
_SHARE_UNITS = 2**16


@dataclass(frozen=True)
class HogTop(ThreePlanes):
    """Gradient orientations on the XY, XT and YT planes, weighted by magnitude, per block.

    The gradient of a plane is [-1 0 1] along its two axes. Bin k of 8 is centred on the angle
    k * 45 degrees, so that (1, 0) and its small disturbances fall in one bin and a mirrored video
    gives mirrored bins.

    Parameters
    ----------
    voting : {"hard", "soft"}
        A vote goes to the nearest bin, or is shared by the two nearest in proportion to the angle.
    """

    voting: Literal["hard", "soft"] = "hard"

    name: ClassVar[str] = "hog_top"
    bins_per_plane: ClassVar[int] = BINS
    # A magnitude is below 361 grey levels.
    largest_vote: ClassVar[int] = 361 * _MAGNITUDE_UNITS

    def __post_init__(self) -> None:
        if self.voting not in ("hard", "soft"):
            raise ValueError(f"voting {self.voting!r}: need 'hard' or 'soft'")
        super().__post_init__()

    def _mirrored_bins(self) -> NDArray[np.int64]:
        return mirrored_orientations()

    def _fill(
        self, frames: NDArray[np.uint8], cuts: Cuts, sums: Sums, rows: NDArray[np.float32]
    ) -> None:
        from mespot.descriptors.kernels import hog_rows

        bins, votes = vote_table(self.voting == "soft")
        hog_rows(frames, cuts, votes * np.uint32(BINS) + bins, sums, rows)


def mirrored_orientations() -> NDArray[np.int64]:
    """(8,) the bin that takes each one's place when the plane's first axis turns round."""
    return (BINS // 2 - np.arange(BINS)) % BINS


@cache
def vote_table(soft: bool) -> tuple[NDArray[np.uint8], NDArray[np.uint32]]:
    """Bins and votes of the gradient (a, b) at (b + 255) * 511 + a + 255: docs/descriptors.md.

    Returns
    -------
    (S, 511 * 511) uint8 and uint32, for S = 1 vote, or 2 if they are soft
        Votes are below 2^27. A zero gradient votes with 0.
    """
    b, a = (axis.ravel() for axis in np.mgrid[-255:256, -255:256])
    turns = np.arctan2(b, a) * (BINS / (2 * np.pi))
    size = np.sqrt((a * a + b * b).astype(np.float32)) * np.float32(_MAGNITUDE_UNITS)
    votes = (size + np.float32(0.5)).astype(np.int64)
    if not soft:
        return (np.floor(turns + 0.5) % BINS).astype(np.uint8)[None], votes[None].astype(np.uint32)
    place = np.floor(turns * _SHARE_UNITS + 0.5).astype(np.int64)
    low, rest = place // _SHARE_UNITS, place % _SHARE_UNITS
    upper = (votes * rest + _SHARE_UNITS // 2) // _SHARE_UNITS
    both = np.stack([low, low + 1]) % BINS
    return both.astype(np.uint8), np.stack([votes - upper, upper]).astype(np.uint32)


PLUGIN = HogTop
