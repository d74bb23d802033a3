"""A face that no camera took: a textured card with the mean face's landmarks and dark irises.

Its texture is rich everywhere, so that displacements can be measured well below a pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from mespot.synthetic import STANDARD, Portrait, Script, ScriptConfig, make_script, still
from mespot.synthetic.actions import mean_points
from mespot.synthetic.script import curves_of
from mespot.types import Expression

if TYPE_CHECKING:
    from mespot_lab.sheets import PlannedRecording, SheetModule

SMALL = replace(STANDARD, width=400, height=208, eye_px=(60.0, 60.0))
QUIET = replace(still(SMALL), tremor=0.0)


def card(seed: int = 0, unit: float = 100.0) -> Portrait:
    """A portrait of 4 x 4.2 eye distances with the eyes' middle at (2, 1.4)."""
    rng = np.random.default_rng(seed)
    shape = (round(4.2 * unit), round(4.0 * unit))
    fine = cv2.GaussianBlur(rng.standard_normal(shape), (0, 0), 0.02 * unit)
    coarse = cv2.GaussianBlur(rng.standard_normal(shape), (0, 0), 0.06 * unit)
    grey = 130.0 + 22.0 * fine / fine.std() + 18.0 * coarse / coarse.std()
    points = mean_points() * unit + np.array([2.0, 1.4]) * unit
    image = np.repeat(np.clip(grey, 40, 230).astype(np.uint8)[..., None], 3, axis=2)
    for eye in (points[36:42], points[42:48]):
        outline = np.rint(eye).astype(np.int32)
        cv2.fillPoly(image, [outline], (245, 245, 245))
        middle = np.rint(eye.mean(axis=0)).astype(int)
        cv2.circle(image, tuple(middle.tolist()), round(0.05 * unit), (10, 10, 10), -1)
    return Portrait(f"card{seed}", image, points)


def script_of(
    config: ScriptConfig, events: list[Expression], n_frames: int, fps: float = 30.0
) -> Script:
    """A script in which these events take place and, but for the config's levels, nothing else."""
    quiet = replace(config, micro_per_minute=0.0, macro_per_minute=0.0, blink_per_minute=0.0,
                    speech_per_minute=0.0, gaze_per_minute=0.0)  # fmt: skip
    empty = make_script(quiet, 0, fps, n_frames)
    actions, closure = curves_of(events, n_frames, np.random.default_rng(1), config.tremor)
    return replace(empty, expressions=tuple(events), actions=actions, closure=closure)


def micro(units: str, size: float, frames: tuple[int, int, int] = (2, 5, 9)) -> Expression:
    """An expression with known units and amplitude (crop pixels)."""
    attributes = {"action_units": units, "amplitude_px": str(size)}
    return Expression(*frames, "micro", attributes=attributes)


def blank_images(root: Path, module: SheetModule, plan: Sequence[PlannedRecording]) -> None:
    """All images of a plan where its data set has them: each the same empty picture."""
    width, height = module.SHAPE.size
    picture = cv2.imencode(".jpg", np.full((height, width), 128, np.uint8))[1].tobytes()
    for recording in plan:
        first, *others = (root / module.frame_path(recording, i) for i in range(recording.n_frames))
        first.parent.mkdir(parents=True)
        first.write_bytes(picture)
        for path in others:
            path.hardlink_to(first)
