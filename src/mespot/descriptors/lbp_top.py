"""LBP-TOP (Zhao and Pietikäinen 2007), the paper's first descriptor."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from mespot.descriptors._grid import Cuts, aligned_zeros, largest_block
from mespot.descriptors._planes import PLANE_AXES, ThreePlanes, check_choice


@dataclass(frozen=True)
class LbpTop(ThreePlanes):
    """Local binary patterns on the XY, XT and YT planes, counted per block.

    Every voxel is compared with neighbours in each plane, on an ellipse of the plane's two radii; a
    neighbour as bright as the voxel or brighter sets its bit.

    Parameters
    ----------
    radius : (int, int, int)
        Radii along x, y and t in voxels; each plane uses its own two.
    points : {4, 8, 16}
        Neighbours P per plane.
    interpolation : {"nearest", "bilinear"}
        A neighbour's grey level: of the nearest voxel, or between the voxels around it.
    patterns : {"uniform", "full"}
        Bins: P (P - 1) + 3, of which the last takes all patterns with more than one run of ones; or
        one for each of the 2^P patterns, for P up to 8.
    """

    radius: tuple[int, int, int] = (1, 1, 1)
    points: int = 8
    interpolation: Literal["nearest", "bilinear"] = "nearest"
    patterns: Literal["uniform", "full"] = "uniform"

    kind: ClassVar[str] = "patterns"
    votes_everywhere: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if len(self.radius) != 3 or min(self.radius) < 1:
            raise ValueError(f"radius {self.radius}: need three whole numbers from 1 on (x, y, t)")
        if self.points not in (4, 8, 16):
            raise ValueError(f"points {self.points}: need 4, 8 or 16 neighbours")
        check_choice("interpolation", self.interpolation, ("nearest", "bilinear"))
        check_choice("patterns", self.patterns, ("uniform", "full"))
        if self.patterns == "full" and self.points == 16:
            raise ValueError(
                "patterns 'full' with points 16: 65536 bins per plane and block, nearly all empty; "
                "take patterns 'uniform' (243 bins), or points 8"
            )
        super().__post_init__()

    @property
    def bins_per_plane(self) -> int:
        return self.points * (self.points - 1) + 3 if self.patterns == "uniform" else 2**self.points

    @property
    def margin(self) -> tuple[int, int, int]:
        return self.radius

    def positions(self) -> NDArray[np.float64]:
        """(3, P, 2) where the neighbours stand along the axes of each plane, in the bits' order.

        Neighbour k of the plane (a, b) stands at r_a cos(k 360° / P) along a and
        -r_b sin(k 360° / P) along b; (a, b) is (x, y), (x, t), (y, t).
        """
        angles = np.arange(self.points) * 2 * np.pi / self.points
        circle = np.stack([np.cos(angles), -np.sin(angles)], axis=1)
        return np.stack([circle * [self.radius[a], self.radius[b]] for a, b in PLANE_AXES])

    def neighbours(self) -> NDArray[np.int64]:
        """(3, P, 3) steps along t, y, x to the voxels nearest to the neighbours of each plane."""
        steps = np.zeros((3, self.points, 3), np.int64)
        for plane, (axes, where) in enumerate(zip(PLANE_AXES, self.positions())):
            for axis, along in zip(axes, where.T):
                steps[plane, :, 2 - axis] = np.rint(along)
        return steps

    def _mirrored_bins(self) -> NDArray[np.int64]:
        from mespot.descriptors._patterns_any import bin_table

        table = bin_table(self.points, self.patterns == "uniform").astype(np.int64)
        bits = np.arange(self.points)
        codes = np.arange(2**self.points)
        turned = ((codes[:, None] >> (self.points // 2 - bits) % self.points & 1) << bits).sum(1)
        bins = np.empty(self.bins_per_plane, np.int64)
        bins[table] = table[turned]
        return bins

    def _is_default_kind(self) -> bool:
        return (self.points, self.interpolation, self.patterns) == (8, "nearest", "uniform")

    def _walk(self, cuts: Cuts) -> Hashable:
        choices = (self.radius, self.points, self.interpolation, self.patterns)
        return ("lbp", self.grid, self.overlap, choices)

    def _largest_vote(self) -> int:
        return 1

    def _ring(self, n: int, cuts: Cuts) -> NDArray[Any]:
        # 64 slots for the default: a multiple of what a vector holds.
        slots = 16 * -(-self.bins_per_plane // 16)
        counter = np.uint16 if largest_block(cuts) < 2**16 else np.uint32
        return aligned_zeros((n, self.grid[1], self.grid[0], 3 * slots), counter)

    def _histograms(
        self,
        frames: NDArray[np.uint8],
        which: tuple[int, int, int],
        cuts: Cuts,
        rings: Mapping[str, NDArray[Any]],
    ) -> None:
        height, width = frames.shape[1:]
        distance = np.array([height * width, width, 1])
        ring = rings[self.kind]
        if self._is_default_kind():
            from mespot.descriptors._patterns import uniform_patterns

            uniform_patterns(frames, which, _distances(self, height, width), cuts, ring)
            return
        from mespot.descriptors._patterns_any import any_patterns, bin_table, taps_of

        bilinear = self.interpolation == "bilinear"
        taps, weights = zip(
            *(taps_of(where, axes, bilinear) for axes, where in zip(PLANE_AXES, self.positions()))
        )
        table = bin_table(self.points, self.patterns == "uniform")
        if (self.points, self.patterns) == (8, "uniform"):
            table = table[:0]
        any_patterns(frames, which, np.stack(taps) @ distance, np.stack(weights), table, cuts, ring)


@lru_cache(maxsize=8)
def _distances(descriptor: LbpTop, height: int, width: int) -> NDArray[np.int64]:
    """(3, P) distances of the neighbours in a flattened clip."""
    return descriptor.neighbours() @ np.array([height * width, width, 1])


PLUGIN = LbpTop
