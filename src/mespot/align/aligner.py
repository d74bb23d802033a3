"""Frames in, clips of crops out, with notes on what happened."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mespot.align.config import Align
from mespot.align.face_tracker import FaceTracker
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

    faces: int
    keyframes: int
    spans: tuple[tuple[int, int], ...]


# Heads do not move so fast that they would have to be looked at more often: at 200 frames/s every
# second frame is tracked, and the landmarks of the others lie half-way.
TRACKED_FPS = 100
# What to crop from, and the time, of a frame whose landmarks are still to be smoothed.
_Waiting = tuple[View | None, float]
# Landmarks, segment, and what waits: the frame itself and those up to the next tracked one.
_Tracked = tuple[NDArray, int | None, list[_Waiting]]
# So many bytes of crops are reserved at once.
_RESERVE = 1 << 25


class _Rows:
    """The rows of the clip that is being filled; crops are written where they stay."""

    def __init__(self, chunk: int, size: int) -> None:
        reserved = min(chunk, 1 + _RESERVE // size**2)
        self._frames = np.empty((reserved, size, size), np.uint8)
        self._found: list[bool] = []
        self._landmarks: list[NDArray] = []
        self._times_s: list[float] = []

    def __len__(self) -> int:
        return len(self._found)

    def add(self, landmarks: NDArray, found: bool, time_s: float) -> NDArray[np.uint8]:
        """Take in a frame; its crop (size, size) is to be written into what is returned."""
        n = len(self)
        if n == len(self._frames):
            self._frames = np.concatenate([self._frames, np.empty_like(self._frames)])
        self._found.append(found)
        self._landmarks.append(landmarks)
        self._times_s.append(time_s)
        return self._frames[n]

    def clip(self, fps: Fraction) -> FaceClip:
        n = len(self)
        frames = self._frames if n == len(self._frames) else self._frames[:n].copy()
        return FaceClip(
            frames, np.array(self._found, np.bool_), np.array(self._landmarks, np.float32),
            np.array(self._times_s, np.float64), fps,
        )  # fmt: skip


class Aligner:
    """Aligns one video. ``notes`` reports what happened, once the clips are through."""

    def __init__(self, config: Align, fps: Fraction) -> None:
        self.config = config
        self.fps = Fraction(fps)
        self._stride = max(1, int(self.fps / TRACKED_FPS))
        self._nowhere = np.full((config.points, 2), np.nan)
        self._follower = FaceTracker(config, self.fps / self._stride)
        self._smoother = Smoother(config.smoothing)
        self._spans: dict[int, list[int]] = {}
        self._n = 0
        self._last = np.zeros((config.size, config.size), np.uint8)
        self._first: NDArray | None = None

    @property
    def notes(self) -> AlignNotes:
        """What happened so far."""
        spans = tuple((first, last) for first, last in self._spans.values())
        return AlignNotes(self._follower.faces, self._follower.keyframes, spans)

    def clips(self, frames: Iterable[Frame], chunk: int = 256) -> Iterator[FaceClip]:
        """Clips of ``chunk`` crops (the last may be shorter), see ``mespot.align.align``."""
        if chunk < 1:
            raise ValueError(f"chunk {chunk}: must be at least 1")
        rows = _Rows(chunk, self.config.size)
        for landmarks, segment, (view, time_s) in self._placed(frames):
            crop = rows.add(landmarks, segment is not None, time_s)
            if segment is not None and view is not None:
                resample(view, self._place(landmarks), crop)
                self._spans.setdefault(segment, [self._n, self._n])[1] = self._n
            else:
                crop[:] = self._last
            self._last = crop
            self._n += 1
            if len(rows) == chunk:
                # A copy, since the crop itself would keep the whole clip in memory.
                self._last = crop.copy()
                yield rows.clip(self.fps)
                rows = _Rows(chunk, self.config.size)
        if len(rows):
            yield rows.clip(self.fps)

    def _placed(self, frames: Iterable[Frame]) -> Iterator[tuple[NDArray, int | None, _Waiting]]:
        """Smoothed landmarks of every frame, with its segment, and what waits for them."""
        before: _Tracked | None = None
        for tracked in self._tracked(frames):
            if before is not None:
                yield from self._filled(before, tracked)
            before = tracked
        if before is not None:
            yield from self._filled(before, before)

    def _filled(
        self, here: _Tracked, there: _Tracked
    ) -> Iterator[tuple[NDArray, int | None, _Waiting]]:
        """A tracked frame, and those up to the next one with landmarks on the line between."""
        landmarks, segment, waiting = here
        goes_on = segment is not None and there[1] == segment
        for k, item in enumerate(waiting):
            if k == 0:
                yield landmarks, segment, item
            elif goes_on:
                share = k / self._stride
                yield (1 - share) * landmarks + share * there[0], segment, item
            else:
                yield self._nowhere, None, item

    def _tracked(self, frames: Iterable[Frame]) -> Iterator[_Tracked]:
        """Smoothed landmarks of every tracked frame."""
        landmarks: NDArray | None = None
        segment: int | None = None
        waiting: list[_Waiting] = []
        for number, frame in enumerate(frames):
            picture = frame.luma
            raw = picture.raw
            if raw.ndim != 2 or raw.dtype != np.uint8:
                raise ValueError(f"frames must be (H, W) uint8, not {raw.shape} {raw.dtype}")
            if number % self._stride == 0:
                if waiting:
                    yield from self._smoothed(landmarks, segment, waiting)
                landmarks, waiting = self._follower.step(picture), []
                segment = None if landmarks is None else self._follower.segment
            view = None
            if landmarks is not None:
                view = view_for_crop(picture, self._place(landmarks), self.config.size)
            waiting.append((view, frame.time_s))
        if waiting:
            yield from self._smoothed(landmarks, segment, waiting)
        yield from self._smoother.flush()

    def _place(self, landmarks: NDArray) -> NDArray:
        """The landmarks that a frame's crop is cut by: its own, or the first ones of all."""
        if self.config.register == "face":
            return landmarks
        if self._first is None:
            self._first = landmarks
        return self._first

    def _smoothed(
        self, landmarks: NDArray | None, segment: int | None, waiting: list[_Waiting]
    ) -> list[_Tracked]:
        return self._smoother.push(
            self._nowhere if landmarks is None else landmarks, segment, waiting
        )
