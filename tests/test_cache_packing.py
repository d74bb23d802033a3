"""Rows on disk: every bit comes back, in half the bytes where they are counts over a fixed sum."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from mespot import _packing, registry
from mespot.types import FaceClip


def histograms(rng, n, sums, bins):
    """Rows (n, len(sums) * bins) of counts over their sum, divided as the descriptors do."""
    counts = np.stack([rng.multinomial(s, np.full(bins, 1 / bins), size=n) for s in sums], axis=1)
    return (counts * (1.0 / np.array(sums))[:, None]).astype(np.float32).reshape(n, -1)


@pytest.mark.parametrize("sums", [[3703] * 4, [3703, 3542, 3542, 3388], [1, 2, 65535], [7]])
def test_counts_over_a_fixed_sum_take_half_and_lose_nothing(tmp_path, sums):
    values = histograms(np.random.default_rng(0), 120, sums, 8)
    assert _packing.save(tmp_path, values, 8) == "counts"
    assert (tmp_path / "counts.npy").stat().st_size < values.nbytes * 0.55 + 200
    assert _packing.load(tmp_path, mapped=False).tobytes() == values.tobytes()
    packed = _packing.load(tmp_path, mapped=True)
    assert np.asarray(packed).tobytes() == values.tobytes()
    assert packed[5:90].tobytes() == values[5:90].tobytes()
    assert packed[np.array([3, 0, 77])].tobytes() == values[[3, 0, 77]].tobytes()
    assert packed[4, 2] == values[4, 2]
    assert (packed.shape, packed.ndim, len(packed), packed.nbytes) == (
        values.shape, 2, 120, values.nbytes,
    )  # fmt: skip


def test_packed_rows_reckon_as_an_array(tmp_path):
    values = histograms(np.random.default_rng(1), 50, [40, 50], 4)
    _packing.save(tmp_path, values, 4)
    packed = _packing.load(tmp_path, mapped=True)
    assert np.array_equal(packed * 2 - packed, values)
    assert np.array_equal(np.ascontiguousarray(packed), values)
    assert np.array_equal(np.cumsum(packed, axis=0), np.cumsum(values, axis=0))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda v: v + np.float32(1e-4),
        lambda v: np.where(np.arange(v.size).reshape(v.shape) == 333, np.nan, v),
        lambda v: np.where(np.arange(len(v))[:, None] == 30, np.nextafter(v, np.float32(9)), v),
        lambda v: -v,
        lambda v: v[:, :-1],
        lambda v: v[:0],
        lambda v: v * np.linspace(0.5, 1, len(v))[:, None],
    ],
)
def test_whatever_would_lose_a_bit_is_kept_as_it_is(tmp_path, spoil):
    values = spoil(histograms(np.random.default_rng(2), 60, [90, 80], 8)).astype(np.float32)
    assert _packing.save(tmp_path, values, 8) == "float32"
    assert not (tmp_path / "counts.npy").exists()
    for mapped in (False, True):
        assert np.asarray(_packing.load(tmp_path, mapped)).tobytes() == values.tobytes()


def test_empty_blocks_and_silent_columns(tmp_path):
    values = histograms(np.random.default_rng(3), 40, [60, 60, 60], 4)
    values[:, 4:8] = 0
    assert _packing.save(tmp_path, values, 4) == "counts"
    assert np.array_equal(_packing.load(tmp_path, mapped=False), values)


@pytest.mark.parametrize(
    ("name", "how"), [("lbp_top", "counts"), ("hog_top", "float32"), ("higo_top", "float32")]
)
def test_real_descriptors_come_back_to_the_bit(tmp_path, name, how):
    rng = np.random.default_rng(4)
    frames = rng.normal(128, 12, (30, 64, 64)).clip(0, 255).astype(np.uint8)
    frames[:, :20, :20] = 90  # A flat patch has no orientation, so that sums differ there.
    n = len(frames)
    clip = FaceClip(
        frames, np.ones(n, bool), np.zeros((n, 5, 2), np.float32), np.arange(n) / 25, Fraction(25)
    )
    descriptor = registry.build("descriptors", {"name": name, "span": 9})
    values = descriptor.describe(clip).values
    assert _packing.save(tmp_path, values, descriptor.bins_per_plane) == how
    assert _packing.load(tmp_path, mapped=False).tobytes() == values.tobytes()
