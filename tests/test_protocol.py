"""Who learns from whom: folds are disjoint, and nothing of a test subject reaches its weights."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from mespot.decoding import Decode, decode
from mespot.descriptors.hog_top import HogTop
from mespot.errors import UsageError
from mespot.evaluation.cross_validation import CrossValidation, cross_validate, summary, sweep
from mespot.metrics import Rule
from mespot.protocol import (
    Sample,
    inner_split,
    learn,
    leave_one_subject_out,
    leave_subjects_out,
    pooled,
    score_samples,
)
from mespot.recipe import Recipe
from mespot.scorers.lstm import Lstm
from mespot.scorers.random import Random
from mespot.types import Expression, FrameMap, FrameSeries, Reading, Recording, Rows

FPS = Fraction(25)
RECIPE = Recipe(
    name="toy",
    descriptor=HogTop(),
    scorer=Lstm(
        epochs=40,
        window=12,
        normalise=("zscore",),
        units=6,
        train_stride=2,
        learning_rate=0.01,
        check_every=5,
    ),
    decode=Decode(min_s=0.1),
)


def toy(subject: str, number: int, seed: int, signal: float = 3.0) -> Sample:
    """400 rows of noise in which every expression lifts the first column."""
    rng = np.random.default_rng([seed, number])
    n, span = 400, 5
    values = rng.normal(size=(n - span + 1, 4)).astype(np.float32)
    truth = []
    for onset in range(30, n - 40, 60):
        begin = onset + int(rng.integers(0, 20))
        truth.append(Expression(begin, begin + 4, begin + 9, "micro"))
        values[begin - 2 : begin + 8, 0] += signal
    series = FrameSeries(values, 0, 1, span, n, FPS)
    return Sample(f"{subject}{number}", subject, series, np.ones(n, bool), tuple(truth))


def people(signal: float = 3.0) -> list[Sample]:
    return [toy(s, k, i, signal) for i, s in enumerate("abcd") for k in range(2)]


def chosen(result):
    """All that the folds chose; of the test subject's rows only the scores may differ."""
    return {
        name: {k: v for k, v in found.items() if k != "scores_sha256"}
        for name, found in result.provenance.items()
    }


def f1_of(samples, test):
    """F1 (apex rule) on some of the samples, by weights that were learned from the others."""
    learned = learn(RECIPE, [s for s in samples if not any(s is t for t in test)])
    scores = score_samples(RECIPE, learned.weights, test)
    spots = [decode(c, RECIPE.decode, learned.threshold, s.found) for c, s in zip(scores, test)]
    return pooled(test, spots, Rule("apex")).f1


def test_every_subject_is_left_out_once():
    folds = leave_one_subject_out(people())
    assert [f.name for f in folds] == ["a", "b", "c", "d"]
    assert sorted(r for f in folds for r in f.test) == sorted(s.id for s in people())
    for fold in folds:
        assert not {r[0] for r in fold.train} & {r[0] for r in fold.test}
        assert len(fold.train) + len(fold.test) == 8


def test_groups_of_subjects_are_disjoint():
    folds = leave_subjects_out(people(), 2, seed=3)
    assert sorted(r for f in folds for r in f.test) == sorted(s.id for s in people())
    for fold in folds:
        assert not {r[0] for r in fold.train} & {r[0] for r in fold.test}


def test_groups_of_subjects_by_hand():
    """Without a seed the groups are those of seed 0: numpy's permutation of a to d, halved."""
    folds = leave_subjects_out(people(), 2)
    assert folds == leave_subjects_out(people(), 2, seed=0)
    order = np.random.default_rng(0).permutation(list("abcd")).tolist()
    groups = [{r[0] for r in f.test} for f in folds]
    assert groups == [set(order[:2]), set(order[2:])] == [{"a", "c"}, {"b", "d"}]
    assert [f.name for f in folds] == ["group0", "group1"]


@pytest.mark.parametrize(
    ("subjects", "share", "n_held"),
    [("abc", 0.9, 2), ("ab", 0.9, 1), ("ab", 0.1, 1), ("abcd", 0.5, 2), ("abcde", 0.3, 2)],
)
def test_a_share_leaves_one_subject_at_least_on_either_side(subjects, share, n_held):
    samples = [toy(s, 0, i) for i, s in enumerate(subjects)]
    for seed in range(5):
        fitted, held = inner_split(samples, share, seed)
        assert len(held) == n_held
        assert len(fitted) == len(subjects) - n_held


def test_inner_split_is_by_subject_and_seeded():
    fitted, held = inner_split(people(), 0.3, seed=1)
    assert {s.subject for s in fitted} | {s.subject for s in held} == set("abcd")
    assert not {s.subject for s in fitted} & {s.subject for s in held}
    assert len({s.subject for s in held}) == 1
    again = inner_split(people(), 0.3, seed=1)[1]
    assert [s.id for s in again] == [s.id for s in held]
    with pytest.raises(UsageError, match="two subjects"):
        inner_split([toy("a", 0, 0)], 0.3, seed=1)


def test_training_finds_what_is_there_and_only_then():
    pytest.importorskip("torch")
    samples = people()
    assert f1_of(samples, samples[:2]) > 0.8
    # The same rows with shuffled labels: nothing to learn, so little to find.
    rng = np.random.default_rng(0)
    shuffled = []
    for s in samples:
        shift = [int(rng.integers(15, 45)) for _ in s.truth]
        moved = tuple(
            Expression(e.onset + d, e.apex + d, e.offset + d)
            for e, d in zip(s.truth, shift)
            if e.offset + d < s.series.n_frames
        )
        shuffled.append(Sample(s.id, s.subject, s.series, s.found, moved))
    assert not f1_of(shuffled, shuffled[:2]) > 0.5


def test_a_test_subject_cannot_reach_its_own_fold():
    """Other pixels and other labels of subject a: the weights of its fold stay the same bits."""
    pytest.importorskip("torch")
    samples = people()
    fold = leave_one_subject_out(samples)[0]
    assert fold.name == "a"
    changed = [toy("a", int(s.id[1:]), 99, signal=-5.0) if s.subject == "a" else s for s in samples]
    first, second = (cross_validate(RECIPE, group, [fold]) for group in (samples, changed))
    assert chosen(first) == chosen(second)
    assert first.provenance != second.provenance
    one, two = (
        learn(RECIPE, [s for s in group if s.id in fold.train]).weights
        for group in (samples, changed)
    )
    assert one.keys() == two.keys()
    for name in one:
        assert np.array_equal(one[name], two[name]), name
    # Neither do more samples that show the test subject, which is left out with it.
    besides = [replace(s, id=f"{s.id} besides") for s in changed if s.subject in "ab"]
    kept = [s for s in besides if s.subject != "a"]
    third, fourth = (cross_validate(RECIPE, samples, [fold], also=more) for more in (besides, kept))
    assert third.provenance == fourth.provenance
    assert third.peaks == fourth.peaks
    assert third.provenance != first.provenance or third.peaks != first.peaks
    # A training subject does reach it, or the test above would prove nothing.
    other = [toy("b", int(s.id[1:]), 99) if s.subject == "b" else s for s in samples]
    three = learn(RECIPE, [s for s in other if s.id in fold.train]).weights
    assert not np.array_equal(one["w_x"], three["w_x"])


def test_figures_pool_and_sweep():
    """Two recordings, four truths: three peaks right at .9, .8, .7, one wrong at .75."""
    pieces = []
    for name in "ab":
        s = toy(name, 0, 0)
        truth = (Expression(50, 55, 60), Expression(150, 155, 160))
        pieces.append(Sample(s.id, s.subject, s.series, s.found, truth))

    def spot(onset, score):
        return Expression(onset, onset + 5, onset + 10, score=score)

    peaks = [[spot(50, 0.9), spot(150, 0.7)], [spot(50, 0.8), spot(250, 0.75)]]
    minutes = 2 * 400 / 25 / 60
    best, recall = sweep(pieces, peaks, Rule("apex"), rate=0.5 / minutes)
    assert recall == pytest.approx(2 / 4)  # above .75: two right, none wrong
    assert best == pytest.approx(2 * 3 / (2 * 3 + 1 + 1))  # all: three right, one wrong, one missed
    spots = {"a0": peaks[0], "b0": [spot(250, 0.75)]}
    got = summary(pieces, CrossValidation(spots, {"a0": peaks[0], "b0": peaks[1]}, {}))
    assert got["f1_apex"] == pytest.approx(2 * 2 / (4 + 1 + 2))
    assert got["false_alarms_per_minute"] == pytest.approx(1 / minutes)
    assert got["expressions"] == 4
    assert got["subjects"] == 2


def test_a_scorer_without_epochs_has_epoch_minus_one():
    chance = replace(RECIPE, scorer=Random())
    assert learn(chance, people()).epoch == -1


def test_frames_of_the_grid_and_of_the_source():
    """Every second frame is on the grid."""
    one = replace(toy("a", 0, 0), frames=FrameMap(np.array([0, 2, 4, 6, 8])))
    assert one.in_source(Expression(1, 2, 3)) == Expression(2, 4, 6)
    assert one.in_source(Expression(1, None, 3)) == Expression(2, None, 6)
    known = {"kind": "macro", "score": 0.5, "attributes": {"au": "4"}}
    assert one.in_source(Expression(1, 2, 3, **known)) == Expression(2, 4, 6, **known)
    plain = replace(one, frames=None)
    assert plain.in_source(Expression(1, 2, 3)) == Expression(1, 2, 3)


def test_a_sample_has_its_recordings_truth_on_the_grid_of_its_rows():
    series = FrameSeries(np.zeros((5, 1), np.float32), 0, 1, 1, 5, FPS)
    truth = (Expression(2, 4, 6), Expression(12, 13, 14))
    recording = Recording("r", "s", FPS, expressions=truth)
    frames = FrameMap(np.array([0, 2, 4, 6, 8]))
    one = Sample.of(recording, Rows(series, np.ones(5, bool), frames, Reading()))
    assert one.truth == (Expression(1, 2, 3), Expression(4, 4, 4))
    assert one.lifelike
    assert one.minutes == pytest.approx(5 / float(FPS) / 60)
    assert one.in_source(one.truth[0]) == truth[0]
    plain = Sample.of(recording, Rows(series, np.ones(5, bool), FrameMap.identity(5)))
    assert plain.frames is None
    assert plain.truth == (Expression(2, 4, 4), Expression(4, 4, 4))
