"""Facial regions of the registered crop, as soft windows around the mean face's points.

Left and right are the image's. A region is a Gaussian window: where the registration is a few
pixels off, its mean motion changes little.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from mespot.align.crop import EYES_AT, MEAN_68, MIRROR_68

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
# Places that follow the skull rather than a muscle; from them the head's own motion is read.
_ANCHORS_LEFT = {
    "eye_inner": ((39,), (0.0, 0.0), (0.025, 0.025)),
    "temple": ((0, 36), (0.0, -0.02), (0.035, 0.040)),
    "side": ((2,), (0.075, 0.0), (0.035, 0.050)),
}
_ANCHORS_MIDDLE = {
    "bridge": ((27,), (0.0, 0.02), (0.030, 0.035)),
    "nose_base": ((33,), (0.0, 0.0), (0.035, 0.025)),
    "nose": ((28, 29, 30), (0.0, 0.0), (0.035, 0.060)),
}


def _centre(points: tuple[int, ...], shift: tuple[float, float]) -> NDArray[np.float64]:
    return MEAN_68[list(points)].mean(axis=0) + np.array(shift)


Window = tuple[float, float, float, float]


def _windows(left: dict, middle: dict) -> dict[str, Window]:
    found: dict[str, Window] = {}
    for name, (points, shift, spread) in left.items():
        x, y = _centre(points, shift)
        found[f"{name}_left"] = (x, y, *spread)
        mirrored = _centre(tuple(MIRROR_68[p] for p in points), (-shift[0], shift[1]))
        found[f"{name}_right"] = (mirrored[0], mirrored[1], *spread)
    for name, (points, shift, spread) in middle.items():
        x, y = _centre(points, shift)
        found[name] = (x, y, *spread)
    return found


@cache
def regions() -> dict[str, Window]:
    """Name -> (x, y, deviation x, deviation y) as fractions of the side, where muscles move."""
    return _windows(_LEFT, _MIDDLE)


@cache
def anchors() -> dict[str, Window]:
    """The same of the places that follow the skull; the nose is last."""
    return _windows(_ANCHORS_LEFT, _ANCHORS_MIDDLE)


@cache
def region_weights(side: int) -> NDArray[np.float32]:
    """(R + A, side * side) weights of regions, then anchors, over a grid; each row sums to 1."""
    at = (np.arange(side) + 0.5) / side
    rows = []
    for x, y, dx, dy in (*regions().values(), *anchors().values()):
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


# What a region counts in the fit of the head's motion, against 1 for an anchor: muscles move it.
_REGION_WORTH = 0.2
_ROUNDS = 4
# Motion below this many pixels (of a 150-pixel crop) is noise, not an outlier.
_NOISE_PX = 0.04


@cache
def _head_modes() -> NDArray[np.float64]:
    """(R + A, 4) how a moving head shifts every window along one axis: shift, two gradients, depth.

    The gradients take in rotation and scale; depth is that of a rounded face, so that the fourth
    mode is what turning (along x) and nodding (along y) look like.
    """
    centres = np.array([w[:2] for w in (*regions().values(), *anchors().values())])
    x, y = (centres - (0.5, EYES_AT[1] + 0.23)).T * 2
    return np.stack([np.ones_like(x), x, y, 1 - x**2 - 0.6 * y**2], axis=1)


def without_head(moved: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, R + A, 2) motions -> (n, R, 2): what is left of the regions' when the head's is removed.

    The head's motion is four modes per axis, fitted to anchors and, less, to regions by iteratively
    reweighted least squares (Cauchy weights), so that a few moving regions do not pull it along.
    """
    modes, n_regions = _head_modes(), len(regions())
    worth = np.ones(len(modes))
    worth[:n_regions] = _REGION_WORTH
    # A weak ridge on all but the shift keeps the fit stable where most windows are outliers.
    ridge = 1e-3 * np.diag([0.0, 1.0, 1.0, 1.0])
    left = np.empty((len(moved), n_regions, 2), np.float32)
    for axis in range(2):
        shift = moved[:, :, axis].astype(np.float64)
        weights = np.broadcast_to(worth, shift.shape)
        for _ in range(_ROUNDS):
            normal = np.einsum("nr,ri,rj->nij", weights, modes, modes, optimize=True) + ridge
            right = np.einsum("nr,ri->ni", weights * shift, modes)
            fitted = np.linalg.solve(normal, right[..., None])[..., 0] @ modes.T
            rest = shift - fitted
            spread = 1.4826 * np.median(np.abs(rest[:, n_regions:]), axis=1, keepdims=True)
            weights = worth / (1 + (rest / (2 * (spread + _NOISE_PX))) ** 2)
        left[:, :, axis] = rest[:, :n_regions]
    return left
