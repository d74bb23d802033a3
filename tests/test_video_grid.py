"""Timestamps to a grid: the rate found, and which frame stands at which point."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mespot.errors import UsageError
from mespot.video.grid import Decoded, find_grid, last_point, on_grid

RATES = [Fraction(n) for n in (15, 24, 25, 30, 50, 60, 100, 120, 200, 240)]
RATES += [Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60000, 1001)]
TIME_BASES = [Fraction(1, n) for n in (1000, 600, 12800, 15360, 90000, 10**6)]


def ticks(times: list[Fraction], time_base: Fraction, down: bool = False) -> np.ndarray:
    """Exact times as a container of this time base stores them."""
    store = math.floor if down else round
    return np.array([store(t / time_base) for t in times], np.int64)


@pytest.mark.parametrize("rate", RATES, ids=str)
@pytest.mark.parametrize("time_base", TIME_BASES, ids=str)
@pytest.mark.parametrize("down", [False, True])
def test_constant_rate_is_found_exactly(rate: Fraction, time_base: Fraction, down: bool) -> None:
    stamps = ticks([i / rate for i in range(3000)], time_base, down)
    if (np.diff(stamps) < 1).any():
        pytest.skip("ticks too coarse for this rate")
    grid = find_grid(stamps + 777, time_base, [])
    assert (grid.fps, grid.variable, grid.source, grid.n_expected) == (
        (rate, False, "timestamps", 3000)
    )


@given(
    rate=st.sampled_from(RATES),
    time_base=st.sampled_from(TIME_BASES[2:]),
    lost=st.sets(st.integers(1, 298), max_size=100),
    start=st.integers(-(10**6), 10**9),
)
@settings(max_examples=60, deadline=None)
def test_lost_frames_leave_the_rate_and_their_places(
    rate: Fraction, time_base: Fraction, lost: set[int], start: int
) -> None:
    kept = [i for i in range(300) if i not in lost]
    steps = np.diff(kept)
    if np.median(steps) > 1 or (steps == 1).mean() < 0.6:
        return  # more gaps than frames: the rate itself is then in doubt
    stamps = ticks([i / rate for i in kept], time_base)
    grid = find_grid(stamps + start, time_base, [])
    assert grid.fps == rate
    assert grid.n_expected == 300
    frames = [Decoded(None, int(s - stamps[0]) * time_base, i) for s, i in zip(stamps, kept)]
    shown = list(on_grid(frames, grid.fps))
    assert len(shown) == 300
    for point, (frame, _, is_gap) in enumerate(shown):
        assert is_gap == (point in lost)
        assert is_gap or frame.number == point


def test_short_clips_in_milliseconds() -> None:
    # Both 29.97 and 30 fit six frames: the header's word decides, else the nearer to 167 / 5 ms.
    stamps = np.array([0, 33, 67, 100, 133, 167])
    ms = Fraction(1, 1000)
    assert find_grid(stamps, ms, []).fps == Fraction(30000, 1001)
    assert find_grid(stamps, ms, [Fraction(30)]).fps == 30
    assert find_grid(stamps, ms, [Fraction(30000, 1001)]).fps == Fraction(30000, 1001)
    # A header that the timestamps contradict is not believed.
    assert find_grid(stamps, ms, [Fraction(25)]).fps == Fraction(30000, 1001)
    assert find_grid(stamps, ms, [Fraction(2997, 100)]).fps == Fraction(30000, 1001)


def test_odd_rates_stay_what_they_are() -> None:
    exact = np.arange(50) * 3
    assert find_grid(exact, Fraction(1, 59), []).fps == Fraction(59, 3)
    assert find_grid(np.arange(50), Fraction(1, 26), [Fraction(24)]).fps == 26
    # 12.5 frames/s in ms is exact, 7.3 is not.
    assert find_grid(np.arange(50) * 80, Fraction(1, 1000), []).fps == Fraction(25, 2)
    stamps = ticks([i / Fraction(73, 10) for i in range(400)], Fraction(1, 1000))
    hint = Fraction(73, 10) + Fraction(1, 10**5)
    assert find_grid(stamps, Fraction(1, 1000), [hint]).fps == hint
    assert abs(find_grid(stamps, Fraction(1, 1000), []).fps - Fraction(73, 10)) < Fraction(1, 10**4)


def test_milliseconds_carried_into_a_finer_time_base() -> None:
    stamps = ticks([i / Fraction(30) for i in range(200)], Fraction(1, 1000)) * 90
    grid = find_grid(stamps, Fraction(1, 90000), [])
    assert (grid.fps, grid.variable) == (30, False)


def test_jitter_keeps_every_frame() -> None:
    rng = np.random.default_rng(5)
    # 30 frames/s, each up to 8 of 33 ms late, as from a webcam.
    stamps = np.arange(500) * 3000 + rng.integers(0, 720, 500)
    grid = find_grid(stamps, Fraction(1, 90000), [Fraction(29)])
    assert grid.variable
    assert abs(grid.fps - 30) < Fraction(1, 20)
    frames = [Decoded(None, Fraction(int(s - stamps[0]), 90000), i) for i, s in enumerate(stamps)]
    assert [source for _, source, _ in on_grid(frames, grid.fps)] == list(range(500))


def test_variable_rate_takes_the_median_distance() -> None:
    # 90 distances of 1/24 s, 70 of 1/30 s.
    stamps = np.concatenate([[0], np.cumsum([640] * 90 + [512] * 70)])
    grid = find_grid(stamps, Fraction(1, 15360), [Fraction(30)])
    assert (grid.fps, grid.variable, grid.source) == (24, True, "median timestamp distance")
    # 90/24 s + 70/30 s = 6.0833 s = 146 periods of 1/24 s.
    assert grid.n_expected == 147


def test_rates_out_of_range_ask_for_fps() -> None:
    for stamps in ([0, 5000, 10000], [0, 100000]):
        with pytest.raises(UsageError, match="--fps"):
            find_grid(np.array(stamps), Fraction(1, 1000), [])
    with pytest.raises(UsageError, match=r"5000 frames per second.*--fps"):
        find_grid(np.arange(10), Fraction(1, 5000), [])
    with pytest.raises(UsageError, match="--fps"):
        find_grid(np.array([7]), Fraction(1, 1000), [])
    assert find_grid(np.array([7]), Fraction(1, 1000), [Fraction(25)]).fps == 25


times_lists = st.lists(st.integers(1, 400), min_size=0, max_size=60).map(
    lambda steps: [Fraction(0), *(Fraction(int(t), 1000) for t in np.cumsum(steps))]
)


@given(times=times_lists, fps=st.sampled_from([*RATES, Fraction(7), Fraction(1)]))
@settings(max_examples=200, deadline=None)
def test_grid_against_a_slow_search(times: list[Fraction], fps: Fraction) -> None:
    frames = [Decoded(None, t, i) for i, t in enumerate(times)]
    shown = list(on_grid(frames, fps))
    # The last point lies within half a period of the last frame, the next one does not.
    n = len(shown)
    assert Fraction(n - 1) / fps - times[-1] < Fraction(1, 2) / fps
    assert Fraction(n) / fps - times[-1] >= Fraction(1, 2) / fps
    for point, (frame, source, is_gap) in enumerate(shown):
        at = point / fps
        nearest = min(range(len(times)), key=lambda i: (abs(times[i] - at), i))
        assert source == nearest == frame.number
        assert is_gap == (abs(times[nearest] - at) * fps > Fraction(3, 4))


def test_grid_by_hand() -> None:
    # 10 frames/s; frames at 0, 0.1, 0.15 (twice), 0.5 s. Points 0.2 -> 0.15, 0.3 -> 0.15 (a gap of
    # 1.5 periods), 0.4 -> 0.5.
    times = [Fraction(n, 100) for n in (0, 10, 15, 15, 50)]
    frames = [Decoded(None, t, i) for i, t in enumerate(times)]
    shown = [(source, gap) for _, source, gap in on_grid(frames, Fraction(10))]
    assert shown == [(0, False), (1, False), (3, False), (3, True), (4, True), (4, False)]
    assert list(on_grid([], Fraction(10))) == []
    assert [last_point(Fraction(n, 4)) for n in (0, 1, 2, 3, 4, 6, 7)] == [0, 0, 0, 1, 1, 1, 2]
