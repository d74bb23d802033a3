"""Single frames of a video file by their timestamps, without decoding all that comes before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from mespot.video.packets import Count, decoded_frames, opened
from mespot.video.pixels import bgr, grey, turn_of

# A frame no further ahead than this is decoded up to, not sought.
_NEAR_S = 1
# How far before a frame it is sought: some containers land behind the place they were asked for.
_BEFORE_S = (0, 4, 20)


def frames_at(
    path: Path, stamps: Mapping[int, int], colour: bool
) -> dict[int, NDArray[np.uint8]] | None:
    """Upright frames by place, grey or BGR; ``stamps`` gives each one's presentation timestamp.

    None unless every frame comes with just its timestamp, undamaged, and of the first one's size.
    """
    images: dict[int, NDArray[np.uint8]] = {}
    with opened(path, threads=1) as (container, stream):
        reader = _Reader(container, stream)
        first = reader.following()
        if first is None:
            return None
        turn, size = turn_of(first), (first.width, first.height)
        for place in sorted(stamps):
            frame = reader.at(stamps[place])
            if frame is None or (frame.width, frame.height) != size:
                return None
            image = turn(bgr(frame) if colour else grey(frame).whole)
            images[place] = np.ascontiguousarray(image)
    return images


class _Reader:
    """Decodes on from where it is, or from a place that it sought."""

    def __init__(self, container: Any, stream: Any) -> None:
        self._container, self._stream = container, stream
        self._frames: Iterator[av.VideoFrame] = decoded_frames(container, stream, Count())
        self._now: Any = None

    def following(self) -> av.VideoFrame | None:
        """The next frame; None at the end, or where one is damaged or has no timestamp."""
        frame = next(self._frames, None)
        if frame is None or frame.is_corrupt or frame.pts is None:
            self._now = None
        else:
            self._now = frame
        return self._now

    def at(self, stamp: int) -> av.VideoFrame | None:
        """The frame with this timestamp, or None."""
        second = round(1 / self._stream.time_base)
        if self._now is not None and 0 <= stamp - self._now.pts <= _NEAR_S * second:
            return self._up_to(stamp)
        for before in _BEFORE_S:
            try:
                self._container.seek(stamp - before * second, stream=self._stream)
            except FFmpegError:
                continue
            self._frames = decoded_frames(self._container, self._stream, Count())
            self.following()
            if self._now is not None and self._now.pts <= stamp:
                return self._up_to(stamp)
        return None

    def _up_to(self, stamp: int) -> av.VideoFrame | None:
        while self._now is not None and self._now.pts < stamp:
            self.following()
        return self._now if self._now is not None and self._now.pts == stamp else None
