"""Local Weighted Mean registration (Goshtasby 1988) of the face to the crop.

A polynomial is fitted at every control point to its nearest neighbours; the map at a pixel is the
mean of the polynomials, weighted by W(R) = 1 - 3 R^2 + 2 R^3, where R is the pixel's distance to
the control point over that polynomial's radius, and W = 0 for R >= 1. First order (3 coefficients)
with fewer than 6 control points, second order (6 coefficients) from 6 on.

Where five points at the eyes and the nose leave the method open, we decide:

- The three nearest points of an eye corner are eye corners too, nearly on one line, through which
  no plane can be laid. A polynomial is therefore fitted by least squares to more neighbours than it
  has coefficients (5 and 10), and made to pass through its own control point.
- Its radius is the distance to the nearest other control point, so that at every control point all
  other polynomials have no weight and the map meets the point exactly.
- Pixels beyond all radii, such as the crop's corners, take the least-squares polynomial of all
  control points; its weight is the product of all 1 - W: zero at every control point, one outside
  all radii, and smooth between.

The control points are fixed in the crop and only their source positions change from frame to
frame. Every polynomial is linear in those, hence so is the whole map: it is one matrix, computed
once, times the landmarks.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from mespot.align import crop
from mespot.align.view import View, view_of

# How many points a local polynomial is fitted to, by its order.
NEIGHBOURS = {1: 5, 2: 10}
# The crop's outline in the source is taken at a grid of so many pixels.
BORDER = 12


def terms(points: NDArray, order: int) -> NDArray[np.float64]:
    """(n, 3) or (n, 6) polynomial terms 1, x, y (x^2, x y, y^2) of (n, 2) points."""
    x, y = points[:, 0], points[:, 1]
    first = [np.ones_like(x), x, y]
    return np.stack(first if order == 1 else [*first, x * x, x * y, y * y], axis=1)


def basis(points: NDArray, at: NDArray) -> NDArray[np.float64]:
    """(n, K) matrix that takes K source positions to the map at (n, 2) ``at``.

    ``points`` (K, 2) are the control points in the units of ``at``; K >= 3 and not on one line,
    from 6 on not on one conic. Every row sums to one.
    """
    order = 1 if len(points) < 6 else 2
    total = np.zeros((len(at), len(points)))
    weight = np.zeros(len(at))
    outside = np.ones(len(at))
    for i in range(len(points)):
        distance = np.hypot(*(points - points[i]).T)
        nearest = np.argsort(distance, kind="stable")[: NEIGHBOURS[order]]
        r = np.minimum(np.hypot(*(at - points[i]).T) / distance[nearest[1]], 1.0)
        w = 1 - 3 * r**2 + 2 * r**3
        total[:, nearest] += w[:, None] * _local(points[nearest], at, order)
        weight += w
        outside *= 1 - w
    centre = points.mean(0)
    everywhere = terms(at - centre, order) @ np.linalg.pinv(terms(points - centre, order))
    return (total + outside[:, None] * everywhere) / (weight + outside)[:, None]


def _local(points: NDArray, at: NDArray, order: int) -> NDArray[np.float64]:
    """(n, m) values at ``at`` of the least-squares polynomial that passes through ``points[0]``.

    In coordinates around that point its constant term is the point's own source position s_0, and
    the other coefficients are fitted to the differences s_j - s_0.
    """
    offsets = terms(points[1:] - points[0], order)[:, 1:]
    slopes = terms(at - points[0], order)[:, 1:] @ np.linalg.pinv(offsets)
    return np.c_[1 - slopes.sum(1), slopes]


@lru_cache(maxsize=8)
def crop_basis(size: int, n_points: int) -> NDArray[np.float32]:
    """``basis`` at every pixel of a crop of ``size`` x ``size``, (size * size, n_points)."""
    middle = (np.arange(size) + 0.5) / size
    at = np.stack(np.meshgrid(middle, middle), axis=-1).reshape(-1, 2)
    matrix = basis(crop.control_points(n_points), at).astype(np.float32)
    matrix.setflags(write=False)
    return matrix


def source_map(landmarks: NDArray, size: int) -> NDArray[np.float32]:
    """(size, size, 2) source position of every pixel of the crop, for (K, 2) landmarks."""
    flat = crop_basis(size, len(landmarks)) @ landmarks.astype(np.float32)
    return flat.reshape(size, size, 2)


def register(image: NDArray[np.uint8], landmarks: NDArray, size: int) -> NDArray[np.uint8]:
    """The crop (size, size) of the face with (K, 2) ``landmarks`` (source pixels) in ``image``.

    Pixels outside the image repeat its border; values are rounded, not cut.
    """
    view = view_for_crop(image, landmarks, size)
    return resample(view, landmarks, size)


def view_for_crop(image: NDArray[np.uint8], landmarks: NDArray, size: int) -> View:
    """What ``resample`` needs of the image."""
    border = crop_basis(BORDER, len(landmarks)).reshape(BORDER, BORDER, -1)
    border = np.concatenate([border[0], border[-1], border[:, 0], border[:, -1]])
    side = crop.scale_of(crop.crop_to_source(landmarks))
    outline = border @ landmarks
    slack = 0.03 * side + side / BORDER
    return view_of(image, np.concatenate([outline - slack, outline + slack]), side / size)


def resample(view: View, landmarks: NDArray, size: int) -> NDArray[np.uint8]:
    """The crop from its view."""
    shifted = view.inside(landmarks)
    mapped: NDArray[np.uint8] = cv2.remap(
        view.image, source_map(shifted, size), None, cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    return mapped
