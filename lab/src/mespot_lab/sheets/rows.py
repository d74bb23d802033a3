"""What the sheet writers share: workbooks, and which rows get an oddity."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mespot.errors import UsageError
from mespot.extras import need
from mespot.files import atomic_path
from mespot.types import Expression
from mespot_lab.sheets import Plan, PlannedRecording

Cell = int | float | str | None
Rows = Sequence[Sequence[Cell]]


@dataclass
class Entry:
    """One row in the making: an expression in the sheet's own numbers, and what a reader finds.

    ``truth`` is None for a row that is no expression.
    """

    recording: PlannedRecording
    truth: Expression | None
    onset: int | float
    apex: Cell
    offset: int | float
    kind: str
    odd: str = ""

    @property
    def action_units(self) -> str:
        """Numbers joined by plus signs, as coders write them."""
        told = self.truth.attributes.get("action_units", "") if self.truth else ""
        return told.replace("AU", "").replace(" ", "") or "4"


def entries(plan: Plan, kinds: Sequence[str]) -> list[Entry]:
    """A row for every expression of these kinds; an unknown apex is left empty."""
    return [
        Entry(
            r, e, e.onset + r.first, None if e.apex is None else e.apex + r.first,
            e.offset + r.first, e.kind,
        )
        for r in plan
        for e in r.expressions
        if e.kind in kinds
    ]  # fmt: skip


def spoil(
    candidates: Iterable[Entry], code: str, irregularities: Mapping[str, int], share: float
) -> list[Entry]:
    """The rows that get an oddity, evenly spread over those that are fit and still plain.

    ``share`` is the size of this sheet in whole ones; at least one row is taken where there is any.
    """
    plain = [entry for entry in candidates if not entry.odd]
    wanted = min(len(plain), max(1, round(irregularities.get(code, 0) * share)))
    if not irregularities.get(code) or not wanted:
        return []
    chosen = [plain[(2 * i + 1) * len(plain) // (2 * wanted)] for i in range(wanted)]
    for entry in chosen:
        entry.odd = code
    return chosen


def settled(plan: Plan, rows: Sequence[Entry]) -> tuple[PlannedRecording, ...]:
    """The plan with the expressions that a reader of the rows must find."""
    found: dict[str, list[Expression]] = {r.name: [] for r in plan}
    for entry in rows:
        if entry.truth is not None:
            found[entry.recording.name].append(entry.truth)
    return tuple(replace(r, expressions=tuple(found[r.name])) for r in plan)


def write_xlsx(path: Path, sheets: Mapping[str, Rows]) -> None:
    """Write a workbook of the newer kind, atomically. Raises MissingExtra without openpyxl."""
    openpyxl = need("openpyxl", extra="datasets", who=f"writing {path.name}")
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    with atomic_path(path) as temporary:
        book.save(temporary)


def write_xls(path: Path, sheets: Mapping[str, Rows]) -> None:
    """Write a workbook of the older kind, atomically. Raises UsageError if xlwt is not there."""
    try:
        import xlwt
    except ImportError as error:
        raise UsageError(f"writing {path.name} needs xlwt: pip install mespot-lab") from error
    book = xlwt.Workbook()
    for name, rows in sheets.items():
        sheet = book.add_sheet(name)
        for i, row in enumerate(rows):
            for j, cell in enumerate(row):
                if cell is not None:
                    sheet.write(i, j, cell)
    with atomic_path(path) as temporary:
        book.save(str(temporary))
