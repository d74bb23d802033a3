"""Motion of facial regions relative to the head, at several time distances."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from mespot.descriptors._regions import eye_boxes, region_weights, regions, without_head
from mespot.types import FaceClip, FrameSeries

# name -> OpenCV's preset, finest scale (1 = half the crop's resolution), variational refinements.
# A quarter of the resolution, as in OpenCV's own fast preset, loses half of a 2-px brow movement.
_QUALITY = {
    "coarse": (cv2.DISOPTICAL_FLOW_PRESET_FAST, 2, 5),
    "fast": (cv2.DISOPTICAL_FLOW_PRESET_FAST, 1, 0),
    "fine": (cv2.DISOPTICAL_FLOW_PRESET_MEDIUM, 1, 5),
}
# Flow is averaged over cells of this many pixels before it is pooled into regions: DIS itself
# estimates no finer than that, and pooling gets 16 times cheaper.
_CELL = 4
_EYES = ("eye_opening_left", "eye_opening_right")


@dataclass(frozen=True)
class RegionFlow:
    """Flow of facial regions relative to the head at several time distances, and eye opening.

    For a row with middle frame c and every distance k: the mean displacement of each region from
    frame c - k to c and from c to c + k, in pixels of a 150-px crop, without what the registration
    left of the head's motion. The change of eye opening over the same distances tells blinks apart.
    The flow is DIS (Kroeger et al. 2016) as in OpenCV.

    Parameters
    ----------
    distances_s : tuple of float
        Time distances k in seconds; at least one frame each.
    quality : {"coarse", "fast", "fine"}
        Of the flow: about 0.4, 0.7 and 2 ms per flow of a 150 x 150 crop, of which a 2-px action
        unit comes out at 0.5, 0.86 and 0.81 of its size.
    relative_to : {"head", "nose"}
        What counts as the head's motion: a robust fit of shift, rotation, scale, turn and nod to
        places that follow the skull, or the shift of the nose alone.
    soft_px : float
        Displacements d are returned as soft * asinh(d / soft): linear for micro-movements,
        logarithmic for the much larger macro-expressions and blinks. 0 leaves them as they are.
    """

    distances_s: tuple[float, ...] = (0.1, 0.2, 0.34)
    quality: Literal["coarse", "fast", "fine"] = "fast"
    relative_to: Literal["head", "nose"] = "head"
    soft_px: float = 1.0

    def __post_init__(self) -> None:
        if not self.distances_s or min(self.distances_s) <= 0:
            raise ValueError("distances_s needs at least one positive time")

    def distances(self, fps: Fraction) -> list[int]:
        """The time distances in frames, each at least 1, rising, without repeats."""
        return sorted({max(1, round(k * float(fps))) for k in self.distances_s})

    def span_at(self, fps: Fraction) -> int:
        """Frames that one row covers: the longest distance to either side of its middle."""
        return 2 * self.distances(fps)[-1] + 1

    def column_names(self, fps: Fraction) -> tuple[str, ...]:
        """Names of the columns: what, over which frames, along which axis."""
        names = []
        for k in self.distances(fps):
            for when in (f"-{k}..0", f"0..{k}"):
                for region in regions():
                    names += [f"{region} {when} x", f"{region} {when} y"]
                names += [f"{eye} {when}" for eye in _EYES]
        return tuple(names)

    def describe(self, clip: FaceClip) -> FrameSeries:
        """One row per position: (T - span + 1, d) float32; d = 2 K (2 R + 2) for K distances.

        Rows are made of nothing but their own span's frames.
        """
        span, reach = self.span_at(clip.fps), self.distances(clip.fps)[-1]
        n = max(0, len(clip) - span + 1)
        names = self.column_names(clip.fps)
        if n == 0:
            empty = np.empty((0, len(names)), np.float32)
            return FrameSeries(empty, 0, 1, span, len(clip), clip.fps, names)
        opening = _eye_opening(clip.frames)
        parts = []
        for k in self.distances(clip.fps):
            motion = self._motion(clip.frames, k)
            change = opening[k:] - opening[:-k]
            for begin in (reach - k, reach):
                parts += [motion[begin : begin + n], change[begin : begin + n]]
        values = np.concatenate(parts, axis=1).astype(np.float32, copy=False)
        return FrameSeries(values, 0, 1, span, len(clip), clip.fps, names)

    def mirror(self, series: FrameSeries) -> FrameSeries:
        """The rows that the mirrored video would give: sides swapped, x motion reversed."""
        names = series.names
        if len(names) != series.values.shape[1]:
            raise ValueError("the series has no names of columns: it is not of this descriptor")
        at = {name: i for i, name in enumerate(names)}
        order = [at[_other_side(name)] for name in names]
        sign = np.array([-1 if name.endswith(" x") else 1 for name in names], np.float32)
        return series.with_values(series.values[:, order] * sign, names)

    def _motion(self, frames: NDArray[np.uint8], k: int) -> NDArray[np.float32]:
        """(T - k, 2 R) displacement of every region from frame j to j + k, less the head's."""
        preset, finest, refinements = _QUALITY[self.quality]
        flow_of = cv2.DISOpticalFlow.create(preset)
        flow_of.setFinestScale(finest)
        flow_of.setVariationalRefinementIterations(refinements)
        size = frames.shape[1]
        side = max(8, size // _CELL)
        weights = region_weights(side)
        moved = np.empty((len(frames) - k, len(weights), 2), np.float32)
        for j in range(len(moved)):
            flow = flow_of.calc(frames[j], frames[j + k], None)
            cells = cv2.resize(flow, (side, side), interpolation=cv2.INTER_AREA)
            moved[j] = weights @ cells.reshape(-1, 2)
        moved *= np.float32(150 / size)
        if self.relative_to == "head":
            relative = without_head(moved)
        else:
            relative = moved[:, : len(regions())] - moved[:, -1:]
        if self.soft_px > 0:
            soft = np.float32(self.soft_px)
            relative = soft * np.arcsinh(relative / soft)
        return relative.reshape(len(moved), -1)


def _other_side(name: str) -> str:
    if "_left" in name:
        return name.replace("_left", "_right")
    return name.replace("_right", "_left")


def _eye_opening(frames: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(T, 2) how open each eye looks: log contrast of its box (iris and white against skin)."""
    columns = []
    for rows, cols in eye_boxes(frames.shape[1]):
        box = frames[:, rows, cols].astype(np.float32)
        columns.append(np.log((box.std(axis=(1, 2)) + 2.0) / (box.mean(axis=(1, 2)) + 16.0)))
    return np.stack(columns, axis=1)


PLUGIN = RegionFlow
