"""From recordings with truth to a Spotter, and what it is worth on subjects it never saw."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from mespot import registry
from mespot.align import AlignConfig, align, concatenate
from mespot.decode import DecodeConfig, candidates
from mespot.errors import MespotError, UsageError
from mespot.files import atomic_path, sha256
from mespot.metrics import Rule, bootstrap, count
from mespot.pipeline import check_rate, describe_video
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
from mespot.scorers._rate import ratio, resampled
from mespot.types import Counts, Expression, Fold, FrameSeries, Recording
from mespot.video import open_video

# Rows that are kept are good as long as nothing that makes them has changed.
_CODE = Path(__file__).parent


def sample_of(recipe: Recipe, recording: Recording) -> Sample:
    """Align and describe one recording. Raises MespotError where it cannot be used."""
    if recording.source is None:
        raise UsageError(f"recording {recording.id}: no video is named")
    config: AlignConfig = make_dataclass(AlignConfig, recipe.align, where="align")
    video = open_video(recording.source)
    check_rate(recording.source, video.fps, recipe.fps, force=False)
    descriptor = registry.build("descriptors", recipe.descriptor)
    described = describe_video(recording.source, config, descriptor, video=video)
    truth = tuple(described.to_grid(e) for e in recording.expressions)
    return Sample(recording.id, recording.subject, described.series, described.found, truth)


def injected_samples(recipe: Recipe, path: str | Path, copies: int, seed: int) -> list[Sample]:
    """Samples of real footage: its registered crops with micro-expressions injected by warping.

    The footage itself has no known movement, so every copy teaches both what a micro-expression on
    a really moving face looks like and what is none. The subject is the file's stem.
    """
    from mespot.synthetic import STANDARD, inject_random

    # Denser than life, so that clips of a few seconds teach something.
    config_of_truth = replace(STANDARD, micro_per_minute=20.0)
    config: AlignConfig = make_dataclass(AlignConfig, recipe.align, where="align")
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


def _sample_task(shared: tuple[Recipe, Path | None], task: Recording) -> Sample | str:
    recipe, store = shared
    try:
        return sample_of(recipe, task) if store is None else _stored(recipe, task, store)
    except MespotError as error:
        return str(error)


def _stored(recipe: Recipe, recording: Recording, store: Path) -> Sample:
    """``sample_of``, with its rows kept in ``store`` under the hash of all that decides them."""
    choices = json.dumps([dict(recipe.align), dict(recipe.descriptor)], sort_keys=True)
    code = " ".join(
        sha256(_CODE / name) for name in ("align", "descriptors", "video", "pipeline.py")
    )
    key = hashlib.sha256(f"{sha256(str(recording.source))} {choices} {code}".encode())
    path = store / f"{key.hexdigest()[:32]}.npz"
    if path.is_file():
        with np.load(path, allow_pickle=False) as kept:
            first, step, span, n_frames = (int(v) for v in kept["place"])
            names = tuple(str(name) for name in kept["names"])
            series = FrameSeries(kept["values"], first, step, span, n_frames, recording.fps, names)
            return Sample(
                recording.id, recording.subject, series, kept["found"], recording.expressions
            )
    sample = sample_of(recipe, recording)
    s = sample.series
    if sample.truth == recording.expressions and s.fps == recording.fps:
        place = [s.first, s.step, s.span, s.n_frames]
        with atomic_path(path) as temporary, temporary.open("wb") as stream:
            np.savez(stream, values=s.values, found=sample.found, place=place, names=s.names)
    return sample


def collect(
    recipe: Recipe,
    recordings: Sequence[Recording],
    workers: int = 1,
    on_done: Callable[[int, int], None] | None = None,
    store: Path | None = None,
) -> tuple[list[Sample], list[str]]:
    """Samples of all usable recordings, and one line for each that is not.

    Rows are kept in ``store``, so that a stopped run goes on where it was.
    """
    samples, problems = [], []
    results = run_tasks(_sample_task, (recipe, store), recordings, workers)
    for number, result in enumerate(results, start=1):
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


def with_mirrored(recipe: Recipe, samples: Sequence[Sample]) -> list[Sample]:
    """The samples and, where the descriptor can tell them, their mirror images."""
    descriptor = registry.build("descriptors", recipe.descriptor)
    if not hasattr(descriptor, "mirror"):
        return list(samples)
    return [
        *samples,
        *(
            replace(s, id=f"{s.id} mirrored", series=descriptor.mirror(s.series), lifelike=False)
            for s in samples
        ),
    ]


_Shared = tuple[Recipe, dict[str, Sample], list[Sample]]


def _fold_task(shared: _Shared, fold: Fold) -> Judged:
    recipe, samples, also = shared
    test = [samples[i] for i in fold.test]
    held = {s.subject for s in test}
    learned_on = [samples[i] for i in fold.train]
    learned_on += [replace(s, lifelike=False) for s in also if s.subject not in held]
    weights = train(recipe, with_mirrored(recipe, learned_on))
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
    recipe: Recipe,
    samples: Sequence[Sample],
    folds: Sequence[Fold] | None = None,
    workers: int = 1,
    also: Sequence[Sample] = (),
) -> Judged:
    """Spots of every sample by weights that never saw its subject (default: one fold each).

    ``also`` are more samples to learn from, in each fold without those of its test subjects.
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
