"""A table of the paper with our figures beside its own: Markdown and CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mespot_lab.tables.paired import Ahead
from mespot_lab.tables.rows import Row

_NAMED = 5
COLUMNS = (
    "method",
    "F1 printed in the paper (another cut of the data: shape only)",
    "F1 apex, epoch chosen on the test subject (optimistic)",
    "F1 apex, leak-free",
    "95 % interval over subjects",
    "F1 MEGC (IoU 0.5), leak-free",
    "false alarms per minute, leak-free",
    "scoring, frames/s of processor time",
    "weights, kB",
)


@dataclass(frozen=True)
class Line:
    """A row of the table with its figures; None is unknown or 0/0."""

    row: Row
    optimistic: float | None = None
    f1: float | None = None
    interval: tuple[float | None, float | None] = (None, None)
    megc: float | None = None
    false_alarms: float | None = None
    frames_per_s: float | None = None
    weights_bytes: float | None = None


@dataclass(frozen=True)
class Table:
    """Lines, a title, and what has to be said with them."""

    title: str
    lines: Sequence[Line]
    notes: Sequence[str]
    ahead: Sequence[Ahead] = ()


def table_of(heading: str, rows: Sequence[Row], results: Sequence[Mapping[str, Any]]) -> Table:
    """The table of the rows that have results (of ``evaluate``) under both protocols."""
    by_run = {(r["recipe"], r["protocol"]): r for r in results}
    lines = []
    for row in rows:
        inside, paper = (by_run[row.recipe.name, p] for p in ("default", "paper"))
        apex = inside["apex"]
        low, high = apex["f1_interval"]
        lines.append(
            Line(
                row, paper["apex"]["f1"], apex["f1"], (low, high), inside["megc"]["f1"],
                apex["false_alarms_per_minute"], inside["scoring_frames_per_s"],
                inside["weights_bytes"],
            )
        )  # fmt: skip
    first = results[0]
    title = f"{heading}: {first['dataset']}"
    return Table(title, lines, _notes(first))


def _notes(first: Mapping[str, Any]) -> list[str]:
    events = first["apex"]["tp"] + first["apex"]["fn"]
    length = first["minutes"]
    minutes = "of unknown length" if length is None else f"{length:.1f} minutes"
    notes = [
        f"{first['recordings']} recordings of {first['subjects']} subjects, {minutes}, "
        f"{events} micro-expressions; leave-one-subject-out; counts pooled over all recordings.",
        *_lost(first.get("unusable", ())),
        "The paper's figures stand on another cut of the data. They show the shape of its table "
        "and are not comparable with ours.",
        "Optimistic: for every test subject the epoch with the best F1 on that very subject, and "
        "the paper's threshold for every video; both figures are of the same trainings. Of a "
        "scorer without epochs, the best of what else it offers (C of svm_windows, rounds of xia, "
        "each member of a fusion alone); where it offers nothing, the threshold alone differs.",
        "Leak-free: epoch and threshold are chosen on subjects held out inside the training side. "
        "F1, interval, MEGC and false alarms are of the same choice.",
        "Scoring is that of the scorer alone, its descriptor's rows given, one thread, in the "
        "middle fold; weights are all learned arrays of the largest fold, a network's graph for "
        "ONNX Runtime beside them.",
        "never, random and oracle have no epochs; oracle knows the truth and is a ceiling of "
        "labels and decoding, not a method.",
    ]
    if first["synthetic"]:
        notes.insert(
            0,
            f"SYNTHETIC: {first['dataset']} is made of animated portraits in the layout of the "
            "real data set; its figures say nothing of real faces.",
        )
    return notes


def _lost(unusable: Sequence[str]) -> list[str]:
    """What is said of recordings that have no rows; nothing where there are none."""
    if not unusable:
        return []
    n, named = len(unusable), ", ".join(unusable[:_NAMED])
    which = "1 recording" if n == 1 else f"{n} recordings"
    more = ", ..." if n > _NAMED else ""
    return [
        f"{which} could not be used (no usable face, or not decodable), counted as missed: "
        f"{named}{more}; results.json says why."
    ]


def markdown(table: Table) -> str:
    """The table and its notes."""
    lines = [f"# {table.title}", "", *(f"- {note}" for note in table.notes), ""]
    lines += ["| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS)]
    lines += ["| " + " | ".join(_cells(line)) + " |" for line in table.lines]
    if table.ahead:
        lines += [
            "",
            f"Leak-free F1 (apex rule) less that of {table.ahead[0].of}, the best row of the "
            "paper's method here; 95 % over subjects, the same ones drawn for both:",
            "",
            "| method | difference | 95 % interval |",
            "|---|---|---|",
        ]
        for one in table.ahead:
            d = one.difference
            gap, low, high = map(_signed, (d.difference, d.low, d.high))
            lines.append(f"| {one.title} | {gap} | {low} to {high} |")
    return "\n".join(lines) + "\n"


def as_csv(table: Table, dataset: str) -> str:
    """The same numbers, unrounded, one column each; an empty cell is unknown."""
    text = io.StringIO()
    names = (
        "method", "kind", "dataset", "f1_printed_in_paper_other_data", "f1_apex_optimistic",
        "f1_apex", "f1_apex_low", "f1_apex_high", "f1_megc", "false_alarms_per_minute",
        "scoring_frames_per_s", "weights_bytes",
    )  # fmt: skip
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    for line in table.lines:
        writer.writerow(
            [line.row.title, line.row.kind, dataset]
            + ["" if v is None else repr(v) for v in _numbers(line)]
        )
    return text.getvalue()


def _numbers(line: Line) -> tuple[float | None, ...]:
    return (
        line.row.paper, line.optimistic, line.f1, *line.interval, line.megc, line.false_alarms,
        line.frames_per_s, line.weights_bytes,
    )  # fmt: skip


def _cells(line: Line) -> list[str]:
    paper = _shown(line.row.paper)
    low, high = map(_shown, line.interval)
    return [
        line.row.title, paper, _shown(line.optimistic), _shown(line.f1), f"{low} to {high}",
        _shown(line.megc), _shown(line.false_alarms), _two_digits(line.frames_per_s),
        _two_digits(line.weights_bytes and line.weights_bytes / 1000),
    ]  # fmt: skip


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _signed(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:+.2f}"


def _two_digits(value: float | None) -> str:
    """A rough size: two digits that count."""
    if value is None:
        return "-"
    rounded = float(f"{value:.2g}")
    return f"{rounded:,.0f}" if rounded >= 10 else f"{rounded:g}"
