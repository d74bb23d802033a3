"""The motion that most tracks agree with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mespot.align.compiled import compiled
from mespot.align.crop import Similarity

# Tukey's constant in units of the residuals' spread, and the smallest spread that is believed.
TUKEY = 4.0
LEAST_SPREAD = 0.05
ROUNDS = 4


def robust_similarity(
    source: NDArray, target: NDArray, worth: NDArray
) -> tuple[Similarity, NDArray[np.float64], NDArray[np.float64], float]:
    """Similarity by iteratively re-weighted least squares with Tukey's biweight.

    ``source``, ``target`` (n, 2), ``worth`` (n,) the weights to start with. Gives the similarity,
    the biweights (n,) in [0, 1], how far every point is from it (n,), and the median of that a
    round before.
    """
    weights, residual = np.empty(len(source)), np.empty(len(source))
    w, t, spread = _fit(
        np.asarray(source, np.float64), np.asarray(target, np.float64),
        np.asarray(worth, np.float64), weights, residual,
    )  # fmt: skip
    similarity = np.array([[w.real, -w.imag, t.real], [w.imag, w.real, t.imag]])
    return similarity, weights, residual, spread


@compiled
def _median(values):  # type: ignore[no-untyped-def]
    """The upper median, by insertion: few values, and numba takes seconds to compile its sort."""
    ordered = np.empty_like(values)
    for i in range(len(values)):
        j = i
        while j > 0 and ordered[j - 1] > values[i]:
            ordered[j] = ordered[j - 1]
            j -= 1
        ordered[j] = values[i]
    return ordered[len(values) // 2]


@compiled
def _fit(source, target, worth, weights, residual):  # type: ignore[no-untyped-def]
    """Rotation and scale, and shift, as complex numbers, and the spread."""
    n = len(source)
    # The start is a pure shift by the median: half of the tracks may be wrong.
    wx, wy = 1.0, 0.0
    tx, ty = _median(target[:, 0] - source[:, 0]), _median(target[:, 1] - source[:, 1])
    spread = 0.0
    for turn in range(ROUNDS + 1):
        for i in range(n):
            x = wx * source[i, 0] - wy * source[i, 1] + tx - target[i, 0]
            y = wy * source[i, 0] + wx * source[i, 1] + ty - target[i, 1]
            residual[i] = np.sqrt(x * x + y * y)
        if turn == ROUNDS:
            break
        spread = max(_median(residual), LEAST_SPREAD)
        total, ax, ay, bx, by = 0.0, 0.0, 0.0, 0.0, 0.0
        for i in range(n):
            r = residual[i] / (TUKEY * spread)
            weights[i] = max(1 - r * r, 0.0) ** 2
            share = worth[i] * weights[i]
            total += share
            ax += share * source[i, 0]
            ay += share * source[i, 1]
            bx += share * target[i, 0]
            by += share * target[i, 1]
        ax, ay, bx, by = ax / total, ay / total, bx / total, by / total
        square, px, py = 0.0, 0.0, 0.0
        for i in range(n):
            share = worth[i] * weights[i]
            x, y = source[i, 0] - ax, source[i, 1] - ay
            u, v = target[i, 0] - bx, target[i, 1] - by
            square += share * (x * x + y * y)
            px += share * (x * u + y * v)
            py += share * (x * v - y * u)
        wx, wy = px / square, py / square
        tx, ty = bx - (wx * ax - wy * ay), by - (wx * ay + wy * ax)
    return complex(wx, wy), complex(tx, ty), spread
