"""From recordings with truth to a Spotter, and what it is worth on subjects it never saw."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mespot import registry
from mespot.align import AlignConfig, align, concatenate
from mespot.decode import DecodeConfig, candidates
from mespot.errors import MespotError, UsageError
from mespot.metrics import Rule, bootstrap, count
from mespot.pipeline import describe_video
from mespot.protocol import (
    Sample,
    Weights,
    leave_one_subject_out,
    pooled,
    spot_samples,
    train,
)
from mespot.recipe import Recipe, make_dataclass
from mespot.runner import run_tasks
from mespot.types import Counts, Expression, Fold, Recording
from mespot.video import open_video


def sample_of(recipe: Recipe, recording: Recording) -> Sample:
    """Align and describe one recording. Raises MespotError where it cannot be used."""
    if recording.source is None:
        raise UsageError(f"recording {recording.id}: no video is named")
    config: AlignConfig = make_dataclass(AlignConfig, recipe.align, where="align")
    described = describe_video(
        recording.source, config, registry.build("descriptors", recipe.descriptor)
    )
    truth = tuple(described.to_grid(e) for e in recording.expressions)
    return Sample(recording.id, recording.subject, described.series, described.found, truth)


def injected_samples(recipe: Recipe, path: str | Path, copies: int, seed: int) -> list[Sample]:
    """Samples of real footage: its registered crops with micro-expressions injected by warping.

    The footage itself has no known movement, so every copy teaches both what a micro-expression on
    a really moving face looks like and what is none. The subject is the file's stem.
    """
    from mespot.synthetic import inject_random

    config: AlignConfig = make_dataclass(AlignConfig, recipe.align, where="align")
    descriptor = registry.build("descriptors", recipe.descriptor)
    video = open_video(path)
    clip = concatenate(align(video, config, video.fps))
    name = Path(path).stem
    samples = []
    for number in range(copies):
        changed, truth = inject_random(clip, seed=seed + number)
        series = descriptor.describe(changed)
        if len(series):
            samples.append(Sample(f"{name}#{number}", name, series, clip.found, tuple(truth)))
    return samples


def _sample_task(recipe: Recipe, task: Recording) -> Sample | str:
    try:
        return sample_of(recipe, task)
    except MespotError as error:
        return str(error)


def collect(
    recipe: Recipe,
    recordings: Sequence[Recording],
    workers: int = 1,
    on_done: Callable[[int, int], None] | None = None,
) -> tuple[list[Sample], list[str]]:
    """Samples of all usable recordings, and one line for each that is not."""
    samples, problems = [], []
    for number, result in enumerate(run_tasks(_sample_task, recipe, recordings, workers), start=1):
        if isinstance(result, str):
            problems.append(result)
        else:
            samples.append(result)
        if on_done is not None:
            on_done(number, len(recordings))
    return samples, problems


@dataclass(frozen=True)
class Judged:
    """What one fold, or all folds together, came to.

    ``spots`` and ``peaks`` (every peak, whatever the threshold) by recording id.
    """

    spots: dict[str, list[Expression]]
    peaks: dict[str, list[Expression]]
    chosen: dict[str, tuple[int, float]]


def _fold_task(shared: tuple[Recipe, dict[str, Sample]], fold: Fold) -> Judged:
    recipe, samples = shared
    weights = train(recipe, [samples[i] for i in fold.train])
    test = [samples[i] for i in fold.test]
    spots = spot_samples(recipe, weights, test)
    peaks = all_peaks(recipe, weights, test)
    ids = [s.id for s in test]
    chosen = {fold.name: (int(weights.get("epoch", -1)), float(weights["threshold"]))}
    return Judged(dict(zip(ids, spots)), dict(zip(ids, peaks)), chosen)


def all_peaks(
    recipe: Recipe, weights: Weights, samples: Sequence[Sample]
) -> list[list[Expression]]:
    """Every peak of every sample with its score, for curves over all thresholds."""
    scorer = registry.build("scorers", recipe.scorer)
    config: DecodeConfig = make_dataclass(DecodeConfig, recipe.decode, where="decode")
    return [candidates(scorer.score(s.series, weights), config, s.found) for s in samples]


def cross_validate(
    recipe: Recipe, samples: Sequence[Sample], folds: Sequence[Fold] | None = None, workers: int = 1
) -> Judged:
    """Spots of every sample by weights that never saw its subject (default: one fold each)."""
    folds = leave_one_subject_out(samples) if folds is None else folds
    total = Judged({}, {}, {})
    shared = (recipe, {s.id: s for s in samples})
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
    values = np.unique([e.score for found in peaks for e in found if e.score is not None])
    best, recall = 0.0, 0.0
    for threshold in np.unique(np.quantile(values, np.linspace(0, 1, 200))) if len(values) else []:
        total = Counts()
        for sample, found in zip(samples, peaks, strict=True):
            kept = [e for e in found if (e.score or 0) >= threshold]
            total = total + count(sample.micro, kept, rule, sample.minutes)
        best = max(best, total.f1)
        if total.false_alarms_per_minute <= rate:
            recall = max(recall, total.recall)
    return best, recall
