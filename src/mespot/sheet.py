"""What every format writes and reads: expressions, their recordings, and frame times."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from pathlib import Path

from numpy.typing import NDArray

from mespot.errors import UnreadableInput
from mespot.types import Expression, Recording

POINT = "point_event"
"""Attribute, with the value ``yes``, of an event that a file gives by its apex alone."""

UNKNOWN_KIND = "kind"
"""Attribute, with an empty value, of an event of kind ``other`` whose file leaves the kind open."""


@dataclass(frozen=True)
class RecordingRow:
    """What a file says about a recording: everything but its id may be unknown.

    ``path`` is as written in the file; ``extra`` holds the columns that mespot does not know.
    """

    id: str
    subject: str = ""
    path: str = ""
    fps: Fraction | None = None
    n_frames: int | None = None
    dataset: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)

    @property
    def minutes(self) -> float:
        """Length in minutes; NaN where the rate or the number of frames is unknown."""
        if self.fps is None or self.n_frames is None:
            return math.nan
        return float(self.n_frames / self.fps) / 60.0

    @classmethod
    def of(cls, recording: Recording | RecordingRow) -> RecordingRow:
        """The row of a recording; a row is returned as it is."""
        if isinstance(recording, RecordingRow):
            return recording
        r = recording
        return cls(r.id, r.subject, r.source or "", r.fps, r.n_frames, r.dataset)

    def recording(self, folder: Path, expressions: Iterable[Expression] = ()) -> Recording:
        """The recording; a relative ``path`` is taken from ``folder``.

        Raises UnreadableInput if the frame rate is unknown.
        """
        if self.fps is None:
            raise UnreadableInput(
                f"recording {self.id!r} has no fps; write its frame rate, such as 25 or 30000/1001"
            )
        source = str(folder / self.path) if self.path else None
        return Recording(
            self.id, self.subject, self.fps, self.n_frames, self.dataset, source, tuple(expressions)
        )


FrameTimes = Mapping[int, float] | Sequence[float] | NDArray


@dataclass(frozen=True)
class Sheet:
    """The contents of an annotation file.

    Attributes
    ----------
    events : mapping of recording id to its expressions
        In file order. Frames are 0-based; onset and offset are inclusive.
    recordings : sequence of Recording or RecordingRow
        What is known of the recordings; those without events stand here alone.
    times_s : mapping of recording id to frame times
        Seconds from the first frame: an array over all frames (variable rate), or a mapping that
        knows some of them. Without an entry, a frame's time is ``frame / fps``.
    has_kinds : bool
        False where the file has no column for the kind, so every event counts as micro.
    """

    events: Mapping[str, Sequence[Expression]]
    recordings: Sequence[Recording | RecordingRow] = ()
    times_s: Mapping[str, FrameTimes] = field(default_factory=dict)
    has_kinds: bool = True

    @cached_property
    def rows(self) -> dict[str, RecordingRow]:
        """Recording id -> row; those known by their events alone have nothing but the id."""
        known = {r.id: RecordingRow.of(r) for r in self.recordings}
        return known | {name: RecordingRow(name) for name in self.events if name not in known}

    def time_s(self, recording: str, frame: int | None) -> float | None:
        """Seconds from the first frame to the start of ``frame``; None where it is not known."""
        if frame is None:
            return None
        times = self.times_s.get(recording)
        if isinstance(times, Mapping):
            if frame in times:
                return float(times[frame])
        elif times is not None:
            # Past the last measured time a varying rate cannot be continued.
            return float(times[frame]) if frame < len(times) else None
        row = self.rows.get(recording)
        return None if row is None or row.fps is None else float(frame / row.fps)
