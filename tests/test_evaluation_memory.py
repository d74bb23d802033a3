"""Rows that are not held: read from the cache and normalised as they are used, same weights."""

from __future__ import annotations

import tracemalloc
from fractions import Fraction

import numpy as np
import pytest

from mespot import packing
from mespot.scorers import normalise, ready_rows
from mespot.scorers.lstm import Lstm
from mespot.types import Expression, FrameSeries

pytest.importorskip("torch", reason="training needs PyTorch")
pytest.importorskip("onnx", reason="training needs onnx")

BINS, SUM = 8, 500


def counted(seed, n=150, blocks=5):
    """Rows of counts over their sum; the first block leans to one side at every expression."""
    rng = np.random.default_rng(seed)
    truth = [Expression(o, o + 5, o + 10) for o in (30, 90)]
    counts = rng.multinomial(SUM, np.full(BINS, 1 / BINS), size=(n, blocks))
    for e in truth:
        counts[e.onset : e.offset, 0] = rng.multinomial(SUM, [0.5] + [0.5 / 7] * 7)
    values = (counts * (1.0 / SUM)).astype(np.float32).reshape(n, -1)
    return values, truth


@pytest.fixture
def mapped(tmp_path):
    """The same series in memory and mapped from packed files, and their truth."""
    held, read, truth = [], [], []
    for seed in range(4):
        values, expressions = counted(seed)
        folder = tmp_path / str(seed)
        folder.mkdir()
        assert packing.save(folder, values, BINS) == "counts"
        for kept, rows in ((held, values), (read, packing.load(folder, mapped=True))):
            kept.append(FrameSeries(rows, 0, 1, 1, len(rows), Fraction(25)))
        truth.append(expressions)
    return held, read, truth


@pytest.mark.parametrize("steps", [("zscore",), ("difference", "zscore"), ()])
def test_weights_are_the_same_wherever_rows_are_kept(mapped, monkeypatch, steps):
    held, read, truth = mapped
    scorer = Lstm(epochs=3, window=12, units=4, normalise=steps, train_stride=2)
    looks = []

    def quality(score):
        looks.append(np.concatenate([score(s).values for s in read[:2]]))
        return -float(len(looks))

    in_memory = scorer.fit(held, truth, 0, quality)
    monkeypatch.setattr(ready_rows, "MOST_HELD", 0)
    as_used = scorer.fit(read, truth, 0, quality)
    exact = "difference" not in steps
    for name, value in in_memory.items():
        if exact or name not in ("w_x", "w_h", "b", "dense_w", "dense_b", "onnx"):
            assert value.tobytes() == as_used[name].tobytes(), name
        elif name != "onnx":
            assert np.allclose(value, as_used[name], atol=1e-4), name
    for first, second in zip(looks[:3], looks[3:], strict=True):
        assert np.allclose(first, second, atol=0 if exact else 1e-4)
    for one, other in zip(held, read):
        scores = [scorer.score(s, in_memory).values for s in (one, other)]
        assert np.array_equal(*scores)


def test_ready_rows_are_slices_of_all_rows():
    values = counted(0)[0]
    normaliser = normalise.fit_normaliser([values], ("zscore",), 3)
    ready = ready_rows.ReadyRows(normaliser, values)
    whole = normaliser.all_rows(values)
    assert (len(ready), ready.shape, ready.ndim) == (150, values.shape, 2)
    for rows in (slice(0, 10), slice(140, 400), slice(7, 7), slice(None)):
        assert np.array_equal(ready[rows], whole[rows])


@pytest.mark.parametrize("std", [1.0, 1e-3])
def test_packed_rows_are_normalised_in_one_pass_as_in_many(std):
    """With a small deviation what float32 loses of the mean counts, and is added in a pass more."""
    rng = np.random.default_rng(1)
    packed = packing.PackedRows(
        rng.integers(0, 2**16, (40, 24)).astype(np.uint16), np.repeat([0, 484, 65535], 8)
    )
    normaliser = normalise.Normaliser(("zscore",), 1, rng.random(24), np.full(24, std))
    assert (normaliser.float32[2] is None) == (std == 1)
    one_by_one = normaliser.rows(np.asarray(packed), 0, 40)
    ready, out = ready_rows.ReadyRows(normaliser, packed), np.full((9, 3, 24), 7, np.float32)
    assert ready[5:38].tobytes() == one_by_one[5:38].tobytes()
    assert ready.read(slice(33, 90), out, 2) == 7
    assert out[:7, 2].tobytes() == one_by_one[33:].tobytes()
    assert (out[7:] == 7).all()
    assert (out[:, :2] == 7).all()


def test_memory_does_not_grow_with_the_rows(tmp_path, monkeypatch):
    """Training on 24 MB of rows (float32), mapped: a small part of that is ever held."""
    monkeypatch.setattr(ready_rows, "MOST_HELD", 0)
    monkeypatch.setattr(normalise, "_CHUNK_VALUES", 100_000)
    values, truth = counted(0, 6000, 125)
    packing.save(tmp_path, values, BINS)
    n = values.nbytes
    del values
    series = FrameSeries(packing.load(tmp_path, True), 0, 1, 1, 6000, Fraction(25))
    scorer = Lstm(epochs=1, window=12, units=4, normalise=("zscore",), train_stride=6, batch=32)
    scorer.fit([series], [truth], 0)  # The first run loads half of torch.
    tracemalloc.start()
    scorer.fit([series], [truth], 0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert n > 20e6
    assert peak < n / 3
