"""The code sheet of CAS(ME)^2, part A, for synthetic recordings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mespot.datasets.shapes import CASME_SQ as SHAPE
from mespot.types import Expression
from mespot_lab.sheets import Plan, PlannedRecording, nothing_impossible
from mespot_lab.sheets.rows import Cell, Entry, entries, settled, spoil, write_xlsx

__all__ = ["IRREGULARITIES", "SHAPE", "frame_path", "impossible", "planned", "write_sheet"]

IRREGULARITIES = {"offset-zero": 44, "apex-zero": 1, "offset-before-apex": 3}

impossible = nothing_impossible

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


def write_sheet(
    root: Path, plan: Plan, irregularities: bool = True
) -> tuple[PlannedRecording, ...]:
    """Write ``CAS(ME)^2code_final(Updated).xlsx``: three sheets without headers.

    With ``irregularities``, codes are numbers without their leading zero, and the order of subject
    numbers is not that of the folders.
    """
    odd = IRREGULARITIES if irregularities else {}
    rows = entries(plan, ("micro", "macro"))
    share = len(plan) / SHAPE.recordings
    _spoil(rows, odd, share)
    people = sorted({r.subject for r in plan}, key=lambda s: int(s[1:]))
    numbers = {
        s: 1 + _swapped(i, len(people)) if irregularities else 1 + i for i, s in enumerate(people)
    }
    films = {r.name.split("_")[1]: _film(r) for r in plan}
    seen: dict[str, int] = {}
    coded: list[list[Cell]] = []
    for e in rows:
        seen[e.recording.name] = seen.get(e.recording.name, 0) + 1
        coded.append([
            numbers[e.recording.subject], f"{_film(e.recording)}_{seen[e.recording.name]}",
            e.onset, 0 if e.apex is None else e.apex, e.offset, e.action_units, "others",
            f"{e.kind}-expression", "others",
        ])  # fmt: skip
    first_rule: list[list[Cell]] = [[int(s[1:]), s, numbers[s]] for s in people]
    second_rule: list[list[Cell]] = [
        [int(code) if irregularities else code, film] for code, film in sorted(films.items())
    ]
    sheets = {"code_final": coded, "naming rule1": first_rule, "naming rule2": second_rule}
    write_xlsx(Path(root) / "CAS(ME)^2code_final(Updated).xlsx", sheets)
    return settled(plan, rows)


def _spoil(rows: list[Entry], odd: Mapping[str, int], share: float) -> None:
    """Take offsets and apices away, as in the real sheet: of macro-expressions."""
    fit = [e for e in rows if e.kind == "macro" and e.truth and e.truth.apex is not None]
    for entry in spoil(fit, "offset-before-apex", odd, share):
        entry.apex = entry.offset + 3
        entry.truth = entry.truth and replace(entry.truth, apex=None)
    for entry in spoil(fit, "apex-zero", odd, share):
        entry.apex = 0
        entry.truth = entry.truth and replace(entry.truth, apex=None)
    for entry in spoil(fit, "offset-zero", odd, share):
        entry.offset = 0
        truth = entry.truth
        if truth is not None and truth.apex is not None:
            entry.truth = replace(truth, offset=truth.apex)


def _film(recording: PlannedRecording) -> str:
    """``anger1``, by the code in the recording's name."""
    code = recording.name.split("_")[1]
    group = next(name for name, number in _FILMS.items() if number == int(code[:2]))
    return f"{group}{int(code[2:])}"


def _swapped(place: int, n: int) -> int:
    """Neighbours change places."""
    other = place ^ 1
    return other if other < n else place
