"""Frames as they come back from a video file: through an H.264 encoder and its decoder.

A stream: a frame goes in, and those that are ready come out; the two hold some dozens of frames,
however long the recording is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from mespot.errors import MespotError

Plane = NDArray[np.uint8]
_GREY = 128


def through_h264(
    frames: Iterable[Plane], fps: Fraction, crf: int, grey: bool = False
) -> Iterator[Plane]:
    """The frames as ``write.encode`` would store them at this rate factor and a reader find them.

    Parameters
    ----------
    frames : iterable of (3 H / 2, W) uint8
        Planar yuv420p; with ``grey`` luma alone, (H, W). H and W are even.
    fps : Fraction
    crf : int
        1 to 51, larger is coarser.

    Yields
    ------
    as many frames of the same form, in the same order.

    Raises
    ------
    MespotError
        If a frame does not come back in its place.
    """
    encoder: Any = None
    decoder: Any = av.CodecContext.create("h264", "r")
    # One thread: the same bytes on every machine, and frames do not pile up.
    decoder.thread_count = 1
    given = told = 0
    for planes in frames:
        height, width = planes.shape if grey else (planes.shape[0] * 2 // 3, planes.shape[1])
        if encoder is None:
            encoder = _encoder((width, height), fps, crf)
        colour = [np.full((height // 2, width), _GREY, np.uint8)] if grey else []
        frame = av.VideoFrame.from_ndarray(np.vstack([planes, *colour]), format="yuv420p")
        frame.pts, frame.time_base = given, 1 / fps
        given += 1
        for found in _decoded(decoder, encoder.encode(frame)):
            yield _in_place(found, told, height if grey else None)
            told += 1
    if encoder is not None:
        for found in _decoded(decoder, [*encoder.encode(None), None]):
            yield _in_place(found, told, height if grey else None)
            told += 1
    if told != given:
        raise MespotError(f"{told} of {given} frames came back from the H.264 decoder")


def _encoder(size: tuple[int, int], fps: Fraction, crf: int) -> Any:
    """Set up as ``write.encode`` does."""
    encoder: Any = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height = size
    encoder.pix_fmt = "yuv420p"
    encoder.framerate, encoder.time_base = fps, 1 / fps
    encoder.thread_count = 1
    encoder.options = {"preset": "veryfast", "crf": str(crf)}
    return encoder


def _decoded(decoder: Any, packets: Iterable[Any]) -> Iterator[Any]:
    for packet in packets:
        yield from decoder.decode(packet)


def _in_place(frame: Any, i: int, height: int | None) -> Plane:
    """Frame ``i`` as an array, of luma alone where a height is given."""
    if frame.pts != i:
        raise MespotError(f"frame {frame.pts} came back from the H.264 decoder in place of {i}")
    planes = np.asarray(frame.to_ndarray(format="yuv420p"), dtype=np.uint8)
    return planes if height is None else planes[:height]
