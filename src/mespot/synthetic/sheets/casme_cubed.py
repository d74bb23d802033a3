"""The label sheet of CAS(ME)^3, part A, for synthetic recordings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mespot.datasets._shapes import CASME_CUBED as SHAPE
from mespot.synthetic.sheets import Plan, PlannedRecording
from mespot.types import Expression

__all__ = ["QUIRKS", "SHAPE", "frame_path", "planned", "write_sheet"]

QUIRKS = {"offset-before-onset": 10, "micro-too-long": 1, "filename-case": 400}

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


def write_sheet(root: Path, plan: Plan, quirks: bool = True) -> tuple[PlannedRecording, ...]:
    """Write ``annotation/part_A_v2.xls``: sheets ``AU+Emotion`` and ``eye blink``."""
    raise NotImplementedError
