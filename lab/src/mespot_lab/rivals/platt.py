"""Scores as probabilities: Platt's sigmoid of a·s + b, fitted to soft labels (Platt 1999)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_STEPS = 50
# Keeps the fit finite where labels are separated without error; small against the rows.
_PENALTY = 1e-3


def fit_sigmoid(scores: NDArray[np.floating], labels: NDArray[np.floating]) -> tuple[float, float]:
    """Slope and offset with the least cross-entropy; the slope is never negative.

    ``scores`` (n,), ``labels`` (n,) in [0, 1]. By Newton's method, whose objective is convex; a
    slope that would be negative is 0, so that the map never turns the scores' order round.
    """
    x = np.stack([scores.astype(np.float64), np.ones(len(scores))], 1)
    y = labels.astype(np.float64)
    theta = np.array([0.0, _logit(y.mean())])
    if scores.std() == 0:
        return 0.0, float(theta[1])
    for _ in range(_STEPS):
        p = _sigmoid(x @ theta)
        gradient = x.T @ (p - y) + _PENALTY * theta
        curvature = (x * (p * (1 - p))[:, None]).T @ x + _PENALTY * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        # A full step may overshoot where the sigmoid is flat.
        theta = theta - step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-8:
            break
    return (float(theta[0]), float(theta[1])) if theta[0] > 0 else (0.0, _logit(y.mean()))


def applied(scores: NDArray[np.float32], slope: float, offset: float) -> NDArray[np.float32]:
    """The probability that a score stands for, of the same shape."""
    return _sigmoid(slope * scores.astype(np.float64) + offset).astype(np.float32)


def _sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = 1 / (1 + np.exp(-np.clip(x, -500, 500)))
    return result


def _logit(p: float) -> float:
    p = min(max(float(p), 1e-6), 1 - 1e-6)
    return float(np.log(p / (1 - p)))
