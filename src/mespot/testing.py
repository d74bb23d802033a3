"""One battery per family of plug-ins: what every descriptor, scorer, data set and export must do.

A plug-in's own tests call them with an object:

>>> from mespot.descriptors.region_flow import RegionFlow
>>> check_descriptor(RegionFlow())  # doctest: +SKIP

A check that fails raises AssertionError with a line that says what is wrong. Nothing here needs
pytest. The toy data are made by a seed.
"""

from __future__ import annotations

import dataclasses
import io
import json
import pickle
import tempfile
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
from numpy.typing import NDArray

from mespot import contracts, registry
from mespot.contracts import Dataset, Descriptor, Exporter, Scorer, Weights
from mespot.descriptors.stream import describe_stream
from mespot.errors import MespotError, UnreadableInput, UsageError
from mespot.sheet import RecordingRow, Sheet
from mespot.types import Expression, FaceClip, FrameSeries, Recording

RATES = (Fraction(25), Fraction(30), Fraction(60000, 1001), Fraction(200))
TOY_ROWS = 240
_SIDE = 150
_NEAR_ROWS = 90
_LONGEST_ROW_S = 10

ToyRows = Callable[[int], tuple[FrameSeries, Sequence[Expression]]]


def toy_clip(n: int, fps: Fraction = Fraction(30), side: int = _SIDE, seed: int = 0) -> FaceClip:
    """A clip of smooth texture that moves slowly: (n, side, side) crops, all of them found."""
    rng = np.random.default_rng(seed)
    coarse = rng.normal(size=(side // 6 + 4, side // 6 + 4))
    x = np.linspace(0, side // 6 + 1, side)
    frames = np.empty((n, side, side), np.uint8)
    for t in range(n):
        shift = 0.8 * np.sin(2 * np.pi * t / 23)
        frames[t] = np.clip(128 + 40 * _at(coarse, x + 1 + shift, x + 1), 0, 255)
    points = np.full((n, 5, 2), side / 2, np.float32)
    return FaceClip(frames, np.ones(n, np.bool_), points, np.arange(n) / float(fps), fps)


def random_clip(n: int, fps: Fraction, side: int = _SIDE, seed: int = 0) -> FaceClip:
    """A clip of noise, (n, side, side): every pixel any grey level, every other frame black."""
    frames = np.random.default_rng(seed).integers(0, 256, (n, side, side), np.uint8)
    frames[::2] = 0
    return replace(toy_clip(n, fps, side), frames=frames)


def toy_rows(seed: int) -> tuple[FrameSeries, Sequence[Expression]]:
    """240 rows of 6 columns at 30 rows/s with four micro-expressions, and these.

    The first three columns rise and fall together at each of them. The others, and a level of its
    own in every column, say nothing.
    """
    rng = np.random.default_rng(seed)
    n, span, parts = TOY_ROWS, 5, 4
    values = rng.normal(0, 0.3, (n, 6)) + rng.normal(0, 5, 6)
    truth = []
    for k in range(parts):
        length = int(rng.integers(8, 14))
        onset = int(rng.integers(5, n // parts - 20)) + k * (n // parts)
        shape = np.sin(np.linspace(0, np.pi, length)) * rng.uniform(1.5, 3)
        at = onset - span // 2
        values[at : at + length, :3] += shape[:, None]
        truth.append(Expression(onset, onset + length // 2, onset + length - 1))
    rows = values.astype(np.float32)
    return FrameSeries(rows, 0, 1, span, n + span - 1, Fraction(30)), truth


# Descriptors.


def check_descriptor(
    descriptor: Descriptor, side: int = _SIDE, mirror_tolerance: float = 0.5
) -> None:
    """Check a descriptor.

    Contract, recipes and pickling; lengths at 25 to 200 frames/s; number, type and names of the
    rows; finite numbers, also of noise; a row follows from its own frames; a video in pieces gives
    the same rows; a clip that is too short; mirrored rows are those of the mirrored clip; the clip
    is left as it is.

    Parameters
    ----------
    descriptor : Descriptor
    side : int
        Side of the toy crops in pixels.
    mirror_tolerance : float
        How far mirrored rows may lie from the rows of the mirrored clip, as a part of how far the
        unmirrored rows lie from them (root mean square). Blocks of unequal width and optical flow
        do not mirror exactly; with a wrong mirror it is about 1.

    Raises
    ------
    AssertionError
        With a line that says what is wrong.
    """
    _check_object("descriptors", descriptor)
    for fps in RATES:
        _check_lengths(descriptor, fps)
    fps = RATES[1]
    span, step = descriptor.span_at(fps), descriptor.step_at(fps)
    clip = toy_clip(span + 7 * step + 1, fps, side)
    before = [part.copy() for part in (clip.frames, clip.found, clip.landmarks, clip.times_s)]
    series = descriptor.describe(clip)
    after = (clip.frames, clip.found, clip.landmarks, clip.times_s)
    _require(all(map(_same, before, after)), "describe changes the clip")
    _check_rows(descriptor, clip, series)
    _require(
        _same(descriptor.describe(clip).values, series.values), "a second call gives other rows"
    )
    noise = random_clip(span + step, fps, side)
    _check_rows(descriptor, noise, descriptor.describe(noise))
    _check_own_frames(descriptor, clip, series)
    _check_pieces(descriptor, clip, series)
    for n in {0, span - 1}:
        short = descriptor.describe(_cut(clip, 0, n))
        _require(len(short) == 0, f"{len(short)} rows of {n} frames, which are fewer than one row")
        _require(
            short.values.shape[1] == series.values.shape[1],
            f"a clip of {n} frames gives another number of columns",
        )
    if descriptor.can_mirror:
        _check_mirror(descriptor, clip, series, mirror_tolerance)
    else:
        _raises(UsageError, lambda: descriptor.mirror(series), "mirror must refuse with UsageError")


def _check_lengths(descriptor: Descriptor, fps: Fraction) -> None:
    span, step = descriptor.span_at(fps), descriptor.step_at(fps)
    for name, value in (("span_at", span), ("step_at", step)):
        _require(isinstance(value, int), f"{name}({fps}) is {value!r}, no whole number of frames")
        _require(value >= 1, f"{name}({fps}) is {value}; at least 1 frame is needed")
    seconds = span / float(fps)
    _require(seconds < _LONGEST_ROW_S, f"a row at {fps} frames/s covers {seconds:.1f} seconds")


def _check_rows(descriptor: Descriptor, clip: FaceClip, series: FrameSeries) -> None:
    span, step = descriptor.span_at(clip.fps), descriptor.step_at(clip.fps)
    n = 1 + (len(clip) - span) // step
    _require(len(series) == n, f"{len(series)} rows of {len(clip)} frames; {n} are due")
    _require(series.values.dtype == np.float32, f"rows are {series.values.dtype}, not float32")
    _require(
        (series.first, series.step, series.span, series.n_frames) == (0, step, span, len(clip)),
        "first, step, span or n_frames of the rows are not those of the descriptor and the clip",
    )
    names = descriptor.column_names(clip.fps)
    d = series.values.shape[1]
    _require(not names or len(names) == d, f"{len(names)} column names for {d} columns")
    _require(len(set(names)) == len(names), "two columns have the same name")
    _require(bool(np.isfinite(series.values).all()), "a row of found frames holds no number")
    bins = descriptor.histogram_bins
    _require(bins >= 0 and (bins == 0 or d % bins == 0), f"{bins} bins do not divide {d} columns")


def _check_own_frames(descriptor: Descriptor, clip: FaceClip, series: FrameSeries) -> None:
    """Row i follows from its own frames alone."""
    i = len(series) // 2
    start = i * series.step
    alone = descriptor.describe(_cut(clip, start, start + series.span))
    _require(
        len(alone) == 1 and _same(alone.values[0], series.values[i]),
        f"row {i} is another one when its own {series.span} frames are described alone",
    )


def _check_pieces(descriptor: Descriptor, clip: FaceClip, series: FrameSeries) -> None:
    cuts = [0, 1, len(clip) // 2, len(clip) - 1, len(clip)]
    pieces = [_cut(clip, a, b) for a, b in pairwise(cuts) if b > a]
    whole = describe_stream(descriptor, pieces)
    _require(_same(whole.values, series.values), "a video in pieces gives other rows")


def _check_mirror(
    descriptor: Descriptor, clip: FaceClip, series: FrameSeries, tolerance: float
) -> None:
    mirrored = descriptor.mirror(series)
    _require(mirrored.values.shape == series.values.shape, "mirror changes the shape of the rows")
    back = descriptor.mirror(mirrored)
    _require(
        bool(np.allclose(back.values, series.values, atol=1e-6)),
        "mirroring twice does not give the rows back",
    )
    wanted = descriptor.describe(_turned(clip)).values
    off, whole = (_rms(rows.values - wanted) for rows in (mirrored, series))
    _require(
        off <= tolerance * whole + 1e-6,
        f"mirrored rows are not those of the mirrored clip: they differ by {off:.3g}, unmirrored "
        f"rows by {whole:.3g}",
    )


def _turned(clip: FaceClip) -> FaceClip:
    """The clip in a mirror; its landmarks change places from left to right."""
    return replace(clip, frames=np.ascontiguousarray(clip.frames[:, :, ::-1]))


# Scorers.


def check_scorer(scorer: Scorer, rows: ToyRows = toy_rows) -> Weights:
    """Check a scorer.

    Contract, recipes and pickling; the same weights for the same seed, as plain arrays; shape,
    type and place of the scores, also of short series and of rows that are not finite; ``score``
    leaves the rows as they are; ``whole_series`` is true to what it does; a ceiling scores by the
    truth and refuses to spot.

    Parameters
    ----------
    scorer : Scorer
        With fields that keep its training short.
    rows : callable
        A toy recording for a seed; a scorer of certain columns needs its own.

    Returns
    -------
    dict of arrays
        What it learned.

    Raises
    ------
    AssertionError
        With a line that says what is wrong.
    """
    _check_object("scorers", scorer)
    if scorer.is_ceiling:
        series, truth = rows(9)
        _check_scores(series, scorer.score_truth(series, truth))
        _check_scores(series, scorer.score_truth(series, []))
        _raises(UsageError, lambda: scorer.score(series, {}), "a ceiling must refuse to spot")
        return {}
    series, truth = rows(9)
    _raises(
        UsageError, lambda: scorer.score_truth(series, truth), "score_truth must refuse: no ceiling"
    )
    weights, again = _fitted(scorer, rows), _fitted(scorer, rows)
    _require(weights.keys() == again.keys(), "two trainings give other arrays")
    for name, array in weights.items():
        _require(isinstance(array, np.ndarray), f"weights {name!r} are no array")
        _require(np.asarray(array).dtype != object, f"weights {name!r} need pickle")
        same = np.asarray(array).tobytes() == np.asarray(again[name]).tobytes()
        _require(same, f"the same seed gives other weights {name!r}")
    before = series.values.copy()
    for n in (len(series), 15, 2, 1, 0):
        part = replace(series, values=series.values[:n])
        _check_scores(part, scorer.score(part, weights))
    first = scorer.score(series, weights).values
    _require(_same(series.values, before), "score changes the rows")
    _require(_same(first, scorer.score(series, weights).values), "a second call gives other scores")
    _check_bad_rows(scorer, series, weights)
    _require(
        _same(first, scorer.score(series, _stored(weights)).values),
        "weights that were saved and read give other scores",
    )
    if not scorer.whole_series:
        _check_local(scorer, series, weights, first)
    return weights


def _fitted(scorer: Scorer, rows: ToyRows) -> Weights:
    if not scorer.learns:
        return scorer.fit([], [], 0)
    recordings = [rows(seed) for seed in range(3)]
    return scorer.fit([s for s, _ in recordings], [t for _, t in recordings], 0)


def _check_scores(series: FrameSeries, scores: FrameSeries) -> None:
    _require(
        scores.values.shape == (len(series), 1) and scores.values.dtype == np.float32,
        f"scores are {scores.values.shape} {scores.values.dtype} for {len(series)} rows",
    )
    _require(bool(np.isfinite(scores.values).all()), "a score is no finite number")
    place = ("first", "step", "span", "n_frames", "fps")
    moved = [p for p in place if getattr(scores, p) != getattr(series, p)]
    _require(not moved, f"scores have another {', '.join(moved)} than the rows")


def _check_bad_rows(scorer: Scorer, series: FrameSeries, weights: Weights) -> None:
    values = series.values.copy()
    values[50:60] = np.nan
    values[100, 0], values[120], values[130:135] = np.inf, -np.inf, 1e30
    bad = replace(series, values=values)
    _check_scores(bad, scorer.score(bad, weights))


def _check_local(
    scorer: Scorer, series: FrameSeries, weights: Weights, whole: NDArray[np.float32]
) -> None:
    """Scores of a part are those of the whole, but for rows near its cut."""
    later = replace(series, values=series.values[40:], first=series.first + 40 * series.step)
    parts = (
        (scorer.score(later, weights).values[_NEAR_ROWS:], whole[40 + _NEAR_ROWS :]),
        (
            scorer.score(replace(series, values=series.values[:-40]), weights).values[:-_NEAR_ROWS],
            whole[: -40 - _NEAR_ROWS],
        ),
    )
    _require(
        all(bool(np.allclose(part, full, rtol=0, atol=1e-4)) for part, full in parts),
        "scores depend on rows that are far away in time; set whole_series = True if that is meant",
    )


def _stored(weights: Weights) -> Weights:
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, **weights)
    stream.seek(0)
    with np.load(stream, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


# Data sets and exports.


def check_dataset(dataset: Dataset, root: str | Path) -> list[Recording]:
    """Check a data set on a folder that holds one.

    Contract, recipes and pickling; recordings with ids and subjects, and events within them; load,
    verify and inspect agree; provenance is plain JSON; a missing folder is refused in one line.

    Returns
    -------
    list of Recording
        What ``load`` gives.

    Raises
    ------
    AssertionError
        With a line that says what is wrong.
    """
    _check_object("datasets", dataset)
    recordings = dataset.load(root)
    _require(bool(recordings), f"{root}: no recording was found")
    names = [r.id for r in recordings]
    _require(len(set(names)) == len(names), "two recordings have the same id")
    _require(all(r.subject for r in recordings), "a recording has no subject")
    for r in recordings:
        last = max((e.offset for e in r.expressions), default=-1)
        _require(
            r.n_frames is None or last < r.n_frames, f"{r.id}: an event is past the last frame"
        )
    _require(dataset.load(root) == recordings, "a second load gives other recordings")
    problems = dataset.verify(root)
    _require(isinstance(problems, list), "verify gives no list")
    _require(all("\n" not in line for line in problems), "verify gives a line with a line break")
    inspection = dataset.inspect(root)
    _require(list(inspection.problems) == problems, "inspect and verify report different problems")
    found = inspection.found.get("recordings", len(recordings))
    _require(found == len(recordings), f"inspect counts {found} of {len(recordings)} recordings")
    _plain_json(inspection.as_dict(), "inspect")
    for kind in ("micro", "macro"):
        n = sum(e.kind == kind for r in recordings for e in r.expressions)
        counted = inspection.found.get(kind, 0)
        _require(counted == n, f"inspect counts {counted} of {n} {kind}-expressions")
    _plain_json(dataset.provenance(root), "provenance")
    missing = Path(root) / "there is no such folder"
    _raises(
        MespotError, lambda: dataset.load(missing),
        "load must refuse a missing folder with UnreadableInput",
    )  # fmt: skip
    _require(bool(dataset.verify(missing)), "verify finds nothing wrong with a missing folder")
    return recordings


def check_exporter(exporter: Exporter, reads: bool = True) -> None:
    """Check an export.

    Contract, recipes and pickling; a file with hostile text; frames, kinds and scores are read
    back; an empty sheet; no other file is left; a missing or damaged file is refused.

    Parameters
    ----------
    exporter : Exporter
    reads : bool
        False for a format that is only written.

    Raises
    ------
    AssertionError
        With a line that says what is wrong.
    """
    _check_object("exports", exporter)
    suffix = exporter.suffix
    _require(suffix.startswith(".") and len(suffix) > 1, f"suffix {suffix!r} is no ending")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"events{suffix}"
        for sheet in (_sheet(_EVENTS), _sheet([])):
            exporter.write(path, sheet)
            _require(path.is_file(), "write leaves no file")
            left = [p.name for p in Path(folder).iterdir() if p != path]
            _require(not left, f"write leaves other files: {left}")
            if reads:
                _check_read(exporter, path, sheet)
            else:
                _raises(UsageError, lambda: exporter.read(path), "read must refuse")
        _check_refused(exporter, path, reads)


_ROW = RecordingRow("clip 1", "s1", "clip 1.mp4", Fraction(30), 100)
_EVENTS = (
    Expression(
        3, 5, 9, "micro", 0.5,
        {"label": '=1+1 <b>"x"</b> & \x00', "coder": " =HYPERLINK(1)", "n;o,t\te": "a\r\nb\u2028c"},
    ),
    Expression(20, None, 30, "macro", None, {}),
)  # fmt: skip


def _sheet(events: Sequence[Expression]) -> Sheet:
    return Sheet({_ROW.id: list(events)}, (_ROW,), {})


def _check_read(exporter: Exporter, path: Path, sheet: Sheet) -> None:
    back = exporter.read(path, [_ROW]).events.get(_ROW.id, ())
    for name in ("onset", "apex", "offset", "kind"):
        got = [getattr(e, name) for e in back]
        wanted = [getattr(e, name) for e in sheet.events[_ROW.id]]
        _require(got == wanted, f"{name} is read back as {got}, not {wanted}")


def _check_refused(exporter: Exporter, path: Path, reads: bool) -> None:
    """A file that cannot be written or read is an error that the command line can show."""
    if not reads:
        return
    path.write_bytes(b"\xff\xfe\x00 no such format \x00")
    for wrong in (path, path.with_name(f"missing{path.suffix}")):
        _raises(
            UnreadableInput, lambda at=wrong: exporter.read(at, [_ROW]),  # type: ignore[misc]
            f"read must refuse a {'missing' if wrong != path else 'damaged'} file with "
            "UnreadableInput",
        )  # fmt: skip


# All families.


def _check_object(family: registry.Family, plug_in: Any) -> None:
    """Contract, equality, pickling, and the way through a recipe section."""
    try:
        contracts.check(family, plug_in)
    except UsageError as error:
        raise AssertionError(str(error)) from error
    _require(pickle.loads(pickle.dumps(plug_in)) == plug_in, "pickling gives another object")
    cls = type(plug_in)
    section = registry.to_values(plug_in)
    try:
        read = tomllib.loads(tomli_w.dumps(section))
        back = registry.from_values(cls, read, where=cls.__name__)
    except (TypeError, ValueError, UsageError) as error:
        raise AssertionError(f"no recipe can hold {section} ({error})") from error
    _require(back == plug_in, f"a recipe with {section} gives another object")
    for field in dataclasses.fields(cls):
        _require(not field.name.startswith("_"), f"field {field.name}: a parameter is public")
    doc = (cls.__doc__ or "").strip()
    # A dataclass without a docstring gets its signature as one.
    _require(
        doc != "" and not doc.startswith(f"{cls.__name__}("),
        "the class has no docstring; `mespot list` shows it",
    )


def _plain_json(value: object, what: str) -> None:
    try:
        json.dumps(value)
    except (TypeError, ValueError) as error:
        raise AssertionError(f"{what} is not plain JSON: {error}") from error


def _require(good: bool, text: str) -> None:
    if not good:
        raise AssertionError(text)


def _raises(kind: type[Exception], call: Callable[[], object], text: str) -> None:
    try:
        call()
    except kind as error:
        _require("\n" not in str(error), f"an error has more than one line: {error}")
        return
    except Exception as error:
        raise AssertionError(f"{text}, not {type(error).__name__}") from error
    raise AssertionError(text)


def _rms(values: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))


def _same(a: NDArray[Any], b: NDArray[Any]) -> bool:
    return (
        a.shape == b.shape
        and np.ascontiguousarray(a).tobytes() == np.ascontiguousarray(b).tobytes()
    )


def _cut(clip: FaceClip, start: int, stop: int) -> FaceClip:
    at = slice(start, stop)
    return FaceClip(clip.frames[at], clip.found[at], clip.landmarks[at], clip.times_s[at], clip.fps)


def _at(values: NDArray[np.float64], x: NDArray[Any], y: NDArray[Any]) -> NDArray[np.float64]:
    """Bilinear samples of a grid at columns x and rows y: (len(y), len(x))."""
    x, y = (np.clip(v, 0, values.shape[0] - 1.001) for v in (x, y))
    i, j = y.astype(int), x.astype(int)
    u, v = (y - i)[:, None], (x - j)[None]
    top = (1 - v) * values[np.ix_(i, j)] + v * values[np.ix_(i, j + 1)]
    low = (1 - v) * values[np.ix_(i + 1, j)] + v * values[np.ix_(i + 1, j + 1)]
    result: NDArray[np.float64] = (1 - u) * top + u * low
    return result
