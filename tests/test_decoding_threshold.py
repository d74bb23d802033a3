"""Learned thresholds against trying every one."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mespot.decoding import Decode, candidates, decode, learn_threshold
from mespot.types import Counts, Expression, FrameSeries

CONFIG = Decode(nms_s=0.0)


def apex_count(reference, estimated):
    """One to one by the apex rule; truth intervals here are disjoint, so greedy is maximal."""
    hit = sum(any(r.onset <= e.apex <= r.offset for e in estimated) for r in reference)
    return Counts(hit, len(estimated) - hit, len(reference) - hit)


def curve(values, fps=10):
    values = np.asarray(values, np.float32)[:, None]
    return FrameSeries(values, 0, 1, 1, len(values), Fraction(fps))


def pooled(scores, truth, threshold):
    found = [decode(s, CONFIG, threshold) for s in scores]
    return sum((apex_count(t, e) for t, e in zip(truth, found)), Counts())


def spikes(*heights):
    """A curve with a peak of each height, one every third row from row 1 on."""
    return curve([h for height in heights for h in (0, height, 0)])


def at(*numbers):
    return [Expression(3 * k, None, 3 * k + 2) for k in numbers]


def test_middle_of_the_best_plateau():
    # 0.9 and 0.7 are right, 0.3 is not: everything in (0.3, 0.7] is best.
    threshold = learn_threshold([spikes(0.9, 0.3, 0.7)], [at(0, 2)], CONFIG, apex_count)
    assert threshold == pytest.approx(0.5)


def test_plateau_over_several_scores():
    # 0.8 right: F1 2/3. With 0.6 and 0.4, both in one recording and one of them right: 2 TP, 1 FP.
    scores = [spikes(0.8), spikes(0.6, 0.4, 0.2)]
    truth = [at(0), [*at(0), *at(2)[:0]]]
    assert learn_threshold(scores, truth, CONFIG, apex_count) == pytest.approx(0.5)


def test_of_two_best_plateaus_the_higher():
    # 1 of 2 found at 0.9 alone: 2/3. With 0.8 and 0.7 false, 0.6 right: 2 TP of 4 spots: 2/3.
    threshold = learn_threshold([spikes(0.9, 0.8, 0.7, 0.6)], [at(0, 3)], CONFIG, apex_count)
    assert threshold == pytest.approx(0.85)


def test_everything_right_leaves_half_the_lowest_score():
    assert learn_threshold([spikes(0.9, 0.6)], [at(0, 1)], CONFIG, apex_count) == pytest.approx(0.3)


def test_nothing_right_is_above_every_score():
    scores = [spikes(0.9, 0.5)]
    threshold = learn_threshold(scores, [at(5)], CONFIG, apex_count)
    assert threshold > np.float32(0.9)
    assert decode(scores[0], CONFIG, threshold) == []
    assert math.isfinite(learn_threshold([spikes(0, 0)], [at(0)], CONFIG, apex_count))


def test_silent_recordings_and_recordings_without_truth_count():
    # The second recording holds no ME: its 0.7 and 0.65 are false alarms that outweigh the 0.6.
    scores = [spikes(0.9, 0.6), spikes(0.7, 0.65)]
    truth = [at(0, 1), []]
    assert learn_threshold(scores, truth, CONFIG, apex_count) == pytest.approx(0.8)


def test_lost_frames_are_left_out_when_learning():
    # Without the mask the threshold has to stay above the false 0.95.
    scores, truth = [spikes(0.95, 0.9, 0.3)], [at(1)]
    found = np.ones(9, bool)
    found[1] = False
    masked = learn_threshold(scores, truth, CONFIG, apex_count, [found])
    assert masked == pytest.approx(0.6)


def test_neighbouring_floats_do_not_let_the_lower_in():
    high = np.float32(0.5)
    low = np.nextafter(high, np.float32(0))
    scores, truth = [spikes(high, low)], [at(0)]
    threshold = learn_threshold(scores, truth, CONFIG, apex_count)
    assert pooled(scores, truth, threshold) == Counts(1, 0, 0)


@st.composite
def problems(draw):
    scores, truth = [], []
    for _ in range(draw(st.integers(1, 4))):
        heights = draw(st.lists(st.integers(0, 9), min_size=1, max_size=12))
        scores.append(spikes(*(h / 9 for h in heights)))
        marked = draw(st.lists(st.booleans(), min_size=len(heights), max_size=len(heights)))
        truth.append(at(*np.flatnonzero(marked)))
    return scores, truth


def every_threshold(scores):
    peaks = sorted({e.score for s in scores for e in candidates(s, CONFIG)})
    return [0.0, *peaks, *((a + b) / 2 for a, b in pairwise(peaks)), 2.0]


@settings(max_examples=200, deadline=None)
@given(problems())
def test_no_threshold_does_better(problem):
    scores, truth = problem
    learned = learn_threshold(scores, truth, CONFIG, apex_count)
    best = max((0 if math.isnan(f) else f)
               for f in (pooled(scores, truth, t).f1 for t in every_threshold(scores)))  # fmt: skip
    reached = pooled(scores, truth, learned).f1
    assert (0 if math.isnan(reached) else reached) == best
