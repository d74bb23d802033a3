"""The release sheet of SAMM Long Videos for synthetic recordings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mespot.datasets._shapes import SAMM_LV as SHAPE
from mespot.synthetic.sheets import Plan, PlannedRecording
from mespot.types import Expression

__all__ = ["QUIRKS", "SHAPE", "frame_path", "planned", "write_sheet"]

QUIRKS = {"fractional-frame": 143, "apex-minus-one": 20, "whole-recording": 2, "past-end": 2}

_FIRST_SUBJECT = 6
# About six of 147 recordings have five digits in place of four.
_OTHER_PADDING_EVERY = 24


def planned(
    subject: int, recording: int, n_frames: int, expressions: Sequence[Expression]
) -> PlannedRecording:
    """``006_1``: the person and the number of the film."""
    person = f"{_FIRST_SUBJECT + subject:03d}"
    padding = 5 if (5 * subject + recording) % _OTHER_PADDING_EVERY == 1 else 0
    name = f"{person}_{recording + 1}"
    return PlannedRecording(person, name, n_frames, tuple(expressions), padding=padding)


def frame_path(recording: PlannedRecording, i: int) -> Path:
    """``SAMM_longvideos/006_1/006_1_0001.jpg``; some recordings count with five digits."""
    number = f"{recording.first + i:0{recording.padding or 4}d}"
    return Path("SAMM_longvideos", recording.name, f"{recording.name}_{number}.jpg")


def write_sheet(root: Path, plan: Plan, quirks: bool = True) -> tuple[PlannedRecording, ...]:
    """Write ``SAMM_LongVideos_V2_Release.xlsx``: notes above, the header in row 10."""
    raise NotImplementedError
