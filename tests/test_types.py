"""The values that everything speaks in: what they refuse, what adding, counting, mapping gives."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mespot.types import Counts, Expression, FaceClip, Fold, FrameMap, FrameSeries, Recording


@pytest.mark.parametrize(
    ("onset", "apex", "offset", "part"),
    [
        (-1, None, 5, "before the first frame"),
        (5, None, 4, "before onset"),
        (5, 4, 9, "outside"),
        (5, 10, 9, "outside"),
        (5.0, None, 9, "whole frame number"),
        (True, None, 9, "whole frame number"),
    ],
)
def test_expression_refuses(onset, apex, offset, part):
    with pytest.raises(ValueError, match=part):
        Expression(onset, apex, offset)


def test_expression_length_is_inclusive():
    assert Expression(10, 12, 14).n_frames == 5
    assert Expression(3, None, 3).n_frames == 1


def test_recording_minutes_are_exact():
    recording = Recording("r", "s", Fraction(30000, 1001), 1798)
    assert recording.minutes == pytest.approx(1798 * 1001 / 30000 / 60)
    assert math.isnan(Recording("r", "s", Fraction(25)).minutes)


def test_series_refuses_rows_past_the_end():
    rows = np.zeros((5, 2), np.float32)
    FrameSeries(rows, 0, 1, 4, 8, Fraction(25))
    with pytest.raises(ValueError, match="past the last"):
        FrameSeries(rows, 0, 1, 4, 7, Fraction(25))
    with pytest.raises(ValueError, match="past the last"):
        FrameSeries(rows, 0, 2, 4, 11, Fraction(25))


def test_series_centres_follow_the_paper():
    """The apex of row i is the middle of i ... i + L - 1: i + 4 for L = 9, i + 11 for L = 23."""
    for span, half in ((9, 4), (23, 11), (8, 3)):
        series = FrameSeries(np.zeros((3, 1), np.float32), 2, 5, span, 200, Fraction(25))
        assert series.centres.tolist() == [2 + half, 7 + half, 12 + half]


def test_clip_refuses_unequal_lengths():
    with pytest.raises(ValueError, match="found has 2 entries for 3 frames"):
        FaceClip(
            np.zeros((3, 4, 4), np.uint8),
            np.ones(2, bool),
            np.zeros((3, 5, 2), np.float32),
            np.zeros(3),
            Fraction(25),
        )


def test_fold_refuses_a_subject_on_both_sides():
    with pytest.raises(ValueError, match="subject anna"):
        Fold("f", ("a1",), ("a2",), {"a1": "anna", "a2": "anna"})
    with pytest.raises(ValueError, match="a1 is in train and in test"):
        Fold("f", ("a1",), ("a1",))


counts = st.builds(
    Counts, *[st.integers(0, 50)] * 3, minutes=st.floats(0, 100, allow_subnormal=False)
)


@given(counts, counts)
def test_counts_add_and_f1_is_between_its_parts(a, b):
    total = a + b
    assert (total.tp, total.fp, total.fn) == (a.tp + b.tp, a.fp + b.fp, a.fn + b.fn)
    if total.tp:
        low, high = sorted((total.precision, total.recall))
        assert low - 1e-12 <= total.f1 <= high + 1e-12


def test_rates_of_nothing_are_nan():
    empty = Counts()
    assert math.isnan(empty.f1)
    assert math.isnan(empty.precision)
    assert math.isnan(empty.false_alarms_per_minute)
    assert Counts(0, 3, 0, 1.5).f1 == 0
    assert Counts(0, 3, 0, 1.5).false_alarms_per_minute == 2


@pytest.mark.parametrize(
    ("event", "expected"),
    [((1, 2, 3), (2, 3, 4)), ((0, None, 0), (0, None, 1)), ((2, 9, 9), (3, 5, 5))],
)
def test_truth_is_brought_to_the_grid(event, expected):
    """Grid frames 0 … 5 show file frames 0 0 1 2 3 5; frame 4 is never shown."""
    moved = FrameMap(np.array([0, 0, 1, 2, 3, 5])).to_grid(Expression(*event))
    assert (moved.onset, moved.apex, moved.offset) == expected


def test_truth_after_the_last_frame_stands_on_the_last():
    moved = FrameMap.identity(10).to_grid(Expression(12, 13, 14))
    assert (moved.onset, moved.apex, moved.offset) == (9, 9, 9)
    assert FrameMap.identity(10).to_source(moved) == moved
    assert FrameMap.identity(10).to_grid(Expression(8, None, 14)) == Expression(8, None, 9)


def test_a_map_says_whether_it_changes_anything():
    assert FrameMap.identity(7).is_identity
    assert len(FrameMap.identity(7)) == 7
    assert not FrameMap(np.array([0, 1, 1, 2])).is_identity
    assert not FrameMap(np.array([1, 2, 3])).is_identity


@st.composite
def mapped(draw, least_step):
    """A map whose frames rise by at least ``least_step``, and an expression on its grid."""
    steps = draw(st.lists(st.integers(least_step, 4), min_size=1, max_size=40))
    at = draw(st.integers(0, 5)) + np.cumsum(steps) - steps[0]
    frames = sorted(draw(st.lists(st.integers(0, len(at) - 1), min_size=3, max_size=3)))
    kind = draw(st.sampled_from(["micro", "macro"]))
    apex = draw(st.sampled_from([frames[1], None]))
    attributes = {"au": "4"}
    return FrameMap(at), Expression(frames[0], apex, frames[2], kind, 0.5, attributes)


@given(mapped(1))
def test_the_way_to_the_source_and_back_changes_nothing(case):
    frames, expression = case
    assert frames.to_grid(frames.to_source(expression)) == expression


@given(mapped(0))
def test_frames_that_are_shown_twice_keep_their_place_in_the_source(case):
    """On the grid the expression may grow over the repetitions; in the source it does not."""
    frames, expression = case
    told = frames.to_source(expression)
    again = frames.to_grid(told)
    assert again.onset <= expression.onset
    assert again.offset >= expression.offset
    assert frames.to_source(again) == told


def test_rows_without_a_lost_frame_by_a_slow_loop():
    rng = np.random.default_rng(0)
    for first, step, span in ((0, 1, 1), (2, 3, 4), (1, 5, 2)):
        series = FrameSeries(np.zeros((8, 1), np.float32), first, step, span, 60, Fraction(25))
        found = rng.random(60) < 0.7
        slow = [all(found[first + i * step + k] for k in range(span)) for i in range(8)]
        assert series.all_found(found).tolist() == slow
    with pytest.raises(ValueError, match=r"found must be \(60,\), not \(59,\)"):
        series.all_found(found[1:])
