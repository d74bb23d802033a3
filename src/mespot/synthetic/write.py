"""Synthetic recordings on disk: MP4 files and the truth beside them.

A folder of recordings holds ``recordings.csv``, ``events.csv`` (with the further columns
``action_units``, ``amplitude_px`` and, for blinks, ``closure``), ``run.json`` with the settings,
and the videos. A video appears under its name only when it is complete, so that an interrupted run
goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from mespot.errors import UnreadableInput, UsageError
from mespot.exports.csv import write_events, write_recordings
from mespot.files import atomic_path, refuse_standing, write_text
from mespot.synthetic.config import STANDARD, ScriptConfig
from mespot.synthetic.portraits import Portrait
from mespot.synthetic.render import render
from mespot.synthetic.script import make_script
from mespot.types import Recording
from mespot.version import __version__


@dataclass(frozen=True)
class DatasetRequest:
    """Which recordings to make. The number of recordings can grow later; the rest is fixed."""

    n_recordings: int = 22
    seconds: float = 60.0
    fps: Fraction = Fraction(30)
    seed: int = 0
    config: ScriptConfig = STANDARD

    def __post_init__(self) -> None:
        if self.n_recordings < 1 or self.seconds <= 0 or self.fps <= 0 or self.seed < 0:
            raise ValueError(
                "recordings, seconds and fps must be positive and the seed not negative, not "
                f"{self.n_recordings}, {self.seconds}, {self.fps}, {self.seed}"
            )


def render_recording(
    portrait: Portrait, out_dir: Path, name: str, config: ScriptConfig, seed: int,
    seconds: float, fps: Fraction | float,
) -> Recording:  # fmt: skip
    """Write ``out_dir/name.mp4`` (H.264, constant frame rate) and return its truth.

    The subject is the portrait's id. Raises ValueError if the face does not fit the frame.
    """
    return _recording(portrait, (out_dir, name), (config, seed), (seconds, fps), make=True)


def write_dataset(
    portraits: Sequence[Portrait],
    out_dir: Path,
    plan: DatasetRequest,
    on_done: Callable[[Recording, bool], None] | None = None,
) -> list[Recording]:
    """Make a folder of recordings, the portraits taking turns; finished ones are kept.

    ``on_done`` is called after each with the recording and whether it was made now. The tables are
    brought up to date after every recording.

    Raises
    ------
    UsageError
        If the folder holds recordings made with other settings.
    """
    if not portraits:
        raise UsageError("there is no portrait to animate")
    _claim(out_dir, portraits, plan)
    done: list[Recording] = []
    for index in range(plan.n_recordings):
        portrait = portraits[index % len(portraits)]
        name = f"{portrait.id}_{index // len(portraits):02d}"
        made = not (out_dir / f"{name}.mp4").is_file()
        seed = int(np.random.SeedSequence([plan.seed, index]).generate_state(1)[0])
        done.append(
            _recording(
                portrait, (out_dir, name), (plan.config, seed), (plan.seconds, plan.fps), made
            )
        )
        if made or index == plan.n_recordings - 1:
            write_recordings(out_dir / "recordings.csv", done)
            write_events(out_dir / "events.csv", {r.id: r.expressions for r in done}, done)
        if on_done is not None:
            on_done(done[-1], made)
    return done


def encode(path: Path, frames: Iterable[NDArray[np.uint8]], fps: Fraction, crf: int) -> None:
    """Write planar yuv420p frames (3 H / 2, W) as H.264 in MP4, atomically, one frame per tick."""
    with atomic_path(path) as temporary, av.open(str(temporary), "w") as container:
        stream: Any = None
        for i, planes in enumerate(frames):
            if stream is None:
                stream = container.add_stream("libx264", rate=fps)
                stream.width, stream.height = planes.shape[1], planes.shape[0] * 2 // 3
                stream.pix_fmt = "yuv420p"
                stream.codec_context.thread_count = 1
                stream.codec_context.time_base = 1 / fps
                stream.options = {"preset": "veryfast", "crf": str(crf)}
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts, frame.time_base = i, 1 / fps
            container.mux(stream.encode(frame))
        if stream is not None:
            container.mux(stream.encode(None))


def portraits_sha256(portraits: Sequence[Portrait]) -> str:
    """One number for all names, pixels and landmarks, in their order."""
    faces = hashlib.sha256()
    for portrait in portraits:
        faces.update(portrait.id.encode() + portrait.image.tobytes() + portrait.points.tobytes())
    return faces.hexdigest()


def _recording(
    portrait: Portrait, place: tuple[Path, str], how: tuple[ScriptConfig, int],
    length: tuple[float, Fraction | float], make: bool,
) -> Recording:  # fmt: skip
    """The truth of a recording, drawn anew from its seed; with ``make`` the video as well."""
    (out_dir, name), (config, seed) = place, how
    seconds, fps = length[0], Fraction(length[1]).limit_denominator(1001)
    script = make_script(config, seed, fps, max(1, round(seconds * fps)))
    path = out_dir / f"{name}.mp4"
    if make:
        low, high = config.crf
        crf = int(np.random.default_rng([seed, 4]).integers(low, high + 1))
        encode(path, render(portrait, script, config, seed), fps, crf)
    return Recording(
        name, portrait.id, fps, script.n_frames, "synthetic", str(path), script.expressions
    )


def _claim(out_dir: Path, portraits: Sequence[Portrait], plan: DatasetRequest) -> None:
    """Write ``run.json``, or check that the folder was begun with the same settings."""
    settings = {
        "what": "synthetic recordings", "version": __version__, "seconds": plan.seconds,
        "fps": str(plan.fps), "seed": plan.seed, "config": asdict(plan.config),
        "portraits": [p.id for p in portraits], "portraits_sha256": portraits_sha256(portraits),
    }  # fmt: skip
    text = json.dumps(settings, indent=1) + "\n"
    path = out_dir / "run.json"
    if not path.is_file():
        if any(out_dir.glob("*.mp4")):
            raise UsageError(f"{out_dir}: holds videos of another origin; choose another folder")
        tables = (out_dir / "recordings.csv", out_dir / "events.csv")
        refuse_standing(tables, "choose another folder")
        write_text(path, text)
        return
    try:
        begun = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UnreadableInput(f"{path}: cannot be read ({error})") from error
    if isinstance(begun, dict) and isinstance(begun.get("config"), dict):
        # A field that came later has the default with which all was made before.
        begun["config"] = {**json.loads(json.dumps(asdict(STANDARD))), **begun["config"]}
    now = json.loads(text)
    for key, value in now.items():
        if not isinstance(begun, dict) or begun.get(key) != value:
            raise UsageError(
                f"{out_dir}: was begun with another {key}; choose another folder or delete this one"
            )
