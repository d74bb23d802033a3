"""From a recording to a Sample: aligned once, described once per descriptor, kept in the cache.

Crops and rows are entries of the cache under hashes of the video's content, of the recipe's
sections that decide them, and of the code that makes them. Whether a sample comes from the cache,
from kept crops or straight from the video makes no difference to a single bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from mespot import packing, registry
from mespot.code_hash import code_hash
from mespot._footage import Facts, make_crops, source
from mespot._making import Rows, from_crops, from_video
from mespot._truth import with_truth
from mespot.align import Align
from mespot.cache import Cache, digest_of, key_of
from mespot.errors import MespotError, NoUsableFace, UnreadableInput, UsageError
from mespot.pipeline import check_rate
from mespot.protocol import Sample
from mespot.recipe import Recipe, make_dataclass
from mespot.runner import run_tasks
from mespot.types import FrameSeries, Recording

_LIBRARIES = ("numpy", "opencv-python-headless", "av", "dlib-bin", "face_recognition_models")
_DESCRIBING = ("numpy", "numba", "opencv-python-headless")


class RowsGone(MespotError):
    """Rows are no longer in the cache."""


@dataclass(frozen=True)
class Keys:
    """Where a recording's crops and rows stand in the cache; ``content``: SHA-256 of the video."""

    crops: str
    rows: str
    content: str = ""


def sample_of(
    recipe: Recipe, recording: Recording, cache: Cache | None = None, keep_crops: bool = False
) -> Sample:
    """Align and describe one recording, or take its rows from the cache.

    ``keep_crops`` keeps the aligned crops too, for other descriptors of the same recording; crops
    that are there are used in any case. Raises MespotError where the recording cannot be used.
    """
    if cache is None:
        rows = _described(recipe, recording)
        return with_truth(recording, rows.series, rows.found, rows.source_of)
    keys = make_rows(recipe, recording, cache, keep_crops)
    return load_or_make(recipe, keys, recording, cache)[0]


def make_rows(recipe: Recipe, recording: Recording, cache: Cache, keep_crops: bool = False) -> Keys:
    """Make sure that the rows of a recording are in the cache; where they stand there."""
    return rows_and_facts(recipe, recording, cache, keep_crops)[0]


def rows_and_facts(
    recipe: Recipe, recording: Recording, cache: Cache, keep_crops: bool = False
) -> tuple[Keys, Facts]:
    """As :func:`make_rows`, and how the video was read (see ``facts_of`` in _footage.py)."""
    keys = keys_of(recipe, recording, cache)
    known = cache.read(keys.rows, lambda _, meta: dict(meta["facts"]))
    if known is not None:
        return keys, known
    rows = _made(recipe, recording, cache, keys, keep_crops)
    bins = getattr(registry.build("descriptors", recipe.descriptor), "bins_per_plane", 0)
    s, meta = rows.series, dict[str, Any]()
    with cache.writing(keys.rows, "rows", meta) as folder:
        meta["how"] = packing.save(folder, s.values, bins)
        meta |= {"place": [s.first, s.step, s.span, s.n_frames], "fps": str(s.fps)}
        meta |= {"names": list(s.names), "descriptor": recipe.descriptor["name"]}
        meta["facts"] = rows.facts
        packing.save_array(folder / "found.npy", rows.found)
        if rows.source_of is not None:
            packing.save_array(folder / "source_of.npy", rows.source_of)
    return keys, rows.facts


def load_sample(keys: Keys, recording: Recording, cache: Cache, mapped: bool = False) -> Sample:
    """The sample of rows that :func:`make_rows` has made.

    ``mapped`` rows are read from the disk as they are needed, so that memory does not hold them.
    Raises RowsGone if they are no longer in the cache.
    """

    def loaded(folder: Path, meta: dict[str, Any]) -> Sample:
        first, step, span, n_frames = meta["place"]
        values = packing.load(folder, mapped)
        names, fps = tuple(meta["names"]), Fraction(meta["fps"])
        series = FrameSeries(values, first, step, span, n_frames, fps, names)
        found = np.load(folder / "found.npy", allow_pickle=False)
        moved = "source_of.npy" in meta["files"]
        source_of = np.load(folder / "source_of.npy", allow_pickle=False) if moved else None
        return with_truth(recording, series, found, source_of)

    sample = cache.read(keys.rows, loaded)
    if sample is None:
        raise RowsGone(
            f"{cache.root}: the rows of recording {recording.id!r} are no longer there; if the "
            "cache is too small, raise MESPOT_CACHE_GB, then run again"
        )
    return sample


def load_or_make(
    recipe: Recipe, keys: Keys, recording: Recording, cache: Cache, mapped: bool = False
) -> tuple[Sample, bool]:
    """As :func:`load_sample`, but rows that went meanwhile are made again once; whether they were.

    Another run, or ``mespot cache --prune``, may remove them at any time. Raises RowsGone where
    they go a second time, or where the video is no longer what ``keys`` were made of.
    """
    try:
        return load_sample(keys, recording, cache, mapped), False
    except RowsGone:
        make_rows(recipe, recording, cache)
        return load_sample(keys, recording, cache, mapped), True


def keys_of(recipe: Recipe, recording: Recording, cache: Cache | None = None) -> Keys:
    """The keys of a recording's crops and rows. Raises UnreadableInput if it has no file."""
    path = source(recording)
    config = _align_config(recipe)
    descriptor = registry.build("descriptors", recipe.descriptor)
    try:
        content = digest_of(path, cache)
    except OSError as error:
        raise UnreadableInput(f"{path}: cannot be read ({error.strerror})") from error
    aligning = code_hash(("mespot._footage", "mespot.align.aligner", "mespot.video"), _LIBRARIES)
    rate = str(recording.fps) if Path(path).is_dir() else "its own"
    crops = key_of("crops", content, rate, asdict(config), aligning)
    # A descriptor that is made of others names them: their code decides its rows too.
    plugins = (recipe.descriptor["name"], *getattr(descriptor, "uses", ()))
    modules = (f"mespot.descriptors.{plugin}" for plugin in plugins)
    describing = code_hash((*modules, "mespot._making", "mespot.packing"), _DESCRIBING)
    fields = {"name": recipe.descriptor["name"], **asdict(descriptor)}
    return Keys(crops, key_of("rows", crops, fields, describing), content)


def check(recipe: Recipe, recordings: Sequence[Recording]) -> None:
    """Raise UsageError for an unknown setting, or a recipe for another rate than a recording's."""
    _align_config(recipe)
    for family, section in (("descriptors", recipe.descriptor), ("scorers", recipe.scorer)):
        registry.build(family, section)
    for recording in recordings:
        check_rate(recording.id, recording.fps, recipe.fps, force=False)


def collect(
    recipe: Recipe,
    recordings: Sequence[Recording],
    workers: int = 1,
    on_done: Callable[[int, int], None] | None = None,
    store: Path | None = None,
) -> tuple[list[Sample], list[str]]:
    """Samples of all usable recordings, and one line for each that is not.

    Rows are kept in a cache at ``store``, so that a stopped run goes on where it was. A recording
    is not usable where its video is missing, cannot be read, has no face or another rate than the
    recipe's. Raises UsageError for an unknown setting, and MespotError for whatever is no
    recording's fault, such as a full disk.
    """
    check(recipe, ())
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


def _sample_task(shared: tuple[Recipe, Path | None], task: Recording) -> Sample | str:
    recipe, store = shared
    try:
        return sample_of(recipe, task, None if store is None else Cache(store))
    except (NoUsableFace, UnreadableInput, UsageError) as error:
        return str(error)


def _align_config(recipe: Recipe) -> Align:
    config: Align = make_dataclass(Align, recipe.align, where="align")
    return config


def _made(recipe: Recipe, recording: Recording, cache: Cache, keys: Keys, keep_crops: bool) -> Rows:
    """By way of crops where they are kept or to be kept, else straight from the video.

    Straight also where crops do not stay, since another process needs the room.
    """
    if keep_crops or cache.find(keys.crops) is not None:
        rows = _from_crops(recipe, recording, cache, keys)
        if rows is not None:
            return rows
    return _described(recipe, recording)


def _described(recipe: Recipe, recording: Recording) -> Rows:
    descriptor = registry.build("descriptors", recipe.descriptor)
    return from_video(recording, _align_config(recipe), descriptor, recipe.fps)


def _from_crops(recipe: Recipe, recording: Recording, cache: Cache, keys: Keys) -> Rows | None:
    """From crops in the cache, which are made first where they are missing; None if they go."""
    if cache.find(keys.crops) is None:
        meta = dict[str, Any]()
        with cache.writing(keys.crops, "crops", meta) as folder:
            meta |= make_crops(recording, _align_config(recipe), folder)
    descriptor = registry.build("descriptors", recipe.descriptor)
    return cache.read(
        keys.crops,
        lambda folder, meta: from_crops(recording, (folder, meta), descriptor, recipe.fps),
    )
