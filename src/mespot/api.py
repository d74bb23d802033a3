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
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mespot import decoding, metrics
from mespot.align.config import Align
from mespot.cache import default_limit, default_root
from mespot.contracts import Descriptor
from mespot.decoding import Decode
from mespot.errors import UsageError
from mespot.evaluation.describe import EvaluationPlan
from mespot.evaluation.run import evaluate as run_evaluation
from mespot.evaluation.run import need_modules
from mespot.exports.csv import read_events, read_recording_rows
from mespot.pipeline import describe_video
from mespot.protocol import Sample, learn
from mespot.recipe import Recipe
from mespot.rows import collect
from mespot.sheet import RecordingRow
from mespot.spotter import Progress, Spotter, Spotting, load_spotter, untrained
from mespot.types import Counts, Expression, FrameSeries, Recording
from mespot.verdicts import without_rejected
from mespot.video import VideoSource, open_source

Events = Mapping[str, Sequence[Expression]]
"""Recording id -> its expressions."""
Log = Callable[[str], None]
"""Takes one line whenever something is done."""


def spot(
    video: VideoSource,
    *,
    spotter: Spotter | Recipe | str | Path | None = None,
    fps: Fraction | float | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> Spotting:
    """Find candidate micro-expressions in a video, for a person to review.

    Parameters
    ----------
    video : path, (T, H, W[, 3]) uint8 array, or iterable of (H, W[, 3]) uint8 frames
        A video file, a folder of images, or frames in memory; colour is blue, green, red.
    spotter : Spotter, Recipe or path, optional
        The packaged spotter by default. A recipe must need no training; a path is the folder of a
        trained spotter.
    fps : Fraction or float, optional
        Frames per second; needed for everything but a video file.
    force : bool
        Spot even at an unsuitable frame rate.
    progress : callable, optional
        Called with the number of frames done and the number expected (None if unknown).

    Raises
    ------
    UnreadableInput
        If the video cannot be read.
    NoUsableFace
        If no face can be followed for the length of one row.
    UsageError
        For an unsuitable frame rate, or a video or spotter of another type.

    See Also
    --------
    mespot.load_spotter : load once, spot many videos.
    """
    return _spotter(spotter).spot(video, fps=fps, force=force, progress=progress)


def _spotter(given: Spotter | Recipe | str | Path | None) -> Spotter:
    if isinstance(given, Spotter):
        return given
    if isinstance(given, Recipe):
        return untrained(given)
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
) -> FrameSeries:
    """Align the face of a video and describe it: one row per position.

    Parameters
    ----------
    video
        As for :func:`spot`.
    descriptor : Descriptor
        Such as ``mespot.descriptors.region_flow.RegionFlow()``.
    align : Align, optional
    fps : Fraction or float, optional

    Returns
    -------
    FrameSeries
        (n, d) float32. Rows that touch a frame without a face are there too.

    Raises
    ------
    UnreadableInput, NoUsableFace, UsageError
    """
    opened = open_source(video, fps=fps)
    return describe_video(opened.path, align or Align(), descriptor, video=opened).series


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
        How scores become spots.
    threshold : float, optional
        What a peak must reach, in place of ``decode.threshold``.
    found : (n_frames,) bool, optional
        False where the face was lost; that of a Spotting by default.
    fps : Fraction or float, optional
        Needed for an array.

    Returns
    -------
    list of Expression
        Sorted by onset; in the frames of the curve.

    Raises
    ------
    UsageError
        If no threshold is known, or an array comes without a rate.
    """
    config = decode or Decode()
    if isinstance(scores, Spotting):
        found = scores.found if found is None else found
        threshold = scores.threshold if threshold is None and decode is None else threshold
        curve = _curve(scores.scores, scores.fps)
    elif isinstance(scores, FrameSeries):
        curve = scores
    else:
        if fps is None:
            raise UsageError("an array of scores carries no rate; give it with fps=")
        curve = _curve(np.asarray(scores), Fraction(fps))
    if threshold is not None:
        config = replace(config, threshold=float(threshold))
    return decoding.decode(curve, config, None, found)


def _curve(values: NDArray[np.floating[Any]], fps: Fraction) -> FrameSeries:
    if values.ndim != 1:
        raise UsageError(f"scores must be (n,), one per frame, not {values.shape}")
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
    truth: Events | str | Path,
    spots: Events | str | Path,
    recordings: Iterable[Recording | RecordingRow] | str | Path | None = None,
    *,
    rule: Literal["apex", "megc"] = "apex",
    iou: float = 0.5,
) -> Score:
    """Compare spots with the truth, one to one.

    Parameters
    ----------
    truth, spots : mapping of recording id to expressions, or path of an events.csv
        Events whose status is ``rejected`` are left out.
    recordings : recordings or path of a recordings.csv, optional
        All recordings that were looked at. Without it, recordings without events are not counted.
    rule : {"apex", "megc"}
        ``apex``: the spot's apex lies within the true interval. ``megc``: intervals overlap by at
        least ``iou``.
    iou : float

    Raises
    ------
    UnreadableInput
        For a table that cannot be read.
    ValueError
        For an event of a recording that is not listed.
    """
    rows = _listed(recordings)
    known, found = (_events(side, rows) for side in (truth, spots))
    if rows is None:
        rows = [RecordingRow(name) for name in dict.fromkeys([*known, *found])]
    kinds = metrics.kinds_in(known, found)
    counted = metrics.by_recording(rows, known, found, metrics.Rule(rule, iou), kinds)
    pooled = metrics.pool(counted.values())
    return Score(
        pooled.get(metrics.OVERALL, Counts()),
        {kind: pooled[kind] for kind in kinds},
        {name: kinds[metrics.OVERALL] for name, kinds in counted.items()},
    )


def _listed(
    recordings: Iterable[Recording | RecordingRow] | str | Path | None,
) -> list[RecordingRow] | None:
    if recordings is None:
        return None
    if isinstance(recordings, str | Path):
        return read_recording_rows(recordings)
    return [RecordingRow.of(r) for r in recordings]


def _events(given: Events | str | Path, rows: Sequence[RecordingRow] | None) -> Events:
    events = read_events(given, rows) if isinstance(given, str | Path) else given
    return without_rejected(events)[0]


def train(
    recipe: Recipe,
    recordings: Sequence[Recording | Sample],
    *,
    workers: int = 1,
    cache: str | Path | None = None,
    log: Log | None = None,
) -> Spotter:
    """Learn a spotter from recordings with truth.

    Epoch, threshold and decode values are chosen on subjects held out inside.

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

    Raises
    ------
    UsageError
        If nothing can be learned from.
    MespotError
        If a library for training is missing.
    """
    need_modules(recipe)
    samples = [r for r in recordings if isinstance(r, Sample)]
    videos = [r for r in recordings if isinstance(r, Recording)]
    if len(samples) + len(videos) < len(recordings):
        raise UsageError("train: recordings must be Recording or Sample objects")
    if videos:
        store = None if cache is None else Path(cache)
        found, problems = collect(recipe, videos, workers, None, store)
        samples += found
        for line in problems:
            (log or _silent)(f"left out: {line}")
    if not samples:
        raise UsageError("train: none of the recordings can be used")
    learned = learn(recipe, samples)
    return Spotter(learned.recipe, learned.weights)


def evaluate(
    recipes: Recipe | Sequence[Recipe],
    recordings: Sequence[Recording],
    out: str | Path,
    *,
    protocols: Sequence[Literal["default", "paper"]] = ("default",),
    workers: int = 1,
    cache: str | Path | None = None,
    log: Log | None = None,
) -> list[dict[str, Any]]:
    """Leave-one-subject-out evaluation of recipes, resumable; figures per recipe and protocol.

    Parameters
    ----------
    recipes : Recipe or sequence of Recipe
    recordings : sequence of Recording
        Of at least three subjects, also those without a movement.
    out : path
        Folder of the results; run again to go on after a stop.
    protocols : sequence of "default" and "paper"
        ``paper`` chooses the epoch on the test subject; its figures are flagged as optimistic.
    workers : int
    cache : path, optional
        Where rows are kept; that of ``mespot cache`` by default.
    log : callable, optional

    Returns
    -------
    list of dict
        What ``results.json`` holds; see docs/evaluation.md.

    Raises
    ------
    UsageError, UnreadableInput, MespotError
        See :func:`mespot.evaluation.run.evaluate`.
    """
    some = (recipes,) if isinstance(recipes, Recipe) else tuple(recipes)
    place = (default_root() if cache is None else Path(cache), default_limit())
    plan = EvaluationPlan(
        some, tuple(recordings), Path(out), place, tuple(protocols), workers
    )  # fmt: skip
    return run_evaluation(plan, log or _silent)


def _silent(_line: str) -> None:
    """No log."""
