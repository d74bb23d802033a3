"""Per-block histograms of single frames: every voxel's bin in three planes, counted.

A strip of rows is worked on at a time, as one flat run of pixels, so that the processor takes up to
64 pixels per instruction and the strip stays in the cache. Votes go to counters of cells (the area
cut at every block edge); a block's histogram is what its cells' counters have gained since its
first row. Counters are never reset: they are unsigned and wrap around, which leaves differences
exact as long as one block's votes fit.

Two things to know before editing. numba's cache on disk notices changes of a function's own file
only, so kernels that call each other stay in this one. And loops that read and write one array fall
back to one pixel at a time: keep inputs and outputs apart.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

LBP_BINS = 59
# Counters per plane: 64 for aligned loops.
LBP_SLOTS = 64

# Magnitudes are whole multiples of 2^-18: an error below 2e-6 of a grey level per vote, and the sum
# over hours stays within 64 bits.
MAGNITUDE_UNITS = 2**18

_U8 = np.uint8


@njit(cache=True, nogil=True)
def lbp(frames, which, neighbours, cuts, ring):  # type: ignore[no-untyped-def]
    """Histograms of uniform local binary patterns of the frames which[0] .. which[1] - 1.

    Parameters
    ----------
    frames : (T, H, W) uint8
    which : (int, int, int)
        First frame, end, and the frame that stands at ring[0]: t goes to (t - which[2]) % R.
    neighbours : (3, 8) int64
        Distances of the neighbours in the flattened clip, for the planes XY, XT, YT.
    cuts : mespot.descriptors._grid.Cuts
    ring : (R, by, bx, 3 * LBP_SLOTS) uint16 or uint32
    """
    _, height, width = frames.shape
    flat = frames.reshape(-1)
    first, across = cuts.x[0], cuts.x[-1] - cuts.x[0]
    rows = np.max(cuts.y[1:] - cuts.y[:-1])
    offsets = _cell_offsets(cuts, width, rows, 3 * LBP_SLOTS)[first:]
    bins = np.empty(rows * width, np.uint8)
    places = np.zeros((3, rows * width), np.uint16)
    counters = np.zeros((cuts.x.size, 3 * LBP_SLOTS), ring.dtype)
    before = np.zeros((cuts.y_from.size, *counters.shape), ring.dtype)
    for t in range(which[0], which[1]):
        blocks = ring[(t - which[2]) % ring.shape[0]]
        for s in range(cuts.y.size - 1):
            start = (t * height + cuts.y[s]) * width + first
            n = (cuts.y[s + 1] - cuts.y[s] - 1) * width + across
            for p in range(3):
                patterns(flat, start, neighbours[p], bins[:n])
                uniform(bins[:n])
                _place(offsets, bins[:n], places[p])
            _open_blocks(s, cuts, counters, before)
            _count(places, n, LBP_SLOTS, counters.reshape(-1))
            _close_blocks(s, cuts, counters, before, blocks)


@njit(cache=True, nogil=True)
def patterns(flat, start, neighbours, out):  # type: ignore[no-untyped-def]
    """(n,) uint8 patterns of the voxels from ``start`` on.

    Bit k is set where the voxel ``neighbours[k]`` further on in ``flat`` is not darker.
    """
    n = out.size
    c = flat[start : start + n]
    n0 = flat[start + neighbours[0] : start + neighbours[0] + n]
    n1 = flat[start + neighbours[1] : start + neighbours[1] + n]
    n2 = flat[start + neighbours[2] : start + neighbours[2] + n]
    n3 = flat[start + neighbours[3] : start + neighbours[3] + n]
    n4 = flat[start + neighbours[4] : start + neighbours[4] + n]
    n5 = flat[start + neighbours[5] : start + neighbours[5] + n]
    n6 = flat[start + neighbours[6] : start + neighbours[6] + n]
    n7 = flat[start + neighbours[7] : start + neighbours[7] + n]
    for i in range(n):
        low = (n0[i] >= c[i]) | ((n1[i] >= c[i]) << 1) | ((n2[i] >= c[i]) << 2)
        middle = ((n3[i] >= c[i]) << 3) | ((n4[i] >= c[i]) << 4) | ((n5[i] >= c[i]) << 5)
        out[i] = _U8(low | middle | ((n6[i] >= c[i]) << 6) | ((n7[i] >= c[i]) << 7))


def _count_ones(typingctx, byte):  # type: ignore[no-untyped-def]
    """Number of set bits of a uint8: one instruction for 64 of them where the processor has it."""

    def build(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.ctpop(args[0])

    return types.uint8(types.uint8), build


_ones: Any = intrinsic(_count_ones)


@njit(cache=True, nogil=True)
def uniform(codes):  # type: ignore[no-untyped-def]
    """Replace each 8-bit pattern by its bin, in place.

    Bin 0: no bit set; 1 + 8 (k - 1) + r: one run of k ones that begins at bit (8 - r) mod 8;
    57: all bits set; 58: more than one run.
    """
    for i in range(codes.size):
        c = codes[i]
        turned = _U8(_U8(c << _U8(1)) | _U8(c >> _U8(7)))
        begin = _ones(_U8(_U8(c & _U8(~turned)) - _U8(1)))
        label = _U8(_U8(_ones(c) << _U8(3)) - _U8(7) + _U8(_U8(_U8(0) - begin) & _U8(7)))
        label = _U8(58) if _ones(_U8(c ^ turned)) > _U8(2) else label
        label = _U8(0) if c == _U8(0) else label
        codes[i] = _U8(57) if c == _U8(255) else label


@njit(cache=True, nogil=True)
def gradients(frames, which, table, cuts, ring):  # type: ignore[no-untyped-def]
    """Histograms of gradient orientations; arguments as ``lbp``, except:

    Parameters
    ----------
    table : (511, 511) uint8
        Bin of the gradient (a, b) at [b + 255, a + 255]; empty for the 8 bins of ``octants``.
    ring : (R, by, bx, 3 * slots) uint16 or uint32
        The last slot takes the voxels without a gradient and stays zero where votes are weighted.
        uint64: votes are weighted by the magnitude, in units of 1 / MAGNITUDE_UNITS.
    """
    _, height, width = frames.shape
    flat = frames.reshape(-1)
    slots = ring.shape[3] // 3
    weighted = ring.itemsize == 8
    first, across = cuts.x[0], cuts.x[-1] - cuts.x[0]
    size = np.max(cuts.y[1:] - cuts.y[:-1]) * width
    offsets = _cell_offsets(cuts, width, size // width, 3 * slots)[first:]
    steps = np.empty((3, size), np.int16)
    bins = np.empty(size, np.uint8)
    places = np.zeros((3, size), np.uint16)
    weights = np.zeros((3, size), np.uint32)
    counters = np.zeros((cuts.x.size, 3 * slots), ring.dtype)
    before = np.zeros((cuts.y_from.size, *counters.shape), ring.dtype)
    for t in range(which[0], which[1]):
        blocks = ring[(t - which[2]) % ring.shape[0]]
        for s in range(cuts.y.size - 1):
            start = (t * height + cuts.y[s]) * width + first
            n = (cuts.y[s + 1] - cuts.y[s] - 1) * width + across
            _differences(flat, start, 1, steps[0, :n])
            _differences(flat, start, width, steps[1, :n])
            _differences(flat, start, height * width, steps[2, :n])
            for p in range(3):
                a, b = steps[p // 2, :n], steps[1 + (p + 1) // 2, :n]
                if table.size:
                    _look_up(a, b, table, bins[:n])
                else:
                    octants(a, b, slots - 1, bins[:n])
                _place(offsets, bins[:n], places[p])
                if weighted:
                    _magnitudes(a, b, weights[p, :n])
            _open_blocks(s, cuts, counters, before)
            if weighted:
                _add_weights(places, weights, n, slots, counters.reshape(-1))
            else:
                _count(places, n, slots, counters.reshape(-1))
            _close_blocks(s, cuts, counters, before, blocks)


@njit(cache=True, nogil=True)
def _differences(flat, start, step, out):  # type: ignore[no-untyped-def]
    """[-1 0 1] along one axis, int16."""
    n = out.size
    after, before = flat[start + step : start + step + n], flat[start - step : start - step + n]
    for i in range(n):
        out[i] = np.int16(np.int16(after[i]) - np.int16(before[i]))


@njit(cache=True, nogil=True)
def octants(ga, gb, none, out):  # type: ignore[no-untyped-def]
    """Which multiple of 45 degrees a gradient (int16, -255 .. 255) is nearest to; none for zero.

    70/169 is a convergent of tan 22.5 degrees = sqrt(2) - 1 and lies below it; no fraction with
    numbers up to 255 stands between the two, so the comparison of whole numbers is exact.
    """
    for i in range(out.size):
        a, b = ga[i], gb[i]
        wide, high = np.uint16(abs(a)), np.uint16(abs(b))
        along_a = np.uint16(high * np.uint16(169)) <= np.uint16(wide * np.uint16(70))
        along_b = np.uint16(wide * np.uint16(169)) <= np.uint16(high * np.uint16(70))
        left, down = _U8(a < 0), _U8(b < 0)
        code = _U8((down << 2) | ((left ^ down) << 1) | 1)
        code = _U8((down << 2) | 2) if along_b else code
        code = _U8(left << 2) if along_a else code
        out[i] = _U8(none) if along_a & along_b else code


@njit(cache=True, nogil=True)
def _look_up(ga, gb, table, out):  # type: ignore[no-untyped-def]
    for i in range(out.size):
        out[i] = table[np.uint64(gb[i] + 255), np.uint64(ga[i] + 255)]


@njit(cache=True, nogil=True)
def _magnitudes(ga, gb, out):  # type: ignore[no-untyped-def]
    """sqrt(a² + b²) in whole units of 1 / MAGNITUDE_UNITS, rounded."""
    units = np.float32(MAGNITUDE_UNITS)
    for i in range(out.size):
        a, b = np.float32(ga[i]), np.float32(gb[i])
        out[i] = np.uint32(np.int32(np.sqrt(a * a + b * b) * units + np.float32(0.5)))


@njit(cache=True, nogil=True)
def _cell_offsets(cuts, width, rows, stride):  # type: ignore[no-untyped-def]
    """(rows * width,) uint16: where the counters of each pixel's column of cells begin.

    Counters 0 .. stride - 1 take what stands left and right of the countable columns.
    """
    out = np.zeros(rows * width, np.uint16)
    for y in range(rows):
        for c in range(cuts.x.size - 1):
            for x in range(cuts.x[c], cuts.x[c + 1]):
                out[y * width + x] = (c + 1) * stride
    return out


@njit(cache=True, nogil=True)
def _place(offsets, bins, out):  # type: ignore[no-untyped-def]
    """Counter of each pixel: its cell's first plus its bin."""
    for i in range(bins.size):
        out[i] = offsets[i] + bins[i]


@njit(cache=True, nogil=True)
def _count(places, n, slots, counters):  # type: ignore[no-untyped-def]
    """One vote per voxel and plane. Planes take turns, so that no counter waits for itself."""
    xy, xt, yt = places[0], places[1], places[2]
    one = counters.dtype.type(1)
    first = np.uint64(slots)
    second = np.uint64(2 * slots)
    for i in range(n):
        counters[np.uint64(xy[i])] += one
        counters[np.uint64(xt[i]) + first] += one
        counters[np.uint64(yt[i]) + second] += one


@njit(cache=True, nogil=True)
def _add_weights(places, weights, n, slots, counters):  # type: ignore[no-untyped-def]
    """As ``_count`` with a weight per voxel and plane."""
    xy, xt, yt = places[0], places[1], places[2]
    w_xy, w_xt, w_yt = weights[0], weights[1], weights[2]
    first = np.uint64(slots)
    second = np.uint64(2 * slots)
    for i in range(n):
        counters[np.uint64(xy[i])] += np.uint64(w_xy[i])
        counters[np.uint64(xt[i]) + first] += np.uint64(w_xt[i])
        counters[np.uint64(yt[i]) + second] += np.uint64(w_yt[i])


@njit(cache=True, nogil=True)
def _open_blocks(strip, cuts, counters, before):  # type: ignore[no-untyped-def]
    """Note the counters for the rows of blocks that begin at this strip."""
    for row in range(cuts.y_from.size):
        if cuts.y_from[row] == strip:
            for c in range(counters.shape[0]):
                for i in range(counters.shape[1]):
                    before[row, c, i] = counters[c, i]


@njit(cache=True, nogil=True)
def _close_blocks(strip, cuts, counters, before, blocks):  # type: ignore[no-untyped-def]
    """Write the histograms (by, bx, 3 slots) of the rows of blocks that end with this strip."""
    for row in range(cuts.y_to.size):
        if cuts.y_to[row] != strip + 1 or cuts.y_from[row] > strip:
            continue
        for b in range(cuts.x_from.size):
            for i in range(counters.shape[1]):
                blocks[row, b, i] = 0
            for c in range(cuts.x_from[b] + 1, cuts.x_to[b] + 1):
                for i in range(counters.shape[1]):
                    blocks[row, b, i] += counters[c, i] - before[row, c, i]
