"""The tree of all curves: the same figures as the functions give, as JSON takes them."""

from __future__ import annotations

import json
from fractions import Fraction

import pytest
from hypothesis import given, settings

from mespot import metrics
from mespot.types import Recording
from metric_cases import event, judged, recording

RECORDINGS = [recording("a", "s1"), recording("b", "s2")]
TRUTH = {"a": [event(10, 20, 14), event(500, 520, kind="macro")], "b": [event(10, 20)]}
SPOTS = {"a": [event(10, 20, 15, score=0.9), event(700, 710, score=0.25)]}


def test_the_figures_are_those_of_the_functions():
    tree = metrics.evaluate_curves(RECORDINGS, TRUTH, SPOTS, kinds=("overall", "micro"))
    assert list(tree) == ["notes", "apex", "megc", "workload", "roc"]
    assert tree["notes"] == []
    micro = tree["megc"]["micro"]
    assert micro["froc"] == {
        "threshold": [None, 0.9, 0.25], "tp": [0, 1, 1], "fp": [0, 0, 1],
        "recall": [0.0, 0.5, 0.5], "precision": [None, 1.0, 0.5],
        "false_alarms_per_minute": [0.0, 0.0, 0.5],
    }  # fmt: skip
    assert micro["recall_at"] == {"0.1": 0.5, "0.5": 0.5, "1": 0.5, "2": 0.5, "5": 0.5}
    assert micro["average_precision"] == 0.5
    assert micro["best_f1"]["f1"] == pytest.approx(2 / 3)
    assert micro["calibration"]["expected_error"] == pytest.approx((0.1 + 0.25) / 2)
    assert micro["timing_ms"]["apex"] == {
        "n": 1, "median": pytest.approx(100 / 3), "mad": 0, "bias": pytest.approx(100 / 3)
    }  # fmt: skip
    assert tree["megc"]["overall"]["froc"]["recall"] == pytest.approx([0, 1 / 3, 1 / 3])
    watched = tree["workload"]["micro"]
    # 11 frames and a second before (cut at 10 frames) and after, of 3600.
    assert watched["watched_for"] == {
        "0.5": pytest.approx(51 / 3600), "0.7": None, "0.9": None,
    }  # fmt: skip
    assert watched["random_order"] == {"0.5": 0.5, "0.7": 0.7, "0.9": 0.9}
    found = metrics.roc(RECORDINGS, TRUTH, SPOTS)
    assert tree["roc"]["micro"]["auc"] == found.auc()
    assert tree["roc"]["micro"]["auc_of_peaks_alone"] == found.auc("hold") == pytest.approx(0.5)


def test_what_is_missing_is_noted_once_and_the_rest_is_there():
    spots = {"a": [event(10, 20, 15)]}
    tree = metrics.evaluate_curves(RECORDINGS, TRUTH, spots)
    assert len(tree["notes"]) == 1
    assert "has no score" in tree["notes"][0]
    assert tree["apex"]["micro"]["froc"] is None
    assert tree["roc"]["micro"] is tree["workload"]["micro"] is None
    assert tree["apex"]["micro"]["timing_ms"]["onset"]["n"] == 1


def test_scores_that_are_no_probabilities_lose_the_calibration_alone():
    spots = {"a": [event(10, 20, score=9.0), event(30, 40, score=2.0)]}
    tree = metrics.evaluate_curves(RECORDINGS, TRUTH, spots, ("megc",))
    assert tree["notes"] == ["score 9 is no probability: calibration needs scores in [0, 1]"]
    assert tree["megc"]["micro"]["calibration"] is None
    assert tree["megc"]["micro"]["average_precision"] == 0.5


def test_unknown_lengths_and_equal_scores():
    recordings = [Recording("a", "s", Fraction(30))]
    spots = {"a": [event(10, 20, score=0.5), event(30, 40, score=0.5)]}
    tree = metrics.evaluate_curves(recordings, {"a": [event(10, 20)]}, spots, ("megc",))
    assert [note.split(":")[0] for note in tree["notes"]] == [
        "all 2 spots have the score 0.5",
        "recording 'a' has no fps or n_frames",
        "recording 'a' has no fps or n_frames",
    ]
    micro = tree["megc"]["micro"]
    assert (micro["average_precision"], micro["froc"]["recall"]) == (None, [0, 1])
    assert micro["recall_at"]["1"] is None


def test_timing_over_all_peaks_is_that_of_the_highest_not_of_the_one_that_fits_best():
    spots = {"a": [event(13, 20, 15, score=0.9), event(10, 20, 14, score=0.01)]}
    tree = metrics.evaluate_curves([recording("a")], {"a": [event(10, 20)]}, spots)
    for rule in ("apex", "megc"):
        # Three frames late at 30 fps.
        assert tree[rule]["micro"]["timing_ms"]["onset"]["median"] == pytest.approx(100)


def test_unlisted_recordings_are_refused():
    with pytest.raises(ValueError, match="'b' is not among"):
        metrics.evaluate_curves(RECORDINGS[:1], TRUTH, SPOTS)


@settings(max_examples=30)
@given(judged())
def test_any_case_is_json_and_agrees_with_the_counts(case):
    recordings, truth, spots = case
    tree = metrics.evaluate_curves(recordings, truth, spots, kinds=("overall", "micro", "macro"))
    assert json.loads(json.dumps(tree, allow_nan=False)) == tree
    counts = metrics.evaluate(recordings, truth, spots, kinds=("micro", "macro"))
    for protocol, by_kind in counts.items():
        for kind, c in by_kind.items():
            curve = tree[protocol][kind]["froc"]
            assert (curve["tp"][-1], curve["fp"][-1]) == (c.tp, c.fp)
    for kind in ("overall", "micro", "macro"):
        kept = tree["workload"][kind]["kept"]
        assert kept == sorted(kept, key=lambda share: share or 0)


def test_k_goes_through_to_the_rule():
    truth, spots = {"a": [event(0, 9)]}, {"a": [event(5, 14, score=0.5)]}
    for k, tp in ((0.5, 0), (1 / 3, 1)):
        tree = metrics.evaluate_curves(RECORDINGS, truth, spots, ("megc",), k=k)
        assert tree["megc"]["micro"]["froc"]["tp"][-1] == tp
