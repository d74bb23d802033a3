"""What a person decided about spots: kept when spots are written again, heeded when they are read.

Merging is three-way. ``offered`` is what mespot wrote into events.csv before, ``standing`` is what
stands there now, ``fresh`` is what was spotted. A standing row that equals an offered one is
untouched; every other row is a person's. An offered spot without an untouched row was judged,
moved or deleted by a person, so it is not offered again.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mespot.exports.csv import EventRow
from mespot.sheet import RecordingRow
from mespot.types import Expression

UNSEEN = "unseen"
"""Status of a spot that nobody has looked at."""

REJECTED = "rejected"
"""Status of an event that a person holds to be none."""

SAME = 0.5
"""From this IoU on, a fresh spot is taken for the event that a person has decided on."""

_NEAR = 1e-3


def is_rejected(event: Expression) -> bool:
    """Whether a person rejected the event; case and blanks around the status do not matter."""
    return event.attributes.get("status", "").strip().lower() == REJECTED


def without_rejected(
    events: Mapping[str, Sequence[Expression]],
) -> tuple[dict[str, list[Expression]], int]:
    """The events by recording without the rejected ones, and how many of these there were."""
    left = {name: [e for e in found if not is_rejected(e)] for name, found in events.items()}
    return left, sum(map(len, events.values())) - sum(map(len, left.values()))


def rejected_line(where: object, rejected: int, events: int) -> str:
    """The line that reports how many events were left out."""
    return f"{where}: {rejected} of {events} events are left out, their status is {REJECTED}"


@dataclass(frozen=True)
class Merged:
    """The rows to write.

    Attributes
    ----------
    rows : list of EventRow
        In the order in which they stand; fresh ones by onset among those of their recording.
    kept : list of EventRow
        The rows among them that are a person's.
    spent : list of EventRow
        Offered spots that a person judged, moved or deleted. With the fresh ones they are what
        counts as offered from now on.
    """

    rows: list[EventRow]
    kept: list[EventRow]
    spent: list[EventRow]


def merge(
    standing: Sequence[EventRow], offered: Sequence[EventRow], fresh: Sequence[EventRow]
) -> Merged:
    """Bring ``fresh`` spots into the ``standing`` rows without touching what a person decided.

    A person's rows stay as they are. An untouched row stays if its spot is among the fresh ones,
    with equal numbers; else it goes. A fresh spot that stands nowhere is added, unless it overlaps
    a person's row or a spent spot of its recording by IoU 0.5 or more. Merging the result again
    changes nothing.
    """
    spent = _by_recording(offered)
    unplaced = _by_recording(fresh)
    rows: list[EventRow] = []
    kept, places = [], _Places()
    for row in standing:
        spot = _take(spent[row.recording], [untouched(row, s) for s in spent[row.recording]])
        stays = spot is None
        if spot is None:
            kept.append(row)
        else:
            # The file may show a rounded score: what decides is the spot as it was offered.
            again = unplaced[row.recording]
            stays = _take(again, [s.cells == spot.cells for s in again]) is not None
        places.note(row, len(rows))
        if stays:
            rows.append(row)
    blockers = _by_recording(kept)
    for name, spots in spent.items():
        blockers[name] += spots
    added = [
        row
        for name, found in unplaced.items()
        for row in found
        if not any(_iou(row.expression, b.expression) >= SAME for b in blockers[name])
    ]
    return Merged(places.filled(rows, added), kept, [s for found in spent.values() for s in found])


class _Places:
    """Where the rows of each recording stand or stood: fresh ones go to the same place."""

    def __init__(self) -> None:
        self._of: dict[str, list[tuple[int, int]]] = defaultdict(list)

    def note(self, row: EventRow, index: int) -> None:
        """Remember that a row stands, or a row that went stood, before ``rows[index + 1]``."""
        self._of[row.recording].append((row.expression.onset, index))

    def filled(self, rows: Sequence[EventRow], added: Iterable[EventRow]) -> list[EventRow]:
        """``rows`` with the added ones in: before the next later row of their recording."""
        before: dict[int, list[EventRow]] = defaultdict(list)
        for row in added:
            before[self._index(row, rows)].append(row)
        result: list[EventRow] = []
        for index in range(len(rows) + 1):
            result += before[index]
            result += rows[index : index + 1]
        return result

    def _index(self, row: EventRow, rows: Sequence[EventRow]) -> int:
        places = self._of[row.recording]
        later = [index for onset, index in places if onset > row.expression.onset]
        if later:
            return min(later)
        if not places:
            return len(rows)
        last = max(index for _, index in places)
        return last + (last < len(rows) and rows[last].recording == row.recording)


def merge_recordings(
    standing: Sequence[RecordingRow], offered: Sequence[RecordingRow], fresh: Sequence[RecordingRow]
) -> list[RecordingRow]:
    """The rows of recordings.csv: standing ones in their order, then those that are new.

    Subject, data set and further columns of a standing row stay, and so do rows of other
    recordings. Path, rate and length of a recording are brought up to date, except where a person
    wrote another value than the one mespot ``offered`` before.
    """
    before = {row.id: row for row in offered}
    new = {row.id: row for row in fresh}
    rows = [
        _up_to_date(row, before.get(row.id), new.pop(row.id)) if row.id in new else row
        for row in standing
    ]
    return [*rows, *new.values()]


def _up_to_date(
    standing: RecordingRow, offered: RecordingRow | None, fresh: RecordingRow
) -> RecordingRow:
    def value(name: str) -> Any:
        stands = getattr(standing, name)
        untouched = stands in ("", None) or (
            offered is not None and stands == getattr(offered, name)
        )
        return getattr(fresh, name) if untouched else stands

    return replace(standing, **{name: value(name) for name in ("path", "fps", "n_frames")})


def _by_recording(rows: Iterable[EventRow]) -> dict[str, list[EventRow]]:
    grouped: dict[str, list[EventRow]] = defaultdict(list)
    for row in rows:
        grouped[row.recording].append(row)
    return grouped


def _take(spots: list[EventRow], fits: Sequence[bool]) -> EventRow | None:
    """The first spot that fits, removed from ``spots``."""
    return spots.pop(fits.index(True)) if True in fits else None


def untouched(row: EventRow, spot: EventRow) -> bool:
    """Whether a row of the file still shows the spot as mespot wrote it.

    Columns that the file does not have are not compared. Scores and seconds may be rounded, as
    spreadsheets do. Any text in a foreign column is a person's.
    """
    a, b = row.expression, spot.expression
    if (a.onset, a.apex, a.offset, a.kind) != (b.onset, b.apex, b.offset, b.kind):
        return False
    status = row.cells.get("status", UNSEEN).strip().lower()
    foreign = (v for k, v in a.attributes.items() if k != "status")
    if status != UNSEEN or any(v.strip() for v in foreign):
        return False
    if row.cells.get("subject", "").strip() != spot.cells.get("subject", "").strip():
        return False
    if "score" in row.cells and not _near(a.score, b.score):
        return False
    return all(_near(time, spot.times_s.get(part)) for part, time in row.times_s.items())


def _near(a: float | None, b: float | None) -> bool:
    if a is None or b is None:
        return a is b
    return math.isclose(a, b, rel_tol=_NEAR, abs_tol=_NEAR)


def _iou(a: Expression, b: Expression) -> float:
    """Shared frames over all frames of both intervals."""
    shared = min(a.offset, b.offset) - max(a.onset, b.onset) + 1
    return max(shared, 0) / (a.n_frames + b.n_frames - max(shared, 0))
