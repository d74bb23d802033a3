"""The scorers that learn nothing: never, random and the oracle."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from mespot.decoding import Decode, candidates, decode
from mespot.errors import MespotError, UsageError
from mespot.labels import label_scores
from mespot.scorers.never import Never
from mespot.scorers.oracle import Oracle
from mespot.scorers.random import Random
from mespot.types import Expression, FrameSeries
from scorer_cases import bumps


@pytest.mark.parametrize("rule", ["learned", "paper", 0.0])
def test_never_spots_nothing_under_any_rule(rule):
    series, _ = bumps(0)
    config = Decode(threshold=rule)
    assert decode(Never().score(series, Never().fit([], [], 0)), config, 0.0) == []


def test_random_is_uniform_and_as_smooth_as_an_expression():
    series, _ = bumps(0, n=9000)
    values = Random().score(series, Random().fit([], [], 5)).values[:, 0]
    assert np.allclose(np.sort(values), np.arange(1, 9001) / 9000)
    lag = [np.corrcoef(values[:-k], values[k:])[0, 1] for k in (1, 30)]
    assert lag[0] > 0.8
    assert abs(lag[1]) < 0.2
    # Peaks there are, but not one every few frames.
    rate = len(candidates(Random().score(series, {"seed": np.array(5)}), Decode())) / 300
    assert 0.3 < rate < 3


def test_random_differs_by_seed_and_by_recording():
    one, other = bumps(0)[0], bumps(1)[0]
    curves = [
        Random().score(s, Random().fit([], [], seed)).values[:, 0]
        for s, seed in ((one, 0), (one, 1), (other, 0))
    ]
    for a, b in ((0, 1), (0, 2)):
        assert abs(np.corrcoef(curves[a], curves[b])[0, 1]) < 0.5
    with pytest.raises(MespotError, match="no 'seed'"):
        Random().score(one, {})


def test_oracle_gives_the_labels_and_only_with_the_truth():
    series, truth = bumps(0)
    truth = [*truth, Expression(200, None, 215, "macro")]
    for label in ("overlap", "apex"):
        curve = Oracle(label).score_truth(series, truth)
        assert np.array_equal(curve.values[:, 0], label_scores(series, truth, label))
    own_length = Oracle("overlap", 0.4).score_truth(series, truth)
    assert np.array_equal(own_length.values[:, 0], label_scores(series, truth, label_s=0.4))
    with pytest.raises(UsageError, match="scores by the truth and cannot spot"):
        Oracle().score(series, Oracle().fit([series], [truth], 0))


def test_oracle_with_nothing_to_find():
    series = FrameSeries(np.zeros((9, 2), np.float32), 0, 1, 3, 11, Fraction(25))
    assert not Oracle().score_truth(series, []).values.any()
