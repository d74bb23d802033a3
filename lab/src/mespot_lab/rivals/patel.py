"""Motion of muscle groups summed up while its direction lasts; out and back is an expression."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mespot.contracts import BaseScorer
from mespot.errors import UsageError
from mespot.types import FrameSeries
from mespot_lab.rivals.region_rows import UPPER, eyes_moved, index_of, region_rows, usable


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


def _sides(*names: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(f"{name}_{side}" for name in names) for side in ("left", "right"))


# Regions that a muscle moves together, by muscle (Ekman, Friesen & Hager 2002).
GROUPS: tuple[tuple[str, ...], ...] = (
    *_sides("brow_inner", "brow_middle"),  # frontalis, inner part
    *_sides("brow_middle", "brow_outer"),  # frontalis, outer part
    ("brow_inner_left", "brow_inner_right", "glabella"),  # corrugator, procerus
    *_sides("lid_lower", "eye_outer", "cheek"),  # orbicularis oculi
    *_sides("nose_wing", "fold"),  # levator labii
    ("lip_upper_left", "lip_upper_middle", "lip_upper_right"),  # orbicularis oris, above
    *_sides("lip_corner", "cheek"),  # zygomaticus
    *_sides("lip_corner", "jaw"),  # depressor anguli oris, risorius
    ("chin_left", "chin_right", "chin_middle"),  # mentalis
    ("lip_lower_left", "lip_lower_middle", "lip_lower_right"),  # orbicularis oris, below
)


@dataclass(frozen=True)
class Patel(BaseScorer):
    """Flow of muscle groups integrated over space and time (after Patel, Zhao & Pietikäinen 2015).

    On rows of ``region_flow`` with ``soft_px = 0``. The flow of the regions of a group is averaged,
    summed up for as long as it keeps its direction, and a motion that the next one takes back makes
    a movement with an onset, an apex and an offset. Heuristics drop what is too long, blinks and
    motion of the whole face. Every movement left writes a roof on its rows: its size in pixels (of
    a 150-px crop) at the apex, ``edge`` of that at onset and offset, 0 outside. The score is the
    mean of the ``agree`` highest roofs of a row.

    Parameters
    ----------
    distance_s : float
        Of several distances in the rows, the nearest to this one is used.
    still_px_s : float
        Slower motion is none.
    least_px : float
        A motion that sums up to less is none.
    hold_s : float
        Longest rest between the way out and the way back.
    quiet_s : float
        A motion next to a movement, nearer than this, takes its size off the movement's.
    min_s, max_s : float
        Bounds on a movement's duration.
    trim : float
        A movement begins and ends where this part of its way out has been done, or of its way back
        is left.
    agree : int
        Groups whose mean counts.
    blink : float
        A movement of a group of brows or eyes during which both eyes' opening changes by more is
        dropped; 0: none.
    whole : float
        A movement is dropped if a larger part of all regions goes along with at least half of it.
    edge : float
        Height of the roof at its ends; with ``decode.level`` equal to it, spots begin and end
        at onset and offset.
    """

    distance_s: float = 0.17
    still_px_s: float = 1.0
    least_px: float = 0.1
    hold_s: float = 0.2
    quiet_s: float = 0.3
    min_s: float = 0.1
    max_s: float = 0.6
    trim: float = 0.1
    agree: int = 2
    blink: float = 0.3
    whole: float = 0.5
    edge: float = 0.5

    def __post_init__(self) -> None:
        if not 1 <= self.agree <= len(GROUPS):
            raise UsageError(
                f"scorer patel: agree = {self.agree}: must be from 1 to {len(GROUPS)}, the number "
                "of groups"
            )
        if not (self.distance_s > 0 and self.least_px > 0):
            raise UsageError("scorer patel: distance_s and least_px must be above 0")
        for name in ("still_px_s", "hold_s", "quiet_s", "min_s", "blink", "whole"):
            if not getattr(self, name) >= 0:
                raise UsageError(f"scorer patel: {name} = {getattr(self, name)}: must be >= 0")
        if not self.min_s <= self.max_s:
            raise UsageError(
                f"scorer patel: min_s = {self.min_s} must not be above max_s = {self.max_s}"
            )
        if not (0 <= self.trim < 0.5 and 0 < self.edge <= 1):
            raise UsageError("scorer patel: need 0 <= trim < 0.5 and 0 < edge <= 1")

    def score(self, series: FrameSeries, weights: Mapping[str, NDArray[Any]]) -> FrameSeries:
        """Pixels, (n, 1), at least 0; 0 for rows that do not hold numbers.

        Raises UsageError for rows of another descriptor.
        """
        velocity, eyes, known = _motion(series, self.distance_s)
        rules = self._rules(float(series.fps) / series.step)
        placed = np.zeros((len(series) + 1, *velocity.shape[1:]))
        np.cumsum(velocity, axis=0, out=placed[1:])
        roofs = np.zeros((len(GROUPS), len(series)), np.float32)
        for roof, names in zip(roofs, GROUPS, strict=True):
            upper = self.blink > 0 and names[0].startswith(UPPER)
            for movement in movements(velocity[:, index_of("patel", names)].mean(axis=1), rules):
                during = slice(movement.onset, movement.offset + 1)
                if upper and (eyes[during] > self.blink).any():
                    continue
                if _share(placed, movement) <= self.whole:
                    roof[during] = np.maximum(roof[during], _roof(movement, self.edge))
        roofs.sort(axis=0)
        result = np.where(known, roofs[-self.agree :].mean(axis=0, dtype=np.float64), 0)
        return series.with_values(result.astype(np.float32)[:, None], ("score",))

    def _rules(self, rate: float) -> MovementRules:
        return MovementRules(
            still=self.still_px_s / rate,
            least=self.least_px,
            hold=round(self.hold_s * rate),
            quiet=round(self.quiet_s * rate),
            shortest=self.min_s * rate,
            longest=self.max_s * rate,
            trim=self.trim,
        )


def _motion(
    series: FrameSeries, distance_s: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Velocity of every region at the rows' middles, pixels a row; eyes' change; rows that count.

    (n, R, 2), (n,) and (n,). Of a stretch of k frames the k-th part is one frame's motion in its
    middle: summed up, it is the region's place smoothed over k frames.
    """
    rows = region_rows("patel", series, distance_s)
    n, apart = len(series), max(1, rows.k // series.step)
    known = usable(series.values)

    def stretch(s: int) -> NDArray[np.float64]:
        moved = series.values[:, rows.motion[rows.sides + s]].astype(np.float64)
        moved[~known] = 0
        return np.asarray(moved / apart)

    velocity = np.zeros((n, rows.motion.shape[1], 2))
    # The stretch after row i - late has row i in its middle, and so has the one before i + early.
    late = min(apart // 2, n)
    early = min(apart - apart // 2, n)
    velocity[: n - early] = stretch(-1)[early:]
    velocity[late:] = stretch(0)[: n - late]
    eyes = np.where(known, eyes_moved(np.where(known[:, None], series.values, 0), rows), 0)
    return velocity, eyes, known


def _share(placed: NDArray[np.float64], movement: Movement) -> float:
    """The part of all regions that go half as far as the movement or further, its way."""
    along = (placed[movement.apex] - placed[movement.onset]) @ np.array(movement.direction)
    return float(np.mean(along >= movement.rise / 2))


def _roof(movement: Movement, edge: float) -> NDArray[np.float64]:
    """Size times 1 at the apex, falling straight to ``edge`` at onset and offset."""
    at = np.arange(movement.onset, movement.offset + 1)
    before = max(movement.apex - movement.onset, 1)
    after = max(movement.offset - movement.apex, 1)
    away = np.where(at < movement.apex, (movement.apex - at) / before, (at - movement.apex) / after)
    return np.asarray(movement.size * (1 - (1 - edge) * away))
