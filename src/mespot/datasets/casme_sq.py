"""CAS(ME)^2, part A: long recordings with macro- and micro-expressions at 30 frames/s.

The workbook has no headers. The first sheet holds a row per expression; the two naming sheets turn
its subject number into a folder (``s15``) and its recording name (``anger1``) into the code in the
folder's name (``15_0401...``). Both are known by what stands in them, not by their place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from mespot.datasets._annotations import Parsed, RawEvent, Rules, SheetRecording
from mespot.datasets._frames import ImageRun
from mespot.datasets._labelled import LabelledSet
from mespot.datasets.shapes import CASME_SQ
from mespot.datasets.workbooks import Row, Workbook, as_number, as_text, no_table
from mespot.inspection import Shape

_FOLDER = re.compile(r"s[0-9]+", re.IGNORECASE)
_RECORDING = re.compile(r"([0-9]+)_([0-9]{4})(?![0-9])")
_FILM = re.compile(r"[a-z]+[0-9]+", re.IGNORECASE)
_KIND, _ONSET = 7, 2


@dataclass(frozen=True)
class CasmeSq(LabelledSet):
    """CAS(ME)^2 part A: 98 recordings of 22 subjects at 30 frames/s, macro and micro."""

    citation: ClassVar[str] = (
        "F. Qu, S.-J. Wang, W.-J. Yan, H. Li, S. Wu, X. Fu: CAS(ME)^2: A Database for Spontaneous "
        "Macro-Expression and Micro-Expression Spotting and Recognition. IEEE Transactions on "
        "Affective Computing 9(4), 2018."
    )
    licence: ClassVar[str] = (
        "Research only, by agreement with the Chinese Academy of Sciences; no redistribution."
    )
    how_to_get: ClassVar[str] = (
        "Ask the CASME group at the Institute of Psychology, Chinese Academy of Sciences, for "
        "CAS(ME)^2; a licence agreement has to be signed by a member of staff, not by a student. "
        "Needed are part A (rawpic or longVideoFaceCropped) and CAS(ME)^2code_final(Updated).xlsx."
    )
    NAME: ClassVar[str] = "casme-sq"
    SHAPE: ClassVar[Shape] = CASME_SQ
    SHEET_NAMES: ClassVar[tuple[str, ...]] = (
        r"CAS\(ME\)\^?2code_final\(Updated\)", r"CAS\(ME\)\^?2code_final", r"code_?final",
    )  # fmt: skip
    LAYOUTS: ClassVar[tuple[str, ...]] = ("rawpic", "longVideoFaceCropped")
    CROPPED: ClassVar[tuple[str, ...]] = ("longVideoFaceCropped",)
    RULES: ClassVar[Rules] = Rules(apex_for_offset=True)
    OWN_TRAPS: ClassVar[dict[str, str]] = {
        "offset-before-apex": "offset before the apex: the offset is kept and the apex unknown; "
        "if it is before the onset too, the apex is taken as offset",
        "leading-zero": "a code of a film that lost its leading zero: filled up to four digits",
        "subject-order": "a subject number that is not the place of its folder: taken by the table",
        "unknown-name": "a subject or film that the naming sheets do not hold: dropped, a problem",
        "folder-prefix": "a folder named by another subject than the one it lies under: the latter "
        "counts",
    }

    def parse(self, book: Workbook) -> Parsed:
        """The code sheet, with names brought to folders and codes by the naming sheets."""
        coded = next((n for n, rows in book.sheets.items() if any(map(_is_event, rows))), None)
        if coded is None:
            raise no_table(
                book, "the code sheet of CAS(ME)^2", ("onset", "apex", "offset", "micro-expression")
            )
        parsed = Parsed()
        rows = book.sheets[coded]
        parsed.problems += [
            f"{book.path}: sheet {name!r} holds expressions too and is not read; read is {coded!r}"
            for name, found in book.sheets.items()
            if name != coded and any(map(_is_event, found))
        ]
        others = [found for name, found in book.sheets.items() if name != coded]
        used = {as_number(row[0]) for row in rows if _is_event(row)}
        folders = _folders(others, used)
        films = _films(others, parsed)
        ranks = {number: place for place, number in enumerate(sorted(folders))}
        by_folder = sorted(folders, key=lambda number: int(folders[number][1:]))
        parsed.traps["subject-order"] += sum(
            ranks[number] != place for place, number in enumerate(by_folder)
        )
        for index, row in enumerate(rows):
            if _is_event(row):
                _read_row(parsed, (coded, index + 1), row, folders, films)
            elif any(as_text(cell) for cell in row):
                text = " ".join(as_text(cell) for cell in row if as_text(cell))
                if _is_numbered(row):
                    parsed.not_understood(index + 1, coded, text[:60])
                parsed.drop(index + 1, "", "text-row", text[:60], coded)
        parsed.traps = +parsed.traps
        parsed.variant = f"{len(parsed.events)} rows, sheets {', '.join(map(repr, book.sheets))}"
        return parsed

    def recording_of(self, folder: Path) -> tuple[str, str] | None:
        """``…/s15/15_0101disgustingteeth``."""
        found, person = _RECORDING.match(folder.name), folder.parent.name.lower()
        if not found or not _FOLDER.fullmatch(person):
            return None
        return f"{person}_{found[2]}", person

    def oddities(self, run: ImageRun, first: int | None) -> list[str]:
        """Also a folder that is named by another subject."""
        found = _RECORDING.match(run.folder.name)
        foreign = found is not None and int(found[1]) != int(run.folder.parent.name[1:])
        return super().oddities(run, first) + (["folder-prefix"] if foreign else [])


def _is_event(row: Row) -> bool:
    """Whether a row is one of an expression: a kind in the eighth column."""
    return len(row) > _KIND and as_text(row[_KIND]).lower().startswith(("micro", "macro"))


def _is_numbered(row: Row) -> bool:
    """Whether a row has a subject's number and an onset, as one of an expression has."""
    return len(row) > _ONSET and None not in (as_number(row[0]), as_number(row[_ONSET]))


def _folders(sheets: Sequence[Sequence[Row]], used: set) -> dict[int, str]:
    """Subject number -> folder, of the sheet that names folders such as ``s15``.

    Several columns may hold numbers, the folder's own among them: the right one is that in which
    most of the subject numbers in use occur, of several the last.
    """
    for rows in sheets:
        named = [(row, f) for row in rows if (f := _cell_like(row, _FOLDER)) is not None]
        best: dict[int, str] = {}
        for column in range(max((len(row) for row, _ in named), default=0)):
            pairs = {
                int(number): folder.lower()
                for row, folder in named
                if column < len(row) and (number := as_number(row[column])) is not None
            }
            if pairs and len(used & set(pairs)) >= len(used & set(best)):
                best = pairs
        if best:
            return best
    return {}


def _films(sheets: Sequence[Sequence[Row]], parsed: Parsed) -> dict[str, str]:
    """Recording name -> code of four digits, of the sheet that names codes."""
    films: dict[str, str] = {}
    for rows in sheets:
        for row in rows:
            name = _cell_like(row, _FILM)
            code = next((as_text(c) for c in row if re.fullmatch("[0-9]{3,4}", as_text(c))), None)
            if name is not None and code is not None and not _FOLDER.fullmatch(name):
                films[name.lower()] = code.zfill(4)
                parsed.traps["leading-zero"] += len(code) < 4
    return films


def _cell_like(row: Row, pattern: re.Pattern[str]) -> str | None:
    """The first cell of a row that is of this form."""
    return next((as_text(c) for c in row if pattern.fullmatch(as_text(c))), None)


def _read_row(
    parsed: Parsed, place: tuple[str, int], row: Row, folders: dict[int, str],
    films: dict[str, str],
) -> None:  # fmt: skip
    """One expression; a subject or film that the naming sheets do not know is a problem.

    ``place`` is the sheet and the row in it.
    """
    sheet, number = place
    subject, name = as_number(row[0]), as_text(row[1])
    film, _, event = name.partition("_")
    folder = None if subject is None else folders.get(int(subject))
    code = films.get(film.lower())
    if folder is None or code is None:
        what = f"subject {as_text(row[0])!r}" if folder is None else f"recording name {name!r}"
        parsed.not_understood(number, sheet, what, "not in the naming sheets, row dropped")
        parsed.drop(number, name, "unknown-name", sheet=sheet)
        return
    recording = f"{folder}_{code}"
    parsed.recordings.setdefault(recording, SheetRecording(recording, folder))
    label = event or str(1 + sum(e.recording == recording for e in parsed.events))
    onset, apex, offset = row[_ONSET : _ONSET + 3]
    kind = as_text(row[_KIND]).lower()[:5]
    units = {"action_units": as_text(row[5])}
    parsed.events.append(
        RawEvent(recording, label, number, onset, apex, offset, kind, units, (), sheet)
    )


PLUGIN = CasmeSq
