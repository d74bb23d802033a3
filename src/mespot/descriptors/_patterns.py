"""Uniform local binary patterns of 8 nearest voxels, counted per block: the default's kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from mespot.descriptors._compiling import kernel, part
from mespot.descriptors._counting import cells_to_blocks, clear_empty
from mespot.descriptors._places import set_last_places, set_places
from mespot.descriptors._votes import SIZE, VECTOR, vote_cells

# Few enough to stay in the first-level cache with all that is made of them; no more
# than `_votes.ROWS`.
_ROWS_AT_ONCE = 13

_U8 = np.uint8


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
    ring : (R, by, bx, SIZE) uint16 or uint32
    """
    _, height, width = frames.shape
    flat, table = frames.reshape(-1), ring.reshape(ring.shape[0], -1)
    across, furthest = cuts.x[-1] - cuts.x[0], np.max(neighbours)
    places = np.zeros((3, _ROWS_AT_ONCE * width + VECTOR), np.uint16)
    vectors, counters = vote_vectors(), np.zeros(cuts.x.size * SIZE, ring.dtype)
    sums = np.zeros(cuts.x_from.size * SIZE, ring.dtype)
    for t in range(which[0], which[1]):
        at = (t - which[2]) % ring.shape[0]
        clear_empty(cuts, SIZE, table, at)
        for s in range(cuts.y.size - 1):
            high = cuts.y[s + 1] - cuts.y[s]
            # Even pieces of a strip: one row by itself would take as long as two.
            rows = -(-high // -(-high // _ROWS_AT_ONCE))
            for y in range(cuts.y[s], cuts.y[s + 1], rows):
                start, lines = (t * height + y) * width + cuts.x[0], min(rows, cuts.y[s + 1] - y)
                n = (lines - 1) * width + across
                n += max(0, min(-n % VECTOR, flat.size - (start + furthest + n)))
                set_places(flat, start, neighbours, n, places)
                set_last_places(flat, start, neighbours, n, places)
                vote_cells(vectors, places, lines, width, cuts, counters)
            cells_to_blocks(s, cuts, counters, SIZE, sums, table, at)


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
def vote_vectors():  # type: ignore[no-untyped-def]
    """(256 * VECTOR,) uint8: where each pattern votes, see `mespot.descriptors._votes`."""
    codes, bins = np.zeros(256, np.uint8), np.zeros(256, np.uint8)
    for c in range(256):
        codes[c] = c
    uniform(codes, 256, bins)
    vectors = np.zeros(256 * VECTOR, np.uint8)
    for c in range(256):
        vectors[c * VECTOR + bins[c] % VECTOR] = 16 if bins[c] >= VECTOR else 1
    return vectors
