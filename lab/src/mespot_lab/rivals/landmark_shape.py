"""Deformation of the face's outline of points: what is left when shift, turn and size are removed.

The geometric features of Xia et al. 2016 (docs/scorers/xia.md): facial landmarks, brought to one
another by Procrustes analysis, and how they moved. Points of the registered crop are followed.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

from mespot.align.crop import MEAN_68, MIRROR_68
from mespot.types import FaceClip, FrameSeries

# Of the 68: brows, nose, eyes, mouth, chin. The jaw's sides are the crop's edge; points 60 to 67,
# of the inner lips, lie on the same pixels as the outer ones while the mouth is shut.
POINTS = (*range(6, 11), *range(17, 60))
_SIDE = 150


@dataclass(frozen=True)
class LandmarkShape:
    """Displacements of facial points over stretches of time, Procrustes-normalised.

    A row looks at the ``stretches`` before and the ``stretches`` after its middle frame c, each of
    k frames. At the beginning of every stretch the points stand where the crop's mean face has
    them; they are followed to its end (pyramidal Lucas-Kanade), brought back onto the beginning by
    the best shift, rotation and scale, and what remains is the deformation, in pixels of a 150-px
    crop. A point that cannot be followed takes no part in the fit and has deformation 0.

    Parameters
    ----------
    distance_s : float
        Length k of a stretch in seconds; at least one row's step.
    stretches : int
        To either side of the middle.
    rows_per_s : float
        Rows stand at most so close.
    patch_px : int
        Side of the patch that is compared around a point, in pixels of a 150-px crop.
    most_px : float
        A point that seems to move further than this was lost.
    """

    distance_s: float = 0.17
    stretches: int = 2
    rows_per_s: float = 60.0
    patch_px: int = 15
    most_px: float = 12.0

    def __post_init__(self) -> None:
        for name in ("distance_s", "rows_per_s", "most_px"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} {getattr(self, name)}: must be positive")
        if self.stretches < 1:
            raise ValueError(f"stretches {self.stretches}: need at least 1")
        if self.patch_px < 3:
            raise ValueError(f"patch_px {self.patch_px}: need at least 3")

    def step_at(self, fps: Fraction) -> int:
        """Frames from one row to the next."""
        return max(1, int(float(fps) / self.rows_per_s + 1e-6))

    def distance(self, fps: Fraction) -> int:
        """The length k of a stretch in frames, a multiple of the step."""
        step = self.step_at(fps)
        return step * max(1, round(self.distance_s * float(fps) / step))

    def span_at(self, fps: Fraction) -> int:
        """Frames that one row covers."""
        return 2 * self.stretches * self.distance(fps) + 1

    def column_names(self, fps: Fraction) -> tuple[str, ...]:
        """``point21 -5..0 x``: the point (of 68), frames from the middle, axis."""
        k = self.distance(fps)
        return tuple(
            f"point{point} {i * k}..{(i + 1) * k} {axis}"
            for i in range(-self.stretches, self.stretches)
            for point in POINTS
            for axis in "xy"
        )

    def describe(self, clip: FaceClip) -> FrameSeries:
        """One row per position: (1 + (T - span) // step, 4 * stretches * K) float32, K points.

        Rows are made of nothing but their own span's frames.
        """
        span, step = self.span_at(clip.fps), self.step_at(clip.fps)
        names = self.column_names(clip.fps)
        n = max(0, 1 + (len(clip) - span) // step)
        if n == 0:
            empty = np.empty((0, len(names)), np.float32)
            return FrameSeries(empty, 0, step, span, len(clip), clip.fps, names)
        frames = clip.frames[: (n - 1) * step + span : step]
        k = self.distance(clip.fps) // step
        moved = self._deformations(frames, k)
        parts = [moved[i * k : i * k + n] for i in range(2 * self.stretches)]
        values = np.concatenate(parts, axis=1)
        return FrameSeries(values, 0, step, span, len(clip), clip.fps, names)

    def mirror(self, series: FrameSeries) -> FrameSeries:
        """The rows that the mirrored video would give: sides swapped, x motion reversed."""
        if len(series.names) != series.values.shape[1]:
            raise ValueError("the series has no names of columns: it is not of this descriptor")
        at = {name: i for i, name in enumerate(series.names)}
        order, sign = [], []
        for name in series.names:
            point, when, axis = name.split()
            other = MIRROR_68[int(point.removeprefix("point"))]
            order.append(at[f"point{other} {when} {axis}"])
            sign.append(-1 if axis == "x" else 1)
        values = series.values[:, order] * np.array(sign, np.float32)
        return series.with_values(values, series.names)

    def _deformations(self, frames: NDArray[np.uint8], k: int) -> NDArray[np.float32]:
        """(T - k, 2 K) of frame j + k against frame j."""
        size = frames.shape[1]
        patch = max(3, round(self.patch_px * size / _SIDE))
        begin = (MEAN_68[list(POINTS)] * size - 0.5).astype(np.float32)
        ends = np.empty((len(frames) - k, len(begin), 2))
        followed = np.empty(ends.shape[:2], bool)
        for j in range(len(ends)):
            end, status, _ = cv2.calcOpticalFlowPyrLK(
                frames[j], frames[j + k], begin[:, None], None, winSize=(patch, patch), maxLevel=1
            )
            ends[j], followed[j] = end[:, 0], status[:, 0] == 1
        far = np.hypot(*np.moveaxis(ends - begin, -1, 0)) > self.most_px * size / _SIDE
        rest = deformations(begin, ends, followed & ~far) * (_SIDE / size)
        return rest.reshape(len(ends), -1).astype(np.float32)


def deformations(
    begin: NDArray[np.floating], ends: NDArray[np.floating], used: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """What similarities do not explain of the way from a shape to others.

    Parameters
    ----------
    begin : (K, 2)
    ends : (n, K, 2)
    used : (n, K) bool
        Points that take part; the others get 0.

    Returns
    -------
    (n, K, 2) float64
        Each of ``ends``, brought onto ``begin`` by the least-squares shift, rotation and scale,
        less ``begin``; the same whatever similarity is applied to an end. As complex numbers the
        similarity is z -> w z + t (Procrustes analysis; Gower 1975). 0 where fewer than three
        points take part.
    """
    share = used / np.maximum(used.sum(axis=1, keepdims=True), 1)
    a = np.where(used, ends[..., 0] + 1j * ends[..., 1], 0)
    b = np.broadcast_to(begin[:, 0] + 1j * begin[:, 1], a.shape)
    a = a - (share * a).sum(axis=1, keepdims=True)
    b = b - (share * b).sum(axis=1, keepdims=True)
    spread = (share * np.abs(a) ** 2).sum(axis=1)
    w = (share * a.conj() * b).sum(axis=1) / np.maximum(spread, 1e-12)
    rest = np.where(used & (used.sum(axis=1, keepdims=True) > 2), w[:, None] * a - b, 0)
    return np.stack([rest.real, rest.imag], axis=-1)


PLUGIN = LandmarkShape
