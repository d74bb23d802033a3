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
UNIT = 2**22


def neighbour(points, k, radius, axes):
    """Where neighbour k stands along a plane's two axes."""
    angle = 2 * math.pi * k / points
    return radius[axes[0]] * math.cos(angle), -radius[axes[1]] * math.sin(angle)


def grey_level(volume, where, axes, at, interpolation):
    """A neighbour's grey level in units of 2^-22, ``at`` (along a, along b) from the voxel."""

    def level(along_a, along_b):
        x, y, t = (
            c + along_a * (i == axes[0]) + along_b * (i == axes[1]) for i, c in enumerate(where)
        )
        return int(volume[t, y, x])

    if interpolation == "nearest":
        return UNIT * level(round(at[0]), round(at[1]))
    (side_a, whole_a, part_a), (side_b, whole_b, part_b) = (
        (1 if along > 0 else -1, math.floor(abs(along)), abs(along) % 1) for along in at
    )
    w_ab = math.floor(part_a * part_b * UNIT + 0.5)
    w_a = math.floor(part_a * UNIT + 0.5) - w_ab
    w_b = math.floor(part_b * UNIT + 0.5) - w_ab
    weights = {(0, 0): UNIT - w_a - w_b - w_ab, (1, 0): w_a, (0, 1): w_b, (1, 1): w_ab}
    return sum(
        w * level(side_a * (whole_a + i), side_b * (whole_b + j))
        for (i, j), w in weights.items()
        if w
    )


def pattern_at(volume, where, axes, method):
    """The pattern of one voxel (x, y, t)."""
    x, y, t = where
    code = 0
    for k in range(method["points"]):
        at = neighbour(method["points"], k, method["radius"], axes)
        if grey_level(volume, where, axes, at, method["interpolation"]) >= UNIT * int(
            volume[t, y, x]
        ):
            code += 2**k
    return code


def uniform_bin(code, points=8):
    """Bin of a pattern, from the run of ones read around the circle."""
    bits = [code >> k & 1 for k in range(points)]
    begins = [k for k in range(points) if bits[k] and not bits[k - 1]]
    if not any(bits):
        return 0
    if all(bits):
        return points * (points - 1) + 1
    if len(begins) > 1:
        return points * (points - 1) + 2
    return 1 + points * (sum(bits) - 1) + (points - begins[0]) % points


def gradient_at(volume, where, axes):
    """The gradient (a, b) of one voxel in a plane."""
    x, y, t = where
    steps = {0: (0, 0, 1), 1: (0, 1, 0), 2: (1, 0, 0)}
    return tuple(
        int(volume[t + dt, y + dy, x + dx]) - int(volume[t - dt, y - dy, x - dx])
        for dt, dy, dx in (steps[axis] for axis in axes)
    )


def turns_of(a, b, bins, orientation):
    """The direction (a, b) in bins from 0 on."""
    degrees = math.degrees(math.atan2(b, a)) % 360
    return degrees * bins / 360 if orientation == "signed" else degrees % 180 * bins / 180


def size_of(a, b):
    """The magnitude in whole units of 2^-18: root, product and sum in single precision."""
    root = np.sqrt(np.float32(a * a + b * b))
    return int(root * np.float32(2**18) + np.float32(0.5))


def gradient_votes(a, b, method):
    """{bin: whole number} of one gradient."""
    if a == b == 0:
        return {}
    bins, soft = method["bins"], method["voting"] == "soft"
    total = size_of(a, b) if method["kind"] == "hog" else 2**16 if soft else 1
    turns = turns_of(a, b, bins, method["orientation"])
    if not soft:
        exact = Fraction(turns).limit_denominator(10**9)
        return {math.floor(exact + Fraction(1, 2)) % bins: total}
    place = math.floor(turns * 2**16 + 0.5)
    low, rest = divmod(place, 2**16)
    upper = math.floor(Fraction(total * rest, 2**16) + Fraction(1, 2))
    votes = dict.fromkeys((low % bins, (low + 1) % bins), 0)
    votes[low % bins] += total - upper
    votes[(low + 1) % bins] += upper
    return votes


def votes_at(volume, where, axes, method):
    """{bin: whole number} of one voxel (x, y, t) in one plane."""
    if method["kind"] == "lbp":
        code = pattern_at(volume, where, axes, method)
        uniform = method["patterns"] == "uniform"
        return {uniform_bin(code, method["points"]) if uniform else code: 1}
    return gradient_votes(*gradient_at(volume, where, axes), method)


def bins_of(method):
    """Bins of one histogram."""
    if method["kind"] != "lbp":
        return method["bins"]
    points = method["points"]
    return points * (points - 1) + 3 if method["patterns"] == "uniform" else 2**points


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
    shape = (max(0, n_t - span + 1), time_blocks, grid[1], grid[0], 3, bins_of(method))
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
