"""What every scorer that learns checks of the series it is given, and its refusals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from numpy.typing import NDArray

from mespot.errors import MespotError, UsageError
from mespot.extras import need
from mespot.scorers import normalise, resample
from mespot.types import FrameSeries


def common_rate(name: str, series: Sequence[FrameSeries]) -> float:
    """Rows per second; UsageError if the series are not of one kind. ``name`` is the scorer's."""
    if not any(len(s) for s in series):
        raise UsageError(f"scorer {name}: no training recording has a row")
    columns = {s.values.shape[1] for s in series}
    if len(columns) > 1:
        raise UsageError(
            f"scorer {name}: training series have different columns: {sorted(columns)}"
        )
    rates = [float(s.fps / s.step) for s in series]
    if max(rates) > min(rates) * (1 + resample.SAME_RATE):
        raise UsageError(
            f"scorer {name}: training series run at {min(rates):g} to {max(rates):g} rows a "
            "second; bring the videos to one rate first"
        )
    return sorted(rates)[len(rates) // 2]


def some_label(name: str, labels: Sequence[NDArray[Any]]) -> None:
    """UsageError if no row of any recording has a positive label."""
    if not any(label.any() for label in labels):
        raise UsageError(
            f"scorer {name}: no row of {len(labels)} training recordings has a positive label; "
            "check that micro-expressions are annotated and not shorter than half a span"
        )


def normaliser_for(
    name: str, series: FrameSeries, weights: Mapping[str, NDArray[Any]], needed: Sequence[str]
) -> normalise.Normaliser:
    """The normaliser that the weights hold.

    Raises MespotError if the weights lack one of the arrays ``needed`` or those of a normaliser,
    UsageError if the series has other columns than they were learned on.
    """
    missing = [k for k in ("mean", "std", "steps", "radius", *needed) if k not in weights]
    if missing:
        raise MespotError(f"scorer {name}: these weights are of another scorer (no {missing[0]!r})")
    d = len(weights["mean"])
    if series.values.shape[1] != d:
        raise UsageError(
            f"scorer {name}: learned on rows of {d} columns, this series has "
            f"{series.values.shape[1]}; use the descriptor and fields it was trained with"
        )
    steps = tuple(str(step) for step in weights["steps"])
    return normalise.Normaliser(steps, int(weights["radius"]), weights["mean"], weights["std"])


@contextmanager
def training_needs(name: str) -> Iterator[None]:
    """Imports inside the block need torch and onnx; MissingExtra where one is missing."""
    for module in ("torch", "onnx"):
        need(module, extra="train", who=f"scorer {name}: training")
    yield
