"""Facial regions of the registered crop, as soft windows around the mean face's points.

Left and right are the image's. A region is a Gaussian window: where the registration is a few
pixels off, its mean motion changes little.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from mespot.align.crop import MEAN_68, MIRROR_68

# name -> (points of the 68 whose mean is the centre, shift, standard deviations); shift and
# deviations as fractions of the crop's side. Left side only; the right mirrors it.
_LEFT = {
    "brow_inner": ((20, 21), (0.01, -0.005), (0.040, 0.030)),
    "brow_middle": ((19, 20), (-0.01, -0.005), (0.040, 0.030)),
    "brow_outer": ((17, 18), (0.0, -0.005), (0.040, 0.030)),
    "lid_upper": ((37, 38), (0.0, -0.015), (0.045, 0.022)),
    "lid_lower": ((40, 41), (0.0, 0.022), (0.045, 0.022)),
    "eye_outer": ((36,), (-0.03, 0.01), (0.035, 0.035)),
    "cheek": ((41, 48), (-0.02, 0.02), (0.055, 0.055)),
    "nose_wing": ((31,), (-0.01, -0.02), (0.035, 0.040)),
    "fold": ((31, 48), (-0.02, 0.0), (0.035, 0.045)),
    "lip_upper": ((49, 50), (0.0, -0.005), (0.040, 0.025)),
    "lip_corner": ((48,), (0.0, 0.0), (0.035, 0.035)),
    "lip_lower": ((58, 59), (0.0, 0.01), (0.040, 0.025)),
    "chin": ((6, 57), (0.06, 0.03), (0.050, 0.050)),
    "jaw": ((4, 48), (0.0, 0.03), (0.050, 0.055)),
}
_MIDDLE = {
    "glabella": ((21, 22), (0.0, 0.01), (0.035, 0.035)),
    "lip_upper_middle": ((51,), (0.0, -0.01), (0.035, 0.025)),
    "lip_lower_middle": ((57,), (0.0, 0.005), (0.035, 0.025)),
    "chin_middle": ((8, 57), (0.0, 0.015), (0.050, 0.040)),
}
# The nose from bridge to tip: it has no muscle of its own that a micro-expression would use there.
_NOSE = ((28, 29, 30), (0.0, 0.0), (0.035, 0.060))


def _centre(points: tuple[int, ...], shift: tuple[float, float]) -> NDArray[np.float64]:
    return MEAN_68[list(points)].mean(axis=0) + np.array(shift)


@cache
def regions() -> dict[str, tuple[float, float, float, float]]:
    """Name -> (x, y, deviation x, deviation y) as fractions of the side; the nose is last."""
    found: dict[str, tuple[float, float, float, float]] = {}
    for name, (points, shift, spread) in _LEFT.items():
        x, y = _centre(points, shift)
        found[f"{name}_left"] = (x, y, *spread)
        mirrored = _centre(tuple(MIRROR_68[p] for p in points), (-shift[0], shift[1]))
        found[f"{name}_right"] = (mirrored[0], mirrored[1], *spread)
    for name, (points, shift, spread) in {**_MIDDLE, "nose": _NOSE}.items():
        x, y = _centre(points, shift)
        found[name] = (x, y, *spread)
    return found


@cache
def region_weights(side: int) -> NDArray[np.float32]:
    """(R, side * side) weights of every region over a side x side grid; each row sums to 1."""
    at = (np.arange(side) + 0.5) / side
    rows = []
    for x, y, dx, dy in regions().values():
        window = np.exp(-0.5 * ((at[None, :] - x) / dx) ** 2 - 0.5 * ((at[:, None] - y) / dy) ** 2)
        rows.append((window / window.sum()).ravel())
    return np.asarray(rows, dtype=np.float32)


def eye_boxes(size: int) -> list[tuple[slice, slice]]:
    """Rows and columns of the left and the right eye in a crop of ``size`` pixels."""
    boxes = []
    for points in (range(36, 42), range(42, 48)):
        eye = MEAN_68[list(points)]
        (left, top), (right, bottom) = eye.min(axis=0), eye.max(axis=0)
        grow = 0.02
        boxes.append(
            (
                slice(round((top - grow) * size), round((bottom + grow) * size)),
                slice(round(left * size), round(right * size)),
            )
        )
    return boxes
