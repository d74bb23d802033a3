"""Corrections of a sheet's cells: one CSV beside the loader, and one of the user's own.

Columns ``recording,event,field,old,new,reason``. ``event`` is the label of the expression in its
recording, ``field`` one of onset, apex, offset, kind, in the sheet's own numbers. A correction is
applied only where the cell still holds ``old``: a sheet in which it was mended, or another version,
is left alone and the difference is reported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mespot.datasets._annotations import RawEvent
from mespot.datasets.workbooks import as_number, as_text
from mespot.errors import UnreadableInput
from mespot.exports.table import read_table
from mespot.types import KINDS

COLUMNS = ("recording", "event", "field", "old", "new", "reason")
FIELDS = ("onset", "apex", "offset", "kind")


def beside(name: str) -> Path:
    """The CSV of corrections that comes with a data set's loader."""
    return Path(__file__).parent / "errata" / f"{name.replace('-', '_')}.csv"


def correct(
    events: Sequence[RawEvent], paths: Sequence[Path], problems: list[str]
) -> list[RawEvent]:
    """The events with every correction that fits applied, marked by the code ``erratum``.

    What does not fit is added to ``problems``. Raises UnreadableInput for a file that is no table.
    """
    found = list(events)
    for path in paths:
        table = read_table(path, COLUMNS)
        absent = [c for c in COLUMNS if c not in table.columns]
        if absent:
            raise UnreadableInput(f"{path}: a list of errata needs the column {absent[0]}")
        for line, cells in table.rows:
            entry = {column: cells[column].strip() for column in COLUMNS}
            places = [
                i
                for i, e in enumerate(found)
                if (e.recording, e.event) == (entry["recording"], entry["event"])
            ]
            if wrong := _unfit([found[i] for i in places], entry):
                problems.append(f"{path}, line {line}: correction not applied: {wrong}")
            else:
                found[places[0]] = _corrected(found[places[0]], entry["field"], entry["new"])
    return found


def _unfit(events: Sequence[RawEvent], entry: Mapping[str, str]) -> str:
    """Why a correction cannot be applied to the events it names; empty if it can."""
    place = f"event {entry['event']!r} of recording {entry['recording']!r}"
    if entry["field"] not in FIELDS:
        return f"field {entry['field']!r} is none of {', '.join(FIELDS)}"
    if entry["field"] == "kind" and entry["new"] not in KINDS:
        return f"kind {entry['new']!r} is none of {', '.join(KINDS)}"
    if entry["field"] != "kind" and entry["new"] and as_number(entry["new"]) is None:
        return f"new {entry['new']!r} is no number"
    if len(events) != 1:
        return f"there are {len(events)} rows of {place}" if events else f"there is no {place}"
    held = as_text(getattr(events[0], entry["field"]))
    if held != entry["old"]:
        return f"{entry['field']} of {place} is {held!r}, not {entry['old']!r}"
    return ""


def _corrected(event: RawEvent, field: str, new: str) -> RawEvent:
    codes = (*event.codes, "erratum")
    if field == "kind":
        return replace(event, kind=new, codes=codes)
    value = new or None
    return RawEvent(
        event.recording, event.event, event.row,
        value if field == "onset" else event.onset,
        value if field == "apex" else event.apex,
        value if field == "offset" else event.offset,
        event.kind, event.attributes, codes, event.sheet,
    )  # fmt: skip
