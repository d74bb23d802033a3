"""Normalised rows where they are too many to be held: read and scaled anew by whoever uses them.

A gradient step over LBP-TOP's 11,328 columns spends as long on passes over memory as on arithmetic:
unpacking counts, taking off the mean, dividing, copying into the batch. Packed rows under
``zscore`` alone therefore go from counts into the batch in one compiled pass. Every operation is
that of the steps one by one, in their precision, so the values are the same to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mespot.compiling import kernel
from mespot.packing import PackedRows
from mespot.scorers.normalise import Normaliser

# Normalised rows beyond so many values (1.6 GB) are not held in memory.
MOST_HELD = 400_000_000


class ReadyRows:
    """(n, d) float32 rows that are normalised where a slice of them is read, and not held."""

    ndim = 2

    def __init__(self, normaliser: Normaliser, values: NDArray[np.float32]) -> None:
        self._normaliser, self._values = normaliser, values
        self.shape = values.shape

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, rows: slice) -> NDArray[np.float32]:
        start, stop = self._range(rows)
        out = np.empty((stop - start, 1, self.shape[1]), np.float32)
        self.read(slice(start, stop), out, 0)
        return out[:, 0]

    def read(self, rows: slice, out: NDArray[np.float32], column: int) -> int:
        """Write rows into out[: k, column] of a (S, B, d) float32 array in C order; returns k."""
        start, stop = self._range(rows)
        values, normaliser = self._values, self._normaliser
        if isinstance(values, PackedRows) and normaliser.steps == ("zscore",):
            mean, factor, rest = normaliser.float32
            some = np.zeros(0, np.float32) if rest is None else rest
            counts = np.asarray(values.counts[start:stop])
            _scale_counts(counts, values.scale, (mean, factor, some), out, column)
        else:
            out[: stop - start, column] = normaliser.rows(values, start, stop)
        return stop - start

    def _range(self, rows: slice) -> tuple[int, int]:
        start, stop, _ = rows.indices(len(self))
        return start, max(start, stop)


def keeper(normaliser: Normaliser, series: Sequence[Any]) -> Callable[[Any], Any]:
    """How normalised rows are kept: in memory or, where these series are too many, as ReadyRows.

    The values are the same; with ``difference``, to rounding.
    """
    if sum(v.shape[0] * v.shape[1] for v in series) <= MOST_HELD:
        return normaliser.all_rows
    return lambda values: ReadyRows(normaliser, values)


@kernel
def _scale_counts(counts, scale, how, out, column):  # type: ignore[no-untyped-def]
    """out[i, column] = (float32(counts[i] * scale) - mean) * factor (+ rest, where there is one).

    counts (k, d) uint16; scale (d,) float64; how: mean, factor, rest (d,) or (0,), float32; out
    (S >= k, B, d) float32.
    """
    mean, factor, rest = how
    for i in range(counts.shape[0]):
        row, to = counts[i], out[i, column]
        for j in range(row.size):
            to[j] = (np.float32(row[j] * scale[j]) - mean[j]) * factor[j]
        if rest.size:
            for j in range(row.size):
                to[j] += rest[j]
