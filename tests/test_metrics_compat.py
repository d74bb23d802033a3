"""The faults of other scorers, each on the example that docs/metrics.md tells."""

from __future__ import annotations

import pytest
from hypothesis import given

from mespot import metrics
from mespot.metrics.compat import constant_ap, duplicates, mdmd, mdmd_iou, strs
from metric_cases import event, judged, recording


def ours(recordings, truth, spots, k=0.5):
    return metrics.evaluate(recordings, truth, spots, ("megc",), ("micro",), k)["megc"]["micro"]


def counts(figures):
    return figures["tp"], figures["fp"], figures["fn"]


def test_strs_does_not_see_a_silent_subject():
    recordings = [recording("a", "s1"), recording("b", "s2")]
    truth = {"a": [event(10, 20), event(50, 60)], "b": [event(10, 20)]}
    spots = {"a": [event(10, 20), event(50, 60)]}
    found = strs(recordings, truth, spots)
    assert (counts(found), found["f1"]) == ((2, 0, 0), 1.0)
    assert ours(recordings, truth, spots).f1 == pytest.approx(0.8)


def test_strs_does_not_see_false_alarms_on_a_recording_without_truth():
    recordings = [recording("a", "s1"), recording("c", "s1")]
    truth = {"a": [event(10, 20)]}
    spots = {"a": [event(10, 20)], "c": [event(i, i + 5) for i in range(0, 100, 10)]}
    assert strs(recordings, truth, spots) == strs(recordings, truth, {"a": spots["a"]})
    assert strs(recordings, truth, spots)["f1"] == 1.0
    assert ours(recordings, truth, spots).f1 == pytest.approx(2 / 12)
    # A silent recording of a subject with spots elsewhere is looked at.
    quiet = strs(recordings, {**truth, "c": [event(300, 310)]}, {"a": spots["a"]})
    assert counts(quiet) == (1, 0, 1)


def test_strs_counts_pairs():
    a = [recording("a", "s1")]
    adjacent = {"a": [event(10, 19), event(20, 29)]}
    assert counts(strs(a, adjacent, {"a": [event(10, 29)]})) == (2, 0, 0)
    assert ours(a, adjacent, {"a": [event(10, 29)]}).f1 == pytest.approx(2 / 3)
    twice = strs(a, {"a": [event(10, 19), event(50, 59)]}, {"a": [event(10, 19)] * 3})
    assert counts(twice) == (3, 0, 1)


def test_strs_prints_mean_precision_as_uar():
    a = [recording("a", "s1")]
    truth = {"a": [event(10, 19, emotion="happy"), event(50, 59, emotion="sad")]}
    spots = {"a": [event(10, 19, emotion="happy"), event(50, 59, emotion="happy")]}
    # Recall is 1 of the happy and 0 of the sad: a mean of 1/2. Precision is 1/2 and 0.
    assert strs(a, truth, spots)["uar"] == 0.25
    assert "uar" not in strs(a, truth, {"a": [event(10, 19)]})


def test_strs_needs_subjects():
    with pytest.raises(ValueError, match="recording 'a' has no subject"):
        strs([recording("a", "")], {}, {})


def test_mdmd_lets_disjoint_intervals_share_a_frame():
    apart = event(10, 11), event(500, 501)
    assert metrics.iou(*apart) == 0
    assert mdmd_iou(*apart) == 1 / 3
    assert mdmd_iou(event(10, 19), event(20, 29)) == 1 / 19
    # Where they do overlap, it is right; a single frame overlaps with nothing, not even itself.
    assert mdmd_iou(event(10, 19), event(15, 24)) == metrics.iou(event(10, 19), event(15, 24))
    assert mdmd_iou(event(10, 10), event(10, 10)) == 0
    a, truth, spots = [recording("a")], {"a": [apart[0]]}, {"a": [apart[1]]}
    assert counts(mdmd(a, truth, spots, k=1 / 3)) == (1, 0, 0)
    assert ours(a, truth, spots, k=1 / 3).tp == 0
    assert counts(mdmd(a, truth, spots)) == (0, 1, 1)


def test_mdmd_may_find_more_than_it_spots():
    a, truth, spots = (
        [recording("a")],
        {"a": [event(10, 19), event(20, 29)]},
        {"a": [event(10, 29)]},
    )
    found = mdmd(a, truth, spots)
    assert counts(found) == (2, -1, 0)
    assert (found["precision"], found["f1"]) == (2.0, pytest.approx(4 / 3))
    # Duplicates it counts as we do.
    assert counts(mdmd(a, truth, {"a": [event(10, 19)] * 3})) == (1, 2, 1)


def test_duplicates_are_right_each_time():
    a, truth = [recording("a")], {"a": [event(10, 19), event(50, 59)]}
    spots = {"a": [event(10, 19), event(10, 18), event(11, 19)]}
    found = duplicates(a, truth, spots)
    assert (counts(found), found["f1"]) == ((3, 0, 1), pytest.approx(6 / 7))
    assert ours(a, truth, spots).f1 == pytest.approx(0.4)


def test_exactly_half_is_not_enough_for_duplicates():
    a, truth, spots = [recording("a")], {"a": [event(0, 9)]}, {"a": [event(0, 4)]}
    assert counts(duplicates(a, truth, spots)) == (0, 1, 1)
    assert counts(duplicates(a, truth, spots, k=0.49)) == (1, 0, 0)
    assert ours(a, truth, spots).tp == 1


def test_ap_of_constant_confidences_is_the_order_of_the_rows():
    a, truth = [recording("a")], {"a": [event(10, 19), event(50, 59)]}
    right = [event(10, 19, score=0.9), event(50, 59, score=0.8)]
    wrong = [event(200, 209, score=0.2), event(300, 309, score=0.1)]
    assert constant_ap(a, truth, {"a": right + wrong})["ap"] == pytest.approx(1)
    assert constant_ap(a, truth, {"a": wrong + right})["ap"] == pytest.approx(1 / 2)
    for order in (right + wrong, wrong + right):
        ranked = metrics.rank(a, truth, {"a": order}, metrics.Rule("megc"))
        assert metrics.average_precision(ranked) == 1


def test_ap_is_a_mean_over_ten_ious_with_one_truth_each():
    a, truth = [recording("a")], {"a": [event(0, 99)]}
    # IoU 0.72 passes 0.5 to 0.7, five of ten; the copy after it costs nothing, before it half.
    assert constant_ap(a, truth, {"a": [event(0, 71)]})["ap"] == pytest.approx(0.5)
    assert constant_ap(a, truth, {"a": [event(0, 71)] * 2})["ap"] == pytest.approx(0.5)
    behind = constant_ap(a, truth, {"a": [event(500, 600), event(0, 71)]})
    assert behind["ap"] == pytest.approx(0.25)
    assert constant_ap(a, truth, {})["ap"] == 0
    assert constant_ap(a, {}, truth)["ap"] == 0


@given(judged(kinds=("micro",)))
def test_without_the_cases_that_go_wrong_all_agree(case):
    recordings, truth, spots = case
    # Events far apart, each recording with a truth and a spot of another length.
    truth = {n: [event(8 * i, 8 * i + 4) for i in range(1 + len(e))] for n, e in truth.items()}
    spots = {
        n: [event(8 * i, 8 * i + 3 + i % 2) for i in range(1 + len(e))] for n, e in spots.items()
    }
    right = ours(recordings, truth, spots)
    for scorer in (strs, mdmd, duplicates):
        found = scorer(recordings, truth, spots)
        assert counts(found) == (right.tp, right.fp, right.fn)
        assert found["f1"] == pytest.approx(right.f1)


def test_every_mode_is_named_with_its_faults_and_refuses_what_is_not_listed():
    assert list(metrics.COMPAT) == list(metrics.FAULTS)
    for scorer in metrics.COMPAT.values():
        with pytest.raises(ValueError, match="'b' is not among"):
            scorer([recording("a")], {}, {"b": [event(1, 2)]})
