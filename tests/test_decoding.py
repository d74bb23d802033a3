"""Decoding by hand, and what must hold of every curve."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mespot.decoding import Decode, candidates, decode, prepared
from mespot.errors import UsageError
from mespot.scorers.oracle import Oracle
from mespot.types import Expression, FrameSeries

FIXED = Decode(threshold=0.5, nms_s=0.0)


def curve(values, span=1, fps=10, first=0, step=1):
    """A score curve; at 10 frames per second 0.1 s is a frame."""
    values = np.asarray(values, np.float32)[:, None]
    n_frames = first + max(len(values) - 1, 0) * step + span
    return FrameSeries(values, first, step, span, n_frames, Fraction(fps))


def spans(spots):
    return [(s.onset, s.apex, s.offset) for s in spots]


def test_width_rule_by_hand():
    # Peaks 1.0 at row 3 (rows 2-5 hold at least 0.5) and 0.6 at row 8 (rows 7-8 at least 0.3).
    spots = decode(curve([0, 0.4, 0.7, 1, 0.9, 0.5, 0.2, 0.3, 0.6, 0.1]), FIXED)
    assert spans(spots) == [(2, 3, 5), (7, 8, 8)]
    assert [s.score for s in spots] == pytest.approx([1, 0.6])
    assert {s.kind for s in spots} == {"micro"}


def test_the_flank_of_a_higher_peak_is_not_part_of_a_lower_ones_interval():
    # 0.9 takes row 5 alone (at least 0.45); the 0.3 has rows of at least 0.15, but not the 0.4.
    spots = decode(curve([0, 0.2, 0.3, 0.25, 0.4, 0.9, 0.4, 0]), replace(FIXED, threshold=0.05))
    assert spans(spots) == [(1, 2, 3), (5, 5, 5)]


def test_apex_and_interval_stand_on_the_rows_middle_frames():
    # Paper: the apex of position i* is frame (i* + (i* + L)) / 2; L = 9, so 4 frames on.
    spots = decode(curve([0, 0.2, 0.6, 1, 0.6, 0.2, 0], span=9), FIXED)
    assert spans(spots) == [(6, 7, 8)]
    shifted = decode(curve([0, 0.2, 0.6, 1, 0.6, 0.2, 0], span=9, first=20, step=3), FIXED)
    assert spans(shifted) == [(20 + 6 + 4, 20 + 9 + 4, 20 + 12 + 4)]


def test_span_rule_is_the_peak_rows_own_frames():
    config = replace(FIXED, interval="span")
    assert spans(decode(curve([0, 0, 0, 1, 0, 0], span=9), config)) == [(3, 7, 11)]


def test_plateau_counts_once_in_its_middle():
    assert spans(decode(curve([0, 1, 1, 1, 1, 0]), FIXED)) == [(1, 2, 4)]


def test_movement_under_way_at_either_end_is_found():
    assert spans(decode(curve([1, 0.8, 0.1, 0, 0.7, 0.9]), FIXED)) == [(0, 0, 1), (4, 5, 5)]


def test_lower_peak_nearer_than_nms_goes():
    values = [0, 1, 0, 0.8, 0, 0, 0.7, 0]
    assert [s.apex for s in decode(curve(values), FIXED)] == [1, 3, 6]
    # 0.3 s is three frames: the peak two frames off goes, the one five off stays.
    assert [s.apex for s in decode(curve(values), replace(FIXED, nms_s=0.3))] == [1, 6]
    # Exactly nms_s apart is far enough.
    assert [s.apex for s in decode(curve(values), replace(FIXED, nms_s=0.2))] == [1, 3, 6]
    # A peak that went itself keeps no other away: 0.7 is 3 from 0.8 but 5 from the 1.
    assert [s.apex for s in decode(curve(values), replace(FIXED, nms_s=0.4))] == [1, 6]


def test_peak_inside_a_higher_ones_interval_belongs_to_it():
    # 0.9 lies within the frames at or above half of 1.0.
    assert spans(decode(curve([0, 1, 0.7, 0.9, 0.6, 0]), FIXED)) == [(1, 1, 4)]
    # Below the level between them they are two, and the lower takes only what is free.
    two = decode(curve([0, 1, 0.6, 0.45, 0.8, 0.2]), FIXED)
    assert spans(two) == [(1, 1, 2), (3, 4, 4)]


def test_overlapping_spans_are_cut_for_the_lower_peak():
    config = replace(FIXED, interval="span")
    # Spans of 5: rows 2 and 5 cover 2-6 and 5-9; the higher has its own, the other the rest.
    assert spans(decode(curve([0, 0, 0.8, 0, 0, 1, 0], span=5), config)) == [(2, 4, 4), (5, 7, 9)]
    # Rows 4 and 5: the lower apex, 6, lies inside 5-9.
    assert spans(decode(curve([0, 0, 0, 0.8, 0, 1, 0], span=5), config)) == [(5, 7, 9)]


def test_duration_bounds_drop():
    values = [0, 1, 0, 0, 0.8, 0.9, 0.7, 0, 0.6, 0.6, 0.6, 0.6, 0.6, 0]
    assert [s.n_frames for s in decode(curve(values), FIXED)] == [1, 3, 5]
    bounded = replace(FIXED, min_s=0.2, max_s=0.4)
    assert spans(decode(curve(values), bounded)) == [(4, 5, 6)]
    # A length of exactly the bound stays.
    exact = replace(FIXED, min_s=0.3, max_s=0.3)
    assert spans(decode(curve(values), exact)) == [(4, 5, 6)]


def test_dropped_long_movement_does_not_come_back_as_its_lesser_peaks():
    values = [0, 1, 0.8, 0.6, 0.9, 0.7, 0.9, 0.6, 0]
    assert len(decode(curve(values), FIXED)) == 1
    assert decode(curve(values), replace(FIXED, max_s=0.3)) == []


def test_paper_threshold_by_hand():
    # (0.8 + 0.2) / 2 = 0.5: zeros and negative scores are no smallest positive score.
    config = Decode(threshold="paper", nms_s=0)
    values = [0, 0.2, 0, 0.8, 0, 0.49, -1, 0.51, 0]
    assert config.threshold_for(curve(values)) == pytest.approx(0.5)
    assert [s.apex for s in decode(curve(values), config)] == [3, 7]


@settings(deadline=None)
@given(st.lists(st.floats(0, 1, width=32), min_size=2, max_size=60))
def test_paper_threshold_fires_at_least_once(values):
    # That is what it does, in a video without any ME too; only a curve without a peak is silent.
    spots = decode(curve(values), Decode(threshold="paper"))
    if len(set(values)) > 1:
        assert spots
        assert max(s.score for s in spots) == max(values)


def test_paper_threshold_on_nothing():
    config = Decode(threshold="paper")
    assert config.threshold_for(curve(np.zeros(9))) == 0
    assert decode(curve(np.zeros(9)), config) == []
    assert decode(curve(np.zeros(0)), config) == []


def test_learned_threshold_must_be_given():
    with pytest.raises(UsageError, match=r"'learned' needs a learned threshold"):
        decode(curve([0, 1, 0]), Decode())
    with pytest.raises(UsageError, match="learned"):
        Decode().threshold_for(curve([0, 1, 0]), math.nan)
    assert Decode().threshold_for(curve([0, 1, 0]), 0.4) == 0.4
    assert len(decode(curve([0, 1, 0]), Decode(), 1.0)) == 1
    assert decode(curve([0, 1, 0]), Decode(), math.nextafter(1, 2)) == []


def test_lost_face_cuts_spots():
    values = [0, 0.6, 0.8, 1, 0.9, 0.8, 0.7, 0.6, 0]
    found = np.ones(9, bool)
    assert spans(decode(curve(values), FIXED, found=found)) == [(1, 3, 7)]
    found[5] = False
    assert spans(decode(curve(values), FIXED, found=found)) == [(1, 3, 4), (6, 6, 7)]
    found[:] = False
    assert decode(curve(values), FIXED, found=found) == []


def test_a_spot_begins_after_a_lost_first_frame():
    """Rows 0 to 6 are all at or above half of the peak at row 3; only frame 0 shows no face."""
    values = np.zeros(40)
    values[:7] = [0.6, 0.7, 0.8, 1, 0.8, 0.7, 0.6]
    found = np.ones(40, bool)
    found[0] = False
    for interval, offset in (("width", 6), ("span", 3)):
        config = replace(FIXED, interval=interval)
        onset = 1 if interval == "width" else 3
        assert spans(decode(curve(values), config, found=found)) == [(onset, 3, offset)]
    assert spans(decode(curve(values), FIXED)) == [(0, 3, 6)]


def test_rows_that_touch_a_lost_frame_say_nothing():
    found = np.ones(12, bool)
    found[6] = False
    # Span 3: rows 4, 5 and 6 hold frame 6; the highest score, at row 5, is one of them.
    values = [0, 0, 0.6, 0.55, 0.9, 1, 0.9, 0.55, 0.6, 0]
    spots = decode(curve(values, span=3), FIXED, found=found)
    assert spans(spots) == [(3, 3, 4), (8, 9, 9)]


def test_nan_scores_are_background():
    assert spans(decode(curve([0, 1, math.nan, 0.9, 0]), FIXED)) == [(1, 1, 1), (3, 3, 3)]


def test_smoothing_joins_ripples_and_moves_no_peak():
    values = np.zeros(41)
    values[16:25] = [0.5, 0.9, 0.6, 1, 0.7, 1, 0.6, 0.9, 0.5]
    assert len(candidates(curve(values), replace(FIXED, level=1.0))) == 4
    smoothed = decode(curve(values), replace(FIXED, smooth_s=0.5))
    assert [s.apex for s in smoothed] == [20]


def test_smoothing_by_hand():
    # 0.5 s are five rows: a mean over 2 rows on either side, twice.
    values = np.zeros(21)
    values[10] = 25
    twice = [0, 1, 2, 3, 4, 5, 4, 3, 2, 1, 0]
    assert prepared(curve(values), Decode(smooth_s=0.5))[5:16] == pytest.approx(twice)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"level": 0.0}, "level = 0.0"),
        ({"level": 1.5}, "level = 1.5"),
        ({"nms_s": -1.0}, "nms_s = -1.0"),
        ({"smooth_s": math.inf}, "smooth_s = inf"),
        ({"threshold": math.nan}, "threshold = nan"),
        ({"threshold": "lerned"}, "threshold = 'lerned'"),
        ({"threshold": True}, "threshold = True"),
        ({"min_s": 0.5, "max_s": 0.2}, "min_s = 0.5 is above max_s = 0.2"),
    ],
)
def test_values_out_of_range_are_told(fields, message):
    with pytest.raises(UsageError, match=message):
        Decode(**fields)


def test_mask_and_columns_must_fit():
    with pytest.raises(ValueError, match="found must be"):
        decode(curve([0, 1, 0]), FIXED, found=np.ones(4, bool))
    with pytest.raises(ValueError, match="one column"):
        decode(curve([0, 1, 0]).with_values(np.zeros((3, 2), np.float32)), FIXED)


@pytest.mark.parametrize("span", [9, 11, 23])
@pytest.mark.parametrize("length", [12, 15, 23, 40])
def test_oracle_labels_decode_to_the_truth(span, length):
    truth = [Expression(50, 50 + length // 2, 49 + length), Expression(130, 133, 129 + length)]
    series = FrameSeries(np.zeros((200, 1), np.float32), 0, 1, span, 199 + span, Fraction(25))
    overlap = decode(Oracle().score_truth(series, truth), Decode(0.5))
    if 2 * length < span:
        assert overlap == []
        return
    assert len(overlap) == 2
    for spot, true in zip(overlap, truth):
        assert abs(spot.onset - true.onset) <= 1
        assert abs(spot.offset - true.offset) <= 1
    apex = decode(Oracle("apex").score_truth(series, truth), Decode(0.5))
    assert [s.apex for s in apex] == [t.apex for t in truth]


@st.composite
def decodings(draw):
    n = draw(st.integers(0, 60))
    span, first, step = draw(st.integers(1, 6)), draw(st.integers(0, 3)), draw(st.integers(1, 3))
    values = draw(st.lists(st.integers(-2, 8), min_size=n, max_size=n))
    scores = curve(np.array(values) / 8, span, 10, first, step)
    lost = draw(st.lists(st.integers(0, max(scores.n_frames - 1, 0)), max_size=4))
    found = np.ones(scores.n_frames, bool)
    found[[i for i in lost if i < scores.n_frames]] = False
    config = Decode(
        nms_s=draw(st.sampled_from([0.0, 0.2, 0.5])),
        interval=draw(st.sampled_from(["width", "span"])),
        level=draw(st.sampled_from([0.3, 0.5, 1.0])),
        min_s=draw(st.sampled_from([None, 0.2])),
        max_s=draw(st.sampled_from([None, 0.6])),
        smooth_s=draw(st.sampled_from([0.0, 0.3])),
    )
    return scores, config, found


@settings(max_examples=300, deadline=None)
@given(decodings(), st.floats(-0.1, 1.1))
def test_what_holds_of_all_spots(case, threshold):
    scores, config, found = case
    spots = decode(scores, config, threshold, found)
    taken = np.zeros(scores.n_frames, int)
    for spot in spots:
        assert spot.offset < scores.n_frames
        assert spot.score >= threshold
        assert spot.score > 0
        taken[spot.onset : spot.offset + 1] += 1
        if config.max_s is not None:
            assert spot.n_frames <= 6
        if config.min_s is not None:
            assert spot.n_frames >= 2
    assert taken.max(initial=0) <= 1
    assert not taken[~found].any()
    onsets = [s.onset for s in spots]
    assert onsets == sorted(onsets)
    apexes = sorted(s.apex for s in spots)
    assert all(b - a >= config.nms_s * 10 for a, b in pairwise(apexes))


@settings(max_examples=300, deadline=None)
@given(decodings(), st.floats(0, 1))
def test_spots_are_the_candidates_at_or_above_the_threshold(case, threshold):
    scores, config, found = case
    every = candidates(scores, config, found)
    assert [s.score for s in every] == sorted((s.score for s in every), reverse=True)
    expected = sorted((s for s in every if s.score >= threshold), key=lambda s: s.onset)
    assert decode(scores, config, threshold, found) == expected


@settings(max_examples=150, deadline=None)
@given(decodings(), st.integers(1, 40))
def test_later_in_time_is_later_and_nothing_else(case, shift):
    scores, config, found = case
    # One lost frame before the rows in both, so that neither sees what is beyond it.
    places = []
    for first in (1, 1 + shift):
        n_frames = first + max(len(scores) - 1, 0) * scores.step + scores.span
        moved = FrameSeries(scores.values, first, scores.step, scores.span, n_frames, scores.fps)
        mask = np.ones(n_frames, bool)
        mask[:first] = False
        mask[first:] = found[scores.first :]
        spots = decode(moved, config, 0.1, mask)
        places.append([(s.onset - first, s.apex - first, s.offset - first, s.score) for s in spots])
    assert places[0] == places[1]


def test_an_hour_at_200_fps_is_decoded_at_once():
    rng = np.random.default_rng(0)
    n = 200 * 3600
    scores = curve(rng.random(n) * 0.6, span=41, fps=200)
    scores.values[rng.integers(0, n, 100)] = 0.9
    begin = time.process_time()
    spots = decode(scores, Decode(0.7), found=np.ones(scores.n_frames, bool))
    assert time.process_time() - begin < 1
    assert 90 <= len(spots) <= 100
