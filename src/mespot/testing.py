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
import pickle
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mespot import contracts, registry
from mespot.contracts import Dataset, Descriptor, Exporter, Scorer, Weights
from mespot.descriptors.stream import describe_stream
from mespot.errors import UsageError
from mespot.sheet import RecordingRow, Sheet
from mespot.types import Expression, FaceClip, FrameSeries, Recording

RATES = (Fraction(25), Fraction(30), Fraction(60000, 1001), Fraction(200))
TOY_ROWS = 240
_SIDE = 150
_NEAR_ROWS = 90

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


def check_descriptor(descriptor: Descriptor, side: int = _SIDE) -> None:
    """Check a descriptor: contract, lengths, rows of their own frames, pieces, mirror, recipes.

    ``side`` is the side of the toy crops in pixels. Raises AssertionError.
    """
    _check_object("descriptors", descriptor)
    for fps in RATES:
        span, step = descriptor.span_at(fps), descriptor.step_at(fps)
        _require(span >= 1 and step >= 1, f"at {fps} frames/s span is {span} and step is {step}")
    fps = RATES[1]
    span, step = descriptor.span_at(fps), descriptor.step_at(fps)
    clip = toy_clip(span + 7 * step + 1, fps, side)
    series = descriptor.describe(clip)
    _check_rows(descriptor, clip, series)
    _check_own_frames(descriptor, clip, series)
    _check_pieces(descriptor, clip, series)
    empty = descriptor.describe(_cut(clip, 0, span - 1)) if span > 1 else None
    if empty is not None:
        _require(len(empty) == 0, f"{len(empty)} rows of a clip that is shorter than one row")
        _require(
            empty.values.shape[1] == series.values.shape[1],
            "a clip that is shorter than one row gives another number of columns",
        )
    if descriptor.can_mirror:
        _check_mirror(descriptor, clip, series)


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


def _check_mirror(descriptor: Descriptor, clip: FaceClip, series: FrameSeries) -> None:
    mirrored = descriptor.mirror(series)
    _require(mirrored.values.shape == series.values.shape, "mirror changes the shape of the rows")
    back = descriptor.mirror(mirrored)
    _require(
        bool(np.allclose(back.values, series.values, atol=1e-6)),
        "mirroring twice does not give the rows back",
    )


# Scorers.


def check_scorer(scorer: Scorer, rows: ToyRows = toy_rows) -> Weights:
    """Check a scorer: contract, scores, determinism, weights without pickle, recipes.

    ``rows`` gives a toy recording for a seed, :func:`toy_rows` by default; a scorer of certain
    columns needs its own. Returns the weights that it learned. Raises AssertionError.
    """
    _check_object("scorers", scorer)
    if scorer.is_ceiling:
        series, truth = rows(9)
        _check_scores(series, scorer.score_truth(series, truth))
        _raises(UsageError, lambda: scorer.score(series, {}), "a ceiling must refuse to spot")
        return {}
    weights, again = _fitted(scorer, rows), _fitted(scorer, rows)
    _require(weights.keys() == again.keys(), "two trainings give other arrays")
    for name, array in weights.items():
        _require(np.asarray(array).dtype != object, f"weights {name!r} need pickle")
        same = np.asarray(array).tobytes() == np.asarray(again[name]).tobytes()
        _require(same, f"the same seed gives other weights {name!r}")
    series, _ = rows(9)
    before = series.values.copy()
    for n in (len(series), 15, 2, 1, 0):
        part = replace(series, values=series.values[:n])
        _check_scores(part, scorer.score(part, weights))
    first = scorer.score(series, weights).values
    _require(_same(first, scorer.score(series, weights).values), "a second call gives other scores")
    _require(_same(series.values, before), "score changes the rows")
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
    later = replace(series, values=series.values[40:], first=series.first + 40 * series.step)
    part = scorer.score(later, weights).values
    near = bool(np.allclose(part[_NEAR_ROWS:], whole[40 + _NEAR_ROWS :], rtol=0, atol=1e-4))
    _require(
        near,
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
    """Check a data set on a folder that holds one: contract, load, verify, inspect, provenance.

    Returns its recordings. Raises AssertionError.
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
    problems = dataset.verify(root)
    _require(isinstance(problems, list), "verify gives no list")
    inspection = dataset.inspect(root)
    _require(list(inspection.problems) == problems, "inspect and verify report different problems")
    found = inspection.found.get("recordings", len(recordings))
    _require(found == len(recordings), f"inspect counts {found} of {len(recordings)} recordings")
    _plain_json(dataset.provenance(root), "provenance")
    missing = Path(root) / "there is no such folder"
    _raises(Exception, lambda: dataset.load(missing), "a folder that is missing must be refused")
    _require(bool(dataset.verify(missing)), "verify finds nothing wrong with a missing folder")
    return recordings


def check_exporter(exporter: Exporter, reads: bool = True) -> None:
    """Check an export: contract, a file with hostile text, and reading it back.

    ``reads`` is False for a format that is only written. Raises AssertionError.
    """
    _check_object("exports", exporter)
    _require(exporter.suffix.startswith("."), f"suffix {exporter.suffix!r} begins with no dot")
    hostile = {"label": '=1+1 <b>"x"</b> & \x00', "coder": " =HYPERLINK(1)"}
    events = [
        Expression(3, 5, 9, "micro", 0.5, hostile), Expression(20, None, 30, "macro", None, {})
    ]  # fmt: skip
    row = RecordingRow("clip 1", "s1", "clip 1.mp4", Fraction(30), 100)
    sheet = Sheet({row.id: events}, (row,), {})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"events{exporter.suffix}"
        exporter.write(path, sheet)
        _require(path.is_file() and path.stat().st_size > 0, "write leaves no file")
        left = [p.name for p in Path(folder).iterdir() if p != path]
        _require(not left, f"write leaves other files: {left}")
        if not reads:
            _raises(UsageError, lambda: exporter.read(path), "read must refuse")
            return
        back = exporter.read(path, [row]).events.get(row.id, ())
    _require(
        [(e.onset, e.apex, e.offset, e.kind) for e in back]
        == [(e.onset, e.apex, e.offset, e.kind) for e in events],
        "frames or kinds are other ones when the file is read back",
    )


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
    back = registry.from_values(cls, section, where=cls.__name__)
    _require(back == plug_in, f"a recipe with {section} gives another object")
    for field in dataclasses.fields(cls):
        _require(not field.name.startswith("_"), f"field {field.name}: a parameter is public")
    _require(
        bool((cls.__doc__ or "").strip()), "the class has no docstring; `mespot list` shows it"
    )


def _plain_json(value: object, what: str) -> None:
    import json

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
    except kind:
        return
    raise AssertionError(text)


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
