"""SMIC-E, the camera HS (high speed): 157 recordings of 16 persons at 100 frames/s."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mespot.datasets._smic_e import SmicE
from mespot.datasets.shapes import SMIC_HS_E
from mespot.inspection import Annotations, Shape

_IN_ORIGINAL = 158


@dataclass(frozen=True)
class SmicHsE(SmicE):
    """SMIC-E, camera HS: 157 recordings of 16 subjects at 100 frames/s, micro-expressions alone."""

    NAME: ClassVar[str] = "smic-hs-e"
    CAMERA: ClassVar[str] = "HS"
    SHAPE: ClassVar[Shape] = SMIC_HS_E
    SHEET_NAMES: ClassVar[tuple[str, ...]] = (r"SMIC\W?_?HS\W?_?E", r"SMIC\W?_?E(?![A-Za-z])")

    def expected_of(self, notes: Annotations) -> dict[str, int]:
        """The original sheet, of 162 rows, has one recording more: 158."""
        expected = super().expected_of(notes)
        if len(notes.recordings) == _IN_ORIGINAL:
            expected |= dict.fromkeys(("recordings", "recordings with micro"), _IN_ORIGINAL)
        return expected


PLUGIN = SmicHsE
