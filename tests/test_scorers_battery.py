"""What every scorer must do, those to come included."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from mespot import registry
from mespot.types import FrameSeries
from scorer_cases import fields_for, rows_for

NAMES = registry.names("scorers")
# Scores that follow from the whole series, such as those divided by a recording's own maximum.
NOT_LOCAL = {n for n in NAMES if getattr(registry.plugin("scorers", n), "whole_series", False)}
REACH = 60


def made(name):
    cls = registry.plugin("scorers", name)
    if cls.learns:
        pytest.importorskip("torch", reason="training needs PyTorch")
        pytest.importorskip("onnx", reason="training needs onnx")
        pytest.importorskip("sklearn", reason="training needs scikit-learn")
    if own := fields_for(name):
        return cls(**own)
    fields = {f.name for f in dataclasses.fields(cls)}
    return cls(**({"epochs": 1, "window": 14} if {"epochs", "window"} <= fields else {}))


def fitted(name, scorer, seed=0):
    recordings = [rows_for(name, s) for s in range(3)]
    weights = scorer.fit([s for s, _ in recordings], [t for _, t in recordings], seed)
    if name == "oracle":
        weights["truth"] = np.array([(e.onset, e.apex, e.offset) for e in rows_for(name, 9)[1]])
    return weights


@pytest.fixture(scope="module", params=NAMES)
def case(request):
    scorer = made(request.param)
    return request.param, scorer, fitted(request.param, scorer)


def test_one_finite_score_per_row(case):
    name, scorer, weights = case
    for n in (240, 15, 14, 13, 2, 1, 0):
        series, _ = rows_for(name, 9)
        series = series.with_values(series.values[:n])
        scores = scorer.score(series, weights)
        assert scores.values.shape == (n, 1)
        assert scores.values.dtype == np.float32
        assert np.isfinite(scores.values).all()
        assert (scores.first, scores.step, scores.span, scores.n_frames, scores.fps) == (
            series.first, series.step, series.span, series.n_frames, series.fps,
        )  # fmt: skip


def test_rows_that_are_not_numbers_get_a_score(case):
    name, scorer, weights = case
    series, _ = rows_for(name, 9)
    values = series.values.copy()
    values[50:60] = np.nan
    values[100, 2], values[120], values[130:135] = np.inf, -np.inf, 1e30
    assert np.isfinite(scorer.score(series.with_values(values), weights).values).all()


def test_score_changes_nothing_and_repeats(case):
    name, scorer, weights = case
    series, _ = rows_for(name, 9)
    before = series.values.copy()
    series.values.flags.writeable = False
    first = scorer.score(series, weights).values
    assert np.array_equal(first, scorer.score(series, weights).values)
    assert np.array_equal(series.values, before)


def test_same_seed_same_weights_same_scores(case):
    name, scorer, weights = case
    again = fitted(name, scorer)
    assert weights.keys() == again.keys()
    for key in weights:
        assert weights[key].tobytes() == again[key].tobytes(), key


def test_weights_survive_a_file_without_pickle(case, tmp_path):
    name, scorer, weights = case
    series, _ = rows_for(name, 9)
    np.savez_compressed(tmp_path / "w.npz", **weights)
    with np.load(tmp_path / "w.npz", allow_pickle=False) as stored:
        back = {k: stored[k] for k in stored.files}
    assert np.array_equal(scorer.score(series, back).values, scorer.score(series, weights).values)


@pytest.mark.parametrize("name", [n for n in NAMES if n not in NOT_LOCAL])
def test_what_is_far_away_in_time_does_not_matter(name):
    scorer = made(name)
    weights = fitted(name, scorer)
    series, _ = rows_for(name, 9)
    later = FrameSeries(
        series.values[40:], series.first + 40, 1, series.span, series.n_frames, series.fps
    )
    whole = scorer.score(series, weights).values[40:]
    part = scorer.score(later, weights).values
    assert np.allclose(part[REACH:], whole[REACH:], rtol=0, atol=1e-5)


def test_rows_apart_by_more_than_a_frame(case):
    name, _, _ = case
    scorer = made(name)
    apart = []
    for seed in range(2):
        series, truth = rows_for(name, seed)
        apart.append((dataclasses.replace(series, values=series.values[::2].copy(), step=2), truth))
    weights = scorer.fit([s for s, _ in apart], [t for _, t in apart], 0)
    if name == "oracle":
        weights["truth"] = np.array([(e.onset, e.apex, e.offset) for e in apart[0][1]])
    assert scorer.score(apart[0][0], weights).values.shape == (120, 1)


def test_scorers_that_learn_nothing_need_nothing():
    for name in NAMES:
        cls = registry.plugin("scorers", name)
        if not cls.learns:
            assert isinstance(cls().fit([], [], 0), dict)


def test_registry_tells_fields_and_a_line():
    for name in NAMES:
        told = registry.entry("scorers", name)
        assert len(told["description"]) > 20
        assert registry.build("scorers", {"name": name, **_plain(told["fields"])})


def _plain(fields):
    return {k: list(v) if isinstance(v, tuple) else v for k, v in fields.items() if v is not None}
