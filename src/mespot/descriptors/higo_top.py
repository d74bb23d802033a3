"""HIGO-TOP (Li et al. 2017), the paper's third descriptor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from mespot.descriptors.block_grid import Cuts
from mespot.descriptors.hog_top import BINS, mirrored_orientations
from mespot.descriptors.planes import Sums, ThreePlanes


@dataclass(frozen=True)
class HigoTop(ThreePlanes):
    """Gradient orientations on the XY, XT and YT planes, one vote per voxel, counted per block.

    As HOG-TOP with every vote 1, which makes it indifferent to contrast. A voxel whose gradient is
    zero in a plane has no orientation there and casts no vote.
    """

    name: ClassVar[str] = "higo_top"
    bins_per_plane: ClassVar[int] = BINS

    def _mirrored_bins(self) -> NDArray[np.int64]:
        return mirrored_orientations()

    def _fill(
        self, frames: NDArray[np.uint8], cuts: Cuts, sums: Sums, rows: NDArray[np.float32]
    ) -> None:
        from mespot.descriptors.kernels import higo_rows

        higo_rows(frames, cuts, sums, rows)


PLUGIN = HigoTop
