"""Rows of several descriptors side by side, on common middle frames."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mespot import registry
from mespot.types import FaceClip, FrameSeries


@dataclass(frozen=True)
class Several:
    """Rows of several descriptors side by side: each part's row about the same middle frame.

    The span is that of the longest part. The others' rows look at as many frames as they always do,
    about the middle of it. Rows stand as far apart as those of the part with the widest step, each
    with the very numbers that a part gives of its own frames. Columns are named
    ``<number of the part>/<its descriptor>/<its column>``, from 0, so that scorers can tell parts
    apart (:func:`columns_of`).

    Parameters
    ----------
    parts : tuple of tables
        Sections of descriptors as in recipes: ``name`` and the fields not left at their defaults.

    Raises
    ------
    ValueError
        If there is no part, or one is ``several`` again.
    UsageError
        If a part's name or field is unknown.
    """

    parts: tuple[Mapping[str, Any], ...] = ({"name": "region_flow"}, {"name": "hog_top"})

    def __post_init__(self) -> None:
        if not self.parts:
            raise ValueError("parts is empty: list at least one descriptor, {name = ...}")
        if any(name == "several" for name in self.uses):
            raise ValueError("parts: several cannot be a part of itself; list its parts instead")
        self.descriptors()

    @property
    def uses(self) -> tuple[str, ...]:
        """Names of the descriptors that the rows come from."""
        return tuple(str(section.get("name", "")) for section in self.parts)

    def descriptors(self) -> list[Any]:
        """The parts, built from their sections."""
        return [registry.build("descriptors", section) for section in self.parts]

    def step_at(self, fps: Fraction) -> int:
        """Frames from one row to the next: the widest of all parts."""
        return max(_step_of(part, fps) for part in self.descriptors())

    def span_at(self, fps: Fraction) -> int:
        """Frames that one row covers: the longest of all parts."""
        return max(int(part.span_at(fps)) for part in self.descriptors())

    def column_names(self, fps: Fraction) -> tuple[str, ...]:
        """Names of the columns of all parts, in their order."""
        return tuple(
            f"{prefix}{column}"
            for prefix, part in zip(self._prefixes(), self.descriptors())
            for column in part.column_names(fps)
        )

    def describe(self, clip: FaceClip) -> FrameSeries:
        """One row per position: (1 + (T - span) // step, d) float32, d of all parts together.

        Rows are made of nothing but their own span's frames.
        """
        span, step = self.span_at(clip.fps), self.step_at(clip.fps)
        n = max(0, 1 + (len(clip) - span) // step)
        rows = [_rows(part, clip, (n, step, span)) for part in self.descriptors()]
        values = np.concatenate(rows, axis=1)
        names = self.column_names(clip.fps)
        return FrameSeries(values, 0, step, span, len(clip), clip.fps, names)

    @property
    def mirror(self) -> Callable[[FrameSeries], FrameSeries]:
        """Rows to the rows that the mirrored video would give.

        There only where every part has it; AttributeError (``hasattr`` is False) otherwise.
        """
        if not all(hasattr(part, "mirror") for part in self.descriptors()):
            raise AttributeError("not every part of several can mirror its rows")
        return self._mirrored

    def _mirrored(self, series: FrameSeries) -> FrameSeries:
        values = np.array(series.values, np.float32)
        for number, part in enumerate(self.descriptors()):
            columns, names = columns_of(series, number)
            if not names:
                raise ValueError(f"the series has no columns of part {number}")
            own = series.with_values(series.values[:, columns], names)
            values[:, columns] = part.mirror(own).values
        return series.with_values(values, series.names)

    def _prefixes(self) -> Iterator[str]:
        return (f"{number}/{name}/" for number, name in enumerate(self.uses))


def columns_of(series: FrameSeries, part: int) -> tuple[slice, tuple[str, ...]]:
    """Where a part's columns stand in rows of ``several``, and their names as the part has them.

    Without such columns the slice is empty and there are no names.
    """
    prefix = f"{part}/"
    at = [i for i, name in enumerate(series.names) if name.startswith(prefix)]
    if not at:
        return slice(0, 0), ()
    names = tuple(series.names[i].split("/", 2)[2] for i in at)
    return slice(at[0], at[-1] + 1), names


def _step_of(part: Any, fps: Fraction) -> int:
    return int(part.step_at(fps)) if hasattr(part, "step_at") else 1


def _rows(part: Any, clip: FaceClip, place: tuple[int, int, int]) -> NDArray[np.float32]:
    """(n, d) rows of one part at the n, step, span that all have in common.

    A part's own step need not divide the common one. Its rows are then taken in turns, each turn
    from a start of its own, so that every row stands exactly where it should.
    """
    n, step, span = place
    length, own = int(part.span_at(clip.fps)), _step_of(part, clip.fps)
    offset = (span - 1) // 2 - (length - 1) // 2
    turns = math.lcm(own, step) // step
    values: NDArray[np.float32] | None = None
    for turn in range(min(turns, max(n, 1))):
        count = len(range(turn, n, turns))
        start = offset + turn * step
        end = start + (count - 1) * turns * step + length if count else start
        rows = part.describe(_cut(clip, start, end)).values[:: turns * step // own]
        if values is None:
            values = np.empty((n, rows.shape[1]), np.float32)
        values[turn::turns] = rows
    assert values is not None
    return values


def _cut(clip: FaceClip, start: int, end: int) -> FaceClip:
    at = slice(start, end)
    return FaceClip(clip.frames[at], clip.found[at], clip.landmarks[at], clip.times_s[at], clip.fps)


PLUGIN = Several
