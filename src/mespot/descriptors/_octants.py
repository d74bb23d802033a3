"""Orientations in 8 bins of the full circle, voted for by magnitude and by number: the default.

Everything up to the bin is done in bytes, many voxels per instruction. Votes of one each are then
counted without a counter: a column of pixels has one 64-bit word with a byte per bin, and a voxel
adds 1 << (8 * byte).
"""

from __future__ import annotations

import numpy as np

from mespot.descriptors._compiling import kernel, part
from mespot.descriptors._counting import (
    add_row,
    cells_to_blocks,
    clear_empty,
    column_offsets,
    padded,
    rows_at_once,
)

# Magnitudes are whole multiples of 2^-18: an error below 2e-6 of a grey level per vote, and the sum
# over hours stays within 64 bits.
MAGNITUDE_UNITS = 2**18
SLOTS = 8

_U8, _U16, _U32, _U64 = np.uint8, np.uint16, np.uint32, np.uint64
_SIZE = 3 * SLOTS
# Neighbouring voxels take turns on so many sets of counters: see `add_weights`.
_SETS = 4


@kernel
def octant_votes(frames, which, cuts, weighted, counted):  # type: ignore[no-untyped-def]
    """Histograms of the gradients of the frames which[0] .. which[1] - 1; as `uniform_patterns`.

    Parameters
    ----------
    weighted : (R, by, bx, 24) uint64, or R = 0 if not wanted
        Sums of magnitudes, in units of 1 / MAGNITUDE_UNITS.
    counted : (R, by, bx, 6) uint64, or R = 0 if not wanted
        Numbers of voxels with a gradient, 4 x 16 bits to a word, lowest first: as
        ``view(numpy.uint16)`` (R, by, bx, 24) on processors that store the lowest byte first.
        No block may have 2^16 voxels.
    """
    _, height, width = frames.shape
    flat, by_size = frames.reshape(-1), weighted.reshape(weighted.shape[0], -1)
    by_number = counted.reshape(counted.shape[0], -1)
    across, rows = cuts.x[-1] - cuts.x[0], rows_at_once(width)
    room = rows * width + 128
    edges, shifts = np.zeros((3, 3, room), np.uint8), np.zeros((3, room), np.uint8)
    words = np.zeros((3, (across + 15) // 16 * 16), np.uint64)
    until = np.zeros((6, across + 1), np.uint64)
    numbers = np.zeros(cuts.x_from.size * 6, np.uint64)
    offsets, places = np.zeros(room, np.uint16), np.zeros((3, room // 4 * 4), np.uint16)
    column_offsets(cuts, width, rows, _SIZE, offsets)
    weights, fours = np.zeros((3, room), np.uint32), places.view(np.uint64)
    sets = np.zeros((_SETS, cuts.x.size * _SIZE), np.uint64)
    counters = np.zeros(cuts.x.size * _SIZE, np.uint64)
    sums = np.zeros(cuts.x_from.size * _SIZE, np.uint64)
    for t in range(which[0], which[1]):
        at = (t - which[2]) % max(1, weighted.shape[0], counted.shape[0])
        if counted.shape[0]:
            clear_empty(cuts, 6, by_number, at)
        if weighted.shape[0]:
            clear_empty(cuts, _SIZE, by_size, at)
        for s in range(cuts.y.size - 1):
            for y in range(cuts.y[s], cuts.y[s + 1], rows):
                start, high = (t * height + y) * width + cuts.x[0], min(rows, cuts.y[s + 1] - y)
                n = (high - 1) * width + across
                m = padded(n, flat.size - (start + height * width + n))
                _gradients(flat, start, (1, width, height * width), m, edges)
                for p in range(3):
                    octants(edges, m, p, shifts)
                    if counted.shape[0]:
                        count_columns(shifts, p, high, width, words)
                    if weighted.shape[0]:
                        magnitudes(edges, m, p, weights)
                        place_octants(offsets, shifts, m, p, places)
                if weighted.shape[0]:
                    add_weights(fours, weights, n, sets)
            if counted.shape[0]:
                for p in range(3):
                    sum_columns(words, p, across, until)
                columns_to_blocks(s, cuts, until, numbers, by_number, at)
            if weighted.shape[0]:
                _gather(sets, counters)
                cells_to_blocks(s, cuts, counters, _SIZE, sums, by_size, at)


@part
def _gradients(flat, start, steps, n, edges):  # type: ignore[no-untyped-def]
    for axis in range(3):
        differences(flat, start, steps[axis], n, axis, edges)


@part
def differences(flat, start, step, n, axis, edges):  # type: ignore[no-untyped-def]
    """[-1 0 1] along one axis, ``step`` pixels away, of the n voxels from ``start`` on.

    ``edges`` (3, 3, >= n) takes, for the axis, its size; 8 where it is negative, else 0; and the
    size times tan 22.5 degrees = sqrt(2) - 1, rounded down: for a size w up to 255 the same as
    (106 w + w / 32 + 1) / 256 with both divisions rounded down.
    """
    size, falls, limit = _U64(0), _U64(1), _U64(2)
    after, before, k = _U64(start + step), _U64(start - step), _U64(axis)
    for i in range(n):
        a, b = flat[after + _U64(i)], flat[before + _U64(i)]
        w = _U8(max(a, b) - min(a, b))
        edges[size, k, i] = w
        edges[falls, k, i] = _U8(8) if a < b else _U8(0)
        near = _U16(_U16(_U16(w) * _U16(106)) + _U16(_U8(w >> _U8(5)) + _U8(1)))
        edges[limit, k, i] = _U8(_U16(near >> _U16(8)))


@part
def octants(edges, n, plane, out):  # type: ignore[no-untyped-def]
    """out[plane] (n,) uint8: at which bit of a column's word each voxel votes; 63: no gradient.

    Bin k, the multiple of 45 degrees that the gradient is nearest to, votes at bit 16 (k % 4) +
    8 (k / 4): every other byte holds the bins 0 to 3, the bytes between them 4 to 7.
    """
    size, falls, limit = _U64(0), _U64(1), _U64(2)
    a, b, p = _U64(plane // 2), _U64(1 + (plane + 1) // 2), _U64(plane)
    for i in range(n):
        left, down = edges[falls, a, i], edges[falls, b, i]
        along_a = edges[size, b, i] <= edges[limit, a, i]
        along_b = edges[size, a, i] <= edges[limit, b, i]
        turned = _U8(left ^ down)
        turned = _U8(turned + turned)
        turned = _U8(turned + turned)
        shift = _U8(down | turned | _U8(16))
        shift = _U8(down | _U8(32)) if along_b else shift
        shift = left if along_a else shift
        out[p, i] = _U8(63) if along_a & along_b else shift


@part
def count_columns(shifts, plane, rows, width, words):  # type: ignore[no-untyped-def]
    """Add 1 << shift to each column's word; for at most 127 rows in all, as 63 is a top bit."""
    p, n = _U64(plane), words.shape[1]
    for y in range(0, rows - 1, 2):
        one, two = _U64(y * width), _U64((y + 1) * width)
        for x in range(n):
            first, second = shifts[p, one + _U64(x)], shifts[p, two + _U64(x)]
            words[p, x] += (_U64(1) << _U64(first)) + (_U64(1) << _U64(second))
    if rows % 2:
        start = _U64((rows - 1) * width)
        for x in range(n):
            words[p, x] += _U64(1) << _U64(shifts[p, start + _U64(x)])


@part
def sum_columns(words, plane, across, until):  # type: ignore[no-untyped-def]
    """Running sums of the columns' bytes, every other byte apart, in 16-bit lanes; clear the words.

    ``until`` (6, 1 + across): for each plane the bins 0 to 3, then 4 to 7. The top bit of a word
    only says that there was a voxel without a gradient. Lanes that overflow spill into the next;
    the difference of two running sums is exact all the same.
    """
    p, q = _U64(2 * plane), _U64(2 * plane + 1)
    even, odd = _U64(0), _U64(0)
    for x in range(across):
        word = words[plane, x]
        words[plane, x] = 0
        even += word & _U64(0x00FF00FF00FF00FF)
        odd += (word >> _U64(8)) & _U64(0x007F00FF00FF00FF)
        until[p, x + 1] = even
        until[q, x + 1] = odd


@part
def columns_to_blocks(strip, cuts, until, numbers, table, at):  # type: ignore[no-untyped-def]
    """Add a strip's columns to the histograms table[at] of the blocks it is in."""
    blocks = cuts.x_from.size
    for b in range(blocks):
        left = cuts.x[cuts.x_from[b]] - cuts.x[0]
        right = cuts.x[cuts.x_to[b]] - cuts.x[0]
        for i in range(6):
            numbers[b * 6 + i] = until[i, right] - until[i, left]
    for row in range(cuts.y_from.size):
        if cuts.y_from[row] <= strip < cuts.y_to[row]:
            add_row(numbers, blocks * 6, cuts.y_from[row] == strip, table, at, row)


@part
def magnitudes(edges, n, plane, out):  # type: ignore[no-untyped-def]
    """out[plane] (n,) uint32: sqrt(a² + b²) in units of 1 / MAGNITUDE_UNITS, rounded.

    Root, product and sum are rounded to single precision each.
    """
    units, size = np.float32(MAGNITUDE_UNITS), _U64(0)
    a, b, p = _U64(plane // 2), _U64(1 + (plane + 1) // 2), _U64(plane)
    for i in range(n):
        x, y = np.float32(edges[size, a, i]), np.float32(edges[size, b, i])
        out[p, i] = _U32(np.int32(np.sqrt(x * x + y * y) * units + np.float32(0.5)))


@part
def place_octants(offsets, shifts, n, plane, out):  # type: ignore[no-untyped-def]
    """Counter of each pixel: its cell's first plus its bin; no matter which without a gradient."""
    p = _U64(plane)
    for i in range(n):
        s = shifts[p, i]
        k = _U8(_U8(_U8(s >> _U8(4)) & _U8(3)) | _U8(_U8(s >> _U8(1)) & _U8(4)))
        out[p, i] = _U16(offsets[i] + k)


@part
def add_weights(fours, weights, n, sets):  # type: ignore[no-untyped-def]
    """The weights (3, n) of the voxels to the counters at their places.

    With few bins an addition would often wait for the one before it on the same counter, so each of
    four neighbours has its own set of counters; and four places are read as one word.
    """
    for p in range(3):
        for beyond in range(n, (n + 3) // 4 * 4):
            weights[p, beyond] = 0
    xy, xt, yt = _U64(0), _U64(1), _U64(2)
    last, second, third = _U64(0xFFFF), _U64(SLOTS), _U64(2 * SLOTS)
    for q in range((n + 3) // 4):
        a, b, c = fours[xy, q], fours[xt, q], fours[yt, q]
        i = _U64(4) * _U64(q)
        sets[xy, a & last] += _U64(weights[xy, i])
        sets[xy, (b & last) + second] += _U64(weights[xt, i])
        sets[xy, (c & last) + third] += _U64(weights[yt, i])
        i += _U64(1)
        sets[xt, (a >> _U64(16)) & last] += _U64(weights[xy, i])
        sets[xt, ((b >> _U64(16)) & last) + second] += _U64(weights[xt, i])
        sets[xt, ((c >> _U64(16)) & last) + third] += _U64(weights[yt, i])
        i += _U64(1)
        sets[yt, (a >> _U64(32)) & last] += _U64(weights[xy, i])
        sets[yt, ((b >> _U64(32)) & last) + second] += _U64(weights[xt, i])
        sets[yt, ((c >> _U64(32)) & last) + third] += _U64(weights[yt, i])
        i += _U64(1)
        sets[_U64(3), a >> _U64(48)] += _U64(weights[xy, i])
        sets[_U64(3), (b >> _U64(48)) + second] += _U64(weights[xt, i])
        sets[_U64(3), (c >> _U64(48)) + third] += _U64(weights[yt, i])


@part
def _gather(sets, counters):  # type: ignore[no-untyped-def]
    """The sum of the sets of counters, which are cleared."""
    for i in range(counters.size):
        counters[i] = (sets[0, i] + sets[1, i]) + (sets[2, i] + sets[3, i])
    for k in range(_SETS):
        for i in range(counters.size):
            sets[k, i] = 0
