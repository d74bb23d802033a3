"""Describing a video in pieces: equal to the whole to the bit, without holding rows twice."""

from __future__ import annotations

import tracemalloc
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mespot.descriptors.higo_top import HigoTop
from mespot.descriptors.hog_top import HogTop
from mespot.descriptors.lbp_top import LbpTop
from mespot.descriptors.stream import describe_stream
from mespot.errors import UnreadableInput
from mespot.types import FaceClip, FrameSeries
from test_descriptors_top import clip_of

DESCRIPTORS = [
    LbpTop(grid=(2, 2), span=5, radius=(1, 1, 2)),
    HogTop(grid=(3, 2), span=7, time_blocks=2),
    HigoTop(grid=(2, 2)),
]


@dataclass(frozen=True)
class Sums:
    """A descriptor whose rows are the sums of their frames, ``step`` frames apart."""

    span: int = 4
    step: int = 1
    width: int = 2

    def span_at(self, fps):
        return self.span

    def describe(self, clip):
        starts = range(0, len(clip) - self.span + 1, self.step)
        rows = [clip.frames[i : i + self.span].sum() for i in starts]
        values = np.repeat(np.array(rows, np.float32)[:, None], self.width, 1)
        names = tuple(f"sum{i}" for i in range(self.width))
        return FrameSeries(values, 0, self.step, self.span, len(clip), clip.fps, names)


def pieces_of(clip, lengths):
    """Consecutive clips of the given lengths; what is left over comes last."""
    edges = np.minimum(np.cumsum([0, *lengths]), len(clip))
    return [
        FaceClip(
            clip.frames[a:b], clip.found[a:b], clip.landmarks[a:b], clip.times_s[a:b], clip.fps
        )
        for a, b in zip(edges, [*edges[1:], len(clip)], strict=True)
    ]


def same(one, other):
    np.testing.assert_array_equal(one.values, other.values)
    assert one.with_values(one.values[:0]) is not None
    for field in ("first", "step", "span", "n_frames", "fps", "names"):
        assert getattr(one, field) == getattr(other, field), field


@pytest.mark.parametrize("descriptor", DESCRIPTORS, ids=lambda d: type(d).__name__)
@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(1, 40), lengths=st.lists(st.integers(0, 15), max_size=12), seed=st.integers(0, 99)
)
def test_pieces_equal_the_whole(descriptor, n, lengths, seed):
    clip = clip_of(np.random.default_rng(seed).integers(0, 256, (n, 12, 11)))
    same(describe_stream(descriptor, iter(pieces_of(clip, lengths))), descriptor.describe(clip))


@given(
    n=st.integers(1, 60), lengths=st.lists(st.integers(0, 9), max_size=30),
    span=st.integers(1, 6), step=st.integers(1, 20),
)  # fmt: skip
def test_any_step_and_names_are_kept(n, lengths, span, step):
    clip = clip_of(np.random.default_rng(n).integers(0, 256, (n, 3, 3)))
    descriptor = Sums(span, step)
    whole = descriptor.describe(clip)
    same(describe_stream(descriptor, pieces_of(clip, lengths)), whole)


def test_what_the_descriptor_returned_is_left_alone():
    """A plug-in may keep its rows; growing ours must not move theirs."""
    clip, given_out = clip_of(np.random.default_rng(0).integers(0, 256, (20, 3, 3))), []

    class Keeping(Sums):
        def describe(self, clip):
            given_out.append(super().describe(clip))
            return given_out[-1]

    describe_stream(Keeping(), pieces_of(clip, [8, 8]))
    assert [series.values.shape for series in given_out] == [(5, 2), (8, 2), (4, 2)]


def test_no_clip_at_all_is_one_clear_line():
    with pytest.raises(UnreadableInput, match="no frames"):
        describe_stream(Sums(), [])


def test_pieces_of_different_videos_are_refused():
    a, b = clip_of(np.zeros((9, 12, 12))), clip_of(np.zeros((9, 12, 13)))
    with pytest.raises(ValueError, match="differ"):
        describe_stream(HigoTop(), [a, b])
    slower = FaceClip(a.frames, a.found, a.landmarks, a.times_s, Fraction(30))
    with pytest.raises(ValueError, match="differ"):
        describe_stream(HigoTop(), [a, slower])


def test_rows_are_held_once():
    clip = clip_of(np.zeros((40 * 25, 2, 2)))
    descriptor = Sums(width=5000)
    piece_bytes = 25 * 5000 * 4
    tracemalloc.start()
    try:
        series = describe_stream(descriptor, iter(pieces_of(clip, [25] * 39)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert series.values.nbytes > 39 * piece_bytes
    assert peak < series.values.nbytes + 6 * piece_bytes


def test_rows_on_three_planes_are_held_once():
    """The rows of a piece stand besides, not those of all pieces."""
    clip, descriptor = clip_of(np.random.default_rng(0).integers(0, 256, (400, 20, 20))), LbpTop()
    whole = descriptor.describe(clip)
    pieces = pieces_of(clip, [40] * 10)
    tracemalloc.start()
    try:
        series = describe_stream(descriptor, iter(pieces))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    same(series, whole)
    assert peak < series.values.nbytes + 100 * 11328 * 4
