"""SMIC-E, the camera HS (high speed): 157 recordings of 16 persons at 100 frames/s."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mespot.datasets import _smic_e
from mespot.datasets._shape import Shape
from mespot.datasets._shapes import SMIC_HS_E
from mespot.datasets._smic_e import CITATION, HOW_TO_GET, LICENCE

__all__ = ["CITATION", "HOW_TO_GET", "LICENCE", "PLUGIN", "SmicHsE"]


@dataclass(frozen=True)
class SmicHsE(_smic_e.SmicE):
    """SMIC-E, camera HS: 157 recordings of 16 subjects at 100 frames/s, micro-expressions alone."""

    NAME: ClassVar[str] = "smic-hs-e"
    CAMERA: ClassVar[str] = "HS"
    SHAPE: ClassVar[Shape] = SMIC_HS_E
    SHEET_NAMES: ClassVar[tuple[str, ...]] = (r"SMIC\W?_?HS\W?_?E", r"SMIC\W?_?E(?![A-Za-z])")


PLUGIN = SmicHsE
