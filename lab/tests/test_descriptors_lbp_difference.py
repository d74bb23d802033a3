"""LBP block differences: textures whose histograms can be counted on the fingers."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mespot.align.crop import MEAN_68
from mespot.descriptors.stream import describe_stream
from mespot.errors import UsageError
from mespot.types import FaceClip, FrameSeries
from mespot_lab.rivals.lbp_chi2 import BINS, LbpDifference, block_edges, pattern_bins, patterns

SIZE = 150


def clip_of(frames, fps=25, found=None):
    frames = np.asarray(frames, np.uint8)
    n = len(frames)
    found = np.ones(n, bool) if found is None else found
    return FaceClip(
        frames, found, np.zeros((n, 5, 2), np.float32), np.arange(n) / fps, Fraction(fps)
    )


def dots(frame, column, row, spacing=7, value=200):
    """Put bright pixels into a block of the default grid, never neighbours; (dots, pixels)."""
    x, y = block_edges(SIZE, 0, LbpDifference()), block_edges(SIZE, 1, LbpDifference())
    inside = frame[y[row] + 3 : y[row + 1] - 3, x[column] + 3 : x[column + 1] - 3]
    inside[::spacing, ::spacing] = value
    return int((inside == value).sum()), int(np.diff(y)[row] * np.diff(x)[column])


def test_bright_dots_in_one_block_change_that_block_by_the_amount_worked_out_by_hand():
    # A flat frame: every pattern is all ones. A bright dot is darker than nothing and nothing near
    # it becomes darker than before: only the dot's own pattern changes, to all zeros. With a share
    # q of dots in the middle frame alone, x = (1 - q, q) and y = (1, 0):
    # d = q^2 / (2 - q) + q^2 / q.
    frames = np.full((9, SIZE, SIZE), 100, np.uint8)
    n, pixels = dots(frames[4], 2, 3)
    assert n == 9
    q = n / pixels
    series = LbpDifference().describe(clip_of(frames))
    assert (len(series), series.span, int(series.centres[0])) == (1, 9, 4)
    columns = dict(zip(series.names, series.values[0]))
    assert columns.pop("chi2 y3 x2") == pytest.approx(q * q / (2 - q) + q, rel=1e-6)
    assert set(columns.values()) == {0.0}


def test_dots_at_one_end_count_half():
    # x = (1, 0), y = (1 - q / 2, q / 2): d = (q / 2)^2 / (2 - q / 2) + q / 2, at either end.
    for end in (0, 8):
        frames = np.full((9, SIZE, SIZE), 100, np.uint8)
        n, pixels = dots(frames[end], 5, 0)
        half = n / pixels / 2
        values = LbpDifference().describe(clip_of(frames)).values.reshape(6, 6)
        assert values[0, 5] == pytest.approx(half**2 / (2 - half) + half, rel=1e-6)
        assert np.count_nonzero(values) == 1


def test_dots_at_all_three_are_no_difference_and_what_lies_between_does_not_count():
    frames = np.full((9, SIZE, SIZE), 100, np.uint8)
    for t in (0, 4, 8):
        dots(frames[t], 1, 1)
    dots(frames[2], 4, 4)
    assert not LbpDifference().describe(clip_of(frames)).values.any()


def test_wholly_different_textures_are_two_apart():
    # Flat frames have nothing but patterns of all ones; a ramp has none of them, since what lies to
    # its darker side is darker.
    frames = np.full((3, 40, 40), 100, np.uint8)
    frames[1] = np.arange(40, dtype=np.uint8)[None] * 3
    values = LbpDifference(window_s=0.1).describe(clip_of(frames)).values
    assert values == pytest.approx(np.full((1, 36), 2.0))


def slow_pattern(frame, y, x, radius):
    code = 0
    for p in range(8):
        dx = radius * math.cos(math.pi * p / 4)
        dy = radius * math.sin(math.pi * p / 4)
        if p % 2 == 0:
            value = float(frame[y + round(dy), x + round(dx)])
        else:
            # The fraction is taken to 1/256, as documented.
            sx, sy = (1 if dx > 0 else -1), (1 if dy > 0 else -1)
            whole = int(abs(dx))
            part = round((abs(dx) - whole) * 256) / 256
            value = 0.0
            for wy, oy in ((1 - part, whole), (part, whole + 1)):
                for wx, ox in ((1 - part, whole), (part, whole + 1)):
                    value += wy * wx * float(frame[y + sy * oy, x + sx * ox]) if wy * wx else 0.0
        code |= (value >= float(frame[y, x])) << p
    return code


def slow_bin(code):
    uniform = [c for c in range(256) if changes(c) <= 2]
    return uniform.index(code) if changes(code) <= 2 else len(uniform)


def changes(code):
    bits = [code >> p & 1 for p in range(8)]
    return sum(a != b for a, b in pairwise([*bits, bits[0]]))


@pytest.mark.parametrize("radius", [1, 2, 3, 4])
def test_patterns_equal_a_slow_loop(radius):
    frame = np.random.default_rng(radius).integers(0, 256, (17, 15), dtype=np.uint8)
    frame[4:12, 3:9] = 77
    fast = patterns(frame, radius)
    assert fast.shape == (17 - 2 * radius, 15 - 2 * radius)
    for y in range(fast.shape[0]):
        for x in range(fast.shape[1]):
            assert fast[y, x] == slow_pattern(frame, y + radius, x + radius, radius)


def test_bins_are_58_uniform_ones_and_one_for_the_rest():
    bins = pattern_bins()
    assert [int(b) for b in bins] == [slow_bin(c) for c in range(256)]
    assert len(set(bins.tolist())) == BINS == 59
    assert (bins == 58).sum() == 256 - 58


def slow_rows(frames, descriptor, k):
    x = block_edges(frames.shape[2], 0, descriptor)
    y = block_edges(frames.shape[1], 1, descriptor)

    def histogram(frame, row, column):
        h = [0.0] * 59
        for j in range(y[row], y[row + 1]):
            for i in range(x[column], x[column + 1]):
                h[slow_bin(slow_pattern(frame, j, i, descriptor.radius))] += 1
        return [v / max(sum(h), 1) for v in h]

    rows = []
    for c in range(k, len(frames) - k):
        row = []
        for r in range(len(y) - 1):
            for q in range(len(x) - 1):
                now = histogram(frames[c], r, q)
                ends = zip(histogram(frames[c - k], r, q), histogram(frames[c + k], r, q))
                aff = [(a + b) / 2 for a, b in ends]
                row.append(sum((a - b) ** 2 / (a + b) for a, b in zip(now, aff) if a + b))
        rows.append(row)
    return np.array(rows)


def test_rows_equal_a_slow_loop():
    frames = np.random.default_rng(1).integers(0, 256, (6, 24, 22), dtype=np.uint8)
    descriptor = LbpDifference(window_s=0.17, grid=(3, 2), radius=2)
    assert descriptor.reach_at(Fraction(25)) == 2
    fast = descriptor.describe(clip_of(frames)).values
    assert np.allclose(fast, slow_rows(frames, descriptor, 2), atol=1e-6)


def test_blocks_stand_on_the_nasal_spine_and_are_as_wide_as_the_inner_eyes_tell():
    d = LbpDifference()
    x, y = block_edges(1000, 0, d), block_edges(1000, 1, d)
    inner = 1000 * (MEAN_68[42, 0] - MEAN_68[39, 0])
    drop = 1000 * (MEAN_68[33, 1] - MEAN_68[39, 1])
    assert x[3] == round(1000 * MEAN_68[33, 0])
    assert y[4] == round(1000 * MEAN_68[33, 1])
    assert x[6] - x[0] == pytest.approx(3 * 1.2 * inner, abs=1)
    assert y[6] - y[0] == pytest.approx(2 * 1.3 * drop, abs=1)
    # All of it within a crop of 150 pixels, and so are the brows and the mouth.
    assert block_edges(150, 0, d)[0] > 3
    assert block_edges(150, 1, d)[6] < 147
    marks = 1000 * MEAN_68[17:68]
    assert ((marks[:, 0] > x[0]) & (marks[:, 0] < x[6])).all()
    assert ((marks[:, 1] > y[0]) & (marks[:, 1] < y[6])).all()


def test_windows_are_odd_and_about_a_third_of_a_second():
    spans = {fps: LbpDifference().span_at(Fraction(fps)) for fps in (25, 30, 60, 100, 200)}
    assert spans == {25: 9, 30: 11, 60: 21, 100: 35, 200: 69}
    assert LbpDifference(window_s=0.001).span_at(Fraction(25)) == 3


@settings(max_examples=15, deadline=None)
@given(n=st.integers(1, 30), cuts=st.lists(st.integers(0, 30), max_size=4), seed=st.integers(0, 99))
def test_pieces_equal_the_whole(n, cuts, seed):
    rng = np.random.default_rng(seed)
    whole = clip_of(rng.integers(0, 256, (n, 16, 16)), found=rng.random(n) < 0.95)
    edges = [0, *sorted(min(c, n) for c in cuts), n]
    parts = [
        FaceClip(whole.frames[a:b], whole.found[a:b], whole.landmarks[a:b], whole.times_s[a:b],
                 whole.fps)
        for a, b in pairwise(edges)
    ]  # fmt: skip
    descriptor = LbpDifference(grid=(2, 2))
    streamed, direct = describe_stream(descriptor, parts), descriptor.describe(whole)
    assert np.array_equal(streamed.values, direct.values, equal_nan=True)
    assert (streamed.n_frames, streamed.span, streamed.names) == (n, 9, direct.names)


def test_brightness_and_contrast_do_not_matter():
    frames = np.random.default_rng(2).integers(0, 120, (12, 40, 40), dtype=np.uint8)
    one = LbpDifference().describe(clip_of(frames)).values
    assert one.max() > 0
    assert np.array_equal(one, LbpDifference().describe(clip_of(2 * frames + 10)).values)


def test_rows_that_touch_a_lost_frame_hold_no_number():
    frames = np.random.default_rng(3).integers(0, 256, (30, 20, 20), dtype=np.uint8)
    found = np.ones(30, bool)
    found[12] = False
    values = LbpDifference().describe(clip_of(frames, found=found)).values
    lost = np.isnan(values).all(axis=1)
    assert np.flatnonzero(lost).tolist() == list(range(4, 13))
    assert np.isfinite(values[~lost]).all()


def test_lost_frames_between_rows_that_are_apart():
    values, found = np.zeros((4, 2), np.float32), np.ones(12, bool)
    found[[0, 8]] = False
    series = FrameSeries(values, 0, 3, 3, 12, Fraction(30))  # rows look at 0-2, 3-5, 6-8, 9-11
    assert series.all_found(found).tolist() == [False, True, False, True]


def test_mirror_equals_describing_the_mirrored_crops():
    frames = np.random.default_rng(4).integers(0, 256, (12, SIZE, SIZE), dtype=np.uint8)
    descriptor = LbpDifference()
    mirrored = descriptor.describe(clip_of(frames[:, :, ::-1].copy()))
    turned = descriptor.mirror(descriptor.describe(clip_of(frames)))
    assert np.allclose(mirrored.values, turned.values, atol=1e-6)
    assert turned.values.std() > 0


def test_too_small_frames_and_bad_fields_are_one_clear_line():
    with pytest.raises(UsageError, match=r"6 x 6 pixels.*align.size"):
        LbpDifference().describe(clip_of(np.zeros((12, 6, 6))))
    for field in ({"window_s": 0}, {"grid": (0, 6)}, {"radius": 0}, {"enlarge": (1.2, 0.0)}):
        with pytest.raises(ValueError, match=next(iter(field))):
            LbpDifference(**field)
