"""The coding sheet of CASME II for synthetic clips."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mespot.datasets._shapes import CASME_II as SHAPE
from mespot.synthetic.sheets import Plan, PlannedRecording
from mespot.types import Expression

__all__ = ["QUIRKS", "SHAPE", "frame_path", "planned", "write_sheet"]

QUIRKS = {"apex-slash": 1}


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


def write_sheet(root: Path, plan: Plan, quirks: bool = True) -> tuple[PlannedRecording, ...]:
    """Write ``CASME2-coding-20140508.xlsx``."""
    raise NotImplementedError
