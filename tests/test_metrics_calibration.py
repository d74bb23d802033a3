"""Whether scores are probabilities: hand-worked bins, and scores that are so by construction."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mespot import metrics
from mespot.metrics import Ranked


def ranked(scores, right):
    order = np.argsort(-np.asarray(scores, dtype=float), kind="stable")
    return Ranked(
        np.asarray(scores, dtype=float)[order], np.asarray(right, dtype=bool)[order], 9, 1.0
    )


def test_bins_worked_by_hand():
    found = metrics.reliability(ranked([0.1, 0.2, 0.25, 0.5, 1.0], [0, 1, 0, 1, 1]), bins=4)
    assert found.edges.tolist() == [0, 0.25, 0.5, 0.75, 1]
    # A score on an edge belongs above it, 1 to the last bin.
    assert found.n.tolist() == [2, 1, 1, 1]
    assert found.mean_score == pytest.approx([0.15, 0.25, 0.5, 1])
    assert found.share_right == pytest.approx([0.5, 0, 1, 1])
    assert found.expected_error == pytest.approx((2 * 0.35 + 0.25 + 0.5 + 0) / 5)


def test_an_empty_bin_has_no_share_and_no_part_in_the_error():
    found = metrics.reliability(ranked([0.9, 0.9], [1, 0]), bins=2)
    assert math.isnan(found.share_right[0])
    assert found.expected_error == pytest.approx(0.4)
    assert math.isnan(metrics.reliability(ranked([], [])).expected_error)


def test_scores_that_are_no_probabilities_are_refused():
    for wrong in ([0.5, 1.2], [-0.1, 0.5]):
        with pytest.raises(ValueError, match="is no probability"):
            metrics.reliability(ranked(wrong, [1, 0]))
    with pytest.raises(ValueError, match="bins must be positive"):
        metrics.reliability(ranked([0.5], [1]), bins=0)


def test_scores_that_are_right_as_often_as_they_say():
    rng = np.random.default_rng(0)
    p = rng.random(20000)
    right = rng.random(len(p)) < p
    assert metrics.reliability(ranked(p, right)).expected_error < 0.02
    halved = metrics.reliability(ranked(p / 2, right))
    assert halved.expected_error == pytest.approx(0.25, abs=0.02)


@given(st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=1), st.integers(1, 7))
def test_bins_hold_every_spot_once(spots, bins):
    scores, right = [s / 20 for s, _ in spots], [r for _, r in spots]
    found = metrics.reliability(ranked(scores, right), bins)
    assert found.n.sum() == len(spots)
    filled = found.n > 0
    sums = found.n[filled] @ found.share_right[filled], found.n[filled] @ found.mean_score[filled]
    assert sums == pytest.approx((sum(right), sum(scores)))
    for low, high, mean in zip(found.edges[:-1], found.edges[1:], found.mean_score):
        assert math.isnan(mean) or low - 1e-12 <= mean <= high + 1e-12
    assert 0 <= found.expected_error <= 1
