"""Plug-ins of a stranger: one of each family, and one that keeps no contract."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from mespot.contracts import BaseDataset, BaseDescriptor, BaseExporter, BaseScorer
from mespot.errors import UnreadableInput
from mespot.files import write_text
from mespot.sheet import RecordingRow, Sheet
from mespot.types import Expression, FaceClip, FrameSeries, Recording


@dataclass(frozen=True)
class BlockMotion(BaseDescriptor):
    """Mean absolute difference of two frames in every block of the crop."""

    blocks: int = 6

    def span_at(self, fps: Fraction) -> int:
        return 2

    def column_names(self, fps: Fraction) -> tuple[str, ...]:
        return tuple(f"y{y}.x{x}" for y in range(self.blocks) for x in range(self.blocks))

    def describe(self, clip: FaceClip) -> FrameSeries:
        n = max(0, len(clip) - 1)
        rows = np.zeros((n, self.blocks**2), np.float32)
        for i in range(n):
            change = np.abs(clip.frames[i + 1].astype(np.float32) - clip.frames[i])
            rows[i] = [
                part.mean()
                for band in np.array_split(change, self.blocks, axis=0)
                for part in np.array_split(band, self.blocks, axis=1)
            ]
        return FrameSeries(rows, 0, 1, 2, len(clip), clip.fps, self.column_names(clip.fps))


@dataclass(frozen=True)
class MovingZ(BaseScorer):
    """How far the mean of a row lies above the rows of the last seconds, in deviations."""

    memory_s: float = 2.0

    def score(self, series: FrameSeries, weights: Mapping[str, NDArray[Any]]) -> FrameSeries:
        rows = np.nan_to_num(np.asarray(series.values, np.float64), posinf=0.0, neginf=0.0)
        level = rows.mean(axis=1) if len(series) else np.zeros(0)
        memory = max(2, round(self.memory_s * float(series.fps) / series.step))
        scores = np.zeros((len(series), 1), np.float32)
        for i in range(2, len(series)):
            past = level[max(0, i - memory) : i]
            scores[i] = (level[i] - past.mean()) / (past.std() + 1e-6)
        return series.with_values(scores, ("score",))


NUMBER = 3
"""No class and no verb, though entry points name it."""


@dataclass(frozen=True)
class Broken:
    """A scorer without a method."""

    size: int = 1


@dataclass(frozen=True)
class MyJson(BaseDataset):
    """Videos and their expressions in one JSON file."""

    citation: ClassVar[str] = "None: my own recordings."
    licence: ClassVar[str] = "That of my recordings."
    how_to_get: ClassVar[str] = "Put recordings.json beside the videos."

    file: str = "recordings.json"

    def load(self, root: str | Path) -> list[Recording]:
        path = Path(root) / self.file
        try:
            entries = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise UnreadableInput(f"{path}: cannot be read ({error})") from error
        return [
            Recording(
                e["id"], e["subject"], Fraction(e["fps"]), e.get("n_frames"), "my-json",
                str(Path(root) / e["video"]),
                tuple(Expression(m["onset"], m.get("apex"), m["offset"]) for m in e["expressions"]),
            )
            for e in entries
        ]  # fmt: skip


@dataclass(frozen=True)
class Lines(BaseExporter):
    """One line of numbers per event."""

    suffix: ClassVar[str] = ".lines"

    def write(self, path: str | Path, sheet: Sheet) -> None:
        lines = [
            json.dumps([name, e.onset, e.apex, e.offset, e.kind])
            for name, events in sheet.events.items()
            for e in events
        ]
        write_text(path, "\n".join(lines) + "\n")

    def read(
        self, path: str | Path, recordings: Iterable[Recording | RecordingRow] | None = None
    ) -> Sheet:
        events: dict[str, list[Expression]] = {}
        try:
            for line in Path(path).read_text("utf-8").split("\n"):
                if line:
                    name, onset, apex, offset, kind = json.loads(line)
                    events.setdefault(name, []).append(Expression(onset, apex, offset, kind))
        except (OSError, ValueError) as error:
            raise UnreadableInput(f"{path}: cannot be read ({error})") from error
        return Sheet(events)
