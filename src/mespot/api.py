"""The front door: what a program calls. ``import mespot`` offers all of it.

>>> import mespot
>>> result = mespot.spot("interview.mp4")  # doctest: +SKIP
>>> [(e.onset, e.apex, e.offset, e.score) for e in result.expressions]  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from mespot import contracts, decoding, metrics, registry
from mespot.align.config import Align
from mespot.cache import default_limit, default_root
from mespot.code_hash import without_module
from mespot.contracts import Dataset, Descriptor
from mespot.datasets.named import named
from mespot.decoding import Decode
from mespot.errors import UsageError
from mespot.evaluation.describe import EvaluationPlan
from mespot.evaluation.figures import EvaluationFigures
from mespot.evaluation.run import evaluate as run_evaluation
from mespot.evaluation.run import need_modules
from mespot.exports.csv import read_events, read_recording_rows
from mespot.pipeline import describe_video
from mespot.protocol import Sample, learn
from mespot.recipe import Recipe, load_recipe, shipped
from mespot.rows import collect
from mespot.sheet import RecordingRow
from mespot.spotter import Progress, Spotter, Spotting, load_spotter, untrained
from mespot.training import at_rate
from mespot.types import Counts, Expression, FrameSeries, Recording
from mespot.verdicts import without_rejected
from mespot.versions import TRAINING, versions
from mespot.video import VideoSource, open_source
from mespot.video.grid import given_rate

Events = Mapping[str, Sequence[Expression]]
"""Recording id -> its expressions."""
Log = Callable[[str], None]
"""Takes one line whenever something is done."""
_ALONE = "recording"


def spot(
    video: VideoSource,
    *,
    spotter: Spotter | Recipe | str | Path | None = None,
    fps: Fraction | float | None = None,
    force: bool = False,
    progress: Progress | None = None,
    settings: Sequence[str] = (),
) -> Spotting:
    """Find candidate micro-expressions in a video, for a person to review.

    Parameters
    ----------
    video : path, (T, H, W[, 3]) uint8 array, or iterable of (H, W[, 3]) uint8 frames
        A video file, a folder of images, or frames in memory; colour is blue, green, red.
    spotter : Spotter, Recipe or path, optional
        The packaged spotter by default. A recipe must need no training. A path is the folder of a
        trained spotter; a recipe's name or TOML file is taken too.
    fps : Fraction or float, optional
        Frames per second; needed for everything but a video file.
    force : bool
        Spot even at an unsuitable frame rate.
    progress : callable, optional
        Called with the number of frames done and the number expected (None if unknown).
    settings : sequence of str
        Changed settings, such as ``["decode.threshold=0.6"]``.

    Raises
    ------
    UnreadableInput
        If the video cannot be read.
    NoUsableFace
        If no face can be followed for the length of one row.
    UsageError
        For an unsuitable frame rate, a video or spotter of another type, or a setting that cannot
        be changed.

    See Also
    --------
    mespot.load_spotter : load once, spot many videos.
    """
    chosen = _spotter(spotter).with_settings([settings] if isinstance(settings, str) else settings)
    return chosen.spot(video, fps=fps, force=force, progress=progress)


def _spotter(given: Spotter | Recipe | str | Path | None) -> Spotter:
    if isinstance(given, Spotter):
        return given
    if isinstance(given, Recipe):
        return untrained(given)
    if isinstance(given, str | Path) and (str(given) in shipped() or Path(given).suffix == ".toml"):
        return untrained(load_recipe(given))
    if given is None or isinstance(given, str | Path):
        return load_spotter(given)
    raise UsageError(
        f"spotter must be a Spotter, a Recipe or the path of a folder, not {type(given).__name__}"
    )


def describe(
    video: VideoSource,
    descriptor: Descriptor,
    *,
    align: Align | None = None,
    fps: Fraction | float | None = None,
    progress: Progress | None = None,
) -> FrameSeries:
    """Align the face of a video and describe it: one row per position.

    Parameters
    ----------
    video
        As for :func:`spot`.
    descriptor : Descriptor
        Such as ``mespot.descriptors.region_flow.RegionFlow()``.
    align : Align, optional
    fps, progress
        As for :func:`spot`.

    Returns
    -------
    FrameSeries
        (n, d) float32. Rows that touch a frame without a face are there too.

    Raises
    ------
    UnreadableInput, NoUsableFace, UsageError
    """
    recipe = Recipe("describe", align=align or Align(), descriptor=descriptor)
    opened = open_source(video, fps=fps)
    return describe_video(
        opened.path,
        recipe.align,
        recipe.descriptor,
        video=opened,
        on_frame=None if progress is None else lambda n: progress(n, opened.n_expected),
    ).series


def decode(
    scores: FrameSeries | Spotting | NDArray[np.floating[Any]],
    decode: Decode | None = None,
    *,
    threshold: float | None = None,
    found: NDArray[np.bool_] | None = None,
    fps: Fraction | float | None = None,
) -> list[Expression]:
    """Spots of a score curve.

    Parameters
    ----------
    scores : FrameSeries with one column, Spotting, or (n,) array of one score per frame
        0 or less is background, NaN is unknown.
    decode : Decode, optional
        How scores become spots; for a Spotting, as it was decoded by default. The rule "learned"
        takes the threshold that the spotter has learned.
    threshold : float, optional
        What a peak must reach, in place of ``decode.threshold``.
    found : (n_frames,) bool, optional
        False where the face was lost. A Spotting brings its own.
    fps : Fraction or float, optional
        Needed for an array.

    Returns
    -------
    list of Expression
        Sorted by onset; in the frames of the curve, or of the Spotting's video.

    Raises
    ------
    UsageError
        If no threshold is known, an array comes without a rate, or shapes do not fit.
    """
    if isinstance(scores, Spotting):
        if found is not None:
            raise UsageError("decode: a Spotting brings its own found; leave found= out")
        if scores.curve is None:
            raise UsageError("decode: this Spotting holds no score curve; pass its scores and fps=")
        return scores.curve.spots(_with_threshold(decode or scores.curve.decode, threshold))
    if isinstance(scores, FrameSeries):
        curve = scores
        if curve.values.shape[1] != 1:
            raise UsageError(f"decode: {curve.values.shape[1]} columns; scores have one")
    elif fps is None:
        raise UsageError("an array of scores carries no rate; give it with fps=")
    else:
        curve = _curve(np.asarray(scores), given_rate(fps, Path("scores")))
    if found is not None and (found.shape != (curve.n_frames,) or found.dtype != np.bool_):
        raise UsageError(f"found must be ({curve.n_frames},) bool, not {found.shape} {found.dtype}")
    return decoding.decode(curve, _with_threshold(decode or Decode(), threshold), None, found)


def _with_threshold(config: Decode, threshold: float | None) -> Decode:
    return config if threshold is None else replace(config, threshold=float(threshold))


def _curve(values: NDArray[np.floating[Any]], fps: Fraction) -> FrameSeries:
    if values.ndim != 1 or values.dtype.kind not in "fiu":
        raise UsageError(
            f"scores must be (n,) numbers, one per frame, not {values.shape} {values.dtype}"
        )
    column = values.astype(np.float32)[:, None]
    return FrameSeries(column, 0, 1, 1, len(column), fps, ("score",))


@dataclass(frozen=True)
class Score:
    """How spots agree with the truth, pooled over all recordings.

    Attributes
    ----------
    overall : Counts
        Micro- and macro-expressions together.
    by_kind : mapping of kind to Counts
    by_recording : mapping of recording id to Counts, overall
    """

    overall: Counts
    by_kind: Mapping[str, Counts]
    by_recording: Mapping[str, Counts]


def score(
    truth: Events | Sequence[Expression] | str | Path,
    spots: Events | Sequence[Expression] | str | Path,
    recordings: Iterable[Recording | RecordingRow] | str | Path | None = None,
    *,
    rule: Literal["apex", "megc"] = "apex",
    iou: float = 0.5,
) -> Score:
    """Compare spots with the truth, one to one.

    Parameters
    ----------
    truth, spots : mapping of recording id to expressions, or path of an events.csv
        Or both are the expressions of one recording. Events whose status is ``rejected`` are left
        out.
    recordings : recordings or path of a recordings.csv, optional
        All recordings that were looked at. Without it, recordings without events are not counted,
        and false alarms per minute are unknown.
    rule : {"apex", "megc"}
        ``apex``: the spot's apex lies within the true interval. ``megc``: intervals overlap by at
        least ``iou``.
    iou : float

    Raises
    ------
    UnreadableInput
        For a table that cannot be read.
    UsageError
        For an event of a recording that is not listed, or an unknown rule.
    """
    rows = _listed(recordings)
    name = rows[0].id if rows is not None and len(rows) == 1 else _ALONE
    known, found = (_events(side, rows, name) for side in (truth, spots))
    if rows is None:
        rows = [RecordingRow(name) for name in dict.fromkeys([*known, *found])]
    kinds = metrics.kinds_in(known, found)
    try:
        counted = metrics.by_recording(rows, known, found, metrics.Rule(rule, iou), kinds)
    except ValueError as error:
        raise UsageError(f"score: {error}") from error
    pooled = metrics.pool(counted.values())
    return Score(
        pooled.get(metrics.OVERALL, Counts()),
        {kind: pooled[kind] for kind in kinds},
        {name: counts[metrics.OVERALL] for name, counts in counted.items()},
    )


def _listed(
    recordings: Iterable[Recording | RecordingRow] | str | Path | None,
) -> list[RecordingRow] | None:
    if recordings is None:
        return None
    if isinstance(recordings, str | Path):
        return read_recording_rows(recordings)
    return [RecordingRow.of(r) for r in recordings]


def _events(
    given: Events | Sequence[Expression] | str | Path,
    rows: Sequence[RecordingRow] | None,
    alone: str,
) -> Events:
    """Recording id -> expressions without the rejected ones; ``alone`` names a single recording."""
    if isinstance(given, str | Path):
        given = read_events(given, rows)
    by_recording = given if isinstance(given, Mapping) else {alone: given}
    for events in by_recording.values():
        for event in events:
            if not isinstance(event, Expression):
                raise UsageError(
                    f"score: events must be Expression objects, not {type(event).__name__}"
                )
    return without_rejected(by_recording)[0]


def train(
    recipe: Recipe,
    recordings: Iterable[Recording | Sample],
    *,
    workers: int = 1,
    cache: str | Path | None = None,
    log: Log | None = None,
    progress: Progress | None = None,
) -> Spotter:
    """Learn a spotter from recordings with truth.

    Epoch, threshold and decode values are chosen on subjects held out inside. Rows of several frame
    rates are brought to that of the first, unless the recipe fixes one. The call belongs below
    ``if __name__ == "__main__":`` in a script that uses several workers.

    Parameters
    ----------
    recipe : Recipe
    recordings : recordings with expressions, or samples
        Of at least two subjects. A recording that cannot be used is left out, with a line to
        ``log``.
    workers : int
        Processes that describe recordings.
    cache : path, optional
        Keep descriptor rows here, so that a second run is quick.
    log : callable, optional
    progress : callable, optional
        Called with the number of recordings described and the number of all.

    Raises
    ------
    UsageError
        If nothing can be learned from.
    MespotError
        If a library for training is missing.
    """
    _check_recipes([recipe], workers)
    need_modules(recipe)
    given = list(recordings)
    samples = [r for r in given if isinstance(r, Sample)]
    videos = [r for r in given if isinstance(r, Recording)]
    if len(samples) + len(videos) < len(given):
        raise UsageError("train: recordings must be Recording or Sample objects")
    if videos:
        store = None if cache is None else Path(cache)
        found, problems = collect(recipe, videos, workers, progress, store)
        samples += found
        for line in problems:
            (log or _silent)(f"left out: {line}")
    if not samples:
        raise UsageError("train: none of the recordings can be used")
    if recipe.fps is None:
        samples = [at_rate(s, samples[0].series.fps) for s in samples]
    learned = learn(recipe, samples)
    return Spotter(learned.recipe, learned.weights)


def evaluate(
    recipes: Recipe | Sequence[Recipe],
    recordings: Iterable[Recording] | tuple[str | Dataset, str | Path],
    out: str | Path,
    *,
    protocols: Sequence[Literal["default", "paper"]] = ("default",),
    workers: int = 1,
    cache: str | Path | None = None,
    log: Log | None = None,
) -> list[EvaluationFigures]:
    """Leave-one-subject-out evaluation of recipes, resumable; figures per recipe and protocol.

    The call belongs below ``if __name__ == "__main__":`` in a script that uses several workers.

    Parameters
    ----------
    recipes : Recipe or sequence of Recipe
    recordings : recordings, or a data set and its folder
        Of at least three subjects, also those without a movement. A data set is a name or an
        object: ``("casme_sq", "/data/casme_sq")``.
    out : path
        Folder of the results; run again to go on after a stop.
    protocols : sequence of "default" and "paper"
        ``paper`` chooses the epoch on the test subject; its figures are flagged as optimistic.
    workers : int
    cache : path, optional
        Where rows are kept; that of ``mespot cache`` by default.
    log : callable, optional
        Takes one line whenever something is done.

    Returns
    -------
    list of EvaluationFigures
        What ``results.json`` holds; see docs/evaluation.md.

    Raises
    ------
    UsageError, UnreadableInput, MespotError
        See :func:`mespot.evaluation.run.evaluate`.
    """
    some = [recipes] if isinstance(recipes, Recipe) else list(recipes)
    _check_recipes(some, workers)
    data = _data(recordings)
    place = (default_root() if cache is None else Path(cache), default_limit())
    plan = EvaluationPlan(
        tuple(some), data.recordings, Path(out), place, tuple(protocols), workers, data.origin,
        versions(TRAINING),
    )  # fmt: skip
    return cast("list[EvaluationFigures]", run_evaluation(plan, log or _silent))


@dataclass(frozen=True)
class _Data:
    """Recordings, and where they and their truth come from."""

    recordings: tuple[Recording, ...]
    origin: Mapping[str, Any]


def _data(given: Iterable[Recording] | tuple[str | Dataset, str | Path]) -> _Data:
    if isinstance(given, tuple) and len(given) == 2 and isinstance(given[1], str | Path):
        name, root = given
        dataset = named(name) if isinstance(name, str) else cast(Dataset, name)
        contracts.check("datasets", dataset)
        origin = {"name": registry.name_of("datasets", dataset), "root": str(Path(root).absolute())}
        return _Data(tuple(dataset.load(root)), {**origin, "truth": dict(dataset.provenance(root))})
    found = tuple(cast("Iterable[Recording]", given))
    for recording in found:
        if not isinstance(recording, Recording):
            raise UsageError(
                "evaluate: give Recording objects, or a data set and its folder, not "
                f"{type(recording).__name__}"
            )
    return _Data(found, {})


def _check_recipes(recipes: Sequence[Recipe], workers: int) -> None:
    """Raise UsageError for what is no recipe, and for a class that no other process can import."""
    for recipe in recipes:
        if not isinstance(recipe, Recipe):
            raise UsageError(
                f"a recipe must be a Recipe, not {type(recipe).__name__}; mespot.load_recipe reads "
                "one by name or file"
            )
        for plug_in in (recipe.descriptor, recipe.scorer) if workers > 1 else ():
            if name := without_module(plug_in):
                raise UsageError(
                    f"recipe {recipe.name}: {name} was written in this session or in a function, "
                    f"so that {workers} workers cannot import it: move it to a file of its own, or "
                    "use workers=1"
                )


def _silent(_line: str) -> None:
    """No log."""
