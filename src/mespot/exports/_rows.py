"""Rows and what they mean: the columns of events.csv and recordings.csv, also used by JSON."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mespot.errors import UnreadableInput
from mespot.exports.cells import Cells, seconds, to_text
from mespot.sheet import POINT, UNKNOWN_KIND, RecordingRow, Sheet
from mespot.types import KINDS, Expression, Recording

EVENT_COLUMNS = (
    "recording", "subject", "onset", "apex", "offset", "kind", "score",
    "onset_s", "apex_s", "offset_s", "status",
)  # fmt: skip
RECORDING_COLUMNS = ("recording", "subject", "path", "fps", "n_frames")
RECORDING_KNOWN = (*RECORDING_COLUMNS, "dataset")
_FRAMES = ("onset", "apex", "offset")
_RESERVED = frozenset(EVENT_COLUMNS) - {"status"}


def check_event_columns(where: object, columns: Sequence[str]) -> None:
    """Raise UnreadableInput unless there are recording, onset, offset, or recording, apex."""
    have = set(columns)
    if {"recording", "onset", "offset"} <= have or {"recording", "apex"} <= have:
        return
    hint = " (this looks like a list of recordings)" if {"fps", "n_frames"} & have else ""
    raise UnreadableInput(
        f"{where}: events need the columns recording, onset, offset, or recording, apex; "
        f"found {_listing(columns)}{hint}"
    )


def check_recording_columns(where: object, columns: Sequence[str]) -> None:
    """Raise UnreadableInput unless there is a column recording and the table lists recordings."""
    if "recording" not in columns:
        raise UnreadableInput(
            f"{where}: a list of recordings needs the column recording; found {_listing(columns)}"
        )
    if {"onset", "offset"} <= set(columns) and not {"path", "fps", "n_frames"} & set(columns):
        raise UnreadableInput(f"{where}: holds events, not a list of recordings")


def _listing(columns: Sequence[str]) -> str:
    shown = ", ".join(columns[:12]) + (" ..." if len(columns) > 12 else "")
    return repr(shown[:200])


def parse_events(
    rows: Iterable[Cells],
    problems: list[str],
    recordings: Iterable[Recording | RecordingRow] | None = None,
) -> Sheet:
    """Events of rows of cells; everything wrong is added to ``problems``, row by row.

    Where no row names a kind, all are micro. Where some do, a row that does not is ``other`` and
    marked. A row with an apex alone is a point event, marked. With ``recordings``, an event of a
    recording that is not among them, or past its end, is a problem.
    """
    rows = list(rows)
    named = any(row.text("kind") for row in rows)
    given = None if recordings is None else {r.id: RecordingRow.of(r) for r in recordings}
    seen = dict(given or {})
    events: dict[str, list[Expression]] = {}
    times: dict[str, dict[int, float]] = {}
    for row in rows:
        name = row.text("recording")
        if not name:
            row.wrong("recording", "is empty")
            continue
        expression = _expression(row, named)
        if given is None:
            _note_subject(row, name, seen)
        else:
            _check_listed(row, name, expression, given)
        if expression is not None:
            events.setdefault(name, []).append(expression)
            times.setdefault(name, {}).update(_times(row, expression))
    return Sheet(events, tuple(seen.values()), {n: t for n, t in times.items() if t}, named)


def _expression(row: Cells, named: bool) -> Expression | None:
    """The expression of a row, or None with the problem noted."""
    before = len(row.problems)
    onset, apex, offset = (row.whole(c) for c in _FRAMES)
    score = row.number("score")
    kind = row.text("kind").lower() or ("other" if named else "micro")
    if kind not in KINDS:
        row.wrong("kind", f"is none of {', '.join(KINDS)}")
    attributes = {k: v for k, v in row.cells.items() if k not in EVENT_COLUMNS}
    if row.text("status"):
        attributes["status"] = row.text("status")
    if named and not row.text("kind"):
        attributes[UNKNOWN_KIND] = ""
    if len(row.problems) > before:
        return None
    if onset is None and offset is None and apex is not None:
        onset = offset = apex
        attributes[POINT] = "yes"
    if onset is None or offset is None:
        missing = "offset" if onset is not None else "onset"
        row.wrong(missing, "is missing: an event needs onset and offset, or an apex alone")
        return None
    try:
        return Expression(onset, apex, offset, kind, score, attributes)
    except ValueError as error:
        row.problems.append(f"{row.where}: {error}")
        return None


def _check_listed(
    row: Cells, name: str, expression: Expression | None, given: Mapping[str, RecordingRow]
) -> None:
    """Note an event of an unlisted recording or past the end of a listed one."""
    if name not in given:
        close = difflib.get_close_matches(name, given, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        row.wrong("recording", f"is not among the listed recordings{hint}")
        return
    n_frames = given[name].n_frames
    if expression is not None and n_frames is not None and expression.offset >= n_frames:
        row.problems.append(
            f"{row.where}: offset {expression.offset} is past the end of recording {name!r}, "
            f"whose {n_frames} frames are 0 to {n_frames - 1}"
        )


def _note_subject(row: Cells, name: str, seen: dict[str, RecordingRow]) -> None:
    """Remember the subject that the events name for a recording; two for one are a problem."""
    subject = row.text("subject")
    known = seen.setdefault(name, RecordingRow(name, subject))
    if subject and not known.subject:
        seen[name] = RecordingRow(name, subject)
    elif subject and subject != known.subject:
        row.wrong("subject", f"differs from {known.subject!r}, given before for {name!r}")


def _times(row: Cells, expression: Expression) -> dict[int, float]:
    """The frame times that a row gives."""
    times = {}
    for column in _FRAMES:
        frame, value = getattr(expression, column), row.number(f"{column}_s")
        if frame is not None and value is not None:
            times[frame] = value
    return times


def event_rows(sheet: Sheet) -> list[dict[str, Any]]:
    """One mapping per event: the known columns and then, in order, the foreign ones.

    Attributes named ``onset_s``, ``apex_s``, ``offset_s`` are the times themselves and go before
    those of the sheet. ValueError for an attribute with the name of another known column.
    """
    known = sheet.rows
    return [
        _event_row(sheet, known[name], expression)
        for name, expressions in sheet.events.items()
        for expression in expressions
    ]


def _event_row(sheet: Sheet, recording: RecordingRow, e: Expression) -> dict[str, Any]:
    attributes = dict(e.attributes)
    times = {c: seconds(_time(sheet, recording.id, e, c, attributes)) for c in _FRAMES}
    point = attributes.pop(POINT, "") == "yes" and e.onset == e.apex == e.offset
    if point:
        times.update(onset=None, offset=None)
    unnamed = attributes.get(UNKNOWN_KIND) == "" and e.kind == "other"
    if attributes.get(UNKNOWN_KIND) == "":
        del attributes[UNKNOWN_KIND]
    clash = next((k for k in attributes if k.strip().lower() in _RESERVED or not k.strip()), None)
    if clash is not None:
        raise ValueError(f"an attribute cannot be named {clash!r}: that column is taken")
    return {
        "recording": recording.id,
        "subject": recording.subject or None,
        "onset": None if point else e.onset,
        "apex": e.apex,
        "offset": None if point else e.offset,
        "kind": None if unnamed else e.kind,
        "score": None if e.score is None else float(e.score),
        **{f"{c}_s": value for c, value in times.items()},
        "status": attributes.pop("status", None),
        **attributes,
    }


def _time(
    sheet: Sheet, recording: str, e: Expression, column: str, attributes: dict[str, str]
) -> float | None:
    """The time of the event's onset, apex or offset: its own attribute's, or the sheet's."""
    own = attributes.pop(f"{column}_s", "")
    return float(own) if own else sheet.time_s(recording, getattr(e, column))


def parse_recordings(rows: Iterable[Cells], problems: list[str]) -> list[RecordingRow]:
    """Recordings of rows of cells; everything wrong is added to ``problems``, row by row."""
    found: dict[str, RecordingRow] = {}
    for row in rows:
        name = row.text("recording")
        fps, n_frames = row.rate("fps"), row.whole("n_frames")
        if n_frames is not None and n_frames < 0:
            row.wrong("n_frames", "is negative")
        if not name:
            row.wrong("recording", "is empty")
        elif name in found:
            row.wrong("recording", "is listed twice")
        else:
            extra = {k: v for k, v in row.cells.items() if k not in RECORDING_KNOWN}
            found[name] = RecordingRow(
                name, row.text("subject"), row.text("path"), fps, n_frames, row.text("dataset"),
                extra,
            )  # fmt: skip
    return list(found.values())


def recording_rows(recordings: Iterable[Recording | RecordingRow]) -> list[dict[str, Any]]:
    """One mapping per recording: the known columns and then, in order, the foreign ones."""
    rows = [RecordingRow.of(r) for r in recordings]
    dataset = any(r.dataset for r in rows)
    return [
        {
            "recording": r.id, "subject": r.subject or None, "path": r.path or None,
            "fps": r.fps, "n_frames": r.n_frames, **({"dataset": r.dataset} if dataset else {}),
            **r.extra,
        }
        for r in rows
    ]  # fmt: skip


def columns_of(standard: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """The standard columns and every further one, in order of first appearance."""
    return list(dict.fromkeys([*standard, *(to_text(key) for row in rows for key in row)]))
