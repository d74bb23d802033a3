"""Grey frames with exact times, from video files and folders of images, on a uniform grid.

Times are the container's presentation timestamps as exact fractions, offset so that the first
decoded frame is at 0 s; counts are of frames that were decoded, never a header's. At a constant
rate the grid's frames are the file's, one to one; at a variable rate the nearest frame in time
is taken for every grid point, and the report keeps the map back. See docs/video.md.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from mespot.errors import UnreadableInput, UsageError
from mespot.video.grid import Tally, given_rate, on_grid

if TYPE_CHECKING:
    from mespot.video.file import VideoFile
    from mespot.video.images import ImageFolder
    from mespot.video.memory import FramesInMemory
    from mespot.video.pixels import Luma

VideoSource = str | Path | NDArray[np.uint8] | Iterable[NDArray[np.uint8]]
"""A video file, a folder of images, an array of frames, or an iterable of frames."""


class Frame(NamedTuple):
    """One point of the uniform grid.

    ``image`` is (H, W) uint8 grey; a frame that fills several points is the same array: do not
    write into it. ``luma`` is the same, for those who look at a part of it only. ``time_s`` is the
    time of the decoded frame shown, in seconds from the first; ``source`` is its 0-based place
    among all decoded frames.
    """

    luma: Luma
    time_s: float
    source: int

    @property
    def image(self) -> NDArray[np.uint8]:
        return self.luma.whole


@dataclass(frozen=True, eq=False)
class VideoReport:
    """What was met in one pass through a video.

    Attributes
    ----------
    n_decoded, n_grid : int
        Frames that came out of the decoder, and points of the uniform grid.
    decode_failures : int
        Frames that did not come out or came out with damage, and read errors.
    source_times_s : (n_decoded,) float64
        Time of every decoded frame, seconds from the first; never decreasing.
    source_of : (n_grid,) int64
        The decoded frame that is shown at each grid point; never decreasing.
    in_gap : (n_grid,) bool
        Grid points with no frame within 3/4 of a grid period: the nearest is repeated there.
    numbers : (n_decoded,) int64
        How the source counts its frames: the number in an image's name; for a file, from 0.
    stamps : (n_decoded,) int64
        The container's timestamps, by which ``source_frames`` finds frames again; empty where they
        are not different for all frames.
    notes : tuple of str
        Remarks in plain words (frames lost, gaps, a header that is wrong), empty if all is well.
    """

    n_decoded: int
    n_grid: int
    decode_failures: int
    source_times_s: NDArray[np.float64]
    source_of: NDArray[np.int64]
    in_gap: NDArray[np.bool_]
    numbers: NDArray[np.int64]
    stamps: NDArray[np.int64]
    notes: tuple[str, ...] = ()

    def grid_of_source(self, fps: Fraction) -> NDArray[np.int64]:
        """(n_decoded,) the grid frame nearest in time to every decoded frame."""
        nearest = np.rint(self.source_times_s * float(fps)).astype(np.int64)
        return np.clip(nearest, 0, self.n_grid - 1)


class Video:
    """A video on its uniform grid; every iteration decodes it anew, frame by frame.

    Attributes
    ----------
    path : Path
    fps : Fraction
        Rate of the uniform grid.
    fps_source : str
        "timestamps", "median timestamp distance", "header" or "given".
    variable_rate : bool
        Whether the timestamps do not fit one rate.
    width, height : int
        Of the upright frame.
    n_expected : int or None
        Grid frames to expect, for progress bars only.
    """

    def __init__(self, source: VideoFile | ImageFolder | FramesInMemory) -> None:
        self._source = source
        self.path = source.path
        self.fps = source.grid.fps
        self.fps_source = source.grid.source
        self.variable_rate = source.grid.variable
        self.width, self.height = source.width, source.height
        self.n_expected = source.grid.n_expected
        self._report: VideoReport | None = None

    @property
    def report(self) -> VideoReport:
        """What the last complete iteration met. Raises RuntimeError if there was none."""
        if self._report is None:
            raise RuntimeError("the report exists only after an iteration to the end")
        return self._report

    def __iter__(self) -> Iterator[Frame]:
        tally = Tally()
        # Compact, since a recording may be of hours.
        times, numbers, stamps, source_of = array("d"), array("q"), array("q"), array("q")
        in_gap = array("b")

        def listed() -> Iterator:
            for item in self._source.frames(tally):
                times.append(float(item.time))
                numbers.append(item.number)
                if item.stamp is not None:
                    stamps.append(item.stamp)
                yield item
                del item

        for item, source, is_gap in on_grid(listed(), self.fps):
            source_of.append(source)
            in_gap.append(is_gap)
            yield Frame(cast("Luma", item.image), times[source], source)
            del item
        n_gap = sum(in_gap)
        if n_gap:
            tally.note(f"{n_gap} of {len(in_gap)} grid frames stand in a gap")
        self._report = VideoReport(
            n_decoded=len(times),
            n_grid=len(source_of),
            decode_failures=tally.failures,
            source_times_s=np.array(times, np.float64),
            source_of=np.array(source_of, np.int64),
            in_gap=np.array(in_gap, np.bool_),
            numbers=np.array(numbers, np.int64),
            stamps=_telling(np.array(stamps, np.int64), len(times)),
            notes=tuple(tally.notes.values()),
        )


def open_video(path: str | Path, *, fps: Fraction | float | None = None) -> Video:
    """Open a video file or a folder of images.

    Parameters
    ----------
    path : str or Path
    fps : Fraction or float, optional
        Frames per second, 1..1000. Needed for a folder. For a file it overrules the timestamps: the
        frames are taken one after the other at this rate.

    Raises
    ------
    UnreadableInput
        If the path does not exist or holds no video that can be decoded.
    UsageError
        If the rate is missing, cannot be found, or is out of range.
    """
    path = Path(path)
    rate = None if fps is None else given_rate(fps, path)
    if path.is_dir() and rate is None:
        _source(path, Fraction(1))  # is it a folder of images at all?
        raise UsageError(f"{path}: images carry no times; give their frame rate with --fps")
    return Video(_source(path, rate))


def open_source(video: VideoSource, *, fps: Fraction | float | None = None) -> Video:
    """Open a video file, a folder of images, an array of frames, or an iterable of frames.

    Parameters
    ----------
    video : path, (T, H, W[, 3]) uint8 array, or iterable of (H, W[, 3]) uint8 frames
        Colour is in the order blue, green, red. An iterable is read once, as it comes.
    fps : Fraction or float, optional
        As in :func:`open_video`; needed for frames in memory, which carry no times.

    Raises
    ------
    UnreadableInput, UsageError
        As :func:`open_video`, and for frames of another shape or type.
    """
    if isinstance(video, str | Path):
        return open_video(video, fps=fps)
    from mespot.video.memory import FramesInMemory

    if not isinstance(video, Iterable):
        raise UsageError(f"a video is a path, an array or frames, not {type(video).__name__}")
    if fps is None:
        raise UsageError("frames in memory carry no times; give their rate with fps=")
    return Video(FramesInMemory(video, given_rate(fps, Path(FramesInMemory.NAME))))


def _telling(stamps: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """The stamps of n frames; none where a frame has none, or two could be taken for each other."""
    return stamps if len(stamps) == n and (np.diff(stamps) > 0).all() else stamps[:0]


def source_frames(
    path: str | Path,
    indices: Iterable[int],
    *,
    colour: bool = False,
    stamps: NDArray[np.int64] | None = None,
) -> dict[int, NDArray[np.uint8]]:
    """Decode some frames by their 0-based place among the decoded frames.

    With ``stamps``, the report's of an earlier pass, they are sought, which saves much time in a
    long video. Without, or where one does not come with its own timestamp and undamaged, all frames
    up to the last one wanted are decoded.

    Returns (H, W) uint8 grey, or (H, W, 3) in the order blue, green, red, upright, by index; the
    places are those of ``Frame.source``. Indices past the end are left out.

    Raises UnreadableInput as ``open_video`` does.
    """
    wanted = {int(i) for i in indices}
    images: dict[int, NDArray[np.uint8]] = {}
    if not wanted:
        return images
    if stamps is not None and len(stamps) and Path(path).is_file():
        from mespot.video.seek import frames_at

        places = sorted(i for i in wanted if i < len(stamps))
        found = frames_at(Path(path), {i: int(stamps[i]) for i in places}, colour)
        if found is not None:
            return found
    for place, item in enumerate(_source(Path(path), Fraction(25)).frames(Tally(), wanted, colour)):
        if item.image is not None:
            images[place] = item.image if isinstance(item.image, np.ndarray) else item.image.whole
        if place >= max(wanted):
            break
    return images


def _source(path: Path, fps: Fraction | None) -> VideoFile | ImageFolder:
    from mespot.video.images import SUFFIXES, ImageFolder

    if path.is_dir():
        assert fps is not None
        return ImageFolder(path, fps)
    if not path.is_file():
        what = "is not a regular file" if path.exists() else "no such file or folder"
        raise UnreadableInput(f"{path}: {what}")
    if path.suffix.lower() in SUFFIXES:
        raise UnreadableInput(f"{path}: is a single image; give the folder of images, or a video")
    if path.stat().st_size == 0:
        raise UnreadableInput(f"{path}: is empty (0 bytes)")
    from mespot.video.file import VideoFile

    return VideoFile(path, fps)
