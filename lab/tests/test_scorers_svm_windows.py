"""Sliding windows: averages of rows against a slow loop, and what a linear SVM makes of them."""

from __future__ import annotations

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
from mespot_lab.rivals import learners, svm_windows
from mespot_lab.rivals.svm_windows import SvmWindows
from scorer_cases import apex_count, bumps

SHORT = {"positives": 60, "negatives": 100, "hard": 30}
ONE = {**SHORT, "scales": (1.0,), "window_s": 0.3, "edge": 0, "hard": 0}


def series_of(values, span=5, step=1, fps=30):
    values = np.asarray(values, np.float32)
    n_frames = step * max(len(values) - 1, 0) + span
    return FrameSeries(values, 0, step, span, n_frames, Fraction(fps))


def covered(series, tiling, at):
    """Which frames, counted from a row's middle one, the rows of its window cover."""
    middle = (series.span - 1) // 2
    return {
        o * series.step - middle + i for o in tiling.offsets.tolist() for i in range(series.span)
    }


def test_rows_of_a_window_tile_it():
    series = series_of(np.zeros((60, 1)), span=8)
    # 15 frames with one at either end that is a neighbour only: 13 of them count, 6 in each row.
    tiling = svm_windows.make_tiling(series, 0.5, edge=1)
    assert tiling.length == 15
    assert tiling.offsets.tolist() == [-4, 0, 3]
    assert covered(series, tiling, 20) == set(range(-7, 8))
    assert tiling.begins(series)[20] == 20 + 3 - 7
    # As long as a row, or shorter: the row itself.
    assert svm_windows.make_tiling(series, 8 / 30, edge=1).offsets.tolist() == [0]
    assert svm_windows.make_tiling(series, 0.1, edge=1).offsets.tolist() == [0]


def test_without_neighbours_rows_stand_side_by_side():
    tiling = svm_windows.make_tiling(series_of(np.zeros((60, 1)), span=5), 0.5, edge=0)
    assert tiling.offsets.tolist() == [-5, 0, 5]
    apart = svm_windows.make_tiling(series_of(np.zeros((60, 1)), span=5, step=5), 0.5, edge=0)
    assert apart.offsets.tolist() == [-1, 0, 1]


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(0, 30),
    rows=st.tuples(st.integers(1, 9), st.integers(1, 3)),
    edge=st.integers(0, 2),
    lengths_s=st.tuples(st.floats(0.02, 1.0), st.sampled_from([0.0, 0.1, 0.3])),
    lost=st.integers(0, 2**30 - 1),
    seed=st.integers(0, 99),
)
def test_decisions_are_those_of_averaged_windows(n, rows, edge, lengths_s, lost, seed):
    length_s, difference_s = lengths_s
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, 3)).astype(np.float32)
    values[[i for i in range(n) if lost >> i & 1]] = np.nan
    series = series_of(values, *rows)
    tiling = svm_windows.make_tiling(series, length_s, edge, difference_s)
    good, direction = learners.usable(values), rng.normal(size=3)
    told = tiling.decisions(svm_windows.projected(values, good, direction[None])[:, 0], good)
    for row in range(n):
        parts = []
        for at in (row + tiling.offsets).tolist():
            if not 0 <= at < n or not good[at]:
                continue
            near = [
                values[i].astype(float)
                for i in range(max(at - tiling.radius, 0), min(at + tiling.radius + 1, n))
                if good[i]
            ]
            around = sum(near) / len(near) if tiling.radius else 0.0
            parts.append(values[at].astype(float) - around)
        if not parts:
            assert np.isnan(told[row])
            continue
        window = sum(parts) / len(parts)
        assert tiling.row(values, good, row) == pytest.approx(window, abs=1e-6)
        assert told[row] == pytest.approx(float(window @ direction), abs=1e-6)


def test_overlap_of_windows_with_the_truth():
    begins = np.array([-3, 0, 4, 8, 20])
    truth = [Expression(4, 6, 11), Expression(20, None, 23)]
    # 8 frames each. Of 4 to 11 they share 1, 4, 8, 4, 0; of 20 to 23, only the last: 4 of 8.
    expected = [1 / 15, 4 / 12, 1.0, 4 / 12, 4 / 8]
    assert svm_windows.best_iou(begins, 8, truth) == pytest.approx(expected)
    assert svm_windows.best_iou(begins, 8, []).tolist() == [0] * 5


def square(n=200, at=(60, 130), length=9, span=1):
    """One column: 1 in every frame of an ME, 0 elsewhere; and one that says nothing."""
    values = np.zeros((n, 2))
    truth = [Expression(a, a + length // 2, a + length - 1) for a in at]
    for e in truth:
        values[e.onset : e.offset + 1, 0] = 1
    values[:, 1] = np.random.default_rng(0).normal(size=n)
    return series_of(values, span), truth


def test_a_separable_toy_is_positive_inside_and_negative_outside():
    series, truth = square()
    scorer = SvmWindows(**{**ONE, "negatives": 1000}, c=1000.0)
    weights = scorer.fit([series], [truth], 0)
    assert weights["lengths_s"].tolist() == [0.3]
    curve = scorer.score(series, weights).values[:, 0]
    # 9 frames that share s with the 9 of an ME have IoU s / (18 - s): a half from s = 6 on, so
    # that the boundary of a hard margin lies between 5 and 6 shared frames.
    for e in truth:
        assert e.apex is not None
        assert (curve[e.apex - 3 : e.apex + 4] > 0).all()
        assert curve[e.apex - 4] < 0
        assert curve[e.apex + 4] < 0
        assert curve[e.apex - 4 : e.apex + 5].argmax() == 4
    assert (np.delete(curve, [e.apex + i for e in truth for i in range(-4, 5)]) < 0).all()
    spots = decode(scorer.score(series, weights), Decode(0.1))
    assert [s.apex for s in spots] == [e.apex for e in truth]


def test_decision_is_scikit_learns_own():
    svm = pytest.importorskip("sklearn.svm")
    series, truth = square()
    scorer = SvmWindows(**{**ONE, "negatives": 1000}, zscore=False, c=0.3)
    curve = scorer.score(series, scorer.fit([series], [truth], 0)).values[:, 0]
    values = series.values.astype(np.float64)
    windows = np.array([values[i - 4 : i + 5].mean(axis=0) for i in range(4, 196)])
    near = svm_windows.best_iou(np.arange(192), 9, truth) >= 0.5
    order = np.argsort(~near, kind="stable")  # The scorer puts the positive ones first.
    machine = svm.LinearSVC(C=0.3, class_weight="balanced", dual=False, random_state=0)
    machine.fit(windows[order], near[order])
    assert curve[4:196] == pytest.approx(machine.decision_function(windows), abs=1e-4)


def test_best_of_the_scales():
    weights = {
        "coef": np.array([[1.0], [1.0]]), "intercept": np.array([0.0, -0.5]),
        "mean": np.array([[0.0], [1.0]]), "std": np.array([[1.0], [0.25]]),
        "lengths_s": np.array([1 / 30, 3 / 30]), "edge": np.array(0),
        "difference_s": np.array(0.0),
    }  # fmt: skip
    series = series_of([[0], [3], [3], [3], [0]], span=1)
    # Alone: 0 3 3 3 0. Three: means 1.5 2 3 2 1.5 (two at the ends), (mean - 1) * 4 - 0.5.
    curve = SvmWindows().score(series, weights).values[:, 0]
    assert curve.tolist() == [1.5, 3.5, 7.5, 3.5, 1.5]


def test_only_micro_expressions_are_positive():
    series, truth = square()
    others = [replace(truth[0], kind=kind) for kind in ("macro", "blink", "other")]
    scorer = SvmWindows(**ONE, c=1.0)
    alone = scorer.fit([series], [truth[1:]], 0)
    beside = scorer.fit([series], [[*others, *truth[1:]]], 0)
    assert all(np.array_equal(alone[key], beside[key]) for key in alone)
    none = scorer.fit([series], [others], 0)
    assert (scorer.score(series, none).values == -1).all()


def test_hard_negatives_are_the_highest_scored_that_were_not_drawn(monkeypatch):
    rng = np.random.default_rng(5)
    values = rng.normal(0, 0.1, (400, 2))
    values[60:69] += (1, 0)
    values[200:209] += (0.8, 1)  # Looks much like an ME and is none.
    series, truth = series_of(values, 1), [Expression(60, 64, 68)]
    drawn = np.concatenate([np.arange(80, 150), [40]])
    monkeypatch.setattr(
        svm_windows, "_drawn",
        lambda n, most, rng: np.arange(n) if n < 20 else drawn[:most],
    )  # fmt: skip
    learned = {}
    for hard in (0, 20):
        scorer = SvmWindows(**{**ONE, "hard": hard}, c=1.0)
        weights = scorer.fit([series], [truth], 0)
        learned[hard] = scorer.score(series, weights).values[:, 0]
    assert learned[0][204] > 0
    assert learned[20][204] < 0
    assert learned[20][64] > 0


def test_memory_is_bounded_by_the_windows_that_are_taken(monkeypatch):
    seen = []
    rows = svm_windows._Scale._rows
    monkeypatch.setattr(
        svm_windows._Scale,
        "_rows",
        lambda self, *which: seen.append(rows(self, *which)) or seen[-1],
    )
    cases = [bumps(seed, n=1000, n_bumps=8) for seed in range(3)]
    scorer = SvmWindows(positives=20, negatives=30, hard=10, scales=(1.0, 0.5))
    scorer.fit([s for s, _ in cases], [t for _, t in cases], 0)
    assert [len(x) for x in seen] == [50, 10, 50, 10]


def test_mapped_and_packed_rows_give_what_arrays_give(tmp_path):
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 50, (240, 6)).astype(np.uint16)
    counts[70:85, :3] += 60
    packed = PackedRows(counts, np.full(6, 200))
    np.save(tmp_path / "rows.npy", np.asarray(packed))
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    truth = [Expression(72, 79, 86)]
    plain = FrameSeries(np.asarray(packed), 0, 1, 5, 244, Fraction(30))
    scorer = SvmWindows(**SHORT, difference_s=0.5)
    expected = scorer.fit([plain], [truth], 0)
    for values in (packed, mapped):
        series = replace(plain, values=values)
        weights = scorer.fit([series], [truth], 0)
        assert all(weights[key].tobytes() == expected[key].tobytes() for key in expected)
        scores = scorer.score(series, weights).values
        assert np.array_equal(scores, scorer.score(plain, expected).values)


def test_another_seed_draws_other_windows():
    series, truth = bumps(0)
    scorer = SvmWindows(**{**SHORT, "negatives": 30})
    one, two = (scorer.fit([series], [truth], seed)["coef"] for seed in (0, 1))
    assert not np.array_equal(one, two)


def test_spots_mes_of_unseen_recordings():
    cases = [bumps(seed) for seed in range(4)]
    scorer = SvmWindows(**SHORT, difference_s=0.5)
    weights = scorer.fit([s for s, _ in cases], [t for _, t in cases], 0)
    series, truth = bumps(9)
    spots = decode(scorer.score(series, weights), Decode(0.5))
    counts = apex_count(truth, spots)
    assert (counts.tp, counts.fp) == (4, 0)


def test_quality_chooses_c_and_the_first_of_equals():
    series, truth = square()
    scorer = SvmWindows(**ONE, c_choices=(0.001, 0.01, 0.1))
    assert scorer.fit([series], [truth], 0)["c"] == scorer.c
    assert scorer.fit([series], [truth], 0, lambda score: 0.5)["c"] == 0.001
    heights = []

    def highest(score):
        heights.append(float(score(series).values.max()))
        return heights[-1]

    weights = scorer.fit([series], [truth], 0, highest)
    assert weights["c"] == (0.001, 0.01, 0.1)[int(np.argmax(heights))]
    assert len(set(heights)) == 3


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"scales": ()}, "scales needs"), ({"scales": (0.5, 0.0)}, "scales needs"),
        ({"window_s": 0.0}, "window_s"), ({"c": -1.0}, "c = -1"),
        ({"c_choices": (0.1, 0.0)}, "c_choices"), ({"iou": 0.0}, "iou"),
        ({"positives": 0}, "positives"), ({"hard": -1}, "hard"),
        ({"difference_s": float("nan")}, "difference_s"),
    ],
)  # fmt: skip
def test_fields_out_of_range(fields, told):
    with pytest.raises(UsageError, match=told):
        SvmWindows(**fields)


def test_other_columns_and_other_weights_are_refused():
    series, truth = square()
    scorer = SvmWindows(**ONE)
    weights = scorer.fit([series], [truth], 0)
    with pytest.raises(UsageError, match="learned on rows of 2 columns, this series has 3"):
        scorer.score(series_of(np.zeros((5, 3))), weights)
    with pytest.raises(MespotError, match="another scorer"):
        scorer.score(series, {"seed": np.array(0)})
    with pytest.raises(UsageError, match="different columns"):
        scorer.fit([series, series_of(np.zeros((5, 3)))], [truth, []], 0)
    with pytest.raises(UsageError, match="no training recording has a row"):
        scorer.fit([], [], 0)


def test_training_without_scikit_learn_names_the_extra(monkeypatch):
    series, truth = square()
    scorer = SvmWindows(**ONE)
    weights = scorer.fit([series], [truth], 0)
    for name in [m for m in sys.modules if m.split(".")[0] == "sklearn"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    assert np.isfinite(scorer.score(series, weights).values).all()
    with pytest.raises(MespotError, match=r"mespot\[train\]"):
        scorer.fit([series], [truth], 0)
