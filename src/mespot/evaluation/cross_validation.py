"""The folds of an evaluation on samples in memory: the figures of ``mespot train --evaluate``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mespot.evaluation.fold import FoldResult, run_fold
from mespot.metrics import Rule, best_f1, bootstrap, froc, rank
from mespot.protocol import Sample, leave_one_subject_out, pooled
from mespot.recipe import Recipe
from mespot.runner import run_tasks
from mespot.types import Counts, Expression, Fold


@dataclass(frozen=True)
class CrossValidation:
    """The results of all folds together, by recording id, in grid frames.

    Attributes
    ----------
    spots, peaks : dict of recording id to expressions
        Above the threshold, and all, whatever the threshold.
    provenance : dict of fold name to what the fold chose
        See :class:`mespot.evaluation.fold.FoldResult`.
    """

    spots: dict[str, list[Expression]] = field(default_factory=dict)
    peaks: dict[str, list[Expression]] = field(default_factory=dict)
    provenance: dict[str, dict[str, Any]] = field(default_factory=dict)


_Shared = tuple[Recipe, dict[str, Sample], list[Sample]]


def _fold_task(shared: _Shared, fold: Fold) -> tuple[str, FoldResult]:
    recipe, samples, also = shared
    return fold.name, run_fold(recipe, samples, fold, ("default",), also=also)[0]


def cross_validate(
    recipe: Recipe,
    samples: Sequence[Sample],
    folds: Sequence[Fold] | None = None,
    workers: int = 1,
    also: Sequence[Sample] = (),
) -> CrossValidation:
    """Spots of every sample by weights that never saw its subject (default: one fold each).

    ``also`` are more samples to learn from, in each fold without those of its test subjects.
    Raises ValueError for a fold with samples of a subject on both sides.
    """
    folds = leave_one_subject_out(samples) if folds is None else folds
    total = CrossValidation()
    shared = (recipe, {s.id: s for s in samples}, list(also))
    for name, result in run_tasks(_fold_task, shared, folds, workers):
        total.spots.update(result.spots)
        total.peaks.update(result.peaks)
        total.provenance[name] = result.provenance
    return total


def summary(samples: Sequence[Sample], result: CrossValidation) -> dict[str, Any]:
    """Pooled figures of a cross-validation; ``best_*`` use a threshold chosen on the test itself.

    The leak-free figures are ``f1_apex``, ``f1_megc`` and ``false_alarms_per_minute``; the others
    only show how well the scores order, for comparison with curves.
    """
    spots = [result.spots[s.id] for s in samples]
    peaks = [result.peaks[s.id] for s in samples]
    apex = pooled(samples, spots, Rule("apex"))
    megc = pooled(samples, spots, Rule("megc"))
    subjects = sorted({s.subject for s in samples})
    by_subject = [
        sum((pooled([s], [result.spots[s.id]], Rule("apex")) for s in samples if s.subject == name),
            Counts())
        for name in subjects
    ]  # fmt: skip
    low, high = bootstrap(by_subject)
    best, recall = sweep(samples, peaks, Rule("apex"))
    return {
        "f1_apex": apex.f1,
        "f1_apex_interval": [low, high],
        "precision_apex": apex.precision,
        "recall_apex": apex.recall,
        "f1_megc": megc.f1,
        "false_alarms_per_minute": apex.false_alarms_per_minute,
        "best_f1_apex": best,
        "best_f1_megc": sweep(samples, peaks, Rule("megc"))[0],
        "recall_at_1_per_minute": recall,
        "expressions": apex.tp + apex.fn,
        "minutes": apex.minutes,
        "subjects": len(subjects),
    }


def sweep(
    samples: Sequence[Sample], peaks: Sequence[Sequence[Expression]], rule: Rule, rate: float = 1.0
) -> tuple[float, float]:
    """Best F1 over all thresholds, and the recall at up to ``rate`` false alarms per minute."""
    truth = {s.id: s.micro for s in samples}
    curve = froc(rank(samples, truth, {s.id: p for s, p in zip(samples, peaks, strict=True)}, rule))
    best, recall = best_f1(curve)[0], curve.recall_at([rate])[0]
    return (0.0 if math.isnan(best) else best), (0.0 if math.isnan(recall) else recall)
