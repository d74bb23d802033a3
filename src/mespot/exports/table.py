"""Tables as text: delimiter, byte order mark, line ends, quotes; nothing about their meaning."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mespot import files
from mespot.errors import UnreadableInput
from mespot.exports.cells import Cells, neutralise, restore, to_text

DELIMITERS = (",", ";", "\t")
_SPECIAL = re.compile(r'[",;\t\r\n]')


@dataclass(frozen=True)
class Table:
    """A header and rows of text. Known columns have their plain lower-case names."""

    path: Path
    columns: tuple[str, ...]
    rows: tuple[tuple[int, Mapping[str, str]], ...]
    decimal_comma: bool

    def cells(self, problems: list[str]) -> Iterator[Cells]:
        """Row by row; what is wrong with a cell is added to ``problems`` when it is read."""
        for line, cells in self.rows:
            yield Cells(f"{self.path}, line {line}", cells, problems, self.decimal_comma)


def read_text(path: str | Path) -> str:
    """The text of a UTF-8 file, a byte order mark removed. Raises UnreadableInput."""
    try:
        return Path(path).read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise UnreadableInput(f"{path}: no such file") from error
    except IsADirectoryError as error:
        raise UnreadableInput(f"{path}: is a folder, not a file") from error
    except UnicodeDecodeError as error:
        raise UnreadableInput(f"{path}: not UTF-8 text; save it as CSV UTF-8") from error
    except OSError as error:
        raise UnreadableInput(f"{path}: cannot be read ({error.strerror})") from error


def read_table(path: str | Path, known: Sequence[str], name_all: bool = False) -> Table:
    """Read a table whose columns may be any of ``known`` and others.

    The delimiter (comma, semicolon, tab) is the one by which most known columns are found in the
    header. Known names may differ in case and surrounding blanks; columns without a name are left
    out, or, with ``name_all``, named ``unnamed_<number>`` if they hold text; rows of empty cells
    are skipped.
    """
    text = read_text(path)
    if not text.strip():
        raise UnreadableInput(f"{path}: the file is empty; it needs at least a header line")
    headers = {d: _header(text, d, known) for d in DELIMITERS}
    delimiter = max(DELIMITERS, key=lambda d: len(set(headers[d]) & set(known)))
    columns = headers[delimiter]
    if name_all:
        columns = _all_named(Path(path), text, delimiter, columns)
    named = [c for c in columns if c]
    for column in named:
        if named.count(column) > 1:
            raise UnreadableInput(f"{path}, line 1: the column {column!r} stands there twice")
    rows = tuple(_rows(Path(path), text, delimiter, columns))
    return Table(Path(path), tuple(named), rows, decimal_comma=delimiter == ";")


def _all_named(path: Path, text: str, delimiter: str, columns: Sequence[str]) -> list[str]:
    """The columns, those that hold text without having a name included."""
    names = [c or f"unnamed_{number}" for number, c in enumerate(columns, 1)]
    rows = [cells for _, cells in _rows(path, text, delimiter, names)]
    return [
        name if column or any(cells[name].strip() for cells in rows) else ""
        for column, name in zip(columns, names)
    ]


def _reader(text: str, delimiter: str) -> Iterator[list[str]]:
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)


def _header(text: str, delimiter: str, known: Sequence[str]) -> list[str]:
    try:
        cells = [restore(cell).strip() for cell in next(_reader(text, delimiter), [])]
    except csv.Error:
        return []
    return [cell.lower() if cell.lower() in known else cell for cell in cells]


def _rows(
    path: Path, text: str, delimiter: str, columns: Sequence[str]
) -> Iterator[tuple[int, dict[str, str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        next(reader, None)
        while True:
            line = reader.line_num + 1
            cells = next(reader, None)
            if cells is None:
                return
            if not any(cell.strip() for cell in cells):
                continue
            if any(cell.strip() for cell in cells[len(columns) :]):
                raise UnreadableInput(
                    f"{path}, line {line}: {len(cells)} cells under {len(columns)} columns"
                )
            padded = [*cells, *[""] * (len(columns) - len(cells))]
            yield line, {c: restore(cell) for c, cell in zip(columns, padded) if c}
    except csv.Error as error:
        raise UnreadableInput(f"{path}, line {line}: not a table ({error})") from error


def write_table(
    path: str | Path, columns: Sequence[str], rows: Sequence[Mapping[str, object]]
) -> None:
    """Write a comma-separated UTF-8 table atomically; a missing value is an empty cell."""
    lines = [[neutralise(to_text(column)) for column in columns]]
    lines += [[neutralise(to_text(row.get(column))) for column in columns] for row in rows]
    files.write_text(path, "".join(",".join(map(_quoted, line)) + "\n" for line in lines))


def _quoted(cell: str) -> str:
    """The cell in quotes where it holds a separator of any dialect or a line end.

    csv.writer leaves a lone carriage return bare, which its own reader takes for a line end.
    """
    return '"' + cell.replace('"', '""') + '"' if _SPECIAL.search(cell) else cell
