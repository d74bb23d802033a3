"""A series through a network that looks so many rows to either side, piece by piece.

Before the first and after the last row stand copies of that row, so that the network gives a score
at every row. Pieces overlap by what the network looks at, so that together they are the whole.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Network = Callable[[NDArray[np.float32]], NDArray[np.float32]]
# Attention looks at some dozens of rows for each: so many at a time keep that small.
_ROWS_AT_ONCE = 1024
_VALUES_AT_ONCE = 8_000_000


def rows_around(
    rows: Callable[[int, int], NDArray[np.float32]], n: int, start: int, stop: int
) -> NDArray[np.float32]:
    """Rows start … stop - 1 of n > 0 rows; outside 0 … n - 1 the nearest row stands.

    ``rows(a, b)`` gives rows a … b - 1 of those there are.
    """
    low, high = min(max(start, 0), n - 1), max(min(stop, n), 1)
    there = rows(low, high)
    at = np.clip(np.arange(start, stop), low, high - 1) - low
    return there if len(there) == stop - start else there[at]


def whole(
    network: Network,
    rows: Callable[[int, int], NDArray[np.float32]],
    shape: tuple[int, ...],
    reach: int,
) -> NDArray[Any]:
    """The network's output (n, heads) at all n rows, ``shape`` being (n, d); non-finite -> 0.

    ``network`` takes (m + 2 reach, d) rows and gives (m, heads).
    """
    n, d = shape
    at_once = max(1, min(_ROWS_AT_ONCE, _VALUES_AT_ONCE // max(d, 1)))
    parts = []
    for start in range(0, n, at_once):
        stop = min(start + at_once, n)
        parts.append(network(rows_around(rows, n, start - reach, stop + reach)))
    result = np.concatenate(parts) if parts else np.empty((0, 1), np.float32)
    return np.nan_to_num(result, nan=0.0, posinf=0.0, neginf=0.0)
