"""LBP-TOP, HOG-TOP, HIGO-TOP against a slow loop written from the definition alone."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import naive_top
from mespot.descriptors.higo_top import HigoTop
from mespot.descriptors.hog_top import HogTop
from mespot.descriptors.lbp_top import LbpTop
from mespot.errors import UsageError
from mespot.types import FaceClip

FPS = Fraction(25)
SLOW_START = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def clip_of(volume):
    n = len(volume)
    return FaceClip(
        np.asarray(volume, np.uint8),
        np.ones(n, bool),
        np.zeros((n, 5, 2), np.float32),
        np.arange(n) / 25,
        FPS,
    )


def method_of(descriptor):
    """The descriptor as the slow loop takes it."""
    kinds = {LbpTop: "lbp", HogTop: "hog", HigoTop: "higo"}
    return {"kind": kinds[type(descriptor)], **asdict(descriptor)}


@st.composite
def cases(draw, kind):
    """A descriptor with random fields and a small random volume that it can describe."""
    fields = {
        "grid": (draw(st.integers(1, 4)), draw(st.integers(1, 4))),
        "overlap": draw(st.sampled_from([0.0, 0.2, 0.25, 0.5, 0.8])),
        "time_blocks": draw(st.integers(1, 3)),
    }
    if kind is LbpTop:
        fields["radius"] = tuple(draw(st.integers(1, 4)) for _ in range(3))
    if kind is HogTop:
        fields["voting"] = draw(st.sampled_from(["hard", "soft"]))
    span = kind(**fields).shortest_span + draw(st.integers(0, 4))
    descriptor = kind(**fields, span=span)
    rx, ry, _ = descriptor.margin
    shape = (
        span + draw(st.integers(0, 4)),
        2 * ry + draw(st.integers(1, 9)),
        2 * rx + draw(st.integers(1, 9)),
    )
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    levels = draw(st.sampled_from([1, 2, 4, 40, 256]))
    volume = rng.integers(0, levels, shape) * (255 // max(1, levels - 1))
    return descriptor, volume.astype(np.uint8)


def expected(descriptor, volume):
    return naive_top.histograms(
        volume,
        descriptor.span,
        method_of(descriptor),
        grid=descriptor.grid,
        overlap=descriptor.overlap,
        time_blocks=descriptor.time_blocks,
    )


@pytest.mark.parametrize("kind", [LbpTop, HogTop, HigoTop], ids=["lbp_top", "hog_top", "higo_top"])
@SLOW_START
@given(data=st.data())
def test_rows_equal_the_slow_loop_to_the_bit(kind, data):
    """Whole numbers of votes, each with the one rounding that the page names."""
    descriptor, volume = data.draw(cases(kind))
    values = descriptor.describe(clip_of(volume)).values
    np.testing.assert_array_equal(values, naive_top.normalised(expected(descriptor, volume)))


@pytest.mark.parametrize("kind", [LbpTop, HogTop, HigoTop])
@SLOW_START
@given(data=st.data())
def test_pieces_change_no_bit(kind, data):
    descriptor, volume = data.draw(cases(kind))
    whole = descriptor.describe(clip_of(volume))
    first = data.draw(st.integers(0, len(whole) - 1))
    last = data.draw(st.integers(first, len(whole) - 1))
    part = descriptor.describe(clip_of(volume[first : last + descriptor.span]))
    np.testing.assert_array_equal(part.values, whole.values[first : last + 1])


@pytest.mark.parametrize("kind", [LbpTop, HogTop, HigoTop])
def test_full_size_crops_equal_the_slow_loop(kind):
    """The paper's grid on a crop with real structure, first row only: the loop takes seconds."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:61, :53]
    volume = np.stack([110 + 60 * np.sin((x + t) / 5) * np.cos(y / 7) for t in range(5)])
    volume = np.clip(volume + rng.normal(0, 4, volume.shape), 0, 255).astype(np.uint8)
    descriptor = kind(span=5)
    values = descriptor.describe(clip_of(volume)).values
    wanted = naive_top.normalised(expected(descriptor, volume))
    assert values.shape == (1, 64 * 3 * descriptor.bins_per_plane)
    np.testing.assert_array_equal(values, wanted)


def test_votes_beyond_16_bits_are_not_lost():
    """One block of 298 x 298 voxels: more votes per frame than a small counter holds."""
    volume = np.zeros((3, 300, 300), np.uint8)
    volume[:, :, ::5] = 200
    plain = {"grid": (1, 1), "span": 3}
    lbp = LbpTop(**plain).describe(clip_of(volume)).values.reshape(3, 59)
    # Of the 298 countable columns, 59 (x = 5, 10 .. 295) see only their own column as bright as
    # themselves: bits 2 and 6, two runs; to the others nothing is darker: all bits.
    np.testing.assert_array_equal(lbp[0, 57:], np.float32([239 / 298, 59 / 298]))
    higo = HigoTop(**plain).describe(clip_of(volume)).values.reshape(3, 8)
    # A bright column at x gives x - 1 a gradient to the right (x = 5 .. 295) and x + 1 one to the
    # left (x = 0 .. 295); nothing else has a gradient.
    np.testing.assert_array_equal(higo[0], np.float32([59 / 119, 0, 0, 0, 60 / 119, 0, 0, 0]))


@pytest.mark.parametrize("kind", [LbpTop, HogTop, HigoTop])
def test_the_finest_grid_has_its_counters(kind):
    """128 overlapping blocks side by side: the most cells that a voxel's place must tell apart."""
    volume = np.random.default_rng(4).integers(0, 256, (3, 4, 300), dtype=np.uint8)
    descriptor = kind(grid=(128, 1), span=3)
    values = descriptor.describe(clip_of(volume)).values
    np.testing.assert_array_equal(values, naive_top.normalised(expected(descriptor, volume)))


@pytest.mark.parametrize("kind", [LbpTop, HogTop, HigoTop])
def test_every_difference_of_grey_levels_is_counted_right(kind):
    """Steps of all 511 sizes meet in both axes of every plane."""
    rng = np.random.default_rng(7)
    levels = rng.choice(np.uint8([0, 1, 2, 5, 12, 105, 106, 107, 150, 250, 254, 255]), (5, 40, 40))
    ramp = np.arange(5 * 40 * 40).reshape(5, 40, 40) * 37 % 256
    for volume in (levels, ramp.astype(np.uint8)):
        descriptor = kind(grid=(2, 2), span=5)
        values = descriptor.describe(clip_of(volume)).values
        np.testing.assert_array_equal(values, naive_top.normalised(expected(descriptor, volume)))


@pytest.mark.parametrize("kind", [LbpTop, HogTop, HigoTop])
def test_long_runs_do_not_drift(kind):
    """The last row of a long video is the one its own frames give, to the bit."""
    rng = np.random.default_rng(1)
    volume = rng.integers(0, 256, (3000, 16, 16), dtype=np.uint8)
    descriptor = kind(grid=(2, 2), span=9)
    rows = descriptor.describe(clip_of(volume)).values
    np.testing.assert_array_equal(rows[-1:], descriptor.describe(clip_of(volume[-9:])).values)


@pytest.mark.parametrize("kind", [LbpTop, HogTop, HigoTop])
def test_too_few_frames_give_no_rows_of_the_right_width(kind):
    descriptor = kind(grid=(3, 2), time_blocks=2, span=6)
    for n in (0, 1, 5):
        series = descriptor.describe(clip_of(np.zeros((n, 20, 20))))
        assert series.values.shape == (0, 2 * 3 * 2 * 3 * descriptor.bins_per_plane)
        assert (series.n_frames, series.span, series.first, series.step) == (n, 6, 0, 1)
    assert len(descriptor.describe(clip_of(np.zeros((6, 20, 20))))) == 1


def test_frames_that_are_not_contiguous_are_read_right():
    rng = np.random.default_rng(2)
    big = rng.integers(0, 256, (12, 40, 40), dtype=np.uint8)
    view = big[::2, 3:23, 1:31:2]
    descriptor = HigoTop(grid=(2, 2), span=4)
    np.testing.assert_array_equal(
        descriptor.describe(clip_of(view)).values, descriptor.describe(clip_of(view.copy())).values
    )


@pytest.mark.parametrize("kind", [LbpTop, HogTop, HigoTop])
def test_wide_and_high_crops_equal_the_slow_loop(kind):
    """More rows than a band may have, and more pixels in a row than a band's aim."""
    rng = np.random.default_rng(6)
    for shape in ((3, 75, 5), (3, 4, 3100)):
        volume = rng.integers(0, 256, shape, dtype=np.uint8)
        descriptor = kind(grid=(1, 1), span=3)
        values = descriptor.describe(clip_of(volume)).values
        np.testing.assert_array_equal(values, naive_top.normalised(expected(descriptor, volume)))


def test_crops_too_small_for_one_voxel_are_refused():
    with pytest.raises(UsageError, match="at least 7 x 5"):
        LbpTop(radius=(3, 2, 1), span=3).describe(clip_of(np.zeros((5, 9, 6))))


@pytest.mark.parametrize(
    ("kind", "fields", "words"),
    [
        (LbpTop, {"radius": (1, 0, 1)}, "radius"),
        (LbpTop, {"radius": (1, 1)}, "radius"),
        (LbpTop, {"radius": (1, 1, 3), "span": 6}, "need 7 frames"),
        (HogTop, {"voting": "none"}, "voting 'none': need 'hard' or 'soft'"),
        (HogTop, {"grid": (0, 8)}, "grid"),
        (HogTop, {"overlap": 1.0}, "overlap"),
        (HogTop, {"time_blocks": 0}, "time_blocks"),
        (HigoTop, {"span_s": 0.0}, "span_s"),
    ],
)
def test_wrong_fields_are_named(kind, fields, words):
    with pytest.raises(ValueError, match=words):
        kind(**fields)


def test_spans_in_seconds_follow_the_frame_rate():
    assert [HogTop().span_at(Fraction(f)) for f in (25, 30, 60, 200)] == [9, 11, 22, 72]
    assert HogTop().span_at(Fraction(30000, 1001)) == 11
    assert HogTop(span_s=0.01, time_blocks=4).span_at(FPS) == 6
    assert LbpTop(span_s=0.01, radius=(1, 1, 4)).span_at(FPS) == 9
    assert HogTop(span=23).span_at(FPS) == 23


def test_column_names_follow_the_shape():
    descriptor = HogTop(grid=(3, 2), time_blocks=2)
    names = np.array(descriptor.column_names()).reshape(descriptor.shape)
    assert descriptor.shape == (2, 2, 3, 3, 8)
    assert names[1, 0, 2, 1, 3] == "t1.y0.x2.xt.3"
    assert len(set(names.ravel())) == names.size


def test_numba_is_loaded_by_describing_alone():
    """Nor does the lack of it matter before; then the message names the extra that brings it."""
    code = """
import sys
sys.modules["numba"] = None
from fractions import Fraction
import numpy as np
from mespot.errors import MespotError
from mespot.descriptors.lbp_top import LbpTop
from mespot.descriptors.higo_top import HigoTop
from mespot.types import FaceClip
n = 12
clip = FaceClip(np.zeros((n, 9, 9), np.uint8), np.ones(n, bool), np.zeros((n, 5, 2), np.float32),
                np.arange(n) / 25, Fraction(25))
for descriptor in (LbpTop(), HigoTop()):
    descriptor.column_names()
    try:
        descriptor.describe(clip)
    except MespotError as error:
        print(error)
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.splitlines() == [
        "descriptor lbp_top needs numba: pip install 'mespot[paper]'",
        "descriptor higo_top needs numba: pip install 'mespot[paper]'",
    ]
