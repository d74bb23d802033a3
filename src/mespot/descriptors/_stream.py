"""Rows of a video that comes in pieces, equal to those of the whole to the bit.

A row needs all frames of its span, so the frames that rows to come will need are carried over to
the next piece. Memory: the rows so far and one piece; and its rows, for descriptors that cannot
write where they are told.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mespot.align import concatenate
from mespot.descriptors._planes import ThreePlanes
from mespot.errors import UnreadableInput
from mespot.types import FaceClip, FrameSeries


def describe_stream(descriptor: Any, clips: Iterable[FaceClip]) -> FrameSeries:
    """Describe consecutive clips of one video as if they were one clip.

    Parameters
    ----------
    descriptor : plug-in of the family ``descriptors``
        Its rows depend on nothing but their own span's frames.
    clips : iterable of FaceClip
        In order, without overlap or gaps; any lengths, also shorter than a row's span.

    Returns
    -------
    FrameSeries
        ``n_frames`` is the number of frames of all clips; no rows if they are fewer than a span.

    Raises
    ------
    UnreadableInput
        If there are no clips.
    ValueError
        If the clips differ in frame rate or crop size.
    """
    rows = _Rows()
    kept: FaceClip | None = None
    skip = n_frames = 0
    for clip in clips:
        n_frames += len(clip)
        piece = clip if kept is None else concatenate([kept, clip])
        series = rows.describe(descriptor, _from(piece, skip))
        # Where the next row would begin; past the piece's end if the step is longer than the span.
        done = skip + len(series) * series.step
        kept, skip = _from(piece, done), max(0, done - len(piece))
    if kept is None:
        raise UnreadableInput("there are no frames to describe; does the video play elsewhere?")
    return FrameSeries(
        rows.all(), series.first, series.step, series.span, n_frames, series.fps, series.names
    )


def _from(clip: FaceClip, start: int) -> FaceClip:
    """The clip without its first frames."""
    if start == 0:
        return clip
    return FaceClip(
        clip.frames[start:].copy(),
        clip.found[start:].copy(),
        clip.landmarks[start:].copy(),
        clip.times_s[start:].copy(),
        clip.fps,
    )


class _Rows:
    """Rows that grow at their end in place, since joining pieces needs the memory twice."""

    def __init__(self) -> None:
        self._rows: NDArray[np.float32] | None = None
        self._ours = False

    def describe(self, descriptor: Any, clip: FaceClip) -> FrameSeries:
        """Add a clip's rows; they are there until the next call."""
        if not isinstance(descriptor, ThreePlanes):
            series: FrameSeries = descriptor.describe(clip)
            self._add(series.values)
            return series
        n = max(0, len(clip) - descriptor.span_at(clip.fps) + 1)
        if self._rows is None:
            self._rows, self._ours = np.empty((0, int(np.prod(descriptor.shape))), np.float32), True
        return descriptor.describe(clip, out=self._grown(n))

    def _add(self, values: NDArray[np.float32]) -> None:
        if self._rows is None or not len(self._rows):
            self._rows = values  # Should it stay the only piece, it is returned as it is.
        elif len(values):
            if not self._ours:
                self._rows, self._ours = self._rows.copy(), True
            self._grown(len(values))[:] = values

    def _grown(self, more: int) -> NDArray[np.float32]:
        """So many new rows at the end, not filled."""
        assert self._rows is not None
        n, d = self._rows.shape
        # Nobody else looks at this array any more, and realloc moves pages rather than bytes.
        self._rows.resize((n + more, d), refcheck=False)
        return self._rows[n:]

    def all(self) -> NDArray[np.float32]:
        assert self._rows is not None
        return self._rows
