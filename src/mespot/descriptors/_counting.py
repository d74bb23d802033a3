"""What the kernels share: counters of cells, and how they become histograms of blocks.

Some rows are worked on at a time, as one flat run of pixels, so that the processor takes many
pixels per instruction and what is made of them stays in the cache. Votes go to counters of cells
(the area cut at every block edge); after every strip of cells, they are added to the blocks that
they belong to.

Four things to know before editing.

- Loops that read and write one array fall back to one pixel at a time: keep the two apart.
- A slice or reshape of an array counts references, which costs more than many a loop here: pass
  whole arrays and where to begin.
- Indices are unsigned: a signed one is checked for being negative, which keeps loops from vectors.
- Processors forward a 16-bit store to the next load slowly: counters have at least 32 bits.
"""

from __future__ import annotations

import numpy as np

from mespot.descriptors._compiling import part

_U64 = np.uint64


@part
def column_offsets(cuts, width, rows, stride, out):  # type: ignore[no-untyped-def]
    """Fill ``out`` with where the counters of each pixel's column of cells begin.

    Pixel 0 is the first countable one of a row. Counters 0 .. stride - 1 take what stands left and
    right of the countable columns.
    """
    for y in range(rows):
        for c in range(cuts.x.size - 1):
            for x in range(cuts.x[c] - cuts.x[0], cuts.x[c + 1] - cuts.x[0]):
                out[y * width + x] = (c + 1) * stride


@part
def padded(n, room):  # type: ignore[no-untyped-def]
    """n, and if there is room for more, up to a multiple of 128: what loops in vectors like."""
    return n + max(0, min(-n % 128, room))


@part
def rows_at_once(width):  # type: ignore[no-untyped-def]
    """How many rows of a strip to work on at a time, to keep them in the first-level cache."""
    return max(1, 800 // width)


@part
def halves(n, width):  # type: ignore[no-untyped-def]
    """About half of n voxels, and not near to a whole number of rows: see `count`."""
    apart = n // 2
    if abs(2 * (apart % width) - width) > width // 2:
        apart -= (apart - width // 2) % width
    return apart if apart > 0 else n // 2


@part
def place(offsets, bins, n, places, plane):  # type: ignore[no-untyped-def]
    """Counter of each pixel, places[plane]: its cell's first plus its bin."""
    p = _U64(plane)
    for i in range(n):
        places[p, i] = offsets[i] + bins[i]


@part
def count(places, n, apart, slots, counters):  # type: ignore[no-untyped-def]
    """One vote for each of the first n voxels in each plane; ``places`` (3, >= n).

    An increment waits for the one before it on the same counter, and neighbours often have one bin
    in common. So planes take turns, and so do voxels that are ``apart``: best half the strip and
    half a row, in another cell.
    """
    one = counters.dtype.type(1)
    xy, xt, yt = _U64(0), _U64(1), _U64(2)
    second, third = _U64(slots), _U64(2 * slots)
    for i in range(apart):
        j = _U64(i) + _U64(apart)
        counters[_U64(places[xy, i])] += one
        counters[_U64(places[xt, i]) + second] += one
        counters[_U64(places[yt, i]) + third] += one
        counters[_U64(places[xy, j])] += one
        counters[_U64(places[xt, j]) + second] += one
        counters[_U64(places[yt, j]) + third] += one
    for i in range(2 * apart, n):
        counters[_U64(places[xy, i])] += one
        counters[_U64(places[xt, i]) + second] += one
        counters[_U64(places[yt, i]) + third] += one


@part
def clear_empty(cuts, size, table, at):  # type: ignore[no-untyped-def]
    """Zeros for the blocks without a strip, which `cells_to_blocks` never gets to see."""
    across = cuts.x_from.size * size
    for row in range(cuts.y_from.size):
        if cuts.y_from[row] == cuts.y_to[row]:
            for i in range(across):
                table[at, row * across + i] = 0


@part
def cells_to_blocks(strip, cuts, counters, size, sums, table, at):  # type: ignore[no-untyped-def]
    """Add a strip's counters to the histograms table[at] of the blocks it is in; clear them.

    Parameters
    ----------
    counters : ((1 + cells across) * size,)
        The first ``size`` stand outside.
    sums : (bx * size,) of the table's type, for use here
    table : (R, by * bx * size)
    """
    blocks = cuts.x_from.size
    for b in range(blocks):
        _sum_cells(counters, cuts.x_from[b] + 1, cuts.x_to[b] + 1, size, sums, b)
    for i in range(counters.size):
        counters[i] = 0
    for row in range(cuts.y_from.size):
        if cuts.y_from[row] <= strip < cuts.y_to[row]:
            add_row(sums, blocks * size, cuts.y_from[row] == strip, table, at, row)


@part
def add_row(sums, n, is_first, table, at, row):  # type: ignore[no-untyped-def]
    """Add to, or begin with, the histograms of one row of blocks: n numbers."""
    k, start = _U64(at), _U64(row * n)
    if is_first:
        for i in range(n):
            table[k, start + _U64(i)] = sums[i]
    else:
        for i in range(n):
            table[k, start + _U64(i)] += sums[i]


@part
def _sum_cells(counters, cell, end, size, sums, block):  # type: ignore[no-untyped-def]
    """The sum of the cells from one up to, not including, another."""
    number = sums.dtype.type
    first, n, start = _U64(cell * size), _U64(size), _U64(block * size)
    if end - cell >= 3:
        for i in range(size):
            j = first + _U64(i)
            total = counters[j] + counters[j + n] + counters[j + n + n]
            sums[start + _U64(i)] = number(total)
        cell += 3
    else:
        for i in range(size):
            sums[start + _U64(i)] = 0
    for c in range(cell, end):
        first = _U64(c * size)
        for i in range(size):
            sums[start + _U64(i)] += number(counters[first + _U64(i)])
