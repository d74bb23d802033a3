"""Frames in, clips of crops out, with notes on what happened."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mespot.align.config import AlignConfig
from mespot.align.follow import Follower
from mespot.align.register import resample, view_for_crop
from mespot.align.smooth import Smoother
from mespot.align.view import View
from mespot.types import FaceClip

if TYPE_CHECKING:
    from mespot.video import Frame


@dataclass(frozen=True)
class AlignNotes:
    """What alignment met.

    ``faces`` is the largest number of faces in one searched frame; ``keyframes`` how often the
    tracks started afresh; ``spans`` the (first, last) frames of every uninterrupted hold.
    """

    n_frames: int
    n_found: int
    faces: int
    keyframes: int
    spans: tuple[tuple[int, int], ...]


@dataclass
class _Rows:
    """The rows of the clip that is being filled."""

    frames: list[NDArray[np.uint8]] = field(default_factory=list)
    found: list[bool] = field(default_factory=list)
    landmarks: list[NDArray] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)

    def clip(self, fps: Fraction) -> FaceClip:
        return FaceClip(
            np.array(self.frames, np.uint8), np.array(self.found, np.bool_),
            np.array(self.landmarks, np.float32), np.array(self.times_s, np.float64), fps,
        )  # fmt: skip


class Aligner:
    """Aligns one video; ``notes`` tells, once the clips are through, what happened."""

    def __init__(self, config: AlignConfig, fps: Fraction) -> None:
        self.config = config
        self.fps = Fraction(fps)
        self._follower = Follower(config, self.fps)
        self._smoother = Smoother(config.smoothing)
        self._spans: dict[int, list[int]] = {}
        self._n = 0
        self._last = np.zeros((config.size, config.size), np.uint8)

    @property
    def notes(self) -> AlignNotes:
        """What happened so far."""
        spans = tuple((first, last) for first, last in self._spans.values())
        found = sum(last - first + 1 for first, last in spans)
        return AlignNotes(self._n, found, self._follower.faces, self._follower.keyframes, spans)

    def clips(self, frames: Iterable[Frame], chunk: int = 256) -> Iterator[FaceClip]:
        """Clips of ``chunk`` crops (the last may be shorter), see ``mespot.align.align``."""
        if chunk < 1:
            raise ValueError(f"chunk {chunk}: must be at least 1")
        rows = _Rows()
        for landmarks, segment, (view, time_s) in self._tracked(frames):
            self._add(rows, landmarks, segment, view, time_s)
            if len(rows.frames) == chunk:
                yield rows.clip(self.fps)
                rows = _Rows()
        if rows.frames:
            yield rows.clip(self.fps)

    def _tracked(
        self, frames: Iterable[Frame]
    ) -> Iterator[tuple[NDArray, int | None, tuple[View | None, float]]]:
        """Smoothed landmarks of every frame, with its segment, what to crop from, and its time."""
        nowhere = np.full((self.config.points, 2), np.nan)
        for frame in frames:
            if frame.image.ndim != 2 or frame.image.dtype != np.uint8:
                raise ValueError(
                    f"frames must be (H, W) uint8, not {frame.image.shape} {frame.image.dtype}"
                )
            landmarks = self._follower.step(frame.image)
            if landmarks is None:
                ready = self._smoother.push(nowhere, None, (None, frame.time_s))
            else:
                view = view_for_crop(frame.image, landmarks, self.config.size)
                ready = self._smoother.push(landmarks, self._follower.segment, (view, frame.time_s))
            yield from ready
        yield from self._smoother.flush()

    def _add(
        self, rows: _Rows, landmarks: NDArray, segment: int | None, view: View | None, time_s: float
    ) -> None:
        if segment is not None and view is not None:
            self._last = resample(view, landmarks, self.config.size)
            self._spans.setdefault(segment, [self._n, self._n])[1] = self._n
        rows.frames.append(self._last)
        rows.found.append(segment is not None)
        rows.landmarks.append(landmarks)
        rows.times_s.append(time_s)
        self._n += 1
