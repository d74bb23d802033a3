"""CAS(ME)^3, part A: about 1,300 recordings with macro- and micro-expressions and blinks.

Two label sets are in use in the literature. ``all`` takes every micro-expression of the sheet that
can be one; ``short`` those of at most half a second, the definition of a micro-expression, the
others becoming kind ``other``. Versions v1 and v2 of the sheet differ: the report names the
version that was read, and the hash of the file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from mespot.datasets._annotations import (
    Parsed,
    Place,
    RawEvent,
    SheetRecording,
)
from mespot.datasets._labelled import LabelledSet
from mespot.datasets.shapes import CASME_CUBED, CASME_CUBED_SHORT_MICRO
from mespot.datasets.twin_marker import Twin
from mespot.datasets.workbooks import (
    Cell,
    Line,
    Row,
    Workbook,
    as_number,
    as_text,
    find_header,
    lines,
    no_table,
    read_workbook,
    table_problems,
)
from mespot.errors import UnreadableInput
from mespot.inspection import Annotations, Shape

LABELS = ("all", "short")
_SHORT_S = 0.5
_PERSON = re.compile(r"spno\.?([0-9]+)", re.IGNORECASE)
_VERSION = re.compile(r"part[ _-]?A[ _-]?v([0-9]+)\.(xlsx?|csv)$", re.IGNORECASE)
_FIELDS = {
    "subject": ("Subject", "sub"),
    "name": ("Filename", "seq"),
    "onset": ("Onset",),
    "apex": ("Apex",),
    "offset": ("Offset",),
    "units": ("AU", "Action Units"),
    "type": ("Expression type", "Type"),
}
_NEEDED = ("subject", "name", "onset", "offset")


@dataclass(frozen=True)
class CasmeCubed(LabelledSet):
    """CAS(ME)^3 part A: about 1,300 recordings of 98 subjects at 30 frames/s, and blinks.

    Parameters
    ----------
    labels : {"all", "short"}
        Which micro-expressions count as such: all that can be, or those of at most 0.5 s.
    longest_micro_s : float
        A micro-expression longer than this, in seconds, is an error of the sheet and dropped.
    """

    labels: str = "all"
    longest_micro_s: float = 3.0

    citation: ClassVar[str] = (
        "J. Li, Z. Dong, S. Lu, S.-J. Wang, W.-J. Yan, Y. Ma, Y. Liu, C. Huang, X. Fu: CAS(ME)^3: "
        "A Third Generation Facial Spontaneous Micro-Expression Database with Depth Information "
        "and High Ecological Validity. IEEE Transactions on Pattern Analysis and Machine "
        "Intelligence 45(3), 2023."
    )
    licence: ClassVar[str] = (
        "Research only, by agreement with the Chinese Academy of Sciences; no redistribution."
    )
    how_to_get: ClassVar[str] = (
        "Ask the CASME group at the Institute of Psychology, Chinese Academy of Sciences, for "
        "CAS(ME)^3, part A; a licence agreement has to be signed by a member of staff, not by a "
        "student. Needed are the colour images (spNO.1/a/color/175.jpg) and the label sheet "
        "part_A_v2.xls."
    )
    NAME: ClassVar[str] = "casme-cubed"
    SHAPE: ClassVar[Shape] = CASME_CUBED
    SHEET_NAMES: ClassVar[tuple[str, ...]] = (
        r"part_?A_?v2$", r"part_?A_?v1$", r"part_?A_?ME_?label_?JpgIndex", r"JpgIndex_?v2$",
        r"JpgIndex",
    )  # fmt: skip
    OWN_TRAPS: ClassVar[dict[str, str]] = {
        "micro-too-long": "a micro-expression of more than 3 s (longest_micro_s): dropped",
        "micro-over-half-second": "label set short: a micro-expression of more than 0.5 s is other",
        "versions-differ": "a row that the other version of the sheet, in the same folder, has "
        "not: this version counts",
        "filename-case": "a recording's letter in capitals: read as the small one",
    }

    def __post_init__(self) -> None:
        if self.labels not in LABELS:
            raise ValueError(f"labels {self.labels!r} is none of {', '.join(LABELS)}")

    def parse(self, book: Workbook) -> Parsed:
        """The sheet of expressions and, where there is one, that of blinks."""
        parsed = self._one(book)
        other = _other_version(book.path)
        if other is None:
            return parsed
        try:
            theirs = {_cells(e) for e in self._one(read_workbook(other)).events}
        except UnreadableInput as error:
            parsed.problems.append(f"versions of the sheet cannot be compared: {error}")
            return parsed
        parsed.traps["versions-differ"] = sum(_cells(e) not in theirs for e in parsed.events)
        parsed.traps = +parsed.traps
        return parsed

    def _one(self, book: Workbook) -> Parsed:
        parsed = Parsed()
        version = re.search(r"v([0-9]+)", book.path.stem, re.IGNORECASE)
        read = []
        for pattern, kind in ((r"^AU", ""), (r"blink", "blink")):
            found = book.sheet(pattern) or (None if kind else _first_table(book))
            table = find_header(found[1], _FIELDS, _NEEDED) if found else None
            if found is None:
                continue
            if table is None:
                parsed.problems.append(
                    f"{book.path}: sheet {found[0]!r} has no columns Subject, Filename, Onset and "
                    "Offset: none of its rows is read"
                )
                continue
            parsed.problems += table_problems(book, found[0], found[1][table[0]], table[1])
            before = len(parsed.events)
            for line in lines(found[1], *table):
                _read_row(parsed, line, found[0], kind or _kind(line))
            read.append(f"{len(parsed.events) - before} rows of sheet {found[0]!r}")
        if not read:
            raise no_table(
                book, "a label sheet of CAS(ME)^3", ("Subject", "Filename", "Onset", "Offset")
            )
        label = "v" + version[1] if version else "version unknown"
        parsed.variant = f"{label}, label set {self.labels!r}, {' and '.join(read)}"
        return parsed

    def refine(self, parsed: Parsed, places: Mapping[str, Place]) -> None:
        """Micro-expressions that are too long to be any, and those above half a second."""
        kept = []
        for event in parsed.events:
            onset, offset = as_number(event.onset), as_number(event.offset)
            if onset == 0:
                # Under way in the first image.
                onset = places.get(event.recording, Place(1)).first
            n = offset - onset + 1 if onset is not None and offset is not None else 0
            if event.kind != "micro" or n <= _SHORT_S * self.SHAPE.fps:
                kept.append(event)
            elif n > self.longest_micro_s * self.SHAPE.fps:
                cells = f"micro {as_text(event.onset)} {as_text(event.offset)}"
                parsed.drop(event.row, event.recording, "micro-too-long", cells, event.sheet)
            elif self.labels == "short":
                codes = (*event.codes, "micro-over-half-second")
                kept.append(replace(event, kind="other", codes=codes))
            else:
                kept.append(event)
        parsed.events = kept

    def recording_of(self, folder: Path) -> tuple[str, str] | None:
        """``…/spNO.1/a/color``; depth images lie beside it."""
        person = _PERSON.fullmatch(folder.parent.parent.name)
        letter = folder.parent.name.lower()
        if folder.name.lower() != "color" or not person or not letter.isalnum():
            return None
        return f"spNO.{person[1]}_{letter}", f"spNO.{person[1]}"

    def expected(self) -> dict[str, int]:
        """The numbers of the label set."""
        short = {"micro": CASME_CUBED_SHORT_MICRO} if self.labels == "short" else {}
        return {**super().expected(), **short}

    def expected_of(self, notes: Annotations) -> dict[str, int]:
        """Of version 2 the rows are known, too; other kinds of expressions do not count as any."""
        rows = self.SHAPE.rows if notes.variant.startswith("v2") else {}
        return {**super().expected_of(notes), **{f"rows of {k}": n for k, n in rows.items()}}

    def expected_of_twin(self, twin: Twin) -> dict[str, int]:
        """The numbers of the label set."""
        return dict(twin.by_labels.get(self.labels, twin.counts))


def _other_version(sheet: Path) -> Path | None:
    """The newest other version of a label sheet in its folder; None if there is none."""
    if not _VERSION.search(sheet.name):
        return None
    versions = [
        (int(found[1]), path)
        for path in sheet.parent.glob("*")
        if path != sheet and path.name[0] not in ".~" and (found := _VERSION.search(path.name))
    ]
    return max(versions)[1] if versions else None


def _cells(event: RawEvent) -> tuple[Cell, ...]:
    """What two versions of a row are compared by."""
    return event.recording, event.kind, event.onset, event.apex, event.offset


def _first_table(book: Workbook) -> tuple[str, Sequence[Row]] | None:
    """The first sheet with a table of expressions."""
    for name, rows in book.sheets.items():
        if "blink" not in name.lower() and find_header(rows, _FIELDS, _NEEDED):
            return name, rows
    return None


def _kind(line: Line) -> str:
    """macro or micro; a sheet without that column holds micro-expressions. Else empty."""
    if "type" not in line.cells:
        return "micro"
    text = line.text("type").lower()
    return next((kind for kind in ("macro", "micro") if text.startswith(kind)), "")


def _read_row(parsed: Parsed, line: Line, sheet: str, kind: str) -> None:
    """One expression or blink."""
    person, letter = _PERSON.fullmatch(line.text("subject")), line.text("name")
    if not person or not letter or not kind:
        text = " ".join(t for t in map(line.text, _FIELDS) if t)[:60]
        if person or as_number(line.cells.get("onset")) is not None:
            parsed.not_understood(line.number, sheet, text)
        if person and letter:
            _known(parsed, person[1], letter)
        parsed.drop(line.number, "", "text-row", text, sheet)
        return
    recording = _known(parsed, person[1], letter)
    codes = ("filename-case",) if letter != letter.lower() else ()
    units = {"action_units": line.text("units")} if "units" in line.cells else {}
    label = f"{'b' if kind == 'blink' else ''}{line.number}"
    parsed.events.append(
        RawEvent(
            recording, label, line.number, line.cells.get("onset"), line.cells.get("apex"),
            line.cells.get("offset"), kind, units, codes, sheet,
        )
    )  # fmt: skip


def _known(parsed: Parsed, person: str, letter: str) -> str:
    """The id of a recording, which is listed even if none of its rows can be read."""
    subject = f"spNO.{person}"
    recording = f"{subject}_{letter.lower()}"
    parsed.recordings.setdefault(recording, SheetRecording(recording, subject))
    return recording


PLUGIN = CasmeCubed
