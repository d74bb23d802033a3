"""Several descriptors from one walk over the pixels: to the bit what each gives by itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mespot.descriptors._together import describe_many
from mespot.descriptors.higo_top import HigoTop
from mespot.descriptors.hog_top import HogTop
from mespot.descriptors.lbp_top import LbpTop
from mespot.errors import UsageError
from test_descriptors_top import clip_of

POOL = [
    LbpTop(grid=(2, 2), span=5),
    LbpTop(grid=(2, 2), span=9, time_blocks=2),
    LbpTop(grid=(2, 2), span=7, radius=(2, 1, 3)),
    LbpTop(grid=(3, 2), span=5, points=4),
    LbpTop(grid=(2, 2), span=5, interpolation="bilinear"),
    HogTop(grid=(2, 2), span=5),
    HogTop(grid=(2, 2), span=23),
    HogTop(grid=(2, 2), span=5, bins=9),
    HigoTop(grid=(2, 2), span=8, time_blocks=3),
    HigoTop(grid=(2, 2), span=3, overlap=0.5),
    HigoTop(grid=(2, 2), span=5, bins=9),
    HigoTop(grid=(2, 2), span=5, orientation="unsigned", voting="soft"),
]


@settings(max_examples=40, deadline=None)
@given(
    chosen=st.lists(st.sampled_from(POOL), max_size=6), n=st.integers(0, 40),
    threads=st.integers(1, 4), seed=st.integers(0, 99), with_outs=st.booleans(),
)  # fmt: skip
def test_rows_equal_those_of_each_alone(chosen, n, threads, seed, with_outs):
    clip = clip_of(np.random.default_rng(seed).integers(0, 256, (n, 13, 14)))
    alone = [descriptor.describe(clip) for descriptor in chosen]
    outs = [np.full_like(series.values, 7) for series in alone] if with_outs else None
    together = describe_many(clip, chosen, threads=threads, outs=outs)
    assert len(together) == len(chosen)
    for k, (one, other) in enumerate(zip(alone, together, strict=True)):
        np.testing.assert_array_equal(one.values, other.values)
        for field in ("first", "step", "span", "n_frames", "fps", "names"):
            assert getattr(one, field) == getattr(other, field), field
        assert outs is None or other.values is outs[k]


@pytest.mark.parametrize(
    ("descriptors", "walks"),
    [
        ([LbpTop(span=9), LbpTop(span=23), LbpTop(span=9, time_blocks=2)], 1),
        ([HogTop(span=9), HigoTop(span=9), HigoTop(span=23)], 1),
        ([LbpTop(span=9), HogTop(span=9), HigoTop(span=9)], 2),
        ([LbpTop(span=9), LbpTop(span=9, grid=(4, 4))], 2),
        ([HogTop(span=9), HogTop(span=9, bins=9), HigoTop(span=9, bins=9)], 3),
    ],
)
def test_pixels_are_read_once_for_all_that_can_share(descriptors, walks, monkeypatch):
    clip = clip_of(np.random.default_rng(0).integers(0, 256, (40, 20, 20)))
    read = []
    for kind in (LbpTop, HogTop):
        real = kind._histograms

        def counted(self, frames, which, cuts, rings, real=real):
            read.append(which[1] - which[0])
            real(self, frames, which, cuts, rings)

        monkeypatch.setattr(kind, "_histograms", counted)
    describe_many(clip, descriptors)
    assert sum(read) == walks * 38, "each walk reads the countable frames 1 .. 38 once"


def test_what_does_not_fit_is_refused():
    clip = clip_of(np.zeros((9, 12, 12)))
    pair = [HogTop(grid=(1, 1), span=9), LbpTop(grid=(1, 1), span=9)]
    with pytest.raises(ValueError, match=r"out must be \(1, 177\) float32"):
        describe_many(clip, pair, outs=[None, np.zeros((1, 24), np.float32)])
    with pytest.raises(ValueError, match="zip"):
        describe_many(clip, pair, outs=[None])
    with pytest.raises(UsageError, match="at least 15 x 3"):
        describe_many(clip, [*pair, LbpTop(radius=(7, 1, 1), span=9)])
