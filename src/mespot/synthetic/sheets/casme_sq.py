"""The code sheet of CAS(ME)^2, part A, for synthetic recordings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mespot.datasets._shapes import CASME_SQ as SHAPE
from mespot.synthetic.sheets import Plan, PlannedRecording
from mespot.types import Expression

__all__ = ["QUIRKS", "SHAPE", "frame_path", "planned", "write_sheet"]

QUIRKS = {"offset-zero": 44, "apex-zero": 1, "offset-before-apex": 3}

_FIRST_FOLDER = 15
# Codes of the films that were shown: group of films, and place in the group.
_FILMS = {"disgust": 1, "anger": 4, "happy": 5}


def planned(
    subject: int, recording: int, n_frames: int, expressions: Sequence[Expression]
) -> PlannedRecording:
    """``s15_0101``: the person's folder and the code of the film."""
    person, film = f"s{_FIRST_FOLDER + subject}", tuple(_FILMS.values())[recording % 3]
    code = f"{film:02d}{recording // 3 + 1:02d}"
    return PlannedRecording(person, f"{person}_{code}", n_frames, tuple(expressions))


def frame_path(recording: PlannedRecording, i: int) -> Path:
    """``rawpic/s15/15_0101twin/img001.jpg``."""
    person, code = recording.name.split("_")
    folder = Path("rawpic", person, f"{person[1:]}_{code}twin")
    return folder / f"img{recording.first + i:03d}.jpg"


def write_sheet(root: Path, plan: Plan, quirks: bool = True) -> tuple[PlannedRecording, ...]:
    """Write ``CAS(ME)^2code_final(Updated).xlsx``: three sheets without headers."""
    raise NotImplementedError
