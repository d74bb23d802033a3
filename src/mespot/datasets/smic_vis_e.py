"""SMIC-E, the camera VIS (visible light): 76 recordings of 8 persons at 25 frames/s."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mespot.datasets._smic_e import SmicE
from mespot.datasets.shapes import SMIC_VIS_E
from mespot.inspection import Shape


@dataclass(frozen=True)
class SmicVisE(SmicE):
    """SMIC-E, camera VIS: 76 recordings of 8 subjects at 25 frames/s, micro-expressions alone."""

    NAME: ClassVar[str] = "smic-vis-e"
    CAMERA: ClassVar[str] = "VIS"
    SHAPE: ClassVar[Shape] = SMIC_VIS_E
    SHEET_NAMES: ClassVar[tuple[str, ...]] = (r"SMIC\W?_?VIS\W?_?E", r"SMIC\W?_?E(?![A-Za-z])")


PLUGIN = SmicVisE
