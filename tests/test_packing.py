"""Rows on disk: every bit comes back, in half the bytes where they are counts over a fixed sum."""

from __future__ import annotations

import errno
import io
import tracemalloc
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from mespot import packing, registry
from mespot.types import FaceClip


def histograms(rng, n, sums, bins):
    """Rows (n, len(sums) * bins) of counts over their sum, divided as the descriptors do."""
    counts = np.stack([rng.multinomial(s, np.full(bins, 1 / bins), size=n) for s in sums], axis=1)
    return (counts * (1.0 / np.array(sums))[:, None]).astype(np.float32).reshape(n, -1)


@pytest.mark.parametrize("sums", [[3703] * 4, [3703, 3542, 3542, 3388], [1, 2, 65535], [7]])
def test_counts_over_a_fixed_sum_take_half_and_lose_nothing(tmp_path, sums):
    values = histograms(np.random.default_rng(0), 120, sums, 8)
    assert packing.save(tmp_path, values, 8) == "counts"
    assert (tmp_path / "counts.npy").stat().st_size < values.nbytes * 0.55 + 200
    assert packing.load(tmp_path, mapped=False).tobytes() == values.tobytes()
    packed = packing.load(tmp_path, mapped=True)
    assert np.asarray(packed).tobytes() == values.tobytes()
    assert packed[5:90].tobytes() == values[5:90].tobytes()
    assert packed[np.array([3, 0, 77])].tobytes() == values[[3, 0, 77]].tobytes()
    assert packed[4, 2] == values[4, 2]
    assert (packed.shape, packed.ndim, len(packed), packed.nbytes) == (
        values.shape, 2, 120, values.nbytes,
    )  # fmt: skip


def test_packed_rows_reckon_as_an_array(tmp_path):
    values = histograms(np.random.default_rng(1), 50, [40, 50], 4)
    packing.save(tmp_path, values, 4)
    packed = packing.load(tmp_path, mapped=True)
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
    assert packing.save(tmp_path, values, 8) == "float32"
    assert not (tmp_path / "counts.npy").exists()
    for mapped in (False, True):
        assert np.asarray(packing.load(tmp_path, mapped)).tobytes() == values.tobytes()


@pytest.mark.parametrize(
    "array",
    [
        np.arange(24, dtype=np.uint16).reshape(6, 4),
        np.linspace(0, 1, 15, dtype=np.float32).reshape(5, 3)[:, ::2],
        np.asfortranarray(np.arange(12, dtype=np.int64).reshape(3, 4)),
        np.array([True, False, True]),
        np.empty((0, 7), np.float32),
    ],
    ids=["whole", "strided", "columns first", "flags", "empty"],
)
@pytest.mark.parametrize("step", [1, 2, 100])
def test_pieces_make_the_file_that_numpy_makes(tmp_path, array, step):
    pieces = [array[a : a + step] for a in range(0, len(array), step)]
    packing.write_npy(tmp_path / "a.npy", array.shape, array.dtype, pieces)
    expected = io.BytesIO()
    np.save(expected, np.ascontiguousarray(array))
    assert (tmp_path / "a.npy").read_bytes() == expected.getvalue()


def test_counts_are_the_file_that_numpy_makes(tmp_path, monkeypatch):
    monkeypatch.setattr(packing, "_PIECE", 100)  # Three rows at a time.
    values = histograms(np.random.default_rng(0), 50, [90, 80, 90, 80], 8)
    assert packing.save(tmp_path, values, 8) == "counts"
    sums = np.repeat([90, 80, 90, 80], 8)
    expected = io.BytesIO()
    np.save(expected, np.rint(values * sums.astype(np.float64)).astype(np.uint16))
    assert (tmp_path / "counts.npy").read_bytes() == expected.getvalue()


class FullDisk(io.FileIO):
    """Takes so many bytes and no more, and tells so when it is asked to take the rest."""

    room = 0

    def write(self, data):
        n = memoryview(data).nbytes
        FullDisk.room -= n
        if FullDisk.room < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(data)


@pytest.mark.parametrize("room", [0, 40, 130, 9000, 19_400])
@pytest.mark.parametrize("bins", [0, 8])
def test_a_full_disk_is_an_error_and_leaves_no_file(tmp_path, monkeypatch, room, bins):
    """Whether the header, the first piece, the last one or the sums do not fit."""
    values = histograms(np.random.default_rng(0), 300, [90, 80, 90, 80], 8)
    monkeypatch.setattr(packing, "_PIECE", 1000)
    monkeypatch.setattr(FullDisk, "room", room)

    def opened(path, mode):
        return io.BufferedWriter(FullDisk(str(path), mode))

    monkeypatch.setattr(Path, "open", opened)
    with pytest.raises(OSError, match="No space left") as stopped:
        packing.save(tmp_path, values, bins)
    assert stopped.value.errno == errno.ENOSPC
    left = {p.name for p in tmp_path.iterdir()}
    # Counts that are whole may stand there: the entry of the cache goes as a whole.
    assert left == ({"counts.npy"} if bins and room == 19_400 else set())


def test_memory_beside_the_rows_does_not_grow_with_them(tmp_path, monkeypatch):
    monkeypatch.setattr(packing, "_PIECE", 20_000)
    peaks = []
    for n in (500, 4000):
        values = histograms(np.random.default_rng(0), n, [90] * 50, 8)
        tracemalloc.start()
        assert packing.save(tmp_path, values, 8) == "counts"
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


def test_empty_blocks_and_silent_columns(tmp_path):
    values = histograms(np.random.default_rng(3), 40, [60, 60, 60], 4)
    values[:, 4:8] = 0
    assert packing.save(tmp_path, values, 4) == "counts"
    assert np.array_equal(packing.load(tmp_path, mapped=False), values)


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
    assert packing.save(tmp_path, values, descriptor.histogram_bins) == how
    assert packing.load(tmp_path, mapped=False).tobytes() == values.tobytes()
