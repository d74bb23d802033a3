"""Rows of LBP-TOP, HOG-TOP and HIGO-TOP, compiled: votes of a frame's voxels, sums over time.

Every kernel walks over the countable frames. It votes into the histograms of the frame's blocks,
which `_slide` adds to a running sum; the frame that leaves the row is subtracted. All sums are
integers, so a row depends on its own frames alone, to the bit.

A frame is worked on in bands: the rows between two neighbouring edges of blocks. A band is one flat
run of pixels, margins included, that stays in the first-level cache. First, whole runs are compared
or subtracted, many pixels per instruction. Then every voxel votes into counters of cells (the
columns between two neighbouring edges of blocks). Then the cells are added to their blocks.

Three rules keep the loops fast.

- Indices are unsigned: signed ones are checked for being negative, which prevents vectors.
- A loop that should become vectors writes one array and reads others, at most six places.
- A slice of an array, and a field of a tuple, costs more than a short loop: functions take whole
  arrays and where to begin, and tuples are unpacked once.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mespot.compiling import kernel

_U8, _U16, _U32, _U64 = np.uint8, np.uint16, np.uint32, np.uint64

# Bins of one block and plane.
_PATTERNS, _BINS = 59, 8

# Compiled into the kernels that call it.
_part = njit(nogil=True)


@kernel
def lbp_rows(frames, cuts, steps, sums, rows):  # type: ignore[no-untyped-def]
    """Histograms of local binary patterns.

    Parameters
    ----------
    frames : (T, H, W) uint8
    cuts : mespot.descriptors.block_grid.Cuts
    steps : (3, 8) int64
        Distances of the neighbours in the flattened clip, for the planes XY, XT, YT.
    sums : mespot.descriptors.planes.Sums
    rows : (T - L + 1, time blocks, blocks, 3, 59) float32
        Filled.
    """
    flat, (height, width), size = frames.reshape(-1), frames.shape[1:], 3 * _PATTERNS
    (x, x_from, x_to, y, y_from, y_to), ring = cuts, sums.ring
    offsets = _cell_offsets(x, y, width, size)
    low, bins = np.zeros(offsets.size, np.uint8), np.zeros((3, offsets.size), np.uint8)
    counters = np.zeros(x.size * size, np.uint32)
    blocks = np.zeros(x_from.size * size, ring.dtype)
    for v in range(len(rows) + sums.parts[-1] - 1):
        at = v % len(ring)
        _clear(ring, at)
        for band in range(y.size - 1):
            start = ((v + sums.margin) * height + y[band]) * width + x[0]
            n = (y[band + 1] - y[band] - 1) * width + x[-1] - x[0]
            for p in range(3):
                _set_low(flat, start, steps, p, n, low)
                _set_bins(flat, start, steps, p, low, n, bins)
            _vote_patterns(bins, offsets, n, counters)
            _cells_to_blocks(counters, x_from, x_to, size, blocks)
            _add_band(blocks, band, y_from, y_to, ring, at)
        _slide(sums, v, rows)


@_part
def _not_darker(a, b, c, d, voxel):  # type: ignore[no-untyped-def]
    """Four bits, the first one lowest: which neighbours are as bright as the voxel or brighter."""
    low = _U8(_U8(a >= voxel) | _U8(_U8(b >= voxel) << _U8(1)))
    high = _U8(_U8(c >= voxel) | _U8(_U8(d >= voxel) << _U8(1)))
    return _U8(low | _U8(high << _U8(2)))


@_part
def _set_low(flat, start, steps, plane, n, low):  # type: ignore[no-untyped-def]
    """Bits 0 to 3 of the patterns."""
    here = _U64(start)
    a, b = _U64(start + steps[plane, 0]), _U64(start + steps[plane, 1])
    c, d = _U64(start + steps[plane, 2]), _U64(start + steps[plane, 3])
    for j in range(n):
        i = _U64(j)
        low[i] = _not_darker(flat[a + i], flat[b + i], flat[c + i], flat[d + i], flat[here + i])


@_part
def _set_bins(flat, start, steps, plane, low, n, bins):  # type: ignore[no-untyped-def]
    """The patterns, with their bits 4 to 7, and of each its bin."""
    here, p = _U64(start), _U64(plane)
    a, b = _U64(start + steps[plane, 4]), _U64(start + steps[plane, 5])
    c, d = _U64(start + steps[plane, 6]), _U64(start + steps[plane, 7])
    for j in range(n):
        i = _U64(j)
        high = _not_darker(flat[a + i], flat[b + i], flat[c + i], flat[d + i], flat[here + i])
        bins[p, i] = _uniform_bin(_U8(low[i] | _U8(high << _U8(4))))


@_part
def _uniform_bin(code):  # type: ignore[no-untyped-def]
    """The same as `mespot.descriptors.lbp_top.uniform_bins`, without a table: in vectors."""
    # The ones that follow a zero: a single bit where there is one run.
    begin = _U8(code & _U8(~_U8(_U8(code << _U8(1)) | _U8(code >> _U8(7)))))
    below = _U8(begin - _U8(1))
    # 8 n - 7 for n ones, and 0 for none. The place of the run's begin counts the other way round.
    first = _U8(max(_U8(_ones(code) << _U8(3)), _U8(7)) - _U8(7))
    one_run = _U8(first + _U8(_U8(_U8(8) - _ones(below)) & _U8(7)))
    return one_run if _U8(begin & below) == _U8(0) else _U8(58)


@_part
def _ones(byte):  # type: ignore[no-untyped-def]
    """Number of set bits: of every two, of every four, of all eight."""
    twos = _U8(byte - _U8(_U8(byte >> _U8(1)) & _U8(0x55)))
    fours = _U8(_U8(twos & _U8(0x33)) + _U8(_U8(twos >> _U8(2)) & _U8(0x33)))
    return _U8(_U8(fours + _U8(fours >> _U8(4))) & _U8(0x0F))


@_part
def _vote_patterns(bins, offsets, n, counters):  # type: ignore[no-untyped-def]
    """One vote per voxel and plane.

    An increment waits for the one before it on the same counter, and neighbours often share a bin:
    planes take turns, and so do the two halves of the run. One voxel beyond n is in the margin.
    """
    xy, xt, yt = _U64(0), _U64(1), _U64(2)
    second, third, one = _U64(_PATTERNS), _U64(2 * _PATTERNS), _U32(1)
    half = (n + 1) // 2
    for j in range(half):
        i, k = _U64(j), _U64(j + half)
        cell, other = _U64(offsets[i]), _U64(offsets[k])
        counters[cell + _U64(bins[xy, i])] += one
        counters[other + _U64(bins[xy, k])] += one
        counters[cell + second + _U64(bins[xt, i])] += one
        counters[other + second + _U64(bins[xt, k])] += one
        counters[cell + third + _U64(bins[yt, i])] += one
        counters[other + third + _U64(bins[yt, k])] += one


# Neighbouring voxels of HOG-TOP vote into so many copies of the counters in turn: with few bins an
# addition would often wait for the one before it on the same counter.
_COPIES = 4


@kernel
def hog_rows(frames, cuts, votes, sums, rows):  # type: ignore[no-untyped-def]
    """Histograms of gradients that vote by a table; as `lbp_rows`, except:

    Parameters
    ----------
    votes : (S, 511 * 511) uint32
        8 * vote + bin of the gradient (a, b) at 511 * (b + 255) + a + 255, for each of its S votes.
    """
    flat, (height, width), size = frames.reshape(-1), frames.shape[1:], 3 * _BINS
    (x, x_from, x_to, y, y_from, y_to), ring = cuts, sums.ring
    offsets = _cell_offsets(x, y, width, size)
    slopes, places = np.zeros((3, offsets.size), np.int16), np.zeros((3, offsets.size), np.int32)
    copies = np.zeros((_COPIES, x.size * size), np.uint64)
    counters = np.zeros(x.size * size, np.uint64)
    blocks = np.zeros(x_from.size * size, ring.dtype)
    for v in range(len(rows) + sums.parts[-1] - 1):
        at = v % len(ring)
        _clear(ring, at)
        for band in range(y.size - 1):
            start = ((v + sums.margin) * height + y[band]) * width + x[0]
            n = (y[band + 1] - y[band] - 1) * width + x[-1] - x[0]
            _set_slopes(flat, start, 1, n, slopes, 0)
            _set_slopes(flat, start, width, n, slopes, 1)
            _set_slopes(flat, start, height * width, n, slopes, 2)
            _set_places(slopes, n, 0, 1, places, 0)
            _set_places(slopes, n, 0, 2, places, 1)
            _set_places(slopes, n, 1, 2, places, 2)
            for k in range(len(votes)):
                _vote_weights(places, offsets, votes, k, n, copies)
            _join_copies(copies, counters)
            _cells_to_blocks(counters, x_from, x_to, size, blocks)
            _add_band(blocks, band, y_from, y_to, ring, at)
        _slide(sums, v, rows)


@_part
def _set_slopes(flat, start, step, n, slopes, axis):  # type: ignore[no-untyped-def]
    """[-1 0 1] along one axis, ``step`` pixels away."""
    after, before, k = _U64(start + step), _U64(start - step), _U64(axis)
    for j in range(n):
        i = _U64(j)
        slopes[k, i] = np.int16(np.int16(flat[after + i]) - np.int16(flat[before + i]))


@_part
def _set_places(slopes, n, a, b, places, plane):  # type: ignore[no-untyped-def]
    """Where the gradient along the axes a and b stands in the table of votes."""
    along_a, along_b, p = _U64(a), _U64(b), _U64(plane)
    width, centre = np.int32(511), np.int32(255 * 511 + 255)
    for j in range(n):
        i = _U64(j)
        row = np.int32(np.int32(slopes[along_b, i]) * width)
        places[p, i] = np.int32(row + np.int32(np.int32(slopes[along_a, i]) + centre))


@_part
def _vote_weights(places, offsets, votes, which, n, copies):  # type: ignore[no-untyped-def]
    xy, xt, yt, s = _U64(0), _U64(1), _U64(2), _U64(which)
    second, third = _U64(_BINS), _U64(2 * _BINS)
    last, low, three = _U64(_COPIES - 1), _U64(7), _U64(3)
    for j in range(n):
        i = _U64(j)
        k, cell = i & last, _U64(offsets[i])
        vote = _U64(votes[s, _U64(places[xy, i])])
        copies[k, cell + (vote & low)] += vote >> three
        vote = _U64(votes[s, _U64(places[xt, i])])
        copies[k, cell + second + (vote & low)] += vote >> three
        vote = _U64(votes[s, _U64(places[yt, i])])
        copies[k, cell + third + (vote & low)] += vote >> three


@_part
def _join_copies(copies, counters):  # type: ignore[no-untyped-def]
    """The sum of the copies, which are cleared."""
    for i in range(counters.size):
        counters[i] = (copies[0, i] + copies[1, i]) + (copies[2, i] + copies[3, i])
    copies[:] = 0


@kernel
def higo_rows(frames, cuts, sums, rows):  # type: ignore[no-untyped-def]
    """Numbers of gradients in 8 orientations; as `lbp_rows`.

    Votes of one need no counters in memory. A column of the band has one 64-bit word per plane with
    a byte for each bin, and a voxel adds 1 << (8 * bin): many columns per instruction.
    """
    flat, (height, width), size = frames.reshape(-1), frames.shape[1:], 3 * _BINS
    (x, x_from, x_to, y, y_from, y_to), ring = cuts, sums.ring
    across, room = x[-1] - x[0], np.max(y[1:] - y[:-1]) * width
    sizes, falls = np.zeros((3, room), np.uint8), np.zeros((3, room), np.uint8)
    limits, shifts = np.zeros((3, room), np.uint8), np.zeros((3, room), np.uint8)
    words, until = np.zeros((3, across), np.uint64), np.zeros((6, across + 1), np.uint64)
    blocks = np.zeros(x_from.size * size, ring.dtype)
    for v in range(len(rows) + sums.parts[-1] - 1):
        at = v % len(ring)
        _clear(ring, at)
        for band in range(y.size - 1):
            start = ((v + sums.margin) * height + y[band]) * width + x[0]
            n = (y[band + 1] - y[band] - 1) * width + x[-1] - x[0]
            for axis, step in enumerate((1, width, height * width)):
                _set_sizes(flat, start, step, n, sizes, axis)
                _set_falls(flat, start, step, n, falls, axis)
                _set_limits(sizes, n, limits, axis)
            for p in range(3):
                _set_shifts(sizes, falls, limits, n, shifts, p)
                _count_columns(shifts, p, y[band + 1] - y[band], width, words)
                _sum_columns(words, p, until)
            _columns_to_blocks(until, x, x_from, x_to, blocks)
            _add_band(blocks, band, y_from, y_to, ring, at)
        _slide(sums, v, rows)


@_part
def _set_sizes(flat, start, step, n, sizes, axis):  # type: ignore[no-untyped-def]
    """The size of [-1 0 1] along one axis, ``step`` pixels away."""
    after, before, k = _U64(start + step), _U64(start - step), _U64(axis)
    for j in range(n):
        i = _U64(j)
        a, b = flat[after + i], flat[before + i]
        sizes[k, i] = _U8(max(a, b) - min(a, b))


@_part
def _set_falls(flat, start, step, n, falls, axis):  # type: ignore[no-untyped-def]
    """32 where [-1 0 1] is negative, else 0."""
    after, before, k = _U64(start + step), _U64(start - step), _U64(axis)
    for j in range(n):
        i = _U64(j)
        falls[k, i] = _U8(32) if flat[after + i] < flat[before + i] else _U8(0)


@_part
def _set_limits(sizes, n, limits, axis):  # type: ignore[no-untyped-def]
    """Sizes times tan 22.5 degrees = sqrt(2) - 1, rounded down.

    For every size w up to 255 that is (106 w + w / 32 + 1) / 256, both divisions rounded down.
    """
    k = _U64(axis)
    for j in range(n):
        i = _U64(j)
        w = sizes[k, i]
        near = _U16(_U16(_U16(w) * _U16(106)) + _U16(_U8(w >> _U8(5)) + _U8(1)))
        limits[k, i] = _U8(_U16(near >> _U16(8)))


@_part
def _set_shifts(sizes, falls, limits, n, shifts, plane):  # type: ignore[no-untyped-def]
    """8 times the bin of every voxel; 63 without a gradient."""
    # The plane's axes: x and y, x and t, y and t.
    a, b, p = _U64(plane // 2), _U64(1 + (plane + 1) // 2), _U64(plane)
    for j in range(n):
        i = _U64(j)
        left, down = falls[a, i], falls[b, i]
        along_a = sizes[b, i] <= limits[a, i]
        along_b = sizes[a, i] <= limits[b, i]
        shift = _U8(_U8(_U8(left ^ down) >> _U8(1)) + _U8(down + _U8(8)))
        shift = _U8(down + _U8(16)) if along_b else shift
        shift = left if along_a else shift
        shifts[p, i] = _U8(63) if along_a & along_b else shift


@_part
def _count_columns(shifts, plane, high, width, words):  # type: ignore[no-untyped-def]
    """Add 1 << shift to each column's word.

    A band has at most 32 rows, so no byte overflows, and the top bit of the word is free: it takes
    the voxels without a gradient and is dropped.
    """
    p = _U64(plane)
    for y in range(high):
        start = _U64(y * width)
        for x in range(words.shape[1]):
            words[p, _U64(x)] += _U64(1) << _U64(shifts[p, start + _U64(x)])


@_part
def _sum_columns(words, plane, until):  # type: ignore[no-untyped-def]
    """Sums of the words from the left, every other byte apart, in 16-bit lanes; clear the words.

    ``until`` (6, 1 + columns): for each plane the bins 0, 2, 4, 6, then 1, 3, 5, 7. Lanes that
    overflow spill into the next; the difference of two sums is exact all the same.
    """
    even, odd = _U64(0), _U64(0)
    for x in range(words.shape[1]):
        word = words[plane, x]
        words[plane, x] = 0
        even += word & _U64(0x00FF00FF00FF00FF)
        odd += (word >> _U64(8)) & _U64(0x007F00FF00FF00FF)
        until[2 * plane, x + 1] = even
        until[2 * plane + 1, x + 1] = odd


@_part
def _columns_to_blocks(until, x, x_from, x_to, blocks):  # type: ignore[no-untyped-def]
    """Numbers of each block's columns; as `_cells_to_blocks`. A band has fewer than 2^16 voxels."""
    number, lane = blocks.dtype.type, _U64(0xFFFF)
    for b in range(x_from.size):
        left, right = x[x_from[b]] - x[0], x[x_to[b]] - x[0]
        for i in range(6):
            four = until[i, right] - until[i, left]
            first = 3 * _BINS * b + _BINS * (i // 2) + i % 2
            for k in range(4):
                blocks[first + 2 * k] = number((four >> _U64(16 * k)) & lane)


@_part
def _cell_offsets(x, y, width, size):  # type: ignore[no-untyped-def]
    """Where the counters of each pixel's cell begin, for a run of the highest band.

    The first ``size`` counters take the margins left and right of the countable columns.
    """
    high = np.max(y[1:] - y[:-1])
    offsets = np.zeros(high * width, np.uint32)
    for row in range(high):
        for c in range(x.size - 1):
            for column in range(x[c] - x[0], x[c + 1] - x[0]):
                offsets[row * width + column] = (c + 1) * size
    return offsets


@_part
def _cells_to_blocks(counters, x_from, x_to, size, blocks):  # type: ignore[no-untyped-def]
    """Sums of the cells of each block across, ``size`` numbers each; clear the counters."""
    number, n = blocks.dtype.type, _U64(size)
    for b in range(x_from.size):
        start = _U64(b * size)
        for i in range(size):
            blocks[start + _U64(i)] = 0
        for c in range(x_from[b] + 1, x_to[b] + 1):
            cell = _U64(c) * n
            for i in range(size):
                blocks[start + _U64(i)] += number(counters[cell + _U64(i)])
    for i in range(counters.size):
        counters[i] = 0


@_part
def _clear(ring, at):  # type: ignore[no-untyped-def]
    k = _U64(at)
    for i in range(ring.shape[1]):
        ring[k, i] = 0


@_part
def _add_band(blocks, band, y_from, y_to, ring, at):  # type: ignore[no-untyped-def]
    """Add a band's numbers to ring[at], in every row of blocks that the band is part of."""
    k, n = _U64(at), blocks.size
    for row in range(y_from.size):
        if y_from[row] <= band < y_to[row]:
            start = _U64(row * n)
            for i in range(n):
                ring[k, start + _U64(i)] += blocks[_U64(i)]


@_part
def _slide(sums, v, rows):  # type: ignore[no-untyped-def]
    """Take up the histograms of countable frame v; write the row that it completes."""
    parts, _, ring, running, scales = sums
    row, held = v - parts[-1] + 1, len(ring)
    for j in range(parts.size - 1):
        new = row + parts[j + 1] - 1
        if row > 0:
            _exchange(running, j, ring, new % held, (row + parts[j] - 1) % held)
        elif new >= parts[j]:
            _accumulate(running, j, ring, new % held)
        if row >= 0:
            _normalise(running, j, scales, rows, row)


@_part
def _exchange(running, j, ring, new, old):  # type: ignore[no-untyped-def]
    number = running.dtype.type
    k, add, drop = _U64(j), _U64(new), _U64(old)
    for i in range(running.shape[1]):
        running[k, i] += number(ring[add, i]) - number(ring[drop, i])


@_part
def _accumulate(running, j, ring, new):  # type: ignore[no-untyped-def]
    k, add = _U64(j), _U64(new)
    for i in range(running.shape[1]):
        running[k, i] += running.dtype.type(ring[add, i])


@_part
def _normalise(running, j, scales, rows, row):  # type: ignore[no-untyped-def]
    """Each histogram times the reciprocal of its sum, which may be known; without votes, zeros."""
    bins, number = rows.shape[4], running.dtype.type
    k, r = _U64(j), _U64(row)
    for b in range(rows.shape[2]):
        for p in range(3):
            start = _U64((3 * b + p) * bins)
            if scales.size:
                scale = scales[k, b]
            else:
                total = number(0)
                for i in range(bins):
                    total = number(total + running[k, start + _U64(i)])
                scale = 1.0 / total if total > 0 else 0.0
            for i in range(bins):
                rows[r, k, b, p, i] = np.float32(running[k, start + _U64(i)] * scale)
