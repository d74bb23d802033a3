"""Curves over time: their values, where they start and end, and that they do not depend on fps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mespot.synthetic.profiles import ease, profile, tremble, wander


def test_ease_values_worked_by_hand():
    tau = np.array([-1.0, 0.0, 0.25, 0.5, 1.0, 2.0])
    # cosine: (1 - cos 45 deg) / 2 at a quarter; jerk: 10/64 - 15/256 + 6/1024.
    np.testing.assert_allclose(ease(tau), [0, 0, 0.1464466, 0.5, 1, 1], atol=1e-7)
    np.testing.assert_allclose(ease(tau, "jerk"), [0, 0, 0.1035156, 0.5, 1, 1], atol=1e-7)


def test_profile_worked_by_hand():
    # Rise over frames 2, 3 (thirds of the way), apex 4, fall over frame 5 (half-way).
    np.testing.assert_allclose(profile((2, 4, 5)), [0.25, 0.75, 1, 0.5], atol=1e-12)
    # A hold of one frame that loses a tenth, then half-way down.
    np.testing.assert_allclose(profile((0, 0, 2), hold=1, sag=0.1), [1, 0.9, 0.45], atol=1e-12)


@given(
    st.integers(0, 20), st.integers(0, 30), st.integers(0, 40),
    st.sampled_from(["cosine", "jerk"]), st.floats(0.0, 0.3),
)  # fmt: skip
def test_profile_moves_from_onset_to_offset_and_peaks_at_the_apex(rise, fall, hold, shape, sag):
    curve = profile((7, 7 + rise, 7 + rise + fall), shape, hold, sag)
    assert len(curve) == rise + fall + 1
    assert (curve > 0).all()
    assert curve[rise] == pytest.approx(1.0)
    assert curve.max() == pytest.approx(1.0)
    assert (np.diff(curve[: rise + 1]) > 0).all()
    assert (np.diff(curve[rise:]) <= 1e-12).all()


def test_tremor_keeps_the_apex_highest():
    curve = profile((10, 20, 50), hold=20)
    shaken = tremble(curve, 10, 0.05, np.random.default_rng(0))
    assert (shaken > 0).all()
    assert shaken.argmax() == 10
    assert (shaken < 1.0).sum() == 40
    assert 0.01 < np.abs(shaken - curve)[2:38].max() < 0.3


def test_wander_depends_on_time_not_on_the_frame_rate():
    slow, fast = np.arange(3000) / 25.0, np.arange(6000) / 50.0
    a = wander(slow, (0.1, 1.0), np.random.default_rng(3))
    b = wander(fast, (0.1, 1.0), np.random.default_rng(3))
    np.testing.assert_allclose(a, b[::2], atol=1e-12)
    assert a.std() == pytest.approx(1.0, abs=0.15)
