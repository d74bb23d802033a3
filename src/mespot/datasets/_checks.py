"""What ``verify`` looks at beyond the sheet: lengths of recordings, and the images themselves."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from mespot.datasets._frames import IMAGES, ImageRun
from mespot.errors import MespotError
from mespot.types import Recording
from mespot.video import open_video

# Tables round 29.97.
_RATE_SLACK = 0.002


def length_problems(runs: Mapping[str, ImageRun], wanted: Mapping[str, int | None]) -> list[str]:
    """Recordings with fewer frames than the sheet, or a twin's own list, says."""
    return [
        f"{run.folder}: {run.n_frames} frames, where {n} are listed: images at its beginning or "
        "end are missing"
        for name, run in runs.items()
        if (n := wanted.get(name)) is not None and run.n_frames < n
    ]


def image_problems(runs: Iterable[ImageRun], size: tuple[int, int] | None) -> Iterator[str]:
    """Empty files, and first or last images that cannot be read or are not of ``size`` (w, h).

    The images between are not decoded: a data set has hundreds of thousands. One line per folder.
    """
    for run in runs:
        images = sorted(
            (entry.stat().st_size, entry.name)
            for entry in os.scandir(run.folder)
            if os.path.splitext(entry.name)[1].lower() in IMAGES and entry.name[0] != "."
        )
        empty = [name for n, name in images if n == 0]
        if empty:
            yield f"{run.folder}: {len(empty)} empty images, {min(empty)} among them"
            continue
        names = sorted(name for _, name in images)
        wrong = (_wrong(run.folder / name, size) for name in dict.fromkeys((names[0], names[-1])))
        yield from list(filter(None, wrong))[:1]


def video_problems(recording: Recording) -> list[str]:
    """A video that cannot be opened, or has another rate or number of frames than is listed.

    Frames are counted by their packets, without decoding them.
    """
    import av

    path = str(recording.source)
    try:
        fps = open_video(path).fps
        with av.open(path) as container:
            frames = sum(packet.size > 0 for packet in container.demux(video=0))
    except (MespotError, av.error.FFmpegError, OSError) as error:
        return [str(error) if isinstance(error, MespotError) else f"{path}: cannot be read"]
    problems = []
    if abs(fps / recording.fps - 1) > _RATE_SLACK:
        problems.append(
            f"{path}: {float(fps):g} frames/s, but fps is listed as {float(recording.fps):g}"
        )
    if recording.n_frames is not None and frames != recording.n_frames:
        problems.append(f"{path}: {frames} frames, but n_frames is listed as {recording.n_frames}")
    return problems + end_problems(recording, frames)


def end_problems(recording: Recording, frames: int) -> list[str]:
    """Expressions past the end of a video of ``frames`` frames, in one line.

    Where ``n_frames`` is listed, the table of events was compared with it already.
    """
    late = [e for e in recording.expressions if e.offset >= frames]
    if recording.n_frames is not None or not late:
        return []
    more = f" (and {len(late) - 1} more expressions)" if len(late) > 1 else ""
    return [
        f"{recording.source}: {frames} frames, but an expression of recording {recording.id!r} is "
        f"listed from frame {late[0].onset} to {late[0].offset}{more}"
    ]


def _wrong(path: Path, size: tuple[int, int] | None) -> str:
    """What is wrong with an image; empty if nothing is."""
    import cv2

    try:
        picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        picture = None
    if picture is None:
        return f"{path}: cannot be read as an image"
    height, width = picture.shape[:2]
    if size is not None and (width, height) != size:
        return f"{path}: {width} x {height} pixels in place of {size[0]} x {size[1]}"
    return ""
