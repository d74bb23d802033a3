"""Windows of any length out of rows of one span: the rows that tile a window, averaged.

A histogram of a window is the sum of the histograms of its parts. Rows are normalised, so that the
average of equally long parts stands for it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mespot_lab.rivals._learners import pieces
from mespot.scorers.normalise import difference
from mespot.types import Expression, FrameSeries


@dataclass(frozen=True)
class Tiling:
    """Windows of ``length`` frames, one about the middle of every row.

    Attributes
    ----------
    length : int
    offsets : (r,) int64
        The rows, counted from the window's own, whose spans tile it.
    radius : int
        Every row is taken less the mean of the rows within ± radius; 0: as it is.
    """

    length: int
    offsets: NDArray[np.int64]
    radius: int = 0

    def complete(self, n: int) -> NDArray[np.bool_]:
        """(n,) whether all of a window's rows are there."""
        rows = np.arange(n)
        return (rows + self.offsets[0] >= 0) & (rows + self.offsets[-1] < n)

    def begins(self, series: FrameSeries) -> NDArray[np.int64]:
        """(n,) first frame of every window; before 0 where it sticks out."""
        return series.centres - (self.length - 1) // 2

    def row(
        self, values: NDArray[np.float32], good: NDArray[np.bool_], at: int
    ) -> NDArray[np.float64]:
        """(d,) the window about row ``at``: the mean of its rows that are there and ``good``."""
        rows = [r for r in (at + self.offsets).tolist() if 0 <= r < len(values) and good[r]]
        mean = values[rows].mean(axis=0, dtype=np.float64)
        if self.radius:
            for r in rows:
                near = slice(max(r - self.radius, 0), r + self.radius + 1)
                around = values[near][good[near]].mean(axis=0, dtype=np.float64)
                mean -= around / len(rows)
        return np.asarray(mean)

    def decisions(
        self, projected: NDArray[np.float64], good: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """(n,) a linear function of every window from that of every row; NaN where no row is good.

        The average of rows and the difference are linear: a row needs to be looked at only once.
        """
        numbers = np.where(good, projected, np.nan)
        if self.radius:
            numbers = difference(numbers[:, None], self.radius)[:, 0]
        n = len(numbers)
        total, count = np.zeros(n), np.zeros(n)
        for offset in self.offsets.tolist():
            to = slice(max(-offset, 0), max(min(n, n - offset), 0))
            part = numbers[max(offset, 0) : max(n + offset, 0)][: to.stop - to.start]
            here = np.isfinite(part)
            total[to] += np.where(here, part, 0.0)
            count[to] += here
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def tiling(series: FrameSeries, length_s: float, edge: int, difference_s: float = 0.0) -> Tiling:
    """How rows of this series tile windows of ``length_s`` seconds.

    ``edge`` frames at either end of a row are neighbours only and are not counted in it: rows then
    overlap by twice as many, so that every frame between the window's own edges counts once. Where
    the rows do not tile the window evenly they overlap a little more. A window shorter than a row
    is that row.
    """
    fps, span = float(series.fps), series.span
    length = max(1, round(length_s * fps))
    r = max(1, math.ceil((length - 2 * edge) / max(span - 2 * edge, 1) - 1e-9))
    offsets = np.zeros(1, np.int64)
    if r > 1:
        first = (span - 1) // 2 - (length - 1) // 2
        starts = first + np.arange(r) * (length - span) / (r - 1)
        offsets = np.unique(np.rint(starts / series.step).astype(np.int64))
    radius = round(difference_s * fps / series.step) if difference_s > 0 else 0
    return Tiling(length, offsets, radius)


def projected(
    values: NDArray[np.float32], good: NDArray[np.bool_], directions: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(n, S) products of the good rows with (S, d) directions, 0 for the others."""
    result = np.zeros((len(values), len(directions)))
    for rows in pieces(values):
        block = np.where(good[rows, None], values[rows], 0).astype(np.float64)
        result[rows] = block @ directions.T
    return result


def best_iou(
    begins: NDArray[np.int64], length: int, expressions: Sequence[Expression]
) -> NDArray[np.float64]:
    """(n,) each window's largest IoU with an expression, in frames, both ends included."""
    best = np.zeros(len(begins))
    for e in expressions:
        shared = np.minimum(begins + length, e.offset + 1) - np.maximum(begins, e.onset)
        shared = np.maximum(shared, 0)
        best = np.maximum(best, shared / (length + e.n_frames - shared))
    return best
