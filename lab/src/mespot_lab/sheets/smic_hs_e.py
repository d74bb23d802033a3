"""The workbook of SMIC-E, camera HS, for synthetic recordings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mespot.datasets.shapes import SMIC_HS_E as SHAPE
from mespot.types import Expression
from mespot_lab.sheets import Plan, PlannedRecording, nothing_impossible, smic_e

__all__ = ["IRREGULARITIES", "SHAPE", "frame_path", "impossible", "planned", "write_sheet"]

IRREGULARITIES = {
    "first-missing": 1, "third-me-garbage": 2, "second-me-first": 1, "duplicate-row": 1,
    "text-row": 2,
}  # fmt: skip

impossible = nothing_impossible


def planned(
    subject: int, recording: int, n_frames: int, expressions: Sequence[Expression]
) -> PlannedRecording:
    """One recording of a person; at most three micro-expressions fit into its row."""
    return smic_e.planned(subject, recording, n_frames, expressions)


def frame_path(recording: PlannedRecording, i: int) -> Path:
    """``SMIC-HS-E/HS/s01/s1_ne_01/image426680.jpg``: numbers run on through a session."""
    return smic_e.frame_path("HS", recording, i)


def write_sheet(
    root: Path, plan: Plan, irregularities: bool = True
) -> tuple[PlannedRecording, ...]:
    """Write ``SMIC-HS-E/SMIC-HS-E_annotation.xlsx``, in the variant with three-ME columns."""
    return smic_e.write_sheet(Path(root), "HS", plan, IRREGULARITIES if irregularities else {})
