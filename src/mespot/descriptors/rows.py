"""Rows that another tool has made: OpenFace, I3D or anything else, read from a file.

A recording's ``source`` is then no video but a file of rows; see :mod:`mespot.row_files`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mespot.contracts import BaseDescriptor
from mespot.errors import UnreadableInput, UsageError, nearest
from mespot.row_files import RowFile, read_cells, read_row_file
from mespot.types import FaceClip, FrameMap, FrameSeries, Reading, Recording, Rows

_RATE_TOLERANCE = 5e-4


@dataclass(frozen=True)
class ExternalRows(BaseDescriptor):
    """Rows of another tool, read from a file per recording (.npz or .csv).

    How columns change in the mirrored video stands in the fields, not in a file that they name. So
    the object is complete: recipes, hashes and saved spotters hold what it does, and it cannot
    change behind a cache key. :meth:`from_columns` reads the fields from a table.

    Parameters
    ----------
    span, step : int
        Frames that each row covers, and from one row to the next. A file with another value is
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
        (_, header), *lines = read_cells(Path(path))
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


PLUGIN = ExternalRows
