"""Matching and counts: hand-worked cases, another solver, and properties that must always hold."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from mespot import metrics
from mespot.metrics import Rule
from mespot.types import Counts, Recording
from metric_cases import APEX, MEGC, event, events, recording, rules, tallies


def test_apex_on_either_end_counts_and_one_frame_outside_does_not():
    truth = [event(10, 20)]
    for apex, tp in ((9, 0), (10, 1), (20, 1), (21, 0)):
        assert metrics.count(truth, [event(0, 60, apex)], APEX).tp == tp


def test_spot_without_apex_stands_for_its_middle_frame():
    # Middle of [11, 30] is 20 (rounded down), of [11, 32] it is 21.
    assert metrics.count([event(10, 20)], [event(11, 30)], APEX).tp == 1
    assert metrics.count([event(10, 20)], [event(11, 32)], APEX).tp == 0


def test_apex_of_the_truth_is_not_needed_and_not_looked_at():
    assert metrics.count([event(10, 20, apex=20)], [event(9, 11, 10)], APEX).tp == 1


def test_iou_of_exactly_a_half_counts():
    # [0, 9] and [0, 4] share 5 of 10 frames; [0, 9] and [5, 14] share 5 of 15.
    assert metrics.iou(event(0, 9), event(0, 4)) == 0.5
    assert tallies(metrics.count([event(0, 9)], [event(0, 4)], MEGC)) == (1, 0, 0)
    assert tallies(metrics.count([event(0, 10)], [event(0, 4)], MEGC)) == (0, 1, 1)  # 5 of 11
    assert tallies(metrics.count([event(0, 9)], [event(5, 14)], MEGC)) == (0, 1, 1)
    assert tallies(metrics.count([event(0, 9)], [event(5, 14)], Rule("megc", 1 / 3))) == (1, 0, 0)


def test_touching_intervals_share_nothing_and_inclusive_ends_share_one_frame():
    assert metrics.iou(event(0, 9), event(10, 19)) == 0
    assert metrics.iou(event(0, 9), event(9, 18)) == 1 / 19
    assert metrics.iou(event(7, 7), event(7, 7)) == 1


def test_two_spots_in_one_true_interval_are_one_hit_and_one_false_alarm():
    truth, spots = [event(10, 20)], [event(10, 20, 12), event(10, 20, 18)]
    assert tallies(metrics.count(truth, spots, APEX)) == (1, 1, 0)
    assert tallies(metrics.count(truth, spots, MEGC)) == (1, 1, 0)


def test_one_spot_over_two_adjacent_truths_is_one_hit_and_one_miss():
    truth = [event(10, 19), event(20, 29)]
    assert tallies(metrics.count(truth, [event(10, 29, 19)], APEX)) == (1, 0, 1)
    # The spot's IoU with either is 10 of 20 frames: enough for both, given to one.
    assert tallies(metrics.count(truth, [event(10, 29, 19)], MEGC)) == (1, 0, 1)


def test_a_greedy_choice_is_taken_back_for_the_larger_matching():
    # The first truth admits both spots, the second truth the first spot alone.
    truth, spots = [event(0, 30), event(8, 12)], [event(9, 11, 10), event(20, 22, 21)]
    assert metrics.match(truth, spots, APEX) == [(0, 1), (1, 0)]


def test_among_equal_matchings_the_truth_takes_the_closest_spot():
    assert metrics.match([event(10, 19)], [event(12, 19), event(10, 18), event(10, 17)], MEGC) == [
        (0, 1)
    ]


def test_long_chain_of_augmenting_paths():
    # Truth i admits spots i and i+1, the last truth spot 0 alone: every earlier pair must move.
    n = 1500
    truth = [event(10 * i, 10 * i + 10) for i in range(n)] + [event(0, 0)]
    spots = [event(10 * i, 10 * i, 10 * i) for i in range(n + 1)]
    assert len(metrics.match(truth, spots, APEX)) == n + 1


def test_nothing_against_nothing():
    assert tallies(metrics.count([], [], MEGC)) == (0, 0, 0)
    assert tallies(metrics.count([event(1, 2)], [], APEX)) == (0, 0, 1)
    assert tallies(metrics.count([], [event(1, 2)], APEX)) == (0, 1, 0)


@given(events(), events(), rules)
def test_as_many_pairs_as_the_assignment_solver_finds(truth, spots, rule):
    def admitted(t, s):
        if rule.name == "megc":
            frames_t, frames_s = (
                set(range(t.onset, t.offset + 1)),
                set(range(s.onset, s.offset + 1)),
            )
            return len(frames_t & frames_s) / len(frames_t | frames_s) >= rule.k
        at = s.apex if s.apex is not None else (s.onset + s.offset) // 2
        return t.onset <= at <= t.offset

    allowed = np.array([[admitted(t, s) for s in spots] for t in truth], dtype=float)
    allowed = allowed.reshape(len(truth), len(spots))
    best = allowed[linear_sum_assignment(allowed, maximize=True)].sum()
    pairs = metrics.match(truth, spots, rule)
    assert len(pairs) == best
    assert all(allowed[i, j] for i, j in pairs)
    assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)


@given(events(), events(), events(at_most=1), rules)
def test_one_more_spot_never_lowers_the_hits(truth, spots, more, rule):
    before = metrics.count(truth, spots, rule)
    after = metrics.count(truth, spots + more, rule)
    assert before.tp <= after.tp <= before.tp + len(more)
    assert after.tp + after.fn == len(truth)
    assert after.tp + after.fp == len(spots) + len(more)


@given(events(), events(), st.sampled_from([0.2, 0.5, 1.0]))
def test_swapping_the_sides_swaps_false_alarms_and_misses(a, b, k):
    forth, back = (metrics.count(*sides, Rule("megc", k)) for sides in ((a, b), (b, a)))
    assert tallies(forth) == (back.tp, back.fn, back.fp)


@given(events(), rules)
def test_truth_scored_against_itself_is_perfect(truth, rule):
    assert tallies(metrics.count(truth, truth, rule)) == (len(truth), 0, 0)


@settings(max_examples=50)
@given(st.lists(st.tuples(events(), events()), min_size=1, max_size=4), rules)
def test_counts_add_over_recordings_and_over_kinds(pairs, rule):
    recordings = [recording(str(i)) for i in range(len(pairs))]
    truth = {str(i): pair[0] for i, pair in enumerate(pairs)}
    spots = {str(i): pair[1] for i, pair in enumerate(pairs)}
    rows = metrics.by_recording(recordings, truth, spots, rule, ("micro", "macro"))
    pooled = metrics.pool(rows.values())
    for kind in ("micro", "macro"):
        alone = [
            metrics.count(metrics.of_kind(t, kind), metrics.of_kind(s, kind), rule)
            for t, s in pairs
        ]
        assert tallies(pooled[kind]) == tuple(np.sum([tallies(c) for c in alone], axis=0))
    both = tuple(np.add(tallies(pooled["micro"]), tallies(pooled["macro"])))
    assert tallies(pooled["overall"]) == both
    # Minutes are those of the recordings, once, for every kind.
    assert {c.minutes for c in pooled.values()} == {float(len(pairs))}


def test_silent_subject_and_recording_without_truth_are_counted():
    recordings = [recording("a", "s1"), recording("b", "s2"), recording("c", "s3")]
    truth = {"a": [event(10, 20)], "b": [event(10, 20), event(50, 60)]}
    spots = {"a": [event(10, 20, 15)], "c": [event(i, i + 3, i) for i in range(0, 100, 10)]}
    for found in metrics.evaluate(recordings, truth, spots).values():
        overall = found["overall"]
        assert tallies(overall) == (1, 10, 2)
        assert overall.f1 == pytest.approx(2 / 14)
        assert overall.false_alarms_per_minute == pytest.approx(10 / 3)


def test_recordings_without_any_event_still_give_their_minutes():
    recordings = [recording("a"), recording("b", seconds=180)]
    found = metrics.evaluate(recordings, {}, {"a": [event(1, 2)]}, ("megc",))
    assert found["megc"]["overall"] == Counts(0, 1, 0, 4.0)


def test_a_spot_of_the_wrong_kind_is_a_false_alarm_and_a_miss():
    truth = {"a": [event(10, 20), event(50, 90, kind="macro")]}
    spots = {"a": [event(10, 20), event(50, 90)]}
    found = metrics.evaluate([recording("a")], truth, spots, ("megc",))["megc"]
    assert list(found) == ["overall", "micro", "macro"]
    assert tallies(found["micro"]) == (1, 1, 0)
    assert tallies(found["macro"]) == (0, 0, 1)
    assert tallies(found["overall"]) == (1, 1, 1)


def test_blinks_and_others_stand_apart_from_overall():
    truth = {"a": [event(10, 20, kind="blink"), event(30, 40, kind="other"), event(50, 60)]}
    spots = {"a": [event(10, 20, kind="blink")]}
    found = metrics.evaluate([recording("a")], truth, spots, ("apex",))["apex"]
    assert tallies(found["overall"]) == (0, 0, 1)
    assert tallies(found["blink"]) == (1, 0, 0)
    assert tallies(found["other"]) == (0, 0, 1)


def test_another_k_is_for_megc_alone():
    truth, spots = {"a": [event(0, 9)]}, {"a": [event(5, 14)]}  # IoU 5 of 15, apex 9 of [0, 9]
    for k, tp in ((0.5, 0), (1 / 3, 1), (0.34, 0)):
        found = metrics.evaluate([recording("a")], truth, spots, k=k)
        assert (found["megc"]["micro"].tp, found["apex"]["micro"].tp) == (tp, 1)


def test_unlisted_and_doubly_listed_recordings_are_refused():
    a = recording("a")
    with pytest.raises(ValueError, match="estimated: recording 'b' is not among"):
        metrics.evaluate([a], {}, {"b": [event(1, 2)]})
    with pytest.raises(ValueError, match="'a' is listed twice"):
        metrics.evaluate([a, a], {}, {})
    metrics.validate([a], {"b": []}, {})  # nothing is said of b, so nothing is lost


def test_unknown_length_leaves_the_false_alarms_per_minute_open_and_nothing_else():
    recordings = [recording("a"), Recording("b", "s", Fraction(30))]
    counts = metrics.evaluate(recordings, {}, {"a": [event(1, 2)]}, ("apex",))["apex"]["overall"]
    assert math.isnan(counts.minutes)
    assert metrics.as_dict(counts) == {
        "tp": 0, "fp": 1, "fn": 0, "precision": 0.0, "recall": None, "f1": 0.0,
        "false_alarms_per_minute": None,
    }  # fmt: skip


def test_mean_over_recordings_and_subjects_leaves_out_what_is_undefined():
    recordings = [recording("a", "s1"), recording("b", "s1"), recording("c", "s2"),
                  recording("d", "s3")]  # fmt: skip
    truth = {"a": [event(10, 20)], "b": [event(10, 20)], "c": [event(10, 20)]}
    spots = {"a": [event(10, 20)], "c": [event(10, 20), event(50, 60)]}
    rows = metrics.by_recording(recordings, truth, spots, MEGC)
    # F1 of a, b, c: 1, 0, 2/3; d has none. s1: one hit, one miss = 2/3; s2: 2/3; s3 none.
    assert metrics.mean_over(r["overall"] for r in rows.values()) == pytest.approx(5 / 9)
    subjects = metrics.by_subject(recordings, rows)
    assert list(subjects) == ["s1", "s2", "s3"]
    assert metrics.mean_over(s["overall"] for s in subjects.values()) == pytest.approx(2 / 3)
    assert math.isnan(metrics.mean_over([Counts()]))


def test_rule_refuses_what_it_cannot_mean():
    with pytest.raises(ValueError, match="'iou' is none of apex, megc"):
        Rule("iou")
    for k in (0, -0.1, 1.01, math.nan):
        with pytest.raises(ValueError, match="k must be"):
            Rule("megc", k)
