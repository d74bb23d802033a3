"""The ROC in frames of Li et al. 2017: hand-worked rates, and frame by frame."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings

from mespot import metrics
from mespot.types import Recording
from metric_cases import event, judged, levels


def at_25(n_frames):
    return [Recording("a", "s", Fraction(25), n_frames)]


def peak(frame, score):
    return event(frame, frame, frame, score=score)


def test_the_window_is_the_nearest_odd_number_of_frames():
    assert [metrics.odd_window(0.35, fps) for fps in (25, 30, 60, 100, 200)] == [9, 11, 21, 35, 69]
    assert [metrics.odd_window(1.0, fps) for fps in (9, 10, 10.1, 11, 12)] == [9, 9, 11, 11, 11]
    assert [metrics.odd_window(s, 25) for s in (0.0, 0.01)] == [1, 1]


def test_rates_worked_by_hand():
    # N = 9: a spot may be 2 frames outside. 30 frames of truth (10 and 20) out of 120.
    truth = {"a": [event(10, 19), event(60, 79)]}
    spots = {"a": [peak(21, 0.9), peak(22, 0.7), peak(58, 0.5), peak(57, 0.5), peak(12, 0.3)]}
    found = metrics.roc(at_25(120), truth, spots)
    # 21 is 2 after 19: right; 22 is 3 after: 9 false frames of 90; 58 right, 57 wrong; 12 again.
    assert found.thresholds.tolist() == [math.inf, 0.9, 0.7, 0.5]
    assert found.tpr == pytest.approx([0, 10 / 30, 10 / 30, 1])
    assert found.fpr == pytest.approx([0, 0, 9 / 90, 18 / 90])
    # Trapezia: 0.1 x 1/3, 0.1 x 2/3, then 0.8 at 1.
    assert found.auc() == pytest.approx(0.1 / 3 + 0.1 * 2 / 3 + 0.8)


def test_a_quarter_that_is_no_whole_frame_is_not_rounded():
    # N = 11: (N - 1) / 4 = 2.5, so 2 frames are in and 3 are out.
    truth = {"a": [event(50, 59)]}
    for frame, tpr in ((47, 0), (48, 1), (61, 1), (62, 0)):
        found = metrics.roc(at_25(100), truth, {"a": [peak(frame, 0.5)]}, window_s=0.44)
        assert found.tpr[-1] == tpr, frame


def test_where_peaks_run_out_the_curve_goes_on_to_the_corner_or_stays():
    truth = {"a": [event(10, 19), event(60, 69)]}
    found = metrics.roc(at_25(110), truth, {"a": [peak(12, 0.9), peak(40, 0.5)]})
    assert (found.tpr.tolist(), found.fpr.tolist()) == ([0, 0.5, 0.5], [0, 0, 0.1])
    assert found.auc() == pytest.approx(0.1 * 0.5 + 0.9 * 0.75)
    assert found.auc("hold") == pytest.approx(0.5)
    nothing = metrics.roc(at_25(110), truth, {})
    assert (nothing.auc(), nothing.auc("hold")) == (0.5, 0)


def test_more_false_frames_than_there_are_stop_at_one():
    truth = {"a": [event(10, 19)]}
    spots = {"a": [peak(30 + i, 0.1 * i) for i in range(9)]}
    assert metrics.roc(at_25(50), truth, spots).fpr.max() == 1


def test_kinds_and_unknown_lengths():
    truth = {"a": [event(10, 19), event(40, 59, kind="macro")]}
    spots = {"a": [peak(12, 0.9)]}
    assert metrics.roc(at_25(100), truth, spots).tpr[-1] == 1
    both = metrics.roc(at_25(100), truth, spots, kinds=metrics.OVERALL_KINDS)
    assert both.tpr[-1] == pytest.approx(1 / 3)
    # A micro-expression on the macro-expression is wrong: 9 frames of the 70 of no truth.
    crossed = metrics.roc(at_25(100), truth, {"a": [peak(50, 0.9)]}, kinds=metrics.OVERALL_KINDS)
    assert (crossed.tpr[-1], crossed.fpr[-1]) == (0, pytest.approx(9 / 70))
    assert np.isnan(metrics.roc(at_25(100), {}, spots).tpr).all()
    with pytest.raises(ValueError, match="recording 'a' has no fps or n_frames"):
        metrics.roc(at_25(None), truth, spots)
    with pytest.raises(ValueError, match="has no score"):
        metrics.roc(at_25(100), truth, {"a": [event(1, 2)]})


def test_truth_beyond_the_last_frame_takes_no_frames_from_those_of_no_truth():
    truth = {"a": [event(10, 19), event(95, 299)]}
    found = metrics.roc(at_25(100), truth, {"a": [peak(50, 0.9)]})
    assert found.fpr[-1] == pytest.approx(9 / 85)


@settings(max_examples=60)
@given(judged(kinds=("micro",)))
def test_every_threshold_frame_by_frame(case):
    recordings, truth, spots = case
    found = metrics.roc(recordings, truth, spots)
    assert (np.diff(found.fpr) >= 0).all()
    all_levels = [math.inf, *levels(spots)]
    # A score that changes neither rate (a second spot on a truth) needs no row of its own.
    assert set(found.thresholds) <= set(all_levels)
    for threshold in all_levels:
        met = wrong = n_true = n_other = 0
        for r in recordings:
            n = metrics.odd_window(0.35, float(r.fps))
            kept = [e for e in spots[r.id] if e.score >= threshold]
            near = [
                {f / 4 for f in range(4 * t.onset - n + 1, 4 * t.offset + n)} for t in truth[r.id]
            ]
            frames = {f for t in truth[r.id] for f in range(t.onset, t.offset + 1)}
            n_true += sum(t.n_frames for t in truth[r.id])
            n_other += sum(f not in frames for f in range(r.n_frames))
            for t, around in zip(truth[r.id], near):
                met += t.n_frames * any(e.apex_or_middle in around for e in kept)
            for e in kept:
                wrong += n * (not any(e.apex_or_middle in around for around in near))
        row = np.flatnonzero(found.thresholds >= threshold)[-1]
        if n_true:
            assert found.tpr[row] == pytest.approx(met / n_true)
        if n_other:
            assert found.fpr[row] == pytest.approx(min(1, wrong / n_other))
