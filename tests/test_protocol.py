"""Who learns from whom: folds are disjoint, and nothing of a test subject reaches its weights."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from mespot.errors import UsageError
from mespot.metrics import Rule
from mespot.protocol import (
    Sample,
    inner_split,
    leave_one_subject_out,
    leave_subjects_out,
    pooled,
    spot_samples,
    train,
)
from mespot.recipe import Recipe
from mespot.training import cross_validate, figures, sweep
from mespot.types import Expression, FrameSeries

FPS = Fraction(25)
RECIPE = Recipe(
    name="toy",
    descriptor={"name": "hog_top"},
    scorer={
        "name": "lstm",
        "epochs": 40,
        "window": 12,
        "normalise": ["zscore"],
        "units": 6,
        "train_stride": 2,
        "learning_rate": 0.01,
        "check_every": 5,
    },
    decode={"min_s": 0.1},
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
    fold = leave_one_subject_out(samples)[0]
    test = [s for s in samples if s.id in fold.test]
    weights = train(RECIPE, [s for s in samples if s.id in fold.train])
    found = pooled(test, spot_samples(RECIPE, weights, test), Rule("apex"))
    assert found.f1 > 0.8
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
    weights = train(RECIPE, [s for s in shuffled if s.id in fold.train])
    test = [s for s in shuffled if s.id in fold.test]
    lost = pooled(test, spot_samples(RECIPE, weights, test), Rule("apex"))
    assert not lost.f1 > 0.5


def test_a_test_subject_cannot_reach_its_own_fold():
    """Other pixels and other labels of subject a: the weights of its fold stay the same bits."""
    pytest.importorskip("torch")
    samples = people()
    fold = leave_one_subject_out(samples)[0]
    assert fold.name == "a"
    changed = [toy("a", int(s.id[1:]), 99, signal=-5.0) if s.subject == "a" else s for s in samples]
    first, second = (cross_validate(RECIPE, group, [fold]) for group in (samples, changed))
    assert first.chosen == second.chosen
    one, two = (
        train(RECIPE, [s for s in group if s.id in fold.train]) for group in (samples, changed)
    )
    assert one.keys() == two.keys()
    for name in one:
        assert np.array_equal(one[name], two[name]), name
    # Neither does material besides that shows the test subject, which is left out with it.
    besides = [replace(s, id=f"{s.id} besides") for s in changed if s.subject in "ab"]
    kept = [s for s in besides if s.subject != "a"]
    third, fourth = (cross_validate(RECIPE, samples, [fold], also=more) for more in (besides, kept))
    assert third.chosen == fourth.chosen
    assert third.peaks == fourth.peaks
    assert third.chosen != first.chosen or third.peaks != first.peaks
    # A training subject does reach it, or the test above would prove nothing.
    other = [toy("b", int(s.id[1:]), 99) if s.subject == "b" else s for s in samples]
    three = train(RECIPE, [s for s in other if s.id in fold.train])
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
    from mespot.training import Judged

    spots = {"a0": peaks[0], "b0": [spot(250, 0.75)]}
    got = figures(pieces, Judged(spots, {"a0": peaks[0], "b0": peaks[1]}, {}))
    assert got["f1_apex"] == pytest.approx(2 * 2 / (4 + 1 + 2))
    assert got["false_alarms_per_minute"] == pytest.approx(1 / minutes)
    assert got["expressions"] == 4
    assert got["subjects"] == 2
