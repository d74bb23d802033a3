"""One JSON file with recordings and events, in the columns of events.csv and recordings.csv."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

from mespot import files
from mespot.contracts import BaseExporter
from mespot.errors import UnreadableInput
from mespot.exports import _rows
from mespot.exports.cells import Cells, refuse, to_text
from mespot.exports.table import read_text
from mespot.sheet import RecordingRow, Sheet
from mespot.types import Recording

FORMAT = "mespot-events"
VERSION = 1


@dataclass(frozen=True)
class Json(BaseExporter):
    """One JSON file with the recordings and their events; unknown is null.

    Parameters
    ----------
    indent : int
        Blanks per level; 0 writes one line.
    """

    indent: int = 1

    suffix: ClassVar[str] = ".json"

    def write(self, path: str | Path, sheet: Sheet) -> None:
        """Write recordings and events; "<", ">", "&" are escaped, so that a page may embed it."""
        tree = {
            "format": FORMAT,
            "version": VERSION,
            "recordings": [_plain(row) for row in _rows.recording_rows(sheet.rows.values())],
            "events": [_plain(row) for row in _rows.event_rows(sheet)],
        }
        text = json.dumps(tree, ensure_ascii=False, allow_nan=False, indent=self.indent or None)
        for sign in "<>&":
            text = text.replace(sign, f"\\u{ord(sign):04x}")
        files.write_text(path, text + "\n")

    def read(
        self, path: str | Path, recordings: Iterable[Recording | RecordingRow] | None = None
    ) -> Sheet:
        """Read it back. The recordings in the file count where none are given."""
        tree = _load(path)
        problems: list[str] = []
        if recordings is None and "recordings" in tree:
            rows = _cells(path, tree, "recordings", problems)
            recordings = _rows.parse_recordings(rows, problems)
        cells = _cells(path, tree, "events", problems)
        refuse(problems)
        for cell in cells:
            _rows.check_event_columns(cell.where, tuple(cell.cells))
        sheet = _rows.parse_events(cells, problems, recordings)
        refuse(problems)
        return sheet


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """Values as JSON has them: numbers stay numbers, an inexact rate is its fraction's text."""
    return {
        to_text(key): value if value is None or isinstance(value, int | float)
        else value.numerator if isinstance(value, Fraction) and value.denominator == 1
        else to_text(value)
        for key, value in row.items()
    }  # fmt: skip


def _load(path: str | Path) -> dict[str, Any]:
    """The top level of the file, or UnreadableInput."""
    try:
        tree = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise UnreadableInput(f"{path}: not a JSON file ({error})") from error
    if not isinstance(tree, dict) or tree.get("format", FORMAT) != FORMAT or "events" not in tree:
        raise UnreadableInput(f'{path}: not a mespot JSON file: it needs a list "events"')
    if tree.get("version", VERSION) != VERSION:
        raise UnreadableInput(
            f"{path}: version {tree['version']!r} of the format; this mespot reads {VERSION}"
        )
    return tree


def _cells(path: str | Path, tree: dict[str, Any], part: str, problems: list[str]) -> list[Cells]:
    """The entries of a list as rows of text cells."""
    entries = tree.get(part, [])
    if not isinstance(entries, list):
        raise UnreadableInput(f"{path}: {part!r} must be a list")
    rows = []
    for number, entry in enumerate(entries, 1):
        where = f"{path}, {part[:-1]} {number}"
        if not isinstance(entry, dict):
            problems.append(f"{where}: must be an object of columns and values")
            continue
        nested = next((k for k, v in entry.items() if isinstance(v, dict | list)), None)
        if nested is not None:
            problems.append(f"{where}, column {nested}: must be text, a number or null")
            continue
        rows.append(Cells(where, {k: to_text(v) for k, v in entry.items()}, problems))
    return rows


PLUGIN = Json
