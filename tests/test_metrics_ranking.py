"""All thresholds at once: hand-worked curves, and the same counts as one threshold at a time."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings

from mespot import metrics
from mespot.types import Counts, Recording
from metric_cases import APEX, MEGC, at_least, event, events, judged, levels, recording, rules

# 2 minutes; truths 10-20, 50-60 of a and 10-20 of b.
RECORDINGS = [recording("a", "s1"), recording("b", "s2")]
TRUTH = {"a": [event(10, 20), event(50, 60)], "b": [event(10, 20)]}
SPOTS = {
    "a": [event(50, 60, score=0.9), event(10, 20, score=0.4), event(11, 20, score=0.5)],
    "b": [event(100, 110, score=0.7), event(200, 210, score=0.7), event(10, 20, score=0.2)],
}
# Down the scores: .9 right, .7 twice wrong, .5 right, .4 a second spot on the same truth, .2 right.


def test_a_curve_worked_by_hand():
    ranked = metrics.rank(RECORDINGS, TRUTH, SPOTS, MEGC)
    assert ranked.scores.tolist() == [0.9, 0.7, 0.7, 0.5, 0.4, 0.2]
    assert ranked.right.tolist() == [True, False, False, True, False, True]
    assert (ranked.n_truth, ranked.minutes) == (3, 2.0)
    curve = metrics.froc(ranked)
    assert curve.thresholds.tolist() == [math.inf, 0.9, 0.7, 0.5, 0.4, 0.2]
    assert curve.tp.tolist() == [0, 1, 1, 2, 2, 3]
    assert curve.fp.tolist() == [0, 0, 2, 2, 3, 3]
    assert curve.recall == pytest.approx([0, 1 / 3, 1 / 3, 2 / 3, 2 / 3, 1])
    assert curve.false_alarms_per_minute.tolist() == [0, 0, 1, 1, 1.5, 1.5]
    assert math.isnan(curve.precision[0])
    assert curve.precision[1:] == pytest.approx([1, 1 / 3, 1 / 2, 2 / 5, 1 / 2])
    assert curve.counts(3) == Counts(2, 2, 1, 2.0)


def test_recall_at_given_rates_is_a_step():
    curve = metrics.froc(metrics.rank(RECORDINGS, TRUTH, SPOTS, MEGC))
    assert curve.recall_at([0, 0.99, 1, 1.49, 1.5, 100]) == pytest.approx(
        [1 / 3, 1 / 3, 2 / 3, 2 / 3, 1, 1]
    )
    # 3 false alarms in 10 minutes are 0.3 per minute.
    long = [recording("a", seconds=600)]
    spots = {"a": [event(100 * i, 100 * i + 5, score=0.9 - i / 10) for i in range(1, 5)]}
    spots["a"].append(event(10, 20, score=0.59))  # after the third false alarm
    curve = metrics.froc(metrics.rank(long, {"a": [event(10, 20)]}, spots, APEX))
    assert curve.recall_at([0.3, 0.29]) == [1.0, 0.0]


def test_average_precision_worked_by_hand():
    # Recall rises by a third at precision 1, 1/2 and 1/2.
    ranked = metrics.rank(RECORDINGS, TRUTH, SPOTS, MEGC)
    assert metrics.average_precision(ranked) == pytest.approx((1 + 1 / 2 + 1 / 2) / 3)


def test_average_precision_refuses_scores_that_rank_nothing():
    spots = {"a": [event(10, 20, score=0.5), event(80, 90, score=0.5)]}
    with pytest.raises(ValueError, match=r"all 2 spots have the score 0\.5: .* needs scores"):
        metrics.average_precision(metrics.rank(RECORDINGS, TRUTH, spots, MEGC))
    one = {"a": [event(10, 20, score=0.5)]}
    assert metrics.average_precision(metrics.rank(RECORDINGS, TRUTH, one, MEGC)) == 1 / 3


def test_the_best_f1_is_found_with_its_threshold():
    # F1 down the scores: 2/4, 2/6, 4/7, 4/8, 6/9.
    curve = metrics.froc(metrics.rank(RECORDINGS, TRUTH, SPOTS, MEGC))
    assert metrics.best_f1(curve) == (pytest.approx(2 / 3), 0.2)
    without = {"a": SPOTS["a"], "b": SPOTS["b"][:2]}
    curve = metrics.froc(metrics.rank(RECORDINGS, TRUTH, without, MEGC))
    assert metrics.best_f1(curve) == (pytest.approx(4 / 7), 0.5)


def test_nothing_found_and_nothing_to_find():
    curve = metrics.froc(metrics.rank(RECORDINGS, TRUTH, {}, MEGC))
    assert (curve.tp.tolist(), curve.recall.tolist(), curve.recall_at([1.0])) == ([0], [0], [0])
    assert metrics.average_precision(metrics.rank(RECORDINGS, TRUTH, {}, MEGC)) == 0
    ranked = metrics.rank(RECORDINGS, {}, SPOTS, MEGC)
    assert math.isnan(metrics.average_precision(ranked))
    assert np.isnan(metrics.froc(ranked).recall).all()
    assert metrics.best_f1(metrics.froc(ranked)) == (0.0, 0.9)
    assert all(map(math.isnan, metrics.best_f1(metrics.froc(metrics.rank([], {}, {}, MEGC)))))


def test_unknown_length_leaves_the_rates_open():
    recordings = [recording("a"), Recording("b", "s", Fraction(30))]
    curve = metrics.froc(metrics.rank(recordings, TRUTH, SPOTS, MEGC))
    assert np.isnan(curve.false_alarms_per_minute).all()
    assert all(map(math.isnan, curve.recall_at([1.0])))
    assert curve.recall[-1] == 1
    empty = metrics.froc(metrics.rank([Recording("a", "s", Fraction(30), 0)], {}, {}, MEGC))
    assert np.isnan(replace(empty, fp=np.array([1])).false_alarms_per_minute).all()


def test_a_spot_without_a_score_is_refused():
    with pytest.raises(ValueError, match="recording 'a': the spot at frames 1 to 5 has no score"):
        metrics.rank(RECORDINGS, TRUTH, {"a": [event(1, 5)]}, MEGC)
    # Of another kind, it is not asked.
    spots = {"a": [event(1, 5, kind="macro")]}
    assert len(metrics.rank(RECORDINGS, TRUTH, spots, MEGC).scores) == 0
    with pytest.raises(ValueError, match="'c' is not among"):
        metrics.rank(RECORDINGS, TRUTH, {"c": [event(1, 5, score=1.0)]}, MEGC)


@given(events(), events(), rules)
def test_every_beginning_of_the_list_has_as_many_hits_as_it_would_alone(truth, spots, rule):
    marks = metrics.hits(truth, spots, rule)
    for j in range(len(spots) + 1):
        assert marks[:j].sum() == metrics.count(truth, spots[:j], rule).tp


def test_a_later_spot_may_push_an_earlier_one_to_another_truth():
    # The first spot suits both truths, the second only the first truth.
    truth, spots = [event(0, 10), event(8, 20)], [event(8, 10, 9), event(0, 4, 2)]
    assert metrics.hits(truth, spots, APEX).tolist() == [True, True]
    assert metrics.hits(truth, spots[::-1], APEX).tolist() == [True, True]
    assert metrics.hits(truth, [*spots, event(1, 3, 2)], APEX).tolist() == [True, True, False]


@settings(max_examples=60)
@given(judged(), rules)
def test_every_row_is_what_counting_at_that_threshold_gives(case, rule):
    recordings, truth, spots = case
    for kinds in (("micro",), metrics.OVERALL_KINDS):
        curve = metrics.froc(metrics.rank(recordings, truth, spots, rule, kinds))
        assert curve.thresholds.tolist()[1:] == levels(
            {n: [e for e in found if e.kind in kinds] for n, found in spots.items()}
        )
        for row, threshold in enumerate(curve.thresholds):
            kept = at_least(spots, threshold)
            rows = metrics.by_recording(recordings, truth, kept, rule, ("micro",))
            alone = metrics.pool(rows.values())["micro" if kinds == ("micro",) else "overall"]
            assert curve.counts(row) == alone
        assert (np.diff(curve.recall) >= 0).all() or curve.n_truth == 0
        assert (np.diff(curve.false_alarms_per_minute) >= 0).all()
        assert (np.diff(curve.tp + curve.fp) > 0).all()


@settings(max_examples=60)
@given(judged(kinds=("micro",)), rules)
def test_average_precision_is_the_sum_over_thresholds(case, rule):
    recordings, truth, spots = case
    ranked = metrics.rank(recordings, truth, spots, rule)
    if not ranked.n_truth or (len(ranked.scores) > 1 and len(set(ranked.scores)) == 1):
        return
    total, before = 0.0, 0.0
    for threshold in levels(spots):
        kept = at_least(spots, threshold)
        found = metrics.evaluate(recordings, truth, kept, (rule.name,), ("micro",), rule.k)
        counts = found[rule.name]["micro"]
        total += (counts.recall - before) * counts.precision
        before = counts.recall
    value = metrics.average_precision(ranked)
    assert value == pytest.approx(total)
    assert -1e-12 <= value <= metrics.froc(ranked).recall[-1] + 1e-12
