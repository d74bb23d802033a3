"""LBP-TOP, HOG-TOP and HIGO-TOP straight from docs/descriptors.md, one voxel at a time.

Written without a look at the package: no shared constant, table or helper. Slow.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

# The two axes of each plane, as positions in (x, y, t).
AXES = {"xy": (0, 1), "xt": (0, 2), "yt": (1, 2)}


def pattern_at(volume, t, y, x, plane, radius):
    """The 8-bit pattern of one voxel."""
    a, b = AXES[plane]
    code = 0
    for k in range(8):
        step = [0, 0, 0]
        step[a] = round(radius[a] * math.cos(math.radians(45 * k)))
        step[b] = round(-radius[b] * math.sin(math.radians(45 * k)))
        if volume[t + step[2], y + step[1], x + step[0]] >= volume[t, y, x]:
            code += 2**k
    return code


def uniform_bin(code):
    """Bin of a pattern, from the run of ones read around the circle."""
    bits = [code >> k & 1 for k in range(8)]
    begins = [k for k in range(8) if bits[k] and not bits[k - 1]]
    if not any(bits):
        return 0
    if all(bits):
        return 57
    if len(begins) > 1:
        return 58
    return 1 + 8 * (sum(bits) - 1) + (8 - begins[0]) % 8


def gradient_at(volume, t, y, x, plane):
    """The gradient (a, b) of one voxel in a plane."""
    steps = {0: (0, 0, 1), 1: (0, 1, 0), 2: (1, 0, 0)}
    v = volume.astype(int)
    return tuple(
        int(v[t + dt, y + dy, x + dx] - v[t - dt, y - dy, x - dx])
        for dt, dy, dx in (steps[axis] for axis in AXES[plane])
    )


def orientation_bin(a, b, bins):
    """The multiple of 360 / bins degrees nearest to the direction (a, b); half-way goes up."""
    turns = Fraction(math.degrees(math.atan2(b, a)) * bins / 360).limit_denominator(10**9)
    return math.floor(turns + Fraction(1, 2)) % bins


def votes_at(volume, t, y, x, plane, method):
    """(bin, weight) of one voxel in one plane, or None for no vote."""
    kind, parameter = method
    if kind == "lbp":
        return uniform_bin(pattern_at(volume, t, y, x, plane, parameter)), 1
    a, b = gradient_at(volume, t, y, x, plane)
    if a == b == 0:
        return None
    return orientation_bin(a, b, parameter), 1 if kind == "higo" else math.hypot(a, b)


def blocks(length, n, overlap):
    """Countable positions of each block."""
    o = Fraction(str(overlap))
    b = Fraction(length) / (n - (n - 1) * o)
    return [range(math.floor(k * (1 - o) * b), math.floor((k * (1 - o) + 1) * b)) for k in range(n)]


def histograms(volume, span, method, *, grid, overlap, time_blocks):
    """(rows, time blocks, down, across, 3, bins) float64 votes, not normalised."""
    kind, parameter = method
    rx, ry, rt = parameter if kind == "lbp" else (1, 1, 1)
    bins = 59 if kind == "lbp" else parameter
    n_t, height, width = volume.shape
    votes = {
        (t, y, x, p): votes_at(volume, t, y, x, plane, method)
        for t in range(rt, n_t - rt)
        for y in range(ry, height - ry)
        for x in range(rx, width - rx)
        for p, plane in enumerate(AXES)
    }
    out = np.zeros((max(0, n_t - span + 1), time_blocks, grid[1], grid[0], 3, bins))
    for row, j, by, bx in np.ndindex(out.shape[:4]):
        for t in blocks(span - 2 * rt, time_blocks, 0)[j]:
            for y in blocks(height - 2 * ry, grid[1], overlap)[by]:
                for x in blocks(width - 2 * rx, grid[0], overlap)[bx]:
                    for p in range(3):
                        vote = votes[row + rt + t, ry + y, rx + x, p]
                        if vote is not None:
                            out[row, j, by, bx, p, vote[0]] += vote[1]
    return out


def normalised(counts):
    """Each histogram to sum 1, empty ones to zeros; (rows, d)."""
    total = counts.sum(-1, keepdims=True)
    shares = np.divide(counts, total, out=np.zeros_like(counts), where=total > 0)
    return shares.reshape(len(counts), math.prod(counts.shape[1:]))
