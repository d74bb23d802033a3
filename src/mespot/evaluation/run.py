"""Leave-one-subject-out with some recipes on a data set: resumable, one folder per fold.

    OUT/run.json, recordings.csv, truth.csv   see outcome.py
    OUT/<recipe>/recipe.toml
    OUT/<recipe>/<protocol>/fold-<subject>/   see store.py
    OUT/<recipe>/<protocol>/events.csv, peaks.csv, metrics.json     all folds together
    OUT/results.json                       see outcome.py

Rows come from the cache; workers map them from there and do not hold them.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from mespot import material, registry
from mespot.code_hash import code_hash
from mespot._version import __version__
from mespot.cache import Cache, key_of
from mespot.errors import MespotError, UsageError
from mespot.evaluation import outcome, store
from mespot.evaluation.describe import Plan, Say, check_lengths, describe
from mespot.evaluation.figures import figures_of
from mespot.evaluation.fold import OPTIMISTIC, PROTOCOLS, run_fold
from mespot.exports.csv import read_events, write_events
from mespot.files import write_text
from mespot.material import Keys
from mespot.protocol import SHARE, Sample, decode_options
from mespot.recipe import Recipe, dumps, to_dict
from mespot.runner import run_tasks
from mespot.types import Expression, Fold, Recording

_LEARNING = ("numpy", "numba", "torch", "onnx", "onnxruntime", "scikit-learn")


@dataclass(frozen=True)
class _Job:
    recipe: Recipe
    fold: Fold
    key: store.Key


@dataclass(frozen=True)
class _Shared:
    """What every worker gets once; ``keys``: recipe hash -> recording id -> where its rows are."""

    plan: Plan
    keys: dict[str, dict[str, Keys]]


def evaluate(plan: Plan, say: Say = lambda _line: None) -> list[dict[str, Any]]:
    """Run what is not finished; the figures of every recipe and protocol.

    ``say`` gets a line whenever something is done. Raises UsageError for what cannot be evaluated
    and for a folder that cannot take it, UnreadableInput where lengths or truth do not fit the
    videos, MespotError where the disk is full, rows do not stay or a worker dies; finished folds
    stay.
    """
    _check(plan)
    outcome.prepare(plan)
    described = describe(plan, say)
    check_lengths(plan.recordings, described.read)
    plan = replace(
        plan,
        recordings=tuple(
            replace(r, n_frames=described.read[r.id].get("length", r.n_frames))
            for r in plan.recordings
        ),
    )
    outcome.begin(plan, described, say)
    keys = described.keys
    jobs = [job for recipe in plan.recipes for job in _jobs(plan, recipe, keys[recipe.hash])]
    todo = [job for job in jobs if not all(_done(plan, job))]
    say(f"{len(jobs)} folds, {len(jobs) - len(todo)} of them finished before")
    _run(plan, keys, todo, say)
    results = [
        _pooled(plan, recipe, protocol, jobs)
        for recipe in plan.recipes
        for protocol in plan.protocols
    ]
    outcome.write_results(plan, results, described.unusable)
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


def _check(plan: Plan) -> None:
    if not plan.recordings:
        raise UsageError("the data set holds no recording")
    if not plan.recipes or not plan.protocols:
        raise UsageError("nothing to evaluate: name a recipe and a protocol")
    for protocol in plan.protocols:
        if protocol not in PROTOCOLS:
            raise UsageError(f"protocol {protocol!r} is none of {', '.join(PROTOCOLS)}")
    for what, names in (
        ("recipes", [store.safe_name(r.name) for r in plan.recipes]),
        ("recordings", [r.id for r in plan.recordings]),
    ):
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise UsageError(f"two {what} are called {twice[0]!r}: rename one")
    subjects = {r.subject for r in plan.recordings}
    if len({store.safe_name(s) for s in subjects}) < len(subjects):
        raise UsageError("two subjects have names that no folder can tell apart: rename one")
    if len(subjects) < 3:
        raise UsageError(
            f"the data set holds {len(subjects)} subject(s); at least 3 are needed: one to judge "
            "by, one to learn from, one to choose the epoch and the threshold on"
        )
    for recipe in plan.recipes:
        decode_options(recipe)
        material.check(recipe, plan.recordings)


# Folds.


def _jobs(plan: Plan, recipe: Recipe, keys: Mapping[str, Keys]) -> list[_Job]:
    data = [
        (r.id, r.subject, str(r.fps), r.n_frames, keys[r.id].rows if r.id in keys else None,
         [(e.onset, e.apex, e.offset, e.kind) for e in r.expressions])
        for r in plan.recordings
    ]  # fmt: skip
    # A scorer that is made of others names them: their code decides its scores too.
    uses = getattr(registry.build("scorers", recipe.scorer), "uses", ())
    plugins = (recipe.scorer["name"], *uses)
    scorers = (f"mespot.scorers.{name}" for name in plugins)
    modules = ("mespot.evaluation.fold", "mespot._truth", *scorers)
    key = {
        "recipe": recipe.hash,
        "data": key_of(data),
        "code": code_hash(modules, _LEARNING),
        "share": SHARE,
        "format": store.FORMAT,
    }
    return [_Job(recipe, fold, key) for fold in subject_folds(plan.recordings)]


def _done(plan: Plan, job: _Job) -> list[bool]:
    folders = [
        store.folder_of(plan.out, job.recipe.name, protocol, job.fold.name)
        for protocol in plan.protocols
    ]
    return [store.finished(folder, job.key) is not None for folder in folders]


def _run(plan: Plan, keys: dict[str, dict[str, Keys]], jobs: Sequence[_Job], say: Say) -> None:
    begin = time.monotonic()
    for number, line in enumerate(
        run_tasks(_fold_task, _Shared(plan, keys), jobs, plan.workers), start=1
    ):
        spent = time.monotonic() - begin
        left = spent / number * (len(jobs) - number) / 60
        rest = f"; about {left:.0f} min left" if number < len(jobs) else ""
        say(f"[{number}/{len(jobs)}] {line}{rest}")


def _fold_task(shared: _Shared, job: _Job) -> str:
    """Run one fold and write it; a line that tells what came out."""
    plan, begin = shared.plan, time.perf_counter()
    by_id = {r.id: r for r in plan.recordings}
    samples, again = _samples(plan, job, shared.keys[job.recipe.hash])
    judged = run_fold(job.recipe, samples, job.fold, plan.protocols)
    seconds = time.perf_counter() - begin
    told = []
    for one in judged:
        about = {
            "key": job.key,
            "dataset": plan.label,
            "recipe": job.recipe.name,
            "recipe_values": to_dict(job.recipe),
            "mespot": __version__,
            "seconds": round(seconds, 2),
            "cost": None if one.cost is None else asdict(one.cost),
        }
        facts = store.write_fold(
            store.folder_of(plan.out, job.recipe.name, one.protocol, job.fold.name),
            one,
            job.fold,
            [(by_id[name], samples.get(name)) for name in job.fold.test],
            about,
        )
        limit = facts["threshold"]
        number = "per video" if isinstance(limit, dict) else f"{limit:.3f}"
        n = sum(map(len, one.spots.values()))
        epoch = f"epoch {facts['epoch']}, " if facts["epoch"] >= 0 else ""
        told.append(f"{one.protocol}: {epoch}threshold {number}, {n} spots")
    if again:
        told.append(f"rows of {again} recordings were made again, MESPOT_CACHE_GB may be too small")
    return f"{job.recipe.name}, fold {job.fold.name}: {'; '.join(told)} ({seconds:.0f} s)"


def _samples(plan: Plan, job: _Job, keys: Mapping[str, Keys]) -> tuple[dict[str, Sample], int]:
    """The fold's samples, mapped from the cache, and how many had to be made again."""
    cache = Cache(*plan.cache)
    wanted = {*job.fold.train, *job.fold.test} & keys.keys()
    samples, again = {}, 0
    for recording in plan.recordings:
        if recording.id in wanted:
            samples[recording.id], made = material.load_or_make(
                job.recipe, keys[recording.id], recording, cache, mapped=True
            )
            again += made
    return samples, again


# All folds together.


def _pooled(plan: Plan, recipe: Recipe, protocol: str, jobs: Iterable[_Job]) -> dict[str, Any]:
    """Write the files of a run; its figures, read from these files."""
    home = plan.out / store.safe_name(recipe.name)
    run = home / protocol
    write_text(home / "recipe.toml", dumps(recipe))
    pooled: dict[str, dict[str, list[Expression]]] = {"events.csv": {}, "peaks.csv": {}}
    folds = []
    for job in jobs:
        if job.recipe is not recipe:
            continue
        folder = store.folder_of(plan.out, recipe.name, protocol, job.fold.name)
        facts = store.finished(folder, job.key)
        if facts is None:
            raise MespotError(f"{folder}: was changed while the run went on; run again")
        for name, events in pooled.items():
            events.update(read_events(folder / name))
        kept = (
            "fold", "epoch", "look", "threshold", "inner_subjects", "weights_sha256",
            "look_sha256", "seconds", "cost",
        )  # fmt: skip
        folds.append({name: facts[name] for name in kept})
    for name, events in pooled.items():
        write_events(run / name, events, plan.recordings)
    result = {
        "recipe": recipe.name,
        "recipe_sha256_16": recipe.hash,
        "protocol": protocol,
        "optimistic": protocol in OPTIMISTIC,
        "dataset": store.shown(plan.label),
        "synthetic": store.is_synthetic(plan.label),
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
