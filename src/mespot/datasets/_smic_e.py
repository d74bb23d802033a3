"""What the two cameras of SMIC-E share: the workbook and the folders.

One sheet holds a row per recording with up to three micro-expressions in pairs of columns, without
an apex; another lists the recordings without any. All numbers are those of the camera's counter,
``FirstF`` that of the recording's first image.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from mespot.datasets._annotations import (
    Parsed,
    Place,
    RawEvent,
    Rules,
    SheetRecording,
    without_duplicates,
)
from mespot.datasets._labelled import LabelledSet
from mespot.datasets.workbooks import (
    Cell,
    Line,
    Row,
    Workbook,
    as_number,
    as_text,
    find_header,
    like_frame_heading,
    lines,
    no_table,
    plain,
)
from mespot.errors import UnreadableInput

CAMERAS = ("HS", "VIS", "NIR")
_NAME = re.compile(r"s([0-9]+)_\w+", re.IGNORECASE)
_FIELDS = {
    "subject": ("Subject",),
    "name": ("Filename", "File"),
    "first": ("FirstF", "FirstFrame"),
    "last": ("LastF", "LastFrame"),
    "total": ("TotalVL",),
}
_NEEDED = ("name", "first")
# Letters and digits of OnsetF, Onset2F, OnsetF2, 2OnsetF, 2nd Onset, ME2 OffsetFrame ...
_EDGE = re.compile(
    r"([1-9])?(?:st|nd|rd|th)?(first|second|third)?(?:me)?([1-9])?"
    r"(onset|offset)([1-9])?(?:f|frames?)?([1-9])?"
)
_ORDINALS = {"first": 1, "second": 2, "third": 3}
_GARBAGE_FROM = 3


@dataclass(frozen=True)
class _Table:
    """A sheet with onsets: its header's index and each field's column.

    ``faults`` are headings of onsets or offsets that cannot be read, each with the reason.
    """

    header: int
    columns: dict[str, int]
    faults: tuple[tuple[str, str], ...] = ()

    @property
    def pairs(self) -> list[int]:
        """The numbers of the pairs of columns: 1, 2 and perhaps more."""
        return sorted(int(f.removeprefix("onset")) for f in self.columns if f.startswith("onset"))


def _find_table(rows: Sequence[Row]) -> _Table | None:
    """The table of recordings with onsets in a sheet; None if it has none."""
    found = find_header(rows, _FIELDS, _NEEDED)
    if found is None:
        return None
    header, columns = found
    faults = []
    for column, cell in enumerate(rows[header]):
        if column in columns.values() or not like_frame_heading(cell):
            continue
        field = _edge(cell)
        if field is None:
            faults.append((as_text(cell), "looks like one of onsets or offsets and is not known"))
        elif field in columns:
            faults.append((as_text(cell), "stands for a column that is there already"))
        else:
            columns[field] = column
    for field in list(columns):
        edge, number = field[:-1], field[-1]
        other = {"onset": "offset", "offset": "onset"}.get(edge)
        if other is not None and other + number not in columns:
            faults.append((as_text(rows[header][columns[field]]), "has no partner"))
    table = _Table(header, columns, tuple(faults))
    return table if table.pairs or faults else None


def _edge(heading: Cell) -> str | None:
    """The field of a heading of onsets or offsets, such as ``offset2``; None if it is none."""
    found = _EDGE.fullmatch(plain(heading))
    if found is None:
        return None
    numbers = [found[i] for i in (1, 3, 5, 6) if found[i]]
    numbers += [str(_ORDINALS[found[2]])] if found[2] else []
    return f"{found[4]}{numbers[0] if numbers else 1}" if len(numbers) <= 1 else None


@dataclass(frozen=True)
class SmicE(LabelledSet):
    """SMIC-E, one camera: a workbook and folders of images (25 or 100 frames/s)."""

    citation: ClassVar[str] = (
        "X. Li, T. Pfister, X. Huang, G. Zhao, M. Pietikäinen: A Spontaneous Micro-expression "
        "Database: Inducement, Collection and Baseline. FG 2013. Extended recordings: T.-K. Tran, "
        "X. Hong, G. Zhao: Sliding Window Based Micro-expression Spotting: A Benchmark. ACIVS "
        "2017."
    )
    licence: ClassVar[str] = (
        "Research only, by agreement with the University of Oulu; no redistribution."
    )
    how_to_get: ClassVar[str] = (
        "Ask the Center for Machine Vision and Signal Analysis of the University of Oulu for SMIC; "
        "a licence agreement has to be signed. The set needed here is the extended one for "
        "spotting, SMIC-E, with its annotation workbook."
    )
    CAMERA: ClassVar[str] = ""
    UNLISTED_BELONG: ClassVar[bool] = False
    RULES: ClassVar[Rules] = Rules(onset_zero_is_start=False)
    OWN_TRAPS: ClassVar[dict[str, str]] = {
        "first-missing": "FirstF is no number: the first image gives it; without images LastF and "
        "TotalVL do, else the number in its text; else the row is dropped",
        "first-wrong": "FirstF puts the expression outside the recording: the first image gives "
        "it; without images LastF and TotalVL do where they agree with the expression",
        "third-me-garbage": "a third micro-expression that ends before it begins or lies outside "
        "the recording: dropped",
        "second-me-first": "a later column holds the earlier micro-expression: sorted",
        "repeated-recording": "a recording in two different rows: their expressions are joined",
        "non-micro-sheet": "a recording listed in another sheet as one without micro-expressions",
    }

    def parse(self, book: Workbook) -> Parsed:
        """Both kinds of sheets of the camera."""
        tables = {
            name: found
            for name, rows in book.sheets.items()
            if (found := _find_table(rows)) is not None
        }
        if not tables:
            raise no_table(
                book, "an annotation workbook of SMIC-E", ("Filename", "OnsetF", "FirstF")
            )
        chosen = self._own(book, tables)
        parsed = Parsed()
        table = tables[chosen]
        if table.faults:
            heading, reason = table.faults[0]
            raise UnreadableInput(
                f"{book.path}: sheet {chosen!r}, heading {heading!r}: {reason}; write the pairs as "
                "OnsetF and OffsetF, Onset2F and Offset2F, or remove the column"
            )
        rows = book.sheets[chosen]
        seen: set[tuple[str, ...]] = set()
        n_rows = 0
        for line in lines(rows, table.header, table.columns):
            cells = tuple(as_text(cell) for cell in rows[line.number - 1])
            if not _NAME.fullmatch(line.text("name")):
                _no_recording(parsed, line, cells, chosen)
                continue
            n_rows += 1
            if cells in seen:
                parsed.drop(line.number, line.text("name"), "duplicate-row", sheet=chosen)
                continue
            seen.add(cells)
            _read_row(parsed, line, chosen, table.pairs)
        for name, others in book.sheets.items():
            if name != chosen and _camera(name) in ("", self.CAMERA):
                _without_micro(parsed, others, name, tables.get(name))
        most = table.pairs[-1]
        three = {1: "one", 2: "two", 3: "three"}.get(most, str(most))
        unique = len({e.recording for e in parsed.events})
        parsed.variant = (
            f"sheet {chosen!r}: {n_rows} rows of {unique} recordings, columns for {three} "
            f"micro-expression{'s' if most > 1 else ''}"
        )
        return parsed

    def _own(self, book: Workbook, names: Iterable[str]) -> str:
        """The sheet of this camera, else one that names none: another's runs at another rate."""
        whole = _camera(book.path.stem)
        for camera in (self.CAMERA, "") if whole in ("", self.CAMERA) else (self.CAMERA,):
            for name in names:
                if _camera(name) == camera:
                    return name
        others = sorted({_camera(name) or whole for name in names})
        raise UnreadableInput(
            f"{book.path}: holds the camera {' and '.join(others)}, not {self.CAMERA}; read it as "
            f"{' or '.join(f'smic-{o.lower()}-e' for o in others)}"
        )

    def refine(self, parsed: Parsed, places: Mapping[str, Place]) -> None:
        """Third expressions that cannot be, and expressions that stand there twice."""
        kept = []
        for event in parsed.events:
            onset, offset = as_number(event.onset), as_number(event.offset)
            known = parsed.recordings[event.recording]
            first, n = known.first or 0, known.n_frames
            sound = (
                onset is not None
                and offset is not None
                and first <= onset <= offset
                and (n is None or known.first is None or offset < first + n)
            )
            if int(event.event[0]) >= _GARBAGE_FROM and not sound:
                cells = f"{as_text(event.onset) or '-'} {as_text(event.offset) or '-'}"
                parsed.drop(event.row, event.recording, "third-me-garbage", cells, event.sheet)
            else:
                kept.append(event)
        parsed.events = kept
        without_duplicates(parsed)

    def recording_of(self, folder: Path) -> tuple[str, str] | None:
        """``…/s01/s1_ne_01`` of this camera: the nearest camera named on the path counts."""
        found = _NAME.fullmatch(folder.name)
        if not found:
            return None
        named = [c for part in folder.parts[:-1] if (c := _camera(part))]
        if named and named[-1] != self.CAMERA:
            return None
        return folder.name.lower(), f"s{int(found[1]):02d}"


def _camera(text: str) -> str:
    """The camera that a name of a sheet or folder holds as a word; empty if none."""
    words = {word.upper() for word in re.split(r"[^A-Za-z]+", text)}
    return next((camera for camera in CAMERAS if camera in words), "")


def _no_recording(parsed: Parsed, line: Line, cells: Sequence[str], sheet: str) -> None:
    """A row whose Filename is no recording: a remark below the table, or something unexpected."""
    text = " ".join(cell for cell in cells if cell)[:60]
    if as_number(line.cells.get("onset1")) is None:
        parsed.drop(line.number, "", "text-row", text, sheet)
    else:
        parsed.not_understood(line.number, sheet, text, "no recording is named")


def _read_row(parsed: Parsed, line: Line, sheet: str, pairs: Sequence[int]) -> None:
    """One recording with its micro-expressions; ``pairs`` are the numbers of their columns."""
    name = line.text("name").lower()
    found = _NAME.fullmatch(name)
    assert found is not None
    number = as_number(line.cells.get("subject"))
    if number is not None and number != int(found[1]):
        parsed.problems.append(
            f"sheet {sheet!r}, row {line.number}: subject {number} in a row of recording {name!r}"
        )
    last, total = (as_number(line.cells.get(c)) for c in ("last", "total"))
    first, code = _first(line, pairs, last, total)
    length = last - first + 1 if first is not None and last is not None else total
    if name in parsed.recordings:
        parsed.traps["repeated-recording"] += 1
    parsed.recordings[name] = SheetRecording(
        name, f"s{int(found[1]):02d}", None if first is None else int(first),
        None if length is None or length < 1 else int(length),
    )  # fmt: skip
    labels = {e.event for e in parsed.events if e.recording == name}
    onsets: list[float] = []
    for column in map(str, pairs):
        onset, offset = line.cells.get(f"onset{column}"), line.cells.get(f"offset{column}")
        if onset in (None, 0) and offset in (None, 0):
            continue
        label = column
        while label in labels:
            label += "+"
        codes: tuple[str, ...] = (code,) if code else ()
        if onsets and (as_number(onset) or 0) < max(onsets):
            codes += ("second-me-first",)
        parsed.events.append(
            RawEvent(name, label, line.number, onset, None, offset, "micro", {}, codes, sheet)
        )
        onsets.append(as_number(onset) or 0)


def _first(
    line: Line, pairs: Sequence[int], last: float | None, total: float | None
) -> tuple[int | float | None, str]:
    """The number of the first image, and a code where FirstF itself does not give it.

    Text such as ``MISSING <-426679`` stands where it was lost: the last image and the length give
    it back, else the number in the text. The last image and the length also count where FirstF puts
    an expression outside the recording and they do not.
    """
    cell = line.cells.get("first")
    number = as_number(cell)
    by_last = last - total + 1 if last is not None and total is not None and total >= 1 else None
    if number is None:
        found = re.search(r"[0-9]+", as_text(cell))
        in_text = int(found[0]) if found else None
        return in_text if by_last is None else by_last, "first-missing"
    onset = as_number(line.cells.get(f"onset{pairs[0]}"))
    if by_last is None or total is None or last is None or onset is None:
        return number, ""
    if not number <= onset < number + total and by_last <= onset <= last:
        return by_last, "first-wrong"
    return number, ""


def _without_micro(parsed: Parsed, rows: Sequence[Row], sheet: str, table: _Table | None) -> None:
    """Recordings named in a further sheet; onsets in it are not read, and are a problem."""
    labelled: set[str] = set()
    if table is not None:
        labelled = {
            line.text("name").lower()
            for line in lines(rows, table.header, table.columns)
            if any(as_text(line.cells.get(f"onset{n}")) not in ("", "0") for n in table.pairs)
        }
    unread = any(_edge(cell) for row in rows for cell in row) if table is None else table.faults
    if labelled or unread:
        parsed.problems.append(
            f"sheet {sheet!r}: holds onsets beside the sheet that is read: they are not read"
        )
    if unread:
        return
    fields = {key: names for key, names in _FIELDS.items() if key in ("first", "last", "total")}
    header = find_header(rows, {**fields, "name": _FIELDS["name"]}, ("name",))
    columns = header[1] if header else {}
    for row in rows:
        found = next((m for c in row if (m := _NAME.fullmatch(as_text(c)))), None)
        if found is None or found[0].lower() in {*parsed.recordings, *labelled}:
            continue
        cells = {
            f: as_number(row[c]) if c < len(row) else None
            for f, c in columns.items()
            if f != "name"
        }
        first, last = cells.get("first"), cells.get("last")
        total = cells.get("total") if first is None or last is None else last - first + 1
        parsed.recordings[found[0].lower()] = SheetRecording(
            found[0].lower(), f"s{int(found[1]):02d}", None if first is None else int(first),
            None if total is None or total < 1 else int(total),
        )  # fmt: skip
        parsed.traps["non-micro-sheet"] += 1
