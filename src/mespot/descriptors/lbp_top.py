"""LBP-TOP (Zhao and Pietikäinen 2007), the paper's first descriptor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from mespot.descriptors._grid import Cuts, largest_block
from mespot.descriptors._planes import ThreePlanes


@dataclass(frozen=True)
class LbpTop(ThreePlanes):
    """Uniform local binary patterns on the XY, XT and YT planes, counted per block.

    Every voxel is compared with 8 neighbours per plane, on an ellipse of the plane's two radii,
    rounded to whole voxels; a neighbour as bright as the voxel or brighter sets its bit. 59 bins
    per plane: the 58 patterns with at most one run of ones, and all others.

    Parameters
    ----------
    radius : (int, int, int)
        Radii along x, y and t in voxels; each plane uses its own two.
    """

    radius: tuple[int, int, int] = (1, 1, 1)

    bins_per_plane: ClassVar[int] = 59

    def __post_init__(self) -> None:
        if len(self.radius) != 3 or min(self.radius) < 1:
            raise ValueError(f"radius {self.radius}: need three whole numbers from 1 on (x, y, t)")
        super().__post_init__()

    @property
    def margin(self) -> tuple[int, int, int]:
        return self.radius

    def neighbours(self) -> NDArray[np.int64]:
        """(3, 8, 3) steps along t, y, x to the neighbours of each plane, in the order of the bits.

        Neighbour k of the plane (a, b) stands at round(r_a cos(k 45°)) along a and
        round(-r_b sin(k 45°)) along b; (a, b) is (x, y), (x, t), (y, t).
        """
        angles = np.arange(8) * np.pi / 4
        steps = np.zeros((3, 8, 3), np.int64)
        for plane, (a, b) in enumerate(((0, 1), (0, 2), (1, 2))):
            steps[plane, :, 2 - a] = np.rint(self.radius[a] * np.cos(angles))
            steps[plane, :, 2 - b] = np.rint(-self.radius[b] * np.sin(angles))
        return steps

    def _ring(self, n: int, cuts: Cuts) -> NDArray[Any]:
        from mespot.descriptors._histograms import LBP_SLOTS

        counter = np.uint16 if largest_block(cuts) < 2**16 else np.uint32
        return np.zeros((n, self.grid[1], self.grid[0], 3 * LBP_SLOTS), counter)

    def _histograms(
        self, frames: NDArray[np.uint8], which: tuple[int, int], cuts: Cuts, ring: NDArray[Any]
    ) -> None:
        from mespot.descriptors._histograms import lbp

        height, width = frames.shape[1:]
        distances = self.neighbours() @ np.array([height * width, width, 1])
        lbp(frames, (*which, self.radius[2]), distances, cuts, ring)


PLUGIN = LbpTop
