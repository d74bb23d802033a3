"""The folder of one fold under one protocol, and whether it is finished.

    OUT/<recipe>/<protocol>/fold-<subject>/
      events.csv   spots of the test subject's recordings
      peaks.csv    every peak, whatever the threshold, for curves
      scores.npz   the score curves
      fold.json    who learned from whom, what was chosen, what made it; written last

``fold.json`` marks the fold as done. It holds the key of everything that decides the result: a
fold is taken over only where the key is the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mespot.evaluation.fold import OPTIMISTIC, FoldResult
from mespot.exports.csv import write_events
from mespot.files import atomic_path, write_text
from mespot.protocol import Sample
from mespot.types import Expression, Fold, Recording

FORMAT = 3
FILES = ("events.csv", "peaks.csv", "scores.npz")
Key = dict[str, Any]


def safe_name(text: str) -> str:
    """A name that every file system takes."""
    return re.sub(r"[^\w.-]+", "_", text).strip("._") or "_"


def flag_of(protocol: str) -> str:
    """The protocol as every file shows it: the optimistic ones say so."""
    return f"{protocol} (optimistic)" if protocol in OPTIMISTIC else protocol


def is_synthetic(label: str) -> bool:
    """Whether a data set's label is that of a synthetic twin, or of ``mespot synth``."""
    return label.endswith(" twin") or label == "synthetic"


def shown(label: str) -> str:
    """A data set's label as every file shows it: twins say that they are synthetic."""
    return f"{label} (synthetic)" if label.endswith(" twin") else label


def folder_of(out: Path, recipe: str, protocol: str, fold: str) -> Path:
    """Where a fold's files stand."""
    return out / safe_name(recipe) / protocol / f"fold-{safe_name(fold)}"


def finished(folder: Path, key: Key) -> dict[str, Any] | None:
    """The fold's provenance if it is done with this very key and its files are there, else None."""
    try:
        stored: dict[str, Any] = json.loads((folder / "fold.json").read_text("utf-8"))
        if stored["done"] is True and stored["key"] == key:
            return stored if all((folder / name).is_file() for name in FILES) else None
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return None


def write_fold(
    folder: Path,
    result: FoldResult,
    fold: Fold,
    test: Sequence[tuple[Recording, Sample | None]],
    about: Mapping[str, Any],
) -> dict[str, Any]:
    """Write a fold's files, ``fold.json`` last; returns what it holds.

    ``test`` are the recordings of the test side with their samples (None: could not be used).
    Events are in frames of the recordings, not of the grid. ``about`` is kept beside (``key``,
    ``recipe``, ``dataset``, ``seconds`` ...).
    """
    (folder / "fold.json").unlink(missing_ok=True)
    recordings = [recording for recording, _ in test]
    label = shown(str(about["dataset"]))
    marks = {"protocol": flag_of(result.protocol), "dataset": label}
    for name, found in (("events.csv", result.spots), ("peaks.csv", result.peaks)):
        events = {
            r.id: [_marked(sample.in_source(e), marks) for e in found[r.id]]
            for r, sample in test
            if sample is not None
        }
        write_events(folder / name, events, recordings)
    _write_scores(folder / "scores.npz", result)
    provenance = {
        "format": FORMAT,
        "protocol": result.protocol,
        "optimistic": result.protocol in OPTIMISTIC,
        "synthetic": is_synthetic(str(about["dataset"])),
        **about,
        "fold": fold.name,
        "train": list(fold.train),
        "test": list(fold.test),
        "unusable": [recording.id for recording, sample in test if sample is None],
        **result.provenance,
        "done": True,
    }
    write_text(folder / "fold.json", json.dumps(provenance, indent=1) + "\n")
    return provenance


def read_scores(path: Path) -> dict[str, dict[str, Any]]:
    """Recording id -> ``scores`` (n,) float32, ``first``, ``step``, ``span``, ``n_frames``."""
    with np.load(path, allow_pickle=False) as kept:
        ids, places = kept["ids"].tolist(), kept["places"].tolist()
        names = ("first", "step", "span", "n_frames")
        return {
            name: {"scores": kept[f"scores{i}"], **dict(zip(names, place))}
            for i, (name, place) in enumerate(zip(ids, places))
        }


def _marked(expression: Expression, marks: Mapping[str, str]) -> Expression:
    return replace(expression, attributes={**expression.attributes, **marks})


def _write_scores(path: Path, result: FoldResult) -> None:
    curves = result.scores
    arrays: dict[str, Any] = {
        f"scores{i}": curve.values[:, 0] for i, curve in enumerate(curves.values())
    }
    places = [(c.first, c.step, c.span, c.n_frames) for c in curves.values()]
    ids = np.array(list(curves), dtype=np.str_)
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        np.savez(stream, ids=ids, places=np.array(places, np.int64).reshape(-1, 4), **arrays)
