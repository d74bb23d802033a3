"""Frames in, clips of crops out, with notes on what happened."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
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
        rows = _Rows(chunk, self.config.size)
        for landmarks, segment, (view, time_s) in self._tracked(frames):
            crop = rows.add(landmarks, segment is not None, time_s)
            if segment is not None and view is not None:
                resample(view, landmarks, crop)
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

    def _tracked(
        self, frames: Iterable[Frame]
    ) -> Iterator[tuple[NDArray, int | None, tuple[View | None, float]]]:
        """Smoothed landmarks of every frame, with its segment, what to crop from, and its time."""
        nowhere = np.full((self.config.points, 2), np.nan)
        for frame in frames:
            picture = frame.luma
            raw = picture.raw
            if raw.ndim != 2 or raw.dtype != np.uint8:
                raise ValueError(f"frames must be (H, W) uint8, not {raw.shape} {raw.dtype}")
            landmarks = self._follower.step(picture)
            if landmarks is None:
                ready = self._smoother.push(nowhere, None, (None, frame.time_s))
            else:
                view = view_for_crop(picture, landmarks, self.config.size)
                ready = self._smoother.push(landmarks, self._follower.segment, (view, frame.time_s))
            yield from ready
        yield from self._smoother.flush()
