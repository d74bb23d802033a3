"""Intervals over subjects, and differences of two spotters over the same subjects."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mespot import metrics
from mespot.types import Counts


def test_bootstrap_draws_subjects():
    assert metrics.bootstrap([Counts(3, 1, 2, 1.0)] * 5) == pytest.approx((2 / 3, 2 / 3))
    # Two subjects, recall 1 and 0: a draw of two gives 0, 1/2 or 1, each end with chance 1/4.
    low, high = metrics.bootstrap([Counts(4, 0, 0, 1.0), Counts(0, 0, 4, 1.0)], "recall")
    assert (low, high) == (0.0, 1.0)
    middle = metrics.bootstrap([Counts(4, 0, 0, 1.0), Counts(0, 0, 4, 1.0)], "recall", level=0.4)
    assert middle == (0.5, 0.5)
    assert all(map(math.isnan, metrics.bootstrap([])))
    assert all(map(math.isnan, metrics.bootstrap([Counts()])))


def test_bootstrap_interval_covers_and_narrows():
    rng = np.random.default_rng(1)

    def subjects(n):
        return [Counts(int(t), 10 - int(t), 0, 1.0) for t in rng.binomial(10, 0.6, n)]

    few, many = (
        metrics.bootstrap(subjects(10), "precision"),
        metrics.bootstrap(subjects(200), "precision"),
    )
    assert few[0] < 0.6 < few[1]
    assert many[0] < 0.6 < many[1]
    assert many[1] - many[0] < (few[1] - few[0]) / 2


def test_an_unknown_length_leaves_the_rate_per_minute_open_and_no_other():
    subjects = [Counts(1, 1, 0, math.nan), Counts(1, 1, 0, 1.0)]
    assert all(map(math.isnan, metrics.bootstrap(subjects, "false_alarms_per_minute")))
    assert metrics.bootstrap(subjects, "precision") == (0.5, 0.5)


def test_a_rate_may_be_a_function_and_the_seed_decides():
    subjects = [Counts(k, 3, 1, 1.0) for k in range(8)]
    mine = metrics.bootstrap(subjects, lambda c: c.recall, seed=4)
    assert mine == metrics.bootstrap(subjects, "recall", seed=4)
    assert mine != metrics.bootstrap(subjects, "recall", n=50, seed=5)
    for wrong in ({"level": 1.0}, {"n": 0}):
        with pytest.raises(ValueError, match="level must be"):
            metrics.bootstrap(subjects, **wrong)


def hit(n, of=10):
    return Counts(n, 0, of - n, 1.0)


def test_a_pair_of_opposite_subjects():
    # A finds all of x and none of y, B the reverse. A draw of two subjects is x twice (+1), y twice
    # (-1), or both (0): -1 and +1 are a quarter of the draws each.
    a, b = {"x": hit(10), "y": hit(0)}, {"x": hit(0), "y": hit(10)}
    found = metrics.paired_bootstrap(a, b, "recall", n=4000)
    assert (found.difference, found.low, found.high) == (0.0, -1.0, 1.0)
    for level, gap in ((0.40, 0.0), (0.48, 0.0), (0.52, 1.0), (0.60, 1.0)):
        inner = metrics.paired_bootstrap(a, b, "recall", level=level, n=40000)
        assert (inner.low, inner.high) == (-gap, gap)


def test_the_same_spots_differ_by_nothing():
    a = {str(k): hit(k) for k in range(5)}
    assert metrics.paired_bootstrap(a, dict(reversed(a.items()))) == metrics.Difference(0, 0, 0)


def test_pairing_tells_apart_what_two_intervals_do_not():
    # Subjects from hopeless to easy; A finds one more of ten in each of them.
    b = {str(k): hit(k % 9) for k in range(18)}
    a = {name: hit(c.tp + 1) for name, c in b.items()}
    low_a, _ = metrics.bootstrap(list(a.values()), "recall")
    _, high_b = metrics.bootstrap(list(b.values()), "recall")
    assert low_a < high_b
    found = metrics.paired_bootstrap(a, b, "recall")
    assert [found.difference, found.low, found.high] == pytest.approx([0.1, 0.1, 0.1])
    back = metrics.paired_bootstrap(b, a, "recall")
    assert [back.low, back.high] == pytest.approx([-0.1, -0.1])


def test_draws_without_a_rate_are_left_out_of_a_difference():
    # Only x has truth: drawn without it, recall is 0/0.
    a, b = {"x": hit(3), "y": Counts(0, 1, 0)}, {"x": hit(1), "y": Counts(0, 0, 0)}
    found = metrics.paired_bootstrap(a, b, "recall")
    assert [found.difference, found.low, found.high] == pytest.approx([0.2, 0.2, 0.2])
    nothing = metrics.paired_bootstrap({"y": Counts()}, {"y": Counts()})
    assert all(map(math.isnan, (nothing.difference, nothing.low, nothing.high)))
    assert math.isnan(metrics.paired_bootstrap({}, {}).difference)


def test_subjects_that_only_one_side_has_judged_are_refused():
    with pytest.raises(ValueError, match="subject 'y' stands on one side only"):
        metrics.paired_bootstrap({"x": hit(1), "y": hit(1)}, {"x": hit(1)})
