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
from mespot.align.view import Picture, View, view_within

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
    """``basis`` at every pixel of a crop of ``size`` x ``size``, (size * size, n_points).

    In memory a point's column lies in one piece, which makes its product with landmarks fast.
    """
    middle = (np.arange(size) + 0.5) / size
    at = np.stack(np.meshgrid(middle, middle), axis=-1).reshape(-1, 2)
    matrix = basis(crop.control_points(n_points), at).astype(np.float32, order="F")
    matrix.setflags(write=False)
    return matrix


def source_map(landmarks: NDArray, size: int) -> NDArray[np.float32]:
    """(size, size, 2) source position of every pixel of the crop, for (K, 2) landmarks.

    In memory all x come first, then all y.
    """
    planes = landmarks.T.astype(np.float32) @ crop_basis(size, len(landmarks)).T
    return planes.reshape(2, size, size).transpose(1, 2, 0)


def register(image: Picture, landmarks: NDArray, size: int) -> NDArray[np.uint8]:
    """The crop (size, size) of the face with (K, 2) ``landmarks`` (source pixels) in ``image``.

    Pixels outside the image repeat its border; values are rounded, not cut.
    """
    out = np.empty((size, size), np.uint8)
    resample(view_for_crop(image, landmarks, size), landmarks, out)
    return out


@lru_cache(maxsize=8)
def _border(n_points: int) -> NDArray[np.float64]:
    """``basis`` at a coarse grid's outermost pixels, (4 * BORDER, n_points)."""
    grid = crop_basis(BORDER, n_points).reshape(BORDER, BORDER, -1)
    return np.concatenate([grid[0], grid[-1], grid[:, 0], grid[:, -1]]).astype(np.float64)


def view_for_crop(image: Picture, landmarks: NDArray, size: int) -> View:
    """What ``resample`` needs of the image."""
    outline = _border(len(landmarks)) @ landmarks
    (left, top), (right, bottom) = outline.min(axis=0).tolist(), outline.max(axis=0).tolist()
    side = crop.side_of(landmarks)
    slack = 0.03 * side + side / BORDER
    box = (left - slack, top - slack, right + slack, bottom + slack)
    return view_within(image, box, side / size)


def resample(view: View, landmarks: NDArray, out: NDArray[np.uint8]) -> None:
    """Fill ``out`` (size, size), contiguous, with the crop from its view."""
    at = source_map(view.inside(landmarks), len(out))
    cv2.remap(
        view.image, at[..., 0], at[..., 1], cv2.INTER_LINEAR, dst=out,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
