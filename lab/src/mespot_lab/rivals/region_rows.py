"""Rows of ``region_flow`` read back as motion: regions over stretches, and the eyes' opening.

The columns are found by their names. Rows without names are taken for those of a ``region_flow``
with a single distance, whose layout follows from their number and span.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mespot.descriptors.regions import regions
from mespot.errors import UsageError
from mespot.types import FrameSeries

_EYES = ("eye_opening_left", "eye_opening_right")
_NAME = re.compile(r"(\S+) (-?\d+)\.\.(-?\d+)( x| y)?$")
# Regions that a blink moves.
UPPER = ("brow", "glabella", "lid", "eye_outer")


@dataclass(frozen=True)
class RegionRows:
    """Where the columns of one distance stand.

    Attributes
    ----------
    k : int
        Frames of a stretch.
    sides : int
        Stretches to either side of the middle; stretch s runs from frame (s - sides) k to
        (s + 1 - sides) k about the row's middle.
    motion : (2 sides, R, 2) int, columns of every region of ``regions()`` along x and y
    opening : (2 sides, 2) int, columns of the left and the right eye's opening
    """

    k: int
    sides: int
    motion: NDArray[np.int64]
    opening: NDArray[np.int64]


def region_rows(scorer: str, series: FrameSeries, distance_s: float) -> RegionRows:
    """The columns whose distance is nearest to ``distance_s``.

    Raises UsageError where the rows are not of ``region_flow``. ``scorer`` is the name to blame.
    """
    names = series.names or _assumed(scorer, series)
    at: dict[tuple[int, int], dict[str, int]] = {}
    for column, name in enumerate(names):
        if found := _NAME.search(name):
            what, begin, end, axis = found.groups()
            at.setdefault((int(begin), int(end)), {})[what + (axis or "")] = column
    lengths = {end - begin for begin, end in at}
    if not lengths:
        raise _other(scorer, names[0] if names else "none")
    wanted = distance_s * float(series.fps)
    k = min(sorted(lengths), key=lambda length: abs(length - wanted))
    sides = sum(1 for begin, end in at if end - begin == k) // 2
    motion, opening = [], []
    for s in range(-sides, sides):
        columns = at.get((s * k, s * k + k), {})
        try:
            motion.append([[columns[f"{r} x"], columns[f"{r} y"]] for r in regions()])
            opening.append([columns[eye] for eye in _EYES])
        except KeyError as missing:
            raise _other(scorer, names[0], str(missing.args[0])) from None
    return RegionRows(k, sides, np.array(motion), np.array(opening))


def _assumed(scorer: str, series: FrameSeries) -> tuple[str, ...]:
    """The names that rows without names have if a single distance made them."""
    per_stretch = 2 * len(regions()) + len(_EYES)
    stretches, rest = divmod(series.values.shape[1], per_stretch)
    if rest or not stretches or stretches % 2 or (series.span - 1) % stretches:
        raise _other(scorer, "none")
    k, names = (series.span - 1) // stretches, []
    for s in range(-stretches // 2, stretches // 2):
        when = f"{s * k}..{s * k + k}"
        names += [f"{r} {when} {axis}" for r in regions() for axis in "xy"]
        names += [f"{eye} {when}" for eye in _EYES]
    return tuple(names)


def _other(scorer: str, first: str, missing: str = "") -> UsageError:
    lack = f", no {missing!r}" if missing else ""
    return UsageError(
        f"scorer {scorer}: these rows are not of region_flow (first column {first!r}{lack}); "
        "set descriptor.name = region_flow"
    )


def index_of(scorer: str, names: tuple[str, ...]) -> list[int]:
    """Places of the named regions in ``regions()``. Raises UsageError for one that is none."""
    known = list(regions())
    for name in names:
        if name not in known:
            raise UsageError(f"scorer {scorer}: no region {name!r}; known: {', '.join(known)}")
    return [known.index(name) for name in names]


def usable(values: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(n,) rows in which every number is finite."""
    return np.asarray(np.isfinite(values).all(axis=1))


def eyes_moved(values: NDArray[np.float32], rows: RegionRows) -> NDArray[np.float64]:
    """(n,) the larger change of opening over the two stretches about the middle, of the lesser eye.

    A blink changes both eyes: their log contrast falls and comes back. NaN rows stay NaN.
    """
    about = rows.opening[rows.sides - 1 : rows.sides + 1]
    change = np.abs(values[:, about.ravel()].astype(np.float64)).reshape(-1, 2, 2)
    return np.asarray(change.max(axis=1).min(axis=1))
