"""Figures of a run, computed from its stored files and from nothing else.

``mespot score OUT/truth.csv RUN/events.csv --recordings OUT/recordings.csv --kind micro`` reads the
same files and gives the same counts.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

from mespot import metrics
from mespot.evaluation.fold_folder import safe_name
from mespot.exports.csv import read_events, read_recording_rows
from mespot.sheet import RecordingRow
from mespot.types import Counts, Expression

DRAWS = 2000
RATE = 1.0
"""False alarms per minute at which recall is reported."""

Tree = dict[str, Any]


class RuleFigures(TypedDict):
    """Pooled figures under one rule; None is 0/0 or unknown."""

    tp: int
    fp: int
    fn: int
    precision: float | None
    recall: float | None
    f1: float | None
    false_alarms_per_minute: float | None
    f1_interval: list[float | None]
    f1_mean_over_recordings: float | None
    f1_by_subject: dict[str, float | None]


class ScoringCost(TypedDict):
    """How fast a fold scored, and the size of its weights."""

    frames: int
    seconds: float
    weights_bytes: int


class FoldFigures(TypedDict):
    """What one fold chose; see docs/evaluation.md."""

    fold: str
    epoch: int
    checkpoint: int | None
    threshold: float | dict[str, float]
    inner_subjects: list[str]
    weights_sha256: str | None
    checkpoint_sha256: str | None
    seconds: float
    cost: ScoringCost | None


class EvaluationFigures(TypedDict):
    """The figures of one recipe under one protocol, as in ``results.json``."""

    recipe: str
    recipe_sha256_16: str
    protocol: str
    optimistic: bool
    dataset: str
    synthetic: bool
    apex: RuleFigures
    megc: RuleFigures
    minutes: float
    recordings: int
    subjects: int
    unusable: list[str]
    recall_at_1_per_minute: float | None
    average_precision: float | None
    scoring_frames_per_s: float | None
    weights_bytes: int | None
    folds: list[FoldFigures]


def figures_of(out: Path, run: Path) -> Tree:
    """Counts, rates, intervals over subjects and curves' figures of micro-expressions.

    Parameters
    ----------
    out : folder with ``recordings.csv`` and ``truth.csv``
    run : folder with the ``events.csv`` and ``peaks.csv`` of all folds together

    Returns
    -------
    dict
        ``apex`` and ``megc``: tp, fp, fn, rates, ``f1_interval``, ``f1_by_subject``,
        ``f1_mean_over_recordings``; ``recall_at_1_per_minute`` and ``average_precision`` of the
        apex rule over all thresholds; ``minutes``, ``recordings``, ``subjects``, and ids of the
        ``unusable`` recordings of the folds. What is 0/0 or unknown is None.
    """
    rows = read_recording_rows(out / "recordings.csv")
    truth = _micro(read_events(out / "truth.csv", rows))
    spots = _micro(read_events(run / "events.csv", rows))
    peaks = _micro(read_events(run / "peaks.csv", rows))
    tree: Tree = {name: _counted(rows, truth, spots, name) for name in metrics.PROTOCOLS}
    tree["minutes"] = math.fsum(r.minutes for r in rows)
    tree |= {"recordings": len(rows), "subjects": len({r.subject for r in rows})}
    tree["unusable"] = _unusable(run, rows)
    return metrics.plain(tree | _curves(rows, truth, peaks))  # type: ignore[no-any-return]


def _unusable(run: Path, rows: Sequence[RecordingRow]) -> list[str]:
    """Recordings that the folds of these subjects could not use, in the order of the rows."""
    lost: set[str] = set()
    for subject in {r.subject for r in rows}:
        path = run / f"fold-{safe_name(subject)}" / "fold.json"
        if path.is_file():
            lost.update(json.loads(path.read_text("utf-8"))["unusable"])
    return [r.id for r in rows if r.id in lost]


def _micro(events: Mapping[str, Sequence[Expression]]) -> dict[str, list[Expression]]:
    return {name: metrics.of_kind(found, "micro") for name, found in events.items()}


def _counted(
    rows: Sequence[RecordingRow],
    truth: Mapping[str, Sequence[Expression]],
    spots: Mapping[str, Sequence[Expression]],
    rule: str,
) -> Tree:
    by_recording = metrics.by_recording(rows, truth, spots, metrics.Rule(rule), ("micro",))
    by_subject = metrics.by_subject(rows, by_recording)
    subjects = {name: kinds["micro"] for name, kinds in by_subject.items()}
    pooled = sum(subjects.values(), Counts())
    low, high = metrics.bootstrap(list(subjects.values()), "f1", n=DRAWS)
    return {
        **metrics.as_dict(pooled),
        "f1_interval": [low, high],
        "f1_mean_over_recordings": metrics.mean_over(k["micro"] for k in by_recording.values()),
        "f1_by_subject": {name: c.f1 for name, c in sorted(subjects.items())},
    }


def _curves(
    rows: Sequence[RecordingRow],
    truth: Mapping[str, Sequence[Expression]],
    peaks: Mapping[str, Sequence[Expression]],
) -> Tree:
    """Of all thresholds; None where there are no peaks, or all are alike."""
    found: Tree = {"recall_at_1_per_minute": None, "average_precision": None}
    try:
        ranked = metrics.rank(rows, truth, peaks, metrics.Rule("apex"))
        found["recall_at_1_per_minute"] = metrics.froc(ranked).recall_at((RATE,))[0]
        found["average_precision"] = metrics.average_precision(ranked)
    except ValueError:
        pass  # Scores that rank nothing (floor and ceiling) have no curve.
    return found
