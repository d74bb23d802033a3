"""events.csv and recordings.csv: the interchange of everything, frames and seconds in one table.

Columns of events: ``recording,subject,onset,apex,offset,kind,score,onset_s,apex_s,offset_s,status``
and whatever else stands in the file. A reader needs ``recording,onset,offset`` (or
``recording,apex``); an empty cell is unknown. Frames are 0-based, onset and offset inclusive;
``_s`` is the time at which that frame starts.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

from mespot.contracts import BaseExporter
from mespot.errors import UnreadableInput
from mespot.exports import _rows
from mespot.exports.cells import Cells, refuse, to_text
from mespot.exports.table import read_table, write_table
from mespot.sheet import FrameTimes, RecordingRow, Sheet
from mespot.types import Expression, Recording

_NUMBERS = ("score", "onset_s", "apex_s", "offset_s")


@dataclass(frozen=True)
class Csv(BaseExporter):
    """Comma-separated table of events, one line each (events.csv)."""

    suffix: ClassVar[str] = ".csv"

    def write(self, path: str | Path, sheet: Sheet) -> None:
        """Write the events; of the recordings, only subject and times are kept."""
        rows = _rows.event_rows(sheet)
        write_table(path, _rows.columns_of(_rows.EVENT_COLUMNS, rows), rows)

    def read(
        self, path: str | Path, recordings: Iterable[Recording | RecordingRow] | None = None
    ) -> Sheet:
        """Read the events. Raises UnreadableInput naming line, column and value."""
        problems: list[str] = []
        sheet = parse_events(path, problems, recordings)
        refuse(problems)
        return sheet


def parse_events(
    path: str | Path,
    problems: list[str],
    recordings: Iterable[Recording | RecordingRow] | None = None,
) -> Sheet:
    """As ``Csv().read``, but adds what is wrong with single rows to ``problems`` and goes on."""
    table = read_table(path, _rows.EVENT_COLUMNS)
    _rows.check_event_columns(path, table.columns)
    return _rows.parse_events(table.cells(problems), problems, recordings)


def parse_recordings(
    path: str | Path, problems: list[str], name_all: bool = False
) -> list[RecordingRow]:
    """As :func:`read_recording_rows`, but adds what is wrong with single rows to ``problems``."""
    table = read_table(path, _rows.RECORDING_KNOWN, name_all)
    _rows.check_recording_columns(path, table.columns)
    return _rows.parse_recordings(table.cells(problems), problems)


def read_cells(
    path: str | Path, known: Sequence[str], problems: list[str]
) -> tuple[tuple[str, ...], list[Cells]]:
    """Columns and lines of any other table that has a header with ``known`` columns among others.

    What is wrong with a cell is added to ``problems`` when it is read. Raises UnreadableInput.
    """
    table = read_table(path, known)
    return table.columns, list(table.cells(problems))


@dataclass(frozen=True)
class EventRow:
    """One line of an events.csv: its text, and what the text means.

    Attributes
    ----------
    recording : str
    expression : Expression
    cells : mapping of column to text
        As it stands in the file. Numbers of a semicolon table have a point for their comma.
    times_s : mapping of onset, apex, offset to seconds or None
        For those of the three whose column is in the file.
    """

    recording: str
    expression: Expression
    cells: Mapping[str, str]
    times_s: Mapping[str, float | None] = field(default_factory=dict)


def read_event_rows(path: str | Path) -> tuple[tuple[str, ...], list[EventRow]]:
    """Columns and lines of an events.csv, to be written again with nothing lost.

    A column without a name is named ``unnamed_<number>`` where it holds text. Raises
    UnreadableInput naming line, column and value.
    """
    problems: list[str] = []
    table = read_table(path, _rows.EVENT_COLUMNS, name_all=True)
    _rows.check_event_columns(path, table.columns)
    sheet = _rows.parse_events(table.cells(problems), problems)
    lines = list(table.cells(problems))
    refuse(problems)
    # Without a problem every line has its expression, in file order within its recording.
    expressions = {name: iter(found) for name, found in sheet.events.items()}
    rows = []
    for line in lines:
        name = line.text("recording")
        rows.append(_event_row(name, next(expressions[name]), line))
    return table.columns, rows


def _event_row(name: str, expression: Expression, line: Cells) -> EventRow:
    numbers = [c for c in _NUMBERS if c in line.cells]
    plain = {c: line.text(c).replace(",", ".") for c in numbers if line.decimal_comma}
    times = {c[:-2]: line.number(c) for c in numbers if c != "score"}
    return EventRow(name, expression, {**line.cells, **plain}, times)


def recording_text(name: str) -> str:
    """The name of a recording as a reader of the table gets it."""
    return to_text(name).strip()


def event_rows(
    events: Mapping[str, Sequence[Expression]],
    recordings: Iterable[Recording | RecordingRow] = (),
    times_s: Mapping[str, FrameTimes] | None = None,
) -> list[EventRow]:
    """The lines that :func:`write_events` would write."""
    cells = [
        {to_text(column): to_text(value) for column, value in row.items()}
        for row in _rows.event_rows(Sheet(events, tuple(recordings), times_s or {}))
    ]
    expressions = (e for found in events.values() for e in found)
    return [
        _event_row(recording_text(row["recording"]), e, Cells("", row))
        for e, row in zip(expressions, cells, strict=True)
    ]


def write_event_rows(
    path: str | Path, rows: Sequence[EventRow], columns: Sequence[str] = ()
) -> None:
    """Write lines under ``columns`` (default: the known ones, then all others that occur).

    Known columns that the frames need are added to ``columns`` where they are missing.
    """
    if columns:
        names = list(dict.fromkeys([*columns, "recording", "onset", "apex", "offset"]))
    else:
        names = _rows.columns_of(_rows.EVENT_COLUMNS, [row.cells for row in rows])
    write_table(path, names, [row.cells for row in rows])


def read_events(
    path: str | Path, recordings: Iterable[Recording | RecordingRow] | None = None
) -> dict[str, list[Expression]]:
    """Recording id -> its expressions in file order, from an events.csv.

    With ``recordings``, events of others or past a recording's end are refused. Raises
    UnreadableInput naming file, line, column and value.
    """
    return {name: list(found) for name, found in Csv().read(path, recordings).events.items()}


def write_events(
    path: str | Path,
    events: Mapping[str, Sequence[Expression]],
    recordings: Iterable[Recording | RecordingRow] = (),
    times_s: Mapping[str, FrameTimes] | None = None,
) -> None:
    """Write an events.csv: ``events`` by recording id.

    ``recordings`` fill the columns subject and, by their fps, ``onset_s, apex_s, offset_s``;
    ``times_s`` (recording id -> seconds of every frame) takes precedence where the rate varies.
    """
    Csv().write(path, Sheet(events, tuple(recordings), times_s or {}))


def read_recording_rows(path: str | Path, name_all: bool = False) -> list[RecordingRow]:
    """The rows of a recordings.csv, which needs the column ``recording`` alone (for scoring).

    With ``name_all``, a column that holds text without a name is kept as ``unnamed_<number>``.
    """
    problems: list[str] = []
    rows = parse_recordings(path, problems, name_all)
    refuse(problems)
    return rows


def read_recordings(path: str | Path) -> list[Recording]:
    """The recordings of a recordings.csv, without expressions.

    A relative ``path`` is taken from the table's folder. Raises UnreadableInput also where a
    recording has no fps.
    """
    rows = read_recording_rows(path)
    folder = Path(path).parent
    try:
        return [row.recording(folder) for row in rows]
    except UnreadableInput as error:
        raise UnreadableInput(f"{path}: {error}") from error


def write_recordings(path: str | Path, recordings: Iterable[Recording | RecordingRow]) -> None:
    """Write a recordings.csv; a ``Recording``'s source inside its folder is written relative to it.

    A ``RecordingRow``'s path is written as it is.
    """
    cells = _rows.recording_rows(recording_rows(path, recordings))
    write_table(path, _rows.columns_of(_rows.RECORDING_COLUMNS, cells), cells)


def recording_rows(
    path: str | Path, recordings: Iterable[Recording | RecordingRow]
) -> list[RecordingRow]:
    """The rows that :func:`write_recordings` would write into the file ``path``."""
    folder = Path(path).parent
    return [
        replace(RecordingRow.of(r), path=_portable(r.source, folder))
        if isinstance(r, Recording) and r.source
        else RecordingRow.of(r)
        for r in recordings
    ]


def _portable(source: str, folder: Path) -> str:
    """A path that still holds when the folder is moved, or an absolute one."""
    absolute, base = Path(os.path.abspath(source)), Path(os.path.abspath(folder))
    if absolute.is_relative_to(base):
        return absolute.relative_to(base).as_posix()
    return str(absolute)


PLUGIN = Csv
