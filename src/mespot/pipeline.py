"""From a video to descriptor rows, in chunks: memory grows with the rows alone, not the frames.

Decoding, alignment and description run in a thread each; PyAV, OpenCV and numba release the
interpreter lock, so that they share the cores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mespot.prefetch import prefetch, prefetch_batches
from mespot.align import Align
from mespot.align.aligner import Aligner, AlignNotes
from mespot.descriptors._stream import describe_stream
from mespot.errors import NoUsableFace, UsageError
from mespot.types import Expression, FaceClip, FrameSeries
from mespot.video import Frame, Video, VideoReport, open_video

MIN_FPS = 15
_CHUNK = 256
# Frames that change hands at a time, in bytes and in number.
_BATCH_BYTES, _BATCH = 4_000_000, 16


@dataclass(frozen=True)
class Described:
    """A video's descriptor rows on its uniform grid of T frames, and what else is known of it.

    Attributes
    ----------
    series : FrameSeries
    found : (T,) bool, whether the face was followed in each frame
    landmarks : (T, K, 2) float32, source pixels, NaN where it was not
    report : VideoReport, decoded frames and their times
    fps_source : str, where the rate comes from
    notes : AlignNotes, how many faces were seen, how often the tracks began afresh
    """

    series: FrameSeries
    found: NDArray[np.bool_]
    landmarks: NDArray[np.float32]
    report: VideoReport
    fps_source: str
    notes: AlignNotes

    def to_source(self, expression: Expression) -> Expression:
        """The expression in decoded frames instead of grid frames."""
        at = self.report.source_of
        onset, offset = int(at[expression.onset]), int(at[expression.offset])
        apex = None if expression.apex is None else int(at[expression.apex])
        return Expression(
            onset, apex, offset, expression.kind, expression.score, expression.attributes
        )

    def to_grid(self, expression: Expression) -> Expression:
        """The expression in grid frames instead of decoded frames; clipped to the video."""
        at, last = self.report.source_of, len(self.report.source_of) - 1
        onset = min(int(np.searchsorted(at, expression.onset, "left")), last)
        offset = max(onset, min(int(np.searchsorted(at, expression.offset, "right")) - 1, last))
        apex = None
        if expression.apex is not None:
            apex = min(max(int(np.searchsorted(at, expression.apex, "left")), onset), offset)
        return Expression(
            onset, apex, offset, expression.kind, expression.score, expression.attributes
        )

    @property
    def grid_of_source(self) -> NDArray[np.int64]:
        """(n_decoded,) the grid frame nearest in time to every decoded frame."""
        nearest = np.rint(self.report.source_times_s * float(self.series.fps)).astype(np.int64)
        return np.clip(nearest, 0, len(self.report.source_of) - 1)


def check_rate(path: object, fps: Fraction, wanted: float | None, force: bool) -> list[str]:
    """Notes about the frame rate; UsageError where it is too low or not the recipe's own."""
    if force:
        return [f"{float(fps):g} frames/s accepted because it was forced"]
    if fps < MIN_FPS:
        raise UsageError(
            f"{path}: {float(fps):g} frames/s is too slow for movements under half a second "
            f"(at least {MIN_FPS}); --force spots all the same"
        )
    if wanted is not None and abs(float(fps) - wanted) > 0.01 * wanted:
        raise UsageError(
            f"{path}: this recipe fixes its lengths in frames at {wanted:g} frames/s, the video "
            f"has {float(fps):g}; use a recipe in seconds, or --force"
        )
    if fps <= 31:
        return [f"at {float(fps):g} frames/s, movements under 0.2 s are barely resolved"]
    return []


def describe_video(
    path: str | Path,
    align_config: Align,
    descriptor: Any,
    *,
    video: Video | None = None,
    on_frame: Callable[[int], None] | None = None,
) -> Described:
    """Read, align and describe a video.

    Raises UnreadableInput for a file that cannot be read, NoUsableFace where no stretch of it
    shows a face long enough for a single row.
    """
    video = video or open_video(path)
    found: list[NDArray[np.bool_]] = []
    landmarks: list[NDArray[np.float32]] = []

    def kept(clips: Iterable[FaceClip]) -> Iterator[FaceClip]:
        for clip in clips:
            found.append(clip.found)
            landmarks.append(clip.landmarks)
            yield clip

    span = descriptor.span_at(video.fps)
    chunk = max(_CHUNK, 8 * span)
    aligner = Aligner(align_config, video.fps)
    batch = min(_BATCH, 1 + _BATCH_BYTES // (2 * video.width * video.height))
    with (
        _opencv_without_threads(),
        closing(prefetch_batches(video, batch)) as frames,
        closing(prefetch(aligner.clips(_counted(frames, on_frame), chunk), depth=1)) as clips,
    ):
        series = describe_stream(descriptor, kept(clips))
    report = video.report
    if not found or not np.concatenate(found).any():
        raise NoUsableFace(f"{path}: no face found in {report.n_decoded} frames")
    # A grid point that repeats a frame across a gap shows no movement: it counts as lost.
    is_found = np.concatenate(found) & ~report.in_gap
    if not len(series) or not _covered(is_found, span).any():
        raise NoUsableFace(
            f"{path}: no face stays in view for {span} frames in a row, the least that is needed"
        )
    marks = np.concatenate(landmarks)
    return Described(series, is_found, marks, report, video.fps_source, aligner.notes)


@contextmanager
def _opencv_without_threads() -> Iterator[None]:
    """OpenCV's own threads would get in the way of ours: on small pictures they only cost."""
    import cv2

    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _counted(frames: Iterable[Frame], on_frame: Callable[[int], None] | None) -> Iterator[Frame]:
    for number, frame in enumerate(frames, start=1):
        if on_frame is not None:
            on_frame(number)
        yield frame
        del frame


def _covered(found: NDArray[np.bool_], span: int) -> NDArray[np.bool_]:
    """(T - span + 1,) whether all frames of a row's span were found."""
    total = np.concatenate([[0], np.cumsum(found)])
    return total[span:] - total[:-span] == span
