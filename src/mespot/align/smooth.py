"""Zero-phase smoothing of the landmark tracks (Savitzky & Golay 1964), frame by frame."""

from __future__ import annotations

from collections import deque
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mespot.align import crop

ORDER = 2
# Eye distances. What the smoothing takes off is noise if it is about this or less; if it is more,
# the head itself moved sharply and the value is kept.
NOISE = 0.0005


@lru_cache(maxsize=64)
def coefficients(before: int, after: int) -> NDArray[np.float64]:
    """(before + 1 + after,) weights of the value at 0 of the quadratic fitted to -before ... after.

    With three values or fewer the quadratic meets them all: the value itself is kept.
    """
    at = np.arange(-before, after + 1)
    order = min(ORDER, len(at) - 1)
    weights: NDArray[np.float64] = np.linalg.pinv(np.vander(at, order + 1, increasing=True))[0]
    return weights


class Smoother:
    """Smooths a stream of landmarks with a look-ahead of half the window.

    Every frame is pushed with its landmarks, the segment it belongs to (None without a face), and
    anything that shall come out with it. A window never reaches into another segment: at a
    segment's ends the quadratic is fitted to what lies within.
    """

    def __init__(self, window: int) -> None:
        self._half = window // 2
        self._held: deque[tuple[NDArray, int | None, Any]] = deque()
        self._next = 0  # position in _held of the next frame to come out

    def push(
        self, landmarks: NDArray, segment: int | None, extra: Any = None
    ) -> list[tuple[NDArray, int | None, Any]]:
        """Take the next frame; give the frames that are ready, smoothed, in order."""
        self._held.append((landmarks, segment, extra))
        return self._ready(self._half)

    def flush(self) -> list[tuple[NDArray, int | None, Any]]:
        """The frames that still wait, once the last was pushed."""
        return self._ready(0)

    def _ready(self, wait: int) -> list[tuple[NDArray, int | None, Any]]:
        ready = []
        while self._next + wait < len(self._held):
            landmarks, segment, extra = self._held[self._next]
            if segment is not None:
                landmarks = self._smoothed(self._next)
            ready.append((landmarks, segment, extra))
            # What is out is held on for its landmarks alone.
            self._held[self._next] = (self._held[self._next][0], segment, None)
            if self._next == self._half:
                self._held.popleft()
            else:
                self._next += 1
        return ready

    def _smoothed(self, i: int) -> NDArray[np.float64]:
        segment = self._held[i][1]
        first = last = i
        while first > max(0, i - self._half) and self._held[first - 1][1] == segment:
            first -= 1
        end = min(len(self._held) - 1, i + self._half)
        while last < end and self._held[last + 1][1] == segment:
            last += 1
        values = np.array([self._held[j][0] for j in range(first, last + 1)])
        values = values.reshape(len(values), -1)
        smooth = coefficients(i - first, last - i) @ values
        off = values[i - first] - smooth
        marks = smooth.reshape(-1, 2)
        taken_off = float(off @ off) / len(marks)
        believed = taken_off / (taken_off + (NOISE * crop.eye_distance(marks)) ** 2)
        kept: NDArray[np.float64] = marks + believed * off.reshape(-1, 2)
        return kept
