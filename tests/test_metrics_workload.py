"""The share of the video that must be watched: hand-worked, frame by frame, and against chance."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mespot import metrics
from mespot.types import Recording
from metric_cases import event, judged, levels, recording


def test_a_curve_worked_by_hand():
    # 100 frames of a and 50 s (1250 frames at 25 fps) of b; one frame of a is a tenth of a second.
    recordings = [recording("a", seconds=10, fps=10), recording("b", seconds=50, fps=25)]
    truth = {"a": [event(30, 34), event(60, 64)], "b": [event(1000, 1010)]}
    spots = {
        "a": [event(31, 33, score=0.9), event(36, 38, score=0.5), event(0, 2, score=0.4)],
        "b": [event(1000, 1009, score=0.7)],
    }
    found = metrics.workload(recordings, truth, spots, context_s=0.2)
    # .9: frames 29-35 of a (0.7 s), the first truth whole. .7: 995-1014 of b (0.8 s), whole.
    # .5: 34-40, of which 36-40 are new (0.5 s). .4: 0-4, cut at the start (0.5 s).
    assert found.thresholds.tolist() == [math.inf, 0.9, 0.7, 0.5, 0.4]
    assert found.watched * 60 == pytest.approx([0, 0.7, 1.5, 2.0, 2.5])
    assert found.kept == pytest.approx([0, 1 / 3, 2 / 3, 2 / 3, 2 / 3])
    watched = found.watched_for([0, 1 / 3, 0.5, 2 / 3, 0.7])
    assert watched[:4] == pytest.approx([0, 0.7 / 60, 1.5 / 60, 1.5 / 60])
    assert math.isnan(watched[4])


def test_an_expression_that_is_watched_in_part_is_not_kept():
    truth = {"a": [event(30, 40)]}
    for offset, kept in ((39, 0), (40, 1)):
        spots = {"a": [event(30, offset, score=1.0)]}
        found = metrics.workload([recording("a")], truth, spots, context_s=0)
        assert found.kept.tolist() == [0, kept]
    # Two candidates may show it together.
    spots = {"a": [event(30, 35, score=0.9), event(36, 40, score=0.3)]}
    assert metrics.workload([recording("a")], truth, spots, 0).kept.tolist() == [0, 0, 1]


def test_candidates_of_one_score_come_together():
    spots = {"a": [event(0, 9, score=0.5), event(20, 29, score=0.5)]}
    found = metrics.workload([recording("a", seconds=1, fps=100)], {}, spots, 0)
    assert found.watched.tolist() == [0, 0.2]
    assert np.isnan(found.kept).all()


def test_recordings_without_candidates_are_part_of_the_video():
    spots, truth = {"a": [event(0, 29, score=0.5)]}, {"a": [event(3, 9)], "b": [event(3, 9)]}
    recordings = [recording("a", seconds=2), recording("b", seconds=2)]
    found = metrics.workload(recordings, truth, spots, 0)
    assert (found.watched[-1], found.kept[-1]) == (0.25, 0.5)


def test_what_is_refused():
    truth, spots = {"a": [event(3, 9)]}, {"a": [event(0, 29, score=0.5)]}
    with pytest.raises(ValueError, match="recording 'a' has no fps or n_frames"):
        metrics.workload([Recording("a", "s", Fraction(30))], truth, spots)
    with pytest.raises(ValueError, match="has no score"):
        metrics.workload([recording("a")], truth, truth)
    for wrong in (-0.1, math.nan):
        with pytest.raises(ValueError, match="context_s must not be negative"):
            metrics.workload([recording("a")], truth, spots, wrong)


@settings(max_examples=60)
@given(judged(), st.sampled_from([0.0, 0.05, 0.3]))
def test_every_row_frame_by_frame(case, context_s):
    recordings, truth, spots = case
    kinds = metrics.OVERALL_KINDS
    found = metrics.workload(recordings, truth, spots, context_s, kinds)
    assert found.thresholds.tolist() == [math.inf, *levels(spots)]
    assert (np.diff(found.watched) >= 0).all()
    n_truth = sum(map(len, truth.values()))
    for row, threshold in enumerate(found.thresholds):
        seconds, kept = Fraction(0), 0
        for r in recordings:
            around = math.ceil(context_s * r.fps - Fraction(1, 10**6))
            frames = set()
            for e in spots[r.id]:
                if e.score >= threshold:
                    frames |= set(range(e.onset - around, e.offset + around + 1))
            frames &= set(range(r.n_frames))
            seconds += len(frames) / r.fps
            kept += sum(set(range(t.onset, t.offset + 1)) <= frames for t in truth[r.id])
        assert found.watched[row] == pytest.approx(
            float(seconds / sum(r.n_frames / r.fps for r in recordings))
        )
        if n_truth:
            assert found.kept[row] == pytest.approx(kept / n_truth)


@given(judged())
def test_keeping_more_never_takes_less_watching(case):
    found = metrics.workload(*case, 0.1)
    watched = found.watched_for(np.linspace(0, 1, 21).tolist())
    reached = [w for w in watched if not math.isnan(w)]
    assert reached == sorted(reached)
    assert watched[: len(reached)] == reached  # once out of reach, always out of reach


def test_pieces_in_random_order_keep_on_average_the_share_watched():
    # Twenty pieces cover the video, every expression lies inside one of them.
    recordings = [recording("a", seconds=20, fps=50)]
    rng = np.random.default_rng(0)
    truth = {"a": [event(50 * p + 5, 50 * p + 15) for p in rng.permutation(20)[:7].tolist()]}
    kept = []
    for _ in range(300):
        order = rng.permutation(20).tolist()
        spots = {"a": [event(50 * p, 50 * p + 49, score=s / 20) for p, s in enumerate(order)]}
        found = metrics.workload(recordings, truth, spots, 0)
        assert found.watched == pytest.approx(np.arange(21) / 20)
        kept.append(found.kept)
    assert np.mean(kept, axis=0) == pytest.approx(np.arange(21) / 20, abs=0.04)
