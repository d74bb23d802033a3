"""OF-FD: small regions of brows, nose wings and mouth that move out and come back at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mespot.contracts import BaseScorer
from mespot.errors import UsageError
from mespot.types import FrameSeries
from mespot_lab.rivals.region_rows import (
    UPPER,
    RegionRows,
    eyes_moved,
    index_of,
    region_rows,
    usable,
)

_REGIONS = (
    "brow_inner_left", "brow_inner_right", "brow_middle_left", "brow_middle_right",
    "brow_outer_left", "brow_outer_right", "nose_wing_left", "nose_wing_right",
    "lip_corner_left", "lip_corner_right", "lip_upper_left", "lip_upper_right",
    "lip_lower_middle",
)  # fmt: skip
_ROWS_AT_ONCE = 20_000


@dataclass(frozen=True)
class OfFd(BaseScorer):
    """Optical flow feature of He 2021 and Zhao et al. 2022: rise and fall of facial regions.

    On rows of ``region_flow`` with ``soft_px = 0``. In every region the places at the ends of the
    stretches are projected on the main axis of the region's motion within the row; its height is
    how far the middle stands above both sides, less the distance between first and last place. The
    score is the mean height of the ``agree`` highest regions, less what the whole face does, in
    pixels of a 150-px crop. A row's score follows from that row alone.

    Parameters
    ----------
    regions : tuple of str
        The small regions; names as in docs/scorers/of_fd.md.
    distance_s : float
        Of several distances in the rows, the nearest to this one is used.
    agree : int
        Regions whose mean height counts.
    drift : float
        How much of the way between first and last place is taken off: 0 lets steps count.
    whole : float
        How much of the median displacement of all regions is taken off: motion that most of the
        face shares is none of a muscle.
    blink : float
        Regions of brows and eyes do not count where both eyes' opening changes by more; 0: off.
    """

    regions: tuple[str, ...] = _REGIONS
    distance_s: float = 0.17
    agree: int = 3
    drift: float = 1.0
    whole: float = 1.0
    blink: float = 0.3

    def __post_init__(self) -> None:
        index_of("of_fd", self.regions)
        if not 1 <= self.agree <= len(self.regions):
            raise UsageError(
                f"scorer of_fd: agree = {self.agree}: must be from 1 to the number of regions, "
                f"{len(self.regions)}"
            )
        if not self.distance_s > 0:
            raise UsageError(f"scorer of_fd: distance_s = {self.distance_s}: must be above 0")
        for name in ("drift", "whole", "blink"):
            if not getattr(self, name) >= 0:
                raise UsageError(f"scorer of_fd: {name} = {getattr(self, name)}: must be >= 0")

    def score(self, series: FrameSeries, weights: Mapping[str, NDArray[Any]]) -> FrameSeries:
        """Pixels, (n, 1), at least 0; 0 for rows that do not hold numbers.

        Raises UsageError for rows of another descriptor.
        """
        rows = region_rows("of_fd", series, self.distance_s)
        result = np.zeros((len(series), 1), np.float32)
        for start in range(0, len(series), _ROWS_AT_ONCE):
            piece = series.values[start : start + _ROWS_AT_ONCE]
            result[start : start + len(piece), 0] = self._scored(piece, rows)
        return series.with_values(result, ("score",))

    def _scored(self, values: NDArray[np.float32], rows: RegionRows) -> NDArray[np.float64]:
        known = usable(values)
        values = np.where(known[:, None], values, 0)
        places = _places(values[:, rows.motion].astype(np.float64))
        heights = _heights(places[:, :, index_of("of_fd", self.regions)], self.drift)
        if self.blink > 0:
            upper = np.array([name.startswith(UPPER) for name in self.regions])
            blinking = eyes_moved(values, rows) > self.blink
            heights[blinking[:, None] & upper] = 0
        heights.sort(axis=1)
        together = heights[:, -self.agree :].mean(axis=1)
        common = np.median((places[:, 0] + places[:, -1]) / 2, axis=1)
        score = np.maximum(together - self.whole * np.hypot(common[:, 0], common[:, 1]), 0)
        return np.asarray(np.where(known, score, 0))


def _places(moved: NDArray[np.float64]) -> NDArray[np.float64]:
    """Displacement per stretch (n, 2 S, R, 2) -> where a region is at the ends of the stretches.

    (n, 2 S + 1, R, 2), the middle at 0.
    """
    n, stretches, *rest = moved.shape
    places = np.zeros((n, stretches + 1, *rest))
    middle = stretches // 2
    np.cumsum(moved[:, middle:], axis=1, out=places[:, middle + 1 :])
    places[:, :middle] = -np.cumsum(moved[:, middle - 1 :: -1], axis=1)[:, ::-1]
    return places


def _heights(places: NDArray[np.float64], drift: float) -> NDArray[np.float64]:
    """(n, 2 S + 1, R, 2) -> (n, R): how far the middle stands out along the main axis, >= 0.

    The main axis is the first principal one of the stretches' displacements.
    """
    steps = np.diff(places, axis=1)
    xx, yy = (steps**2).sum(axis=1)[..., 0], (steps**2).sum(axis=1)[..., 1]
    xy = (steps[..., 0] * steps[..., 1]).sum(axis=1)
    angle = np.arctan2(2 * xy, xx - yy)[:, None] / 2
    along = places[..., 0] * np.cos(angle) + places[..., 1] * np.sin(angle)
    middle = along.shape[1] // 2
    before, after = along[:, :middle], along[:, middle + 1 :]
    # The middle is at 0: it stands above both sides, or below both.
    above = np.minimum(-before.min(axis=1), -after.min(axis=1))
    below = np.minimum(before.max(axis=1), after.max(axis=1))
    left = drift * np.abs(along[:, -1] - along[:, 0])
    return np.asarray(np.maximum(np.maximum(above, below) - left, 0))
