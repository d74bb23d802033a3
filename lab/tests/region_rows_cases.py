"""Rows of ``region_flow`` made by hand: from where every region is in every frame."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from mespot.descriptors.region_flow import RegionFlow
from mespot.descriptors.regions import regions
from mespot.types import FrameSeries

REGIONS = list(regions())


def at_rest(n_frames: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Places (T, R, 2) in pixels and opening of the eyes (T, 2) of a face that does nothing."""
    return np.zeros((n_frames, len(REGIONS), 2)), np.zeros((n_frames, 2))


def tent(n_frames: int, onset: int, apex: int, offset: int) -> NDArray[np.float64]:
    """0 up to the onset, straight up to 1 at the apex, straight down to 0 at the offset."""
    return np.interp(np.arange(n_frames), [onset, apex, offset], [0, 1, 0], left=0, right=0)


def move(places: NDArray, names: list[str], curve: NDArray, by: tuple[float, float]) -> None:
    """Moves regions along a direction, ``by`` pixels where the curve is 1."""
    for name in names:
        places[:, REGIONS.index(name)] += curve[:, None] * by


def rows_of(
    places: NDArray, opening: NDArray, flow: RegionFlow, fps: int | Fraction = 30
) -> FrameSeries:
    """The rows that ``flow`` would give if its optical flow were exact."""
    fps, n_frames = Fraction(fps), len(places)
    span, step = flow.span_at(fps), flow.step_at(fps)
    names = flow.column_names(fps)
    n = max(0, 1 + (n_frames - span) // step)
    values = np.zeros((n, len(names)), np.float32)
    middle = np.arange(n) * step + (span - 1) // 2
    for column, name in enumerate(names):
        what, when, *axis = name.split()
        begin, end = (middle + int(t) for t in when.split(".."))
        if axis:
            track = places[:, REGIONS.index(what), "xy".index(axis[0])]
        else:
            track = opening[:, int(what.endswith("right"))]
        values[:, column] = track[end] - track[begin]
    return FrameSeries(values, 0, step, span, n_frames, fps, names)
