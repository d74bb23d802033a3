"""Motion of facial regions relative to the head, at several time distances."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from mespot.contracts import BaseDescriptor
from mespot.descriptors.regions import eye_boxes, region_weights, regions, without_head
from mespot.types import FaceClip, FrameSeries

# name -> the crop is reduced so many times, distance of DIS's patches, its steps of descent, its
# variational refinements. Flow of the crop reduced by 4 loses half of a 2-px brow movement.
_QUALITY = {
    "coarse": (4, 4, 12, 0),
    "fast": (2, 5, 8, 0),
    "fine": (2, 3, 25, 5),
}
# Flow is averaged over cells of this many pixels before it is pooled into regions: DIS itself
# estimates no finer than that, and pooling gets 16 times cheaper.
_CELL = 4
# Rows stand at most so close, since face muscles do not move faster.
ROWS_PER_S = 60.0
_EYES = ("eye_opening_left", "eye_opening_right")


@dataclass(frozen=True)
class RegionFlow(BaseDescriptor):
    """Flow of facial regions relative to the head over consecutive stretches, and eye opening.

    A row has the ``stretches`` before and after its middle frame c, each of k frames: from c - 2k
    to c - k, from c - k to c, from c to c + k, from c + k to c + 2k. Each stretch gives the mean
    displacement of every region in pixels of a 150-px crop, without what the registration left of
    the head's motion, and the change of eye opening, by which blinks are known. All rows share one
    flow per frame and distance. The flow is DIS (Kroeger et al. 2016) as in OpenCV.

    Parameters
    ----------
    distances_s : tuple of float
        Lengths k of a stretch in seconds; at least one row's step each.
    stretches : int
        To either side of the middle.
    quality : {"coarse", "fast", "fine"}
        Of the flow; docs/descriptors.md has the cost of each and its share of a movement.
    relative_to : {"head", "nose"}
        What counts as the head's motion: a robust fit of shift, rotation, scale, turn and nod to
        places that follow the skull, or the shift of the nose alone.
    soft_px : float
        Displacements d are returned as soft * asinh(d / soft): linear for micro-movements,
        logarithmic for the much larger macro-expressions and blinks. 0 leaves them as they are.
    """

    distances_s: tuple[float, ...] = (0.17,)
    stretches: int = 2
    quality: Literal["coarse", "fast", "fine"] = "fast"
    relative_to: Literal["head", "nose"] = "head"
    soft_px: float = 1.0

    def __post_init__(self) -> None:
        if not self.distances_s or min(self.distances_s) <= 0:
            raise ValueError("distances_s needs at least one positive time")
        if self.stretches < 1:
            raise ValueError(f"stretches {self.stretches}: need at least 1")

    def step_at(self, fps: Fraction) -> int:
        """Frames from one row to the next: 1 up to 60 frames/s, above that 2, 3 ..."""
        return max(1, int(float(fps) / ROWS_PER_S + 1e-6))

    def distances(self, fps: Fraction) -> list[int]:
        """The lengths of a stretch in frames: multiples of the step, rising, without repeats."""
        step = self.step_at(fps)
        return sorted({step * max(1, round(k * float(fps) / step)) for k in self.distances_s})

    def span_at(self, fps: Fraction) -> int:
        """Frames that one row covers: the longest stretches to either side of its middle."""
        return 2 * self.stretches * self.distances(fps)[-1] + 1

    def _begins(self, k: int) -> list[int]:
        """Where the stretches of length k begin, from the middle frame."""
        return [i * k for i in range(-self.stretches, self.stretches)]

    def column_names(self, fps: Fraction) -> tuple[str, ...]:
        """Names of the columns: what, over which frames from the middle, along which axis."""
        names = []
        for k in self.distances(fps):
            for begin in self._begins(k):
                when = f"{begin}..{begin + k}"
                for region in regions():
                    names += [f"{region} {when} x", f"{region} {when} y"]
                names += [f"{eye} {when}" for eye in _EYES]
        return tuple(names)

    def describe(self, clip: FaceClip) -> FrameSeries:
        """One row per position: (1 + (T - span) // step, d) float32.

        d = 2 K S (2 R + 2) for K distances, S stretches to a side and R regions. Rows are made of
        nothing but their own span's frames.
        """
        span, step = self.span_at(clip.fps), self.step_at(clip.fps)
        names = self.column_names(clip.fps)
        n = max(0, 1 + (len(clip) - span) // step)
        if n == 0:
            empty = np.empty((0, len(names)), np.float32)
            return FrameSeries(empty, 0, step, span, len(clip), clip.fps, names)
        # Of all frames, those that rows begin, end or have their middle at.
        frames = clip.frames[: (n - 1) * step + span : step]
        reach = (span - 1) // 2 // step
        opening = _eye_opening(frames)
        parts = []
        for k in (k // step for k in self.distances(clip.fps)):
            motion = self._motion(frames, k)
            change = opening[k:] - opening[:-k]
            for begin in self._begins(k):
                at = slice(reach + begin, reach + begin + n)
                parts += [motion[at], change[at]]
        values = np.concatenate(parts, axis=1).astype(np.float32, copy=False)
        return FrameSeries(values, 0, step, span, len(clip), clip.fps, names)

    @property
    def can_mirror(self) -> bool:
        """True."""
        return True

    def mirror(self, series: FrameSeries) -> FrameSeries:
        """The rows that the mirrored video would give: sides swapped, x motion reversed."""
        names = series.names or self.column_names(series.fps)
        if len(names) != series.values.shape[1]:
            raise ValueError(
                f"{series.values.shape[1]} columns: this descriptor's rows have {len(names)}"
            )
        at = {name: i for i, name in enumerate(names)}
        order = [at[_other_side(name)] for name in names]
        sign = np.array([-1 if name.endswith(" x") else 1 for name in names], np.float32)
        return series.with_values(series.values[:, order] * sign, names)

    def _motion(self, frames: NDArray[np.uint8], k: int) -> NDArray[np.float32]:
        """(T - k, 2 R) displacement of every region from frame j to j + k, less the head's."""
        reduced, *choices = _QUALITY[self.quality]
        size = frames.shape[1]
        flow_of = _flow(*choices)
        small = [_reduced(frame, size // reduced) for frame in frames]
        side = max(8, size // _CELL)
        weights = region_weights(side)
        moved = np.empty((len(frames) - k, len(weights), 2), np.float32)
        for j in range(len(moved)):
            flow = flow_of.calc(small[j], small[j + k], None)
            cells = cv2.resize(flow, (side, side), interpolation=cv2.INTER_AREA)
            moved[j] = weights @ cells.reshape(-1, 2)
        moved *= np.float32(size / (size // reduced))
        moved *= np.float32(150 / size)
        if self.relative_to == "head":
            relative = without_head(moved)
        else:
            relative = moved[:, : len(regions())] - moved[:, -1:]
        if self.soft_px > 0:
            soft = np.float32(self.soft_px)
            relative = soft * np.arcsinh(relative / soft)
        return relative.reshape(len(moved), -1)


def _flow(stride: int, descent: int, refinements: int) -> Any:
    flow_of = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    flow_of.setFinestScale(0)
    flow_of.setPatchStride(stride)
    flow_of.setGradientDescentIterations(descent)
    flow_of.setVariationalRefinementIterations(refinements)
    return flow_of


def _reduced(frame: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    small = cv2.resize(frame, (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.uint8)


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
