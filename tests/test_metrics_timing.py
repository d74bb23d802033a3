"""Errors of onset, apex and offset in ms, and what sums them up."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mespot import metrics
from mespot.sheet import RecordingRow
from metric_cases import APEX, MEGC, at_least, event, events, judged, levels, recording, rules


def test_errors_are_estimated_minus_reference_in_ms():
    recordings = [recording("a", fps=50), recording("b", fps=200)]
    truth = {"a": [event(10, 19, 15), event(50, 59, 55)], "b": [event(100, 139)]}
    spots = {"a": [event(12, 19, 14), event(300, 310, 305)], "b": [event(90, 139, 110)]}
    found = metrics.timing_errors(recordings, truth, spots, MEGC)
    # a: 2 frames of 20 ms late, apex one early; b: 10 frames of 5 ms early, its truth has no apex.
    assert {point: sorted(ms.tolist()) for point, ms in found.items()} == {
        "onset": [-50, 40], "apex": [-20], "offset": [0, 0],
    }  # fmt: skip


def test_kinds_are_matched_apart_and_the_rule_decides_who_is_compared():
    truth = {"a": [event(10, 19), event(10, 19, kind="macro")]}
    spots = {"a": [event(10, 40, 15), event(13, 19, kind="macro")]}
    a = [recording("a", fps=100)]
    assert metrics.timing_errors(a, truth, spots, MEGC)["onset"].tolist() == []
    assert metrics.timing_errors(a, truth, spots, APEX)["offset"].tolist() == [210]
    both = metrics.timing_errors(a, truth, spots, APEX, metrics.OVERALL_KINDS)
    assert both["onset"].tolist() == [0, 30]


def test_without_scores_the_spot_of_larger_iou_is_compared_whatever_the_order():
    truth = [event(10, 19)]
    spots = [event(0, 60, 12), event(10, 19, 14)]
    a = [recording("a", fps=50)]
    for rows in (spots, spots[::-1]):
        found = metrics.timing_errors(a, {"a": truth}, {"a": rows}, APEX)
        assert found["onset"].tolist() == [0]
        assert found["offset"].tolist() == [0]


def test_the_highest_score_is_compared_and_no_peak_below_it_that_fits_better():
    truth = [event(10, 19)]
    spots = [event(12, 21, 15, score=0.9), event(10, 19, 14, score=0.01)]
    a = [recording("a", fps=50)]
    for rule in (APEX, MEGC):
        for rows in (spots, spots[::-1]):
            found = metrics.timing_errors(a, {"a": truth}, {"a": rows}, rule)
            assert found["onset"].tolist() == [40]
    # Of equal scores the larger IoU again.
    level = [replace(spot, score=0.5) for spot in spots]
    for rows in (level, level[::-1]):
        assert metrics.timing_errors(a, {"a": truth}, {"a": rows}, MEGC)["onset"].tolist() == [0]


@given(judged(), rules)
def test_peaks_below_a_threshold_take_no_truth_from_spots_above_it(case, rule):
    """The spots that are compared at a threshold are compared at every lower one."""
    _, truth, spots = case
    for name, found in spots.items():
        pairs = metrics.match_best_first(truth[name], found, rule)
        assert len(pairs) == len(metrics.match(truth[name], found, rule))
        compared = {id(found[j]) for _, j in pairs}
        for level in levels(spots):
            above = at_least({name: found}, level)[name]
            right = metrics.match_best_first(truth[name], above, rule)
            of_all = [e.score for e in found if id(e) in compared and e.score >= level]
            assert sorted(above[j].score for _, j in right) == sorted(of_all)


@given(events(), events(), events(scored=True), rules, st.randoms(use_true_random=False))
def test_no_order_of_the_rows_changes_an_error(truth, plain, scored, rule, random):
    a = [recording("a")]
    for spots in (plain, scored):
        one, other = (
            metrics.timing_errors(a, {"a": t}, {"a": s}, rule, ("micro", "macro"))
            for t, s in ((truth, spots), (random.sample(truth, len(truth)),
                                          random.sample(spots, len(spots))))
        )  # fmt: skip
        for point, ms in one.items():
            assert np.sort(ms).tolist() == np.sort(other[point]).tolist()


def test_best_first_asks_for_scores():
    with pytest.raises(ValueError, match="a spot has no score"):
        metrics.match_best_first([event(1, 2)], [event(1, 2, score=0.1), event(1, 2)], APEX)


def test_a_rate_is_needed_where_there_is_a_pair():
    truth = {"a": [event(10, 19)]}
    with pytest.raises(ValueError, match="recording 'a' has no fps"):
        metrics.timing_errors([RecordingRow("a")], truth, truth, MEGC)
    assert metrics.timing_errors([RecordingRow("a")], truth, {}, MEGC)["onset"].tolist() == []


def test_the_summary():
    truth = {"a": [event(100 * i, 100 * i + 60) for i in range(5)]}
    late = [-1, 1, 2, 3, 15]
    spots = {"a": [event(100 * i + 10 + ms, 100 * i + 60) for i, ms in enumerate(late)]}
    errors = metrics.timing_errors([recording("a", fps=1000)], truth, spots, MEGC)
    # Onsets 9, 11, 12, 13, 25 ms late: median 12, distances from it 3, 1, 0, 1, 13.
    found = metrics.timing_summary(errors)
    assert found["onset"] == {"n": 5, "median": 12, "mad": 1, "bias": 14}
    assert found["offset"] == {"n": 5, "median": 0, "mad": 0, "bias": 0}
    assert found["apex"]["n"] == 0
    assert all(math.isnan(found["apex"][key]) for key in ("median", "mad", "bias"))
