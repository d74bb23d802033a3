"""How far rows of a table are apart, with the same subjects drawn for both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mespot import metrics
from mespot.evaluation import fold_folder
from mespot.evaluation.figures import DRAWS
from mespot.exports.csv import read_events, read_recording_rows
from mespot.types import Counts
from mespot_lab.tables.rows import Row


@dataclass(frozen=True)
class Ahead:
    """Leak-free F1 (apex rule) of ``title`` less that of ``of``; interval over subjects."""

    title: str
    of: str
    difference: metrics.Difference


def counts_by_subject(out: Path, recipe: str, protocol: str = "default") -> dict[str, Counts]:
    """Counts of micro-expressions of a stored run by the apex rule, subject by subject."""
    rows = read_recording_rows(out / "recordings.csv")
    run = out / fold_folder.safe_name(recipe) / protocol
    truth, spots = (
        {name: metrics.of_kind(found, "micro") for name, found in read_events(path, rows).items()}
        for path in (out / "truth.csv", run / "events.csv")
    )
    by_recording = metrics.by_recording(rows, truth, spots, metrics.Rule("apex"), ("micro",))
    by_subject = metrics.by_subject(rows, by_recording)
    return {name: kinds["micro"] for name, kinds in by_subject.items()}


def ahead(out: Path, rows: Sequence[Row], f1: Mapping[str, float | None]) -> list[Ahead]:
    """Every rival and every row of our own against the best of the paper's method.

    ``f1`` by title says which is the best; the best is chosen by what it is then compared with,
    which is kind to it. Empty where no row of the paper's method has a figure.
    """
    method = [r for r in rows if r.kind == "method" and r.recipe and f1.get(r.title) is not None]
    if not method:
        return []
    best = max(method, key=lambda row: f1[row.title] or 0.0)
    assert best.recipe is not None
    against = counts_by_subject(out, best.recipe.name)
    found = []
    for row in rows:
        if row.recipe is not None and row.kind in ("rival", "own"):
            counts = counts_by_subject(out, row.recipe.name)
            difference = metrics.paired_bootstrap(counts, against, "f1", n=DRAWS)
            found.append(Ahead(row.title, best.title, difference))
    return found
