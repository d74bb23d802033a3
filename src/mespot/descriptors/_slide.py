"""The running sum over time: block histograms of frames become normalised rows.

A frame's histogram is added when the frame enters a row and subtracted when it leaves; the sums are
integers, so that nothing drifts and a row does not depend on where the sum began.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def slide(ring, frames, parts, running, bins, out):  # type: ignore[no-untyped-def]
    """Add the frames' histograms to the running sums and write the rows that become complete.

    Parameters
    ----------
    ring : (R, blocks, 3, slots) unsigned
        Histograms of the latest frames; frame v stands at v % R.
    frames : (int, int)
        First and end of the frames that are new in the ring.
    parts : (bt + 1,) int64
        Cuts of a row's countable frames into time blocks; parts[-1] is their number C.
    running : (bt, blocks, 3, slots) int64
        Sums of the row that ends with the last frame; zeros at the start.
    bins : int
        How many of the slots are bins.
    out : (rows, bt, blocks, 3, bins) float32
        Row v - C + 1 is complete with frame v.
    """
    length = parts[-1]
    for v in range(frames[0], frames[1]):
        row = v - length + 1
        for j in range(parts.size - 1):
            new = row + parts[j + 1] - 1
            old = row + parts[j] - 1
            if row > 0:
                _exchange(running[j], ring[new % ring.shape[0]], ring[old % ring.shape[0]])
            elif new >= parts[j]:
                _accumulate(running[j], ring[new % ring.shape[0]])
            if row >= 0:
                _normalise(running[j], bins, out[row, j])


@njit(cache=True, nogil=True)
def _exchange(running, new, old):  # type: ignore[no-untyped-def]
    run, add, drop = running.reshape(-1), new.reshape(-1), old.reshape(-1)
    for i in range(run.size):
        run[i] += np.int64(add[i]) - np.int64(drop[i])


@njit(cache=True, nogil=True)
def _accumulate(running, new):  # type: ignore[no-untyped-def]
    run, add = running.reshape(-1), new.reshape(-1)
    for i in range(run.size):
        run[i] += np.int64(add[i])


@njit(cache=True, nogil=True)
def _normalise(running, bins, out):  # type: ignore[no-untyped-def]
    """Each block's and plane's histogram to sum 1; one without votes to zeros."""
    for b in range(running.shape[0]):
        for p in range(3):
            total = np.int64(0)
            for i in range(bins):
                total += running[b, p, i]
            scale = 1.0 / total if total > 0 else 0.0
            for i in range(bins):
                out[b, p, i] = np.float32(running[b, p, i] * scale)
