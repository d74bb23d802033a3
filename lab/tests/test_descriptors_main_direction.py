"""Main direction and what is undone: flows given by hand, patches moved by known flows."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise, product

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mespot.descriptors.block_grid import block_edges
from mespot.descriptors.stream import describe_stream
from mespot.types import FaceClip
from mespot_lab.rivals.mdmd import Blocks, MainDirection, sectors, undone

SIZE = 150


def clip_of(frames, fps=30, found=None):
    frames = np.asarray(frames, np.uint8)
    n = len(frames)
    found = np.ones(n, bool) if found is None else found
    return FaceClip(
        frames, found, np.zeros((n, 5, 2), np.float32), np.arange(n) / fps, Fraction(fps)
    )


def texture(seed=0):
    noise = np.random.default_rng(seed).normal(size=(SIZE, SIZE)).astype(np.float32)
    blurred = cv2.GaussianBlur(noise, (0, 0), 2.5)
    return 128 + 45 * blurred / blurred.std()


def moved(image, dx, dy):
    """The image with every pixel's content displaced by (dx, dy)."""
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    out = cv2.remap(
        image, np.float32(x - dx), np.float32(y - dy), cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT,
    )  # fmt: skip
    return np.clip(np.rint(out), 0, 255).astype(np.uint8)


def around(column, row):
    """A smooth window, 1 in the middle of a block of the default grid, of 25 pixels."""
    at = np.arange(SIZE) - SIZE / 6 * np.array([[column + 0.5], [row + 0.5]])
    return np.exp(-0.5 * (at[1][:, None] / 20) ** 2 - 0.5 * (at[0][None] / 20) ** 2)


def flows(vectors):
    return np.array(vectors, np.float32).reshape(1, -1, 2)


def test_main_direction_and_top_third_by_hand():
    # One block of nine pixels. Six point down to the right, lengths 5, 5, 10, 10, 13, 13; three to
    # the left, longer. The main direction is the six'; after, all have length 1 but for one.
    there = flows([(3, 4), (4, 3), (6, 8), (8, 6), (5, 12), (12, 5), (-20, 0), (-30, 0), (-40, 0)])
    after = flows([(0, 1)] * 4 + [(13, 0)] + [(0, -1)] * 4)
    # |HC| - |HT| of the six: 4, 4, 9, 9, 0, 12. Its third are 12 and 9.
    assert undone(there, after, Blocks(1, 9, (1, 1))).tolist() == [10.5]


def test_opposite_directions_are_not_one():
    # By the slope alone, (1, 1) and (-2, -2) would be one direction of four pixels, and (3, -3) of
    # three would never be the main one.
    there = flows([(1, 1), (1, 1), (-2, -2), (-2, -2), (3, -3), (3, -3), (3, -3)])
    result = undone(there, 0 * there, Blocks(1, 7, (1, 1)))
    assert result.tolist() == pytest.approx([3 * math.sqrt(2)])


def test_the_first_of_equally_frequent_directions_counts():
    there = flows([(0, -5), (0, -5), (1, 0), (1, 0)])
    assert undone(there, 0 * there, Blocks(1, 4, (1, 1))).tolist() == [1]


def test_sectors_are_those_of_atan2():
    for u, v in product(range(-9, 10), repeat=2):
        quarter = math.floor(math.atan2(v, u) / (math.pi / 2)) % 4
        assert sectors(np.float32([u / 4, v / 4])) == quarter, (u, v)


@pytest.mark.parametrize(
    ("vector", "sector"),
    [((1, 0), 0), ((1, 1), 0), ((0, 1), 1), ((-1, 1), 1), ((-1, 0), 2), ((-1, -1), 2),
     ((0, -1), 3), ((1, -1), 3), ((0, 0), 0)],
)  # fmt: skip
def test_each_axis_begins_a_sector(vector, sector):
    assert sectors(np.float32(vector)) == sector


def slow_undone(there, after, grid):
    result = []
    for top, bottom in block_edges(there.shape[0], grid[1]):
        for left, right in block_edges(there.shape[1], grid[0]):
            found = {0: [], 1: [], 2: [], 3: []}
            for y in range(top, bottom):
                for x in range(left, right):
                    u, v = map(float, there[y, x])
                    quarter = math.floor(math.atan2(v, u) / (math.pi / 2)) % 4
                    apart = math.hypot(u, v) - math.hypot(*map(float, after[y, x]))
                    found[quarter].append(apart)
            main = max(found.values(), key=len)
            kept = max(round(len(main) / 3), 1)
            result.append(sum(sorted(main)[-kept:]) / kept if main else 0)
    return result


@pytest.mark.parametrize(
    ("height", "width", "grid"), [(20, 20, (6, 6)), (13, 31, (5, 2)), (3, 4, (5, 6))]
)
def test_equal_to_a_slow_loop(height, width, grid):
    rng = np.random.default_rng(height)
    there, after = rng.normal(size=(2, height, width, 2)).astype(np.float32)
    there[:1] = 0
    fast = undone(there, after, Blocks(height, width, grid))
    assert np.allclose(fast, slow_undone(there, after, grid), atol=1e-5)


@pytest.mark.parametrize("method", ["dis", "farneback"])
@pytest.mark.parametrize("direction", [(3.0, 0.5), (-0.5, 3.0), (-3.0, -0.5), (0.5, -3.0)])
def test_a_patch_that_moves_and_comes_back(method, direction):
    # All of it is back at the end, HT = 0: d is the mean of the 208 longest of the block's 625
    # displacements, which are the known ones. Flow smooths: it finds nine tenths of a narrow one.
    image, window = texture(), around(2, 3)
    frames = [moved(image, 0 * window, 0 * window)] * 25
    frames[12] = moved(image, direction[0] * window, direction[1] * window)
    series = MainDirection(method=method).describe(clip_of(frames))
    assert (len(series), series.span, int(series.centres[0])) == (1, 25, 12)
    columns = dict(zip(series.names, series.values[0]))
    known = math.hypot(*direction) * np.sort(window[75:100, 50:75].ravel())[-208:].mean()
    assert known == pytest.approx(2.92, abs=0.01)
    assert columns["undone y3 x2"] == pytest.approx(0.9 * known, rel=0.05)
    assert max(columns, key=columns.get) == "undone y3 x2"
    for far in ("undone y0 x5", "undone y0 x0", "undone y5 x5", "undone y3 x5"):
        assert abs(columns[far]) < 0.1


@pytest.mark.parametrize("method", ["dis", "farneback"])
def test_a_shift_of_everything_is_that_long_in_every_block(method):
    image, ones = texture(), np.ones((SIZE, SIZE))
    frames = [moved(image, 0 * ones, 0 * ones)] * 25
    frames[12] = moved(image, -0.5 * ones, 3.0 * ones)
    values = MainDirection(method=method).describe(clip_of(frames)).values.reshape(6, 6)
    assert values[1:-1, 1:-1] == pytest.approx(np.full((4, 4), math.hypot(0.5, 3)), abs=0.1)


def test_a_movement_that_stays_is_not_undone():
    image, window = texture(1), around(4, 1)
    still, risen = moved(image, 0 * window, 0 * window), moved(image, 0 * window, -3 * window)
    stays = MainDirection().describe(clip_of([still] * 12 + [risen] * 13)).values.reshape(6, 6)
    grows = MainDirection().describe(clip_of([still] * 13 + [risen] * 12)).values.reshape(6, 6)
    # HC = HT where it has moved by the middle; HC = 0 where it moves later, so that the largest
    # third of -|HT| among pixels at rest remains.
    assert abs(stays[1, 4]) < 0.05
    assert -4 < grows[1, 4] < -1


def test_pixels_of_a_150_px_crop_whatever_is_computed_on():
    image, window = texture(2), around(3, 2)
    frames = [moved(image, 0 * window, 0 * window)] * 25
    frames[12] = moved(image, 0 * window, 2.5 * window)
    halved = MainDirection(reduced=2).describe(clip_of(frames)).values.reshape(6, 6)[2, 3]
    full = MainDirection(reduced=1).describe(clip_of(frames)).values.reshape(6, 6)[2, 3]
    assert halved == pytest.approx(full, abs=0.5)
    doubled = [np.kron(f, np.ones((2, 2), np.uint8)) for f in frames]
    large = MainDirection(reduced=4).describe(clip_of(doubled)).values.reshape(6, 6)[2, 3]
    # Grey values are rounded twice less.
    assert large == pytest.approx(halved, abs=0.02)


def test_lengths_follow_the_frame_rate():
    d = MainDirection()
    assert [d.reach_at(Fraction(f)) for f in (25, 30, 100, 200)] == [10, 12, 40, 81]
    assert [d.step_at(Fraction(f)) for f in (25, 30, 100, 200)] == [1, 1, 1, 3]
    assert d.span_at(Fraction(30)) == 25
    assert MainDirection(distance_s=0.001).span_at(Fraction(25)) == 3


def test_rows_at_high_rates_are_those_of_every_third_frame():
    image, window = texture(3), around(1, 4)
    fast = [moved(image, 0 * window, 2 * math.sin(t / 9) * window) for t in range(80)]
    d = MainDirection(distance_s=0.09)
    at_200 = replace(clip_of(fast), fps=Fraction(200))
    series = d.describe(at_200)
    thinned = replace(clip_of(fast[::3]), fps=Fraction(200, 3))
    assert (series.step, series.span, len(series)) == (3, 37, 1 + (80 - 37) // 3)
    assert np.array_equal(series.values, d.describe(thinned).values)
    pieces = [
        FaceClip(at_200.frames[a:b], at_200.found[a:b], at_200.landmarks[a:b],
                 at_200.times_s[a:b], at_200.fps)
        for a, b in pairwise([0, 40, 47, 80])
    ]  # fmt: skip
    assert np.array_equal(describe_stream(d, pieces).values, series.values)


@settings(max_examples=8, deadline=None)
@given(n=st.integers(1, 20), cuts=st.lists(st.integers(0, 20), max_size=4), seed=st.integers(0, 99))
def test_pieces_equal_the_whole(n, cuts, seed):
    rng = np.random.default_rng(seed)
    whole = clip_of(rng.integers(0, 256, (n, 32, 32)), found=rng.random(n) < 0.95)
    edges = [0, *sorted(min(c, n) for c in cuts), n]
    parts = [
        FaceClip(whole.frames[a:b], whole.found[a:b], whole.landmarks[a:b], whole.times_s[a:b],
                 whole.fps)
        for a, b in pairwise(edges)
    ]  # fmt: skip
    d = MainDirection(distance_s=0.1)
    streamed, direct = describe_stream(d, parts), d.describe(whole)
    assert np.array_equal(streamed.values, direct.values, equal_nan=True)
    assert (streamed.n_frames, streamed.span, streamed.names) == (n, 7, direct.names)


def test_rows_that_touch_a_lost_frame_hold_no_number():
    frames = np.random.default_rng(3).integers(0, 256, (20, 32, 32), dtype=np.uint8)
    found = np.ones(20, bool)
    found[10] = False
    values = MainDirection(distance_s=0.1).describe(clip_of(frames, found=found)).values
    assert np.flatnonzero(np.isnan(values).any(axis=1)).tolist() == list(range(4, 11))
    assert np.isnan(values).any(axis=1).tolist() == np.isnan(values).all(axis=1).tolist()


def test_mirror_puts_a_movement_on_the_other_side():
    image, window = texture(4), around(1, 2)
    frames = [moved(image, 0 * window, 0 * window)] * 25
    frames[12] = moved(image, 0.4 * window, -3 * window)
    d = MainDirection()
    turned = d.mirror(d.describe(clip_of(frames))).values.reshape(6, 6)
    mirrored = d.describe(clip_of([f[:, ::-1].copy() for f in frames])).values.reshape(6, 6)
    assert np.unravel_index(turned.argmax(), (6, 6)) == (2, 4)
    assert np.abs(turned - mirrored).max() < 0.35


def test_bad_fields_are_one_clear_line():
    for field in ({"distance_s": 0}, {"grid": (0, 6)}, {"reduced": 5}):
        with pytest.raises(ValueError, match=next(iter(field))):
            MainDirection(**field)
