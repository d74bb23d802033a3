"""LBP-TOP, HOG-TOP and HIGO-TOP straight from docs/descriptors.md, one voxel at a time.

Written without a look at the package: no shared constant, table or helper. Slow. A descriptor is
``method``: its ``kind`` (lbp, hog, higo) and the fields that the page names.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

# The two axes of each plane, as positions in (x, y, t).
AXES = {"xy": (0, 1), "xt": (0, 2), "yt": (1, 2)}


def pattern_at(volume, where, axes, radius):
    """The pattern of one voxel (x, y, t)."""
    x, y, t = where
    code = 0
    for k in range(8):
        angle = 2 * math.pi * k / 8
        along_a = round(radius[axes[0]] * math.cos(angle))
        along_b = round(-radius[axes[1]] * math.sin(angle))
        nx, ny, nt = (
            c + along_a * (i == axes[0]) + along_b * (i == axes[1]) for i, c in enumerate(where)
        )
        if volume[nt, ny, nx] >= volume[t, y, x]:
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


def gradient_at(volume, where, axes):
    """The gradient (a, b) of one voxel in a plane."""
    x, y, t = where
    steps = {0: (0, 0, 1), 1: (0, 1, 0), 2: (1, 0, 0)}
    return tuple(
        int(volume[t + dt, y + dy, x + dx]) - int(volume[t - dt, y - dy, x - dx])
        for dt, dy, dx in (steps[axis] for axis in axes)
    )


def size_of(a, b):
    """The magnitude in whole units of 2^-18: root, product and sum in single precision."""
    root = np.sqrt(np.float32(a * a + b * b))
    return int(root * np.float32(2**18) + np.float32(0.5))


def gradient_votes(a, b, method):
    """{bin: whole number} of one gradient."""
    if a == b == 0:
        return {}
    total = size_of(a, b) if method["kind"] == "hog" else 1
    turns = math.degrees(math.atan2(b, a)) % 360 / 45
    if method.get("voting") != "soft":
        return {math.floor(turns + 0.5) % 8: total}
    place = math.floor(turns * 2**16 + 0.5)
    low, rest = divmod(place, 2**16)
    upper = math.floor(Fraction(total * rest, 2**16) + Fraction(1, 2))
    votes = dict.fromkeys((low % 8, (low + 1) % 8), 0)
    votes[low % 8] += total - upper
    votes[(low + 1) % 8] += upper
    return votes


def votes_at(volume, where, axes, method):
    """{bin: whole number} of one voxel (x, y, t) in one plane."""
    if method["kind"] == "lbp":
        return {uniform_bin(pattern_at(volume, where, axes, method["radius"])): 1}
    return gradient_votes(*gradient_at(volume, where, axes), method)


def blocks(length, n, overlap):
    """Countable positions of each block."""
    o = Fraction(str(overlap))
    b = Fraction(length) / (n - (n - 1) * o)
    return [range(math.floor(k * (1 - o) * b), math.floor((k * (1 - o) + 1) * b)) for k in range(n)]


def histograms(volume, span, method, *, grid, overlap, time_blocks):
    """(rows, time blocks, down, across, 3, bins) int64 votes, not normalised."""
    rx, ry, rt = method["radius"] if method["kind"] == "lbp" else (1, 1, 1)
    n_t, height, width = volume.shape
    votes = {
        (x, y, t, p): votes_at(volume, (x, y, t), axes, method)
        for t in range(rt, n_t - rt)
        for y in range(ry, height - ry)
        for x in range(rx, width - rx)
        for p, axes in enumerate(AXES.values())
    }
    bins = 59 if method["kind"] == "lbp" else 8
    shape = (max(0, n_t - span + 1), time_blocks, grid[1], grid[0], 3, bins)
    out = np.zeros(shape, np.int64)
    for row, j, by, bx in np.ndindex(shape[:4]):
        for t in blocks(span - 2 * rt, time_blocks, 0)[j]:
            for y in blocks(height - 2 * ry, grid[1], overlap)[by]:
                for x in blocks(width - 2 * rx, grid[0], overlap)[bx]:
                    for p in range(3):
                        for b, vote in votes[rx + x, ry + y, row + rt + t, p].items():
                            out[row, j, by, bx, p, b] += vote
    return out


def normalised(counts):
    """(rows, d) float32: each histogram times the reciprocal of its sum; empty ones to zeros."""
    total = counts.sum(-1, keepdims=True)
    scale = np.divide(1.0, total, out=np.zeros(total.shape), where=total > 0)
    return (counts * scale).astype(np.float32).reshape(len(counts), math.prod(counts.shape[1:]))
