"""Toy recordings with three kinds of movement, for the networks that have a head for each."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from mespot.types import Expression, FrameSeries

LENGTHS = {"micro": 9, "macro": 36, "blink": 4}


def kinds(seed, n=360, d=5):
    """A series and its truth: in the same two columns a movement of any kind; only length tells."""
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 0.2, (n, d))
    truth = []
    for k, kind in enumerate(rng.permutation(["micro", "macro", "blink"] * 2)):
        length = LENGTHS[kind]
        onset = 60 * k + int(rng.integers(4, 60 - length - 4))
        values[onset : onset + length, :2] += 2 * np.sin(np.linspace(0.3, 2.8, length))[:, None]
        truth.append(Expression(onset, onset + length // 2, onset + length - 1, str(kind)))
    return FrameSeries(values.astype(np.float32), 0, 1, 1, n, Fraction(30)), truth
