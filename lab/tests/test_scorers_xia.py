"""Stumps as plain arrays are scikit-learn's; the random walk is that worked out by hand."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mespot.decoding import Decode, decode
from mespot.errors import MespotError, UsageError
from mespot.packing import PackedRows
from mespot.types import Expression, FrameSeries
from mespot_lab.rivals import xia
from mespot_lab.rivals.xia import Xia, decisions
from scorer_cases import apex_count, bumps

SHORT = {"rounds": 8, "rounds_choices": (), "positives": 80, "negatives": 150}


def series_of(values, fps=10, step=1):
    values = np.asarray(values, np.float32)
    return FrameSeries(values, 0, step, 1, step * max(len(values) - 1, 0) + 1, Fraction(fps))


def test_a_walk_over_three_rows_by_hand():
    # One column 0, 1, 3; steps lead one row on. Row 0 and row 2 reach row 1 alone. Row 1 is 1 off
    # row 0 and 2 off row 2: exp(-1/2) and exp(-4/2), so row 0 with chance a = 1 / (1 + exp(-1.5)).
    values = np.array([[0.0], [1], [3]], np.float32)
    near = xia.squares(values, np.ones(3, bool), 1)
    assert near.ravel().tolist() == [1, 4, math.inf]
    a = 1 / (1 + math.exp(-1.5))
    chances = xia.transitions(near, 1.0)
    assert chances == pytest.approx(np.array([[0, 1], [a, 1 - a], [1, 0]]))
    own = np.array([0.8, 0.0, 0.4])
    once = [0.5 * 0.8, 0.5 * (0.8 * a + 0.4 * (1 - a)), 0.5 * 0.4]
    assert xia.walked(own, chances, 0.5, 1) == pytest.approx(once)
    twice = [
        0.5 * 0.8 + 0.5 * once[1],
        0.5 * (once[0] * a + once[2] * (1 - a)),
        0.5 * 0.4 + 0.5 * once[1],
    ]
    assert xia.walked(own, chances, 0.5, 2) == pytest.approx(twice)


def test_a_walk_goes_to_what_looks_alike():
    # Row 2 stands between two kinds; it looks like the rows before it.
    values = np.array([[0.0], [0], [0], [5], [5]], np.float32)
    chances = xia.transitions(xia.squares(values, np.ones(5, bool), 2), 1.0)
    result = xia.walked(np.array([0.9, 0.9, 0.3, 0.0, 0.0]), chances, 0.5, 1)
    assert result[2] == pytest.approx(0.5 * 0.3 + 0.5 * 0.9, abs=1e-4)
    assert result[3] == pytest.approx(0.0, abs=1e-4)


@settings(max_examples=50, deadline=None)
@given(
    n=st.integers(0, 25), radius=st.integers(1, 6), lost=st.integers(0, 2**25 - 1),
    sigma=st.sampled_from([1e-6, 0.3, 1.0, 10.0]), seed=st.integers(0, 99),
)  # fmt: skip
def test_the_banded_walk_is_the_whole_matrix(n, radius, lost, sigma, seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, 4)).astype(np.float32)
    good = np.array([not lost >> i & 1 for i in range(n)], bool)
    values[~good] = np.nan
    own = np.where(good, rng.uniform(size=n), 0)
    chances = xia.transitions(xia.squares(values, good, radius), sigma)
    told = xia.walked(own, chances, 0.6, 3)
    matrix, alone = np.zeros((n, n)), np.zeros(n, bool)
    for i in range(n):
        others = [
            j for j in range(max(i - radius, 0), min(i + radius + 1, n))
            if j != i and good[i] and good[j]
        ]  # fmt: skip
        alone[i] = not others
        off = [float(((values[i].astype(float) - values[j]) ** 2).mean()) for j in others]
        weights = [math.exp(-(d - min(off)) / (2 * sigma**2)) for d in off]
        for j, w in zip(others, weights):
            matrix[i, j] = w / sum(weights)
    expected = own
    for _ in range(3):
        expected = np.where(alone, own, 0.4 * own + 0.6 * (matrix @ expected))
    assert told == pytest.approx(expected, abs=1e-9)
    assert (told >= own.min(initial=1) - 1e-12).all()
    assert (told <= own.max(initial=0) + 1e-12).all()


def test_pieces_of_a_long_series_join(monkeypatch):
    values = np.random.default_rng(0).normal(size=(300, 2)).astype(np.float32)
    good = np.ones(300, bool)
    good[[63, 64, 130]] = False
    whole = xia.squares(values, good, 5)
    monkeypatch.setattr("mespot_lab.rivals.learners._VALUES_AT_ONCE", 1)  # 64 rows a piece.
    assert np.array_equal(xia.squares(values, good, 5), whole)


def test_stumps_as_arrays_are_scikit_learns_decision(monkeypatch):
    ensemble = pytest.importorskip("sklearn.ensemble")
    machines = []

    class Kept(ensemble.AdaBoostClassifier):
        def fit(self, *args, **kwargs):
            machines.append(self)
            return super().fit(*args, **kwargs)

    monkeypatch.setattr(ensemble, "AdaBoostClassifier", Kept)
    series, truth = bumps(1)
    weights = Xia(**{**SHORT, "rounds": 25}).fit([series], [truth], 3)
    other = bumps(2)[0].values
    assert len(weights["feature"]) == 25
    assert len(set(weights["feature"].tolist())) > 2
    for values in (series.values, other):
        assert decisions(values, weights) == pytest.approx(
            machines[0].decision_function(values), abs=1e-9
        )


def test_one_column_that_tells_all_needs_one_stump():
    values = np.zeros((100, 3))
    values[40:50, 1] = 1
    weights = Xia(**SHORT, margin_s=0).fit([series_of(values)], [[Expression(40, 45, 49)]], 0)
    assert weights["feature"].tolist() == [1]
    assert weights["cut"].tolist() == [0.5]
    assert (weights["below"].tolist(), weights["above"].tolist()) == ([-2], [2])


def test_probability_of_the_rows_is_theirs():
    # A column says "perhaps": of 60 rows with a 1, 20 are an ME's; of 240 others none is.
    values = np.zeros((300, 1))
    values[50:70], values[150:170], values[220:240] = 1, 1, 1
    scorer = Xia(**SHORT, margin_s=0, walk=0.0)
    weights = scorer.fit([series_of(values)], [[Expression(150, 160, 169)]], 0)
    curve = scorer.score(series_of(values), weights).values[:, 0]
    assert curve[[55, 155, 230]] == pytest.approx([1 / 3] * 3, abs=0.02)
    assert curve[[0, 100, 299]] == pytest.approx([0] * 3, abs=0.01)


def test_labels_by_hand():
    series = FrameSeries(np.zeros((8, 1), np.float32), 0, 2, 3, 17, Fraction(10))
    good = np.ones(8, bool)
    good[7] = False
    truth = [Expression(5, 6, 8), Expression(0, 1, 1, "macro"), Expression(13, None, 13, "blink")]
    # Middles 1, 3 … 15. The margin of 0.2 s is two frames: 3 to 10.
    assert xia._labels(series, good, truth, 0.2).tolist() == [0, -1, 1, 1, -1, 0, 0, -1]


def test_only_micro_expressions_are_positive():
    series, truth = bumps(0)
    others = [replace(truth[0], kind=kind) for kind in ("macro", "blink", "other")]
    alone = Xia(**SHORT).fit([series], [truth[1:]], 0)
    beside = Xia(**SHORT).fit([series], [[*others, *truth[1:]]], 0)
    assert all(np.array_equal(alone[key], beside[key]) for key in alone)
    none = Xia(**SHORT).fit([series], [others], 0)
    assert Xia(**SHORT).score(series, none).values.max() < 1e-6


def test_rows_that_tell_nothing_give_no_stump_and_no_belief():
    series = series_of(np.ones((100, 3)))
    weights = Xia(**SHORT).fit([series], [[Expression(40, 45, 49)]], 0)
    assert len(weights["feature"]) == 0
    assert Xia(**SHORT).score(series, weights).values.max() < 1e-6


def test_memory_is_bounded_by_the_rows_that_are_taken(monkeypatch):
    seen = []
    drawn = xia._drawn
    monkeypatch.setattr(xia, "_drawn", lambda *args: seen.append(drawn(*args)) or seen[-1])
    cases = [bumps(seed, n=800, n_bumps=8) for seed in range(3)]
    scorer = Xia(rounds=2, rounds_choices=(), positives=30, negatives=50)
    scorer.fit([s for s, _ in cases], [t for _, t in cases], 0)
    ((x, y),) = seen
    assert x.shape == (80, 6)
    assert y.sum() == 30


def test_mapped_and_packed_rows_give_what_arrays_give(tmp_path):
    rng = np.random.default_rng(0)
    packed = PackedRows(rng.integers(0, 90, (240, 6)).astype(np.uint16), np.full(6, 200))
    np.save(tmp_path / "rows.npy", np.asarray(packed))
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    truth = [Expression(72, 79, 86)]
    plain = FrameSeries(np.asarray(packed), 0, 1, 5, 244, Fraction(30))
    scorer = Xia(**SHORT)
    expected = scorer.fit([plain], [truth], 0)
    for values in (packed, mapped):
        series = replace(plain, values=values)
        weights = scorer.fit([series], [truth], 0)
        assert all(weights[key].tobytes() == expected[key].tobytes() for key in expected)
        scores = scorer.score(series, weights).values
        assert np.array_equal(scores, scorer.score(plain, expected).values)


def test_spots_mes_of_unseen_recordings():
    def risen(seed):
        series, truth = bumps(seed)
        return series.with_values(series.values - np.median(series.values, axis=0)), truth

    cases = [risen(seed) for seed in range(4)]
    scorer = Xia(**{**SHORT, "rounds": 30})
    weights = scorer.fit([s for s, _ in cases], [t for _, t in cases], 0)
    series, truth = risen(9)
    counts = apex_count(truth, decode(scorer.score(series, weights), Decode(0.5)))
    assert (counts.tp, counts.fp) == (4, 0)


def test_quality_chooses_how_many_stumps():
    series, truth = bumps(1)
    scorer = Xia(**{**SHORT, "rounds_choices": (2, 4, 8)})
    assert len(scorer.fit([series], [truth], 0)["feature"]) == 8
    assert len(scorer.fit([series], [truth], 0, lambda score: 1.0)["feature"]) == 2
    found = []
    best = scorer.fit(
        [series], [truth], 0, lambda score: found.append(score(series)) or -abs(len(found) - 2)
    )
    assert len(best["feature"]) == 4
    assert len(found) == 3
    assert np.array_equal(scorer.score(series, best).values, found[1].values)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"rounds": 0}, "rounds = 0"), ({"rounds": 5}, "rounds_choices"),
        ({"positives": 0}, "positives"), ({"margin_s": -1.0}, "margin_s"),
        ({"walk": 1.0}, "walk = 1.0"),
    ],
)  # fmt: skip
def test_fields_out_of_range(fields, told):
    with pytest.raises(UsageError, match=told):
        Xia(**fields)


def test_other_columns_and_other_weights_are_refused():
    series, truth = bumps(0)
    weights = Xia(**SHORT).fit([series], [truth], 0)
    with pytest.raises(UsageError, match="learned on rows of 6 columns, this series has 2"):
        Xia().score(series_of(np.zeros((5, 2))), weights)
    with pytest.raises(MespotError, match="another scorer"):
        Xia().score(series, {"coef": np.zeros(3)})


def test_without_scikit_learn_it_scores_and_names_the_extra(monkeypatch):
    series, truth = bumps(0)
    weights = Xia(**SHORT).fit([series], [truth], 0)
    for name in [m for m in sys.modules if m.split(".")[0] == "sklearn"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    assert np.isfinite(Xia(**SHORT).score(series, weights).values).all()
    with pytest.raises(MespotError, match=r"mespot\[train\]"):
        Xia(**SHORT).fit([series], [truth], 0)
