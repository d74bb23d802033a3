"""A Spotter: a recipe and what was learned with it, kept as a folder of plain files.

recipe.toml     every choice
weights.npz     arrays (read without pickle)
network.onnx    the network that scores, where the scorer has one
card.md         what it was trained on, what was measured, known failures
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from mespot import registry
from mespot.align import Align
from mespot.decoding import Decode, decode, prepared
from mespot.errors import UnreadableInput, UsageError
from mespot.files import atomic_path, write_text
from mespot.pipeline import Described, check_rate, describe_video
from mespot.recipe import Recipe, dumps, load_recipe, make_dataclass
from mespot.types import Expression, FrameSeries
from mespot.video import open_video

if TYPE_CHECKING:
    from mespot.protocol import Weights

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
    facts : how the video was read, for run.json
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
    facts: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Spotter:
    """A recipe with learned weights."""

    recipe: Recipe
    weights: Weights
    card: str = ""

    @property
    def descriptor(self) -> Any:
        return registry.build("descriptors", self.recipe.descriptor)

    @property
    def scorer(self) -> Any:
        return registry.build("scorers", self.recipe.scorer)

    @property
    def align_config(self) -> Align:
        config: Align = make_dataclass(Align, self.recipe.align, where="align")
        return config

    @property
    def decode_config(self) -> Decode:
        config: Decode = make_dataclass(Decode, self.recipe.decode, where="decode")
        return config

    @property
    def weights_hash(self) -> str:
        """SHA-256 of names, types, shapes and bytes of all arrays."""
        digest = hashlib.sha256()
        for name in sorted(self.weights):
            array = np.ascontiguousarray(self.weights[name])
            digest.update(f"{name} {array.dtype.str} {array.shape} ".encode())
            digest.update(array.tobytes())
        return digest.hexdigest()

    def with_settings(self, settings: tuple[str, ...]) -> Spotter:
        """The same weights under a recipe with settings changed (decode, mostly)."""
        if getattr(self.scorer, "learns", True):
            for setting in settings:
                if not setting.strip().startswith("decode."):
                    raise UsageError(
                        f"--set {setting}: these weights were learned with the other settings; "
                        "only decode.* can be changed without training anew"
                    )
        changed = Spotter(self.recipe.override(settings), self.weights, self.card)
        changed.check()
        return changed

    def check(self) -> None:
        """Raise UsageError for any setting of the recipe that is unknown or out of range."""
        for _ in (self.align_config, self.descriptor, self.scorer, self.decode_config):
            pass

    def spot(
        self,
        path: str | Path,
        *,
        fps: Fraction | None = None,
        force: bool = False,
        on_frame: Callable[[int, int | None], None] | None = None,
    ) -> Spotting:
        """Find candidate micro-expressions in a video file or a folder of images.

        Raises UnreadableInput, NoUsableFace, or UsageError for an unsuitable frame rate.
        """
        video = open_video(path, fps=fps)
        notes = check_rate(path, video.fps, self.recipe.fps, force)
        described = describe_video(
            path,
            self.align_config,
            self.descriptor,
            video=video,
            on_frame=None if on_frame is None else lambda n: on_frame(n, video.n_expected),
        )
        scores = self.scorer.score(described.series, self.weights)
        return self._decoded(str(path), described, scores, notes)

    def _decoded(
        self, path: str, described: Described, scores: FrameSeries, notes: list[str]
    ) -> Spotting:
        config = self.decode_config
        learned = float(self.weights.get("threshold", np.nan))
        spots = decode(scores, config, learned, described.found)
        curve = prepared(scores, config, described.found)
        lost = np.concatenate([[0], np.cumsum(~described.found)])
        begin = scores.first + np.arange(len(scores)) * scores.step
        known = np.where(lost[begin + scores.span] > lost[begin], np.nan, curve)
        on_grid = on_every_frame(scores, known)
        grid = described.grid_of_source
        report = described.report
        facts = {
            "frames": int(report.n_decoded),
            "fps": float(scores.fps),
            "fps_source": described.fps_source,
            "frames_without_face": int((~described.found[grid]).sum()),
            "decode_failures": int(report.decode_failures),
            "faces": described.notes.faces,
        }
        notes = [*notes, *report.notes]
        faces = described.notes.faces
        if faces > 1:
            notes.append(f"{faces} faces in one frame: the largest was followed")
        if len(described.notes.spans) > 1:
            notes.append(
                f"the face was lost and found again {len(described.notes.spans) - 1} times"
            )
        return Spotting(
            path=path,
            fps=scores.fps,
            expressions=[described.to_source(e) for e in spots],
            scores=on_grid[grid],
            found=described.found[grid],
            times_s=report.source_times_s,
            threshold=config.threshold_for(scores, learned, described.found),
            landmarks=described.landmarks[grid],
            stamps=report.stamps,
            facts=facts,
            notes=notes,
        )

    def self_test(self) -> None:
        """Score a small random series; raises where the network does not run."""
        width = self.weights.get("width", 1)
        columns = len(self.weights["mean"]) if "mean" in self.weights else int(width)
        rng = np.random.default_rng(0)
        rows = rng.normal(size=(80, columns)).astype(np.float32)
        scores = self.scorer.score(FrameSeries(rows, 0, 1, 1, 80, Fraction(30)), self.weights)
        if not np.isfinite(scores.values).all():
            raise RuntimeError("the packaged network gives numbers that are not finite")

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

    Raises UnreadableInput where a file of it is missing or damaged.
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
    recipe = load_recipe(folder / "recipe.toml")
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
    scorer = registry.build("scorers", recipe.scorer)
    if getattr(scorer, "learns", True):
        raise UsageError(
            f"recipe {recipe.name!r} must be trained first: mespot train {recipe.name}"
        )
    return Spotter(recipe, scorer.fit([], [], recipe.seed))
