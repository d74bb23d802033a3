"""A small fusion of two LSTMs, for the battery."""

from __future__ import annotations

from mespot.scorers.lstm import Lstm
from scorer_cases import bumps

FIELDS = {
    "members": (
        Lstm(epochs=1, window=14),
        Lstm(epochs=1, window=14, label="apex"),
    ),
}


def rows(seed):
    """The toy recording of a seed."""
    return bumps(seed)
