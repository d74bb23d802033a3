"""A folder of another tool's rows: recordings.csv, events.csv and one file of rows per recording.

    DIR/recordings.csv   recording,subject,fps and, where needed, path, n_frames, span, step,
                         first_frame
    DIR/events.csv       recording,onset,apex,offset,kind
    DIR/<recording>.npz or .csv, or what ``path`` names     see mespot.row_files
    DIR/columns.csv      column,mirror,sign; may be missing

Everything is checked before any learning: :func:`examine` reports all that is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

from mespot.descriptors.rows import ExternalRows
from mespot.errors import UnreadableInput, UsageError
from mespot.exports import csv
from mespot.exports.cells import refuse
from mespot.files import sha256
from mespot.recipe import Recipe
from mespot.row_files import SUFFIXES, RowFile, read_row_file
from mespot.sheet import RecordingRow
from mespot.types import Expression, Recording
from mespot.verdicts import rejected_line, without_rejected

RECORDINGS, EVENTS, COLUMNS = "recordings.csv", "events.csv", "columns.csv"
_T = TypeVar("_T")


@dataclass(frozen=True)
class RowsFolder:
    """The recordings of a folder of rows, and the descriptor that reads them.

    Attributes
    ----------
    recordings : tuple of Recording
        ``source`` is the file of rows; lengths are known.
    descriptor : ExternalRows
    notes : tuple of str
        Lines worth showing to the user.
    """

    root: Path
    recordings: tuple[Recording, ...]
    descriptor: ExternalRows
    notes: tuple[str, ...] = ()

    def adapt(self, recipe: Recipe) -> tuple[Recipe, list[str]]:
        """The recipe with these rows as its descriptor, and notes on what else had to change."""
        mirror = recipe.mirror and self.descriptor.can_mirror
        notes = []
        if recipe.mirror and not mirror:
            notes.append(
                f"recipe {recipe.name}: mirror is off, since {self.root / COLUMNS} does not say "
                "how columns mirror (column,mirror,sign)"
            )
        return replace(recipe, descriptor=self.descriptor, mirror=mirror), notes

    def provenance(self) -> dict[str, Any]:
        """Which tables were read, by their hashes; values for JSON."""
        tables = [self.root / name for name in (RECORDINGS, EVENTS, COLUMNS)]
        return {"name": "rows", "sha256": {t.name: sha256(t) for t in tables if t.is_file()}}


def load_rows_folder(root: str | Path) -> RowsFolder:
    """Read a folder of rows.

    Raises UnreadableInput with the first problem and the number of the others.
    """
    folder, problems = examine(root)
    refuse(problems)
    assert folder is not None
    return folder


def examine(root: str | Path) -> tuple[RowsFolder | None, list[str]]:
    """The folder, and one line for everything that is wrong with it; None where it has no use."""
    root, problems = Path(root), list[str]()
    for name in (RECORDINGS, EVENTS):
        if not (root / name).is_file():
            problems.append(
                f"{root / name}: no such file; a folder of rows holds {RECORDINGS} (recording,"
                f"subject,fps), {EVENTS} (recording,onset,apex,offset) and a file per recording"
            )
    if problems:
        return None, problems
    listed: list[RecordingRow] = _noting(
        problems, lambda: csv.parse_recordings(root / RECORDINGS, problems), []
    )
    if not listed and not problems:
        problems.append(f"{root / RECORDINGS}: lists no recording")
    known: dict[str, int] = _noting(
        problems, lambda: _listed_numbers(root / RECORDINGS, listed), {}
    )
    files = _Files(root, listed, known, problems)
    recordings = [files.recording(row) for row in listed]
    # Events are checked against the lengths that the files of rows give.
    ends = [replace(row, n_frames=files.length(row)) for row in listed]
    sheet = _noting(problems, lambda: csv.parse_events(root / EVENTS, problems, ends), None)
    events: Mapping[str, list[Expression]] = {}
    notes: list[str] = []
    if sheet is not None:
        events, rejected = without_rejected(sheet.events)
        if rejected:
            n = sum(map(len, sheet.events.values()))
            notes.append(rejected_line(root / EVENTS, rejected, n))
    if problems or files.descriptor is None:
        # A broken columns.csv would be reported with every file.
        return None, list(dict.fromkeys(problems))
    complete = tuple(
        replace(r, expressions=tuple(events.get(r.id, ()))) for r in recordings if r is not None
    )
    return RowsFolder(root, complete, files.descriptor, tuple(notes)), []


class _Files:
    """The files of rows, read one after the other; what is wrong is noted in ``problems``.

    The first that can be read decides columns and, where recordings.csv does not, span and step.
    """

    def __init__(
        self,
        root: Path,
        listed: Sequence[RecordingRow],
        known: Mapping[str, int],
        problems: list[str],
    ) -> None:
        self.root, self.known, self.problems = root, known, problems
        self.descriptor: ExternalRows | None = None
        self._width: tuple[str, int] | None = None
        self._lengths: dict[str, int] = {}

    def length(self, row: RecordingRow) -> int | None:
        """The frames of a recording, as far as they are known."""
        return self._lengths.get(row.id, row.n_frames)

    def recording(self, row: RecordingRow) -> Recording | None:
        """The recording without its events; None where something is wrong."""
        before = len(self.problems)
        if not row.subject:
            self.problems.append(f"{self.root / RECORDINGS}: recording {row.id!r} has no subject")
        path = _noting(self.problems, lambda: self._path(row), None)
        if path is None:
            return None
        base = self.known.get("first_frame")
        file = _noting(self.problems, lambda: read_row_file(path, base), None)
        if file is None:
            return None
        if self.descriptor is None:
            self.descriptor = _noting(self.problems, lambda: self._descriptor(file), None)
        fps = row.fps or file.fps
        if fps is None:
            self.problems.append(
                f"{self.root / RECORDINGS}: recording {row.id!r} has no fps; write its frame rate, "
                "such as 25 or 30000/1001"
            )
        if self.descriptor is None or fps is None:
            return None
        made = self._checked(row, file, self.descriptor, path, fps)
        return made if len(self.problems) == before else None

    def _checked(
        self, row: RecordingRow, file: RowFile, descriptor: ExternalRows, path: Path, fps: Fraction
    ) -> Recording | None:
        """The recording, once its rows fit it and are as wide as those of the others."""
        if row.n_frames is not None and file.n_frames not in (None, row.n_frames):
            self.problems.append(
                f"{path}: {file.n_frames} frames, but recording {row.id!r} is listed with "
                f"{row.n_frames}; correct one of them"
            )
            return None
        known = Recording(row.id, row.subject, fps, row.n_frames, row.dataset or "rows", str(path))
        rows = _noting(self.problems, lambda: descriptor.placed(file, known), None)
        if rows is None:
            return None
        self._lengths[row.id] = rows.series.n_frames
        width = rows.series.values.shape[1]
        self._width = self._width or (str(path), width)
        if width != self._width[1]:
            self.problems.append(
                f"{path}: {width} columns, but {self._width[0]} has {self._width[1]}"
            )
        return replace(known, n_frames=rows.series.n_frames)

    def _path(self, row: RecordingRow) -> Path:
        """The file that ``path`` names, or the one that is called as the recording is."""
        if row.path:
            return self.root / row.path
        candidates = [self.root / f"{row.id}{suffix}" for suffix in SUFFIXES]
        there = [path for path in candidates if path.is_file()]
        if len(there) == 1:
            return there[0]
        if there:
            raise UnreadableInput(
                f"recording {row.id!r}: {there[0]} and {there[1].name} are there; name one of them "
                f"in the column path of {RECORDINGS}"
            )
        raise UnreadableInput(
            f"recording {row.id!r}: neither {candidates[0]} nor {candidates[1].name} is there; "
            f"name its file in the column path of {RECORDINGS}"
        )

    def _descriptor(self, file: RowFile) -> ExternalRows:
        span = self.known.get("span", file.span or 1)
        step = self.known.get("step", file.step or 1)
        base = self.known.get("first_frame")
        table = self.root / COLUMNS
        if table.is_file():
            return ExternalRows.from_columns(table, span, step, base)
        return ExternalRows(span, step, file.names, first_frame=base)


def _listed_numbers(path: Path, rows: Sequence[RecordingRow]) -> dict[str, int]:
    """``span``, ``step`` and ``first_frame`` of recordings.csv: one number each for all."""
    found = {}
    for name, lowest in (("span", 1), ("step", 1), ("first_frame", 0)):
        texts = {row.id: row.extra[name].strip() for row in rows if row.extra.get(name)}
        if not texts:
            continue
        if len(set(texts.values())) > 1 or len(texts) < len(rows):
            raise UnreadableInput(
                f"{path}: column {name} differs between recordings or is partly empty; rows to be "
                "learned from together need one"
            )
        recording, text = next(iter(texts.items()))
        if not (text.isascii() and text.isdigit() and int(text) >= lowest):
            raise UnreadableInput(
                f"{path}, recording {recording!r}, column {name}: {text!r} is not a whole number "
                f">= {lowest}"
            )
        found[name] = int(text)
    return found


def _noting(problems: list[str], read: Callable[[], _T], otherwise: _T) -> _T:
    """What ``read`` returns, or ``otherwise`` with its error noted."""
    try:
        return read()
    except (UnreadableInput, UsageError) as error:
        problems.append(str(error))
        return otherwise
