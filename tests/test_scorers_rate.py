"""Rows at another rate: known curves keep their shape in time, scores come back to their rows."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from mespot.protocol import Sample
from mespot.scorers import resample
from mespot.training import at_rate
from mespot.types import Expression, FrameSeries


def test_straight_lines_are_exact_both_ways():
    rows = np.stack([np.arange(50), 3 - 2 * np.arange(50)], axis=1).astype(np.float32)
    for factor in (0.5, 25 / 30, 1.2, 200 / 30):
        got = resample.resampled(rows, factor)
        at = np.arange(len(got)) / factor
        inner = (at > 3) & (at < 46)
        assert np.allclose(got[inner, 0], at[inner], atol=1e-4)
        assert np.allclose(got[inner, 1], 3 - 2 * at[inner], atol=1e-4)
        back = resample.restored(got[:, 0], 50, factor)
        assert np.allclose(back[4:45], np.arange(4, 45), atol=1e-3)


def test_fewer_rows_average_what_they_stand_for():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(6000, 1)).astype(np.float32)
    got = resample.resampled(noise, 0.2)
    assert len(got) == 1200
    # Means of five unit normals spread by 1 / sqrt(5); picking every fifth would keep 1.
    assert got.std() == pytest.approx(1 / np.sqrt(5), rel=0.08)


def test_rates_that_count_as_one():
    assert resample.ratio(30, 29.97) == 1
    assert resample.ratio(30, 25) == 1.2


def test_a_sample_keeps_its_movement_in_place():
    """A bump in rows and its annotation stand at the same second before and after."""
    fps, span, n = Fraction(24), 9, 240
    values = np.zeros((n - span + 1, 1), np.float32)
    centre = 120
    values[centre - 4 - 3 : centre - 4 + 4] = 1
    series = FrameSeries(values, 0, 1, span, n, fps)
    truth = (Expression(centre - 3, centre, centre + 3),)
    found = np.ones(n, bool)
    found[200:] = False
    moved = at_rate(Sample("a", "s", series, found, truth), Fraction(30))
    rows = moved.series.centres[moved.series.values[:, 0] > 0.5]
    assert rows.mean() == pytest.approx(150, abs=1)
    assert moved.truth[0].apex == 150
    assert moved.truth[0].n_frames == pytest.approx(7 * 1.25, abs=1.3)
    assert moved.found[:249].all()
    assert not moved.found[251:].any()
