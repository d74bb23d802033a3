"""Leave-one-subject-out with some recipes on a data set: resumable, one folder per fold.

    OUT/run.json, recordings.csv, truth.csv   see result_folder.py
    OUT/<recipe>/recipe.toml
    OUT/<recipe>/<protocol>/fold-<subject>/   see fold_folder.py
    OUT/<recipe>/<protocol>/events.csv, peaks.csv, metrics.json     all folds together
    OUT/results.json                       see result_folder.py

Rows come from the cache; workers map them from there and do not hold them.
"""

from __future__ import annotations

import importlib.util
import json
import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from mespot import rows
from mespot.cache import Cache, key_of
from mespot.code_hash import plugin_hash
from mespot.errors import MespotError, UsageError
from mespot.evaluation import fold_folder, result_folder
from mespot.evaluation.describe import EvaluationPlan, Log, check_lengths, describe_all
from mespot.evaluation.figures import figures_of
from mespot.evaluation.fold import OPTIMISTIC, PROTOCOLS, run_fold
from mespot.exports.csv import read_events, write_events
from mespot.files import write_text
from mespot.protocol import SHARE, Sample
from mespot.recipe import Recipe, dumps, to_values
from mespot.rows import RowKeys
from mespot.runner import run_tasks
from mespot.types import Expression, Fold, Recording
from mespot.version import __version__

_LEARNING = ("numpy", "numba", "torch", "onnx", "onnxruntime", "scikit-learn")


@dataclass(frozen=True)
class _FoldTask:
    recipe: Recipe
    fold: Fold
    key: fold_folder.Key


@dataclass(frozen=True)
class _Shared:
    """What every worker gets once; ``keys``: recipe hash -> recording id -> where its rows are."""

    plan: EvaluationPlan
    keys: dict[str, dict[str, RowKeys]]


def evaluate(plan: EvaluationPlan, log: Log = lambda _line: None) -> list[dict[str, Any]]:
    """Run what is not finished; the figures of every recipe and protocol.

    ``log`` gets a line whenever something is done. Raises UsageError for what cannot be evaluated
    and for a folder that cannot take it, UnreadableInput where lengths or truth do not fit the
    videos, MespotError where the disk is full, rows do not stay or a worker dies; finished folds
    stay.
    """
    _check(plan)
    result_folder.prepare(plan)
    described = describe_all(plan, log)
    check_lengths(plan.recordings, described.read)
    plan = replace(
        plan,
        recordings=tuple(
            replace(r, n_frames=described.read[r.id].get("length", r.n_frames))
            for r in plan.recordings
        ),
    )
    result_folder.begin(plan, described, log)
    keys = described.keys
    tasks = [
        task for recipe in plan.recipes for task in _fold_tasks(plan, recipe, keys[recipe.hash])
    ]
    todo = [task for task in tasks if not all(_done(plan, task))]
    log(f"{len(tasks)} folds, {len(tasks) - len(todo)} of them finished before")
    _run(plan, keys, todo, log)
    results = [
        _pooled(plan, recipe, protocol, tasks)
        for recipe in plan.recipes
        for protocol in plan.protocols
    ]
    result_folder.write_results(plan, results, described.unusable)
    return results


def subject_folds(recordings: Sequence[Recording]) -> list[Fold]:
    """One fold per subject: its recordings are the test side, all others the training side."""
    subject_of = {r.id: r.subject for r in recordings}
    return [
        Fold(
            subject,
            tuple(r.id for r in recordings if r.subject != subject),
            tuple(r.id for r in recordings if r.subject == subject),
            subject_of,
        )
        for subject in sorted(set(subject_of.values()))
    ]


def _check(plan: EvaluationPlan) -> None:
    if not plan.recordings:
        raise UsageError("the data set holds no recording")
    if not plan.recipes or not plan.protocols:
        raise UsageError("nothing to evaluate: name a recipe and a protocol")
    for protocol in plan.protocols:
        if protocol not in PROTOCOLS:
            raise UsageError(f"protocol {protocol!r} is none of {', '.join(PROTOCOLS)}")
    for what, names in (
        ("recipes", [fold_folder.safe_name(r.name) for r in plan.recipes]),
        ("recordings", [r.id for r in plan.recordings]),
    ):
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise UsageError(f"two {what} are called {twice[0]!r}: rename one")
    subjects = {r.subject for r in plan.recordings}
    if len({fold_folder.safe_name(s) for s in subjects}) < len(subjects):
        raise UsageError("two subjects have names that no folder can tell apart: rename one")
    if len(subjects) < 3:
        raise UsageError(
            f"the data set holds {len(subjects)} subject(s); at least 3 are needed: one to judge "
            "by, one to learn from, one to choose the epoch and the threshold on"
        )
    for recipe in plan.recipes:
        rows.check(recipe, plan.recordings)
        need_modules(recipe)


def need_modules(recipe: Recipe) -> None:
    """Raise UsageError where the recipe's scorer cannot learn here for want of a module."""
    for module in recipe.scorer.training_needs:
        if importlib.util.find_spec(module) is None:
            raise UsageError(
                f"recipe {recipe.name}: learning needs {module}: pip install 'mespot[train]'"
            )


# Folds.


def _fold_tasks(
    plan: EvaluationPlan, recipe: Recipe, keys: Mapping[str, RowKeys]
) -> list[_FoldTask]:
    data = [
        (r.id, r.subject, str(r.fps), r.n_frames, keys[r.id].rows if r.id in keys else None,
         [(e.onset, e.apex, e.offset, e.kind) for e in r.expressions])
        for r in plan.recordings
    ]  # fmt: skip
    key = {
        "recipe": recipe.hash,
        "data": key_of(data),
        "code": plugin_hash(recipe.scorer, ("mespot.evaluation.fold",), _LEARNING),
        "share": SHARE,
        "format": fold_folder.FORMAT,
    }
    return [_FoldTask(recipe, fold, key) for fold in subject_folds(plan.recordings)]


def _done(plan: EvaluationPlan, task: _FoldTask) -> list[bool]:
    folders = [
        fold_folder.folder_of(plan.out, task.recipe.name, protocol, task.fold.name)
        for protocol in plan.protocols
    ]
    return [fold_folder.finished(folder, task.key) is not None for folder in folders]


def _run(
    plan: EvaluationPlan, keys: dict[str, dict[str, RowKeys]], tasks: Sequence[_FoldTask], log: Log
) -> None:
    begin = time.monotonic()
    for number, line in enumerate(
        run_tasks(_fold_task, _Shared(plan, keys), tasks, plan.workers), start=1
    ):
        spent = time.monotonic() - begin
        left = spent / number * (len(tasks) - number) / 60
        rest = f"; about {left:.0f} min left" if number < len(tasks) else ""
        log(f"[{number}/{len(tasks)}] {line}{rest}")


def _fold_task(shared: _Shared, task: _FoldTask) -> str:
    """Run one fold and write it; a line about its result."""
    plan, begin = shared.plan, time.perf_counter()
    by_id = {r.id: r for r in plan.recordings}
    # The hash as the first process has it: names that were registered there are unknown here.
    samples, again = _samples(plan, task, shared.keys[task.key["recipe"]])
    results = run_fold(task.recipe, samples, task.fold, plan.protocols)
    seconds = time.perf_counter() - begin
    parts = []
    for one in results:
        about = {
            "key": task.key,
            "dataset": plan.label,
            "recipe": task.recipe.name,
            "recipe_values": to_values(task.recipe),
            "mespot": __version__,
            "seconds": round(seconds, 2),
            "cost": None if one.cost is None else asdict(one.cost),
        }
        provenance = fold_folder.write_fold(
            fold_folder.folder_of(plan.out, task.recipe.name, one.protocol, task.fold.name),
            one,
            task.fold,
            [(by_id[name], samples.get(name)) for name in task.fold.test],
            about,
        )
        limit = provenance["threshold"]
        number = "per video" if isinstance(limit, dict) else f"{limit:.3f}"
        n = sum(map(len, one.spots.values()))
        epoch = f"epoch {provenance['epoch']}, " if provenance["epoch"] >= 0 else ""
        parts.append(f"{one.protocol}: {epoch}threshold {number}, {n} spots")
    if again:
        parts.append(
            f"rows of {again} recordings were made again, MESPOT_CACHE_GB may be too small"
        )
    return f"{task.recipe.name}, fold {task.fold.name}: {'; '.join(parts)} ({seconds:.0f} s)"


def _samples(
    plan: EvaluationPlan, task: _FoldTask, keys: Mapping[str, RowKeys]
) -> tuple[dict[str, Sample], int]:
    """The fold's samples, mapped from the cache, and how many had to be made again."""
    cache = Cache(*plan.cache)
    wanted = {*task.fold.train, *task.fold.test} & keys.keys()
    samples, again = {}, 0
    for recording in plan.recordings:
        if recording.id in wanted:
            found, made = rows.load_or_make(
                task.recipe, keys[recording.id], recording, cache, mapped=True
            )
            samples[recording.id] = Sample.of(recording, found)
            again += made
    return samples, again


# All folds together.


def _pooled(
    plan: EvaluationPlan, recipe: Recipe, protocol: str, tasks: Iterable[_FoldTask]
) -> dict[str, Any]:
    """Write the files of a run; its figures, read from these files."""
    home = plan.out / fold_folder.safe_name(recipe.name)
    run = home / protocol
    write_text(home / "recipe.toml", dumps(recipe))
    pooled: dict[str, dict[str, list[Expression]]] = {"events.csv": {}, "peaks.csv": {}}
    folds = []
    for task in tasks:
        if task.recipe is not recipe:
            continue
        folder = fold_folder.folder_of(plan.out, recipe.name, protocol, task.fold.name)
        stored = fold_folder.finished(folder, task.key)
        if stored is None:
            raise MespotError(f"{folder}: was changed while the run went on; run again")
        for name, events in pooled.items():
            events.update(read_events(folder / name))
        kept = (
            "fold", "epoch", "checkpoint", "threshold", "inner_subjects", "weights_sha256",
            "checkpoint_sha256", "seconds", "cost",
        )  # fmt: skip
        folds.append({name: stored[name] for name in kept})
    for name, events in pooled.items():
        write_events(run / name, events, plan.recordings)
    result = {
        "recipe": recipe.name,
        "recipe_sha256_16": recipe.hash,
        "protocol": protocol,
        "optimistic": protocol in OPTIMISTIC,
        "dataset": fold_folder.shown(plan.label),
        "synthetic": fold_folder.is_synthetic(plan.label),
        **figures_of(plan.out, run),
        **_cost([fold["cost"] for fold in folds if fold["cost"] is not None]),
        "folds": folds,
    }
    write_text(run / "metrics.json", json.dumps(result, indent=1) + "\n")
    return result


def _cost(costs: Sequence[Mapping[str, float]]) -> dict[str, float | None]:
    """Speed of scoring in the middle one of the folds (the first loads libraries), largest size."""
    if not costs:
        return {"scoring_frames_per_s": None, "weights_bytes": None}
    speeds = [c["frames"] / c["seconds"] for c in costs if c["seconds"] > 0]
    return {
        "scoring_frames_per_s": statistics.median(speeds) if speeds else None,
        "weights_bytes": max(c["weights_bytes"] for c in costs),
    }
