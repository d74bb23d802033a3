"""The release sheet of SAMM Long Videos for synthetic recordings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mespot.datasets.shapes import SAMM_LV as SHAPE
from mespot.types import Expression
from mespot_lab.sheets import Plan, PlannedRecording, nothing_impossible
from mespot_lab.sheets.rows import Cell, Entry, entries, settled, spoil, write_xlsx

__all__ = ["IRREGULARITIES", "SHAPE", "frame_path", "impossible", "planned", "write_sheet"]

IRREGULARITIES = {
    "fractional-frame": 143, "apex-minus-one": 20, "whole-recording": 2, "past-end": 2,
}  # fmt: skip

impossible = nothing_impossible

_FIRST_SUBJECT = 6
# Six of 147 recordings have five digits in place of four: one of every fifth person, among those
# first four that everybody has in a whole twin.
_OTHER_PADDING_EVERY, _EVERYBODYS = 5, 4


def planned(
    subject: int, recording: int, n_frames: int, expressions: Sequence[Expression]
) -> PlannedRecording:
    """``006_1``: the person and the number of the film."""
    person = f"{_FIRST_SUBJECT + subject:03d}"
    turn, rest = divmod(subject, _OTHER_PADDING_EVERY)
    padding = 5 if rest == 1 and recording == turn % _EVERYBODYS else 0
    name = f"{person}_{recording + 1}"
    return PlannedRecording(person, name, n_frames, tuple(expressions), padding=padding)


def frame_path(recording: PlannedRecording, i: int) -> Path:
    """``SAMM_longvideos/006_1/006_1_0001.jpg``; some recordings count with five digits."""
    number = f"{recording.first + i:0{recording.padding or 4}d}"
    return Path("SAMM_longvideos", recording.name, f"{recording.name}_{number}.jpg")


def write_sheet(
    root: Path, plan: Plan, irregularities: bool = True
) -> tuple[PlannedRecording, ...]:
    """Write ``SAMM_LongVideos_V2_Release.xlsx``: notes above, the header in row 10.

    With ``irregularities``, two recordings get a further macro-expression over their whole length.
    """
    odd = IRREGULARITIES if irregularities else {}
    rows = entries(plan, ("micro", "macro"))
    share = len(plan) / SHAPE.recordings
    _spoil(rows, odd, share)
    for entry in spoil([e for e in rows if not e.odd], "whole-recording", odd, share):
        entry.odd = ""
        r = entry.recording
        whole = Expression(0, None, r.n_frames - 1, "macro")
        last = max(i for i, e in enumerate(rows) if e.recording is r)
        added = Entry(r, whole, 1, -1, r.n_frames, "macro", "whole-recording")
        rows.insert(last + 1, added)
    table: list[list[Cell]] = [["Synthetic recordings in the format of SAMM Long Videos"]]
    table += [[f"Note {i}"] for i in range(1, 9)]
    table.append([
        "Subject", "Filename", "Inducement Code", "Onset", "Apex", "Offset", "Duration", "Type",
        "Action Units", "Notes",
    ])  # fmt: skip
    seen: dict[str, int] = {}
    for e in rows:
        name = e.recording.name
        seen[name] = seen.get(name, 0) + 1
        table.append([
            int(e.recording.subject), f"{name}_{seen[name]}", int(name.split("_")[1]), e.onset,
            -1 if e.apex is None else e.apex, e.offset, e.offset - e.onset + 1,
            "Macro" if e.kind == "macro" else "Micro - 1/2", e.action_units, None,
        ])  # fmt: skip
    write_xlsx(Path(root) / "SAMM_LongVideos_V2_Release.xlsx", {"FACS_Movement_Only": table})
    return settled(plan, rows)


def _spoil(rows: list[Entry], odd: Mapping[str, int], share: float) -> None:
    """Let events run past the end, take apices away, and make frames of macros fractional."""
    final = {e.recording.name: e for e in rows}
    for entry in spoil([e for e in final.values() if e.kind == "macro"], "past-end", odd, share):
        truth, n = entry.truth, entry.recording.n_frames
        entry.offset = n + 5
        entry.truth = truth and replace(truth, offset=n - 1)
    for entry in spoil([e for e in rows if e.apex is not None], "apex-minus-one", odd, share):
        entry.apex = -1
        entry.truth = entry.truth and replace(entry.truth, apex=None)
    for entry in spoil([e for e in rows if e.kind == "macro"], "fractional-frame", odd, share):
        entry.onset, entry.offset = entry.onset + 0.4, entry.offset - 0.4
