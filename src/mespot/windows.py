"""Cut a series into M-windows and merge the windows' scores back into one score per row.

The paper slides a window of M positions over the video and predicts M scores in each, so that a
position is scored up to M times. Two rules make one score of them: ``mean`` of all predictions of
a position, and the paper's ``nms``, which keeps every window's peaks and merges the duplicates.

A window begins at every row. A series shorter than M is lengthened by repeating its last row; the
scores of such rows are dropped when merging. A causal network such as the LSTM gives the rows
before them the same scores as a shorter window would.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def n_windows(n: int, window: int) -> int:
    """How many windows cover n rows: 0 for none, 1 for up to M, then one more per row."""
    return 1 + max(0, n - window) if n else 0


def pad(values: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    """The series with its last row repeated up to ``length`` rows; itself if it is long enough."""
    missing = length - len(values)
    if missing <= 0:
        return values
    return np.concatenate([values, np.repeat(values[-1:], missing, axis=0)])


class MeanMerge:
    """Mean of all predictions of a row, fed piece by piece: never all windows are held."""

    def __init__(self, n: int) -> None:
        self._sum = np.zeros(n)
        self._count = np.zeros(n)

    def add(self, windows: NDArray[np.float32], first: int) -> None:
        """Take in windows, (k, window), that start at rows first, first + 1, ..."""
        n = len(self._sum)
        for t in range(windows.shape[1]):
            rows = slice(first + t, first + t + len(windows))
            fits = len(range(*rows.indices(n)))
            self._sum[rows] += windows[:fits, t]
            self._count[rows] += 1

    def result(self) -> NDArray[np.float32]:
        """(n,) float32. Raises ValueError if a row was in no window."""
        if not self._count.all():
            raise ValueError(f"row {int(np.argmin(self._count))} is in no window")
        return (self._sum / self._count).astype(np.float32)


class PeakMerge:
    """The paper's rule ``nms``, fed piece by piece: zero except at peaks.

    A row's value is its largest score over the windows in which it is a peak. A peak is a local
    maximum above 0 inside a window. The window's first and last position are none, since what lies
    beyond them was not seen, unless the recording itself begins or ends there.
    """

    def __init__(self, n: int) -> None:
        self._best = np.zeros(n, np.float32)

    def add(self, windows: NDArray[np.float32], first: int) -> None:
        """Take in windows, (k, window), that start at rows first, first + 1, ..."""
        k, length = windows.shape
        starts = first + np.arange(k)
        # A border on either side of every window lets one pass over the flat array find all peaks:
        # +inf forbids a peak at the edge, -inf (the recording's own end) allows it.
        framed = np.full((k, length + 2), np.inf)
        framed[:, 1:-1] = windows
        framed[starts == 0, 0] = -np.inf
        framed[:, 1:][starts[:, None] + np.arange(length + 1) >= len(self._best)] = -np.inf
        which, where = np.divmod(local_maxima(framed.ravel()), length + 2)
        values = framed[which, where]
        flat = windows.max(axis=1, initial=-np.inf) == windows.min(axis=1, initial=np.inf)
        keep = (values > 0) & np.isfinite(values) & ~flat[which]
        np.maximum.at(self._best, starts[which[keep]] + where[keep] - 1, values[keep])

    def result(self) -> NDArray[np.float32]:
        """(n,) float32."""
        return self._best


def local_maxima(values: NDArray[np.floating]) -> NDArray[np.int64]:
    """Rows higher than both neighbours, (k,) ascending; of a plateau its middle, rounded down.

    Before the first and after the last row everything counts as lower, so that a movement under way
    at the start of a video is found; a series that is constant throughout has no maximum.
    """
    if len(values) == 0:
        return np.empty(0, np.int64)
    begins = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]]))
    ends = np.append(begins[1:], len(values)) - 1
    if len(begins) == 1:
        return np.empty(0, np.int64)
    level = values[begins]
    rises = np.concatenate([[True], level[1:] > level[:-1]])
    falls = np.concatenate([level[:-1] > level[1:], [True]])
    top = rises & falls
    middle: NDArray[np.int64] = (begins[top] + ends[top]) // 2
    return middle


def smooth(
    values: NDArray[np.float64], usable: NDArray[np.bool_], radius: int
) -> NDArray[np.float64]:
    """Mean over ±radius rows that never looks across an unusable row; those stay 0."""
    n = len(values)
    rows = np.arange(n)
    wall = np.flatnonzero(~usable)
    after = np.searchsorted(wall, rows)
    walls = np.concatenate([[-1], wall, [n]])
    low = np.maximum(rows - radius, walls[after] + 1)
    high = np.minimum(rows + radius + 1, np.maximum(walls[after + 1], rows))
    # Sums in fixed point are exact: zeros stay zeros and equal shapes stay equal wherever they lie.
    unit = 2.0 ** (math.frexp(np.abs(values).max(initial=0.0))[1] - 30)
    total = np.concatenate([[0], np.cumsum(np.rint(values / unit).astype(np.int64))])
    mean = (total[high] - total[low]) * unit / np.maximum(high - low, 1)
    return np.where(usable, mean, 0.0)
