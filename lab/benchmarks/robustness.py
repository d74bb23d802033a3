"""What a spotter loses when one thing gets harder: size of movements, frame rate, compression,
head motion, blinks. Synthetic recordings, everything else as it is at standard.

    python lab/benchmarks/robustness.py [--out bench-out] [--portraits DIR] [--quick]
    python lab/benchmarks/robustness.py --page        # the figures of --out into docs/robustness.md

Each point of a curve is judged on the same faces with the same seeds, so that the same movements
happen at about the same times. With several portraits the faces are cut into groups, and each group
is judged by a small spotter that learned, by the default recipe, from the other groups' recordings
alone; the packaged spotter is shown beside it. It has seen these faces if they are those that it
was learned on. With too few portraits (those that are installed with other libraries) it is the
packaged spotter alone. Finished recordings are kept in OUT/robustness-work: run again to go on
after a stop.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import beside_core  # noqa: F401 - the next imports need it
import page
from _common import write
from points import HELD, PACKAGED, plot, row_of

from mespot.cache import key_of
from mespot.code_hash import code_hash
from mespot.datasets.folder import Folder
from mespot.decoding import decode
from mespot.errors import MespotError
from mespot.files import write_text
from mespot.metrics import Rule, count
from mespot.protocol import Sample, learn
from mespot.recipe import Recipe, load_recipe
from mespot.rows import collect, sample_of
from mespot.runner import run_tasks
from mespot.spotter import Spotter, load_spotter
from mespot.synthetic import (
    STANDARD,
    DatasetRequest,
    Portrait,
    ScriptConfig,
    load_portraits,
    render_recording,
    write_dataset,
)
from mespot.synthetic.write import portraits_sha256
from mespot.types import Recording

ROOT = Path(__file__).resolve().parents[2]
FACES, PAGE = ROOT.parent / "shared" / "faces", ROOT / "docs" / "robustness.md"
# More micro-expressions than life has, so that short recordings hold enough of them.
BASE = replace(STANDARD, micro_per_minute=18.0)
FPS = 30
_SEED, _TRAINING_SEED = 4100, 4200
_CODE = ("mespot.rows", "mespot.synthetic.write", "mespot.decoding", "mespot.scorers.lstm",
         "mespot.descriptors.region_flow", "mespot.align.aligner")  # fmt: skip


@dataclass(frozen=True)
class Curve:
    """One nuisance: its name, its axis, its values, and what a value changes."""

    name: str
    axis: str
    values: tuple[float, ...]
    changed: Callable[[float], ScriptConfig]


CURVES = (
    Curve("amplitude", "size of movements, crop pixels", (0.5, 0.8, 1.2, 2.0, 3.0),
          lambda v: replace(BASE, micro_px=(v, v))),
    Curve("fps", "frames per second", (15, 25, 30, 60, 100, 200), lambda v: BASE),
    Curve("compression", "H.264 constant rate factor", (18, 25, 32, 38, 44),
          lambda v: replace(BASE, crf=(int(v), int(v)))),
    Curve("head", "level of head motion (1: standard)", (0.0, 1.0, 2.0, 3.0),
          lambda v: replace(BASE, head=v)),
    Curve("blinks", "blinks per minute", (0.0, 8.0, 16.0, 32.0),
          lambda v: replace(BASE, blink_per_minute=v)),
)  # fmt: skip


@dataclass(frozen=True)
class Size:
    """How much is rendered: to judge by, recordings of a point; to learn from, of each face."""

    recordings: int = 10
    seconds: float = 9.0
    train_each: int = 2
    train_seconds: float = 20.0
    groups: int = 2


@dataclass(frozen=True)
class Setting:
    """What every worker needs: faces, size, where files are kept, a spotter per group of faces."""

    portraits: list[Portrait]
    size: Size
    work: Path
    spotters: tuple[Spotter, ...] = ()

    @property
    def n_recordings(self) -> int:
        return self.size.recordings


@dataclass(frozen=True)
class Task:
    """One recording of one point."""

    config: ScriptConfig
    fps: int
    number: int


# Learning.


def learned(setting: Setting, workers: int) -> tuple[Spotter, ...]:
    """A spotter per group of faces that learned from all other groups; none for too few faces."""
    groups = setting.size.groups
    if len(setting.portraits) < 2 * groups:
        return ()
    folders = list(run_tasks(_render_group, setting, range(groups), workers))
    recipe = load_recipe("default").override(["scorer.networks=1"])
    samples = []
    for group, folder in enumerate(folders):
        listed = [replace(r, id=f"{group}/{r.id}") for r in Folder().load(folder)]
        found, problems = collect(recipe, listed, workers, None, setting.work / "rows")
        print(f"group {group}: {len(found)} recordings to learn from", *problems, flush=True)
        samples.append(found)
    others = [
        [s for other, found in enumerate(samples) if other != group for s in found]
        for group in range(groups)
    ]
    return tuple(run_tasks(_learn, recipe, others, workers))


def _render_group(setting: Setting, group: int) -> Path:
    faces = setting.portraits[group :: setting.size.groups]
    size, folder = setting.size, setting.work / f"training-{group}"
    plan = DatasetRequest(size.train_each * len(faces), size.train_seconds, Fraction(FPS),
                _TRAINING_SEED + group, BASE)  # fmt: skip
    write_dataset(faces, folder, plan)
    return folder


def _learn(recipe: Recipe, samples: list[Sample]) -> Spotter:
    return Spotter(recipe, learn(recipe, samples).weights)


# Judging.


def _judge(setting: Setting, task: Task) -> dict[str, Any]:
    """Counts of one recording by the spotter that never saw its face, and by the packaged one."""
    number = task.number % len(setting.portraits)
    portrait = setting.portraits[number]
    spotters = {PACKAGED: load_spotter()}
    if setting.spotters:
        spotters[HELD] = setting.spotters[number % setting.size.groups]
    hashes = {name: spotter.weights_hash for name, spotter in spotters.items()}
    key = key_of(asdict(task.config), task.fps, task.number, setting.size.seconds, hashes,
                 portraits_sha256([portrait]), code_hash(_CODE))  # fmt: skip
    path = setting.work / "judged" / f"{key}.json"
    if path.is_file():
        return dict(json.loads(path.read_text("utf-8")))
    recording = render_recording(portrait, setting.work, key, task.config, _SEED + task.number,
                                 setting.size.seconds, task.fps)  # fmt: skip
    try:
        found = _counts(recording, spotters)
    finally:
        Path(str(recording.source)).unlink(missing_ok=True)
    write_text(path, json.dumps(found) + "\n")
    return found


def _counts(recording: Recording, spotters: dict[str, Spotter]) -> dict[str, Any]:
    """Apex rule; a recording without a usable face is one in which all is missed."""
    found: dict[str, Any] = {"subject": recording.subject, "minutes": recording.minutes}
    micro = [e for e in recording.expressions if e.kind == "micro"]
    try:
        sample = sample_of(spotters[PACKAGED].recipe, recording)
    except MespotError:
        return found | {name: [0, 0, len(micro)] for name in spotters}
    for name, spotter in spotters.items():
        scores = spotter.recipe.scorer.score(sample.series, spotter.weights)
        threshold = float(spotter.weights["threshold"])
        spots = decode(scores, spotter.recipe.decode, threshold, sample.found)
        counts = count(sample.micro, spots, Rule("apex"))
        found[name] = [counts.tp, counts.fp, counts.fn]
    return found


def run(setting: Setting, curves: Sequence[Curve], out: Path, workers: int) -> None:
    """Judge all points and write tables and figures; points at standard are judged once."""
    begin = time.perf_counter()
    setting = replace(setting, spotters=learned(setting, workers))
    points = [(BASE, FPS)]
    for curve in curves:
        points += [_point(curve, value) for value in curve.values]
    distinct = list(dict.fromkeys(points))
    tasks = [Task(*point, number) for point in distinct for number in range(setting.n_recordings)]
    frames = sum(round(task.fps * setting.size.seconds) for task in tasks)
    print(f"{len(distinct)} points, {len(tasks)} recordings, {frames:,} frames", flush=True)
    judged: dict[tuple[ScriptConfig, int], list[dict[str, Any]]] = {}
    for number, (task, found) in enumerate(zip(tasks, run_tasks(_judge, setting, tasks, workers))):
        judged.setdefault((task.config, task.fps), []).append(found)
        if number % setting.n_recordings == 0:
            print(f"[{number}/{len(tasks)}] {time.perf_counter() - begin:.0f} s", flush=True)
    json_path = out / "robustness.json"
    standard = row_of(0, judged[BASE, FPS])
    write([_about(setting, time.perf_counter() - begin)], "Robustness: how", json_path)
    write([{k: v for k, v in standard.items() if k != "value"}], "Robustness: standard", json_path)
    for curve in curves:
        rows = [row_of(value, judged[_point(curve, value)]) for value in curve.values]
        shown = [{curve.name: row["value"], **row} for row in rows]
        shown = [{k: v for k, v in row.items() if k != "value"} for row in shown]
        write(shown, f"Robustness: {curve.name}", json_path)
        plot(curve.axis, rows, standard, out / "robustness" / f"{curve.name}.png")


def _point(curve: Curve, value: float) -> tuple[ScriptConfig, int]:
    return curve.changed(value), int(value) if curve.name == "fps" else FPS


def _about(setting: Setting, seconds: float) -> dict[str, Any]:
    size, faces = setting.size, len(setting.portraits)
    return {
        "faces": faces, "groups": size.groups if setting.spotters else "none",
        "recordings a point": size.recordings, "s each": size.seconds,
        "learned from, recordings a face": size.train_each if setting.spotters else 0,
        "s each ": size.train_seconds, "minutes of the last run": seconds / 60,
    }  # fmt: skip


def fill_page(out: Path) -> None:
    """Tables and figures of a run into the page."""
    tables = json.loads((out / "robustness.json").read_text("utf-8"))["tables"]
    write_text(PAGE, page.fill(PAGE.read_text("utf-8"), tables, out))
    for curve in CURVES:
        target = PAGE.parent / "robustness" / f"{curve.name}.png"
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(out / "robustness" / target.name, target)
    print(f"tables are in {PAGE}, figures beside it")


def main(arguments: Iterable[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--out", type=Path, default=Path("bench-out"))
    parser.add_argument(
        "--portraits", type=Path, help="one face per image; default: ../shared/faces"
    )
    parser.add_argument("--recordings", type=int, default=Size.recordings, help="of each point")
    parser.add_argument("--seconds", type=float, default=Size.seconds, help="of a recording")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="see whether it works, nothing else")
    parser.add_argument("--page", action="store_true", help="fill docs/robustness.md from --out")
    args = parser.parse_args(arguments if arguments is None else list(arguments))
    if args.page:
        return fill_page(args.out)
    folder = args.portraits or (FACES if FACES.is_dir() else None)
    size, curves, portraits = Size(args.recordings, args.seconds), CURVES, load_portraits(folder)
    if args.quick:
        size, portraits = Size(2, 6.0, 2, 12.0), portraits[:4]
        curves = tuple(replace(c, values=(c.values[0], c.values[-2])) for c in CURVES)
    work = args.out / ("robustness-work-quick" if args.quick else "robustness-work")
    work.mkdir(parents=True, exist_ok=True)
    run(Setting(portraits, size, work), curves, args.out, args.workers)


if __name__ == "__main__":
    main()
