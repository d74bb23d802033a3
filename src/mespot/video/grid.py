"""From timestamps to a uniform grid of frames: which rate, and which frame is shown at which point.

A grid point k is the time k / fps after the first frame; the frame nearest in time is shown there,
the earlier one of two equally near.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mespot.errors import UsageError

if TYPE_CHECKING:
    from mespot.video.pixels import Luma

MIN_FPS, MAX_FPS = 1, 1000

# A longer pause between two frames is taken for a broken timestamp.
MAX_GAP_S = 600

# A grid point with no frame within this many grid periods is in a gap.
NEAR = Fraction(3, 4)

_WELL_KNOWN = [Fraction(n) for n in (15, 24, 25, 30, 48, 50, 60, 90, 100, 120, 200, 240, 250, 500)]
_WELL_KNOWN += [Fraction(n * 1000, 1001) for n in (15, 24, 30, 48, 60, 120, 240)]

# Jitter up to this part of a period still leaves every frame nearest to its own grid point.
_JITTER = 0.25


class Decoded(NamedTuple):
    """A frame as it came out: grey, or in colour (None if not wanted), exact time, number.

    The time is in seconds from the first frame; by the container's ``stamp`` it can be found again.
    """

    image: Luma | NDArray[np.uint8] | None
    time: Fraction
    number: int
    stamp: int | None = None


@dataclass
class Tally:
    """What went wrong while reading: frames lost or damaged, and plain remarks."""

    failures: int = 0
    notes: dict[str, str] = field(default_factory=dict)

    def note(self, text: str, kind: str = "") -> None:
        """Add a remark; of one kind, the first."""
        self.notes.setdefault(kind or text, text)


@dataclass(frozen=True)
class Grid:
    """The rate of a uniform grid, how it was found, and how many frames it will have."""

    fps: Fraction
    source: str
    variable: bool = False
    n_expected: int | None = None


def find_grid(ticks: NDArray[np.int64], time_base: Fraction, hints: Sequence[Fraction]) -> Grid:
    """The grid for presentation timestamps.

    1. All timestamps at whole multiples of one period, pauses included, exactly or within one tick
       (or one millisecond, to which an earlier container may have rounded): that rate.
    2. Within a quarter of a period of such multiples: that rate, called variable; every frame
       keeps a grid point of its own.
    3. Anything else: variable, at the rate of the median distance.

    Parameters
    ----------
    ticks : (n,) increasing int64, in units of ``time_base`` seconds
    hints : rates that the header claims, believed only where the timestamps agree

    Raises
    ------
    UsageError
        If the rate is unknown or outside 1..1000 frames per second.
    """
    if len(ticks) < 2:
        known = [h for h in hints if MIN_FPS <= h <= MAX_FPS]
        if not known:
            raise UsageError("a single frame does not tell the frame rate; give it with --fps")
        return Grid(known[0], "header", n_expected=len(ticks))
    times = (ticks - ticks[0]).astype(np.float64)
    distances = np.diff(times)
    median = float(np.median(distances))
    millisecond = float(1 / (1000 * time_base))
    near = distances[np.abs(distances - median) <= max(1.0, min(millisecond, 0.1 * median))]
    step = float(near.mean())
    index = np.concatenate([[0.0], np.cumsum(np.rint(distances / step))])
    if np.all(np.diff(index) >= 1):
        # Two or three frames can be equally far apart in coarse ticks by chance.
        for slack in (0.0 if len(ticks) > 3 else 1.0, 1.0, millisecond, _JITTER * step):
            low = float(np.max((times[1:] - slack) / index[1:]))
            high = float(np.min((times[1:] + slack) / index[1:]))
            if slack <= max(1.0, _JITTER * step) and low <= high:
                fps = _choose_rate((low, high), times[-1] / index[-1], time_base, hints)
                variable = slack > max(1.0, millisecond)
                return Grid(_checked(fps), "timestamps", variable, int(index[-1]) + 1)
    around = max(0.5, 0.002 * step)
    fps = _checked(_choose_rate((step - around, step + around), step, time_base, ()))
    last = Fraction(int(ticks[-1] - ticks[0])) * time_base * fps
    return Grid(fps, "median timestamp distance", True, last_point(last) + 1)


def _choose_rate(
    bounds: tuple[float, float], step: float, time_base: Fraction, hints: Sequence[Fraction]
) -> Fraction:
    """A rate whose period, in ticks, lies within the bounds: claimed, well-known, exact or simple.

    Of several well-known ones the nearest to the estimate ``step``.
    """

    def fits(rate: Fraction) -> bool:
        period = float(1 / (rate * time_base))
        return bounds[0] - 1e-9 * period <= period <= bounds[1] + 1e-9 * period

    def distance(rate: Fraction) -> float:
        return abs(float(1 / (rate * time_base)) - step)

    claimed = [h for h in hints if h > 0 and fits(h)]
    # Headers round too: 29.97 stands for 30000/1001.
    for hint in claimed:
        standard = min(_WELL_KNOWN, key=lambda rate: abs(rate - hint))
        if fits(standard) and abs(standard - hint) <= hint / 20000:
            return standard
    if claimed and bounds[1] - bounds[0] < 0.01 * step:
        return claimed[0]
    known = [rate for rate in _WELL_KNOWN if fits(rate)]
    if known:
        return min(known, key=distance)
    whole = 1 / (Fraction(round(step)) * time_base) if round(step) else None
    if whole is not None and abs(step - round(step)) < 1e-9:
        return whole
    estimate = 1 / (Fraction(step) * time_base)
    for largest in (1, 10, 100, 1001, 10**4, 10**6):
        simple = estimate.limit_denominator(largest)
        if simple > 0 and fits(simple):
            return simple
    return estimate.limit_denominator(10**9)


def _checked(fps: Fraction) -> Fraction:
    if not MIN_FPS <= fps <= MAX_FPS:
        raise UsageError(
            f"the timestamps say {float(fps):g} frames per second, which is outside "
            f"{MIN_FPS}..{MAX_FPS}; give the true rate with --fps"
        )
    return fps


def given_rate(fps: Fraction | float, path: object) -> Fraction:
    """A rate that the user gave, checked. Raises UsageError outside 1..1000."""
    try:
        rate = Fraction(fps)
    except (ValueError, OverflowError, TypeError, ZeroDivisionError) as error:
        raise UsageError(f"{path}: fps {fps!r} is not a number") from error
    if not MIN_FPS <= rate <= MAX_FPS:
        raise UsageError(f"{path}: fps {float(rate):g} is outside {MIN_FPS}..{MAX_FPS}")
    return rate


def last_point(position: Fraction) -> int:
    """The last grid point of a video whose last frame stands at ``position`` (time * fps)."""
    return max(0, math.ceil(position - Fraction(1, 2)))


def on_grid(frames: Iterable[Decoded], fps: Fraction) -> Iterator[tuple[Decoded, int, bool]]:
    """The frame nearest to each grid point, with a look-ahead of one frame.

    Yields (frame, its 0-based place among the decoded frames, whether the point stands in a gap).
    Times must not decrease. A frame may be yielded several times in a row, or never.
    """
    point = 0
    before: Decoded | None = None
    at, unit = 0, 1  # where the frame before stands: at / unit grid periods
    source = -1
    for source, frame in enumerate(frames):
        # Fractions, but not brought to lowest terms, which would take longer than all the rest.
        next_at = frame.time.numerator * fps.numerator
        next_unit = frame.time.denominator * fps.denominator
        if before is not None:
            # The last point that is no further from the frame before than from this one.
            last = (at * next_unit + next_at * unit) // (2 * unit * next_unit)
            while point <= last:
                yield before, source - 1, _is_gap(point, at, unit)
                point += 1
        before, at, unit = frame, next_at, next_unit
        del frame
    if before is not None:
        for k in range(point, last_point(Fraction(at, unit)) + 1):
            yield before, source, _is_gap(k, at, unit)


def _is_gap(point: int, at: int, unit: int) -> bool:
    """Whether a grid point is further than NEAR from a frame that stands at ``at / unit``."""
    return abs(point * unit - at) * NEAR.denominator > unit * NEAR.numerator
