"""What to evaluate, and its first part: all recordings aligned and described, into the cache."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mespot import registry, rows
from mespot.cache import Cache, digest_of, key_of
from mespot.errors import EXIT_NO_FACE, MespotError, NoUsableFace, UnreadableInput
from mespot.evaluation import fold_folder
from mespot.recipe import Recipe
from mespot.rows import NoFace, RowKeys, Undecodable, source
from mespot.runner import run_tasks
from mespot.types import Reading, Recording

Log = Callable[[str], None]
"""Takes one line whenever something is done."""


@dataclass(frozen=True)
class EvaluationPlan:
    """What to evaluate, on what, and where the results go.

    ``cache`` is (folder, bound in bytes or None). ``origin`` (name, root, fields, provenance of
    the truth) and ``versions`` of libraries are kept in ``run.json``.
    """

    recipes: tuple[Recipe, ...]
    recordings: tuple[Recording, ...]
    out: Path
    cache: tuple[Path, int | None]
    protocols: tuple[str, ...] = ("default",)
    workers: int = 1
    origin: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The data set's label, as its recordings have it."""
        return self.recordings[0].dataset


@dataclass(frozen=True)
class DescribedSet:
    """The rows of a data set by some recipes.

    Attributes
    ----------
    keys : recipe hash -> recording id -> RowKeys
        Of all rows; a recording that cannot be used has none.
    read : recording id -> dict
        How its video was read (:class:`mespot.types.Reading`) and its ``sha256``; of one that
        cannot be used, as far as that is known. Where recipes differ in the frames without a face,
        ``frames_without_face_by_recipe`` too.
    unusable : recording id -> str, why
    """

    keys: dict[str, dict[str, RowKeys]]
    read: dict[str, dict[str, Any]]
    unusable: dict[str, str]


@dataclass(frozen=True)
class _DescribedRecording:
    """Of one recording: keys and reading per descriptor, or the problem and its exit code."""

    keys: list[RowKeys]
    read: list[dict[str, Any]]
    problem: str = ""
    exit_code: int = 0


def describe_all(plan: EvaluationPlan, log: Log) -> DescribedSet:
    """Align and describe all recordings into the cache, as far as they are not there.

    A recording without a usable face, or with a video that can be read but not decoded, cannot be
    used. Every other error is raised: a full disk or a missing file is nothing that a spotter
    missed. Raises NoUsableFace or UnreadableInput if no recording can be used.
    """
    distinct: dict[str, Recipe] = {}
    for recipe in plan.recipes:
        distinct.setdefault(_describing(recipe), recipe)
    log(
        f"describing {len(plan.recordings)} recordings of {fold_folder.shown(plan.label)}, "
        f"{len(distinct)} descriptor(s)"
    )
    recordings = _describe_recordings(plan, tuple(distinct.values()), log)
    unusable = {name: one.problem for name, one in recordings.items() if one.problem}
    if len(unusable) == len(plan.recordings):
        no_face = {one.exit_code for one in recordings.values()} == {EXIT_NO_FACE}
        kind: type[MespotError] = NoUsableFace if no_face else UnreadableInput
        raise kind(f"none of the recordings can be used: {next(iter(unusable.values()))}")
    at = {name: i for i, name in enumerate(distinct)}
    keys, read = {}, {}
    for recipe in plan.recipes:
        i = at[_describing(recipe)]
        keys[recipe.hash] = {name: one.keys[i] for name, one in recordings.items() if one.keys}
    for name, one in recordings.items():
        by_recipe = {
            r.name: one.read[at[_describing(r)]]["frames_without_face"]
            for r in plan.recipes
            if one.keys
        }
        read[name] = dict(one.read[0])
        if len(set(by_recipe.values())) > 1:
            read[name]["frames_without_face_by_recipe"] = by_recipe
    return DescribedSet(keys, read, unusable)


def check_lengths(recordings: Sequence[Recording], read: Mapping[str, dict[str, Any]]) -> None:
    """Compare what is listed of the recordings with what was decoded.

    Raises UnreadableInput where a number of frames is not that of the video, where truth lies past
    its end, or where neither list nor video gives a length: figures per minute would be wrong.
    """
    found = [(r, read.get(r.id, {}).get("length")) for r in recordings]
    problems = [problem for r, length in found if (problem := _wrong(r, length))]
    if problems:
        more = f" (and {len(problems) - 1} more such recordings)" if len(problems) > 1 else ""
        raise UnreadableInput(problems[0] + more)


def _wrong(recording: Recording, length: int | None) -> str:
    """What is wrong with a recording's length or truth; nothing if all is well."""
    listed, name = recording.n_frames, f"recording {recording.id!r}"
    if length is None and listed is None:
        return (
            f"{name}: its video cannot be decoded and no n_frames is listed, so that its minutes "
            "are not known; list it (recordings.csv), or leave the recording out"
        )
    if length is None:
        return ""
    if listed is not None and listed != length:
        return (
            f"{name}: {listed} frames are listed, but its video has {length}; correct n_frames "
            "(recordings.csv), leave it empty, or put the right video there"
        )
    last = max((e.offset for e in recording.expressions), default=-1)
    if last >= length:
        return (
            f"{name}: its truth goes to frame {last}, but its video has {length} (0 to "
            f"{length - 1}); correct its events, or put the right video there"
        )
    return ""


def _describe_recordings(
    plan: EvaluationPlan, recipes: tuple[Recipe, ...], log: Log
) -> dict[str, _DescribedRecording]:
    n = len(plan.recordings)
    found: dict[str, _DescribedRecording] = {}
    begin, tenths = time.monotonic(), 0
    results = run_tasks(_describe_task, (recipes, plan.cache), plan.recordings, plan.workers)
    for number, (recording, one) in enumerate(zip(plan.recordings, results), start=1):
        found[recording.id] = one
        if one.problem:
            log(f"cannot be used, counts as without a spot: {recording.id}: {one.problem}")
        if number == n or 10 * number // n > tenths:
            tenths = 10 * number // n
            log(f"described {number} of {n} recordings, {time.monotonic() - begin:.0f} s")
    return found


def _describing(recipe: Recipe) -> str:
    """A key of the parts of a recipe that decide rows."""
    section = registry.section_of("descriptors", recipe.descriptor, every=True)
    return key_of(asdict(recipe.align), section, recipe.fps)


def _describe_task(
    shared: tuple[tuple[Recipe, ...], tuple[Path, int | None]], task: Recording
) -> _DescribedRecording:
    recipes, place = shared
    cache = Cache(*place)
    keys, read = [], []
    try:
        for recipe in recipes:
            key, reading = rows.make_rows(recipe, task, cache, keep_crops=len(recipes) > 1)
            keys.append(key)
            read.append({**_plain(reading), "sha256": key.content})
    except NoFace as error:
        known = {} if error.reading is None else _plain(error.reading)
        return _unusable(task, cache, error, known)
    except Undecodable as error:
        return _unusable(task, cache, error, {})
    return _DescribedRecording(keys, read)


def _unusable(
    task: Recording, cache: Cache, error: MespotError, known: dict[str, Any]
) -> _DescribedRecording:
    read = {**known, "sha256": digest_of(source(task), cache)}
    return _DescribedRecording([], [read], str(error), error.exit_code)


def _plain(reading: Reading) -> dict[str, Any]:
    return {**asdict(reading), "notes": list(reading.notes)}
