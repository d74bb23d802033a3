"""Uniform local binary patterns of 8 nearest voxels, counted per block: the default's kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from mespot.descriptors._compiling import kernel, part
from mespot.descriptors._counting import (
    cells_to_blocks,
    clear_empty,
    padded,
)
from mespot.descriptors._nibbles import set_places, shifted, vote_cells

_U8, _U64 = np.uint8, np.uint64


@kernel
def uniform_patterns(frames, which, neighbours, cuts, ring):  # type: ignore[no-untyped-def]
    """Histograms of uniform local binary patterns of the frames which[0] .. which[1] - 1.

    Parameters
    ----------
    frames : (T, H, W) uint8
    which : (int, int, int)
        First frame, end, and the frame that stands at ring[0]: t goes to (t - which[2]) % R.
    neighbours : (3, 8) int64
        Distances of the neighbours in the flattened clip, for the planes XY, XT, YT.
    cuts : mespot.descriptors._grid.Cuts
    ring : (R, by, bx, 3 * slots) uint16 or uint32
        At least 59 slots.
    """
    _, height, width = frames.shape
    flat, table = frames.reshape(-1), ring.reshape(ring.shape[0], -1)
    size, furthest = ring.shape[3], np.max(neighbours)
    across, rows = cuts.x[-1] - cuts.x[0], 17
    room = rows * width + 128
    places = np.zeros((3, room), np.uint16)
    codes = np.empty(room, np.uint8)
    votes = vote_table()
    counters = np.zeros(cuts.x.size * size, ring.dtype)
    sums = np.zeros(cuts.x_from.size * size, ring.dtype)
    for t in range(which[0], which[1]):
        at = (t - which[2]) % ring.shape[0]
        clear_empty(cuts, size, table, at)
        for s in range(cuts.y.size - 1):
            for y in range(cuts.y[s], cuts.y[s + 1], rows):
                start = (t * height + y) * width + cuts.x[0]
                n = (min(rows, cuts.y[s + 1] - y) - 1) * width + across
                m = padded(n, flat.size - (start + furthest + n))
                set_places(flat, start, neighbours, m, places)
                if m % 32:
                    for p in range(3):
                        patterns(flat, start, neighbours, p, m, codes)
                        shifted(codes, m - m % 32, m, places, p)
                vote_cells(votes, places, min(rows, cuts.y[s + 1] - y), width, cuts, counters)
            cells_to_blocks(s, cuts, counters, size, sums, table, at)


@part
def patterns(flat, start, neighbours, plane, n, out):  # type: ignore[no-untyped-def]
    """n uint8 patterns, of the voxels from ``start`` on.

    Bit k is set where the voxel neighbours[plane, k] further on in ``flat`` is not darker.
    """
    here = _U64(start)
    to0, to1 = _U64(start + neighbours[plane, 0]), _U64(start + neighbours[plane, 1])
    to2, to3 = _U64(start + neighbours[plane, 2]), _U64(start + neighbours[plane, 3])
    to4, to5 = _U64(start + neighbours[plane, 4]), _U64(start + neighbours[plane, 5])
    to6, to7 = _U64(start + neighbours[plane, 6]), _U64(start + neighbours[plane, 7])
    for k in range(n):
        i = _U64(k)
        c = flat[here + i]
        low = (flat[to0 + i] >= c) | ((flat[to1 + i] >= c) << 1) | ((flat[to2 + i] >= c) << 2)
        middle = (flat[to3 + i] >= c) << 3 | ((flat[to4 + i] >= c) << 4)
        high = ((flat[to5 + i] >= c) << 5) | ((flat[to6 + i] >= c) << 6)
        out[k] = _U8(low | middle | high | ((flat[to7 + i] >= c) << 7))


def _count_ones(typingctx, byte):  # type: ignore[no-untyped-def]
    """Number of set bits of a uint8, many at a time."""

    def build(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.ctpop(args[0])

    return types.uint8(types.uint8), build


_ones: Any = intrinsic(_count_ones)


@part
def uniform(codes, n, bins):  # type: ignore[no-untyped-def]
    """uint8 bins of the first n 8-bit patterns.

    Bin 0: no bit set; 1 + 8 (k - 1) + r: one run of k ones that begins at bit (8 - r) mod 8;
    57: all bits set; 58: more than one run.
    """
    for i in range(n):
        c = codes[i]
        # Ones after a zero: exactly one where there is one run, none for no bit and all bits.
        begin = _U8(c & _U8(~_U8(_U8(c + c) + _U8(c >> _U8(7)))))
        from_begin = _U8(_U8(0) - begin)
        ones = _ones(c)
        twice = _U8(ones + ones)
        fourfold = _U8(twice + twice)
        # 8 n - 7, but 0 for n = 0; all bits fall on 57 by themselves.
        label = _U8(max(_U8(fourfold + fourfold), _U8(7)) - _U8(7))
        label = _U8(label + _U8(_ones(from_begin) & _U8(7)))
        bins[i] = label if _U8(begin & from_begin) == begin else _U8(58)


@part
def vote_table():  # type: ignore[no-untyped-def]
    codes, bins = np.zeros(256, np.uint8), np.zeros(256, np.uint8)
    for c in range(256):
        codes[c] = c
    uniform(codes, 256, bins)
    votes = np.zeros(256 * 32, np.uint8)
    for c in range(256):
        votes[c * 32 + bins[c] % 32] = 16 if bins[c] >= 32 else 1
    return votes
