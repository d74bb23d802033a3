"""The floor: no micro-expression anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mespot.contracts import BaseScorer
from mespot.types import FrameSeries


@dataclass(frozen=True)
class Never(BaseScorer):
    """Scores every row 0, so that nothing is ever spotted: the floor of every table."""

    def score(self, series: FrameSeries, weights: Mapping[str, NDArray[Any]]) -> FrameSeries:
        """Zeros, (n, 1)."""
        return series.with_values(np.zeros((len(series), 1), np.float32), ("score",))


PLUGIN = Never
