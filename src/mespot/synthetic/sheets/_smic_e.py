"""What the workbooks of SMIC-E's cameras share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mespot.synthetic.sheets import Plan, PlannedRecording
from mespot.types import Expression

_FEELINGS = ("ne", "po", "sur")
_SESSION_START = 100_000
_PER_RECORDING = 5_000


def planned(
    subject: int, recording: int, n_frames: int, expressions: Sequence[Expression]
) -> PlannedRecording:
    """``s1_ne_01`` and so on; the camera's frame counter runs on from recording to recording."""
    feeling = _FEELINGS[recording % 3] if expressions else "non"
    number = recording // 3 + 1 if expressions else recording + 1
    first = _SESSION_START * (subject + 1) + _PER_RECORDING * recording + 17 * (subject + 1)
    name = f"s{subject + 1}_{feeling}_{number:02d}"
    return PlannedRecording(f"s{subject + 1:02d}", name, n_frames, tuple(expressions), first=first)


def frame_path(camera: str, recording: PlannedRecording, i: int) -> Path:
    """The image of frame ``i``: its number is the camera's."""
    folder = Path(f"SMIC-{camera}-E", camera, recording.subject, recording.name)
    return folder / f"image{recording.first + i:06d}.jpg"


def write_sheet(
    root: Path, camera: str, plan: Plan, quirks: Mapping[str, int]
) -> tuple[PlannedRecording, ...]:
    """Write the camera's workbook; returns what a reader must find."""
    raise NotImplementedError
