"""The folder of an evaluation as a whole: whose data it holds, what made it, and all its results.

    OUT/run.json        key of the data, versions, seeds, where the truth came from, how every
                        video was read
    OUT/recordings.csv, truth.csv
    OUT/results.json    all recipes and protocols, those of earlier commands on the same data too

One folder holds results of one data set: figures of two would stand beside each other under one
truth.
"""

from __future__ import annotations

import errno
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mespot.cache import key_of
from mespot.errors import MespotError, UnreadableInput, UsageError
from mespot.evaluation import fold_folder
from mespot.evaluation.describe import DescribedSet, EvaluationPlan, Log
from mespot.exports.csv import read_events, read_recording_rows, write_events, write_recordings
from mespot.files import refuse_standing, write_text
from mespot.types import Recording
from mespot.version import __version__

FORMAT = 1
Tree = dict[str, Any]


def prepare(plan: EvaluationPlan) -> None:
    """Make the folder; it may hold results of the same data only.

    Raises UsageError where it holds those of others, or cannot be written, before any work is done.
    """
    try:
        plan.out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=plan.out):
            pass
    except OSError as error:
        text = f"{plan.out}: cannot be written ({error.strerror}); choose another folder with -o"
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise (MespotError if full else UsageError)(text) from error
    earlier = _stored(plan.out)
    if not earlier:
        tables = [plan.out / name for name in ("recordings.csv", "truth.csv", "results.json")]
        refuse_standing(tables, "choose another folder with -o")
    _refuse_others(plan, earlier)


def begin(plan: EvaluationPlan, described: DescribedSet, log: Log) -> None:
    """Write what is known before any fold: ``run.json``, ``recordings.csv``, ``truth.csv``.

    ``plan.recordings`` have their decoded lengths by now. Raises UsageError as :func:`prepare`.
    """
    earlier = _stored(plan.out)
    _refuse_others(plan, earlier)
    content = key_of([(r.id, described.read[r.id].get("sha256")) for r in plan.recordings])
    same = earlier.get("content") == content
    if earlier.get("results") and not same:
        log("the videos are others than before: earlier results leave results.json")
        (plan.out / "results.json").unlink(missing_ok=True)
    recipes = {r.name: {"recipe_sha256_16": r.hash, "seed": r.seed} for r in plan.recipes}
    run = {
        "format": FORMAT,
        "key": data_key(plan.label, plan.recordings),
        "content": content,
        "versions": dict(plan.versions) or {"mespot": __version__},
        "dataset": {
            "label": fold_folder.shown(plan.label),
            "synthetic": fold_folder.is_synthetic(plan.label),
            **plan.origin,
        },
        "recipes": {**(earlier.get("recipes", {}) if same else {}), **recipes},
        "recordings": {
            r.id: {"path": r.source, **described.read[r.id], **_unusable(described, r.id)}
            for r in plan.recordings
        },
    }
    # First of all, so that the folder is never without the key of its data.
    write_text(plan.out / "run.json", json.dumps(run, indent=1) + "\n")
    write_recordings(plan.out / "recordings.csv", plan.recordings)
    truth = {r.id: r.expressions for r in plan.recordings}
    write_events(plan.out / "truth.csv", truth, plan.recordings)


def write_results(plan: EvaluationPlan, results: Sequence[Tree], unusable: dict[str, str]) -> None:
    """Write ``results.json``; results of other recipes on the same data stay in it.

    Of a recipe of the same name only those that are of the same recipe.
    """
    path = plan.out / "results.json"
    ours = {(r["recipe"], r["protocol"]): r for r in results}
    hashes = {r["recipe"]: r["recipe_sha256_16"] for r in results}
    every = {
        (r["recipe"], r["protocol"]): r
        for r in _read(path).get("results", [])
        if hashes.get(r["recipe"], r["recipe_sha256_16"]) == r["recipe_sha256_16"]
    }
    summary = {
        "format": fold_folder.FORMAT,
        "mespot": __version__,
        "dataset": fold_folder.shown(plan.label),
        "synthetic": fold_folder.is_synthetic(plan.label),
        "unusable": unusable,
        "results": list((every | ours).values()),
    }
    write_text(path, json.dumps(summary, indent=1) + "\n")


def data_key(label: str, recordings: Sequence[Recording]) -> Tree:
    """What distinguishes data from other data: label, ids, subjects, rates, truth, and lengths.

    ``lengths`` is None as long as one is not known.
    """
    truth = [
        (r.id, r.subject, str(r.fps), [(e.onset, e.apex, e.offset, e.kind) for e in r.expressions])
        for r in recordings
    ]
    lengths = [r.n_frames for r in recordings]
    return {
        "dataset": label,
        "recordings": key_of(truth),
        "lengths": None if None in lengths else key_of(lengths),
    }


def _refuse_others(plan: EvaluationPlan, earlier: Tree) -> None:
    if not earlier:
        return
    ours, theirs = data_key(plan.label, plan.recordings), earlier["key"]
    if ours["lengths"] is None or theirs["lengths"] is None:
        ours["lengths"] = theirs["lengths"] = None
    if ours != theirs:
        other = theirs["dataset"] != ours["dataset"]
        what = (
            f"of {fold_folder.shown(theirs['dataset'])}"
            if other
            else "of other recordings or truth"
        )
        raise UsageError(
            f"{plan.out}: holds results {what}; choose another folder with -o, or delete this one"
        )


def _stored(out: Path) -> Tree:
    """The folder's ``run.json``; without one, the key of its tables; empty for an empty folder."""
    if (out / "run.json").is_file():
        tree = _read(out / "run.json")
        if tree.get("format") != FORMAT or not isinstance(tree.get("key"), dict):
            raise UsageError(
                f"{out}: holds a run.json of another command or version; choose another folder "
                "with -o"
            )
        return {**tree, "results": _read(out / "results.json").get("results", [])}
    if not (out / "recordings.csv").is_file() or not (out / "truth.csv").is_file():
        return {}
    rows = read_recording_rows(out / "recordings.csv")
    truth = read_events(out / "truth.csv", rows)
    kept = [row.recording(out, truth.get(row.id, ())) for row in rows]
    return {"key": data_key(kept[0].dataset if kept else "", kept)}


def _read(path: Path) -> Tree:
    """The JSON object of a file; empty if there is none. Raises UnreadableInput if damaged."""
    try:
        tree = json.loads(path.read_text("utf-8"))
        if isinstance(tree, dict):
            return tree
        error: object = "no JSON object"
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as stopped:
        error = stopped
    raise UnreadableInput(f"{path}: damaged ({error}); delete it or choose another folder with -o")


def _unusable(described: DescribedSet, name: str) -> Tree:
    return {"unusable": described.unusable[name]} if name in described.unusable else {}
