"""The crop's geometry: where a mean face stands in the square that everything later looks at.

Section "Pre-processing" of the paper crops "by defined rectangles from specific landmarks". Ours is
one square: its side is 2.2 times the distance between the eye centres, the eyes' middle stands at
(0.5, 0.28) of it, so that brows are well inside and the chin just so. Positions here are fractions
of the side, x to the right and y down in the image; pixel = fraction * size - 0.5.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

SIDE_IN_EYE_DISTANCES = 2.2
EYES_AT = (0.5, 0.28)

# A mean frontal face in the 68-point iBUG order, in eye distances from the eyes' middle, made
# symmetric: jaw 0-16, brows 17-26, nose 27-35, eyes 36-47, lips 48-67.
_HALF = {
    0: (-1.065, 0.035), 1: (-1.06, 0.25), 2: (-1.03, 0.46), 3: (-1.0, 0.70), 4: (-0.93, 0.94),
    5: (-0.835, 1.145), 6: (-0.585, 1.43), 7: (-0.465, 1.52), 8: (0.0, 1.68),
    17: (-0.89, -0.235), 18: (-0.795, -0.32), 19: (-0.645, -0.365), 20: (-0.455, -0.355),
    21: (-0.235, -0.33), 27: (0.0, -0.05), 28: (0.0, 0.19), 29: (0.0, 0.41), 30: (0.0, 0.55),
    31: (-0.205, 0.68), 32: (-0.12, 0.74), 33: (0.0, 0.74),
    36: (-0.705, -0.01), 37: (-0.60, -0.06), 38: (-0.44, -0.07), 39: (-0.27, 0.03),
    40: (-0.41, 0.06), 41: (-0.57, 0.05),
    48: (-0.395, 1.05), 49: (-0.235, 0.97), 50: (-0.12, 0.945), 51: (0.0, 0.96),
    57: (0.0, 1.23), 58: (-0.12, 1.22), 59: (-0.22, 1.185), 60: (-0.345, 1.04), 61: (-0.09, 1.055),
    62: (0.0, 1.06), 66: (0.0, 1.08), 67: (-0.10, 1.08),
}  # fmt: skip

# The right half in the image mirrors the left: point -> its partner.
MIRROR_68 = (
    [16 - i for i in range(17)]
    + [43 - i for i in range(17, 27)]
    + [27, 28, 29, 30]
    + [66 - i for i in range(31, 36)]
    + [45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40]
    + [54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55]
    + [64, 63, 62, 61, 60, 67, 66, 65]
)

# dlib's five points as indices into the 68: outer and inner corner of the eye on the image's right,
# the same of the eye on the left, the base of the nose.
FIVE_OF_68 = (45, 42, 36, 39, 33)


def _mean_face() -> NDArray[np.float64]:
    points = np.empty((68, 2))
    for i in range(68):
        if i in _HALF:
            points[i] = _HALF[i]
        else:
            x, y = _HALF[MIRROR_68[i]]
            points[i] = (-x, y)
    return np.array(EYES_AT) + points / SIDE_IN_EYE_DISTANCES


MEAN_68: NDArray[np.float64] = _mean_face()
MEAN_5: NDArray[np.float64] = MEAN_68[list(FIVE_OF_68)]


# Seventeen of the 68 that hold still in a face at rest and stand all around it: jaw, ends of the
# brows, nose, corners of eyes and mouth, lower lip.
SEVENTEEN_OF_68 = (3, 8, 13, 17, 21, 22, 26, 31, 33, 35, 36, 39, 42, 45, 48, 54, 57)

# (2, 3) matrix [[a, -b, x], [b, a, y]]: rotation, scale and shift of the plane.
Similarity = NDArray[np.float64]


def control_points(n: int) -> NDArray[np.float64]:
    """(n, 2) where the control points stand in the crop, as fractions of its side; n = 5 or 17."""
    return MEAN_5 if n == 5 else MEAN_68[list(SEVENTEEN_OF_68)]


def fit_similarity(source: NDArray, target: NDArray) -> Similarity:
    """Least-squares similarity that takes (n, 2) ``source`` to (n, 2) ``target``.

    As complex numbers it is z -> w z + t, so that the solution is two means. Coinciding
    source points give a pure shift.
    """
    a = source[:, 0] + 1j * source[:, 1]
    b = target[:, 0] + 1j * target[:, 1]
    share = np.full(len(a), 1.0 / len(a))
    mean_a, mean_b = share @ a, share @ b
    da = a - mean_a
    spread = share @ (da.real**2 + da.imag**2)
    w = share @ (da.conj() * (b - mean_b)) / spread if spread > 1e-12 else 1.0 + 0j
    t = mean_b - w * mean_a
    return np.array([[w.real, -w.imag, t.real], [w.imag, w.real, t.imag]])


def as_complex(points: NDArray) -> NDArray[np.complex128]:
    """(n, 2) points as (n,) x + iy, without a copy where that can be had."""
    plain: NDArray[np.float64] = np.ascontiguousarray(points, dtype=np.float64)
    return plain.view(np.complex128)[:, 0]


def apply(similarity: Similarity, points: NDArray) -> NDArray[np.float64]:
    """(n, 2) points under a similarity."""
    return points @ similarity[:, :2].T + similarity[:, 2]


def compose(second: Similarity, first: Similarity) -> Similarity:
    """The similarity that does ``first``, then ``second``."""
    both = second[:, :2] @ first
    both[:, 2] += second[:, 2]
    return both


def invert(similarity: Similarity) -> Similarity:
    """The similarity that undoes this one."""
    a, b = similarity[0, 0], similarity[1, 0]
    turned = np.array([[a, b], [-b, a]]) / (a * a + b * b)
    return np.concatenate([turned, -(turned @ similarity[:, 2:])], axis=1)


def scale_of(similarity: Similarity) -> float:
    """Length of a unit vector after the similarity."""
    return math.hypot(similarity[0, 0], similarity[1, 0])


def crop_to_source(landmarks: NDArray) -> Similarity:
    """The similarity from crop fractions to source pixels that fits (K, 2) landmarks best.

    As ``fit_similarity`` from the control points; those never change, so that one product is left.
    """
    lever, middle = _lever(len(landmarks))
    b = as_complex(landmarks)
    w = complex(lever @ b)
    t = complex(b.sum()) / len(b) - w * middle
    return np.array([[w.real, -w.imag, t.real], [w.imag, w.real, t.imag]])


@lru_cache(maxsize=4)
def _lever(n: int) -> tuple[NDArray[np.complex128], complex]:
    """What multiplies the n landmarks to give rotation and scale, and the control points' mean."""
    a = control_points(n) @ np.array([1, 1j])
    da = a - a.mean()
    return da.conj() / (np.abs(da) ** 2).sum(), complex(a.mean())


def side_of(landmarks: NDArray) -> float:
    """Side of the crop in source pixels, from the fit of all (K, 2) landmarks."""
    lever, _ = _lever(len(landmarks))
    return abs(complex(lever @ as_complex(landmarks)))


def eye_distance(landmarks: NDArray) -> float:
    """Distance of the eye centres in source pixels, from the fit of all (K, 2) landmarks."""
    return side_of(landmarks) / SIDE_IN_EYE_DISTANCES


# Least x and y, greatest x and y.
Box = tuple[float, float, float, float]


def bounds(similarity: Similarity, box: Box) -> Box:
    """The upright box around an upright box that a similarity has moved."""
    (a, _, x), (b, _, y) = similarity.tolist()
    left, top, right, bottom = box
    ax, bx = sorted((a * left, a * right)), sorted((b * left, b * right))
    ay, by = sorted((a * top, a * bottom)), sorted((-b * top, -b * bottom))
    return x + ax[0] + by[0], y + bx[0] + ay[0], x + ax[1] + by[1], y + bx[1] + ay[1]
