"""From the rows of a sheet, as they stand, to expressions in frames from 0.

A sheet's numbers are those of images: the frame of number n is n minus the number of the
recording's first image. Rows that are wrong in a known way are repaired or dropped, each under a
named code; a repaired expression carries its codes in ``attributes["status"]``.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from mespot.datasets.workbooks import Cell, as_number, as_text
from mespot.inspection import Dropped, SheetRecording
from mespot.types import Expression

GENERAL_TRAPS = {
    "apex-zero": "apex 0: the apex is unknown",
    "apex-minus-one": "apex -1: the apex is unknown",
    "apex-slash": "/ for an apex: the apex is unknown",
    "apex-text": "another text for an apex: the apex is unknown",
    "apex-before-onset": "apex before the onset: the apex is unknown",
    "onset-zero": "onset 0: under way when the recording begins: the first image is the onset",
    "onset-missing": "an empty or negative onset: the apex is taken as onset",
    "offset-zero": "offset 0, empty or negative: the apex is taken as offset",
    "offset-before-apex": "offset before the apex: the offset is kept and the apex unknown",
    "offset-before-onset": "offset before the onset: the row is dropped",
    "fractional-frame": "a frame that is no whole number: the nearest is taken, halves upwards",
    "no-interval": "neither onset and offset nor an apex in their place: the row is dropped",
    "before-start": "the onset is before the first image: the first image is taken",
    "past-end": "the offset is past the last image: the last image is taken",
    "outside-recording": "the whole expression lies outside the images: the row is dropped",
    "duplicate-row": "the same row twice: the second is dropped",
    "text-row": "a row of text below the table: dropped",
    "erratum": "corrected by the list of errata",
}
"""Codes that every sheet can meet, each with what is done."""
TEXT_FRAME = "text-frame"
"""A text for an onset or offset, dropped: no known oddity, since nobody knows what it means."""


@dataclass(frozen=True)
class RawEvent:
    """One expression as it stands in the sheet, cells untouched.

    ``event`` is its label within the recording, ``row`` the row of the sheet (from 1), ``codes``
    what was already noticed about it.
    """

    recording: str
    event: str
    row: int
    onset: Cell
    apex: Cell
    offset: Cell
    kind: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    codes: tuple[str, ...] = ()
    sheet: str = ""


@dataclass(frozen=True)
class Misread:
    """A row that looks like an expression and is not understood: a problem, with its reason."""

    row: int
    sheet: str
    reason: str
    text: str


@dataclass
class Parsed:
    """What a data set's own reader found in a workbook: rows as they are, nothing repaired yet.

    ``rows`` is how many expressions of each kind the sheet lists, the impossible ones among them.
    """

    variant: str = ""
    recordings: dict[str, SheetRecording] = field(default_factory=dict)
    events: list[RawEvent] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)
    traps: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    misread: list[Misread] = field(default_factory=list)
    rows: Counter[str] = field(default_factory=Counter)

    def drop(self, row: int, recording: str, code: str, cells: str = "", sheet: str = "") -> None:
        """Note a row that is not used."""
        self.dropped.append(Dropped(row, recording, code, cells, sheet))

    def not_understood(
        self, row: int, sheet: str, text: str, reason: str = "not understood"
    ) -> None:
        """Note a row that cannot be read although it looks like one of an expression."""
        self.misread.append(Misread(row, sheet, reason, text))


@dataclass(frozen=True)
class Place:
    """Where a recording's frames begin: the number of its first image, and how many there are."""

    first: int | None
    n_frames: int | None = None


@dataclass(frozen=True)
class Rules:
    """What the numbers of a data set's sheet mean where they are no plain interval.

    Attributes
    ----------
    apex_for_offset : bool
        An offset before the onset is taken to be the apex if that lies after the onset; otherwise
        such a row is dropped.
    onset_zero_is_start : bool
        Onset 0 means that the movement is under way in the first image. False where image numbers
        are a camera's counter: 0 is then an empty cell.
    """

    apex_for_offset: bool = False
    onset_zero_is_start: bool = True


_PLAIN_RULES = Rules()


def settle(
    events: Iterable[RawEvent], places: Mapping[str, Place], rules: Rules = _PLAIN_RULES
) -> tuple[dict[str, tuple[Expression, ...]], list[Dropped]]:
    """Expressions by recording, sorted by onset, and what was dropped."""
    kept: dict[str, list[Expression]] = {}
    dropped: list[Dropped] = []
    for event in events:
        place = places.get(event.recording, Place(1))
        found = _expression(event, place, rules)
        if isinstance(found, Expression):
            kept.setdefault(event.recording, []).append(found)
        else:
            cells = " ".join(as_text(c) or "-" for c in (event.onset, event.apex, event.offset))
            dropped.append(
                Dropped(event.row, event.recording, found, f"{event.kind} {cells}", event.sheet)
            )
    ordered = {
        name: tuple(sorted(found, key=lambda e: (e.onset, e.offset)))
        for name, found in kept.items()
    }
    return ordered, dropped


def _expression(event: RawEvent, place: Place, rules: Rules) -> Expression | str:
    """The expression of a row, or the code under which it is dropped."""
    codes = list(event.codes)
    if any(_is_text(cell) for cell in (event.onset, event.offset)):
        return TEXT_FRAME
    onset, apex, offset = _numbers(event, codes)
    if onset is None and offset is not None:
        if rules.onset_zero_is_start and as_number(event.onset) == 0:
            onset = 0
            codes.append("onset-zero")
        elif apex is not None:
            onset = apex
            codes.append("onset-missing")
    if offset is None and apex is not None and onset is not None:
        offset = apex
        codes.append("offset-zero")
    if onset is None or offset is None:
        return "no-interval"
    if offset < onset:
        if not (rules.apex_for_offset and apex is not None and apex >= onset):
            return "offset-before-onset"
        offset = apex
        codes.append("offset-before-apex")
    if apex is not None and not onset <= apex <= offset:
        codes.append("apex-before-onset" if apex < onset else "offset-before-apex")
        apex = None
    if place.first is None:
        return "first-missing"
    return _placed((onset, apex, offset), event, place, codes)


def _is_text(cell: Cell) -> bool:
    """Whether a cell holds something that is no number."""
    return isinstance(cell, str) and as_number(cell) is None


def _placed(
    numbers: tuple[int, int | None, int], event: RawEvent, place: Place, codes: list[str]
) -> Expression | str:
    """The expression in frames from 0, cut at the first and the last image."""
    assert place.first is not None
    onset, offset = numbers[0] - place.first, numbers[2] - place.first
    apex = None if numbers[1] is None else numbers[1] - place.first
    if offset < 0 or (place.n_frames is not None and onset >= place.n_frames):
        return "outside-recording"
    if onset < 0:
        onset = 0
        if "onset-zero" not in codes:
            codes.append("before-start")
    if place.n_frames is not None and offset >= place.n_frames:
        offset = place.n_frames - 1
        codes.append("past-end")
    if apex is not None and not onset <= apex <= offset:
        apex = None
    attributes = dict(event.attributes)
    if codes:
        attributes["status"] = " ".join(dict.fromkeys(codes))
    return Expression(onset, apex, offset, event.kind, None, attributes)


def _numbers(event: RawEvent, codes: list[str]) -> tuple[int | None, int | None, int | None]:
    """Onset, apex and offset as whole numbers of images; None where the sheet has none."""
    apex_cell = event.apex
    apex = as_number(apex_cell)
    if isinstance(apex_cell, str) and apex is None:
        codes.append("apex-slash" if apex_cell == "/" else "apex-text")
    elif apex is not None and apex <= 0:
        codes.append("apex-zero" if apex == 0 else "apex-minus-one")
    values = []
    for cell in (event.onset, apex, event.offset):
        number = as_number(cell)
        if number is not None and not (number > 0 and math.isfinite(number)):
            number = None
        if isinstance(number, float) and not number.is_integer():
            codes.append("fractional-frame")
        values.append(None if number is None else math.floor(number + 0.5))
    return values[0], values[1], values[2]


_LISTED = 5


def misread_lines(rows: Sequence[Misread]) -> list[str]:
    """A line for every row, or one for all rows of a sheet with the same reason if many are."""
    groups: dict[tuple[str, str], list[Misread]] = {}
    for row in rows:
        groups.setdefault((row.sheet, row.reason), []).append(row)
    lines = []
    for (sheet, reason), found in groups.items():
        if len(found) > _LISTED:
            first = found[0]
            lines.append(
                f"sheet {sheet!r}: {len(found)} rows: {reason}; the first is row {first.row}: "
                f"{first.text}"
            )
        else:
            lines += [f"sheet {sheet!r}, row {r.row}: {reason}: {r.text}" for r in found]
    return lines


def dropped_lines(rows: Sequence[Dropped]) -> list[str]:
    """Rows that no known oddity explains: a line for each, or one for all of a code if many are."""
    lines = []
    for code in dict.fromkeys(d.code for d in rows):
        found = [d for d in rows if d.code == code]
        if len(found) > _LISTED:
            lines.append(f"{len(found)} rows dropped, {code}; the first: {found[0]}")
        else:
            lines += [f"row dropped: {d}" for d in found]
    return lines


def count_traps(
    parsed: Parsed, events: Mapping[str, Sequence[Expression]], dropped: Sequence[Dropped]
) -> dict[str, int]:
    """Code -> number of rows: of what the reader noted, what was repaired, what was dropped."""
    traps = Counter(parsed.traps)
    traps.update(d.code for d in (*parsed.dropped, *dropped))
    for found in events.values():
        for expression in found:
            traps.update(expression.attributes.get("status", "").split())
    return dict(sorted(traps.items()))


def without_duplicates(parsed: Parsed) -> None:
    """Drop every event that repeats another of its recording in all its cells."""
    seen: set[tuple[object, ...]] = set()
    kept = []
    for e in parsed.events:
        key = (e.recording, e.kind, as_text(e.onset), as_text(e.apex), as_text(e.offset))
        if key in seen:
            cells = " ".join(as_text(c) or "-" for c in (e.onset, e.apex, e.offset))
            parsed.drop(e.row, e.recording, "duplicate-row", f"{e.kind} {cells}", e.sheet)
        else:
            seen.add(key)
            kept.append(e)
    parsed.events = [replace(e) for e in kept]
