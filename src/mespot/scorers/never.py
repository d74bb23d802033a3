"""The floor: no micro-expression anywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from mespot.types import Expression, FrameSeries


@dataclass(frozen=True)
class Never:
    """Scores every row 0, so that nothing is ever spotted: the floor of every table."""

    learns: ClassVar[bool] = False

    def fit(
        self,
        series: Sequence[FrameSeries],
        truth: Sequence[Sequence[Expression]],
        seed: int,
        quality: Callable[[Callable[[FrameSeries], FrameSeries]], float] | None = None,
    ) -> dict[str, NDArray[Any]]:
        """Nothing to learn: {}."""
        return {}

    def score(self, series: FrameSeries, weights: Mapping[str, NDArray[Any]]) -> FrameSeries:
        """Zeros, (n, 1)."""
        return series.with_values(np.zeros((len(series), 1), np.float32), ("score",))


PLUGIN = Never
