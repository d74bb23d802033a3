"""Gradient orientations in any bins, hard or soft: the kernel of settings other than the default.

All 511 x 511 gradients that two bytes can make are worked out once, in a table of bins and of votes
as whole numbers; a voxel looks its votes up.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mespot.descriptors._compiling import kernel, part
from mespot.descriptors._counting import cells_to_blocks, clear_empty, column_offsets
from mespot.descriptors._octants import MAGNITUDE_UNITS

# A soft vote of 1, and the place of a direction between two bins, have so many units.
SHARE_UNITS = 2**16

_U64 = np.uint64


@lru_cache(maxsize=4)
def vote_table(
    bins: int, signed: bool, soft: bool, weighted: bool
) -> tuple[NDArray[np.uint8], NDArray[np.uint32]]:
    """Bins and votes of the gradient (a, b) at (b + 255) * 511 + a + 255: docs/descriptors.md.

    Returns
    -------
    (S, 511 * 511) uint8 and uint32, for S = 1 vote, or 2 if they are soft
        A zero gradient votes with 0.
    """
    b, a = (axis.ravel() for axis in np.mgrid[-255:256, -255:256])
    if not signed:
        turn = np.where((b < 0) | ((b == 0) & (a < 0)), -1, 1)
        a, b = a * turn, b * turn
    turns = np.arctan2(b, a) * (bins / ((2 if signed else 1) * np.pi))
    votes = _votes(a, b, soft, weighted)
    if not soft:
        return (np.floor(turns + 0.5) % bins).astype(np.uint8)[None], votes[None].astype(np.uint32)
    place = np.floor(turns * SHARE_UNITS + 0.5).astype(np.int64)
    low, rest = place // SHARE_UNITS, place % SHARE_UNITS
    upper = (votes * rest + SHARE_UNITS // 2) // SHARE_UNITS
    both = np.stack([low, low + 1]) % bins
    return both.astype(np.uint8), np.stack([votes - upper, upper]).astype(np.uint32)


def _votes(a: NDArray, b: NDArray, soft: bool, weighted: bool) -> NDArray[np.int64]:
    """What a voxel has to give in all."""
    if weighted:
        size = np.sqrt((a * a + b * b).astype(np.float32)) * np.float32(MAGNITUDE_UNITS)
        return (size + np.float32(0.5)).astype(np.int64)
    return ((a != 0) | (b != 0)).astype(np.int64) * (SHARE_UNITS if soft else 1)


@kernel
def any_votes(frames, which, bins, votes, cuts, ring):  # type: ignore[no-untyped-def]
    """Histograms of the gradients of the frames which[0] .. which[1] - 1; as `uniform_patterns`.

    Parameters
    ----------
    bins, votes : (S, 511 * 511) uint8 and uint32
        From `vote_table`.
    ring : (R, by, bx, 3 * slots) uint64
        Sums of votes.
    """
    _, height, width = frames.shape
    flat, table = frames.reshape(-1), ring.reshape(ring.shape[0], -1)
    size = ring.shape[3]
    across = cuts.x[-1] - cuts.x[0]
    rows = np.max(cuts.y[1:] - cuts.y[:-1])
    offsets = np.zeros(rows * width, np.uint32)
    column_offsets(cuts, width, rows, size, offsets)
    steps, index = np.zeros((3, rows * width), np.int32), np.zeros((3, rows * width), np.int32)
    counters = np.zeros(cuts.x.size * size, np.uint64)
    sums = np.zeros(cuts.x_from.size * size, np.uint64)
    for t in range(which[0], which[1]):
        at = (t - which[2]) % ring.shape[0]
        clear_empty(cuts, size, table, at)
        for s in range(cuts.y.size - 1):
            start = (t * height + cuts.y[s]) * width + cuts.x[0]
            n = (cuts.y[s + 1] - cuts.y[s] - 1) * width + across
            for axis, step in enumerate((1, width, height * width)):
                _differences(flat, start, step, n, axis, steps)
            for p in range(3):
                _index(steps, n, p, index)
            for k in range(bins.shape[0]):
                _vote(index, offsets, (bins, votes), k, n, size // 3, counters)
            cells_to_blocks(s, cuts, counters, size, sums, table, at)


@part
def _differences(flat, start, step, n, axis, out):  # type: ignore[no-untyped-def]
    after, before, k = _U64(start + step), _U64(start - step), _U64(axis)
    for i in range(n):
        out[k, i] = np.int32(flat[after + _U64(i)]) - np.int32(flat[before + _U64(i)])


@part
def _index(steps, n, plane, out):  # type: ignore[no-untyped-def]
    a, b, p = _U64(plane // 2), _U64(1 + (plane + 1) // 2), _U64(plane)
    for i in range(n):
        out[p, i] = (steps[b, i] + np.int32(255)) * np.int32(511) + steps[a, i] + np.int32(255)


@part
def _vote(index, offsets, table, which, n, slots, counters):  # type: ignore[no-untyped-def]
    """The votes of one kind of the first n voxels; planes take turns, as in `count`."""
    k, (bins, votes) = _U64(which), table
    for i in range(n):
        first = _U64(offsets[i])
        for p in range(3):
            at = _U64(index[_U64(p), i])
            counters[first + _U64(p) * _U64(slots) + _U64(bins[k, at])] += _U64(votes[k, at])
