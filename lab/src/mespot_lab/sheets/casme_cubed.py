"""The label sheet of CAS(ME)^3, part A, for synthetic recordings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from mespot.datasets.shapes import CASME_CUBED as SHAPE
from mespot.types import Expression
from mespot_lab.sheets import Plan, PlannedRecording
from mespot_lab.sheets.rows import Cell, Entry, Rows, entries, settled, spoil, write_xls

__all__ = ["IRREGULARITIES", "SHAPE", "frame_path", "impossible", "planned", "write_sheet"]

IRREGULARITIES = {"offset-before-onset": 10, "micro-too-long": 1, "filename-case": 400}

# Frames of the endless micro-expression, and how far the worst offset lies before its onset.
_ENDLESS, _FARTHEST = 3456, 2326
_LETTERS = "abcdefghijklm"
# Most recordings begin with image 1, some with a later one.
_LATE_START, _LATE_EVERY = 175, 9


def planned(
    subject: int, recording: int, n_frames: int, expressions: Sequence[Expression]
) -> PlannedRecording:
    """``spNO.1_a``: the person and the letter of the film, at most thirteen."""
    person, letter = f"spNO.{subject + 1}", _LETTERS[recording]
    first = _LATE_START if (subject + recording) % _LATE_EVERY == 4 else 1
    return PlannedRecording(person, f"{person}_{letter}", n_frames, tuple(expressions), first=first)


def frame_path(recording: PlannedRecording, i: int) -> Path:
    """``part_A/spNO.1/a/color/175.jpg``, without leading zeros."""
    letter = recording.name.rsplit("_", 1)[1]
    return Path("part_A", recording.subject, letter, "color", f"{recording.first + i}.jpg")


def impossible(plan: Plan) -> Mapping[str, int]:
    """Rows by kind that cannot be and that ``write_sheet`` adds to those of the plan."""
    rows = entries(plan, ("micro", "macro"))
    return Counter(entry.kind for entry in _spoil(rows, plan, IRREGULARITIES))


def write_sheet(
    root: Path, plan: Plan, irregularities: bool = True
) -> tuple[PlannedRecording, ...]:
    """Write ``annotation/part_A_v2.xls``: sheets ``AU+Emotion`` and ``eye blink``.

    With ``irregularities``, some rows are added that cannot be: offsets before their onsets, and a
    micro-expression of thousands of frames. Raises UsageError if xlwt is not installed.
    """
    rows = entries(plan, ("micro", "macro"))
    added = _spoil(rows, plan, IRREGULARITIES if irregularities else {})
    head = ["Subject", "Filename", "Onset", "Apex", "Offset"]
    table: list[list[Cell]] = [[*head, "AU", "Expression type", "Objective class"]]
    table += [
        [*_cells(e), e.action_units, f"{e.kind.capitalize()}-expression", "I"]
        for e in (*rows, *added)
    ]
    blinks = entries(plan, ("blink",))
    sheets: dict[str, Rows] = {"AU+Emotion": table, "eye blink": [head, *map(_cells, blinks)]}
    write_xls(Path(root) / "annotation" / "part_A_v2.xls", sheets)
    return settled(plan, [*rows, *blinks])


def _spoil(rows: list[Entry], plan: Plan, odd: Mapping[str, int]) -> list[Entry]:
    """Write letters large, and return the impossible rows: one micro-expression that is endless,
    and expressions that end before they begin, of which one is a micro-expression if there are
    several. About 858 micro-expressions are in use, of 860 rows: hence no more of them.
    """
    share = len(plan) / SHAPE.recordings
    for entry in spoil(rows, "filename-case", odd, share):
        entry.odd = "capital"
    added: list[Entry] = []
    for host in spoil(rows, "offset-before-onset", odd, share):
        kind = "micro" if len(added) == 1 else "macro"
        backwards = (host.offset + 30, host.offset + 34, max(1, host.offset - 20))
        added.append(Entry(host.recording, None, *backwards, kind))
    if added:
        # The worst one needs room: it goes into the longest recording.
        longest = max(plan, key=lambda r: r.n_frames)
        last = longest.first + longest.n_frames - 1
        worst = (last, last, max(longest.first, last - _FARTHEST))
        added[0] = Entry(longest, None, *worst, "macro")
    for host in spoil(rows, "micro-too-long", odd, share):
        endless = (host.onset, host.onset + 9, host.onset + _ENDLESS - 1)
        added.append(Entry(host.recording, None, *endless, "micro"))
    return added


def _cells(entry: Entry) -> list[Cell]:
    letter = entry.recording.name.rsplit("_", 1)[1]
    return [
        entry.recording.subject, letter.upper() if entry.odd == "capital" else letter,
        entry.onset, entry.apex, entry.offset,
    ]  # fmt: skip
