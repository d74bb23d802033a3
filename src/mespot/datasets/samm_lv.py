"""SAMM Long Videos: long recordings with macro- and micro-expressions at 200 frames/s, grey.

The release sheet has notes above its table, whose header is found by its text. Versions V1 to V3
are in circulation; the report names the version that was read, and the hash of the file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from mespot.datasets._annotations import Parsed, RawEvent, SheetRecording
from mespot.datasets._frames import ImageRun
from mespot.datasets._labelled import LabelledSet
from mespot.datasets.shapes import SAMM_LV
from mespot.datasets.workbooks import (
    Line,
    Workbook,
    as_number,
    find_header,
    lines,
    no_table,
    table_problems,
)
from mespot.inspection import Shape

_EVENT = re.compile(r"([0-9]{3})_([0-9]+)_([0-9]+)")
_RECORDING = re.compile(r"([0-9]{3})_([0-9]+)")
_FIELDS = {
    "name": ("Filename",),
    "onset": ("Onset", "Onset Frame"),
    "apex": ("Apex", "Apex Frame"),
    "offset": ("Offset", "Offset Frame"),
    "type": ("Type",),
    "units": ("Action Units",),
}
_NEEDED = ("name", "onset", "offset", "type")
_USUAL_DIGITS = 4


@dataclass(frozen=True)
class SammLv(LabelledSet):
    """SAMM Long Videos: 147 recordings of 30 subjects at 200 frames/s, macro and micro."""

    citation: ClassVar[str] = (
        "C. H. Yap, C. Kendrick, M. H. Yap: SAMM Long Videos: A Spontaneous Facial Micro- and "
        "Macro-Expressions Dataset. FG 2020."
    )
    licence: ClassVar[str] = (
        "Research only, by agreement with Manchester Metropolitan University; no redistribution."
    )
    how_to_get: ClassVar[str] = (
        "Ask the group of Moi Hoon Yap at Manchester Metropolitan University for SAMM Long Videos; "
        "a release agreement is signed. Needed are the folder SAMM_longvideos and the sheet "
        "SAMM_LongVideos_V1, _V2 or _V3_Release.xlsx."
    )
    NAME: ClassVar[str] = "samm-lv"
    SHAPE: ClassVar[Shape] = SAMM_LV
    SHEET_NAMES: ClassVar[tuple[str, ...]] = (
        r"SAMM_?LongVideos_?V3", r"SAMM_?LongVideos_?V2", r"SAMM_?LongVideos",
    )  # fmt: skip
    LAYOUTS: ClassVar[tuple[str, ...]] = ("SAMM_longvideos",)
    OWN_TRAPS: ClassVar[dict[str, str]] = {
        "whole-recording": "a macro-expression from image 1 on: kept, and marked",
        "other-padding": "image numbers that are not padded to four digits: read as they are",
    }

    def parse(self, book: Workbook) -> Parsed:
        """The table of movements."""
        own = book.sheet("FACS_?Movement")
        candidates = [own] if own else list(book.sheets.items())
        tables = [
            (n, rows, t) for n, rows in candidates if (t := find_header(rows, _FIELDS, _NEEDED))
        ]
        if not tables:
            raise no_table(
                book, "a release sheet of SAMM Long Videos", ("Filename", "Onset", "Offset", "Type")
            )
        name, rows, (header, columns) = tables[0]
        parsed = Parsed()
        parsed.problems += table_problems(
            book, name, rows[header], columns, [n for n, _, _ in tables]
        )
        for line in lines(rows, header, columns):
            _read_row(parsed, line, name)
        version = re.search(r"V([0-9]+)", book.path.stem, re.IGNORECASE)
        parsed.variant = (
            f"{'V' + version[1] if version else 'version unknown'}, {len(parsed.events)} rows"
        )
        return parsed

    def recording_of(self, folder: Path) -> tuple[str, str] | None:
        """``…/006_1``."""
        found = _RECORDING.fullmatch(folder.name)
        return (folder.name, found[1]) if found else None

    def oddities(self, run: ImageRun, first: int | None) -> list[str]:
        """Also another padding than four digits."""
        odd = ["other-padding"] if run.digits != {_USUAL_DIGITS} else []
        return super().oddities(run, first) + odd


def _read_row(parsed: Parsed, line: Line, sheet: str) -> None:
    """One movement; its recording is the first two parts of its name."""
    found = _EVENT.fullmatch(line.text("name"))
    kind = line.text("type").lower()[:5]
    if found:
        recording = f"{found[1]}_{found[2]}"
        parsed.recordings.setdefault(recording, SheetRecording(recording, found[1]))
    if not found or kind not in ("macro", "micro"):
        text = " ".join(t for t in map(line.text, _FIELDS) if t)[:60]
        if found or as_number(line.cells.get("onset")) is not None:
            parsed.not_understood(line.number, sheet, text)
        parsed.drop(line.number, line.text("name"), "text-row", text, sheet)
        return
    onset = line.cells.get("onset")
    codes = ("whole-recording",) if kind == "macro" and as_number(onset) == 1 else ()
    parsed.events.append(
        RawEvent(
            recording, found[3], line.number, onset, line.cells.get("apex"),
            line.cells.get("offset"), kind, {"action_units": line.text("units")}, codes, sheet,
        )
    )  # fmt: skip


PLUGIN = SammLv
