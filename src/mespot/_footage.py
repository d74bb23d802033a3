"""The video of a recording: where it is, how its frames are counted, its crops, what was met.

Whatever decides crops beside reading and aligning themselves is here, so that the key of crops in
the cache can count it in.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mespot.align import Align
from mespot.errors import NoUsableFace, UnreadableInput, UsageError
from mespot.types import Recording
from mespot.video import Video, VideoReport, open_video
from mespot.video.images import _numbered

CROPS = "crops.u8"
_CHUNK = 256
Facts = dict[str, Any]


class Undecodable(UnreadableInput):
    """A video that is there and can be read to its last byte, but not decoded at all."""


class NoFace(NoUsableFace):
    """No usable face; ``facts`` as :func:`facts_of` gives them."""

    def __init__(self, text: str, facts: Facts | None = None) -> None:
        super().__init__(text)
        self.facts = facts or {}


def source(recording: Recording) -> str:
    """The path of the video. Raises UsageError if none is named, UnreadableInput if it is gone."""
    if recording.source is None:
        raise UsageError(f"recording {recording.id}: no video is named")
    if not Path(recording.source).exists():
        raise UnreadableInput(f"{recording.source}: no such file or folder")
    return recording.source


def opened(recording: Recording) -> Video:
    """The video; images carry no times, so that the data set's rate is theirs."""
    path = source(recording)
    with decoding(path):
        return open_video(path, fps=recording.fps if Path(path).is_dir() else None)


@contextmanager
def decoding(path: str) -> Iterator[None]:
    """What cannot be decoded within the block is Undecodable, unless the disk is to blame."""
    try:
        yield
    except UnreadableInput as error:
        for item in sorted(Path(path).iterdir()) if Path(path).is_dir() else [Path(path)]:
            if not item.is_dir():
                _read_through(item)
        raise Undecodable(str(error)) from error


def _read_through(path: Path) -> None:
    """Raise UnreadableInput, which is not Undecodable, unless the file can be read to its end."""
    try:
        with path.open("rb") as stream:
            while stream.read(1 << 20):
                pass
    except OSError as error:
        raise UnreadableInput(f"{path}: cannot be read ({error.strerror})") from error


def frames_of(recording: Recording, report: VideoReport) -> NDArray[np.int64]:
    """(n_grid,) the recording's frame, as its truth counts, at every grid frame.

    Decoded frames for a file. In a folder the numbers of the images count from the first, so that
    a missing image is a frame that was not decoded, and so is one that cannot be read.
    """
    if not Path(source(recording)).is_dir():
        return report.source_of
    numbers = _numbers(recording)
    step = math.gcd(*(b - a for a, b in pairwise(numbers))) or 1
    unread = int(report.numbers[0]) - numbers[0]
    return unread + np.arange(report.n_grid, dtype=np.int64) * step


def length_of(recording: Recording, report: VideoReport) -> int:
    """The recording's frames as its truth counts them: decoded ones, or the range of numbers."""
    if not Path(source(recording)).is_dir():
        return report.n_decoded
    numbers = _numbers(recording)
    return numbers[-1] - numbers[0] + 1


def _numbers(recording: Recording) -> list[int]:
    return [number for number, _ in _numbered(Path(source(recording)))]


def facts_of(recording: Recording, video: Video, found: NDArray[np.bool_], faces: int = 0) -> Facts:
    """How the video was read, for ``run.json``; ``found`` (n_grid,) or nothing.

    ``length`` is in frames as the truth counts, ``frames`` those that were decoded; both differ
    where images are missing.
    """
    report = video.report
    lost = report.n_decoded
    if len(found):
        grid = np.rint(report.source_times_s * float(video.fps)).astype(np.int64)
        lost = int((~found[np.clip(grid, 0, len(found) - 1)]).sum())
    return {
        "length": length_of(recording, report),
        "frames": report.n_decoded,
        "fps": str(video.fps),
        "fps_source": video.fps_source,
        "frames_without_face": lost,
        "decode_failures": report.decode_failures,
        "faces": faces,
        "notes": list(report.notes),
    }


def make_crops(recording: Recording, config: Align, folder: Path) -> dict[str, Any]:
    """Align a recording into a folder, in pieces; what is to be told of the crops.

    Raises Undecodable, NoFace where nothing was decoded, and OSError for the disk.
    """
    from mespot.packing import save_array
    from mespot.prefetch import prefetch
    from mespot.align.aligner import Aligner

    video = opened(recording)
    aligner = Aligner(config, video.fps)
    kept: dict[str, list[NDArray[Any]]] = {"found": [], "landmarks": [], "times_s": []}
    with decoding(source(recording)), (folder / CROPS).open("wb") as stream:
        for clip in prefetch(aligner.clips(video, _CHUNK), depth=1):
            stream.write(clip.frames.data)
            for name, pieces in kept.items():
                pieces.append(getattr(clip, name))
    report = video.report
    arrays = {name: np.concatenate(pieces) for name, pieces in kept.items() if pieces}
    if not arrays:
        text = f"{recording.source}: no face found in {report.n_decoded} frames"
        raise NoFace(text, facts_of(recording, video, np.empty(0, np.bool_)))
    arrays |= {"source_of": frames_of(recording, report), "in_gap": report.in_gap}
    for name, array in arrays.items():
        save_array(folder / f"{name}.npy", array)
    found = arrays["found"] & ~report.in_gap
    facts = facts_of(recording, video, found, aligner.notes.faces)
    return {"fps": str(video.fps), "size": config.size, "facts": facts}
