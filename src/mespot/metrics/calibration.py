"""Whether scores that are given as probabilities are any: reliability curve and its mean gap."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mespot.metrics.ranking import Floats, Ranked


@dataclass(frozen=True)
class Reliability:
    """Share of right spots against their mean score, in bins of equal width.

    Attributes
    ----------
    edges : (bins + 1,) float64
        Bin i holds the scores in [edges[i], edges[i + 1]), the last one 1 too.
    n : (bins,) int64
    mean_score, share_right : (bins,) float64
        NaN in an empty bin.
    """

    edges: Floats
    n: NDArray[np.int64]
    mean_score: Floats
    share_right: Floats

    @property
    def expected_error(self) -> float:
        """Mean of |share_right - mean_score| over the spots (Naeini et al. 2015); NaN for none."""
        filled = self.n > 0
        if not filled.any():
            return math.nan
        gaps = np.abs(self.share_right - self.mean_score)[filled]
        return float(gaps @ self.n[filled] / self.n.sum())


def reliability(ranked: Ranked, bins: int = 10) -> Reliability:
    """How often spots of a given score are right.

    Raises
    ------
    ValueError
        If a score is no probability, or ``bins`` is not positive.
    """
    if bins < 1:
        raise ValueError(f"bins must be positive, not {bins}")
    scores = ranked.scores
    if len(scores) and (scores.min() < 0 or scores.max() > 1):
        odd = scores[0] if scores[0] > 1 else scores[-1]
        raise ValueError(f"score {odd:g} is no probability: calibration needs scores in [0, 1]")
    edges = np.arange(bins + 1) / bins
    # The edges themselves decide, so that the figures of a bin hold for its scores.
    place = np.minimum(np.searchsorted(edges, scores, side="right") - 1, bins - 1)
    n = np.bincount(place, minlength=bins)
    return Reliability(
        edges,
        n,
        _over(np.bincount(place, weights=scores, minlength=bins), n),
        _over(np.bincount(place, weights=ranked.right, minlength=bins), n),
    )


def _over(sums: NDArray, n: NDArray[np.int64]) -> Floats:
    return np.where(n > 0, sums / np.maximum(n, 1), np.nan)
