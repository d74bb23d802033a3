"""`mespot spot` from the command line to the result: speed, memory, start, against video length.

    python benchmarks/bench_end_to_end.py [--minutes 1 10] [--json FILE] [--plots DIR] [--quick]

The videos are synthetic recordings: some seconds are rendered and played forwards and backwards in
turn to the length asked for, so that nothing jumps. Every run is a process of its own, start of
Python, loading of libraries, picture and tables included. *Processor* adds up all its threads; on
a machine with other work it says more than wall time. The first frame is the first that has been
decoded for alignment. Memory is the peak of the process (VmHWM); descriptor rows are kept to the
end by design and are named beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from _common import write

from mespot.spotter import load_spotter
from mespot.synthetic import STANDARD, ScriptConfig, load_portraits, make_script, render
from mespot.synthetic.write import encode

# The process that is measured. Not getrusage for its memory: that begins with the parent's.
_CHILD = """
import json, sys, time
from mespot.cli import _progress, run
first, plain = [], _progress.FrameBar.__call__
def called(bar, done, total=None):
    if not first:
        first.append(time.time())
    plain(bar, done, total)
_progress.FrameBar.__call__ = called
code = run(["spot", sys.argv[1], "-o", sys.argv[2]])
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print("bench", json.dumps({"first": first[0], "peak_mb": int(status["VmHWM"].split()[0]) / 1024}))
sys.exit(code)
"""
LABORATORY = replace(STANDARD, width=2040, height=1088, eye_px=(180.0, 180.0))


def rendered(config: ScriptConfig, fps: Fraction, n: int) -> list[np.ndarray]:
    """The frames that are played to and fro."""
    return list(render(load_portraits(None)[-1], make_script(config, 3, fps, n), config, 3))


def to_and_fro(frames: list[np.ndarray], n: int) -> Iterator[np.ndarray]:
    """n frames: the given ones forwards, backwards, forwards ..."""
    period = 2 * (len(frames) - 1)
    for i in range(n):
        at = i % period
        yield frames[min(at, period - at)]


def one(path: Path) -> dict[str, float]:
    """One `mespot spot`: seconds of wall and processor, to the first frame, and peak megabytes."""
    with tempfile.TemporaryDirectory() as out:
        before, begin, clock = os.times(), time.perf_counter(), time.time()
        done = subprocess.run(
            [sys.executable, "-c", _CHILD, str(path), out],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        wall, after = time.perf_counter() - begin, os.times()
    if done.returncode:
        raise SystemExit(f"mespot spot failed on {path}:\n{done.stderr}")
    told = json.loads(next(x for x in done.stdout.splitlines() if x.startswith("bench"))[6:])
    busy = after.children_user + after.children_system
    busy -= before.children_user + before.children_system
    return {"wall": wall, "busy": busy, "first": told["first"] - clock, "peak_mb": told["peak_mb"]}


def runs(path: Path, repeats: int) -> list[dict[str, float]]:
    return [one(path) for _ in range(repeats)]


def middle(found: list[dict[str, float]], key: str) -> float:
    return median(run[key] for run in found)


def start_row(found: list[dict[str, float]], n: int) -> dict[str, Any]:
    """What it takes until the first frame, and for next to nothing."""
    firsts = [run["first"] for run in found]
    return {
        "frames": n, "first frame, s": middle(found, "first"),
        "fastest .. slowest": f"{min(firsts):.2f} .. {max(firsts):.2f}",
        "all, s": middle(found, "wall"), "processor, s": middle(found, "busy"),
        "peak MB": middle(found, "peak_mb"),
    }  # fmt: skip


def length_row(
    name: str, fps: Fraction, n: int, found: list[dict[str, float]], start: dict[str, float]
) -> dict[str, Any]:
    """Speed and memory of one video; ``start`` is of one with hardly a frame."""
    wall, busy = middle(found, "wall"), middle(found, "busy")
    rest = wall - start["wall"]
    walls = [n / run["wall"] for run in found]
    descriptor = load_spotter().descriptor
    rows = n // descriptor.step_at(fps) * len(descriptor.column_names(fps)) * 4 / 1e6
    return {
        "video": name, "frames": n, "s": wall, "frames/s": n / wall,
        "fastest .. slowest": f"{max(walls):.0f} .. {min(walls):.0f}",
        "times real time": n / float(fps) / wall,
        "frames/s after the start": n / rest if rest > 0.3 * wall else "",
        "ms processor a frame after the start": 1e3 * (busy - start["busy"]) / n,
        "peak MB": middle(found, "peak_mb"), "of it rows, MB": rows,
    }  # fmt: skip


def small_videos(folder: Path, minutes: list[float], repeats: int, json_path: Path | None) -> list:
    """640 x 480 at 30 frames/s in several lengths; prints tables, gives the rows."""
    fps = Fraction(30)
    frames = rendered(STANDARD, fps, 300)
    short = folder / "short.mp4"
    encode(short, to_and_fro(frames, 60), fps, 23)
    one(short)  # caches of the system and of dlib's detector
    found = runs(short, max(5, repeats))
    write([start_row(found, 60)], "End to end: start", json_path)
    start = {key: middle(found, key) for key in ("wall", "busy")}
    rows = []
    for length in minutes:
        n = int(length * 60 * fps)
        path = folder / f"{n}.mp4"
        encode(path, to_and_fro(frames, n), fps, 23)
        found = runs(path, repeats)
        rows.append(length_row(f"640 x 480, {length:g} min", fps, n, found, start))
        path.unlink()
    write(rows, "End to end: 640 x 480, H.264, 30 frames/s", json_path)
    write([growth_row(rows)], "End to end: memory", json_path)
    return rows


def growth_row(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """How the peak grows from the shortest to the longest video of a minute or more."""
    long = [row for row in rows if row["frames"] >= 1800] or rows
    first, last = long[0], long[-1]
    minutes = (last["frames"] - first["frames"]) / 1800
    if not minutes:
        return {"MB a minute": "one length only"}
    grown, kept = (last[k] - first[k] for k in ("peak MB", "of it rows, MB"))
    return {
        "from": first["video"], "to": last["video"], "MB a minute": grown / minutes,
        "rows alone": kept / minutes, "beyond the rows": (grown - kept) / minutes,
    }  # fmt: skip


def laboratory_video(folder: Path, seconds: float, repeats: int, json_path: Path | None) -> None:
    """2040 x 1088 at 200 frames/s, as cameras for micro-expressions have it."""
    fps, n = Fraction(200), int(seconds * 200)
    frames = rendered(LABORATORY, fps, 100)
    found = {}
    for name, length in (("short", 200), ("long", n)):
        path = folder / f"{name}.mp4"
        encode(path, to_and_fro(frames, length), fps, 20)
        found[name] = runs(path, repeats)
        path.unlink()
    start = {key: middle(found["short"], key) for key in ("wall", "busy")}
    row = length_row(f"2040 x 1088, {seconds:g} s", fps, n, found["long"], start)
    write([row], "End to end: 2040 x 1088, H.264, 200 frames/s", json_path)


def plot(rows: list[dict[str, Any]], folder: Path) -> None:
    """Seconds and megabytes against the length of the video."""
    from matplotlib.figure import Figure

    minutes = [row["frames"] / 1800 for row in rows]
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(minutes, [row["s"] for row in rows], "o-", color="#2b5d8a", label="mespot spot")
    left.plot(minutes, [60 * m for m in minutes], "--", color="#b8b8b8", label="real time")
    left.set(xlabel="minutes of video", ylabel="seconds", ylim=(0, None))
    right.plot(minutes, [row["peak MB"] for row in rows], "o-", color="#c0392b", label="peak")
    rows_mb = [row["of it rows, MB"] for row in rows]
    right.plot(minutes, rows_mb, "o-", color="#b8b8b8", label="descriptor rows")
    right.set(xlabel="minutes of video", ylabel="MB", ylim=(0, None))
    for axes in (left, right):
        axes.legend(frameon=False)
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / "end_to_end.png", dpi=110)


def main() -> None:
    """Run everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, nargs="+", default=[0.5, 1, 3, 10])
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--plots", type=Path, help="also draw cost against length into this folder")
    parser.add_argument("--quick", action="store_true", help="fewer repeats, short videos")
    parser.add_argument("--small-only", action="store_true", help="no laboratory video")
    args = parser.parse_args()
    repeats = 1 if args.quick else 3
    minutes = [0.2, 1] if args.quick else args.minutes
    with tempfile.TemporaryDirectory() as folder:
        rows = small_videos(Path(folder), minutes, repeats, args.json)
        if not args.small_only:
            laboratory_video(Path(folder), 2 if args.quick else 30, repeats, args.json)
    if args.plots:
        plot(rows, args.plots)


if __name__ == "__main__":
    main()
