"""CASME II: short clips at 200 frames/s, each cut around one micro-expression.

No set for spotting in long recordings: it has next to nothing but micro-expressions. Useful to
learn what they look like, and for injecting.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from mespot.datasets._annotations import Parsed, RawEvent, SheetRecording
from mespot.datasets._labelled import LabelledSet
from mespot.datasets.shapes import CASME_II
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

_PERSON = re.compile(r"sub([0-9]+)", re.IGNORECASE)
_CLIP = re.compile(r"EP[0-9]\w*", re.IGNORECASE)
_FIELDS = {
    "subject": ("Subject",),
    "name": ("Filename",),
    "onset": ("OnsetFrame", "Onset"),
    "apex": ("ApexFrame", "Apex"),
    "offset": ("OffsetFrame", "Offset"),
    "units": ("Action Units",),
}
_NEEDED = ("subject", "name", "onset", "offset")


@dataclass(frozen=True)
class CasmeIi(LabelledSet):
    """CASME II: 255 clips of 26 subjects at 200 frames/s, a micro-expression in each."""

    citation: ClassVar[str] = (
        "W.-J. Yan, X. Li, S.-J. Wang, G. Zhao, Y.-J. Liu, Y.-H. Chen, X. Fu: CASME II: An "
        "Improved Spontaneous Micro-Expression Database and the Baseline Evaluation. PLoS ONE "
        "9(1), 2014."
    )
    licence: ClassVar[str] = (
        "Research only, by agreement with the Chinese Academy of Sciences; no redistribution."
    )
    how_to_get: ClassVar[str] = (
        "Ask the CASME group at the Institute of Psychology, Chinese Academy of Sciences, for "
        "CASME II; a licence agreement has to be signed by a member of staff, not by a student. "
        "Needed are the clips (sub01/EP02_01f/img46.jpg, raw or cropped) and the coding workbook."
    )
    NAME: ClassVar[str] = "casme-ii"
    SHAPE: ClassVar[Shape] = CASME_II
    SHEET_NAMES: ClassVar[tuple[str, ...]] = (r"CASME2.?coding", r"CASME_?(2|II).*(label|coding)")
    LAYOUTS: ClassVar[tuple[str, ...]] = (
        "CASME2-RAW", "CASME2_RAW", "CASME2_RAW_selected", "Cropped",
    )  # fmt: skip
    CROPPED: ClassVar[tuple[str, ...]] = ("Cropped",)
    UNLISTED_BELONG: ClassVar[bool] = False

    def parse(self, book: Workbook) -> Parsed:
        """The table of clips."""
        tables = [
            (name, rows, table)
            for name, rows in book.sheets.items()
            if (table := find_header(rows, _FIELDS, _NEEDED))
        ]
        if not tables:
            raise no_table(
                book, "a coding workbook of CASME II", ("Filename", "OnsetFrame", "OffsetFrame")
            )
        parsed = Parsed()
        name, rows, table = tables[0]
        parsed.problems += table_problems(
            book, name, rows[table[0]], table[1], [n for n, _, _ in tables]
        )
        for line in lines(rows, *table):
            _read_row(parsed, line, name)
        parsed.variant = f"{len(parsed.events)} rows of sheet {name!r}"
        return parsed

    def recording_of(self, folder: Path) -> tuple[str, str] | None:
        """``…/sub01/EP02_01f``."""
        person = _PERSON.fullmatch(folder.parent.name)
        if not person or not _CLIP.fullmatch(folder.name):
            return None
        subject = f"sub{int(person[1]):02d}"
        return f"{subject}_{folder.name}", subject


def _read_row(parsed: Parsed, line: Line, sheet: str) -> None:
    """One clip with its micro-expression."""
    person, clip = as_number(line.text("subject").removeprefix("sub")), line.text("name")
    if person is None:
        # Numbers that begin with a zero stay text.
        text = line.text("subject").removeprefix("sub")
        person = int(text) if text.isdigit() else None
    if person is None or not _CLIP.fullmatch(clip):
        text = " ".join(t for t in map(line.text, _FIELDS) if t)[:60]
        if as_number(line.cells.get("onset")) is not None:
            parsed.not_understood(line.number, sheet, text)
        parsed.drop(line.number, clip, "text-row", text, sheet)
        return
    subject = f"sub{int(person):02d}"
    recording = f"{subject}_{clip}"
    parsed.recordings.setdefault(recording, SheetRecording(recording, subject))
    label = str(1 + sum(e.recording == recording for e in parsed.events))
    parsed.events.append(
        RawEvent(
            recording, label, line.number, line.cells.get("onset"), line.cells.get("apex"),
            line.cells.get("offset"), "micro", {"action_units": line.text("units")}, (), sheet,
        )
    )  # fmt: skip


PLUGIN = CasmeIi
