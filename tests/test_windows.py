"""Windows and the two rules that merge them, against loops that do it row by row."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mespot.windows import MeanMerge, PeakMerge, local_maxima, n_windows, pad, smooth
from window_cases import cut, merge_mean, merge_peaks

sizes = st.tuples(st.integers(0, 40), st.integers(1, 12))


@settings(deadline=None)
@given(sizes, st.integers(0, 2**32 - 1))
def test_the_mean_of_equal_predictions_is_the_prediction_to_the_bit(size, seed):
    n, window = size
    values = np.random.default_rng(seed).standard_normal(n).astype(np.float32)
    assert np.array_equal(merge_mean(cut(values, window), n), values)


@settings(deadline=None)
@given(sizes, st.integers(0, 2**32 - 1))
def test_mean_equals_the_loop(size, seed):
    n, window = size
    shape = (n_windows(n, window), window)
    windows = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    expected = [
        np.mean([w[row - k] for k, w in enumerate(windows) if k <= row < k + window], dtype=float)
        for row in range(n)
    ]
    assert np.allclose(merge_mean(windows, n), expected, rtol=0, atol=1e-6)


@settings(deadline=None)
@given(sizes)
def test_a_window_begins_at_every_row_that_leaves_room(size):
    n, window = size
    begins = [k for k in range(n) if k == 0 or k + window <= n]
    assert n_windows(n, window) == len(begins)


def test_short_series_is_one_lengthened_window():
    values = np.array([1, 2, 3], np.float32)
    assert cut(values, 5).tolist() == [[1, 2, 3, 3, 3]]
    assert merge_mean(cut(values, 5), 3).tolist() == [1, 2, 3]
    assert pad(values, 2) is values
    assert pad(values, 4).tolist() == [1, 2, 3, 3]


def test_mean_by_hand():
    # Windows of 2 over 3 rows: the middle row is predicted twice.
    assert merge_mean(np.array([[1, 2], [4, 8]], np.float32), 3).tolist() == [1, 3, 8]


def test_mean_says_which_row_no_window_holds():
    merger = MeanMerge(5)
    merger.add(np.ones((1, 2), np.float32), 0)
    with pytest.raises(ValueError, match="row 2 is in no window"):
        merger.result()


def test_peaks_by_hand():
    windows = np.array([[0, 3, 1, 2], [2, 1, 4, 0], [1, 5, 2, 6]], np.float32)
    # Window 0 (rows 0-3): peak 3 at row 1; its 2 at row 3 is at the edge, not the end. Window 1
    # (rows 1-4): 4 at row 3; its 2 at row 1 is at the edge. Window 2 (rows 2-5): 5 at row 3,
    # and 6 at row 5 where the recording ends.
    assert merge_peaks(windows, 6).tolist() == [0, 3, 0, 5, 0, 6]


def test_peaks_at_the_recordings_own_ends_count():
    assert merge_peaks(np.array([[3, 1, 0, 2]], np.float32), 4).tolist() == [3, 0, 0, 2]
    # The same window inside a longer recording has no peak at all.
    merger = PeakMerge(6)
    merger.add(np.array([[3, 1, 0, 2]], np.float32), 1)
    assert merger.result().tolist() == [0] * 6


def test_peaks_at_or_below_zero_and_flat_windows_are_none():
    assert not merge_peaks(np.array([[-3, -1, -2, 0, -1]], np.float32), 5).any()
    assert not merge_peaks(np.full((1, 4), 0.7, np.float32), 4).any()
    assert merge_peaks(np.array([[0, 2, 2, 2, 0]], np.float32), 5).tolist() == [0, 0, 2, 0, 0]


def slow_peaks(windows, n):
    """Peak by peak; a plateau's middle, rounded down."""
    best = np.zeros(n, np.float32)
    for start, row in enumerate(windows):
        length = min(len(row), n - start)
        if row.max() == row.min():
            continue
        for a in range(length):
            b = a
            while b + 1 < length and row[b + 1] == row[a]:
                b += 1
            if a and row[a - 1] == row[a]:
                continue
            left = row[a - 1] < row[a] if a else start == 0
            right = row[b + 1] < row[b] if b + 1 < length else start + length == n
            if left and right and row[a] > 0:
                middle = start + (a + b) // 2
                best[middle] = max(best[middle], row[a])
    return best


@settings(deadline=None)
@given(sizes, st.integers(0, 2**32 - 1), st.integers(1, 3))
def test_peaks_equal_the_loop(size, seed, levels):
    n, window = size
    # Few levels make plateaus; windows here are predictions and need not agree on a row.
    shape = (n_windows(n, window), window)
    windows = np.random.default_rng(seed).integers(-1, levels + 1, shape).astype(np.float32)
    assert np.array_equal(merge_peaks(windows, n), slow_peaks(windows, n))


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 30))
def test_pieces_give_what_the_whole_gives(seed, piece):
    windows = np.random.default_rng(seed).standard_normal((40, 7)).astype(np.float32)
    mean, peaks = MeanMerge(46), PeakMerge(46)
    for first in range(0, 40, piece):
        mean.add(windows[first : first + piece], first)
        peaks.add(windows[first : first + piece], first)
    assert np.allclose(mean.result(), merge_mean(windows, 46), rtol=0, atol=1e-7)
    assert np.array_equal(peaks.result(), merge_peaks(windows, 46))


@pytest.mark.parametrize(
    ("values", "peaks"),
    [
        ([], []),
        ([5], []),
        ([2, 2, 2], []),
        ([1, 2, 1], [1]),
        ([2, 1, 1, 3], [0, 3]),
        ([0, 2, 2, 2, 2, 0], [2]),
        ([0, 1, 1, 2, 0], [3]),
        ([1, 1, 0, 0, 1, 1, 1], [0, 5]),
    ],
)
def test_local_maxima_by_hand(values, peaks):
    assert local_maxima(np.array(values, float)).tolist() == peaks


@settings(deadline=None)
@given(st.lists(st.integers(0, 5), max_size=30), st.integers(0, 4), st.data())
def test_smooth_is_the_mean_between_walls(values, radius, data):
    n = len(values)
    usable = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)), bool)
    curve = np.where(usable, np.array(values, float), 0)
    expected = np.zeros(n)
    for i in np.flatnonzero(usable):
        low = high = i
        while low > 0 and usable[low - 1] and i - low < radius:
            low -= 1
        while high < n - 1 and usable[high + 1] and high - i < radius:
            high += 1
        expected[i] = curve[low : high + 1].mean()
    assert np.allclose(smooth(curve, usable, radius), expected, atol=1e-7)


def test_smooth_of_small_numbers_is_as_exact():
    curve, usable = np.linspace(0.1, 0.9, 50), np.ones(50, bool)
    assert np.array_equal(smooth(curve * 2.0**-40, usable, 3), smooth(curve, usable, 3) * 2.0**-40)


def test_smooth_leaves_no_dust():
    # A running sum in floating point would leave 1e-17 behind every peak, each a peak of its own.
    curve = np.zeros(1000)
    curve[[100, 500]] = [0.1, 0.7]
    assert np.count_nonzero(smooth(curve, np.ones(1000, bool), 2)) == 10
