"""From a recording to a Sample: aligned once, described once per descriptor, kept in the cache.

Crops and rows are entries of the cache under hashes of the video's content, of the recipe's
sections that decide them, and of the code that makes them. Whether a sample comes from the cache,
from kept crops or straight from the video makes no difference to a single bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mespot import _packing, registry
from mespot._code import code_hash
from mespot.align import AlignConfig
from mespot.cache import Cache, digest_of, key_of
from mespot.descriptors._stream import describe_stream
from mespot.errors import MespotError, NoUsableFace, UnreadableInput, UsageError
from mespot.pipeline import check_rate, describe_video
from mespot.protocol import Sample
from mespot.recipe import Recipe, make_dataclass
from mespot.runner import run_tasks
from mespot.types import Expression, FaceClip, FrameSeries, Recording
from mespot.video import Video, VideoReport, open_video

_CHUNK = 256
_CROPS = "crops.u8"
_LIBRARIES = ("numpy", "opencv-python-headless", "av", "dlib-bin", "face_recognition_models")
_DESCRIBING = ("numpy", "numba", "opencv-python-headless")


@dataclass(frozen=True)
class Keys:
    """Where a recording's crops and rows stand in the cache."""

    crops: str
    rows: str


def sample_of(
    recipe: Recipe, recording: Recording, cache: Cache | None = None, keep_crops: bool = False
) -> Sample:
    """Align and describe one recording, or take its rows from the cache.

    ``keep_crops`` keeps the aligned crops too, for other descriptors of the same recording; crops
    that are there are used in any case. Raises MespotError where the recording cannot be used.
    """
    if cache is None:
        return _described(recipe, recording)
    return load_sample(make_rows(recipe, recording, cache, keep_crops), recording, cache)


def make_rows(recipe: Recipe, recording: Recording, cache: Cache, keep_crops: bool = False) -> Keys:
    """Make sure that the rows of a recording are in the cache; where they stand there."""
    keys = keys_of(recipe, recording, cache)
    if cache.find(keys.rows) is not None:
        return keys
    if keep_crops or cache.find(keys.crops) is not None:
        sample = _from_crops(recipe, recording, cache, keys)
    else:
        sample = _described(recipe, recording)
    bins = getattr(registry.build("descriptors", recipe.descriptor), "bins_per_plane", 0)
    s, meta = sample.series, dict[str, Any]()
    with cache.writing(keys.rows, "rows", meta) as folder:
        meta["how"] = _packing.save(folder, s.values, bins)
        meta |= {"place": [s.first, s.step, s.span, s.n_frames], "fps": str(s.fps)}
        meta |= {"names": list(s.names), "descriptor": recipe.descriptor["name"]}
        np.save(folder / "found.npy", sample.found, allow_pickle=False)
        if sample.source_of is not None:
            np.save(folder / "source_of.npy", sample.source_of, allow_pickle=False)
    return keys


def load_sample(keys: Keys, recording: Recording, cache: Cache, mapped: bool = False) -> Sample:
    """The sample of rows that :func:`make_rows` has made.

    ``mapped`` rows are read from the disk as they are needed, so that memory does not hold them.
    Raises MespotError if they are no longer in the cache.
    """
    folder, meta = cache.find(keys.rows), cache.meta(keys.rows)
    if folder is None or meta is None:
        raise MespotError(
            f"{cache.root}: the rows of recording {recording.id!r} are no longer there; if the "
            "cache is too small, raise MESPOT_CACHE_GB, then run again"
        )
    first, step, span, n_frames = meta["place"]
    values = _packing.load(folder, mapped)
    names = tuple(meta["names"])
    series = FrameSeries(values, first, step, span, n_frames, Fraction(meta["fps"]), names)
    found = np.load(folder / "found.npy", allow_pickle=False)
    moved = folder / "source_of.npy"
    source_of = np.load(moved, allow_pickle=False) if moved.is_file() else None
    return _sample(recording, series, found, source_of)


def keys_of(recipe: Recipe, recording: Recording, cache: Cache | None = None) -> Keys:
    """The keys of a recording's crops and rows. Raises UnreadableInput if it has no file."""
    source = _source(recording)
    config = _align_config(recipe)
    descriptor = registry.build("descriptors", recipe.descriptor)
    try:
        content = digest_of(source, cache)
    except OSError as error:
        raise UnreadableInput(f"{source}: cannot be read ({error.strerror})") from error
    aligning = code_hash(("mespot.align.aligner", "mespot.video"), _LIBRARIES)
    rate = str(recording.fps) if Path(source).is_dir() else "its own"
    crops = key_of("crops", content, rate, asdict(config), aligning)
    # A descriptor that is made of others names them: their code decides its rows too.
    plugins = (recipe.descriptor["name"], *getattr(descriptor, "uses", ()))
    modules = (f"mespot.descriptors.{plugin}" for plugin in plugins)
    describing = code_hash((*modules, "mespot.descriptors._stream", "mespot._packing"), _DESCRIBING)
    fields = {"name": recipe.descriptor["name"], **asdict(descriptor)}
    return Keys(crops, key_of("rows", crops, fields, describing))


def check(recipe: Recipe, recordings: Sequence[Recording]) -> None:
    """Raise UsageError for an unknown setting, or a recipe for another rate than a recording's."""
    _align_config(recipe)
    for family, section in (("descriptors", recipe.descriptor), ("scorers", recipe.scorer)):
        registry.build(family, section)
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

    Rows are kept in a cache at ``store``, so that a stopped run goes on where it was.
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
    except MespotError as error:
        return str(error)


def _source(recording: Recording) -> str:
    if recording.source is None:
        raise UsageError(f"recording {recording.id}: no video is named")
    if not Path(recording.source).exists():
        raise UnreadableInput(f"{recording.source}: no such file or folder")
    return recording.source


def _align_config(recipe: Recipe) -> AlignConfig:
    config: AlignConfig = make_dataclass(AlignConfig, recipe.align, where="align")
    return config


def _opened(recording: Recording) -> Video:
    """The video; images carry no times, so that the data set's rate is theirs."""
    source = _source(recording)
    return open_video(source, fps=recording.fps if Path(source).is_dir() else None)


def _frames_of(recording: Recording, report: VideoReport) -> NDArray[np.int64]:
    """(n_grid,) the recording's frame, as its truth counts, at every grid frame.

    Decoded frames for a file. In a folder the numbers of the images count, so that a missing image
    is a frame that was not decoded.
    """
    if not Path(_source(recording)).is_dir():
        return report.source_of
    step = int(np.gcd.reduce(np.diff(report.numbers))) or 1
    return np.arange(report.n_grid, dtype=np.int64) * step


def _described(recipe: Recipe, recording: Recording) -> Sample:
    """Straight from the video, in pieces."""
    video = _opened(recording)
    check_rate(recording.source, video.fps, recipe.fps, force=False)
    descriptor = registry.build("descriptors", recipe.descriptor)
    described = describe_video(
        str(recording.source), _align_config(recipe), descriptor, video=video
    )
    frames = _frames_of(recording, described.report)
    return _sample(recording, described.series, described.found, frames)


def _from_crops(recipe: Recipe, recording: Recording, cache: Cache, keys: Keys) -> Sample:
    """From crops in the cache, which are made first where they are missing."""
    folder = cache.find(keys.crops)
    if folder is None:
        _make_crops(recipe, recording, cache, keys.crops)
        folder = cache.find(keys.crops)
    meta = cache.meta(keys.crops)
    if folder is None or meta is None:
        raise MespotError(
            f"{cache.root}: does not keep the crops of recording {recording.id!r}; raise "
            "MESPOT_CACHE_GB"
        )
    fps = Fraction(meta["fps"])
    check_rate(recording.source, fps, recipe.fps, force=False)
    parts = {
        name: np.load(folder / f"{name}.npy", allow_pickle=False)
        for name in ("found", "landmarks", "times_s", "source_of", "in_gap")
    }
    descriptor = registry.build("descriptors", recipe.descriptor)
    span, n = descriptor.span_at(fps), len(parts["found"])
    # As describe_video: a grid point that repeats a frame across a gap counts as lost.
    found = parts["found"] & ~parts["in_gap"]
    if not found.any():
        raise NoUsableFace(f"{recording.source}: no face found in {meta['n_decoded']} frames")
    side = meta["size"]
    crops = np.memmap(folder / _CROPS, np.uint8, "r", shape=(n, side, side))
    series = describe_stream(descriptor, _pieces(crops, parts, fps, max(_CHUNK, 8 * span)))
    lost = np.concatenate([[0], np.cumsum(~found)])
    if not len(series) or (lost[span:] > lost[:-span]).all():
        raise NoUsableFace(
            f"{recording.source}: no face stays in view for {span} frames in a row, the least that "
            "is needed"
        )
    return _sample(recording, series, found, parts["source_of"])


def _pieces(
    crops: NDArray[np.uint8], parts: dict[str, NDArray[Any]], fps: Fraction, length: int
) -> Iterator[FaceClip]:
    for a in range(0, len(crops), length):
        at = slice(a, a + length)
        yield FaceClip(
            np.array(crops[at]), parts["found"][at], parts["landmarks"][at], parts["times_s"][at],
            fps,
        )  # fmt: skip


def _make_crops(recipe: Recipe, recording: Recording, cache: Cache, key: str) -> None:
    """Align a recording into the cache, in pieces."""
    from mespot._prefetch import prefetch
    from mespot.align.aligner import Aligner

    video = _opened(recording)
    config, meta = _align_config(recipe), dict[str, Any]()
    kept: dict[str, list[NDArray[Any]]] = {"found": [], "landmarks": [], "times_s": []}
    with cache.writing(key, "crops", meta) as folder:
        with (folder / _CROPS).open("wb") as stream:
            for clip in prefetch(Aligner(config, video.fps).clips(video, _CHUNK), depth=1):
                stream.write(clip.frames.data)
                for name, pieces in kept.items():
                    pieces.append(getattr(clip, name))
        report = video.report
        arrays = {name: np.concatenate(pieces) for name, pieces in kept.items() if pieces}
        if not arrays:
            raise NoUsableFace(f"{recording.source}: no face found in {report.n_decoded} frames")
        arrays |= {"source_of": _frames_of(recording, report), "in_gap": report.in_gap}
        for name, array in arrays.items():
            np.save(folder / f"{name}.npy", array, allow_pickle=False)
        meta |= {"fps": str(video.fps), "size": config.size, "n_decoded": report.n_decoded}


def _sample(
    recording: Recording,
    series: FrameSeries,
    found: NDArray[np.bool_],
    source_of: NDArray[np.int64] | None,
) -> Sample:
    """The truth brought to the grid; the map is forgotten where it changes nothing."""
    if source_of is not None and np.array_equal(source_of, np.arange(len(source_of))):
        source_of = None
    truth = tuple(_on_grid(e, source_of, len(found)) for e in recording.expressions)
    return Sample(recording.id, recording.subject, series, found, truth, source_of=source_of)


def _on_grid(expression: Expression, source_of: NDArray[np.int64] | None, n: int) -> Expression:
    """The expression in grid frames instead of the recording's; clipped to the video."""
    at = np.arange(n) if source_of is None else source_of
    onset = min(int(np.searchsorted(at, expression.onset, "left")), n - 1)
    offset = max(onset, min(int(np.searchsorted(at, expression.offset, "right")) - 1, n - 1))
    apex = expression.apex
    if apex is not None:
        apex = min(max(int(np.searchsorted(at, apex, "left")), onset), offset)
    return replace(expression, onset=onset, apex=apex, offset=offset)
