"""Main directional maximal difference: movement that comes and goes within twice 0.4 s."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from numpy.typing import NDArray

from mespot.errors import UsageError
from mespot.scorers._per_recording import check_rows, contrast, share_of_maximum, strongest
from mespot.types import Expression, FrameSeries


@dataclass(frozen=True)
class Mdmd:
    """Main directional maximal difference analysis, MDMD (Wang et al. 2016).

    On rows of the descriptor ``main_direction``. d(i) is the mean of the ``top`` largest block
    differences, r(i) = d(i) - (d(i - k + 1) + d(i + k - 1)) / 2 with k from the middle of a row to
    its ends. The score is (r - mean) / (maximum - mean) of the recording: a fixed threshold p on it
    is the publication's T = mean + p (maximum - mean).

    Parameters
    ----------
    top : int
        Blocks that count, of 36.
    """

    top: int = 12

    learns: ClassVar[bool] = False
    whole_series: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.top < 1:
            raise UsageError(f"scorer mdmd: top = {self.top}: must be at least 1")

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
        """Shares of the recording's highest relative difference, (n, 1) in [0, 1].

        Raises UsageError for rows of another descriptor.
        """
        check_rows("mdmd", "main_direction", "undone ", series)
        reach = max(1, round(((series.span - 1) // 2 - 1) / series.step))
        curve = contrast(strongest(series.values, self.top), reach)
        return series.with_values(share_of_maximum(curve)[:, None], ("score",))


PLUGIN = Mdmd
