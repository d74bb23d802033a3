"""What LBP-TOP, HOG-TOP and HIGO-TOP share: fields, block layout, the running sum, threads.

A frame's block histograms are added to a running integer sum when the frame enters a row's span and
subtracted when it leaves, so that a row costs the same whatever its span. All sums are integers:
rows depend on nothing but their own frames, to the bit, however a video is cut into pieces.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from mespot.descriptors._grid import Cuts, block_edges, cut_frame
from mespot.errors import UsageError
from mespot.types import FaceClip, FrameSeries

PLANES = ("xy", "xt", "yt")

# So many frames' histograms are made before they are summed: few enough to stay in the cache.
_BATCH = 16


@dataclass(frozen=True)
class ThreePlanes:
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

    bins_per_plane: ClassVar[int]

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

    def describe(
        self, clip: FaceClip, *, threads: int = 1, out: NDArray[np.float32] | None = None
    ) -> FrameSeries:
        """One row per position: row i covers frames i .. i + L - 1 of the clip.

        Parameters
        ----------
        clip : FaceClip of T frames
        threads : int
            Slices of time that are worked on at once; the result does not depend on it.
        out : (T - L + 1, d) float32, C-contiguous, optional
            Where to write the rows.

        Returns
        -------
        FrameSeries
            max(0, T - L + 1) rows of d = prod(shape) columns, in the order of ``column_names()``.

        Raises
        ------
        UsageError
            If the frames are too small to hold one voxel with all its neighbours.
        ValueError
            If ``out`` does not fit.
        """
        span = self.span_at(clip.fps)
        n = max(0, len(clip) - span + 1)
        values = _room(out, n, int(np.prod(self.shape)))
        cuts = self._cut(clip)
        if n:
            frames = np.ascontiguousarray(clip.frames)
            slices = [(a, b) for a, b in block_edges(n, max(1, threads)) if b > a]

            def run(ends: tuple[int, int]) -> None:
                a, b = ends
                self._rows(frames[a : b + span - 1], span, cuts, values[a:b])

            if len(slices) == 1:
                run(slices[0])
            else:
                with ThreadPoolExecutor(len(slices)) as pool:
                    list(pool.map(run, slices))
        return FrameSeries(values, 0, 1, span, len(clip), clip.fps)

    def _cut(self, clip: FaceClip) -> Cuts:
        height, width = clip.frames.shape[1:]
        rx, ry, _ = self.margin
        if width <= 2 * rx or height <= 2 * ry:
            raise UsageError(
                f"crops of {width} x {height} pixels are too small for neighbours {rx} and {ry} "
                f"pixels away: take crops of at least {2 * rx + 1} x {2 * ry + 1}"
            )
        return cut_frame(height, width, (rx, ry), self.grid, self.overlap)

    def _rows(
        self, frames: NDArray[np.uint8], span: int, cuts: Cuts, out: NDArray[np.float32]
    ) -> None:
        """Fill ``out`` (T - L + 1, d) with the rows of ``frames`` (T, H, W)."""
        from mespot.descriptors._slide import slide

        rt = self.margin[2]
        countable = span - 2 * rt
        parts = np.array([b for _, b in block_edges(countable, self.time_blocks)], np.int64)
        parts = np.concatenate([[0], parts])
        ring = self._ring(countable + _BATCH, cuts)
        blocks = self.grid[0] * self.grid[1]
        by_plane = ring.reshape(len(ring), blocks, 3, -1)
        running = np.zeros((self.time_blocks, *by_plane.shape[1:]), np.int64)
        table = out.reshape(len(out), self.time_blocks, blocks, 3, self.bins_per_plane)
        total = len(frames) - 2 * rt
        for v in range(0, total, _BATCH):
            end = min(v + _BATCH, total)
            self._histograms(frames, (v + rt, end + rt), cuts, ring)
            slide(by_plane, (v, end), parts, running, self.bins_per_plane, table)

    def _ring(self, n: int, cuts: Cuts) -> NDArray[Any]:
        """Zeros (n, by, bx, 3 * slots) of the unsigned type that holds a block's sums."""
        raise NotImplementedError

    def _histograms(
        self, frames: NDArray[np.uint8], which: tuple[int, int], cuts: Cuts, ring: NDArray[Any]
    ) -> None:
        """Block histograms of the frames which[0] .. which[1] - 1; frame rt goes to ring[0]."""
        raise NotImplementedError


def _room(out: NDArray[np.float32] | None, n: int, d: int) -> NDArray[np.float32]:
    if out is None:
        return np.empty((n, d), np.float32)
    if out.shape != (n, d) or out.dtype != np.float32 or not out.flags.c_contiguous:
        raise ValueError(f"out must be ({n}, {d}) float32 in C order, not {out.shape} {out.dtype}")
    return out
