"""Positions per second of LBP-TOP, HOG-TOP and HIGO-TOP on 150 x 150 crops, 8 x 8 blocks.

    python benchmarks/bench_descriptors.py [--json FILE] [--frames 1000] [--repeats 7]

Every line: median over the repeats (slowest .. fastest), the same per second of processor time,
its ratio to a reference in plain numpy that runs in the same process and uses cumulative sums over
space and time, so that its cost does not depend on the span either, and the cost of a position
relative to the shortest span. The two agree to 1e-6 or the script stops.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mespot.descriptors._grid import block_edges
from mespot.descriptors._histograms import uniform
from mespot.descriptors._planes import ThreePlanes
from mespot.descriptors.higo_top import HigoTop
from mespot.descriptors.hog_top import HogTop
from mespot.descriptors.lbp_top import LbpTop
from mespot.types import FaceClip

SPANS, THREADS = (9, 23), (1, 2)


def moving_texture(n: int, size: int) -> FaceClip:
    """Blurred noise that drifts by a fraction of a pixel per frame, with a camera's noise on it."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:size, :size]
    waves = rng.uniform(0.05, 0.6, (12, 2)), rng.uniform(0, 7, 12), rng.uniform(-0.2, 0.2, 12)
    frames = np.empty((n, size, size), np.uint8)
    for t in range(n):
        image = sum(np.sin(w[0] * x + w[1] * y + p + v * t) for w, p, v in zip(*waves, strict=True))
        frames[t] = np.clip(128 + 18 * image + rng.normal(0, 2, image.shape), 0, 255)
    landmarks = np.zeros((n, 5, 2), np.float32)
    return FaceClip(frames, np.ones(n, bool), landmarks, np.arange(n) / 25, Fraction(25))


def shifted(volume: Any, step: Any, margin: tuple[int, int, int]) -> Any:
    """The countable voxels' neighbours at (t, y, x) = step."""
    where = [slice(r + int(s), n - r + int(s)) for r, s, n in zip(margin[::-1], step, volume.shape)]
    return volume[tuple(where)]


def votes(volume: Any, descriptor: ThreePlanes, plane: int) -> tuple[Any, Any]:
    """Bin and weight of every countable voxel in one plane."""
    if isinstance(descriptor, LbpTop):
        centre = shifted(volume, (0, 0, 0), descriptor.margin)
        codes = np.zeros(centre.shape, np.uint8)
        for k, step in enumerate(descriptor.neighbours()[plane]):
            codes |= (shifted(volume, step, descriptor.margin) >= centre).astype(np.uint8) << k
        labels = np.arange(256, dtype=np.uint8)
        uniform(labels)
        return labels[codes], None
    along = []
    for axis in ((2, 1), (2, 0), (1, 0))[plane]:
        step = np.eye(3, dtype=int)[axis]
        after, before = (shifted(volume, s, descriptor.margin) for s in (step, -step))
        along.append(after.astype(np.float32) - before)
    bins = np.rint(np.arctan2(along[1], along[0]) * (8 / (2 * np.pi))).astype(np.int64) % 8
    size = np.hypot(*along)
    return bins, size if type(descriptor) is HogTop else (size > 0).astype(np.float32)


def reference(volume: Any, descriptor: ThreePlanes) -> Any:
    """(rows, d) by cumulative sums over columns, rows and time."""
    rx, ry, rt = descriptor.margin
    bins = descriptor.bins_per_plane
    n, height, width = (size - 2 * r for size, r in zip(volume.shape, (rt, ry, rx)))
    columns = np.array(block_edges(width, descriptor.grid[0], descriptor.overlap)).T
    rows = np.array(block_edges(height, descriptor.grid[1], descriptor.overlap)).T
    cuts = [np.unique(edges) for edges in (rows, columns)]
    cells = [np.searchsorted(c, np.arange(c[-1]), "right") for c in cuts]
    shape = (len(cuts[0]), len(cuts[1]), bins)
    first = ((cells[0][:, None] * shape[1] + cells[1]) * bins).ravel()
    (up, down), (left, right) = (np.searchsorted(c, e) for c, e in zip(cuts, (rows, columns)))
    total = np.zeros((n + 1, len(up), len(left), 3, bins))
    for plane in range(3):
        which, weight = votes(volume, descriptor, plane)
        for t in range(n):
            places = first + which[t].ravel()
            counts = np.bincount(
                places, None if weight is None else weight[t].ravel(), int(np.prod(shape))
            )
            area = counts.reshape(shape).cumsum(0).cumsum(1)
            strips = area[down] - area[up]
            total[t + 1, :, :, plane] = strips[:, right] - strips[:, left]
    total = total.cumsum(0)
    length = descriptor.span - 2 * rt  # type: ignore[operator]
    gained = total[length:] - total[:-length]
    sums = gained.sum(-1, keepdims=True)
    return (gained / np.where(sums > 0, sums, 1)).astype(np.float32).reshape(len(gained), -1)


def rates(work: Callable[[], Any], positions: int) -> tuple[float, float]:
    """Positions per second, and per second of processor time (which other programs do not eat)."""
    start, busy = time.perf_counter(), time.process_time()
    work()
    return positions / (time.perf_counter() - start), positions / (time.process_time() - busy)


def measure(clip: FaceClip, kind: Any, repeats: int) -> list[dict[str, Any]]:
    """One entry per span and number of threads; they take turns, so that all see the same load."""
    descriptors = {span: kind(span=span) for span in SPANS}
    slow, rows = {}, {}
    for span, descriptor in descriptors.items():
        short = clip.frames[: span + 31]
        again = partial(reference, short, descriptor)
        slow[span] = max(rates(again, 32) for _ in range(2))
        rows[span] = descriptor.describe(clip).values
        error = np.abs(rows[span][:32] - again()).max()
        if error > 1e-6:
            raise SystemExit(f"{kind.__name__}, L = {span}: off the reference by {error:.1e}")
    found: dict[tuple[int, int], list[tuple[float, float]]]
    found = {(span, threads): [] for span in SPANS for threads in THREADS}
    for _ in range(repeats):
        for (span, threads), pairs in found.items():
            work = partial(descriptors[span].describe, clip, threads=threads, out=rows[span])
            pairs.append(rates(work, len(rows[span])))
    entries = []
    for (span, threads), pairs in found.items():
        wall, busy = np.array(pairs).T
        entries.append(
            {
                "descriptor": kind.__name__,
                "span": span,
                "threads": threads,
                "per_s": float(np.median(wall)),
                "slowest": float(wall.min()),
                "fastest": float(wall.max()),
                "per_processor_s": float(np.median(busy)),
                "times_numpy": float(np.median(busy)) / slow[span][1],
                "cost_over_first_span": float(
                    np.median(np.array(found[SPANS[0], threads])[:, 1] / busy)
                ),
            }
        )
    return entries


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", metavar="FILE", help="write the figures here, too")
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=7)
    args = parser.parse_args()
    clip = moving_texture(args.frames, 150)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(f"{os.cpu_count()} processors, load {load:.1f} before the start")
    print("per second: median (slowest .. fastest); processor: per second of processor time")
    print(
        "             L threads      per second                  processor  x numpy  cost / L = 9"
    )
    results = []
    for kind in (LbpTop, HogTop, HigoTop):
        for r in measure(clip, kind, args.repeats):
            results.append(r)
            spread = f"({r['slowest']:,.0f} .. {r['fastest']:,.0f})"
            print(
                f"{r['descriptor']:9} {r['span']:4} {r['threads']:7}  {r['per_s']:9,.0f} "
                f"{spread:20} {r['per_processor_s']:8,.0f} {r['times_numpy']:8.0f} "
                f"{r['cost_over_first_span']:13.2f}",
                flush=True,
            )
    if args.json:
        text = json.dumps(
            {"processors": os.cpu_count(), "load": load, "results": results}, indent=1
        )
        Path(args.json).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
