"""From a video to descriptor rows, in chunks: memory grows with the rows alone, not the frames.

Decoding, alignment and description run in a thread each; PyAV, OpenCV and numba release the
interpreter lock, so that they share the cores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from mespot.align.aligner import Aligner, AlignNotes
from mespot.align.config import Align
from mespot.contracts import Descriptor
from mespot.descriptors.stream import describe_stream
from mespot.errors import NoUsableFace, UsageError
from mespot.prefetch import prefetch, prefetch_batches
from mespot.types import FaceClip, FrameSeries
from mespot.video import Frame, Video, VideoReport

MIN_FPS = 15
_CHUNK = 256
# Frames that change hands at a time, in bytes and in number.
_BATCH_BYTES, _BATCH = 4_000_000, 16


@dataclass(frozen=True)
class DescribedVideo:
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
    path: object,
    align: Align,
    descriptor: Descriptor,
    *,
    video: Video,
    on_frame: Callable[[int], None] | None = None,
) -> DescribedVideo:
    """Read, align and describe a video; ``path`` names it in messages.

    Raises UnreadableInput for a file that cannot be read, NoUsableFace where no stretch of it
    shows a face long enough for a single row.
    """
    found: list[NDArray[np.bool_]] = []
    landmarks: list[NDArray[np.float32]] = []

    def kept(clips: Iterable[FaceClip]) -> Iterator[FaceClip]:
        for clip in clips:
            found.append(clip.found)
            landmarks.append(clip.landmarks)
            yield clip

    span = descriptor.span_at(video.fps)
    chunk = max(_CHUNK, 8 * span)
    aligner = Aligner(align, video.fps)
    batch = min(_BATCH, 1 + _BATCH_BYTES // (2 * video.width * video.height))
    with (
        _opencv_without_threads(),
        closing(prefetch_batches(video, batch)) as frames,
        closing(prefetch(aligner.clips(_counted(frames, on_frame), chunk), depth=1)) as clips,
    ):
        series = describe_stream(descriptor, kept(clips))
    report = video.report
    if not found or not np.concatenate(found).any():
        raise NoUsableFace(no_face(path, report.n_decoded))
    # A grid point that repeats a frame across a gap shows no movement: it counts as lost.
    is_found = np.concatenate(found) & ~report.in_gap
    if not series.all_found(is_found).any():
        raise NoUsableFace(no_stretch(path, span))
    marks = np.concatenate(landmarks)
    return DescribedVideo(series, is_found, marks, report, video.fps_source, aligner.notes)


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


def no_face(path: object, n_frames: int) -> str:
    """The message of a video in which no face was found."""
    return f"{path}: no face found in {n_frames} frames"


def no_stretch(path: object, span: int) -> str:
    """The message of a video in which no face was followed for one row."""
    return f"{path}: no face stays in view for {span} frames in a row, the least that is needed"
