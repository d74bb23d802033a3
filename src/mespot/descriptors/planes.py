"""What LBP-TOP, HOG-TOP and HIGO-TOP share: fields, block layout, columns, running sums."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mespot.contracts import BaseDescriptor
from mespot.descriptors.block_grid import Cuts, block_edges, block_sizes, cut_frame
from mespot.errors import UsageError
from mespot.extras import need
from mespot.types import FaceClip, FrameSeries

PLANES = ("xy", "xt", "yt")
# The two axes of each plane, as positions in (x, y, t).
PLANE_AXES = ((0, 1), (0, 2), (1, 2))


class Sums(NamedTuple):
    """Histograms of the latest frames and their running sums, as the kernels use them.

    Attributes
    ----------
    parts : (bt + 1,) int64
        Cuts of a row's countable frames into time blocks; parts[-1] is their number C.
    margin : int
        Frame of the clip that is countable frame 0.
    ring : (C + 1, blocks * 3 * bins) unsigned
        Histograms of single frames; countable frame v stands at v % (C + 1).
    running : (bt, blocks * 3 * bins) int32 or int64
        Sums of the row that ends with the last frame.
    scales : (bt, blocks) float64
        Reciprocals of the histograms' sums where they are known from the start, else empty.
    """

    parts: NDArray[np.int64]
    margin: int
    ring: NDArray[Any]
    running: NDArray[Any]
    scales: NDArray[np.float64]


@dataclass(frozen=True)
class ThreePlanes(BaseDescriptor, ABC):
    """Fields and frame of a descriptor on three orthogonal planes; see docs/descriptors.md.

    Parameters
    ----------
    grid : (int, int)
        Blocks across and down.
    overlap : float
        Fraction of a block's length that it shares with its neighbour.
    time_blocks : int
        Parts of a row's countable frames that are counted apart.
    span : int or None
        Frames L of a row; None takes ``span_s``.
    span_s : float
        Seconds of a row.
    """

    grid: tuple[int, int] = (8, 8)
    overlap: float = 0.2
    time_blocks: int = 1
    span: int | None = None
    span_s: float = 0.36

    # The plug-in's name.
    name: ClassVar[str]
    bins_per_plane: ClassVar[int]
    # What a voxel adds to a histogram at most, and whether every countable voxel adds just 1.
    largest_vote: ClassVar[int] = 1
    votes_everywhere: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if len(self.grid) != 2 or not all(1 <= n <= 128 for n in self.grid):
            raise ValueError(f"grid {self.grid}: need two numbers of blocks from 1 to 128")
        if not 0 <= self.overlap < 1:
            raise ValueError(f"overlap {self.overlap}: need 0 <= overlap < 1")
        if self.time_blocks < 1:
            raise ValueError(f"time_blocks {self.time_blocks}: need at least 1")
        if self.span is not None and self.span < self.shortest_span:
            raise ValueError(
                f"span {self.span} is too short: {self.time_blocks} time block(s) and "
                f"neighbours {self.margin[2]} frame(s) away need {self.shortest_span} frames"
            )
        if not self.span_s > 0:
            raise ValueError(f"span_s {self.span_s}: need more than 0 seconds")

    @property
    def histogram_bins(self) -> int:
        """Bins of one histogram."""
        return self.bins_per_plane

    @property
    def can_mirror(self) -> bool:
        """True: blocks change sides, and so do the bins of the planes with x."""
        return True

    @property
    def margin(self) -> tuple[int, int, int]:
        """Distance of the furthest neighbour along x, y and t."""
        return (1, 1, 1)

    @property
    def shape(self) -> tuple[int, int, int, int, int]:
        """A row as an array: time blocks, blocks down, blocks across, planes, bins."""
        return (self.time_blocks, self.grid[1], self.grid[0], 3, self.bins_per_plane)

    @property
    def shortest_span(self) -> int:
        """Fewest frames of a row: one countable frame in every time block."""
        return 2 * self.margin[2] + self.time_blocks

    def span_at(self, fps: Fraction) -> int:
        """Frames L that one row covers at a frame rate."""
        if self.span is not None:
            return self.span
        return max(self.shortest_span, round(self.span_s * fps))

    def column_names(self, fps: Fraction | None = None) -> tuple[str, ...]:
        """Time block, row and column of the block, plane, bin: ``t0.y3.x7.xt.12``.

        They do not depend on the frame rate. Rows come without names, to stay light.
        """
        blocks, down, across, _, bins = self.shape
        return tuple(
            f"t{t}.y{y}.x{x}.{plane}.{b}"
            for t in range(blocks)
            for y in range(down)
            for x in range(across)
            for plane in PLANES
            for b in range(bins)
        )

    def describe(self, clip: FaceClip) -> FrameSeries:
        """One row per position: row i covers frames i .. i + L - 1 of the clip.

        Parameters
        ----------
        clip : FaceClip of T frames

        Returns
        -------
        FrameSeries
            max(0, T - L + 1) rows of d = prod(shape) columns, in the order of ``column_names()``.

        Raises
        ------
        UsageError
            If the frames are too small to hold one voxel with all its neighbours.
        MissingExtra
            If numba is not installed.
        """
        span, cuts = self.span_at(clip.fps), self._cut(clip)
        blocks, down, across, _, bins = self.shape
        rows = np.empty((max(0, len(clip) - span + 1), blocks, down * across, 3, bins), np.float32)
        if len(rows):
            need("numba", extra="paper", who=f"descriptor {self.name}")
            self._fill(np.ascontiguousarray(clip.frames), cuts, self._sums(span, cuts), rows)
        values = rows.reshape(len(rows), int(np.prod(self.shape)))
        return FrameSeries(values, 0, 1, span, len(clip), clip.fps)

    def mirror(self, series: FrameSeries) -> FrameSeries:
        """The rows that the mirrored video would give, but for block edges.

        Edges are whole pixels and need not mirror exactly. Blocks change sides; where x is an axis
        of the plane, so do the bins.
        """
        columns = np.arange(np.prod(self.shape)).reshape(self.shape)[:, :, ::-1].copy()
        for plane, axes in enumerate(PLANE_AXES):
            if 0 in axes:
                columns[..., plane, :] = columns[..., plane, self._mirrored_bins()]
        return series.with_values(np.asarray(series.values)[:, columns.ravel()], series.names)

    @abstractmethod
    def _mirrored_bins(self) -> NDArray[np.int64]:
        """(bins_per_plane,) the bin that takes each one's place when the first axis turns round."""

    @abstractmethod
    def _fill(
        self, frames: NDArray[np.uint8], cuts: Cuts, sums: Sums, rows: NDArray[np.float32]
    ) -> None:
        """Write the rows (n, bt, blocks, 3, bins) of contiguous frames."""

    def _cut(self, clip: FaceClip) -> Cuts:
        height, width = clip.frames.shape[1:]
        rx, ry, _ = self.margin
        if width <= 2 * rx or height <= 2 * ry:
            raise UsageError(
                f"crops of {width} x {height} pixels are too small for neighbours {rx} and {ry} "
                f"pixels away: take crops of at least {2 * rx + 1} x {2 * ry + 1}"
            )
        return cut_frame(height, width, (rx, ry), self.grid, self.overlap)

    def _sums(self, span: int, cuts: Cuts) -> Sums:
        """Empty sums in numbers that hold what a block's voxels add at most."""
        countable = span - 2 * self.margin[2]
        parts = np.array([0, *(b for _, b in block_edges(countable, self.time_blocks))], np.int64)
        voxels = np.diff(parts)[:, None] * block_sizes(cuts).ravel()
        scales = np.zeros((0, 0))
        if self.votes_everywhere:
            scales = np.divide(1.0, voxels, out=np.zeros(voxels.shape), where=voxels > 0)
        n = int(np.prod(self.shape[1:]))
        in_frame = int(block_sizes(cuts).max()) * self.largest_vote
        in_row = int(voxels.max()) * self.largest_vote
        ring = np.uint16 if in_frame < 2**16 else np.uint32 if in_frame < 2**32 else np.uint64
        running = np.int32 if in_row < 2**31 else np.int64
        return Sums(
            parts,
            self.margin[2],
            np.zeros((countable + 1, n), ring),
            np.zeros((self.time_blocks, n), running),
            scales,
        )
