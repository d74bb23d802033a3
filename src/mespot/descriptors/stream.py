"""Rows of a video that comes in pieces, equal to those of the whole to the bit.

A row needs all frames of its span, so the frames that rows to come will need are carried over to
the next piece. Memory: the rows so far, and one piece with its rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mespot.align import concatenate
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
        series: FrameSeries = descriptor.describe(_from(piece, skip))
        rows.add(series.values)
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
    """Rows that grow at their end in place, since joining all pieces would hold them twice."""

    def __init__(self) -> None:
        self._rows: NDArray[np.float32] | None = None
        self._ours = False

    def add(self, values: NDArray[np.float32]) -> None:
        """Add a piece's rows, which stay as they are."""
        if self._rows is None or not len(self._rows):
            self._rows = values  # The only piece is returned as it is.
        elif len(values):
            if not self._ours:
                self._rows, self._ours = self._rows.copy(), True
            n, d = self._rows.shape
            # Nobody else looks at this array any more, and realloc moves pages rather than bytes.
            self._rows.resize((n + len(values), d), refcheck=False)
            self._rows[n:] = values

    def all(self) -> NDArray[np.float32]:
        assert self._rows is not None
        return self._rows
