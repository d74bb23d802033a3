"""LBP-TOP (Zhao and Pietikäinen 2007), the paper's first descriptor."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from mespot.descriptors.block_grid import Cuts
from mespot.descriptors.planes import PLANE_AXES, Sums, ThreePlanes

POINTS = 8


@dataclass(frozen=True)
class LbpTop(ThreePlanes):
    """Local binary patterns on the XY, XT and YT planes, counted per block.

    Every voxel is compared with 8 neighbours in each plane, on an ellipse of the plane's two radii;
    a neighbour as bright as the voxel or brighter sets its bit. The 58 patterns with at most one
    run of ones have a bin each, all others share one.

    Parameters
    ----------
    radius : (int, int, int)
        Radii along x, y and t in voxels; each plane uses its own two.
    """

    radius: tuple[int, int, int] = (1, 1, 1)

    name: ClassVar[str] = "lbp_top"
    bins_per_plane: ClassVar[int] = POINTS * (POINTS - 1) + 3
    votes_everywhere: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if len(self.radius) != 3 or min(self.radius) < 1:
            raise ValueError(f"radius {self.radius}: need three whole numbers from 1 on (x, y, t)")
        super().__post_init__()

    @property
    def margin(self) -> tuple[int, int, int]:
        return self.radius

    def neighbours(self) -> NDArray[np.int64]:
        """(3, 8, 3) steps along t, y, x to the neighbours of each plane, in the bits' order.

        Neighbour k of the plane (a, b) is the voxel nearest to r_a cos(k 45°) along a and
        -r_b sin(k 45°) along b; (a, b) is (x, y), (x, t), (y, t).
        """
        angles = np.arange(POINTS) * 2 * np.pi / POINTS
        steps = np.zeros((3, POINTS, 3), np.int64)
        for plane, (a, b) in enumerate(PLANE_AXES):
            steps[plane, :, 2 - a] = np.rint(self.radius[a] * np.cos(angles))
            steps[plane, :, 2 - b] = np.rint(-self.radius[b] * np.sin(angles))
        return steps

    def _mirrored_bins(self) -> NDArray[np.int64]:
        table = uniform_bins().astype(np.int64)
        bits = np.arange(POINTS)
        codes = np.arange(2**POINTS)
        turned = ((codes[:, None] >> (POINTS // 2 - bits) % POINTS & 1) << bits).sum(1)
        bins = np.empty(self.bins_per_plane, np.int64)
        bins[table] = table[turned]
        return bins

    def _fill(
        self, frames: NDArray[np.uint8], cuts: Cuts, sums: Sums, rows: NDArray[np.float32]
    ) -> None:
        from mespot.descriptors.kernels import lbp_rows

        _, height, width = frames.shape
        steps = self.neighbours() @ np.array([height * width, width, 1])
        lbp_rows(frames, cuts, steps, sums, rows)


@cache
def uniform_bins() -> NDArray[np.uint8]:
    """(256,) bin of each pattern.

    0: no bit set. 1 + 8 (n - 1) + r: one run of n ones that begins at bit (8 - r) mod 8. 57: all
    bits. 58: more than one run.
    """
    codes = np.arange(2**POINTS)
    bits = codes[:, None] >> np.arange(POINTS) & 1
    begins = bits & (1 - np.roll(bits, 1, axis=1))
    ones, begin = bits.sum(1), begins.argmax(1)
    table = 1 + POINTS * (ones - 1) + (POINTS - begin) % POINTS
    table[begins.sum(1) > 1] = POINTS * (POINTS - 1) + 2
    table[0], table[-1] = 0, POINTS * (POINTS - 1) + 1
    return table.astype(np.uint8)


PLUGIN = LbpTop
