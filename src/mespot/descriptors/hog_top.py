"""HOG-TOP (Li et al. 2017), the paper's second descriptor."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from mespot.descriptors._grid import Cuts, largest_block
from mespot.descriptors._planes import ThreePlanes


@dataclass(frozen=True)
class HogTop(ThreePlanes):
    """Gradient orientations on the XY, XT and YT planes, weighted by magnitude, per block.

    The gradient of a plane is [-1 0 1] along its two axes. Bin k is centred on the angle
    k * 360 / bins degrees of the full circle, so that (1, 0) and its small disturbances fall in
    one bin and a mirrored video gives mirrored bins.

    Parameters
    ----------
    bins : int
        Orientation bins per plane.
    """

    bins: int = 8

    weighted: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not 2 <= self.bins <= 64:
            raise ValueError(f"bins {self.bins}: need 2 to 64 orientation bins")
        super().__post_init__()

    @property
    def bins_per_plane(self) -> int:  # type: ignore[override]
        return self.bins

    def _ring(self, n: int, cuts: Cuts) -> NDArray[Any]:
        slots = 8 * (self.bins // 8 + 1)
        counter: Any = np.uint16 if largest_block(cuts) < 2**16 else np.uint32
        if self.weighted:
            counter = np.uint64
        return np.zeros((n, self.grid[1], self.grid[0], 3 * slots), counter)

    def _histograms(
        self, frames: NDArray[np.uint8], which: tuple[int, int], cuts: Cuts, ring: NDArray[Any]
    ) -> None:
        from mespot.descriptors._histograms import gradients

        none = ring.shape[3] // 3 - 1
        gradients(frames, (*which, self.margin[2]), orientation_table(self.bins, none), cuts, ring)


@lru_cache(maxsize=8)
def orientation_table(bins: int, none: int) -> NDArray[np.uint8]:
    """(511, 511) uint8: bin of the gradient (a, b) at [b + 255, a + 255], ``none`` for (0, 0).

    Empty for 8 bins, where comparing a and b is faster than looking up.
    """
    if bins == 8:
        return np.zeros((0, 0), np.uint8)
    b, a = np.mgrid[-255:256, -255:256]
    table = np.floor(np.arctan2(b, a) * (bins / (2 * np.pi)) + 0.5).astype(np.int64) % bins
    table[255, 255] = none
    return table.astype(np.uint8)


PLUGIN = HogTop
