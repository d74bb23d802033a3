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
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from mespot.errors import UnreadableInput, UsageError
from mespot.exports.csv import write_events, write_recordings
from mespot.files import sha256, write_text
from mespot.recipe import to_dict
from mespot.spotter import Spotter, Spotting
from mespot.types import Expression, Recording

FORMAT = 1


def item_names(paths: Sequence[str | Path], taken: Mapping[str, str] | None = None) -> list[str]:
    """A name for every input: its stem; where stems clash, the parent folder's name in front.

    ``taken`` (name -> resolved path) are names that earlier runs gave away: an input keeps its own.
    """
    used = dict(taken or {})
    owner = {path: name for name, path in used.items()}
    resolved = [Path(p).resolve() for p in paths]
    stems = [p.name if p.is_dir() else p.stem for p in resolved]
    names = []
    for path, stem in zip(resolved, stems):
        name = owner.get(str(path))
        if name is None:
            plain = stem or "root"
            clashes = stems.count(stem) > 1 or plain in used
            name = base = f"{path.parent.name}_{plain}" if clashes else plain
            number = 2
            while name in used:
                name, number = f"{base}_{number}", number + 1
        used[name] = str(path)
        names.append(name)
    return names


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

    def resume(self, overwrite: bool = False) -> None:
        """Take over the finished items of an earlier run with the same recipe and weights.

        Raises UsageError where the folder holds results of others, unless they may be overwritten.
        """
        path = self.folder / "run.json"
        if not path.is_file():
            return
        try:
            stored = json.loads(path.read_text("utf-8"))
            same = stored["format"] == FORMAT and stored["key"] == self.key
            if same:
                self.items = dict(stored["items"])
        except (ValueError, KeyError, TypeError) as error:
            raise UnreadableInput(
                f"{path}: damaged ({error}); delete it or choose another folder with -o"
            ) from error
        if not same and not overwrite:
            raise UsageError(
                f"{self.folder}: holds results of another recipe, other weights or another version "
                "of mespot; choose another folder with -o, or --overwrite them"
            )

    @property
    def taken(self) -> dict[str, str]:
        """Names of the items and the resolved paths of their inputs."""
        return {name: item["path"] for name, item in self.items.items()}

    def finished(self, name: str, digest: str, how: dict[str, Any]) -> bool:
        """Whether this video is done in the same way (``how``), with all its files still there."""
        item = self.items.get(name)
        return (
            item is not None
            and item["input_sha256"] == digest
            and item["how"] == how
            and all((self.folder / f"{name}.{end}").is_file() for end in ("scores.csv", "png"))
        )

    def add(
        self,
        name: str,
        digest: str,
        spotting: Spotting,
        how: dict[str, Any],
        truth: list[Expression] | None = None,
    ) -> None:
        """Write one video's files, then the batch's files with it in.

        ``how`` are the choices of the run beside recipe and weights: ``faces`` (whether pictures
        may show them), ``fps`` and ``force``. ``truth`` is drawn into the picture where known.
        """
        # Loading the plotting library takes longer than spotting some seconds of video.
        from mespot.picture import draw

        write_text(self.folder / f"{name}.scores.csv", scores_csv(spotting))
        draw(spotting, self.folder / f"{name}.png", faces=how["faces"], truth=truth)
        self.items[name] = {
            "path": str(Path(spotting.path).resolve()),
            "input_sha256": digest,
            "how": how,
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

    def drop(self, name: str) -> None:
        """Forget an item whose video has changed and can no longer be spotted."""
        if self.items.pop(name, None) is not None:
            self._write_batch()

    def _write_batch(self) -> None:
        recordings, events, times = [], {}, {}
        for name, item in self.items.items():
            recordings.append(
                Recording(
                    name, "", Fraction(item["fps_exact"]), item["frames"], source=item["path"]
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
