"""What scorers that learn nothing share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from numpy.typing import NDArray

from mespot.types import Expression, FrameSeries


class Untrained:
    """Base of scorers whose ``fit`` has nothing to do."""

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
