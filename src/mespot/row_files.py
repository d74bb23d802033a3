"""Files of rows that another tool has made: ``.npz``, ``.csv`` and the tables of OpenFace.

- ``.npz``, read without pickle: ``rows`` (n, d), and where they are known ``fps``, ``first``,
  ``step``, ``span``, ``n_frames``, ``names`` (d,) and ``found`` (n,);
- ``.csv``: one line per row, the names of the columns in the first line. The columns ``frame``,
  ``found`` and ``time_s`` are no features. An OpenFace table is known by its columns ``confidence``
  and ``success``: its frames count from 1, and ``success`` says where a face was found.

A row with an empty or NaN cell saw no face.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from mespot.errors import UnreadableInput, UsageError

SUFFIXES = (".npz", ".csv")
"""Files that rows are read from."""
_PLACES = ("frame", "found", "time_s")
_OPENFACE = ("confidence", "success")
_OPENFACE_PLACES = (*_OPENFACE, "face_id", "timestamp")
# A stretch without rows longer than this is a wrong frame number, not a lost face.
_MOST_ROWS = 10_000_000


@dataclass(frozen=True)
class RowFile:
    """What a file of rows says; None where it does not.

    Attributes
    ----------
    values : (n, d) float32
        NaN throughout a row that saw no face.
    found : (n,) bool
    names : tuple of d str, or empty
    first : int
        First frame of the first row, from 0.
    step, span, n_frames : int or None
    fps : Fraction or None
    """

    values: NDArray[np.float32]
    found: NDArray[np.bool_]
    names: tuple[str, ...] = ()
    first: int = 0
    step: int | None = None
    span: int | None = None
    n_frames: int | None = None
    fps: Fraction | None = None


def read_row_file(path: str | Path, first_frame: int | None = None) -> RowFile:
    """Read an .npz or a .csv of rows; ``first_frame`` is the number that a column ``frame``
    gives to the first frame; None: 1 in OpenFace tables, else 0.

    Raises UnreadableInput that names file, line, column and value; UsageError for another file.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{path}: rows are read from files that end in {' or '.join(SUFFIXES)}")
    if not path.is_file():
        raise UnreadableInput(f"{path}: no such file")
    npz = path.suffix.lower() == ".npz"
    file = _from_npz(path) if npz else _from_csv(path, first_frame)
    if not file.values.size:
        raise UnreadableInput(f"{path}: holds no rows")
    if np.isinf(file.values).any():
        row, column = map(int, np.argwhere(np.isinf(file.values))[0])
        name = file.names[column] if file.names else column
        raise UnreadableInput(
            f"{path}: row {row}, column {name}: the value is infinite or too large; leave cells "
            "without a value empty, or NaN"
        )
    found = file.found & ~np.isnan(file.values).any(axis=1)
    file.values[~found] = np.nan
    return RowFile(**{**vars(file), "found": found})


# .npz


def _from_npz(path: Path) -> RowFile:
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, BadZipFile, AttributeError) as error:
        hint = "damaged, or no .npz"
        if "pickle" in str(error):
            hint = "holds pickled objects, which are not read; save plain arrays of numbers"
        raise UnreadableInput(f"{path}: {hint}") from error
    rows = arrays.get("rows")
    if rows is None or rows.ndim != 2 or rows.dtype.kind not in "fiu":
        is_now = "is missing" if rows is None else f"is {rows.shape} {rows.dtype}"
        raise UnreadableInput(f"{path}: array 'rows' {is_now}; it must be (n, d) numbers")
    n, d = rows.shape
    names = arrays.get("names", np.empty(0, "U1"))
    if names.ndim != 1 or names.dtype.kind != "U" or len(names) not in (0, d):
        raise UnreadableInput(f"{path}: array 'names' must be {d} texts, one per column of 'rows'")
    found = arrays.get("found", np.ones(n, np.bool_))
    if found.shape != (n,) or found.dtype.kind not in "biu":
        raise UnreadableInput(f"{path}: array 'found' must be {n} values 0 or 1, one per row")
    with np.errstate(over="ignore"):
        values = rows.astype(np.float32)
    return RowFile(
        values, found.astype(np.bool_), _names(path, names.tolist()),
        first=_whole(path, arrays, "first", 0) or 0,
        step=_whole(path, arrays, "step", 1), span=_whole(path, arrays, "span", 1),
        n_frames=_whole(path, arrays, "n_frames", 1), fps=_fps(path, arrays),
    )  # fmt: skip


def _whole(path: Path, arrays: dict[str, NDArray[Any]], name: str, lowest: int) -> int | None:
    if name not in arrays:
        return None
    array = arrays[name]
    value = array.item() if array.size == 1 and array.dtype.kind in "fiu" else math.nan
    if not (math.isfinite(value) and value == int(value) and value >= lowest):
        shown = value if array.size == 1 else f"{array.shape} {array.dtype}"
        raise UnreadableInput(f"{path}: {name} is {shown}; it must be a whole number >= {lowest}")
    return int(value)


def _fps(path: Path, arrays: dict[str, NDArray[Any]]) -> Fraction | None:
    """A number, or a text such as 30000/1001."""
    if "fps" not in arrays:
        return None
    array = arrays["fps"]
    try:
        rate = Fraction(array.item()) if array.dtype.kind in "fiuU" else Fraction(0)
    except (ValueError, ZeroDivisionError, OverflowError):
        rate = Fraction(0)
    if rate <= 0:
        raise UnreadableInput(f"{path}: fps must be one positive number, or a text as 30000/1001")
    return rate


def _names(path: Path, names: Sequence[str]) -> tuple[str, ...]:
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise UnreadableInput(f"{path}: two columns are called {twice[0]!r}; rename one")
    return tuple(names)


# .csv


def _from_csv(path: Path, first_frame: int | None) -> RowFile:
    rows = read_cells(path)
    header = next(rows)[1]
    # One row of text at a time: as text, a table takes many times its numbers' memory.
    lines, read = [], []
    for line, cells in rows:
        lines.append(line)
        read.append(np.array(_numbers(path, header, line, cells)))
    openface = set(_OPENFACE) <= set(header)
    places = {*_PLACES, *(_OPENFACE_PLACES if openface else ())}
    features = [i for i, name in enumerate(header) if name not in places]
    if not features or not lines:
        raise UnreadableInput(f"{path}: holds no rows; write one line per row, and a header")
    with np.errstate(over="ignore"):
        numbers = np.array(read)
        values = numbers[:, features].astype(np.float32)

    def column(name: str) -> NDArray[np.float64] | None:
        return numbers[:, header.index(name)] if name in header else None

    flag = column("success" if openface else "found")
    # An unknown flag is no face: the comparison with NaN is False.
    found = np.ones(len(lines), np.bool_) if flag is None else flag > 0
    names, numbered = tuple(header[i] for i in features), column("frame")
    if numbered is None:
        return RowFile(values, found, names)
    base = (1 if openface else 0) if first_frame is None else first_frame
    frames = _frames(path, numbered, lines, base)
    first, step = int(frames[0]), math.gcd(*np.diff(frames).tolist())
    if not step:
        return RowFile(values, found, names, first)
    at = (frames - first) // step
    n = int(at[-1]) + 1
    if n > _MOST_ROWS:
        raise UnreadableInput(f"{path}: frames from {first} to {frames[-1]}; one of them is wrong")
    every, seen = np.full((n, len(features)), np.nan, np.float32), np.zeros(n, np.bool_)
    every[at], seen[at] = values, found
    return RowFile(every, seen, names, first, step)


def _frames(
    path: Path, numbered: NDArray[np.float64], lines: Sequence[int], base: int
) -> NDArray[np.int64]:
    """Whole, rising frame numbers, brought to a count from 0."""

    def refuse(row: int, what: str) -> None:
        number = numbered[row]
        raise UnreadableInput(f"{path}, line {lines[row]}, column frame: {number:g} {what}")

    whole = np.isfinite(numbered) & (numbered == np.floor(numbered)) & (numbered < 2**53)
    if not whole.all():
        refuse(int(np.argmin(whole)), "is not a whole frame number")
    frames = numbered.astype(np.int64) - base
    if frames.min() < 0:
        refuse(int(np.argmax(frames < 0)), f"is before the first frame, {base}")
    steps = np.diff(frames)
    if not (steps > 0).all():
        row = int(np.argmax(steps <= 0)) + 1
        what = "stands twice; one face per file" if steps[row - 1] == 0 else "follows a later frame"
        refuse(row, what)
    return frames


def read_cells(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells: first of the header, then of every row, as wide as the header.

    Semicolons and tabs may part cells too; with semicolons, a decimal comma becomes a point.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            first = stream.readline()
            stream.seek(0)
            mark = max(",;\t", key=first.count)
            reader = csv.reader(stream, delimiter=mark)
            header = [name.strip() for name in next(reader, [])]
            _check_header(path, header)
            yield reader.line_num, header
            blank = 0
            for cells in reader:
                # Blank lines at the end are no rows; one between rows would shift the frames.
                if not any(map(str.strip, cells)) and len(cells) < 2:
                    blank = blank or reader.line_num
                    continue
                if blank or len(cells) != len(header):
                    line, n = (blank, 0) if blank else (reader.line_num, len(cells))
                    raise UnreadableInput(
                        f"{path}, line {line}: {n} cells, but the header has {len(header)}"
                    )
                decimal = [c.replace(",", ".") for c in cells] if mark == ";" else cells
                yield reader.line_num, decimal
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UnreadableInput(f"{path}: cannot be read as a table ({error})") from error


def _check_header(path: Path, header: Sequence[str]) -> None:
    if not any(header):
        raise UnreadableInput(f"{path}: is empty; it needs a line that names its columns")
    if "" in header:
        raise UnreadableInput(
            f"{path}: column {header.index('') + 1} has no name; name it, or leave it out (pandas: "
            "to_csv(index=False))"
        )
    _names(path, header)


def _numbers(path: Path, header: Sequence[str], line: int, cells: Sequence[str]) -> list[float]:
    try:
        return [float(cell) for cell in cells]
    except ValueError:
        return [_number(path, name, line, cell) for name, cell in zip(header, cells)]


def _number(path: Path, name: str, line: int, cell: str) -> float:
    """A cell's number; NaN for an empty cell, 0 and 1 for false and true."""
    text = cell.strip().lower()
    if text in ("", "na", "true", "false"):
        return {"true": 1.0, "false": 0.0}.get(text, math.nan)
    try:
        return float(text)
    except ValueError:
        raise UnreadableInput(
            f"{path}, line {line}, column {name}: {cell.strip()[:60]!r} is not a number"
        ) from None
