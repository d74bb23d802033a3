"""Curves of training-free spotters: strongest blocks, contrast in time, share of the maximum.

Rows that do not hold numbers (no face, see ``FrameSeries.all_found``) stay NaN all the way and
take no part in a recording's mean and maximum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from mespot.contracts import BaseScorer
from mespot.errors import UsageError
from mespot.types import FrameSeries


@dataclass(frozen=True)
class StrongestBlocks(BaseScorer):
    """Base of scorers of the strongest blocks, whose scores are shares of a recording's maximum."""

    called: ClassVar[str]
    whole_series: ClassVar[bool] = True

    top: int = 12

    def __post_init__(self) -> None:
        if self.top < 1:
            raise UsageError(f"scorer {self.called}: top = {self.top}: must be at least 1")


def check_rows(scorer: str, descriptor: str, prefix: str, series: FrameSeries) -> None:
    """UsageError where the names of a series' columns are those of another descriptor."""
    if series.names and not all(name.startswith(prefix) for name in series.names):
        raise UsageError(
            f"scorer {scorer}: these rows are of another descriptor (column "
            f"{series.names[0]!r}); set descriptor.name = {descriptor}"
        )


def strongest(values: NDArray[np.float32], top: int) -> NDArray[np.float64]:
    """Mean of the ``top`` largest numbers of every row, (n, d) -> (n,); of all if d is smaller."""
    n, d = values.shape
    if not n or not d:
        return np.full(n, np.nan)
    whole = np.isfinite(values).all(axis=1, keepdims=True)
    wide = np.where(whole, values, np.nan).astype(np.float64)
    top = min(top, d)
    # Sorted, so that the sum does not depend on how a partition happens to order its part.
    mean: NDArray[np.float64] = np.sort(wide, axis=1)[:, d - top :].mean(axis=1)
    return mean


def contrast(curve: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
    """Row i minus the mean of rows i - reach and i + reach; NaN where one of the three is none."""
    result = np.full(len(curve), np.nan)
    if len(curve) > 2 * reach:
        sides = (curve[: -2 * reach] + curve[2 * reach :]) / 2
        result[reach:-reach] = curve[reach:-reach] - sides
    return result


def share_of_maximum(curve: NDArray[np.float64]) -> NDArray[np.float32]:
    """(c - mean) / (maximum - mean) of a recording, (n,); NaN and what is not above the mean are 0.

    A threshold mean + tau (maximum - mean) on the curve is the threshold tau on this. A curve that
    is constant to rounding has no maximum.
    """
    known = curve[np.isfinite(curve)]
    result = np.zeros(len(curve), np.float32)
    if not len(known):
        return result
    mean, highest = known.mean(), known.max()
    if highest - mean <= 1e-9 * np.abs(known).max():
        return result
    share = (np.nan_to_num(curve, nan=mean) - mean) / (highest - mean)
    return np.maximum(share, 0).astype(np.float32)
