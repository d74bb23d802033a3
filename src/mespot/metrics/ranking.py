"""All thresholds at once: counts, FROC and average precision of spots that carry scores.

The spots at threshold t are those with score >= t. Give every peak of the score curve, not only
the spots above the threshold in use, or the curves end where that threshold lies.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mespot.metrics.pooled import Events, Listed, validate
from mespot.metrics.rule import Rule, hits, of_kind
from mespot.types import Counts, Expression

MICRO = ("micro",)
"""The kinds that curves are about by default."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Ranked:
    """The spots of all recordings, highest score first, each right or wrong.

    Attributes
    ----------
    scores : (n,) float64, descending
    right : (n,) bool
        Right under one-to-one matching with the spots of higher score alone (``metrics.hits``).
    n_truth : int
        True expressions, found or not.
    minutes : float
        Length of all listed recordings; NaN where one is unknown.
    """

    scores: Floats
    right: NDArray[np.bool_]
    n_truth: int
    minutes: float


@dataclass(frozen=True)
class Froc:
    """Counts at every threshold, from none in (threshold inf) to all in; one row per threshold.

    Free-response receiver operating characteristic (Bunch and others 1977): ``recall`` against
    ``false_alarms_per_minute``. Both never fall along the rows.

    Attributes
    ----------
    thresholds : (m,) float64
    tp, fp : (m,) int64
    n_truth : int
    minutes : float
    """

    thresholds: Floats
    tp: NDArray[np.int64]
    fp: NDArray[np.int64]
    n_truth: int
    minutes: float

    @property
    def recall(self) -> Floats:
        """(m,); NaN where there is no truth."""
        return self.tp / self.n_truth if self.n_truth else np.full(len(self.tp), np.nan)

    @property
    def precision(self) -> Floats:
        """(m,); NaN where nothing is in."""
        spots = self.tp + self.fp
        return np.where(spots > 0, self.tp / np.maximum(spots, 1), np.nan)

    @property
    def false_alarms_per_minute(self) -> Floats:
        """(m,); NaN where the length is unknown or zero."""
        return self.fp / self.minutes if self.minutes > 0 else np.full(len(self.fp), np.nan)

    def counts(self, row: int) -> Counts:
        """The counts of one row."""
        tp = int(self.tp[row])
        return Counts(tp, int(self.fp[row]), self.n_truth - tp, self.minutes)

    def recall_at(self, rates: Sequence[float]) -> list[float]:
        """The highest recall with at most so many false alarms per minute, for each rate.

        A step, not an interpolation: a threshold must exist that gives it.
        """
        per_minute = self.false_alarms_per_minute
        if math.isnan(per_minute[0]):
            return [math.nan] * len(rates)
        # The small extra lets 3 in ten minutes be 0.3 per minute, whatever 0.3 is in binary.
        rows = np.searchsorted(per_minute, np.asarray(rates) * (1 + 1e-12), side="right") - 1
        return [float(self.recall[r]) if r >= 0 else math.nan for r in rows]


def rank(
    recordings: Sequence[Listed],
    reference: Events,
    estimated: Events,
    rule: Rule,
    kinds: Sequence[str] = MICRO,
) -> Ranked:
    """Order the spots of all recordings by score and mark the right ones.

    Each kind is matched apart, as in :func:`~mespot.metrics.count_kinds`.

    Raises
    ------
    ValueError
        For a spot without a score, or what :func:`~mespot.metrics.validate` refuses.
    """
    validate(recordings, reference, estimated)
    scores: list[Floats] = []
    right: list[NDArray[np.bool_]] = []
    n_truth = 0
    for recording in recordings:
        for kind in kinds:
            truth = of_kind(reference.get(recording.id, ()), kind)
            spots = of_kind(estimated.get(recording.id, ()), kind)
            values = scores_of(spots, recording.id)
            order = np.argsort(-values, kind="stable")
            scores.append(values[order])
            right.append(hits(truth, [spots[i] for i in order], rule))
            n_truth += len(truth)
    values = np.concatenate([np.zeros(0), *scores])
    order = np.argsort(-values, kind="stable")
    marks = np.concatenate([np.zeros(0, dtype=np.bool_), *right])
    # Added as Counts are, to the last bit.
    minutes = sum((r.minutes for r in recordings), 0.0)
    return Ranked(values[order], marks[order], n_truth, minutes)


def scores_of(spots: Iterable[Expression], recording: str) -> Floats:
    """(n,) the scores; ValueError for a spot that has none."""
    values = []
    for spot in spots:
        if spot.score is None:
            raise ValueError(
                f"recording {recording!r}: the spot at frames {spot.onset} to {spot.offset} has no "
                "score; curves over all thresholds need one for every spot"
            )
        values.append(spot.score)
    return np.array(values, dtype=np.float64)


def froc(ranked: Ranked) -> Froc:
    """Counts at every threshold; spots of equal score come in together."""
    last = np.flatnonzero(np.diff(ranked.scores, append=-np.inf))
    tp = np.cumsum(ranked.right, dtype=np.int64)[last]
    return Froc(
        np.concatenate([[np.inf], ranked.scores[last]]),
        np.concatenate([[0], tp]),
        np.concatenate([[0], last + 1 - tp]),
        ranked.n_truth,
        ranked.minutes,
    )


def average_precision(ranked: Ranked) -> float:
    """Sum over thresholds of precision times the gain in recall; no interpolation.

    NaN where there is no truth.

    Raises
    ------
    ValueError
        If there are several spots and all have the same score: nothing is ranked then, and a
        figure would only show the order of the rows (docs/metrics.md, deviation 10).
    """
    if len(ranked.scores) > 1 and ranked.scores[0] == ranked.scores[-1]:
        raise ValueError(
            f"all {len(ranked.scores)} spots have the score {ranked.scores[0]:g}: average "
            "precision needs scores that rank the spots"
        )
    curve = froc(ranked)
    if not ranked.n_truth:
        return math.nan
    gains = np.diff(curve.recall)
    return float(gains @ curve.precision[1:])


def best_f1(curve: Froc) -> tuple[float, float]:
    """The highest F1 over all thresholds, and that threshold (of several the highest).

    The threshold is chosen on the truth that it is judged by: a bound on what a threshold can do,
    never a result. (NaN, NaN) where F1 is defined nowhere.
    """
    f1 = np.array([curve.counts(row).f1 for row in range(len(curve.tp))])
    if np.isnan(f1).all():
        return math.nan, math.nan
    row = int(np.nanargmax(f1))
    return float(f1[row]), float(curve.thresholds[row])
