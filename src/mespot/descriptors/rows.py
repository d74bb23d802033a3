"""Rows that another tool has made: OpenFace, I3D or anything else, read from a file.

A recording's ``source`` is then no video but a file of rows:

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

from mespot.contracts import BaseDescriptor
from mespot.errors import UnreadableInput, UsageError, nearest
from mespot.types import FaceClip, FrameMap, FrameSeries, Reading, Recording, Rows

SUFFIXES = (".npz", ".csv")
"""Files that rows are read from."""
_PLACES = ("frame", "found", "time_s")
_OPENFACE = ("confidence", "success")
_OPENFACE_PLACES = (*_OPENFACE, "face_id", "timestamp")
_RATE_TOLERANCE = 5e-4
# A stretch without rows longer than this is a wrong frame number, not a lost face.
_MOST_ROWS = 10_000_000


@dataclass(frozen=True)
class ExternalRows(BaseDescriptor):
    """Rows of another tool, read from a file per recording (.npz or .csv).

    How columns change in the mirrored video stands in the fields, not in a file that they name. So
    the object is complete: recipes, hashes and saved spotters hold what it does, and it cannot
    change behind a cache key. :meth:`from_columns` reads the fields from a table.

    Parameters
    ----------
    span, step : int
        Frames that each row looks at, and from one row to the next. A file that says otherwise is
        refused.
    columns : tuple of str
        The columns to use, in this order; empty: all, as they stand.
    mirrored : tuple of str
        For every one of ``columns``, the column that takes its place in the mirrored video; empty:
        not known, so the rows cannot be mirrored.
    signs : tuple of int
        1 or -1 for every one of ``columns``: what its mirrored value is multiplied by; empty: 1.
    first_frame : int or None
        The number that a column ``frame`` gives to the recording's first frame; None: 1 in
        OpenFace tables, else 0.

    Raises
    ------
    UsageError
        If a value is out of its range, or mirroring twice does not give the columns again.
    """

    span: int = 1
    step: int = 1
    columns: tuple[str, ...] = ()
    mirrored: tuple[str, ...] = ()
    signs: tuple[int, ...] = ()
    first_frame: int | None = None

    def __post_init__(self) -> None:
        if self.span < 1 or self.step < 1:
            raise UsageError(f"rows: span {self.span}, step {self.step}: need at least 1 frame")
        if len(set(self.columns)) < len(self.columns):
            raise UsageError("rows: a column stands twice in columns")
        if self.mirrored:
            self._check_mirror()
        elif self.signs:
            raise UsageError("rows: signs need the columns in mirrored that they belong to")

    def _check_mirror(self) -> None:
        if len(self.mirrored) != len(self.columns):
            raise UsageError(
                f"rows: mirrored names {len(self.mirrored)} columns for {len(self.columns)}"
            )
        if self.signs and (len(self.signs) != len(self.columns) or set(self.signs) - {1, -1}):
            raise UsageError("rows: signs are 1 or -1, one for every column")
        sign = dict(zip(self.columns, self.signs or (1,) * len(self.columns)))
        other = dict(zip(self.columns, self.mirrored))
        for name, partner in other.items():
            if partner not in other:
                raise UsageError(
                    f"rows: column {name!r} is mirrored by {partner!r}, which is no column"
                    + nearest(partner, self.columns)
                )
            if other[partner] != name or sign[partner] != sign[name]:
                raise UsageError(
                    f"rows: mirroring twice does not give column {name!r} again: it is mirrored by "
                    f"{partner!r} with sign {sign[name]}, and that one by {other[partner]!r} with "
                    f"sign {sign[partner]}"
                )

    @classmethod
    def from_columns(
        cls, path: str | Path, span: int = 1, step: int = 1, first_frame: int | None = None
    ) -> ExternalRows:
        """With the columns of a table ``column,mirror,sign``.

        ``mirror`` is the column that takes its place in the mirrored video (empty: itself),
        ``sign`` 1 or -1 (empty: 1). Without these two the table only chooses columns. Raises
        UnreadableInput, UsageError.
        """
        (_, header), *lines = _read_csv(Path(path))
        if "column" not in header:
            raise UnreadableInput(f"{path}: no column named 'column'; write column,mirror,sign")
        table = [dict(zip(header, map(str.strip, cells))) for _, cells in lines]
        names = tuple(cells["column"] for cells in table)
        if "mirror" not in header and "sign" not in header:
            return cls(span, step, names, first_frame=first_frame)
        mirrored = tuple(cells.get("mirror") or cells["column"] for cells in table)
        signs = []
        for (line, _), cells in zip(lines, table):
            text = cells.get("sign") or "1"
            if text not in ("1", "+1", "-1"):
                raise UnreadableInput(f"{path}, line {line}, column sign: {text!r} is not 1 or -1")
            signs.append(int(text))
        try:
            return cls(span, step, names, mirrored, tuple(signs), first_frame)
        except UsageError as error:
            raise UnreadableInput(f"{path}: {error}") from error

    @property
    def can_mirror(self) -> bool:
        """Whether ``mirrored`` says how."""
        return bool(self.mirrored)

    def span_at(self, fps: Fraction) -> int:
        """``span``."""
        return self.span

    def step_at(self, fps: Fraction) -> int:
        """``step``."""
        return self.step

    def column_names(self, fps: Fraction) -> tuple[str, ...]:
        """``columns``; empty where all of a file are used."""
        return self.columns

    def describe(self, clip: FaceClip) -> FrameSeries:
        """Raise UsageError: these rows are read, never made from a video."""
        raise UsageError(
            "descriptor rows: reads rows that another tool has made and makes none from a video; "
            "give them with --rows DIR"
        )

    def mirror(self, series: FrameSeries) -> FrameSeries:
        """The rows that the mirrored video would give. Raises UsageError where it is not known."""
        if not self.mirrored:
            raise UsageError("descriptor rows: how to mirror is not known; fill in mirrored, signs")
        if series.values.shape[1] != len(self.columns):
            raise ValueError(f"{series.values.shape[1]} columns, not {len(self.columns)}")
        at = {name: i for i, name in enumerate(self.columns)}
        order = [at[name] for name in self.mirrored]
        sign = np.array(self.signs or (1,) * len(order), np.float32)
        return series.with_values(series.values[:, order] * sign, series.names)

    def read_depends_on(self, recording: Recording) -> tuple[str, ...]:
        """Rate and length: a table does not hold them."""
        return str(recording.fps), str(recording.n_frames)

    def read_rows(self, recording: Recording) -> Rows:
        """The rows of ``recording.source``.

        Raises UsageError if no file of rows is named; UnreadableInput if it is missing, damaged, or
        does not fit the recording or these fields.
        """
        if recording.source is None:
            raise UsageError(f"recording {recording.id}: no file of rows is named")
        return self.placed(read_row_file(recording.source, self.first_frame), recording)

    def placed(self, file: RowFile, recording: Recording) -> Rows:
        """A file's rows in the frames of a recording. Raises UnreadableInput if they do not fit."""
        where = recording.source
        values, names = self._chosen(file, where)
        for what, said, ours in (("span", file.span, self.span), ("step", file.step, self.step)):
            if said is not None and said != ours:
                raise UnreadableInput(
                    f"{where}: its rows have a {what} of {said} frames, the recipe says {ours}; "
                    f"set descriptor.{what}={said}"
                )
        rate = recording.fps
        if file.fps is not None and abs(file.fps / rate - 1) > _RATE_TOLERANCE:
            raise UnreadableInput(
                f"{where}: {float(file.fps):g} frames/s, but recording {recording.id!r} is listed "
                f"with {float(rate):g}; correct one of them"
            )
        end = file.first + (len(values) - 1) * self.step + self.span
        known = recording.n_frames if file.n_frames is None else file.n_frames
        n_frames = end if known is None else known
        if end > n_frames:
            raise UnreadableInput(
                f"{where}: its {len(values)} rows end with frame {end - 1}, but the recording has "
                f"{n_frames} (0 to {n_frames - 1}); correct n_frames, first, step or span"
            )
        series = FrameSeries(values, file.first, self.step, self.span, n_frames, rate, names)
        found = frames_found(series, file.found)
        source = "recordings" if file.fps is None else "file of rows"
        reading = Reading(n_frames, n_frames, str(rate), source, int((~found).sum()))
        return Rows(series, found, FrameMap.identity(n_frames), reading)

    def _chosen(
        self, file: RowFile, where: str | None
    ) -> tuple[NDArray[np.float32], tuple[str, ...]]:
        """The values and names of the columns asked for."""
        if not self.columns or self.columns == file.names:
            return file.values, file.names
        if not file.names:
            if file.values.shape[1] == len(self.columns):
                return file.values, self.columns
            raise UnreadableInput(
                f"{where}: {file.values.shape[1]} columns without names, not {len(self.columns)}"
            )
        at = {name: i for i, name in enumerate(file.names)}
        missing = [name for name in self.columns if name not in at]
        if missing:
            more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
            raise UnreadableInput(
                f"{where}: no column {missing[0]!r}{more}; it has {len(file.names)}, "
                f"{len(self.columns)} are wanted"
            )
        return file.values[:, [at[name] for name in self.columns]], self.columns


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


def frames_found(series: FrameSeries, found: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(n_frames,) whether the face was seen in each frame, from whether each row (n,) saw it.

    A frame is lost where rows cover it and none of them saw a face. The middle frame of a row that
    saw none is lost too where the others would leave all its frames found.
    """
    starts = series.first + np.arange(len(series)) * series.step
    covered, seen = (_covered(starts[which], series) for which in (slice(None), found))
    frames: NDArray[np.bool_] = seen | ~covered
    unmarked = series.all_found(frames) & ~found
    frames[series.centres[unmarked]] = False
    return frames


def _covered(starts: NDArray[np.int64], series: FrameSeries) -> NDArray[np.bool_]:
    change = np.zeros(series.n_frames + 1, np.int64)
    np.add.at(change, starts, 1)
    np.add.at(change, starts + series.span, -1)
    return np.asarray(np.cumsum(change)[:-1] > 0)


def read_row_file(path: str | Path, first_frame: int | None = None) -> RowFile:
    """Read an .npz or a .csv of rows; ``first_frame`` as in :class:`ExternalRows`.

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
    rows = _read_csv(path)
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


def _read_csv(path: Path) -> Iterator[tuple[int, list[str]]]:
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


PLUGIN = ExternalRows
