"""Local binary patterns with any neighbours and bins: the kernel of all but the default.

A neighbour's grey level is a sum over up to four voxels with weights in whole units of 2^-22 that
add up to 1. It is compared with the voxel in integers, so that a bit is a matter of definition and
not of rounding: in a flat area all neighbours are as bright as the voxel.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mespot.descriptors._compiling import kernel, part
from mespot.descriptors._counting import (
    cells_to_blocks,
    clear_empty,
    column_offsets,
    count,
    halves,
    padded,
    place,
    rows_at_once,
)
from mespot.descriptors._patterns import uniform

# 255 of them in 32 bits.
ONE = 2**22

_U8, _U64, _I32 = np.uint8, np.uint64, np.int32


@lru_cache(maxsize=8)
def bin_table(points: int, uniform: bool) -> NDArray[np.uint8]:
    """(2^points,) bin of each pattern, as in docs/descriptors.md; without ``uniform`` itself."""
    codes = np.arange(2**points)
    if not uniform:
        return codes.astype(np.uint8)
    bits = codes[:, None] >> np.arange(points) & 1
    begins = bits & (1 - np.roll(bits, 1, axis=1))
    ones, begin = bits.sum(1), begins.argmax(1)
    table = 1 + points * (ones - 1) + (points - begin) % points
    table[begins.sum(1) > 1] = points * (points - 1) + 2
    table[0], table[-1] = 0, points * (points - 1) + 1
    return table.astype(np.uint8)


@kernel
def any_patterns(frames, which, taps, weights, table, cuts, ring):  # type: ignore[no-untyped-def]
    """As `mespot.descriptors._patterns.uniform_patterns`, except:

    Parameters
    ----------
    taps : (3, P, 4) int64
        Distances of the voxels that a neighbour's grey level comes from, for each plane.
    weights : (3, P, 4) int32
        Their weights, in units of 1 / ONE; they add up to ONE.
    table : (2^P,) uint8
        Bin of each pattern; empty for the uniform patterns of 8 neighbours.
    """
    _, height, width = frames.shape
    flat, histograms = frames.reshape(-1), ring.reshape(ring.shape[0], -1)
    size, furthest = ring.shape[3], np.max(taps)
    across, rows = cuts.x[-1] - cuts.x[0], rows_at_once(width)
    room = rows * width + 128
    offsets, places = np.zeros(room, np.uint32), np.zeros((3, room), np.uint32)
    column_offsets(cuts, width, rows, size, offsets)
    # The bits 0 to 7 and 8 to 15 of every pattern.
    codes, bins = np.zeros((2, room), np.uint8), np.zeros(room, np.uint8)
    counters = np.zeros(cuts.x.size * size, np.uint32)
    sums = np.zeros(cuts.x_from.size * size, ring.dtype)
    for t in range(which[0], which[1]):
        at = (t - which[2]) % ring.shape[0]
        clear_empty(cuts, size, histograms, at)
        for s in range(cuts.y.size - 1):
            for y in range(cuts.y[s], cuts.y[s + 1], rows):
                start = (t * height + y) * width + cuts.x[0]
                n = (min(rows, cuts.y[s + 1] - y) - 1) * width + across
                m = padded(n, flat.size - (start + furthest + n))
                for p in range(3):
                    _patterns(flat, start, (taps, weights), p, m, codes)
                    if table.size == 0:
                        uniform(codes[0], m, bins)
                        place(offsets, bins, m, places, p)
                    else:
                        _place(offsets, codes, table, m, places, p)
                count(places, n, halves(n, width), size // 3, counters)
            cells_to_blocks(s, cuts, counters, size, sums, histograms, at)


@part
def _patterns(flat, start, neighbours, plane, n, codes):  # type: ignore[no-untyped-def]
    """The patterns, as two rows of bytes, of the voxels from ``start`` on."""
    taps, weights = neighbours
    codes[:] = 0
    for k in range(taps.shape[1]):
        if weights[plane, k, 0] == ONE:
            _set_bit_of_one(flat, start, start + taps[plane, k, 0], k, n, codes)
        else:
            _set_bit_of_four(flat, start, taps[plane, k], weights[plane, k], k, n, codes)


@part
def _set_bit_of_one(flat, start, neighbour, bit, n, codes):  # type: ignore[no-untyped-def]
    """Set a bit of n patterns where the voxels from ``neighbour`` on are not darker."""
    here, there, half = _U64(start), _U64(neighbour), _U64(bit // 8)
    value = _U8(1 << bit % 8)
    for j in range(n):
        i = _U64(j)
        codes[half, i] |= value if flat[there + i] >= flat[here + i] else _U8(0)


@part
def _set_bit_of_four(flat, start, taps, weights, bit, n, codes):  # type: ignore[no-untyped-def]
    """Set a bit of n patterns where the weighted sum of four voxels is not darker."""
    here, half = _U64(start), _U64(bit // 8)
    to0, to1, to2, to3 = (
        _U64(start + taps[0]), _U64(start + taps[1]), _U64(start + taps[2]), _U64(start + taps[3])
    )  # fmt: skip
    w0, w1, w2, w3 = weights[0], weights[1], weights[2], weights[3]
    value = _U8(1 << bit % 8)
    for j in range(n):
        i = _U64(j)
        low = _I32(_I32(w0 * _I32(flat[to0 + i])) + _I32(w1 * _I32(flat[to1 + i])))
        high = _I32(_I32(w2 * _I32(flat[to2 + i])) + _I32(w3 * _I32(flat[to3 + i])))
        level = _I32(_I32(flat[here + i]) * _I32(ONE))
        codes[half, i] |= value if _I32(low + high) >= level else _U8(0)


@part
def _place(offsets, codes, table, n, places, plane):  # type: ignore[no-untyped-def]
    """Counter of each pixel, places[plane]: its cell's first plus its pattern's bin."""
    p, low, high = _U64(plane), _U64(0), _U64(1)
    if table.size <= 256:
        for i in range(n):
            places[p, i] = offsets[i] + table[_U64(codes[low, i])]
    else:
        for i in range(n):
            code = _U64(codes[low, i]) | (_U64(codes[high, i]) << _U64(8))
            places[p, i] = offsets[i] + table[code]


def taps_of(
    steps: NDArray[Any], plane: tuple[int, int], bilinear: bool
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Voxels and weights for neighbours at ``steps`` (P, 2) from the voxel, along a plane's axes.

    Along either axis a neighbour stands by a part of a voxel beyond a whole number of voxels,
    counted from the centre, so that mirrored neighbours have mirrored weights.

    Returns
    -------
    (P, 4, 3) int64 steps along t, y, x; (P, 4) int32 weights, the largest first
        Voxels without weight are the voxel itself.
    """
    if not bilinear:
        steps = np.rint(steps)
    away, side = np.abs(steps), np.sign(steps)
    whole = np.floor(away)
    part_a, part_b = (away - whole).T
    both = np.floor(part_a * part_b * ONE + 0.5)
    only_a, only_b = (np.floor(part * ONE + 0.5) - both for part in (part_a, part_b))
    weights = np.stack([ONE - only_a - only_b - both, only_a, only_b, both], axis=1)
    found = np.zeros((len(steps), 4, 3), np.int64)
    for tap, more in enumerate(((0, 0), (1, 0), (0, 1), (1, 1))):
        for axis in (0, 1):
            found[:, tap, 2 - plane[axis]] = side[:, axis] * (whole[:, axis] + more[axis])
    found[weights == 0] = 0
    order = np.argsort(-weights, axis=1, kind="stable")
    weights = np.take_along_axis(weights, order, 1)
    return np.take_along_axis(found, order[..., None], 1), weights.astype(np.int32)
