"""Descriptor rows on disk: counts where rows are counts over their sum, else float32; never less.

A histogram that is divided by its sum is integers over one integer. LBP-TOP's are, with a sum that
does not change along a video, so that 16 bits per value hold them exactly: half of float32. Rows
are packed so only if unpacking gives back every bit; all others (weighted votes, sums that change
from row to row, flow) are kept as they are. Nothing is lost in either form.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import DTypeLike, NDArray

_ROWS = "rows.npy"
_COUNTS = "counts.npy"
_SUMS = "sums.npy"
_LARGEST = 2**16
# Values at a time: what is held beside the rows does not grow with them.
_PIECE = 1 << 20
_SAMPLE = 16


class PackedRows(NDArrayOperatorsMixin):
    """(n, d) float32 rows that are unpacked where they are read; use it as a read-only array.

    ``counts`` (n, d) uint16, perhaps mapped from a file; ``sums`` (d,) what each column's counts
    are divided by (0 where a column is always 0). ``scale`` (d,) is what they are multiplied with.
    """

    dtype = np.dtype(np.float32)
    ndim = 2

    def __init__(self, counts: NDArray[np.uint16], sums: NDArray[np.int64]) -> None:
        self.counts = counts
        self.scale = _scale(sums)
        self.shape = counts.shape

    def __len__(self) -> int:
        return len(self.counts)

    @property
    def nbytes(self) -> int:
        """Bytes of the unpacked rows."""
        return 4 * self.counts.size

    def __getitem__(self, index: Any) -> Any:
        return _unpacked(self.counts[index], np.broadcast_to(self.scale, self.shape)[index])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("packed rows have to be copied to become an array")
        whole = _unpacked(self.counts, self.scale)
        return whole if dtype is None else whole.astype(dtype, copy=False)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        plain = [np.asarray(x) if isinstance(x, PackedRows) else x for x in inputs]
        return getattr(ufunc, method)(*plain, **options)


def save(folder: Path, values: NDArray[np.float32], bins: int = 0) -> str:
    """Write rows (n, d) into a folder, packed if that loses nothing; returns how.

    ``bins`` columns after one another share a sum; 0: the rows are no histograms. Raises OSError,
    with no file left that was begun, where the disk does not take them.
    """
    sums = _sums(values, bins) if bins else None
    if sums is not None and _save_counts(folder, values, sums):
        return "counts"
    pieces = (np.asarray(values[rows], np.float32) for rows in _pieces(values.shape))
    write_npy(folder / _ROWS, values.shape, np.float32, pieces)
    return "float32"


def save_array(path: Path, array: NDArray[Any]) -> None:
    """Write an array as :func:`write_npy` does."""
    write_npy(path, array.shape, array.dtype, [array])


def write_npy(
    path: Path, shape: tuple[int, ...], dtype: DTypeLike, pieces: Iterable[NDArray[Any]]
) -> None:
    """Write an array piece by piece (along the first axis), byte for byte as ``numpy.save`` does.

    Through an ordinary stream: on a full disk a mapped file would end the process with a signal,
    and ``numpy.save`` does not look whether its last bytes arrived. Raises OSError then; nothing
    is left after any error.
    """
    kind: Any = np.dtype(dtype)
    header = {
        "descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False, "shape": shape,
    }  # fmt: skip
    try:
        with path.open("wb") as stream:
            np.lib.format.write_array_header_1_0(stream, header)
            for piece in pieces:
                stream.write(np.ascontiguousarray(piece, kind).data)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def load(folder: Path, mapped: bool) -> Any:
    """The rows of a folder: (n, d) float32, read now; or, ``mapped``, from the file as needed.

    Mapped rows are a ``numpy.memmap`` or :class:`PackedRows`.
    """
    mode: Any = "r" if mapped else None
    if (folder / _ROWS).is_file():
        return np.load(folder / _ROWS, mmap_mode=mode, allow_pickle=False)
    counts = np.load(folder / _COUNTS, mmap_mode=mode, allow_pickle=False)
    packed = PackedRows(counts, np.load(folder / _SUMS, allow_pickle=False))
    return packed if mapped else np.asarray(packed)


def _scale(sums: NDArray[np.int64]) -> NDArray[np.float64]:
    # As the descriptors divide: by one reciprocal in float64.
    return np.where(sums > 0, 1.0 / np.maximum(sums, 1), 0.0)


def _unpacked(counts: NDArray[np.uint16], scale: NDArray[np.float64]) -> NDArray[np.float32]:
    out = np.empty(counts.shape, np.float32)
    np.multiply(counts, scale, out=out, dtype=np.float64, casting="same_kind")
    return out


class _NotWhole(Exception):
    """A row that counts would not give back."""


def _save_counts(folder: Path, values: NDArray[np.float32], sums: NDArray[np.int64]) -> bool:
    """Write the counts; False, and nothing left, at the first row that they would not give back."""
    pieces = (_counts(np.asarray(values[rows]), sums) for rows in _pieces(values.shape))
    try:
        write_npy(folder / _COUNTS, values.shape, np.uint16, pieces)
    except _NotWhole:
        return False
    save_array(folder / _SUMS, sums)
    return True


def _counts(rows: NDArray[np.float32], sums: NDArray[np.int64]) -> NDArray[np.uint16]:
    """The counts of some rows; _NotWhole where they do not give back every bit."""
    exact = rows * sums.astype(np.float64)
    whole = np.rint(np.where(np.isfinite(exact), exact, -1))
    if whole.min(initial=0) >= 0 and whole.max(initial=0) < _LARGEST:
        counts = whole.astype(np.uint16)
        if _unpacked(counts, _scale(sums)).tobytes() == rows.tobytes():
            return counts
    raise _NotWhole


def _pieces(shape: tuple[int, ...]) -> Iterator[slice]:
    """Rows of about ``_PIECE`` values at a time."""
    step = max(1, _PIECE // max(1, shape[1]))
    return (slice(a, a + step) for a in range(0, shape[0], step))


def _sums(values: NDArray[np.float32], bins: int) -> NDArray[np.int64] | None:
    """(d,) a sum for every column under which some rows are whole counts; None if there is none."""
    n, d = values.shape
    if n == 0 or d % bins:
        return None
    some = np.asarray(values[np.linspace(0, n - 1, min(n, _SAMPLE)).astype(np.int64)], np.float64)
    groups = some.reshape(len(some), -1, bins).transpose(1, 0, 2).reshape(d // bins, -1)
    found, known = np.zeros(len(groups), np.int64), 1
    for g, group in enumerate(groups):
        parts = group[group > 0]
        if len(parts) == 0:
            continue
        # Blocks are mostly of a size: the sum of the last one is worth a look first.
        if not _whole(parts, np.array([known]))[0]:
            known = _smallest(parts)
            if known == 0:
                return None
        found[g] = known
    return np.repeat(found, bins)


def _smallest(parts: NDArray[np.float64]) -> int:
    """The smallest sum under which all parts are whole counts; 0 if none below 2^16 is."""
    few = parts[:: max(1, len(parts) // 32)]
    for first in range(1, _LARGEST, 4096):
        sums = np.arange(first, min(first + 4096, _LARGEST))
        for candidate in sums[_whole(few, sums)]:
            if _whole(parts, np.array([candidate]))[0]:
                return int(candidate)
    return 0


def _whole(parts: NDArray[np.float64], sums: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(k,) whether all parts times each of k sums are whole, to the precision of float32."""
    counts = parts[None] * sums[:, None]
    off = np.abs(counts - np.rint(counts))
    whole = (off <= counts * 2.0**-23) & (counts >= 0.5)
    return np.asarray(whole.all(axis=1), np.bool_)
