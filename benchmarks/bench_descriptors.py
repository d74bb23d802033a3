"""Speed of LBP-TOP, HOG-TOP and HIGO-TOP on 150 x 150 crops, 8 x 8 blocks, against rivals.

    python benchmarks/bench_descriptors.py [--json FILE] [--plots DIR] [--frames 1000] [--quick]

Times are medians of at least 5 repeats with the fastest and slowest in brackets; what is compared
takes turns in one run. Processor time does not see other programs. The rows of rivals with our
definition are compared with ours to 1e-6, or the script stops. The clip is synthetic: blurred noise
that drifts, with a camera's noise on it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from _common import Timing, measure_in_turn, write
from _descriptor_rivals import by_cumulative_sums, by_scikit_image, by_window, opencv_hog

from mespot.descriptors.higo_top import HigoTop
from mespot.descriptors.hog_top import HogTop
from mespot.descriptors.lbp_top import LbpTop
from mespot.types import FaceClip

SPANS = (9, 23)
NAMES: dict[str, Any] = {"lbp_top": LbpTop, "hog_top": HogTop, "higo_top": HigoTop}
OPTIONS: dict[str, Any] = {
    "lbp_top": LbpTop(span=9),
    "lbp_top, radius 2": LbpTop(span=9, radius=(2, 2, 2)),
    "lbp_top, 2 time blocks": LbpTop(span=9, time_blocks=2),
    "hog_top": HogTop(span=9),
    "hog_top, soft": HogTop(span=9, voting="soft"),
    "higo_top": HigoTop(span=9),
}


def moving_texture(n: int, size: int) -> FaceClip:
    """Blurred noise that drifts by a fraction of a pixel per frame, with a camera's noise on it."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:size, :size]
    waves = rng.uniform(0.05, 0.6, (12, 2)), rng.uniform(0, 7, 12), rng.uniform(-0.2, 0.2, 12)
    frames = np.empty((n, size, size), np.uint8)
    for t in range(n):
        image = sum(np.sin(w[0] * x + w[1] * y + p + v * t) for w, p, v in zip(*waves, strict=True))
        frames[t] = np.clip(128 + 18 * image + rng.normal(0, 2, image.shape), 0, 255)
    return first_frames(FaceClip(frames, np.ones(n, bool), np.zeros((n, 5, 2), np.float32),
                                 np.arange(n) / 25, Fraction(25)), n)  # fmt: skip


def first_frames(clip: FaceClip, n: int) -> FaceClip:
    """The clip's beginning."""
    return FaceClip(clip.frames[:n], clip.found[:n], clip.landmarks[:n], clip.times_s[:n], clip.fps)


def spread(timing: Timing, scale: float = 1e6) -> str:
    """Median with fastest and slowest, in microseconds."""
    return f"{timing.median * scale:,.1f} ({timing.low * scale:,.1f} .. {timing.high * scale:,.1f})"


def speed(clip: FaceClip, repeats: int) -> list[dict[str, Any]]:
    """Positions per second, by span."""
    rows = []
    for name, kind in NAMES.items():
        work = {span: partial(kind(span=span).describe, clip) for span in SPANS}
        found = measure_in_turn(work, repeats)  # type: ignore[arg-type, type-var]
        shortest = found[SPANS[0]].per(len(clip) - SPANS[0] + 1)  # type: ignore[index]
        for span, timing in found.items():
            each = timing.per(len(clip) - span + 1)  # type: ignore[operator]
            rows.append({
                "descriptor": name, "L": span,
                "positions/s": 1 / each.median, "µs per position": spread(each),
                "processor µs": each.busy * 1e6, "cost over L = 9": each.busy / shortest.busy,
            })  # fmt: skip
    return rows


def rivals(clip: FaceClip, repeats: int) -> list[dict[str, Any]]:
    """Ours and others' ways in turn, one thread, processor time per position."""
    rows = []
    for name, kind in NAMES.items():
        for span in SPANS:
            descriptor = kind(span=span)
            short, few = clip.frames[: span + 63], clip.frames[: span + 1]
            ways: dict[str, tuple[Callable[[], Any], int]] = {
                "mespot": (partial(descriptor.describe, clip), len(clip) - span + 1),
                "numpy, cumulative sums": (partial(by_cumulative_sums, short, descriptor), 64),
                "compiled loop per window": (partial(by_window, few, descriptor), 2),
            }
            for way in (by_cumulative_sums(short, descriptor), by_window(few, descriptor)):
                error = np.abs(descriptor.describe(clip).values[: len(way)] - way).max()
                if error > 1e-6:
                    raise SystemExit(f"{name}, L = {span}: off a rival by {error:.1e}")
            if kind is LbpTop:
                ways["scikit-image, cumulative sums"] = (
                    partial(by_scikit_image, short, descriptor), 64
                )  # fmt: skip
            if kind is HogTop:
                ways["OpenCV HOG, XY alone"] = (partial(opencv_hog, short), len(short))
            found = measure_in_turn({way: fn for way, (fn, _) in ways.items()}, repeats)
            ours = found["mespot"].per(ways["mespot"][1]).busy
            for way, (_, n) in ways.items():
                each = found[way].per(n)
                rows.append({
                    "descriptor": name, "L": span, "way": way, "µs per position": spread(each),
                    "processor µs": each.busy * 1e6, "times ours": each.busy / ours,
                })  # fmt: skip
    return rows


def options(clip: FaceClip, repeats: int) -> list[dict[str, Any]]:
    """What settings other than the default cost."""
    found = measure_in_turn(
        {name: partial(d.describe, clip) for name, d in OPTIONS.items()}, repeats
    )
    n = len(clip) - 8
    rows = []
    for name, timing in found.items():
        default = found[name.split(",")[0]]
        rows.append({
            "setting": name, "columns": int(np.prod(OPTIONS[name].shape)),
            "µs per position": spread(timing.per(n)), "times default": timing.busy / default.busy,
        })  # fmt: skip
    return rows


def scaling(repeats: int, frames: int) -> dict[str, list[dict[str, Any]]]:
    """Processor time per position against the span, the crop's side and the number of blocks."""
    clips = {size: moving_texture(frames, size) for size in (75, 150, 300)}
    cases: dict[str, list[tuple[int, FaceClip, dict[str, Any]]]] = {
        "span": [(s, clips[150], {"span": s}) for s in (5, 9, 17, 23, 33)],
        "crop side": [(size, clips[size], {"span": 9}) for size in clips],
        "blocks per side": [(g, clips[150], {"span": 9, "grid": (g, g)}) for g in (1, 4, 8, 16)],
    }
    tables: dict[str, list[dict[str, Any]]] = {}
    for axis, rows in cases.items():
        table = [{axis: value} for value, _, _ in rows]
        for name, kind in NAMES.items():
            work = {str(v): partial(kind(**fields).describe, clip) for v, clip, fields in rows}
            found = measure_in_turn(work, repeats)
            for line, (value, clip, fields) in zip(table, rows):
                timing = found[str(value)].per(len(clip) - fields["span"] + 1)
                line[name] = timing.busy * 1e6  # type: ignore[assignment]
        tables[axis] = table
    return tables


def plot(tables: dict[str, list[dict[str, Any]]], folder: Path) -> None:
    """One picture per table."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    for axis, table in tables.items():
        figure, axes = plt.subplots(figsize=(4.6, 3.2), layout="constrained")
        for name in NAMES:
            axes.plot([r[axis] for r in table], [r[name] for r in table], "o-", label=name)
        axes.set(xlabel=axis, ylabel="processor µs per position", ylim=(0, None))
        axes.legend(frameon=False)
        figure.savefig(folder / f"descriptors-{axis.replace(' ', '-')}.png", dpi=100)
        plt.close(figure)


def main() -> None:
    """Run everything, print the tables, keep what is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", metavar="FILE", help="write the figures here, too")
    parser.add_argument("--plots", metavar="DIR", type=Path, help="draw cost against size here")
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="200 frames, 5 repeats, no rivals")
    args = parser.parse_args()
    if args.quick:
        args.frames, args.repeats = 200, 5
    repeats = max(5, args.repeats)
    clip = moving_texture(args.frames, 150)
    short = first_frames(clip, min(args.frames, 200))
    write(speed(clip, repeats), "Descriptors: speed", args.json)
    if not args.quick:
        write(rivals(clip, 5), "Descriptors: rivals", args.json)
    write(options(short, 5), "Descriptors: options", args.json)
    tables = scaling(5, min(args.frames, 200))
    for axis, rows in tables.items():
        write(rows, f"Descriptors: processor µs per position by {axis}", args.json)
    if args.plots:
        plot(tables, args.plots)


if __name__ == "__main__":
    main()
