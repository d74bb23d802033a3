"""`mespot spot` on 640 x 480 H.264: frames per second and peak memory for 1 and 10 minutes.

    python benchmarks/bench_end_to_end.py [--minutes 1 10] [--json FILE]

The video is a synthetic recording of one minute, played forwards and backwards in turn to the
length asked for, so that nothing jumps. Each length runs in a process of its own, start of Python
and loading of libraries included; a run of a few frames gives the start-up cost alone.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import numpy as np

from mespot.synthetic import STANDARD, load_portraits, make_script, render
from mespot.synthetic.write import encode

FPS = Fraction(30)
_CHILD = """
import sys
from mespot.cli import run
code = run(["spot", sys.argv[1], "-o", sys.argv[2]])
# Not getrusage: its peak begins with that of the process that started this one.
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print("peak_kb", status["VmHWM"].split()[0])
sys.exit(code)
"""


def loop(frames: list[np.ndarray], n: int):
    """n frames: the given ones forwards, backwards, forwards ..."""
    period = 2 * (len(frames) - 1)
    for i in range(n):
        at = i % period
        yield frames[min(at, period - at)]


def one(path: Path) -> tuple[float, float]:
    """Seconds and peak megabytes of one `mespot spot`."""
    with tempfile.TemporaryDirectory() as out:
        begin = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", _CHILD, str(path), out],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        seconds = time.perf_counter() - begin
    peak = next(line for line in done.stdout.splitlines() if line.startswith("peak_kb"))
    return seconds, int(peak.split()[1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, nargs="+", default=[1, 10])
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    portrait = load_portraits(None)[-1]
    script = make_script(STANDARD, 3, FPS, int(60 * FPS))
    frames = list(render(portrait, script, STANDARD, 3))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for minutes in (2 / 60, *args.minutes):
            n = int(minutes * 60 * FPS)
            path = Path(folder) / f"{n}.mp4"
            encode(path, loop(frames, n), FPS, 23)
            seconds, peak = one(path)
            rows.append({"minutes": minutes, "frames": n, "seconds": seconds, "peak_mb": peak})
    base = rows[0]
    print("| video | frames | seconds | frames/s | after start-up | peak MB |")
    print("|---|---|---|---|---|---|")
    for row in rows[1:]:
        row["fps"] = row["frames"] / row["seconds"]
        row["fps_warm"] = (row["frames"] - base["frames"]) / (row["seconds"] - base["seconds"])
        print(
            f"| {row['minutes']:g} min | {row['frames']} | {row['seconds']:.1f} | "
            f"{row['fps']:.0f} | {row['fps_warm']:.0f} | {row['peak_mb']:.0f} |"
        )
    print(
        f"start-up with {base['frames']} frames: {base['seconds']:.1f} s, {base['peak_mb']:.0f} MB"
    )
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
