"""Workbooks (.xlsx, .xls, .csv) as plain rows, and tables found in them by their header's text."""

from __future__ import annotations

import csv
import datetime
import difflib
import io
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mespot.errors import UnreadableInput
from mespot.exports.table import read_text
from mespot.extras import MissingExtra, need

Cell = int | float | str | None
Row = Sequence[Cell]
SUFFIXES = (".xlsx", ".xlsm", ".xls", ".csv")

_NAME_IT = "--set sheet=..., for evaluate and tables --field sheet=..."
_HEADER_WITHIN = 40
_ABBREVIATED = re.compile(r"(on|off)(f|frames?)?")
_FRAME_HEADINGS = ("onset", "offset", "onsetf", "offsetf", "onsetframe", "offsetframe")
_CLOSE = 0.8
_OLE = b"\xd0\xcf\x11\xe0"
_ZIP = b"PK\x03\x04"


@dataclass(frozen=True)
class Workbook:
    """The sheets of a file by name, in their order; a CSV file is one sheet named by its stem."""

    path: Path
    sheets: Mapping[str, Sequence[Row]]

    def sheet(self, pattern: str) -> tuple[str, Sequence[Row]] | None:
        """The first sheet whose name matches ``pattern`` anywhere, in any case; None if none."""
        for name, rows in self.sheets.items():
            if re.search(pattern, name, re.IGNORECASE):
                return name, rows
        return None


@dataclass(frozen=True)
class Line:
    """One row under a header: its number in the sheet (from 1) and its cells by field."""

    number: int
    cells: Mapping[str, Cell]

    def text(self, field: str) -> str:
        """The cell as text without surrounding blanks; empty for an empty or absent one."""
        return as_text(self.cells.get(field))


def read_workbook(path: str | Path) -> Workbook:
    """Read a whole workbook.

    Raises UnreadableInput where it is missing, damaged or no workbook, and MissingExtra where its
    reader is not installed.
    """
    path = Path(path)
    if not path.exists():
        raise UnreadableInput(f"{path}: no such file")
    if path.is_dir():
        raise UnreadableInput(f"{path}: is a folder; give the annotation sheet itself")
    if path.suffix.lower() == ".csv":
        rows = list(csv.reader(io.StringIO(read_text(path), newline="")))
        return Workbook(path, {path.stem: [[_from_text(c) for c in row] for row in rows]})
    with path.open("rb") as stream:
        start = stream.read(4)
    if start not in (_OLE, _ZIP):
        raise UnreadableInput(f"{path}: is not a workbook (.xlsx, .xls) nor a .csv table")
    try:
        # By content: workbooks of both kinds are passed on under the other's name.
        return Workbook(path, _read_xls(path) if start == _OLE else _read_xlsx(path))
    except MissingExtra:
        raise
    except Exception as error:
        # What a damaged workbook raises in its reader can be anything.
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        raise UnreadableInput(f"{path}: cannot be read as a workbook ({what})") from error


def _read_xlsx(path: Path) -> dict[str, list[list[Cell]]]:
    openpyxl = need("openpyxl", extra="datasets", who=f"reading {path.name}")
    book = openpyxl.load_workbook(path, data_only=True)
    try:
        return {
            sheet.title: [
                [_cell(value) for value in row] for row in sheet.iter_rows(values_only=True)
            ]
            for sheet in book.worksheets
        }
    finally:
        book.close()


def _read_xls(path: Path) -> dict[str, list[list[Cell]]]:
    xlrd = need("xlrd", extra="datasets", who=f"reading {path.name}")
    # The reader's remarks on odd files would go to standard output.
    with xlrd.open_workbook(str(path), logfile=io.StringIO()) as book:
        return {
            sheet.name: [[_xls_cell(c) for c in sheet.row(i)] for i in range(sheet.nrows)]
            for sheet in book.sheets()
        }


def _xls_cell(cell: Any) -> Cell:
    # 5 is an error such as #REF!, which gives no value.
    return None if cell.ctype == 5 else _cell(cell.value)


def _cell(value: Any) -> Cell:
    """A whole number as int, text without surrounding blanks, an empty cell as None."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, int) or value is None:
        return value
    if isinstance(value, datetime.datetime | datetime.date):
        return value.isoformat()
    return str(value).strip() or None


def _from_text(text: str) -> Cell:
    """A cell of a CSV file; a number that begins with a zero stays text, as a code does."""
    text = text.strip()
    if re.fullmatch(r"-?(0|[1-9][0-9]{0,14})", text):
        return int(text)
    if re.fullmatch(r"-?[0-9]{1,15}\.[0-9]+", text):
        return _cell(float(text))
    return text or None


def as_text(cell: Cell) -> str:
    """A cell as text; empty for an empty one."""
    return "" if cell is None else str(cell).strip()


def as_number(cell: Cell) -> int | float | None:
    """A cell as a number, also where it was typed as text; None if it is none."""
    if isinstance(cell, str):
        found = _from_text(cell)
        return None if isinstance(found, str) else found
    return cell


def plain(text: object) -> str:
    """A heading for comparing: small letters and digits alone."""
    return re.sub(r"[^a-z0-9]", "", str(text).lower())


def find_header(
    rows: Sequence[Row], fields: Mapping[str, Sequence[str]], needed: Sequence[str]
) -> tuple[int, dict[str, int]] | None:
    """The first row (index from 0) that holds all ``needed`` fields, and every field's column.

    ``fields`` gives the headings that a field may have; case, blanks and punctuation do not count.
    """
    wanted = {field: {plain(name) for name in names} for field, names in fields.items()}
    for index, row in enumerate(rows[:_HEADER_WITHIN]):
        columns: dict[str, int] = {}
        for column, cell in enumerate(row):
            for field, names in wanted.items():
                if isinstance(cell, str) and plain(cell) in names:
                    columns.setdefault(field, column)
        if all(field in columns for field in needed):
            return index, columns
    return None


def like_frame_heading(cell: Cell) -> bool:
    """Whether a heading looks like that of an onset, apex or offset, misspelt ones included."""
    if not isinstance(cell, str):
        return False
    letters = re.sub(r"[^a-z]", "", cell.lower())
    if any(word in letters for word in ("onset", "offset", "apex")):
        return True
    return bool(_ABBREVIATED.fullmatch(letters)) or bool(
        difflib.get_close_matches(letters, _FRAME_HEADINGS, n=1, cutoff=_CLOSE)
    )


def unread_headings(row: Row, columns: Mapping[str, int]) -> list[str]:
    """The headings of a header that look like those of frames and are in none of ``columns``."""
    read = set(columns.values())
    return [as_text(c) for i, c in enumerate(row) if i not in read and like_frame_heading(c)]


def table_problems(
    book: Workbook, name: str, row: Row, columns: Mapping[str, int], others: Sequence[str] = ()
) -> list[str]:
    """Headings of frames that are not read, and further sheets with such a table.

    ``row`` is the header of sheet ``name``, ``others`` the names of all sheets with a table.
    """
    return [
        f"{book.path}: sheet {name!r}, heading {heading!r}: looks like one of onsets, apices or "
        "offsets and is not read; rename or remove the column"
        for heading in unread_headings(row, columns)
    ] + [
        f"{book.path}: sheet {other!r} holds such a table too and is not read; read is {name!r}"
        for other in others
        if other != name
    ]


def lines(rows: Sequence[Row], header: int, columns: Mapping[str, int]) -> Iterator[Line]:
    """The rows below a header that are not empty."""
    for index in range(header + 1, len(rows)):
        row = rows[index]
        if any(as_text(cell) for cell in row):
            cells = {f: row[c] if c < len(row) else None for f, c in columns.items()}
            yield Line(index + 1, cells)


def no_table(book: Workbook, what: str, needed: Sequence[str]) -> UnreadableInput:
    """The error for a workbook in which the table that makes it the right one is not found."""
    shown = ", ".join(repr(name) for name in list(book.sheets)[:5])
    return UnreadableInput(
        f"{book.path}: is not {what}: no sheet has the columns {', '.join(needed)} "
        f"(sheets: {shown or 'none'})"
    )


def find_workbook(root: Path, patterns: Sequence[str], what: str) -> Path:
    """The workbook under ``root`` whose name fits the earliest of ``patterns``.

    Raises UnreadableInput if none does, or several do.
    """
    files = sorted(
        Path(place, name)
        for place, _, names in os.walk(root, followlinks=True)
        for name in names
        if name.lower().endswith(SUFFIXES) and name[0] not in ".~"
    )
    for pattern in patterns:
        fits = [p for p in files if re.search(pattern, p.stem, re.IGNORECASE)]
        if len(fits) > 1:
            one, other = (p.relative_to(root) for p in fits[:2])
            raise UnreadableInput(
                f"{root}: two annotation sheets, {one} and {other}; name one: {_NAME_IT}"
            )
        if fits:
            return fits[0]
    raise UnreadableInput(f"{root}: no annotation sheet of {what}; name it: {_NAME_IT}")
