"""A ceiling, not a method: the labels themselves as scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mespot.errors import UsageError
from mespot.labels import label_scores
from mespot.scorers._untrained import Untrained
from mespot.types import Expression, FrameSeries


@dataclass(frozen=True)
class Oracle(Untrained):
    """Ceiling, not a method: scores a recording by its own truth (Eq. 1 or Eq. 2).

    What remains wrong after decoding its scores is lost by the labels and the decoding, whatever
    the network: MEs shorter than half a span, neighbours that run together. ``fit`` returns nothing
    and ``score`` refuses to work, unless the truth of this one recording is in the weights; so the
    oracle cannot stand in for a method by mistake. :func:`oracle_scores` is the way to use it.

    Parameters
    ----------
    label : {"overlap", "apex"}
        Eq. 1 or Eq. 2.
    label_s : float or None
        Length of the labels; None: the descriptor's span.
    """

    label: Literal["overlap", "apex"] = "overlap"
    label_s: float | None = None

    def score(self, series: FrameSeries, weights: Mapping[str, NDArray[Any]]) -> FrameSeries:
        """The labels of ``weights["truth"]``, rows of onset, apex (or -1), offset: (n, 1).

        Raises UsageError without it.
        """
        if "truth" not in weights:
            raise UsageError(
                "scorer oracle: it scores by the truth and cannot spot; "
                "it is a ceiling for benchmarks (mespot.scorers.oracle.oracle_scores)"
            )
        expressions = [
            Expression(int(onset), int(apex) if apex >= 0 else None, int(offset))
            for onset, apex, offset in np.asarray(weights["truth"]).reshape(-1, 3)
        ]
        return series.with_values(
            label_scores(series, expressions, self.label, self.label_s)[:, None], ("score",)
        )


def oracle_scores(
    series: FrameSeries,
    expressions: Sequence[Expression],
    label: Literal["overlap", "apex"] = "overlap",
    label_s: float | None = None,
) -> FrameSeries:
    """The perfect score curve of one recording, (n, 1); for ceilings in benchmarks only."""
    rows = [
        (e.onset, -1 if e.apex is None else e.apex, e.offset)
        for e in expressions
        if e.kind == "micro"
    ]
    return Oracle(label, label_s).score(series, {"truth": np.array(rows, np.int64).reshape(-1, 3)})


PLUGIN = Oracle
