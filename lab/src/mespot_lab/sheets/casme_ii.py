"""The coding sheet of CASME II for synthetic clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mespot.datasets.shapes import CASME_II as SHAPE
from mespot.types import Expression
from mespot_lab.sheets import Plan, PlannedRecording, nothing_impossible
from mespot_lab.sheets.rows import Cell, entries, settled, spoil, write_xlsx

__all__ = ["IRREGULARITIES", "SHAPE", "frame_path", "impossible", "planned", "write_sheet"]

IRREGULARITIES = {"apex-slash": 1}

impossible = nothing_impossible


def planned(
    subject: int, recording: int, n_frames: int, expressions: Sequence[Expression]
) -> PlannedRecording:
    """``sub01_EP02_01f``: the person, the episode and the clip in it."""
    person, clip = f"sub{subject + 1:02d}", f"EP{recording // 4 + 1:02d}_{recording % 4 + 1:02d}f"
    first = 1 + 15 * ((subject + recording) % 4)
    return PlannedRecording(person, f"{person}_{clip}", n_frames, tuple(expressions), first=first)


def frame_path(recording: PlannedRecording, i: int) -> Path:
    """``CASME2-RAW/sub01/EP02_01f/img46.jpg``, without leading zeros."""
    person, clip = recording.name.split("_", 1)
    return Path("CASME2-RAW", person, clip, f"img{recording.first + i}.jpg")


def write_sheet(
    root: Path, plan: Plan, irregularities: bool = True
) -> tuple[PlannedRecording, ...]:
    """Write ``CASME2-coding-20140508.xlsx``: one row per micro-expression.

    Raises ValueError for a clip without any: the set holds none.
    """
    rows = entries(plan, ("micro",))
    idle = {r.name for r in plan} - {e.recording.name for e in rows}
    if idle:
        raise ValueError(f"{min(idle)}: a clip of this data set needs a micro-expression")
    share = len(plan) / SHAPE.recordings
    fit = [e for e in rows if e.apex is not None]
    for entry in spoil(fit, "apex-slash", IRREGULARITIES if irregularities else {}, share):
        entry.apex = "/"
        entry.truth = entry.truth and replace(entry.truth, apex=None)
    table: list[list[Cell]] = [[
        "Subject", "Filename", None, "OnsetFrame", "ApexFrame", "OffsetFrame", None,
        "Action Units", "Estimated Emotion",
    ]]  # fmt: skip
    for e in rows:
        person, clip = e.recording.name.split("_", 1)
        table.append(
            [person[3:], clip, None, e.onset, e.apex, e.offset, None, e.action_units, "others"]
        )
    write_xlsx(Path(root) / "CASME2-coding-20140508.xlsx", {"Sheet1": table})
    return settled(plan, rows)
