"""What the heads of a network learn at every row, and how much each row counts.

One head each for micro-expressions, macro-expressions and blinks. The other two do not make spots:
they make the network's shared part tell apart what the micro head takes for a micro-expression most
easily, the onset of a smile or a blink.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mespot.labels import Label, label_scores
from mespot.types import Expression, FrameSeries

HEADS = ("micro", "macro", "blink")


@dataclass(frozen=True)
class Targets:
    """Labels and weights of the heads.

    Attributes
    ----------
    label, label_s
        As in :func:`mespot.labels.label_scores`, for every kind.
    positive_weight : float
        A row counts 1 + (positive_weight - 1) · label in its head.
    hard_weight : float
        A row without a micro-expression but with a macro-expression or blink counts, in the micro
        head, 1 + (hard_weight - 1) · their label.
    auxiliary : float
        The macro and the blink head count so much, the micro head 1; 0: a single head.
    """

    label: Label
    label_s: float | None
    positive_weight: float
    hard_weight: float
    auxiliary: float

    @property
    def heads(self) -> int:
        return len(HEADS) if self.auxiliary else 1

    def of(self, series: FrameSeries, truth: Sequence[Expression]) -> NDArray[np.float32]:
        """(n, 2, heads) float32: the labels, and the weights."""
        labels = np.stack(
            [label_scores(series, truth, self.label, self.label_s, (kind,)) for kind in HEADS], 1
        )
        weights: NDArray[Any] = 1 + (self.positive_weight - 1) * labels
        hard = np.where(labels[:, 0] > 0, 0, labels[:, 1:].max(axis=1, initial=0))
        weights[:, 0] *= 1 + (self.hard_weight - 1) * hard
        weights[:, 1:] *= self.auxiliary
        both = np.stack([labels, weights], 1)[:, :, : self.heads]
        return both.astype(np.float32)
