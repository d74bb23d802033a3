"""Movements out and back in one velocity curve: where its direction lasts, and where it turns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class MovementRules:
    """What counts as a movement; lengths in rows, speeds in pixels a row.

    Attributes
    ----------
    still, least : float
        Slower motion, or motion that sums up to less, is none.
    hold, quiet : int
        Longest rest between out and back; how near another motion must be to count against it.
    shortest, longest : float
        Bounds on the duration.
    trim : float
        Part of the way out before the onset, and of the way back after the offset.
    """

    still: float
    least: float
    hold: int
    quiet: int
    shortest: float
    longest: float
    trim: float


@dataclass(frozen=True)
class Movement:
    """Rows of onset, apex and offset (inclusive); ``rise`` is the way out in pixels.

    ``direction`` is that of the way out, a unit vector. ``size``: see :func:`movements`.
    """

    onset: int
    apex: int
    offset: int
    rise: float
    size: float
    direction: tuple[float, float]


@dataclass(frozen=True)
class _Runs:
    """Stretches of lasting direction: first and last row, sum of the velocity, its length."""

    start: NDArray[np.int64]
    end: NDArray[np.int64]
    sums: NDArray[np.float64]
    length: NDArray[np.float64]


def movements(velocity: NDArray[np.float64], rules: MovementRules) -> Iterator[Movement]:
    """All movements of a curve, (n, 2) pixels a row, in order.

    Velocity is summed up while it is not still and turns by less than 90 degrees from row to row.
    Two such sums make a movement if the second takes back some of the first. Its size is the lesser
    of the way out and the way back (along the way out), less their difference (a movement that
    stays is none) and less the larger of the sums next to it (one of a chain is none).
    """
    runs = _runs(velocity, rules)
    if len(runs.start) < 2:
        return
    way = runs.sums / runs.length[:, None]
    rise, back = runs.length[:-1], -(runs.sums[1:] * way[:-1]).sum(axis=1)
    rest = runs.start[1:] - runs.end[:-1] - 1
    near = np.where(rest < rules.quiet, 1.0, 0.0)
    before = np.concatenate([[0.0], near[:-1] * runs.length[:-2]])
    after = np.concatenate([near[1:] * runs.length[2:], [0.0]])
    size = np.minimum(rise, back) - np.abs(rise - back) - np.maximum(before, after)
    for r in np.flatnonzero((rest <= rules.hold) & (back > 0) & (size > 0)).tolist():
        onset = _reached(velocity, int(runs.start[r]), int(runs.end[r]), way[r], rules.trim)
        offset = _reached(
            velocity, int(runs.start[r + 1]), int(runs.end[r + 1]), way[r + 1], 1 - rules.trim
        )
        if rules.shortest <= offset - onset + 1 <= rules.longest:
            apex = int(runs.end[r] + runs.start[r + 1] + 1) // 2
            yield Movement(
                onset, apex, offset, float(rise[r]), float(size[r]), (way[r][0], way[r][1])
            )


def _runs(velocity: NDArray[np.float64], rules: MovementRules) -> _Runs:
    n = len(velocity)
    moving = np.hypot(velocity[:, 0], velocity[:, 1]) >= max(rules.still, 1e-12)
    goes_on = np.zeros(n, np.bool_)
    goes_on[1:] = moving[1:] & moving[:-1] & ((velocity[1:] * velocity[:-1]).sum(axis=1) > 0)
    begins = np.flatnonzero(~goes_on)
    ends = np.append(begins[1:], n)[: len(begins)] - 1
    kept = moving[begins]
    start, end = begins[kept], ends[kept]
    total = np.zeros((n + 1, 2))
    np.cumsum(velocity, axis=0, out=total[1:])
    sums = total[end + 1] - total[start]
    length = np.hypot(sums[:, 0], sums[:, 1])
    large = length >= rules.least
    return _Runs(start[large], end[large], sums[large], length[large])


def _reached(
    velocity: NDArray[np.float64], start: int, end: int, way: NDArray[np.float64], part: float
) -> int:
    """The first row of a run by whose end that part of its way is done."""
    done = np.cumsum(velocity[start : end + 1] @ way)
    return start + int(np.argmax(done >= part * done[-1] - 1e-12))
