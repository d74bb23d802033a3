"""LBP chi-square feature difference contrast: the first spotter for spontaneous micro-expressions.

Moilanen, Zhao and Pietikainen 2014; Li et al. 2017. The descriptor ``lbp_difference`` measures how
much the texture of each block of the face differs from that a little before and after. The scorer
``lbp_chi2`` finds rows where the strongest blocks differ more than their surroundings in time.
docs/scorers/lbp_chi2.md names the deviations.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mespot.align.crop import MEAN_68
from mespot.contracts import BaseDescriptor
from mespot.errors import UsageError
from mespot.types import FaceClip, FrameSeries
from mespot_lab.rivals.curves import (
    StrongestBlocks,
    check_rows,
    contrast,
    share_of_maximum,
    strongest,
)

BINS = 59
# Weights of the interpolation are whole 256ths, so that a flat place compares as equal, exactly.
_ONE = 256


def pattern_bins() -> NDArray[np.uint8]:
    """(256,) the bin of every pattern: 58 uniform ones in rising order, then all others in one.

    A pattern is uniform if, read around the circle, it changes between 0 and 1 at most twice.
    """
    codes = np.arange(256)
    turned = (codes >> 1) | ((codes & 1) << 7)
    changes = np.array([int(c).bit_count() for c in codes ^ turned])
    bins = np.full(256, BINS - 1, np.uint8)
    bins[changes <= 2] = np.arange(BINS - 1)
    return bins


def patterns(frame: NDArray[np.uint8], radius: int) -> NDArray[np.uint8]:
    """Patterns of all pixels at least ``radius`` from the border: (H - 2 r, W - 2 r) uint8.

    Bit p is set where the point at the angle p * 45 degrees is not darker than the middle. Points
    on the diagonals lie between pixels and are interpolated bilinearly (Ojala et al. 2002).
    """
    height, width = frame.shape[0] - 2 * radius, frame.shape[1] - 2 * radius
    diagonal = radius / math.sqrt(2)
    near = int(diagonal)
    weight = round((diagonal - near) * _ONE)
    far = near + 1 if weight else near
    w0, w1 = np.uint16(_ONE - weight), np.uint16(weight)

    def across(image: NDArray, shift: int) -> NDArray:
        return image[:, radius + shift : radius + shift + width]

    def down(image: NDArray, shift: int) -> NDArray:
        return image[radius + shift : radius + shift + height]

    wide = frame.astype(np.uint16)
    mixed = {s: w0 * across(wide, s * near) + w1 * across(wide, s * far) for s in (1, -1)}
    middle = down(across(frame, 0), 0)
    scaled = middle.astype(np.uint32) * np.uint32(_ONE * _ONE)
    a, b = np.uint32(w0), np.uint32(w1)

    def corner(sx: int, sy: int) -> NDArray:
        column = mixed[sx]
        value = down(column, sy * near).astype(np.uint32) * a
        value += down(column, sy * far).astype(np.uint32) * b
        return value >= scaled

    def straight(dx: int, dy: int) -> NDArray:
        return down(across(frame, dx), dy) >= middle

    r = radius
    bits = (
        straight(r, 0), corner(1, 1), straight(0, r), corner(-1, 1),
        straight(-r, 0), corner(-1, -1), straight(0, -r), corner(1, -1),
    )  # fmt: skip
    codes = np.zeros((height, width), np.uint8)
    for p, bit in enumerate(bits):
        codes |= bit.view(np.uint8) << np.uint8(p)
    return codes


_INNER_EYES, _SPINE = (39, 42), 33
# The face in units of its landmarks' distances, before it is enlarged; and how much of its height
# lies above the nasal spine.
_WIDE, _HIGH, _ABOVE = 3, 2, 2 / 3
_ROWS_AT_ONCE = 64


class _Layout(NamedTuple):
    """Where blocks lie: pixels left, top, right, bottom of all; block of each pixel in it."""

    box: tuple[int, int, int, int]
    block: NDArray[np.int64]
    sizes: NDArray[np.int64]


@dataclass(frozen=True)
class LbpDifference(BaseDescriptor):
    """Chi-square distance of each block's LBP histogram from the average of a window's two ends.

    Row i looks at N = 2 k + 1 frames with the middle c = i + k. Per block, with h the histogram of
    uniform LBP (8 points) divided by the block's pixels: x = h(c), y = (h(c - k) + h(c + k)) / 2,
    the average feature frame, and d = sum (x - y)^2 / (x + y), from 0 to 2. After Moilanen, Zhao
    and Pietikainen 2014 and Li et al. 2017; docs/scorers/lbp_chi2.md names the deviations.

    Parameters
    ----------
    window_s : float
        Length of the window in seconds: N = 9 at 25 frames a second, 11 at 30, 21 at 60.
    grid : (int, int)
        Blocks across and down.
    radius : int
        Of the circle of the patterns, in pixels of the crop.
    enlarge : (float, float)
        The area of all blocks is 3 distances of the inner eye corners wide and 2 heights from them
        to the nasal spine high, times this (x, y).
    """

    window_s: float = 0.34
    grid: tuple[int, int] = (6, 6)
    radius: int = 3
    enlarge: tuple[float, float] = (1.2, 1.3)

    def __post_init__(self) -> None:
        if not self.window_s > 0:
            raise ValueError(f"window_s {self.window_s}: need more than 0 seconds")
        if len(self.grid) != 2 or not all(1 <= n <= 64 for n in self.grid):
            raise ValueError(f"grid {self.grid}: need two numbers of blocks from 1 to 64")
        if not 1 <= self.radius <= 8:
            raise ValueError(f"radius {self.radius}: need 1 to 8 pixels")
        if len(self.enlarge) != 2 or not all(e > 0 for e in self.enlarge):
            raise ValueError(f"enlarge {self.enlarge}: need two positive numbers")

    def reach_at(self, fps: Fraction) -> int:
        """Frames k from the middle of a window to its ends, at least 1."""
        return max(1, int(self.window_s * float(fps) / 2 + 1e-9))

    def span_at(self, fps: Fraction) -> int:
        """Frames N of a row's window, odd."""
        return 2 * self.reach_at(fps) + 1

    def column_names(self, fps: Fraction | None = None) -> tuple[str, ...]:
        """``chi2 y0 x0``: row and column of the block; they do not depend on the frame rate."""
        across, down = self.grid
        return tuple(f"chi2 y{y} x{x}" for y in range(down) for x in range(across))

    def describe(self, clip: FaceClip) -> FrameSeries:
        """One row per position: (T - N + 1, blocks) float32; NaN where a frame shows no face.

        Raises
        ------
        UsageError
            If the frames are too small to hold one pixel with all its neighbours.
        """
        k, span = self.reach_at(clip.fps), self.span_at(clip.fps)
        names = self.column_names()
        layout = _layout(clip.frames.shape[1], clip.frames.shape[2], self)
        n = max(0, len(clip) - span + 1)
        values = np.empty((n, len(names)), np.float32)
        if n:
            counts = self._counts(clip.frames, layout)
            for start in range(0, n, _ROWS_AT_ONCE):
                end = min(start + _ROWS_AT_ONCE, n)
                middle = 2 * counts[start + k : end + k]
                ends = counts[start:end] + counts[start + 2 * k : end + 2 * k]
                values[start:end] = _chi_square(middle, ends) / (2 * np.maximum(layout.sizes, 1))
        series = FrameSeries(values, 0, 1, span, len(clip), clip.fps, names)
        # A crop that is held over a lost frame shows no movement, and the next one a jump.
        values[~series.all_found(clip.found)] = np.nan
        return series

    @property
    def can_mirror(self) -> bool:
        """True."""
        return True

    def mirror(self, series: FrameSeries) -> FrameSeries:
        """The rows of the mirrored video, but for the rounding of block edges: sides swapped."""
        across, down = self.grid
        order = np.arange(down * across).reshape(down, across)[:, ::-1].ravel()
        return series.with_values(np.asarray(series.values)[:, order], series.names)

    def _counts(self, frames: NDArray[np.uint8], layout: _Layout) -> NDArray[np.int32]:
        """(T, blocks, 59) pixels of every pattern in every block."""
        left, top, right, bottom = layout.box
        r, n_blocks = self.radius, len(layout.sizes)
        bins = pattern_bins().astype(np.int64)
        counts = np.empty((len(frames), n_blocks, BINS), np.int32)
        for t, frame in enumerate(frames):
            codes = patterns(frame[top - r : bottom + r, left - r : right + r], r)
            where = bins[codes]
            where += layout.block
            counted = np.bincount(where.ravel(), minlength=n_blocks * BINS)
            counts[t] = counted.reshape(n_blocks, BINS)
        return counts


def block_edges(size: int, axis: int, descriptor: LbpDifference) -> NDArray[np.int64]:
    """(n + 1,) edges of the blocks along an axis (0: x, 1: y) in pixels of a crop of that size.

    Those beyond the pixels that have all their neighbours are drawn in.
    """
    inner = MEAN_68[_INNER_EYES[1], 0] - MEAN_68[_INNER_EYES[0], 0]
    spine = MEAN_68[_SPINE]
    drop = spine[1] - MEAN_68[list(_INNER_EYES), 1].mean()
    if axis == 0:
        length = _WIDE * inner * descriptor.enlarge[0]
        start = spine[0] - length / 2
    else:
        length = _HIGH * drop * descriptor.enlarge[1]
        start = spine[1] - _ABOVE * length
    edges = np.rint((start + length * np.linspace(0, 1, descriptor.grid[axis] + 1)) * size)
    return np.clip(edges.astype(np.int64), descriptor.radius, size - descriptor.radius)


def _layout(height: int, width: int, descriptor: LbpDifference) -> _Layout:
    if min(height, width) <= 2 * descriptor.radius:
        raise UsageError(
            f"descriptor lbp_difference: frames of {width} x {height} pixels are too small for "
            f"radius = {descriptor.radius}; raise align.size"
        )
    x, y = block_edges(width, 0, descriptor), block_edges(height, 1, descriptor)
    column = np.repeat(np.arange(len(x) - 1), np.diff(x))
    row = np.repeat(np.arange(len(y) - 1), np.diff(y))
    block = (row[:, None] * (len(x) - 1) + column) * BINS
    sizes = (np.diff(y)[:, None] * np.diff(x)).ravel()
    return _Layout((int(x[0]), int(y[0]), int(x[-1]), int(y[-1])), block, sizes)


def _chi_square(a: NDArray[np.int32], b: NDArray[np.int32]) -> NDArray[np.float64]:
    """Sum over bins (the last axis) of (a - b)^2 / (a + b), where 0 / 0 counts as 0."""
    total = np.maximum(a + b, 1)
    apart = (a - b).astype(np.float64)
    apart *= apart
    apart /= total
    result: NDArray[np.float64] = apart.sum(axis=-1)
    return result


@dataclass(frozen=True)
class LbpChi2(StrongestBlocks):
    """LBP chi-square feature difference contrast (Moilanen et al. 2014, Li et al. 2017).

    On rows of the descriptor ``lbp_difference``. F(i) is the mean of the ``top`` largest block
    distances, C(i) = F(i) - (F(i - k) + F(i + k)) / 2 with k from the middle of a row's window to
    its ends, below 0 as 0. The score is (C - mean) / (maximum - mean) of the recording: a fixed
    threshold tau on it is the publication's T = mean + tau (maximum - mean).

    Parameters
    ----------
    top : int
        Blocks that count, of 36.
    """

    called: ClassVar[str] = "lbp_chi2"

    def score(self, series: FrameSeries, weights: Mapping[str, NDArray[Any]]) -> FrameSeries:
        """Shares of the recording's highest contrast, (n, 1) in [0, 1].

        Raises UsageError for rows of another descriptor.
        """
        check_rows("lbp_chi2", "lbp_difference", "chi2 ", series)
        reach = max(1, round((series.span - 1) // 2 / series.step))
        curve = np.maximum(contrast(strongest(series.values, self.top), reach), 0)
        return series.with_values(share_of_maximum(curve)[:, None], ("score",))
