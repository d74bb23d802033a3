"""From recordings with truth to a Spotter, and what it is worth on subjects it never saw."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from mespot import registry
from mespot.align import Align, align, concatenate
from mespot.decoding import Decode, candidates, decode
from mespot.material import collect, sample_of
from mespot.metrics import Rule, best_f1, bootstrap, froc, rank
from mespot.protocol import (
    Sample,
    check_disjoint,
    learn,
    leave_one_subject_out,
    pooled,
    score_samples,
)
from mespot.recipe import Recipe, make_dataclass
from mespot.runner import run_tasks
from mespot.scorers.resample import ratio, resampled
from mespot.types import Counts, Expression, Fold, FrameSeries
from mespot.video import open_video

__all__ = [
    "Judged", "at_rate", "collect", "cross_validate", "figures", "injected_samples", "sample_of",
    "sweep",
]  # fmt: skip


def injected_samples(recipe: Recipe, path: str | Path, copies: int, seed: int) -> list[Sample]:
    """Samples of real footage: its registered crops with micro-expressions injected by warping.

    The footage itself has no known movement, so every copy teaches both what a micro-expression on
    a really moving face looks like and what is none. The subject is the file's stem.
    """
    from mespot.synthetic import STANDARD, inject_random

    # Denser than life, so that clips of a few seconds teach something.
    config_of_truth = replace(STANDARD, micro_per_minute=20.0)
    config: Align = make_dataclass(Align, recipe.align, where="align")
    descriptor = registry.build("descriptors", recipe.descriptor)
    video = open_video(path)
    clip = concatenate(align(video, config, video.fps))
    name = Path(path).stem
    samples = []
    for number in range(copies):
        changed, truth = inject_random(clip, seed + number, config_of_truth)
        series = descriptor.describe(changed)
        if len(series):
            samples.append(
                Sample(f"{name}#{number}", name, series, clip.found, tuple(truth), lifelike=False)
            )
    return samples


def at_rate(sample: Sample, fps: Fraction) -> Sample:
    """The sample with its rows and truth at another rate, to learn from several rates at once."""
    factor = ratio(float(fps), float(sample.series.fps))
    if factor == 1:
        return sample
    rows = resampled(sample.series.values, factor)
    span = max(1, round(sample.series.span * factor))
    first = max(0, round(float(sample.series.centres[0]) * factor) - (span - 1) // 2)
    n_frames = first + len(rows) + span
    series = FrameSeries(rows, first, 1, span, n_frames, fps, sample.series.names)
    nearest = np.minimum((np.arange(n_frames) / factor).astype(int), len(sample.found) - 1)
    truth = []
    for e in sample.truth:
        onset, offset = round(e.onset * factor), round(e.offset * factor)
        apex = None if e.apex is None else round(e.apex * factor)
        truth.append(replace(e, onset=onset, apex=apex, offset=offset))
    return replace(sample, series=series, found=sample.found[nearest], truth=tuple(truth))


@dataclass(frozen=True)
class Judged:
    """What one fold, or all folds together, came to.

    ``spots`` and ``peaks`` (every peak, whatever the threshold) by recording id.
    """

    spots: dict[str, list[Expression]]
    peaks: dict[str, list[Expression]]
    chosen: dict[str, tuple[int, float]]


_Shared = tuple[Recipe, dict[str, Sample], list[Sample]]


def _fold_task(shared: _Shared, fold: Fold) -> Judged:
    recipe, samples, also = shared
    test = [samples[i] for i in fold.test]
    held = {s.subject for s in test}
    learned_on = [samples[i] for i in fold.train]
    learned_on += [replace(s, lifelike=False) for s in also if s.subject not in held]
    check_disjoint(learned_on, test)
    learned = learn(recipe, learned_on)
    config: Decode = make_dataclass(Decode, learned.recipe.decode, where="decode")
    scores = score_samples(recipe, learned.weights, test)
    ids = [s.id for s in test]
    spots = [decode(c, config, learned.threshold, s.found) for c, s in zip(scores, test)]
    # Every peak with its score, for curves over all thresholds.
    peaks = [candidates(c, config, s.found) for c, s in zip(scores, test)]
    chosen = {fold.name: (learned.epoch, learned.threshold)}
    return Judged(dict(zip(ids, spots)), dict(zip(ids, peaks)), chosen)


def cross_validate(
    recipe: Recipe,
    samples: Sequence[Sample],
    folds: Sequence[Fold] | None = None,
    workers: int = 1,
    also: Sequence[Sample] = (),
) -> Judged:
    """Spots of every sample by weights that never saw its subject (default: one fold each).

    ``also`` are more samples to learn from, in each fold without those of its test subjects.
    Raises ValueError for a fold with samples of a subject on both sides.
    """
    folds = leave_one_subject_out(samples) if folds is None else folds
    total = Judged({}, {}, {})
    shared = (recipe, {s.id: s for s in samples}, list(also))
    for judged in run_tasks(_fold_task, shared, folds, workers):
        total.spots.update(judged.spots)
        total.peaks.update(judged.peaks)
        total.chosen.update(judged.chosen)
    return total


def figures(samples: Sequence[Sample], judged: Judged) -> dict[str, Any]:
    """Pooled figures of a cross-validation; ``best_*`` use a threshold chosen on the test itself.

    The leak-free figures are ``f1_apex``, ``f1_megc`` and ``false_alarms_per_minute``; the others
    only tell how well the scores order, for comparison with curves.
    """
    spots = [judged.spots[s.id] for s in samples]
    peaks = [judged.peaks[s.id] for s in samples]
    apex = pooled(samples, spots, Rule("apex"))
    megc = pooled(samples, spots, Rule("megc"))
    subjects = sorted({s.subject for s in samples})
    by_subject = [
        sum((pooled([s], [judged.spots[s.id]], Rule("apex")) for s in samples if s.subject == name),
            Counts())
        for name in subjects
    ]  # fmt: skip
    low, high = bootstrap(by_subject)
    return {
        "f1_apex": apex.f1,
        "f1_apex_interval": [low, high],
        "precision_apex": apex.precision,
        "recall_apex": apex.recall,
        "f1_megc": megc.f1,
        "false_alarms_per_minute": apex.false_alarms_per_minute,
        "best_f1_apex": sweep(samples, peaks, Rule("apex"))[0],
        "best_f1_megc": sweep(samples, peaks, Rule("megc"))[0],
        "recall_at_1_per_minute": sweep(samples, peaks, Rule("apex"))[1],
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
