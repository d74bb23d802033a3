"""A random walk over rows: what one row is thought to be, neighbours that look alike share.

Xia et al. 2016 refine the probabilities of frames by a random walk whose transitions follow from
how alike two frames' deformations are. Steps lead to rows nearby alone, so that the walk takes time
linear in the number of rows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mespot_lab.rivals._learners import pieces

Good = NDArray[np.bool_]


def squares(values: NDArray[np.float32], good: Good, radius: int) -> NDArray[np.float64]:
    """(n, radius) mean squared difference of rows i and i + 1 … i + radius.

    Infinite where one of the two is missing or not ``good``.
    """
    n = len(values)
    result = np.full((n, radius), np.inf)
    for part in pieces(values):
        start, stop = part.start, min(part.stop, n)
        block = np.where(good[start : stop + radius, None], values[start : stop + radius], 0)
        block = block.astype(np.float64)
        for lag in range(1, min(radius, n - 1 - start) + 1):
            m = min(stop - start, len(block) - lag)
            off = ((block[:m] - block[lag : lag + m]) ** 2).mean(axis=1)
            both = good[start : start + m] & good[start + lag : start + lag + m]
            result[start : start + m, lag - 1] = np.where(both, off, np.inf)
    return result


def transitions(distances: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """(n, 2 radius) chance of a step from row i to rows i - radius … i - 1, i + 1 … i + radius.

    In proportion to exp(-d² / 2 sigma²); every row's chances sum to 1, or to 0 where none can be
    reached.
    """
    n, radius = distances.shape
    exponent = np.full((n, 2 * radius), -np.inf)
    scaled = -distances / (2 * sigma**2)
    for lag in range(1, min(radius, n - 1) + 1):
        exponent[:, radius + lag - 1] = scaled[:, lag - 1]
        exponent[lag:, radius - lag] = scaled[: n - lag, lag - 1]
    # Taken off the largest, no row's chances are all too small for a float.
    most = exponent.max(axis=1, initial=-np.inf, keepdims=True)
    chance = np.exp(exponent - np.where(np.isfinite(most), most, 0.0))
    return chance / np.maximum(chance.sum(axis=1, keepdims=True), 1e-300)


def walked(
    own: NDArray[np.float64], chances: NDArray[np.float64], on: float, steps: int
) -> NDArray[np.float64]:
    """(n,) r = (1 - on) own + on P r, repeated ``steps`` times from r = own.

    A walker steps on with chance ``on`` and else takes the value where it stands; a row that
    reaches no other keeps its own value. Values stay between the least and the largest of ``own``.
    """
    n, radius = len(own), chances.shape[1] // 2
    alone = chances.sum(axis=1) == 0
    result = own
    for _ in range(steps):
        around = np.zeros(n)
        for lag in range(1, min(radius, n - 1) + 1):
            around[:-lag] += chances[:-lag, radius + lag - 1] * result[lag:]
            around[lag:] += chances[lag:, radius - lag] * result[:-lag]
        result = np.where(alone, own, (1 - on) * own + on * around)
    return result
