"""Chance: a smooth random curve that knows nothing of the video."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from mespot.contracts import BaseScorer, Quality, Weights
from mespot.errors import MespotError
from mespot.types import Expression, FrameSeries

# Width in seconds of the moving average that gives the curve its peaks, about as wide as an ME's.
SMOOTH_S = 0.3


@dataclass(frozen=True)
class Random(BaseScorer):
    """Smooth random scores in [0, 1], uniformly spread: what chance alone finds.

    The curve follows from the seed in the weights and from the series' own numbers, so that a
    recording always gets the same one and two recordings get different ones.
    """

    whole_series: ClassVar[bool] = True

    def fit(
        self,
        series: Sequence[FrameSeries],
        truth: Sequence[Sequence[Expression]],
        seed: int,
        quality: Quality | None = None,
    ) -> Weights:
        """Keeps the seed: ``seed`` () int64."""
        return {"seed": np.array(seed, np.int64)}

    def score(self, series: FrameSeries, weights: Mapping[str, NDArray[Any]]) -> FrameSeries:
        """Ranks of averaged noise, (n, 1), spread evenly over (0, 1]."""
        if "seed" not in weights:
            raise MespotError("scorer random: these weights are of another scorer (no 'seed')")
        n = len(series)
        own = zlib.crc32(np.ascontiguousarray(series.values).data.cast("B")) if n else 0
        rng = np.random.default_rng([int(weights["seed"]) % 2**63, own, n])
        width = max(1, round(SMOOTH_S * float(series.fps) / series.step))
        total = np.concatenate([[0.0], np.cumsum(rng.standard_normal(n + width - 1))])
        curve = total[width:] - total[:-width] if n else np.empty(0)
        ranks = np.empty(n, np.float32)
        ranks[np.argsort(curve, kind="stable")] = np.arange(1, n + 1) / max(n, 1)
        return series.with_values(ranks[:, None], ("score",))


PLUGIN = Random
