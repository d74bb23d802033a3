"""The parts that the small networks are made of, each against a hand-worked case or a slow loop."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from network_cases import kinds

from mespot import protocol
from mespot.recipe import Recipe
from mespot.scorers.never import Never
from mespot.types import Expression, FrameSeries
from mespot_lab.networks import slices
from mespot_lab.networks.slices import Targets, TrainingRows, Variation, at_tempo, batches


def test_rows_around_repeat_the_ends():
    values = np.arange(5, dtype=np.float32)[:, None]
    seen = slices.rows_around(lambda a, b: values[a:b], 5, -2, 7)[:, 0]
    assert seen.tolist() == [0, 0, 0, 1, 2, 3, 4, 4, 4]
    assert slices.rows_around(lambda a, b: values[a:b], 5, 1, 3)[:, 0].tolist() == [1, 2]
    # A piece that lies beyond an end altogether.
    assert slices.rows_around(lambda a, b: values[a:b], 5, 6, 8)[:, 0].tolist() == [4, 4]
    assert slices.rows_around(lambda a, b: values[a:b], 5, -3, -1)[:, 0].tolist() == [0, 0]


@given(st.integers(1, 40), st.integers(0, 6), st.integers(1, 9))
def test_pieces_are_the_whole(n, reach, at_once):
    values = np.random.default_rng(n).normal(size=(n, 2)).astype(np.float32)
    longest = []

    def sums(x):
        longest.append(len(x))
        return np.stack([x[i : i + 2 * reach + 1].sum(0) for i in range(len(x) - 2 * reach)])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slices, "_ROWS_AT_ONCE", at_once)
        got = slices.in_pieces(sums, lambda a, b: values[a:b], values.shape, reach)
    held = values[np.clip(np.arange(-reach, n + reach), 0, n - 1)]
    wanted = [held[i : i + 2 * reach + 1].sum(0) for i in range(n)]
    assert np.allclose(got, wanted, atol=1e-5)
    # Never more of the series at a time than a piece and what it looks at.
    assert max(longest) <= at_once + 2 * reach


def test_no_rows_no_scores():
    assert slices.in_pieces(lambda x: x, lambda a, b: np.empty((0, 3)), (0, 3), 4).shape == (0, 1)


def test_tempo_by_hand():
    values = np.array([[0], [10], [20], [30]], np.float32)
    assert at_tempo(values, 0.5, 3, 1.0)[:, 0].tolist() == [5, 15, 25]
    assert at_tempo(values, 0, 4, 0.5)[:, 0].tolist() == [0, 5, 10, 15]
    assert at_tempo(values, -1, 4, 2.0)[:, 0].tolist() == [0, 10, 30, 30]


def recordings():
    """Rows that tell their own number and recording; targets that say the same, of weight 1."""
    rows, targets = [], []
    for r, n in enumerate((50, 7, 33)):
        told = np.stack([np.arange(n) + 100 * r, np.full(n, 1)], 1).astype(np.float32)
        rows.append(told)
        label = np.zeros((n, 2, 1), np.float32)
        label[:, 0, 0], label[:, 1] = told[:, 0], 1
        targets.append(label)
    return TrainingRows(rows, targets)


def test_an_epoch_sees_every_row_once_and_its_own_target():
    seen = []
    vary, rng = Variation(rows=8, receptive_field=3, batch=4), np.random.default_rng(0)
    for rows, targets in batches(vary, recordings(), rng):
        assert rows.shape[1:] == (14, 2)
        assert targets.shape[1:] == (8, 2, 1)
        counts = targets[:, :, 1, 0] > 0
        assert np.array_equal(rows[:, 3:-3, 0][counts], targets[:, :, 0, 0][counts])
        seen += targets[:, :, 0, 0][counts].tolist()
    assert sorted(seen) == [*range(50), *range(100, 107), *range(200, 233)]


def test_slices_begin_elsewhere_in_every_epoch():
    vary, rng = Variation(rows=8, receptive_field=0, batch=100), np.random.default_rng(0)
    first = [next(batches(vary, recordings(), rng))[0] for _ in range(2)]
    assert not np.array_equal(np.sort(first[0][:, 0, 0]), np.sort(first[1][:, 0, 0]))


def test_tempo_moves_rows_and_targets_alike():
    vary = Variation(rows=8, receptive_field=3, batch=4, stretch=0.3)
    steps = []
    for rows, targets in batches(vary, recordings(), np.random.default_rng(1)):
        counts = targets[:, :, 1, 0] > 0.999
        assert np.allclose(rows[:, 3:-3, 0][counts], targets[:, :, 0, 0][counts], atol=1e-3)
        steps += np.diff(rows[:, 3:-3, 0])[counts[:, 1:] & counts[:, :-1]].tolist()
    assert min(steps) < 0.9
    assert max(steps) > 1.1


def test_amplitude_is_one_factor_per_slice():
    vary = Variation(rows=8, receptive_field=3, batch=4, amplitude=0.5)
    for rows, _ in batches(vary, recordings(), np.random.default_rng(1)):
        factors = rows[:, :, 1]
        assert np.allclose(factors, factors[:, :1])
        assert factors[:, 0].min() > 0
        assert factors[:, 0].std() > 0.1


def test_targets_by_hand():
    series = FrameSeries(np.zeros((12, 1), np.float32), 0, 1, 1, 12, Fraction(30))
    truth = [Expression(2, 3, 4), Expression(4, 5, 6, "macro"), Expression(8, 8, 8, "blink")]
    truth.append(Expression(10, 10, 11, "other"))
    both = Targets("overlap", None, 3.0, 5.0, 0.5).of(series, truth)
    labels, weights = both[:, 0], both[:, 1]
    assert np.flatnonzero(labels[:, 0]).tolist() == [2, 3, 4]
    assert np.flatnonzero(labels[:, 1]).tolist() == [4, 5, 6]
    assert np.flatnonzero(labels[:, 2]).tolist() == [8]
    # A positive row counts 3; a hard one 5; one that is both is positive.
    assert weights[:, 0].tolist() == [1, 1, 3, 3, 3, 5, 5, 1, 5, 1, 1, 1]
    assert weights[:, 1].tolist() == [0.5] * 4 + [1.5] * 3 + [0.5] * 5
    single = Targets("overlap", None, 3.0, 5.0, 0.0).of(series, truth)
    assert np.array_equal(single, both[:, :, :1])


def test_learn_shows_the_scorer_all_kinds():
    told = []

    @dataclass(frozen=True)
    class Listening(Never):
        def fit(self, series, truth, seed, quality=None):
            told.extend(e.kind for expressions in truth for e in expressions)
            return super().fit(series, truth, seed, quality)

    samples = []
    for name in "abc":
        series, truth = kinds(ord(name))
        found = np.ones(series.n_frames, bool)
        samples.append(protocol.Sample(name, name, series, found, tuple(truth)))
    protocol.learn(Recipe("x", scorer=Listening()), samples)
    # Of three subjects one is held out to choose by; each has two movements of every kind.
    assert sorted(told) == ["blink"] * 4 + ["macro"] * 4 + ["micro"] * 4
