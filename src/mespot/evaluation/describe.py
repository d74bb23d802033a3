"""What to evaluate, and its first part: all recordings aligned and described, into the cache."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mespot import material
from mespot.cache import Cache, key_of
from mespot.errors import MespotError, UsageError
from mespot.evaluation import store
from mespot.material import Keys
from mespot.recipe import Recipe
from mespot.runner import run_tasks
from mespot.types import Recording

Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """What to evaluate, on what, and where the results go.

    ``cache`` is (folder, bound in bytes or None).
    """

    recipes: tuple[Recipe, ...]
    recordings: tuple[Recording, ...]
    out: Path
    cache: tuple[Path, int | None]
    protocols: tuple[str, ...] = ("default",)
    workers: int = 1

    @property
    def label(self) -> str:
        """The data set's label, as its recordings tell it."""
        return self.recordings[0].dataset


def describe(
    plan: Plan, say: Say
) -> tuple[dict[str, dict[str, Keys]], dict[str, int], dict[str, str]]:
    """Keys of all rows by recipe hash, lengths of the recordings in frames, what cannot be used."""
    distinct: dict[str, Recipe] = {}
    for recipe in plan.recipes:
        distinct.setdefault(_describing(recipe), recipe)
    n = len(plan.recordings)
    say(f"describing {n} recordings of {store.shown(plan.label)}, {len(distinct)} descriptor(s)")
    shared = (tuple(distinct.values()), plan.cache)
    by_description: dict[str, dict[str, Keys]] = {name: {} for name in distinct}
    lengths: dict[str, int] = {}
    unusable: dict[str, str] = {}
    begin, told = time.monotonic(), 0
    results = run_tasks(_describe_task, shared, plan.recordings, plan.workers)
    for number, (recording, result) in enumerate(zip(plan.recordings, results), start=1):
        if isinstance(result, str):
            unusable[recording.id] = result
            say(f"cannot be used, counts as without a spot: {recording.id}: {result}")
        else:
            lengths[recording.id] = result[1]
            for name, keys in zip(distinct, result[0]):
                by_description[name][recording.id] = keys
        if number == n or 10 * number // n > told:
            told = 10 * number // n
            say(f"described {number} of {n} recordings, {time.monotonic() - begin:.0f} s")
    if len(unusable) == n:
        raise UsageError(f"none of the recordings can be used: {next(iter(unusable.values()))}")
    return {r.hash: by_description[_describing(r)] for r in plan.recipes}, lengths, unusable


def _describing(recipe: Recipe) -> str:
    return key_of(dict(recipe.align), dict(recipe.descriptor), recipe.fps)


def _describe_task(
    shared: tuple[tuple[Recipe, ...], tuple[Path, int | None]], task: Recording
) -> tuple[list[Keys], int] | str:
    recipes, place = shared
    cache = Cache(*place)
    try:
        keys = [material.make_rows(r, task, cache, keep_crops=len(recipes) > 1) for r in recipes]
        sample = material.load_sample(keys[0], task, cache, mapped=True)
    except MespotError as error:
        return str(error)
    last = sample.series.n_frames - 1
    decoded = last if sample.source_of is None else int(sample.source_of[last])
    return keys, decoded + 1
