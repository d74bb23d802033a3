"""Plot what a recipe's scorer says of the clip of `mespot demo`, with the truth as bands.

    python lab/benchmarks/plot_scorer.py RECIPE -o PNG [--set KEY=VALUE ...] [--clip DIR] [--speed]

RECIPE is a shipped recipe, a TOML file or, for a scorer that learns, a folder that `mespot train`
wrote. The clip is synthetic; it is rendered anew unless DIR, of an earlier run, has it. Besides the
picture it prints the score's best within every movement and its level elsewhere; with --speed also
how many aligned frames a second of one core the descriptor takes, and the scorer.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mespot.align import concatenate
from mespot.align.aligner import Aligner
from mespot.cli.demo import make_clip
from mespot.decoding import decode
from mespot.errors import MespotError
from mespot.files import atomic_path
from mespot.pipeline import DescribedVideo, describe_video
from mespot.recipe import load_recipe
from mespot.spotter import Spotter, load_spotter, on_every_frame, untrained
from mespot.types import Expression, FrameSeries
from mespot.video import open_video

_COLOURS = {"micro": "#1e8449", "macro": "#c9782b", "blink": "#7d5ba6", "other": "#8e8e8e"}
_SCORE, _SPOT = "#2b5d8a", "#c0392b"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("recipe")
    parser.add_argument("-o", "--out", required=True, type=Path, metavar="PNG")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--clip", type=Path, metavar="DIR", help="where the clip is kept")
    parser.add_argument("--seconds", type=float, default=24.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--speed", action="store_true")
    args = parser.parse_args()
    try:
        spotter = _spotter(args.recipe, tuple(args.set))
        with tempfile.TemporaryDirectory() as temporary:
            folder = args.clip or Path(temporary)
            source, truth = _clip(folder, args.seconds, args.seed)
            described = describe_video(
                source, spotter.recipe.align, spotter.recipe.descriptor, video=open_video(source)
            )
            if args.speed:
                _tell_speed(spotter, source)
    except MespotError as error:
        raise SystemExit(str(error)) from error
    scores = spotter.recipe.scorer.score(described.series, spotter.weights)
    _tell(scores, truth)
    _draw(spotter, described, scores, truth, args.out)


def _spotter(name: str, settings: tuple[str, ...]) -> Spotter:
    if Path(name).is_dir():
        return load_spotter(name).with_settings(settings)
    return untrained(load_recipe(name)).with_settings(settings)


def _clip(folder: Path, seconds: float, seed: int) -> tuple[Path, list[Expression]]:
    """The video and its truth; a folder that has the clip keeps it."""
    folder.mkdir(parents=True, exist_ok=True)
    video, events = folder / "demo.mp4", folder / f"truth-{seconds:g}-{seed}.csv"
    if not (video.is_file() and events.is_file()):
        recording = make_clip(folder, seconds, seed)
        with events.open("w", newline="", encoding="utf-8") as stream:
            known = [(e.onset, e.apex, e.offset, e.kind) for e in recording.expressions]
            csv.writer(stream).writerows(known)
    with events.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    return video, [Expression(int(a), int(b) if b else None, int(c), k) for a, b, c, k in rows]


def _tell_speed(spotter: Spotter, source: Path) -> None:
    """Frames per second of processor time of describing, and of scoring, the aligned clip."""
    import cv2

    cv2.setNumThreads(1)
    video = open_video(source)
    clip = concatenate(list(Aligner(spotter.recipe.align, video.fps).clips(video, 256)))
    series = spotter.recipe.descriptor.describe(clip)
    for name, work in (
        ("descriptor", lambda: spotter.recipe.descriptor.describe(clip)),
        ("scorer", lambda: spotter.recipe.scorer.score(series, spotter.weights)),
    ):
        begin = time.process_time()
        for _ in range(3):
            work()
        seconds = time.process_time() - begin
        print(f"{name}: {3 * len(clip) / max(seconds, 1e-9):.0f} frames/s")


def _tell(scores: FrameSeries, truth: list[Expression]) -> None:
    """Best score within every movement, and how high the curve stands outside all of them."""
    curve = on_every_frame(scores, scores.values[:, 0])
    fps, calm = float(scores.fps), np.isfinite(curve)
    for event in sorted(truth, key=lambda e: e.onset):
        within = slice(event.onset, event.offset + 1)
        calm[within] = False
        seen = curve[within][np.isfinite(curve[within])]
        best = f"{seen.max():.3f}" if len(seen) else "not covered"
        print(f"{event.kind:<6} {event.onset / fps:6.2f}-{event.offset / fps:.2f} s  best {best}")
    if calm.any():
        middle, high = np.quantile(curve[calm], (0.5, 0.99))
        print(f"elsewhere: median {middle:.3f}, 99 % below {high:.3f}")


def _draw(
    spotter: Spotter,
    described: DescribedVideo,
    scores: FrameSeries,
    truth: list[Expression],
    path: Path,
) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 2.9), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    fps = float(scores.fps)
    curve = on_every_frame(scores, scores.values[:, 0])
    axes.plot(np.arange(len(curve)) / fps, curve, color=_SCORE, lw=1.0, label="score")
    _bands(axes, truth, fps)
    _spots(axes, spotter, described, scores, curve)
    axes.set_xlim(0, len(curve) / fps)
    axes.set_xlabel("time (s)")
    axes.set_ylabel("score")
    axes.set_title(f"{spotter.recipe.name}: synthetic demo clip", loc="left", fontsize=10)
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), fontsize=8, ncols=7, frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110, format="png")


def _bands(axes: Any, truth: list[Expression], fps: float) -> None:
    told = set[str]()
    for event in truth:
        label = None if event.kind in told else f"known {event.kind}"
        told.add(event.kind)
        axes.axvspan(
            event.onset / fps, (event.offset + 1) / fps, color=_COLOURS[event.kind],
            alpha=0.3, lw=0, label=label,
        )  # fmt: skip


def _spots(
    axes: Any,
    spotter: Spotter,
    described: DescribedVideo,
    scores: FrameSeries,
    curve: NDArray[np.float32],
) -> None:
    """Threshold and spots, where the recipe or what was learned tells the threshold."""
    config, learned = spotter.recipe.decode, spotter.weights.get("threshold")
    if config.threshold == "learned" and learned is None:
        return
    number = None if learned is None else float(learned)
    limit = config.threshold_for(scores, number, described.found)
    axes.axhline(limit, color=_SPOT, ls="--", lw=0.9, label="threshold")
    spots = decode(scores, config, number, described.found)
    if spots:
        at = [e.apex for e in spots if e.apex is not None]
        axes.plot([a / float(scores.fps) for a in at], curve[at], "v", color=_SPOT, label="spot")


if __name__ == "__main__":
    main()
