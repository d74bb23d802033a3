"""A ceiling, not a method: the labels themselves as scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from numpy.typing import NDArray

from mespot.contracts import BaseScorer
from mespot.errors import UsageError
from mespot.labels import label_scores
from mespot.types import Expression, FrameSeries


@dataclass(frozen=True)
class Oracle(BaseScorer):
    """Ceiling, not a method: scores a recording by its own truth (Eq. 1 or Eq. 2).

    What remains wrong after decoding its scores is lost by the labels and the decoding, whatever
    the network: MEs shorter than half a span, neighbours that run together. :meth:`score` refuses
    to work, so the oracle cannot stand in for a method by mistake.

    Parameters
    ----------
    label : {"overlap", "apex"}
        Eq. 1 or Eq. 2.
    label_s : float or None
        Length of the labels in seconds; None: the descriptor's span.
    """

    is_ceiling: ClassVar[bool] = True

    label: Literal["overlap", "apex"] = "overlap"
    label_s: float | None = None

    def score(self, series: FrameSeries, weights: Mapping[str, NDArray[Any]]) -> FrameSeries:
        """Raise UsageError: a ceiling cannot spot."""
        raise UsageError("scorer oracle: it scores by the truth and cannot spot; it is a ceiling")

    def score_truth(self, series: FrameSeries, truth: Sequence[Expression]) -> FrameSeries:
        """The labels of a recording's micro-expressions as its score curve, (n, 1)."""
        micro = [e for e in truth if e.kind == "micro"]
        labels = label_scores(series, micro, self.label, self.label_s)
        return series.with_values(labels[:, None], ("score",))


PLUGIN = Oracle
