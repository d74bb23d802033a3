"""What scorers that learn with scikit-learn share: the import, and which rows are numbers."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mespot.errors import MespotError, UsageError
from mespot.types import FrameSeries

# A row with a larger value is broken; its sums would swallow those of its neighbours.
_LARGEST = 1e12
_VALUES_AT_ONCE = 4_000_000


def sklearn_part(name: str, scorer: str) -> Any:
    """The module ``sklearn.<name>``. Raises MespotError, with the extra to install, without it."""
    try:
        return import_module(f"sklearn.{name}")
    except ImportError as error:
        raise MespotError(
            f"scorer {scorer}: training needs scikit-learn: pip install 'mespot[train]'"
        ) from error


def check_training(series: Sequence[FrameSeries], scorer: str) -> int:
    """The number of columns; UsageError if there are no rows or the series differ in columns."""
    if not any(len(s) for s in series):
        raise UsageError(f"scorer {scorer}: no training recording has a row")
    columns = {s.values.shape[1] for s in series}
    if len(columns) > 1:
        raise UsageError(
            f"scorer {scorer}: training series have different columns: {sorted(columns)}"
        )
    return columns.pop()


def check_scoring(series: FrameSeries, d: int, scorer: str) -> None:
    """UsageError if a series has other columns than the weights were learned on."""
    if series.values.shape[1] != d:
        raise UsageError(
            f"scorer {scorer}: learned on rows of {d} columns, this series has "
            f"{series.values.shape[1]}; use the descriptor and fields it was trained with"
        )


def check_weights(weights: Any, names: Sequence[str], scorer: str) -> None:
    """MespotError if the weights lack an array of this scorer."""
    missing = [name for name in names if name not in weights]
    if missing:
        raise MespotError(
            f"scorer {scorer}: these weights are of another scorer (no {missing[0]!r})"
        )


def usable(values: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(n,) whether every number of a row is finite and not absurdly large."""
    good = np.empty(len(values), bool)
    for rows in pieces(values):
        good[rows] = (np.abs(values[rows]) < _LARGEST).all(axis=1)
    return good


def pieces(values: NDArray[np.float32]) -> list[slice]:
    """Slices of rows that together are the series, each of bounded size in memory."""
    rows = max(64, _VALUES_AT_ONCE // max(values.shape[1], 1))
    return [slice(start, start + rows) for start in range(0, len(values), rows)]
