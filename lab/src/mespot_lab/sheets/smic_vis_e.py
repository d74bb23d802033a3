"""The workbook of SMIC-E, camera VIS, for synthetic recordings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mespot.datasets.shapes import SMIC_VIS_E as SHAPE
from mespot.types import Expression
from mespot_lab.sheets import Plan, PlannedRecording, nothing_impossible, smic_e

__all__ = ["IRREGULARITIES", "SHAPE", "frame_path", "impossible", "planned", "write_sheet"]

IRREGULARITIES = {"second-me-first": 1, "duplicate-row": 1, "text-row": 2}

impossible = nothing_impossible


def planned(
    subject: int, recording: int, n_frames: int, expressions: Sequence[Expression]
) -> PlannedRecording:
    """One recording of a person; without a micro-expression it stands in the second sheet."""
    return smic_e.planned(subject, recording, n_frames, expressions)


def frame_path(recording: PlannedRecording, i: int) -> Path:
    """``SMIC-VIS-E/VIS/s01/s1_ne_01/image559700.jpg``: numbers run on through a session."""
    return smic_e.frame_path("VIS", recording, i)


def write_sheet(
    root: Path, plan: Plan, irregularities: bool = True
) -> tuple[PlannedRecording, ...]:
    """Write ``SMIC-VIS-E/SMIC-VIS-E_annotation.xlsx``: sheets of micro and of other recordings."""
    return smic_e.write_sheet(Path(root), "VIS", plan, IRREGULARITIES if irregularities else {})
