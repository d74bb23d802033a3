"""A Spotter: a recipe and what was learned with it, kept as a folder of plain files.

recipe.toml     every choice
weights.npz     arrays (read without pickle)
network.onnx    the network that scores, where the scorer has one
card.md         what it was trained on, what was measured, known failures
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from mespot.contracts import Weights
from mespot.decoding import decode, prepared
from mespot.errors import UnreadableInput, UsageError
from mespot.extras import need
from mespot.files import atomic_path, write_text
from mespot.pipeline import DescribedVideo, check_rate, describe_video
from mespot.recipe import Recipe, dumps, load_recipe
from mespot.registry import UnknownPlugin
from mespot.score_files import Scores
from mespot.types import Expression, FaceClip, FrameMap, FrameSeries, Reading
from mespot.video import VideoSource, open_source
from mespot.weights import weights_hash

if TYPE_CHECKING:
    import pandas as pd

Progress = Callable[[int, int | None], None]
FILES = ("recipe.toml", "card.md", "network.onnx", "weights.npz", "weights.sha256")
"""What a spotter's folder holds."""
_NETWORK = "onnx"


@dataclass(frozen=True)
class Spotting:
    """What was found in one video. Frames are those of the file, as decoded; times are its own.

    Attributes
    ----------
    expressions : list of Expression, candidate movements for a person to review
    scores : (n,) float32 per decoded frame, NaN where no row is centred (both ends of the video)
        or a row's frames show no face
    found : (n,) bool, times_s : (n,) float64
    threshold : float, that the spots had to pass
    landmarks : (n, K, 2) float32 in source pixels
    stamps : (n,) int64 timestamps of the file's frames, or none; ``source_frames`` seeks by them
    reading : Reading, how the video was read
    curve : Scores, the scores on the video's uniform grid, as :func:`mespot.decode` takes them;
        None for a Spotting that was put together by hand
    notes : lines worth telling the user
    """

    path: str
    fps: Fraction
    expressions: list[Expression]
    scores: NDArray[np.float32]
    found: NDArray[np.bool_]
    times_s: NDArray[np.float64]
    threshold: float
    landmarks: NDArray[np.float32]
    stamps: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    reading: Reading = field(default_factory=Reading)
    notes: list[str] = field(default_factory=list)
    curve: Scores | None = None

    def to_frame(self, what: Literal["events", "scores"] = "events") -> pd.DataFrame:
        """The spots, or the score of every frame, as a pandas table.

        Columns of ``events``: onset, apex, offset, kind, score, onset_s, apex_s, offset_s. Columns
        of ``scores``: frame, time_s, score, found. Raises MissingExtra if pandas is not installed.
        """
        if what not in ("events", "scores"):
            raise UsageError(f"to_frame: {what!r} is neither 'events' nor 'scores'")
        pandas = need("pandas", extra="pandas", who="to_frame")
        if what == "scores":
            frames = np.arange(len(self.scores))
            columns = {"frame": frames, "time_s": self.times_s, "score": self.scores}
            return pandas.DataFrame({**columns, "found": self.found})
        names = ("onset", "apex", "offset", "kind", "score")
        rows = [
            {name: getattr(e, name) for name in names}
            | {f"{name}_s": self._time_s(getattr(e, name)) for name in names[:3]}
            for e in self.expressions
        ]
        return pandas.DataFrame(rows, columns=[*names, "onset_s", "apex_s", "offset_s"])

    def _time_s(self, frame: int | None) -> float | None:
        return None if frame is None else float(self.times_s[frame])


@dataclass(frozen=True)
class Spotter:
    """A recipe with learned weights."""

    recipe: Recipe
    weights: Weights
    card: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.recipe, Recipe):
            raise UsageError(
                f"Spotter: recipe must be a Recipe, not {type(self.recipe).__name__}; "
                "mespot.load_recipe reads one by name or file"
            )
        if not isinstance(self.weights, Mapping):
            raise UsageError(
                "Spotter: weights must be a dictionary of arrays, "
                f"not {type(self.weights).__name__}"
            )

    @property
    def weights_hash(self) -> str:
        """SHA-256 of all learned arrays, see :func:`mespot.weights.weights_hash`."""
        return weights_hash(self.weights)

    def with_settings(self, settings: Iterable[str]) -> Spotter:
        """The same weights under a recipe with settings changed (decode, mostly).

        Raises UsageError for a setting that the weights were learned with.
        """
        settings = tuple(settings)
        if self.recipe.scorer.learns:
            for setting in settings:
                if not setting.strip().startswith("decode."):
                    raise UsageError(
                        f"--set {setting}: these weights were learned with the other settings; "
                        "only decode.* can be changed without training anew"
                    )
        return replace(self, recipe=self.recipe.override(settings))

    def spot(
        self,
        video: VideoSource,
        *,
        fps: Fraction | float | None = None,
        force: bool = False,
        progress: Progress | None = None,
    ) -> Spotting:
        """Find candidate micro-expressions in a video.

        Parameters
        ----------
        video : path, (T, H, W[, 3]) uint8 array, or iterable of (H, W[, 3]) uint8 frames
            A video file, a folder of images, or frames in memory; colour is blue, green, red.
        fps : Fraction or float, optional
            Frames per second; needed for everything but a video file.
        force : bool
            Spot even at an unsuitable frame rate.
        progress : callable, optional
            Called with the number of frames done and the number expected (None if unknown).

        Raises
        ------
        UnreadableInput, NoUsableFace
        UsageError
            For an unsuitable frame rate.
        """
        opened = open_source(video, fps=fps)
        notes = check_rate(opened.path, opened.fps, self.recipe.fps, force)
        described = describe_video(
            opened.path,
            self.recipe.align,
            self.recipe.descriptor,
            video=opened,
            on_frame=None if progress is None else lambda n: progress(n, opened.n_expected),
        )
        scores = self.recipe.scorer.score(described.series, self.weights)
        return self._decoded(str(opened.path), described, scores, notes)

    def _decoded(
        self, path: str, described: DescribedVideo, scores: FrameSeries, notes: list[str]
    ) -> Spotting:
        config = self.recipe.decode
        learned = float(self.weights.get("threshold", np.nan))
        found, report = described.found, described.report
        spots = decode(scores, config, learned, found)
        known = np.where(scores.all_found(found), prepared(scores, config, found), np.nan)
        grid = report.grid_of_source(scores.fps)
        frames = FrameMap(report.source_of)
        notes = [*notes, *report.notes]
        faces = described.notes.faces
        if faces > 1:
            notes.append(f"{faces} faces in one frame: the largest was followed")
        again = len(described.notes.spans) - 1
        if again > 0:
            times = f"{again} time{'' if again == 1 else 's'}"
            notes.append(f"the face was lost and found again {times}")
        return Spotting(
            path=path,
            fps=scores.fps,
            expressions=[frames.to_source(e) for e in spots],
            scores=on_every_frame(scores, known)[grid],
            found=found[grid],
            times_s=report.source_times_s,
            threshold=config.threshold_for(scores, learned, found),
            landmarks=described.landmarks[grid],
            stamps=report.stamps,
            reading=Reading(
                length=report.n_decoded,
                frames=report.n_decoded,
                fps=str(scores.fps),
                fps_source=described.fps_source,
                frames_without_face=int((~found[grid]).sum()),
                decode_failures=report.decode_failures,
                faces=faces,
            ),
            notes=notes,
            curve=Scores(
                path, scores, found, decode=config, frames=frames,
                threshold=None if np.isnan(learned) else learned,
            ),
        )  # fmt: skip

    def self_test(self) -> None:
        """Describe and score a small random clip; raises where descriptor or network do not run."""
        fps = Fraction(30) if self.recipe.fps is None else Fraction(self.recipe.fps)
        n, size = 80 + self.recipe.descriptor.span_at(fps), self.recipe.align.size
        rng = np.random.default_rng(0)
        frames = rng.integers(0, 256, (n, size, size), np.uint8)
        points = np.zeros((n, self.recipe.align.points, 2), np.float32)
        clip = FaceClip(frames, np.ones(n, np.bool_), points, np.arange(n) / float(fps), fps)
        scores = self.recipe.scorer.score(self.recipe.descriptor.describe(clip), self.weights)
        if not len(scores) or not np.isfinite(scores.values).all():
            raise RuntimeError("the network gives numbers that are not finite")

    def save(self, folder: str | Path) -> None:
        """Write the spotter's folder; every file atomically, and the hash of all weights last."""
        folder = Path(folder)
        (folder / "weights.sha256").unlink(missing_ok=True)
        write_text(folder / "recipe.toml", dumps(self.recipe))
        write_text(folder / "card.md", self.card)
        arrays = dict(self.weights)
        (folder / "network.onnx").unlink(missing_ok=True)
        if _NETWORK in arrays:
            with atomic_path(folder / "network.onnx") as path:
                path.write_bytes(arrays.pop(_NETWORK).tobytes())
        with atomic_path(folder / "weights.npz") as path, path.open("wb") as stream:
            np.savez_compressed(stream, allow_pickle=False, **arrays)
        write_text(folder / "weights.sha256", self.weights_hash + "\n")


def on_every_frame(series: FrameSeries, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """One value per row -> (n_frames,) float32: that of the nearest row's middle frame.

    NaN before the first row's middle and after the last one's.
    """
    spread = np.full(series.n_frames, np.nan, np.float32)
    frames = np.arange(series.centres[0], series.centres[-1] + 1)
    spread[frames] = values[(frames - frames[0] + series.step // 2) // series.step]
    return spread


def load_spotter(folder: str | Path | None = None) -> Spotter:
    """Read a spotter's folder; without one, the packaged default.

    Raises UnreadableInput where a file of it is missing or damaged, UsageError where it uses a
    plug-in that is not known here.
    """
    if folder is None:
        with resources.as_file(resources.files("mespot") / "spotters" / "default") as packaged:
            return load_spotter(packaged)
    folder = Path(folder)
    for name in ("recipe.toml", "weights.npz", "weights.sha256"):
        if not (folder / name).is_file():
            raise UnreadableInput(
                f"{folder}: not a spotter, {name} is missing; "
                "give a folder that `mespot train` wrote"
            )
    try:
        recipe = load_recipe(folder / "recipe.toml")
    except UnknownPlugin as error:
        raise UsageError(f"{folder}: {error}; or install the package that brings it") from error
    try:
        with np.load(folder / "weights.npz", allow_pickle=False) as stored:
            weights = {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise UnreadableInput(f"{folder / 'weights.npz'}: damaged ({error})") from error
    network = folder / "network.onnx"
    if network.is_file():
        weights[_NETWORK] = np.frombuffer(network.read_bytes(), np.uint8)
    card = folder / "card.md"
    spotter = Spotter(recipe, weights, card.read_text("utf-8") if card.is_file() else "")
    if spotter.weights_hash != (folder / "weights.sha256").read_text("utf-8").strip():
        raise UnreadableInput(
            f"{folder}: damaged, the weights do not have the hash they were saved with"
        )
    return spotter


def untrained(recipe: Recipe) -> Spotter:
    """A spotter of a recipe whose scorer learns nothing; UsageError for one that must learn."""
    if recipe.scorer.learns:
        raise UsageError(
            f"recipe {recipe.name!r} must be trained first: mespot train {recipe.name}"
        )
    return Spotter(recipe, recipe.scorer.fit([], [], recipe.seed))
