"""A table of the paper as a picture: one line per row, F1 along it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mespot.files import atomic_path, write_text
from mespot_lab.tables.table import Table, as_csv, markdown

_SURE, _HOPEFUL, _PRINTED = "#1b5e8c", "#c9782b", "#777777"


def draw(table: Table, path: str | Path) -> None:
    """PNG: leak-free F1 with its interval, the optimistic F1 hollow, the paper's as a cross.

    Rows that are not to be had yet show the paper's figure alone.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    n = len(table.lines)
    figure = Figure(figsize=(9, 1.6 + 0.34 * n), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for at, line in enumerate(table.lines):
        if line.f1 is not None:
            _dot(axes, line.f1, at, "o", _SURE, _SURE)
        low, high = line.interval
        if low is not None and high is not None:
            axes.plot([low, high], [at, at], color=_SURE, lw=1.6, zorder=2)
        if line.optimistic is not None:
            _dot(axes, line.optimistic, at, "o", "white", _HOPEFUL)
        if line.row.paper is not None:
            _dot(axes, line.row.paper, at, "x", _PRINTED, _PRINTED)
    axes.set_yticks(range(n), [line.row.title for line in table.lines], fontsize=9)
    axes.set_ylim(n - 0.4, -0.6)
    axes.set_xlim(-0.02, 1.02)
    axes.set_xlabel("F1, a spot is right if its apex lies within the truth")
    axes.set_title(table.title, fontsize=11)
    axes.grid(axis="x", alpha=0.3)
    _legend(axes)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=130)


def _dot(axes: Any, x: float, y: int, marker: str, face: str, edge: str) -> None:
    colours = {"color": edge} if marker == "x" else {"mfc": face, "mec": edge}
    axes.plot([x], [y], marker, ms=7, mew=1.6, zorder=3, clip_on=False, **colours)


def _legend(axes: Any) -> None:
    from matplotlib.lines import Line2D

    def mark(label: str, marker: str, face: str, edge: str) -> Any:
        return Line2D([], [], ls="", marker=marker, ms=7, mew=1.6, mfc=face, mec=edge, label=label)

    axes.figure.legend(
        handles=[
            mark("leak-free, with 95 % interval over subjects", "o", _SURE, _SURE),
            mark("optimistic: epoch chosen on the test subject", "o", "white", _HOPEFUL),
            mark("printed in the paper: another cut of the data", "x", _PRINTED, _PRINTED),
        ],
        loc="outside lower center",
        fontsize=7.5,
        frameon=False,
        ncols=3,
    )


def write(table: Table, out: Path, dataset: str) -> list[Path]:
    """Write ``table.md``, ``table.csv`` and ``table.png``; their paths."""
    paths = [out / f"table.{end}" for end in ("md", "csv", "png")]
    write_text(paths[0], markdown(table))
    write_text(paths[1], as_csv(table, dataset))
    draw(table, paths[2])
    return paths
