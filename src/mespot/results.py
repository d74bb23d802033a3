"""The folder that `mespot spot` writes: files per video, and files for the whole batch.

    events.csv            all spots of all videos
    recordings.csv        all videos that were read, with length and rate
    <stem>.scores.csv     frame,time_s,score,found for every decoded frame
    <stem>.png            score curve, threshold, spots, lost face, onset and apex frames
    run.json              what made them: versions, recipe, weights, inputs

A video counts as finished when run.json lists it with the same hashes of video, recipe and weights;
then it is skipped. All files are written atomically and run.json last, so a stop at any moment
costs no more than the video in work.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from mespot.errors import UnreadableInput
from mespot.exports.csv import write_events, write_recordings
from mespot.files import sha256, write_text
from mespot.picture import draw
from mespot.recipe import to_dict
from mespot.spotter import Spotter, Spotting
from mespot.types import Expression, Recording

FORMAT = 1


def item_names(paths: Sequence[str | Path]) -> list[str]:
    """A name for every input: its stem; where stems clash, the parent folder's name in front."""
    taken = [Path(p) for p in paths]
    names = [p.name if p.is_dir() else p.stem for p in taken]
    clashing = {n for n in names if names.count(n) > 1}
    named = [f"{p.resolve().parent.name}_{n}" if n in clashing else n for p, n in zip(taken, names)]
    seen: dict[str, int] = {}
    for i, name in enumerate(named):
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > 1:
            named[i] = f"{name}_{seen[name]}"
    return named


@dataclass
class ResultFolder:
    """The state of a result folder; ``items`` is what run.json holds of every finished video."""

    folder: Path
    spotter: Spotter
    versions: dict[str, str]
    items: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def key(self) -> dict[str, str]:
        """What, beside the video itself, decides a result."""
        return {
            "recipe_sha256_16": self.spotter.recipe.hash,
            "weights_sha256": self.spotter.weights_hash,
            "mespot": self.versions["mespot"],
        }

    def resume(self) -> None:
        """Take over the finished items of an earlier run with the same recipe and weights."""
        path = self.folder / "run.json"
        if not path.is_file():
            return
        try:
            stored = json.loads(path.read_text("utf-8"))
            if stored["format"] == FORMAT and stored["key"] == self.key:
                self.items = dict(stored["items"])
        except (ValueError, KeyError, TypeError) as error:
            raise UnreadableInput(
                f"{path}: damaged ({error}); delete it or choose another folder with -o"
            ) from error

    def finished(self, name: str, digest: str) -> bool:
        """Whether this video is done, with all its files still there."""
        item = self.items.get(name)
        return (
            item is not None
            and item["input_sha256"] == digest
            and (self.folder / f"{name}.scores.csv").is_file()
        )

    def add(self, name: str, digest: str, spotting: Spotting, *, faces: bool) -> None:
        """Write one video's files, then the batch's files with it in."""
        write_text(self.folder / f"{name}.scores.csv", scores_csv(spotting))
        draw(spotting, self.folder / f"{name}.png", faces=faces)
        self.items[name] = {
            "input": Path(spotting.path).name,
            "input_sha256": digest,
            **spotting.facts,
            "fps_exact": str(spotting.fps),
            "threshold": spotting.threshold,
            "notes": spotting.notes,
            "spots": [
                {
                    **{k: v for k, v in asdict(e).items() if k != "attributes"},
                    "onset_s": float(spotting.times_s[e.onset]),
                    "apex_s": None if e.apex is None else float(spotting.times_s[e.apex]),
                    "offset_s": float(spotting.times_s[e.offset]),
                }
                for e in spotting.expressions
            ],
        }
        self._write_batch()

    def _write_batch(self) -> None:
        recordings, events, times = [], {}, {}
        for name, item in self.items.items():
            recordings.append(
                Recording(
                    name, name, Fraction(item["fps_exact"]), item["frames"], source=item["input"]
                )
            )
            events[name] = [_expression(spot) for spot in item["spots"]]
            times[name] = {
                spot[part]: spot[f"{part}_s"]
                for spot in item["spots"]
                for part in ("onset", "apex", "offset")
            }
        write_events(self.folder / "events.csv", events, recordings, times)
        write_recordings(self.folder / "recordings.csv", recordings)
        recipe = self.spotter.recipe
        run = {
            "format": FORMAT,
            "key": self.key,
            "versions": self.versions,
            "recipe": to_dict(recipe),
            "seed": recipe.seed,
            "items": self.items,
        }
        write_text(self.folder / "run.json", json.dumps(run, indent=1) + "\n")


def _expression(spot: dict[str, Any]) -> Expression:
    return Expression(
        spot["onset"], spot["apex"], spot["offset"], spot["kind"], spot["score"],
        {"status": "unseen"},
    )  # fmt: skip


def scores_csv(spotting: Spotting) -> str:
    """``frame,time_s,score,found`` for every decoded frame; an empty score is unknown."""
    text = io.StringIO()
    text.write("frame,time_s,score,found\n")
    rows = zip(spotting.times_s.tolist(), spotting.scores.tolist(), spotting.found.tolist())
    for frame, (time_s, score, found) in enumerate(rows):
        shown = "" if np.isnan(score) else f"{score:.6f}"
        text.write(f"{frame},{time_s:.6f},{shown},{int(found)}\n")
    return text.getvalue()


def digest_of(path: str | Path) -> str:
    """SHA-256 of the input; UnreadableInput where it cannot be read."""
    if not Path(path).exists():
        raise UnreadableInput(f"{path}: no such file or folder")
    try:
        return sha256(path)
    except OSError as error:
        raise UnreadableInput(f"{path}: cannot be read ({error.strerror})") from error
