"""Feature difference contrast of LBP histograms: the first spotter for spontaneous MEs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
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
class LbpChi2(StrongestBlocks):
    """LBP chi-square feature difference contrast (Moilanen et al. 2014, Li et al. 2017).

    On rows of the descriptor ``lbp_difference``. F(i) is the mean of the ``top`` largest block
    distances, C(i) = F(i) - (F(i - k) + F(i + k)) / 2 with k from the middle of a row's window to
    its ends, below 0 as 0. The score is (C - mean) / (maximum - mean) of the recording: a fixed
    threshold tau on it is the publication's T = mean + tau (maximum - mean).

    Parameters
    ----------
    top : int
        Blocks that count, of 36.
    """

    called: ClassVar[str] = "lbp_chi2"

    def score(self, series: FrameSeries, weights: Mapping[str, NDArray[Any]]) -> FrameSeries:
        """Shares of the recording's highest contrast, (n, 1) in [0, 1].

        Raises UsageError for rows of another descriptor.
        """
        check_rows("lbp_chi2", "lbp_difference", "chi2 ", series)
        reach = max(1, round((series.span - 1) // 2 / series.step))
        curve = np.maximum(contrast(strongest(series.values, self.top), reach), 0)
        return series.with_values(share_of_maximum(curve)[:, None], ("score",))


PLUGIN = LbpChi2
