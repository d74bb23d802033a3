"""Main directional maximal difference: movement that comes and goes within twice 0.4 s."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from numpy.typing import NDArray

from mespot_lab.rivals._per_recording import (
    StrongestBlocks,
    check_rows,
    contrast,
    share_of_maximum,
    strongest,
)
from mespot.types import FrameSeries


@dataclass(frozen=True)
class Mdmd(StrongestBlocks):
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

    called: ClassVar[str] = "mdmd"

    def score(self, series: FrameSeries, weights: Mapping[str, NDArray[Any]]) -> FrameSeries:
        """Shares of the recording's highest relative difference, (n, 1) in [0, 1].

        Raises UsageError for rows of another descriptor.
        """
        check_rows("mdmd", "main_direction", "undone ", series)
        reach = max(1, round(((series.span - 1) // 2 - 1) / series.step))
        curve = contrast(strongest(series.values, self.top), reach)
        return series.with_values(share_of_maximum(curve)[:, None], ("score",))


PLUGIN = Mdmd
