"""Toy recordings for the tests of evaluation: rows made from a file's bytes instead of a face."""

from __future__ import annotations

import zlib
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from mespot._making import Rows
from mespot.evaluation.describe import Plan
from mespot.protocol import Sample
from mespot.recipe import Recipe
from mespot.types import Expression, FrameSeries, Recording

FPS = Fraction(25)
N, SPAN = 240, 5
LSTM = {
    "name": "lstm",
    "epochs": 12,
    "window": 12,
    "normalise": ["zscore"],
    "units": 5,
    "train_stride": 2,
    "learning_rate": 0.02,
    "check_every": 1,
}
RECIPE = Recipe(
    "toy", descriptor={"name": "hog_top"}, scorer=LSTM, decode={"min_s": 0.1, "max_s": 1.0}
)


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
    facts = {
        "length": n_frames, "frames": n_frames, "fps": "25", "fps_source": "timestamps",
        "frames_without_face": 0, "decode_failures": 0, "faces": 1, "notes": [],
    }  # fmt: skip
    return Rows(one.series, one.found, None, facts)


def samples(folder: Path, subjects: str = "abcd", each: int = 2) -> dict[str, Sample]:
    return {r.id: sample(r) for r in recordings(folder, subjects, each)}


def relabelled(one: Sample, shift: int) -> Sample:
    """Other labels, same rows."""
    return replace(one, truth=truth_of(one.id, shift))


def without_faces(monkeypatch) -> list[str]:
    """Let rows come from :func:`rows`; the ids of what was described are collected."""
    described: list[str] = []

    def made(_recipe, recording, *_rest):
        described.append(recording.id)
        return rows(recording)

    monkeypatch.setattr("mespot.material._described", made)
    monkeypatch.setattr("mespot.material._from_crops", made)
    return described


QUICK = replace(RECIPE, scorer={**RECIPE.scorer, "epochs": 3})
CHANCE = replace(RECIPE, name="chance", scorer={"name": "random"})


def plan_in(folder: Path, recipes=(QUICK,), protocols=("default", "paper"), **more) -> Plan:
    given = more.pop("recordings", None) or recordings(folder / "data")
    cache = (folder / "cache", None)
    return Plan(tuple(recipes), tuple(given), folder / "out", cache, protocols, **more)


def without_times(result):
    """The figures of a run but for how long it took."""
    folds = [{k: v for k, v in f.items() if k not in ("seconds", "cost")} for f in result["folds"]]
    return {**result, "folds": folds, "scoring_frames_per_s": None}
