"""Platt's sigmoid finds the one that made the labels, and never reverses the order of scores."""

from __future__ import annotations

import numpy as np
import pytest

from mespot_lab.rivals import platt


def test_platt_finds_the_sigmoid_that_made_the_labels():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=20000)
    chance = 1 / (1 + np.exp(-(2.5 * scores - 1.5)))
    slope, offset = platt.fit_sigmoid(scores, (rng.random(20000) < chance).astype(float))
    assert (slope, offset) == pytest.approx((2.5, -1.5), abs=0.12)
    mean = platt.applied(scores.astype(np.float32), slope, offset).mean()
    assert mean == pytest.approx(chance.mean(), abs=0.01)


def test_platt_never_turns_the_order_round():
    scores = np.linspace(-1, 1, 100)
    slope, offset = platt.fit_sigmoid(scores, (scores < 0).astype(float))
    assert slope == 0
    assert platt.applied(scores.astype(np.float32), slope, offset) == pytest.approx(0.5)
    # Labels told apart without fault, and scores that are all one.
    slope, offset = platt.fit_sigmoid(scores, (scores > 0).astype(float))
    assert np.isfinite([slope, offset]).all()
    assert slope > 5
    slope, offset = platt.fit_sigmoid(np.ones(10), np.array([1.0] + [0.0] * 9))
    assert platt.applied(np.ones(1, np.float32), slope, offset) == pytest.approx(0.1)
