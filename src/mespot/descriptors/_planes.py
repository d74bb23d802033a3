"""What LBP-TOP, HOG-TOP and HIGO-TOP share: fields, block layout, columns."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from mespot.descriptors._grid import Cuts
from mespot.descriptors._together import describe_many
from mespot.types import FaceClip, FrameSeries

PLANES = ("xy", "xt", "yt")
# The two axes of each plane, as positions in (x, y, t).
PLANE_AXES = ((0, 1), (0, 2), (1, 2))


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

    # Which of the histograms of a walk over the pixels are this descriptor's.
    kind: ClassVar[str]
    # Whether every countable voxel casts one vote per plane.
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
    def bins_per_plane(self) -> int:
        """Bins of one block's histogram in one plane."""
        raise NotImplementedError

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
        return describe_many(clip, [self], threads=threads, outs=[out])[0]

    def mirror(self, series: FrameSeries) -> FrameSeries:
        """The rows that the mirrored video would give, but for rounding.

        Block edges are whole pixels and need not mirror exactly, and a hard vote on the very edge
        of two bins (there is none with 8 of them) falls to one side. Blocks change sides; where x
        is an axis of the plane, so do the bins.

        Raises
        ------
        UsageError
            If the mirror image of a bin is no bin.
        """
        columns = np.arange(np.prod(self.shape)).reshape(self.shape)[:, :, ::-1].copy()
        for plane, axes in enumerate(PLANE_AXES):
            if 0 in axes:
                columns[..., plane, :] = columns[..., plane, self._mirrored_bins()]
        return series.with_values(np.asarray(series.values)[:, columns.ravel()], series.names)

    def _mirrored_bins(self) -> NDArray[np.int64]:
        """(bins_per_plane,) the bin that takes each one's place when the first axis turns round."""
        raise NotImplementedError

    def _walk(self, cuts: Cuts) -> Hashable:
        """Descriptors with equal ones get their histograms from one call of ``_histograms``."""
        raise NotImplementedError

    def _largest_vote(self) -> int:
        """What a voxel adds to a histogram at most."""
        raise NotImplementedError

    def _ring(self, n: int, cuts: Cuts) -> NDArray[Any]:
        """Zeros (n, by, bx, 3 * slots) of the unsigned type that holds a block's sums."""
        raise NotImplementedError

    def _histograms(
        self,
        frames: NDArray[np.uint8],
        which: tuple[int, int, int],
        cuts: Cuts,
        rings: Mapping[str, NDArray[Any]],
    ) -> None:
        """Block histograms of the frames which[0] .. which[1] - 1, by kind.

        ``rings`` are of equal length R; frame t goes to (t - which[2]) % R.
        """
        raise NotImplementedError


def check_choice(field: str, value: str, choices: tuple[str, ...]) -> None:
    """ValueError unless a field has one of its values."""
    if value not in choices:
        raise ValueError(f"{field} {value!r}: need {' or '.join(map(repr, choices))}")
