"""From a recording to its rows: straight from the video, or from kept crops, to the same bits.

Whatever decides rows beside the descriptors themselves is here or imported from here: the key of
rows in the cache counts this file in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mespot._footage import CROPS, Facts, NoFace, decoding, facts_of, frames_of, opened, source
from mespot.align import Align
from mespot.descriptors._stream import describe_stream
from mespot.errors import NoUsableFace
from mespot.pipeline import check_rate, describe_video
from mespot.types import FaceClip, FrameSeries, Recording

_CHUNK = 256
_PARTS = ("found", "landmarks", "times_s", "source_of", "in_gap")


@dataclass(frozen=True)
class Rows:
    """The descriptor rows of a recording, without its truth.

    Attributes
    ----------
    series : FrameSeries
    found : (n_grid,) bool, whether the face was followed in each frame of the grid
    source_of : (n_grid,) int64 or None
        The recording's frame, as its truth counts, at each grid frame; None: the same.
    facts : dict
        How the video was read; see :func:`mespot._footage.facts_of`.
    """

    series: FrameSeries
    found: NDArray[np.bool_]
    source_of: NDArray[np.int64] | None = None
    facts: Facts = field(default_factory=dict)


def from_video(
    recording: Recording, config: Align, descriptor: Any, rate: float | None
) -> Rows:
    """Straight from the video, in pieces. ``rate`` is the one a recipe fixes.

    Raises Undecodable, NoFace, and UsageError for another rate.
    """
    video = opened(recording)
    check_rate(recording.source, video.fps, rate, force=False)
    path = source(recording)
    try:
        with decoding(path):
            made = describe_video(path, config, descriptor, video=video)
    except NoUsableFace as error:
        facts = facts_of(recording, video, np.empty(0, np.bool_))
        raise NoFace(str(error), facts) from error
    frames = frames_of(recording, made.report)
    facts = facts_of(recording, video, made.found, made.notes.faces)
    return Rows(made.series, made.found, frames, facts)


def from_crops(
    recording: Recording,
    kept: tuple[Path, Mapping[str, Any]],
    descriptor: Any,
    rate: float | None,
) -> Rows:
    """From crops in a folder that :func:`mespot._footage.make_crops` filled, and what it told.

    Raises NoFace, UsageError for another rate, FileNotFoundError if the crops went meanwhile.
    """
    folder, meta = kept
    fps = Fraction(meta["fps"])
    check_rate(recording.source, fps, rate, force=False)
    parts = {name: np.load(folder / f"{name}.npy", allow_pickle=False) for name in _PARTS}
    span, n = descriptor.span_at(fps), len(parts["found"])
    # As describe_video: a grid point that repeats a frame across a gap counts as lost.
    found = parts["found"] & ~parts["in_gap"]
    facts = meta["facts"]
    if not found.any():
        raise NoFace(f"{recording.source}: no face found in {facts['frames']} frames", facts)
    side = meta["size"]
    crops = np.memmap(folder / CROPS, np.uint8, "r", shape=(n, side, side))
    series = describe_stream(descriptor, _pieces(crops, parts, fps, max(_CHUNK, 8 * span)))
    lost = np.concatenate([[0], np.cumsum(~found)])
    if not len(series) or (lost[span:] > lost[:-span]).all():
        raise NoFace(
            f"{recording.source}: no face stays in view for {span} frames in a row, the least that "
            "is needed",
            facts,
        )
    return Rows(series, found, parts["source_of"], facts)


def _pieces(
    crops: NDArray[np.uint8], parts: dict[str, NDArray[Any]], fps: Fraction, length: int
) -> Iterator[FaceClip]:
    for a in range(0, len(crops), length):
        at = slice(a, a + length)
        yield FaceClip(
            np.array(crops[at]), parts["found"][at], parts["landmarks"][at], parts["times_s"][at],
            fps,
        )  # fmt: skip
