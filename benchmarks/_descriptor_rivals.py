"""What the three-plane descriptors are measured against: other ways to the same rows.

`by_cumulative_sums` and `by_scikit_image` cost the same for any span, in whole-array steps;
`by_window` is compiled like ours but works every row out afresh; OpenCV's HOG sees one plane only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray
from skimage.feature import local_binary_pattern

from mespot.descriptors.block_grid import block_edges
from mespot.descriptors.hog_top import HogTop
from mespot.descriptors.lbp_top import LbpTop, uniform_bins
from mespot.descriptors.planes import PLANE_AXES, ThreePlanes

Votes = Callable[[int], tuple[NDArray[Any], NDArray[Any] | None]]


def shifted(volume: Any, step: Any, margin: tuple[int, int, int]) -> Any:
    """The countable voxels' neighbours at (t, y, x) = step."""
    where = [slice(r + int(s), n - r + int(s)) for r, s, n in zip(margin[::-1], step, volume.shape)]
    return volume[tuple(where)]


def numpy_votes(volume: Any, descriptor: ThreePlanes, plane: int) -> tuple[Any, Any]:
    """Bin and weight of every countable voxel in one plane."""
    if isinstance(descriptor, LbpTop):
        centre = shifted(volume, (0, 0, 0), descriptor.margin)
        codes = np.zeros(centre.shape, np.uint8)
        for k, step in enumerate(descriptor.neighbours()[plane]):
            codes |= (shifted(volume, step, descriptor.margin) >= centre).astype(np.uint8) << k
        return uniform_bins()[codes], None
    along = []
    for axis in PLANE_AXES[plane]:
        step = np.eye(3, dtype=int)[2 - axis]
        after, before = (shifted(volume, s, descriptor.margin) for s in (step, -step))
        along.append(after.astype(np.float32) - before)
    bins = np.rint(np.arctan2(along[1], along[0]) * (8 / (2 * np.pi))).astype(np.int64) % 8
    size = np.hypot(*along)
    return bins, size if type(descriptor) is HogTop else (size > 0).astype(np.float32)


def summed(votes: Votes, shape: tuple[int, int, int], descriptor: ThreePlanes, span: int) -> Any:
    """(rows, d) by cumulative sums over columns, rows and time of a clip (T, H, W)."""
    rx, ry, rt = descriptor.margin
    bins = descriptor.bins_per_plane
    n, height, width = (size - 2 * r for size, r in zip(shape, (rt, ry, rx)))
    columns = np.array(block_edges(width, descriptor.grid[0], descriptor.overlap)).T
    rows = np.array(block_edges(height, descriptor.grid[1], descriptor.overlap)).T
    cuts = [np.unique(edges) for edges in (rows, columns)]
    cells = [np.searchsorted(c, np.arange(c[-1]), "right") for c in cuts]
    table = (len(cuts[0]), len(cuts[1]), bins)
    first = ((cells[0][:, None] * table[1] + cells[1]) * bins).ravel()
    (up, down), (left, right) = (np.searchsorted(c, e) for c, e in zip(cuts, (rows, columns)))
    total = np.zeros((n + 1, len(up), len(left), 3, bins))
    for plane in range(3):
        which, weight = votes(plane)
        for t in range(n):
            places = first + which[t].ravel()
            counts = np.bincount(
                places, None if weight is None else weight[t].ravel(), int(np.prod(table))
            )
            area = counts.reshape(table).cumsum(0).cumsum(1)
            strips = area[down] - area[up]
            total[t + 1, :, :, plane] = strips[:, right] - strips[:, left]
    total = total.cumsum(0)
    length = span - 2 * rt
    gained = total[length:] - total[:-length]
    sums = gained.sum(-1, keepdims=True)
    return (gained / np.where(sums > 0, sums, 1)).astype(np.float32).reshape(len(gained), -1)


def by_cumulative_sums(volume: Any, descriptor: ThreePlanes) -> Any:
    """Plain numpy."""
    span = int(descriptor.span or 0)
    return summed(
        lambda plane: numpy_votes(volume, descriptor, plane), volume.shape, descriptor, span
    )


def by_scikit_image(volume: Any, descriptor: ThreePlanes) -> Any:
    """scikit-image's patterns (bilinear, its only way), plane by plane; then as above."""

    def votes(plane: int) -> tuple[Any, None]:
        axis = (0, 1, 2)[plane]
        images = np.moveaxis(volume, axis, 0)
        codes = [local_binary_pattern(image, 8, 1, "nri_uniform") for image in images]
        whole = np.moveaxis(np.stack(codes), 0, axis).astype(np.int64)
        return shifted(whole, (0, 0, 0), descriptor.margin), None

    return summed(votes, volume.shape, descriptor, int(descriptor.span or 0))


def opencv_hog(frames: Any, blocks: int = 8) -> Any:
    """OpenCV's histograms of 8 signed orientations of single frames: XY alone, own definition."""
    side = frames.shape[1] // blocks
    window = (side * blocks, side * blocks)
    hog = cv2.HOGDescriptor(window, (side, side), (side, side), (side, side), 8, 1, -1, 0, 0.2,
                            False, 64, True)  # fmt: skip
    return [hog.compute(np.ascontiguousarray(f[: window[1], : window[0]])) for f in frames]


def by_window(volume: Any, descriptor: ThreePlanes) -> Any:
    """Compiled loops over every row's own voxels, block after block."""
    height, width = volume.shape[1:]
    rx, ry, rt = descriptor.margin
    span = int(descriptor.span or 0)
    columns = np.array(block_edges(width - 2 * rx, descriptor.grid[0], descriptor.overlap)) + rx
    rows = np.array(block_edges(height - 2 * ry, descriptor.grid[1], descriptor.overlap)) + ry
    out = np.zeros((len(volume) - span + 1, len(rows), len(columns), 3, descriptor.bins_per_plane))
    if isinstance(descriptor, LbpTop):
        _patterns_by_window(volume, span, descriptor.neighbours(), uniform_bins(),
                            (rt, rows, columns), out)  # fmt: skip
    else:
        _gradients_by_window(volume, span, type(descriptor) is HogTop, (rt, rows, columns), out)
    sums = out.sum(-1, keepdims=True)
    return (out / np.where(sums > 0, sums, 1)).astype(np.float32).reshape(len(out), -1)


@njit(nogil=True)
def _patterns_by_window(volume, span, steps, table, where, out):  # type: ignore[no-untyped-def]
    rt, rows, columns = where
    for row in range(out.shape[0]):
        for by in range(rows.shape[0]):
            for bx in range(columns.shape[0]):
                for t in range(row + rt, row + span - rt):
                    for y in range(rows[by, 0], rows[by, 1]):
                        for x in range(columns[bx, 0], columns[bx, 1]):
                            c = volume[t, y, x]
                            for p in range(3):
                                code = 0
                                for k in range(8):
                                    s = steps[p, k]
                                    code |= (volume[t + s[0], y + s[1], x + s[2]] >= c) << k
                                out[row, by, bx, p, table[code]] += 1.0


@njit(nogil=True)
def _gradients_by_window(volume, span, weighted, where, out):  # type: ignore[no-untyped-def]
    rt, rows, columns = where
    for row in range(out.shape[0]):
        for by in range(rows.shape[0]):
            for bx in range(columns.shape[0]):
                for t in range(row + rt, row + span - rt):
                    for y in range(rows[by, 0], rows[by, 1]):
                        for x in range(columns[bx, 0], columns[bx, 1]):
                            gx = float(volume[t, y, x + 1]) - float(volume[t, y, x - 1])
                            gy = float(volume[t, y + 1, x]) - float(volume[t, y - 1, x])
                            gt = float(volume[t + 1, y, x]) - float(volume[t - 1, y, x])
                            for p, a, b in ((0, gx, gy), (1, gx, gt), (2, gy, gt)):
                                if a != 0.0 or b != 0.0:
                                    k = int(np.floor(np.arctan2(b, a) * (4 / np.pi) + 0.5)) % 8
                                    vote = np.sqrt(a * a + b * b) if weighted else 1.0
                                    out[row, by, bx, p, k] += vote
