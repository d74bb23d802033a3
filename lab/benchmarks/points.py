"""Figures of a point of a robustness curve, and the curve as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mespot.files import atomic_path
from mespot.metrics import bootstrap
from mespot.types import Counts

HELD, PACKAGED = "faces left out", "packaged"
_COLOURS = {HELD: "#2b5d8a", PACKAGED: "#b8b8b8"}


def row_of(value: float, judged: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A point's figures, pooled over its recordings; the interval is over faces."""
    row: dict[str, Any] = {"value": value}
    for name in (HELD, PACKAGED):
        if name not in judged[0]:
            continue
        by_face: dict[str, Counts] = {}
        for one in judged:
            counts = Counts(*one[name], one["minutes"])
            by_face[one["subject"]] = by_face.get(one["subject"], Counts()) + counts
        total = sum(by_face.values(), Counts())
        low, high = bootstrap(list(by_face.values()))
        row |= {
            "MEs": total.tp + total.fn, f"F1, {name}": total.f1,
            f"95 %, {name}": f"{low:.2f} .. {high:.2f}", f"recall, {name}": total.recall,
            f"false alarms/min, {name}": total.false_alarms_per_minute,
        }  # fmt: skip
    return row


def plot(axis: str, rows: Sequence[dict[str, Any]], standard: dict[str, Any], path: Path) -> None:
    """F1 and false alarms against the nuisance; dotted: everything at standard."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.4), layout="constrained")
    panels = figure.subplots(1, 2)
    at = [row["value"] for row in rows]
    for axes, what in zip(panels, ("F1", "false alarms/min")):
        for name in (n for n in (HELD, PACKAGED) if f"F1, {n}" in rows[0]):
            colour, column = _COLOURS[name], f"{what}, {name}"
            axes.plot(at, [row[column] for row in rows], "o-", color=colour, label=name)
            axes.axhline(standard[column], color=colour, ls=":", lw=1)
            if what == "F1":
                ends = [[float(x) for x in row[f"95 %, {name}"].split(" .. ")] for row in rows]
                axes.fill_between(at, *zip(*ends), color=colour, alpha=0.15, lw=0)
        axes.set(xlabel=axis, ylabel=what, ylim=(0, 1) if what == "F1" else (0, None))
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].legend(frameon=False)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110)
