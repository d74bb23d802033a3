"""Lids and irises: the one place on the face where tissue slides over other tissue.

A displacement field cannot show that, so an eye is drawn in three layers, each over the one before:
the lower lid's skin, pushed up; the eyeball with the iris moved sideways; the upper lid's skin,
stretched down over the eye from the fold below the brow.

Everything happens in the eye's own axes: x along the line through its corners, y down, in pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mespot.synthetic.sampling import sample

Map = NDArray[np.float32]
Plane = NDArray[np.uint8]
# Where a layer is sampled, (h, w, 2), and how far it covers those before it, (h, w) in [0, 1].
Layer = tuple[Map, NDArray[np.float32]]

# iBUG numbers of one eye: left corner, two points on the upper lid, right corner, two on the lower;
# and the brow above it.
EYES = ((36, 37, 38, 39, 40, 41), (42, 43, 44, 45, 46, 47))
BROWS = ((18, 19, 20), (23, 24, 25))


@dataclass(frozen=True)
class Lids:
    """How an eye differs from neutral, in frame pixels unless noted.

    ``closure`` 0 to 1 by blinking; ``lift`` of the upper lid (unit 5), ``squeeze`` of the lower lid
    upwards (unit 7), ``gaze`` of the iris to the right in the image.
    """

    closure: float = 0.0
    lift: float = 0.0
    squeeze: float = 0.0
    gaze: float = 0.0

    @property
    def neutral(self) -> bool:
        """Nothing to draw: every part is far below what a pixel can show."""
        return max(self.closure * 10.0, abs(self.lift), abs(self.squeeze), abs(self.gaze)) < 0.004


class Eye:
    """The geometry of one neutral eye and its layers for any state of the lids.

    Parameters
    ----------
    points : (68, 2) float64
        Landmarks in frame pixels.
    which : 0 or 1
        The eye on the image's left or right.
    """

    def __init__(self, points: NDArray[np.float64], which: int) -> None:
        corner_a, up_a, up_b, corner_b, low_b, low_a = points[list(EYES[which])]
        axis = corner_b - corner_a
        self.centre = (corner_a + corner_b) / 2.0
        self.half = float(np.hypot(*axis)) / 2.0
        self.axis = axis / (2.0 * self.half)
        self.upper = self._margin(up_a, up_b)
        # Meshes draw the lower margin a little high: without slack a rim of white stays in a blink.
        self.lower = self._margin(low_a, low_b) + np.array([0.06 * self.half, 0.0])
        brow = self._local(points[list(BROWS[which])].mean(axis=0))[1]
        # Skin gives way between the lid margin and just below the brow, and down to the cheek bone;
        # less room than 0.4 would fold it when the lid comes down.
        self.above = max(0.55 * (self.upper[0] - brow), 0.4 * self.half)
        self.below = 0.9 * self.half
        self.reach = 1.15 * self.half

    def _local(self, point: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = point - self.centre
        c, s = self.axis
        return np.array([c * x + s * y, c * y - s * x])

    def _margin(
        self, first: NDArray[np.float64], second: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """(a, b) of the lid margin (1 - u^2)(a + b u), u = x / half: 0 at both corners."""
        (xa, ya), (xb, yb) = self._local(first), self._local(second)
        ua, ub = xa / self.half, xb / self.half
        system = [[1 - ua**2, (1 - ua**2) * ua], [1 - ub**2, (1 - ub**2) * ub]]
        return np.linalg.solve(np.array(system), np.array([ya, yb]))

    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom in frame pixels of all that the lids can move."""
        top = -self.upper[0] + self.above + 2.0
        bottom = self.lower[0] + self.below + 2.0
        tilt = abs(self.axis[1]) * self.reach
        x, y = self.centre
        return x - self.reach, y - top - tilt, x + self.reach, y + bottom + tilt

    def layers(self, q: Map, lids: Lids) -> list[Layer]:
        """The layers to paint one over the other: lower lid, ball, upper lid.

        ``q`` (h, w, 2) are the places in the neutral face that the box's pixels show.
        """
        c, s = self.axis
        dx, dy = q[..., 0] - self.centre[0], q[..., 1] - self.centre[1]
        x, y = c * dx + s * dy, c * dy - s * dx
        u = x / self.half
        bow = np.clip(1.0 - u * u, 0.0, 1.0)
        top = bow * (self.upper[0] + self.upper[1] * u)
        low = np.maximum(bow * (self.lower[0] + self.lower[1] * u), top)
        # The lower lid takes a small part in closing; the upper one meets it.
        rise = np.minimum(
            0.10 * lids.closure * (low - top) + lids.squeeze * np.sqrt(bow), low - top
        )
        room = low - rise - top
        drop = np.minimum(lids.closure * room - lids.lift * np.sqrt(bow), room)
        new_top, new_low = top + drop, low - rise
        sides = _smooth((1.15 - np.abs(u)) / 0.15)
        over = _smooth((y - top + self.above) / (self.above + drop))
        under = 1.0 - _smooth((y - new_low) / self.below)
        # Where the lid is lifted, the eye below it is drawn out to meet it.
        stretch = np.maximum(-drop, 0.0) * np.exp(
            -np.maximum(y - new_top, 0.0) / (0.35 * self.half)
        )
        slide = lids.gaze * bow * np.clip((low - top) / 2.0, 0.0, 1.0)

        def layer(across: NDArray | float, along: NDArray, cover: NDArray) -> Layer:
            shift = np.stack([c * across - s * along, s * across + c * along], axis=-1)
            return q + shift.astype(np.float32), np.clip(cover, 0.0, 1.0).astype(np.float32)

        return [
            layer(0.0, np.maximum(rise * under * sides, low - y), np.ones_like(y)),
            layer(-slide, stretch, new_low - y + 0.5),
            layer(0.0, np.minimum(-drop * over * sides, top - y), new_top - y + 0.5),
        ]


def paint(out: Plane, plate: Plane, scale: int, layers: list[Layer]) -> None:
    """Draw an eye's layers into ``out``, a view (h, w) or (h, w, 2) of the frame's plane.

    ``scale`` is the plate's pixels per pixel of the map's units.
    """
    offset = np.float32((scale - 1) / 2.0)
    total = np.zeros(out.shape, dtype=np.float32)
    for where, cover in layers:
        seen = sample(plate, np.float32(scale) * where + offset)
        share = cover if out.ndim == 2 else cover[..., None]
        total = total + share * (seen.astype(np.float32) - total)
    out[:] = np.rint(total).astype(np.uint8)


def _smooth(t: NDArray[np.floating]) -> NDArray[np.floating]:
    t = np.clip(t, 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)
