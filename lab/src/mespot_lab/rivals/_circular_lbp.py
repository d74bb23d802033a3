"""Uniform local binary patterns of eight points on a circle, for whole frames at once."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

BINS = 59
# Weights of the interpolation are whole 256ths, so that a flat place compares as equal, exactly.
_ONE = 256


def pattern_bins() -> NDArray[np.uint8]:
    """(256,) the bin of every pattern: 58 uniform ones in rising order, then all others in one.

    A pattern is uniform if, read around the circle, it changes between 0 and 1 at most twice.
    """
    codes = np.arange(256)
    turned = (codes >> 1) | ((codes & 1) << 7)
    changes = np.array([int(c).bit_count() for c in codes ^ turned])
    bins = np.full(256, BINS - 1, np.uint8)
    bins[changes <= 2] = np.arange(BINS - 1)
    return bins


def patterns(frame: NDArray[np.uint8], radius: int) -> NDArray[np.uint8]:
    """Patterns of all pixels at least ``radius`` from the border: (H - 2 r, W - 2 r) uint8.

    Bit p is set where the point at the angle p * 45 degrees is not darker than the middle. Points
    on the diagonals lie between pixels and are interpolated bilinearly (Ojala et al. 2002).
    """
    height, width = frame.shape[0] - 2 * radius, frame.shape[1] - 2 * radius
    diagonal = radius / math.sqrt(2)
    near = int(diagonal)
    weight = round((diagonal - near) * _ONE)
    far = near + 1 if weight else near
    w0, w1 = np.uint16(_ONE - weight), np.uint16(weight)

    def across(image: NDArray, shift: int) -> NDArray:
        return image[:, radius + shift : radius + shift + width]

    def down(image: NDArray, shift: int) -> NDArray:
        return image[radius + shift : radius + shift + height]

    wide = frame.astype(np.uint16)
    mixed = {s: w0 * across(wide, s * near) + w1 * across(wide, s * far) for s in (1, -1)}
    middle = down(across(frame, 0), 0)
    scaled = middle.astype(np.uint32) * np.uint32(_ONE * _ONE)
    a, b = np.uint32(w0), np.uint32(w1)

    def corner(sx: int, sy: int) -> NDArray:
        column = mixed[sx]
        value = down(column, sy * near).astype(np.uint32) * a
        value += down(column, sy * far).astype(np.uint32) * b
        return value >= scaled

    def straight(dx: int, dy: int) -> NDArray:
        return down(across(frame, dx), dy) >= middle

    r = radius
    bits = (
        straight(r, 0), corner(1, 1), straight(0, r), corner(-1, 1),
        straight(-r, 0), corner(-1, -1), straight(0, -r), corner(1, -1),
    )  # fmt: skip
    codes = np.zeros((height, width), np.uint8)
    for p, bit in enumerate(bits):
        codes |= bit.view(np.uint8) << np.uint8(p)
    return codes
