"""The backward map of a frame: for every output pixel, the place in the neutral face that it shows.

Camera shake, the head's rigid motion, its parallax and the action units are composed on a coarse
grid (one node per 4 pixels: all of them are smoother than that), so that the picture itself is
interpolated only once. The background stands still: the head's motion fades out around the head.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mespot.synthetic.actions import NAMES, fields
from mespot.synthetic.sampling import sample
from mespot.synthetic.scene import FaceFrame

CELL = 4
# Relative change of brightness per relative stretch of the skin: folds darken.
SHADE = 0.3

Grid = NDArray[np.float32]


class Warp:
    """The coarse maps of one placed face.

    Parameters
    ----------
    points : (68, 2) float64
        Landmarks in frame pixels.
    face : FaceFrame
    size : (width, height)
        Of the frame, multiples of 8.
    """

    def __init__(self, points: NDArray[np.float64], face: FaceFrame, size: tuple[int, int]) -> None:
        self.face = face
        columns = (np.arange(size[0] // CELL) + 0.5) * CELL - 0.5
        rows = (np.arange(size[1] // CELL) + 0.5) * CELL - 0.5
        self.nodes = np.stack(np.meshgrid(columns, rows), axis=-1).astype(np.float32)
        local = face.to_face(self.nodes.astype(np.float64))
        x, y = local[..., 0], local[..., 1]
        self.head = np.repeat(_head_mask(x, y).astype(np.float32)[..., None], 2, axis=-1)
        self.depth = (face.unit * _depth(face.to_face(points), x, y)).astype(np.float32)
        vectors = fields(face.to_face(points), x, y) @ (face.axes / face.unit)
        vectors *= face.pixels_per_crop_pixel
        shade = np.gradient(vectors[..., 0], CELL, axis=2) + np.gradient(
            vectors[..., 1], CELL, axis=1
        )
        self.fields = np.concatenate([vectors, shade[..., None]], axis=-1).astype(np.float32)
        self.pivot = face.to_pixels(np.array([0.0, 1.9]))

    def places(self, pose: NDArray[np.float64], shake: NDArray[np.float64]) -> Grid:
        """(h, w, 2) the place in the neutral, expressionless scene that each node shows.

        ``pose`` (6,) and ``shake`` (2,) are one row of ``Script.head`` and ``Script.shake``.
        """
        at = _moved(self.nodes, -shake)
        if not pose.any():
            return at
        shift_x, shift_y, roll, grow, yaw, pitch = pose
        c, s = np.cos(roll) * np.exp(-grow), np.sin(roll) * np.exp(-grow)
        back = np.array([[c, -s], [s, c]], dtype=np.float32)
        moved = np.array([shift_x, shift_y]) @ self.face.axes
        rigid = _moved(_moved(at, -(self.pivot + moved)) @ back, self.pivot)
        at = at + self.head * (rigid - at)
        if yaw or pitch:
            turn = (np.array([yaw, pitch]) @ (self.face.axes / self.face.unit)).astype(np.float32)
            depth = self._sample(self.depth, at)
            at = at - np.stack([depth * turn[0], depth * turn[1]], axis=-1)
        return at

    def act(self, at: Grid, amounts: dict[str, float]) -> tuple[Grid, Grid | None]:
        """Subtract the action units' displacement at the places; return how they stretch the skin.

        ``amounts`` are in crop pixels by field name. The second result is (h, w), positive where
        skin is stretched, or None where nothing moves.
        """
        active = {name: a for name, a in amounts.items() if abs(a) > 1e-4}
        if not active:
            return at, None
        weights = np.array(list(active.values()), dtype=np.float32)
        chosen = self.fields[[NAMES.index(name) for name in active]]
        total = self._sample(_weighted(weights, chosen), at)
        return at - total[..., :2], total[..., 2]

    def _sample(self, grid: Grid, at: Grid) -> Grid:
        """A coarse grid's values at places in frame pixels."""
        where = (at + np.float32(0.5)) / np.float32(CELL) - np.float32(0.5)
        return sample(grid, where)


def _moved(at: Grid, by: NDArray[np.float64]) -> Grid:
    """All places moved by one vector. As complex numbers: numpy is slow on a last axis of two."""
    whole = at.view(np.complex64) + np.ascontiguousarray(by, np.float32).view(np.complex64)
    return whole.view(np.float32)


def _weighted(weights: Grid, grids: Grid) -> Grid:
    """The weighted sum of grids (k, ...), in pieces so small that BLAS starts no threads for them:
    beside other work on the machine these wait for each other far longer than they compute.
    """
    flat = grids.reshape(len(weights), -1)
    out = np.empty(flat.shape[1], dtype=np.float32)
    step = max(64, 9000 // len(weights) // 64 * 64)
    for first in range(0, len(out), step):
        np.dot(weights, flat[:, first : first + step], out=out[first : first + step])
    return out.reshape(grids.shape[1:])


def _head_mask(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 on head and hair, fading smoothly to 0 in the background and the shoulders."""
    radius = np.hypot(x / 1.45, (y - 0.4) / np.where(y < 0.4, 1.75, 1.9))
    t = np.clip((1.75 - radius) / 0.75, 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def _depth(
    points: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How far the face stands before the axis it turns about, in eye distances.

    A smooth dome over the head with the nose on it: enough for the parallax of a few degrees.
    """
    dome = np.clip(1.0 - (x / 1.55) ** 2 - ((y - 0.45) / 2.3) ** 2, 0.0, 1.0) ** 2
    tip_x, tip_y = points[30]
    nose = np.exp(-0.5 * (((x - tip_x) / 0.17) ** 2 + ((y - tip_y + 0.1) / 0.26) ** 2))
    return 1.15 * dome + 0.28 * nose
