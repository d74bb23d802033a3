"""What the workbooks of SMIC-E's cameras share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mespot.types import Expression
from mespot_lab.sheets import Plan, PlannedRecording
from mespot_lab.sheets.rows import Cell, Rows, write_xlsx

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
    root: Path, camera: str, plan: Plan, odd: Mapping[str, int]
) -> tuple[PlannedRecording, ...]:
    """Write the camera's workbook; returns what a reader must find: no apex, micro alone.

    Raises ValueError for more expressions than a row has columns for.
    """
    most = 3 if camera == "HS" else 2
    share = len(plan) / (157 if camera == "HS" else 76)
    rows = [_Row(r, most) for r in plan if _micro(r)]
    for row in _some(rows, "second-me-first", odd, share, lambda row: len(row.pairs) > 1):
        row.pairs[0], row.pairs[1] = row.pairs[1], row.pairs[0]
    for row in _some(rows, "third-me-garbage", odd, share, lambda row: len(row.pairs) < 3):
        onset = row.pairs[0][0]
        row.pairs += [(None, None)] * (2 - len(row.pairs)) + [(onset, onset - 40)]
    for row in _some(rows, "first-missing", odd, share, lambda row: True):
        row.first = f"MISSING <-{row.recording.first}"
    doubled = _some(rows, "duplicate-row", odd, share, lambda row: True)
    table = [_header(most)]
    for row in rows:
        table += [row.cells()] * (2 if row in doubled else 1)
    table += [["Remark:"], ["frame numbers are those of the camera"]] if "text-row" in odd else []
    others = [
        [int(r.subject[1:]), r.name, None, r.first, r.first + r.n_frames - 1, r.n_frames]
        for r in plan
        if not _micro(r)
    ]
    sheets: dict[str, Rows] = {camera: table}
    if others:
        head = ["Subject", "Filename", None, "FirstF", "LastF", "TotalVL"]
        sheets[f"{camera} non-micro"] = [head, *others]
    write_xlsx(root / f"SMIC-{camera}-E" / f"SMIC-{camera}-E_annotation.xlsx", sheets)
    return tuple(replace(r, expressions=tuple(_micro(r))) for r in plan)


def _micro(recording: PlannedRecording) -> list[Expression]:
    return [replace(e, apex=None) for e in recording.expressions if e.kind == "micro"]


class _Row:
    """A recording's row in the making."""

    def __init__(self, recording: PlannedRecording, most: int) -> None:
        found = _micro(recording)
        if len(found) > most:
            raise ValueError(
                f"{recording.name}: {len(found)} micro-expressions, at most {most} fit"
            )
        self.recording, self.most, self.odd = recording, most, ""
        self.first: Cell = recording.first
        self.pairs: list[tuple] = [
            (e.onset + recording.first, e.offset + recording.first) for e in found
        ]

    def cells(self) -> list[Cell]:
        """The row as it is written."""
        r, pairs = self.recording, [*self.pairs, *[(None, None)] * (self.most - len(self.pairs))]
        lengths = [None if a is None else b - a + 1 for a, b in pairs[:2]]
        last = [r.first + r.n_frames - 1] if self.most == 3 else []
        feeling = {"ne": "negative", "po": "positive"}.get(r.name.split("_")[1], "surprise")
        return [
            int(r.subject[1:]), r.name, None, *(cell for pair in pairs for cell in pair), None,
            self.first, *last, *lengths, r.n_frames, feeling,
        ]  # fmt: skip


def _header(most: int) -> list[Cell]:
    numbered = ["OnsetF", "OffsetF", "Onset2F", "Offset2F", "Onset3F", "Offset3F"][: 2 * most]
    last = ["LastF"] if most == 3 else []
    return [
        "Subject", "Filename", None, *numbered, None, "FirstF", *last, "TotalMF1", "TotalMF2",
        "TotalVL", "Emotion",
    ]  # fmt: skip


def _some(
    rows: Sequence[_Row], code: str, odd: Mapping[str, int], share: float,
    fit: Callable[[_Row], bool],
) -> list[_Row]:  # fmt: skip
    """Rows for an oddity, evenly spread over those that are fit and still plain."""
    plain = [row for row in rows if not row.odd and fit(row)]
    wanted = min(len(plain), max(1, round(odd.get(code, 0) * share))) if odd.get(code) else 0
    chosen = [plain[(2 * i + 1) * len(plain) // (2 * wanted)] for i in range(wanted)]
    for row in chosen:
        row.odd = code
    return chosen
