"""Rows of one rate as rows of another: a network learned at 30 rows a second hears 25 or 200 as 30.

Lengths in seconds (the descriptor's distances) are already those of the video; what remains is how
many rows the network sees per second.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

# Rates of recordings that count as one: 29.97 and 30, not 25 and 30.
SAME_RATE = 0.02


def ratio(wanted: float, given: float) -> float:
    """Wanted rows per given row; exactly 1 where the two rates count as one."""
    return 1.0 if abs(wanted / given - 1) <= SAME_RATE else wanted / given


def resampled(values: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
    """(n, d) rows -> (m, d) rows at ``factor`` times the rate; row j stands at row j / factor.

    Linear between rows; where rows get fewer, each is first averaged over the rows that it stands
    for, so that nothing in between is lost and noise is not picked out.
    """
    n = len(values)
    if factor == 1 or n == 0:
        return values
    m = int((n - 1) * factor) + 1
    at = np.arange(m) / factor
    source = values if factor > 1 else averaged(values, math.ceil((1 / factor - 1) / 2))
    low = np.minimum(at.astype(np.int64), n - 1)
    high = np.minimum(low + 1, n - 1)
    share = (at - low).astype(np.float32)[:, None]
    return (1 - share) * source[low] + share * source[high]


def restored(scores: NDArray[np.float32], n: int, factor: float) -> NDArray[np.float32]:
    """(m,) scores of resampled rows -> (n,) scores of the rows themselves."""
    if factor == 1 or n == 0:
        return scores
    return np.interp(np.arange(n) * factor, np.arange(len(scores)), scores).astype(np.float32)


def averaged(values: NDArray[np.float32], radius: int) -> NDArray[np.float32]:
    """Each row's mean with up to ``radius`` rows to either side."""
    if radius < 1:
        return values
    n = len(values)
    total = np.zeros((n + 1, values.shape[1]))
    np.cumsum(values, axis=0, dtype=np.float64, out=total[1:])
    low = np.maximum(np.arange(n) - radius, 0)
    high = np.minimum(np.arange(n) + radius + 1, n)
    return ((total[high] - total[low]) / (high - low)[:, None]).astype(np.float32)
