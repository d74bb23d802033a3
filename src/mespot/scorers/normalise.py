"""What happens to descriptor rows before a network sees them: ``difference`` and ``zscore``.

Raw descriptors depend more on who is in the picture than on what moves. ``difference`` takes from
every row the mean of the rows within ± some seconds (at the ends: of the rows there are); it needs
no label and no other recording. ``zscore`` takes the training rows' mean from every column and
divides by their standard deviation.

A value that is NaN or infinite takes no part in any mean or deviation, and is 0 afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mespot.errors import UsageError

# A column that hardly varies in training would make a storm of the least noise elsewhere: no
# deviation counts as less than this part of the median column's.
STD_FLOOR = 0.01
_CHUNK_VALUES = 4_000_000


@dataclass(frozen=True)
class Normaliser:
    """Steps in the order they are applied; ``radius`` in rows; ``mean`` and ``std`` (d,)."""

    steps: tuple[str, ...]
    radius: int
    mean: NDArray[np.float64]
    std: NDArray[np.float64]

    def rows(self, values: NDArray[np.float32], start: int, stop: int) -> NDArray[np.float32]:
        """Rows start … stop - 1 of a series' values (n, d), normalised: (stop - start, d) float32.

        Equal (to rounding) to those rows of the whole series normalised at once.
        """
        if self.steps == ("zscore",):
            return self._scaled(values[start:stop])
        return _apply(self, values, start, stop).astype(np.float32)

    def _scaled(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """As ``_apply`` to rounding, in an eighth of its time: rows are read and scaled often."""
        mean, factor, rest = self.float32
        scaled: NDArray[np.float32] = np.subtract(block, mean, dtype=np.float32)
        scaled *= factor
        if rest is not None:
            scaled += rest
        # A sum is finite where all is; where it is not, it may have been too large.
        if not np.isfinite(scaled.sum()):
            scaled[~np.isfinite(scaled)] = 0.0
        return scaled

    @cached_property
    def float32(self) -> tuple[NDArray, NDArray, NDArray | None]:
        """Mean, factor, and what a mean of fewer digits leaves over where that is worth a pass."""
        mean = self.mean.astype(np.float32)
        rest = (mean - self.mean) / self.std
        worth = np.abs(rest).max(initial=0.0) > 1e-5
        return mean, (1 / self.std).astype(np.float32), rest.astype(np.float32) if worth else None

    def all_rows(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """The whole series normalised, in pieces, so that only the result is held in full."""
        result = np.empty(values.shape, np.float32)
        for start, stop in _pieces(values):
            result[start:stop] = self.rows(values, start, stop)
        return result


def fit_normaliser(
    series: Sequence[NDArray[np.float32]], steps: Sequence[str], radius: int
) -> Normaliser:
    """Mean and deviation over all rows of all series (n_i, d), after the steps before ``zscore``.

    Raises UsageError if a step is named twice.
    """
    if len(set(steps)) < len(steps):
        raise UsageError(f"scorer: normalise = {list(steps)}: every step may stand once")
    d = series[0].shape[1]
    plain = Normaliser(tuple(steps), radius, np.zeros(d), np.ones(d))
    if "zscore" not in steps:
        return plain
    before = Normaliser(plain.steps[: plain.steps.index("zscore")], radius, plain.mean, plain.std)
    count, mean, square = np.zeros(d), np.zeros(d), np.zeros(d)
    for values in series:
        for start, stop in _pieces(values):
            block = _apply(before, values, start, stop, fill=np.nan)
            k, m, s = _moments(block)
            # Chan, Golub & LeVeque 1979: moments of two sets from those of each.
            total = np.maximum(count + k, 1)
            square += s + (m - mean) ** 2 * count * k / total
            mean += (m - mean) * k / total
            count += k
    std = np.sqrt(square / np.maximum(count, 1))
    varying = std[std > 0]
    floor = STD_FLOOR * float(np.median(varying)) if len(varying) else 1.0
    return Normaliser(plain.steps, radius, mean, np.maximum(std, floor))


def difference(values: NDArray[np.floating], radius: int) -> NDArray[np.float64]:
    """Each row minus the mean of the rows within ± radius, (n, d); linear in n.

    Non-finite values are left out of the means and become NaN themselves.
    """
    n = len(values)
    exact: NDArray[np.float64] = values.astype(np.float64)
    low = np.maximum(np.arange(n) - radius, 0)
    high = np.minimum(np.arange(n) + radius + 1, n)
    finite = np.isfinite(exact)
    if finite.all():
        return exact - _window_sums(exact, low, high) / (high - low)[:, None]
    sums = _window_sums(np.where(finite, exact, 0.0), low, high)
    counts = _window_sums(finite.astype(np.float64), low, high)
    return np.where(finite, exact - sums / np.maximum(counts, 1), np.nan)


def _window_sums(
    values: NDArray[np.float64], low: NDArray[np.int64], high: NDArray[np.int64]
) -> NDArray[np.float64]:
    so_far = np.zeros((len(values) + 1, values.shape[1]))
    np.cumsum(values, axis=0, out=so_far[1:])
    sums: NDArray[np.float64] = so_far[high] - so_far[low]
    return sums


def _apply(
    normaliser: Normaliser,
    values: NDArray[np.float32],
    start: int,
    stop: int,
    fill: float = 0.0,
) -> NDArray[np.floating]:
    """The steps on a piece cut with enough neighbours on either side; non-finite -> ``fill``."""
    halo = normaliser.radius if "difference" in normaliser.steps else 0
    low, high = max(start - halo, 0), min(stop + halo, len(values))
    block: NDArray[np.floating] = values[low:high]
    for step in normaliser.steps:
        if step == "difference":
            block = difference(block, normaliser.radius)
        else:
            block = (block - normaliser.mean) / normaliser.std
    block = block[start - low : stop - low]
    return np.where(np.isfinite(block), block, fill)


def _moments(
    block: NDArray[np.floating],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Per column: number of finite values, their mean, their sum of squared deviations."""
    finite = np.isfinite(block)
    k = finite.sum(axis=0).astype(np.float64)
    mean = np.where(finite, block, 0.0).sum(axis=0, dtype=np.float64) / np.maximum(k, 1)
    off = np.where(finite, block - mean, 0.0)
    return k, mean, (off**2).sum(axis=0)


def _pieces(values: NDArray[np.float32]) -> Iterator[tuple[int, int]]:
    """Row ranges that together are the series, each of bounded size in memory."""
    rows = max(256, _CHUNK_VALUES // max(values.shape[1], 1))
    for start in range(0, len(values), rows):
        yield start, min(start + rows, len(values))
