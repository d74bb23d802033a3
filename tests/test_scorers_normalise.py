"""The steps before the network, against sums over the rows themselves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mespot.errors import UsageError
from mespot.scorers.normalise import STD_FLOOR, difference, fit_normaliser


def rows(seed, n=60, d=4):
    return np.random.default_rng(seed).normal(5, 2, (n, d)).astype(np.float32)


def test_difference_by_hand():
    # ±1 row: the ends have two rows, the middle three.
    assert difference(np.array([[1.0], [2], [6]]), 1).ravel().tolist() == [-0.5, -1, 2]


@settings(deadline=None)
@given(st.integers(0, 40), st.integers(0, 12), st.integers(0, 2**32 - 1), st.booleans())
def test_difference_equals_the_loop(n, radius, seed, holes):
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((n, 2))
    if holes:
        values[rng.random((n, 2)) < 0.2] = rng.choice([np.nan, np.inf])
    expected = np.full((n, 2), np.nan)
    for i in range(n):
        for j in range(2):
            near = values[max(i - radius, 0) : i + radius + 1, j]
            if np.isfinite(values[i, j]):
                expected[i, j] = values[i, j] - near[np.isfinite(near)].mean()
    assert np.allclose(difference(values, radius), expected, atol=1e-12, equal_nan=True)


def test_difference_does_not_see_who_it_is():
    values = rows(0)
    other = values + np.array([100, -3, 7, 0.5], np.float32)
    assert np.allclose(difference(values, 9), difference(other, 9), atol=1e-4)


def test_zscore_is_over_all_training_rows():
    series = [rows(1, 50), rows(2, 3), rows(3, 200) * 3]
    together = np.concatenate(series)
    learned = fit_normaliser(series, ("zscore",), 5)
    assert np.allclose(learned.mean, together.mean(0), rtol=1e-5)
    assert np.allclose(learned.std, together.std(0), rtol=1e-5)
    done = np.concatenate([learned.all_rows(s) for s in series])
    assert np.allclose(done.mean(0), 0, atol=1e-5)
    assert np.allclose(done.std(0), 1, atol=1e-5)


def test_steps_in_order():
    series = [rows(1), rows(2)]
    learned = fit_normaliser(series, ("difference", "zscore"), 4)
    by_hand = [difference(s, 4) for s in series]
    std = np.concatenate(by_hand).std(0)
    mean = np.concatenate(by_hand).mean(0)
    assert np.allclose(learned.all_rows(series[1]), (by_hand[1] - mean) / std, atol=1e-5)
    assert np.array_equal(fit_normaliser(series, (), 4).all_rows(series[0]), series[0])


@settings(deadline=None)
@given(st.integers(0, 59), st.integers(1, 60), st.sampled_from([(), ("zscore",), ("difference",),
       ("difference", "zscore"), ("zscore", "difference")]))  # fmt: skip
def test_a_piece_equals_that_piece_of_the_whole(start, length, steps):
    values = rows(4)
    learned = fit_normaliser([rows(5), values], steps, 7)
    stop = min(start + length, 60)
    assert np.allclose(learned.rows(values, start, stop), learned.all_rows(values)[start:stop],
                       atol=1e-5)  # fmt: skip


def test_large_constants_lose_nothing():
    # A running sum in float32 would drown a movement of 0.01 in a level of 1000 after a minute.
    values = np.full((20_000, 1), 1000, np.float32)
    values[15_000] += np.float32(0.0625)
    assert difference(values, 10)[15_000, 0] == pytest.approx(0.0625 * 20 / 21, rel=1e-6)
    assert np.abs(np.delete(difference(values, 10), slice(14_985, 15_015))).max() < 1e-8


@pytest.mark.parametrize("constant", [0.0, 1e4])
def test_quick_scaling_equals_the_exact(constant):
    values = rows(40) + np.float32(constant)
    learned = fit_normaliser([values], ("zscore",), 1)
    exact = (values.astype(np.float64) - learned.mean) / learned.std
    np.testing.assert_allclose(learned.rows(values, 3, 30), exact[3:30], rtol=1e-5, atol=1e-5)
    broken = values.copy()
    broken[5, 0], broken[6, 1], broken[7, 0] = np.nan, np.inf, -np.inf
    exact[5, 0] = exact[6, 1] = exact[7, 0] = 0.0
    np.testing.assert_allclose(learned.rows(broken, 3, 30), exact[3:30], rtol=1e-5, atol=1e-5)


def test_broken_values_become_zero_and_spoil_nothing():
    whole, broken = rows(6), rows(6)
    broken[10, 1], broken[20, 2], broken[30] = np.nan, np.inf, -np.inf
    learned = fit_normaliser([broken], ("difference", "zscore"), 3)
    done = learned.all_rows(broken)
    assert np.isfinite(done).all()
    assert done[10, 1] == done[20, 2] == 0
    assert not done[30].any()
    clean = learned.all_rows(whole)
    far = np.abs(np.arange(60)[:, None] - np.array([10, 20, 30])).min(1) > 3
    assert np.allclose(done[far], clean[far], atol=1e-5)
    assert (
        np.abs(learned.mean - fit_normaliser([whole], ("difference", "zscore"), 3).mean).max() < 0.2
    )


def test_constant_columns_do_not_explode():
    values = rows(7, d=5)
    values[:, 2] = 3
    learned = fit_normaliser([values], ("zscore",), 1)
    assert learned.std[2] == pytest.approx(STD_FLOOR * np.median(np.delete(learned.std, 2)))
    assert not learned.all_rows(values)[:, 2].any()
    assert fit_normaliser([np.full((5, 3), 2, np.float32)], ("zscore",), 1).std.tolist() == [
        1,
        1,
        1,
    ]


def test_a_step_named_twice_is_refused():
    with pytest.raises(UsageError, match="every step may stand once"):
        fit_normaliser([rows(1)], ("zscore", "zscore"), 3)
