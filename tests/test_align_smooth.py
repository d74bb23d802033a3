"""Smoothing of the landmark tracks: against SciPy, at segment ends, and as a stream."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.signal import savgol_filter

from mespot.align import crop, smooth
from mespot.align.smooth import Smoother, coefficients


def run(tracks: NDArray, segments: list[int | None], window: int) -> tuple[NDArray, list[int]]:
    """Smoothed tracks, and how many frames were out after each push."""
    smoother = Smoother(window)
    out, counts = [], []
    for i, (row, segment) in enumerate(zip(tracks, segments)):
        out += smoother.push(row, segment, i)
        counts.append(len(out))
    out += smoother.flush()
    assert [extra for _, _, extra in out] == list(range(len(tracks)))
    assert [segment for _, segment, _ in out] == segments
    return np.array([row for row, _, _ in out]), counts


def tracks(n: int, noise: float, seed: int = 0) -> NDArray:
    rng = np.random.default_rng(seed)
    return crop.MEAN_5 * 150 + rng.normal(0, noise, (n, 1, 1)) * [1.0, -1.0]


@pytest.mark.parametrize("window", [3, 5, 9])
def test_equals_savitzky_golay_inside_a_segment(
    window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smooth, "NOISE", 1e6)
    values = tracks(40, 0.05)
    out, _ = run(values, [1] * 40, window)
    expected = savgol_filter(values, window, 2, axis=0)
    half = window // 2
    np.testing.assert_allclose(out[half:-half], expected[half:-half], atol=1e-9)


@given(st.integers(0, 4), st.integers(0, 4))
def test_weights_keep_any_quadratic(before: int, after: int) -> None:
    at = np.arange(-before, after + 1)
    weights = coefficients(before, after)
    assert weights.sum() == pytest.approx(1)
    if len(at) >= 3:
        assert weights @ (7 + 3 * at - 2 * at**2) == pytest.approx(7)


def test_no_smoothing_reaches_over_a_loss() -> None:
    values = tracks(30, 0.02)
    values[15:] += 40.0
    values[12:15] = np.nan
    segments = [1] * 12 + [None] * 3 + [2] * 15
    out, _ = run(values, segments, 5)
    assert np.isnan(out[12:15]).all()
    np.testing.assert_allclose(out[:12], values[:12], atol=0.1)
    np.testing.assert_allclose(out[15:], values[15:], atol=0.1)
    # Each segment alone gives the same.
    np.testing.assert_array_equal(out[15:], run(values[15:], [2] * 15, 5)[0])


def test_jitter_goes_and_a_jerk_stays() -> None:
    eyes = crop.eye_distance(crop.MEAN_5 * 150)
    still = tracks(200, 0.0003 * eyes)
    out, _ = run(still, [1] * 200, 5)
    assert np.diff(out, axis=0).std() < 0.6 * np.diff(still, axis=0).std()
    jerk = tracks(40, 0.0)
    jerk[20:] += 3.0
    out, _ = run(jerk, [1] * 40, 5)
    assert np.abs(out - jerk).max() < 0.05


@pytest.mark.parametrize("window", [1, 5])
def test_frames_come_out_half_a_window_late(window: int) -> None:
    _, counts = run(tracks(10, 0.1), [1] * 10, window)
    assert counts == [max(0, i + 1 - window // 2) for i in range(10)]


def test_window_one_changes_nothing() -> None:
    values = tracks(10, 0.5)
    np.testing.assert_allclose(run(values, [1] * 10, 1)[0], values)
