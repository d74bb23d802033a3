"""The running sum over time: block histograms of frames become normalised rows.

A frame's histogram is added when the frame enters a row and subtracted when it leaves; the sums are
integers, so that nothing drifts and a row does not depend on where the sum began. See `_counting`
for the style of the loops.
"""

from __future__ import annotations

import numpy as np

from mespot.descriptors._compiling import kernel, part

_U64 = np.uint64


@kernel
def slide(table, frames, parts, running, scales, out):  # type: ignore[no-untyped-def]
    """Add the frames' histograms to the running sums and write the rows that become complete.

    Parameters
    ----------
    table : (R, blocks * 3 * slots) unsigned
        Histograms of the latest frames; frame v stands at v % R.
    frames : (int, int)
        First and end of the frames that are new in the table.
    parts : (bt + 1,) int64
        Cuts of a row's countable frames into time blocks; parts[-1] is their number C.
    running : (bt, blocks * 3 * slots) int32 or int64
        Sums of the row that ends with the last frame; zeros at the start.
    scales : (bt, blocks) float64
        What sums are multiplied by, where it is known; else empty: a histogram's sum becomes 1.
    out : (rows, bt, blocks, 3, bins) float32
        Row v - C + 1 is complete with frame v. The first ``bins`` of the slots are written.
    """
    length, held = parts[-1], table.shape[0]
    for v in range(frames[0], frames[1]):
        row = v - length + 1
        for j in range(parts.size - 1):
            new = row + parts[j + 1] - 1
            old = row + parts[j] - 1
            if row > 0:
                _exchange(running, j, table, new % held, old % held)
            elif new >= parts[j]:
                _accumulate(running, j, table, new % held)
            if row >= 0 and scales.size:
                _scale(running, j, scales, out, row)
            elif row >= 0:
                _normalise(running, j, out, row)


@part
def _exchange(running, j, table, new, old):  # type: ignore[no-untyped-def]
    number = running.dtype.type
    k, add, drop = _U64(j), _U64(new), _U64(old)
    for i in range(running.shape[1]):
        running[k, i] += number(table[add, i]) - number(table[drop, i])


@part
def _accumulate(running, j, table, new):  # type: ignore[no-untyped-def]
    k, add = _U64(j), _U64(new)
    for i in range(running.shape[1]):
        running[k, i] += running.dtype.type(table[add, i])


@part
def _scale(running, j, scales, out, row):  # type: ignore[no-untyped-def]
    """The histograms times their block's scale."""
    blocks, bins = out.shape[2], out.shape[4]
    slots = running.shape[1] // (3 * blocks)
    k, r = _U64(j), _U64(row)
    for b in range(blocks):
        scale = scales[k, b]
        for p in range(3):
            start = _U64((3 * b + p) * slots)
            for i in range(bins):
                out[r, k, b, p, i] = np.float32(running[k, start + _U64(i)] * scale)


@part
def _normalise(running, j, out, row):  # type: ignore[no-untyped-def]
    """Each block's and plane's histogram to sum 1; one without votes to zeros."""
    blocks, bins = out.shape[2], out.shape[4]
    slots = running.shape[1] // (3 * blocks)
    number = running.dtype.type
    k, r = _U64(j), _U64(row)
    for b in range(blocks):
        for p in range(3):
            start = _U64((3 * b + p) * slots)
            total = number(0)
            for i in range(bins):
                total = number(total + running[k, start + _U64(i)])
            scale = 1.0 / total if total > 0 else 0.0
            for i in range(bins):
                out[r, k, b, p, i] = np.float32(running[k, start + _U64(i)] * scale)
