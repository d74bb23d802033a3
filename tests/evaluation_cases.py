"""Toy recordings for the tests of evaluation: a descriptor that reads rows from a file's bytes."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from mespot import registry
from mespot.contracts import BaseDescriptor
from mespot.decoding import Decode
from mespot.evaluation.describe import EvaluationPlan
from mespot.protocol import Sample
from mespot.recipe import Recipe
from mespot.scorers.lstm import Lstm
from mespot.scorers.random import Random
from mespot.types import Expression, FaceClip, FrameMap, FrameSeries, Reading, Recording, Rows

FPS = Fraction(25)
N, SPAN = 240, 5
READ: list[str] = []
"""Ids of the recordings whose toy rows were read in this process; tests empty it."""


def truth_of(name: str, shift: int = 0) -> tuple[Expression, ...]:
    """Three or four micro-expressions of ten frames; shifted, they are where nothing happens."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    onsets = [25 + 60 * k + int(rng.integers(0, 20)) + shift for k in range(3)]
    return tuple(Expression(o, o + 4, o + 9) for o in onsets)


def rows_of(content: bytes, truth: tuple[Expression, ...], signal: float = 2.5) -> FrameSeries:
    """Noise that follows from the content; the first column rises at every expression."""
    rng = np.random.default_rng(zlib.crc32(content))
    values = rng.normal(size=(N - SPAN + 1, 4)).astype(np.float32)
    for e in truth:
        values[e.onset - 2 : e.offset - 1, 0] += signal
    return FrameSeries(values, 0, 1, SPAN, N, FPS)


def recordings(folder: Path, subjects: str = "abcd", each: int = 2) -> list[Recording]:
    """Recordings whose files hold their names."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for subject in subjects:
        for k in range(each):
            name = f"{subject}{k}"
            (folder / name).write_text(name)
            found.append(
                Recording(name, subject, FPS, N, "toys", str(folder / name), truth_of(name))
            )
    return found


def sample(recording: Recording) -> Sample:
    """As aligning and describing would give it; the signal stands where the name says."""
    content = Path(str(recording.source)).read_bytes()
    series = rows_of(content, truth_of(recording.id))
    return Sample(recording.id, recording.subject, series, np.ones(N, bool), recording.expressions)


def rows(recording: Recording, n_frames: int = N) -> Rows:
    """The rows of :func:`sample`, as they go into the cache."""
    one = sample(recording)
    reading = Reading(n_frames, n_frames, "25", "timestamps", faces=1)
    return Rows(one.series, one.found, FrameMap.identity(N), reading)


def samples(folder: Path, subjects: str = "abcd", each: int = 2) -> dict[str, Sample]:
    return {r.id: sample(r) for r in recordings(folder, subjects, each)}


def relabelled(one: Sample, shift: int) -> Sample:
    """Other labels, same rows."""
    return replace(one, truth=truth_of(one.id, shift))


@dataclass(frozen=True)
class Toy(BaseDescriptor):
    """Reads the rows of :func:`rows` instead of a video, in every process.

    ``lost`` is the number of frames that it reports as frames without a face.
    """

    lost: int = 0

    def span_at(self, fps: Fraction) -> int:
        return SPAN

    def describe(self, clip: FaceClip) -> FrameSeries:
        raise AssertionError("a toy has no video")

    def read_rows(self, recording: Recording) -> Rows:
        READ.append(recording.id)
        one = rows(recording)
        return replace(one, reading=replace(one.reading, frames_without_face=self.lost))


registry.register("descriptors", Toy)

LSTM = Lstm(
    epochs=12,
    window=12,
    normalise=("zscore",),
    units=5,
    train_stride=2,
    learning_rate=0.02,
    check_every=1,
)
RECIPE = Recipe("toy", descriptor=Toy(), scorer=LSTM, decode=Decode(min_s=0.1, max_s=1.0))
QUICK = replace(RECIPE, scorer=replace(LSTM, epochs=3))
CHANCE = replace(RECIPE, name="chance", scorer=Random())


def without_faces(monkeypatch) -> None:
    """Let every descriptor read the rows of :func:`rows`, in this process alone."""
    monkeypatch.setattr(BaseDescriptor, "read_rows", lambda _, recording: rows(recording))


def plan_in(
    folder: Path, recipes=(QUICK,), protocols=("default", "paper"), **more
) -> EvaluationPlan:
    given = more.pop("recordings", None) or recordings(folder / "data")
    cache = (folder / "cache", None)
    out = folder / "out"
    return EvaluationPlan(tuple(recipes), tuple(given), out, cache, protocols, **more)


def without_times(result):
    """The figures of a run but for how long it took."""
    folds = [{k: v for k, v in f.items() if k not in ("seconds", "cost")} for f in result["folds"]]
    return {**result, "folds": folds, "scoring_frames_per_s": None}
