"""Micro-expressions of known truth in real footage: the skin of registered crops is displaced.

Real heads, real light and real blinks then surround movements whose onset, apex and offset are
known. The crop is registered to the mean face, so that the fields of the mean face fit it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from mespot.align.crop import EYES_AT, SIDE_IN_EYE_DISTANCES
from mespot.synthetic.actions import NAMES, fields, mean_points
from mespot.synthetic.config import STANDARD, ScriptConfig, still
from mespot.synthetic.sampling import sample
from mespot.synthetic.scene import CROP_SIDE
from mespot.synthetic.script import curves_of, make_script, with_actions
from mespot.synthetic.warp import SHADE
from mespot.types import Expression, FaceClip


def draw_micros(
    n_frames: int,
    fps: Fraction,
    seed: int,
    config: ScriptConfig = STANDARD,
    found: NDArray[np.bool_] | None = None,
) -> list[Expression]:
    """Random micro-expressions to inject: ``config.micro_per_minute`` of them, without overlap.

    Those that touch a frame that is not ``found`` (n_frames,) are left out.
    """
    drawn = make_script(still(config), seed, fps, n_frames).expressions
    if found is None:
        return list(drawn)
    return [e for e in drawn if found[e.onset : e.offset + 1].all()]


def inject(
    clip: FaceClip, expressions: Sequence[Expression], seed: int, config: ScriptConfig = STANDARD
) -> FaceClip:
    """A clip in which the expressions take place, everything else unchanged to the bit.

    Parameters
    ----------
    clip : FaceClip
        Square registered crops (``mespot.align``).
    expressions : sequence of Expression
        Micro or macro; frames count from the clip's first. The attributes ``action_units`` (such as
        ``"4+7"``, ``"12L"``) and ``amplitude_px`` (peak in pixels of a 150-pixel crop) are drawn
        from the seed where they are missing: ``complete`` returns what is drawn.
    seed : int
        Decides everything that is not given.

    Raises
    ------
    ValueError
        If the crops are not square or an expression ends after the clip.
    UsageError
        If an action unit is not known.
    """
    n, height, width = clip.frames.shape
    if height != width:
        raise ValueError(f"crops must be square, not {width} x {height}")
    for event in expressions:
        if event.offset >= n:
            raise ValueError(f"an expression ends at frame {event.offset} of a clip of {n} frames")
    ready = complete(expressions, seed, config)
    actions, _ = curves_of(ready, n, np.random.default_rng([seed, 6]), config.tremor)
    if not actions:
        return clip
    names = list(actions)
    amounts = np.stack([actions[name] for name in names], axis=1).astype(np.float32)
    moving = _crop_fields(width)[[NAMES.index(name) for name in names]]
    frames = clip.frames.copy()
    for i in np.flatnonzero(np.abs(amounts).max(axis=1) > 1e-4):
        if clip.found[i]:
            total = np.tensordot(amounts[i], moving, axes=1)
            frames[i] = _displace(clip.frames[i], total, config.shading)
    return replace(clip, frames=frames)


def inject_random(
    clip: FaceClip, seed: int, config: ScriptConfig = STANDARD
) -> tuple[FaceClip, list[Expression]]:
    """Inject random micro-expressions where the face is found; the clip and its added truth."""
    drawn = draw_micros(len(clip), clip.fps, seed, config, clip.found)
    return inject(clip, drawn, seed, config), drawn


def complete(
    expressions: Sequence[Expression], seed: int, config: ScriptConfig = STANDARD
) -> list[Expression]:
    """The expressions with the apex, units and amplitudes that ``inject`` uses for this seed."""
    return with_actions(expressions, np.random.default_rng([seed, 5]), config)


def _crop_fields(size: int) -> NDArray[np.float32]:
    """(K, size, size, 3): displacement x, y in pixels per crop pixel, and the skin's stretch."""
    fraction = (np.arange(size) + 0.5) / size
    x, y = np.meshgrid(
        (fraction - EYES_AT[0]) * SIDE_IN_EYE_DISTANCES,
        (fraction - EYES_AT[1]) * SIDE_IN_EYE_DISTANCES,
    )
    vectors = fields(mean_points(), x, y) * (size / CROP_SIDE)
    stretch = np.gradient(vectors[..., 0], axis=2) + np.gradient(vectors[..., 1], axis=1)
    return np.concatenate([vectors, stretch[..., None]], axis=-1).astype(np.float32)


def _displace(
    frame: NDArray[np.uint8], total: NDArray[np.float32], shading: float
) -> NDArray[np.uint8]:
    """The frame with its skin moved by (h, w, 3); pixels that stay are not touched."""
    h, w = frame.shape
    x, y = np.meshgrid(np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32))
    # A short kernel would soften the moving skin, and softness would give the event away.
    where = np.stack([x - total[..., 0], y - total[..., 1]], axis=-1)
    moved = sample(frame, where, fine=True).astype(np.float32)
    moved *= 1.0 + np.clip(SHADE * shading * total[..., 2], -0.15, 0.10)
    still_here = np.hypot(total[..., 0], total[..., 1]) < 0.02
    return np.where(still_here, frame, np.clip(np.rint(moved), 0, 255).astype(np.uint8))
