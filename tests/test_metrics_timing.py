"""Errors of onset, apex and offset in ms, and what sums them up."""

from __future__ import annotations

import math

import pytest

from mespot import metrics
from mespot.exports._sheet import RecordingRow
from metric_cases import APEX, MEGC, event, recording


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
