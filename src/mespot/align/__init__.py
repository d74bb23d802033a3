"""From frames to registered face crops: the paper's section "Pre-processing".

detect.py finds the face (Viola-Jones), track.py follows it (KLT), landmarks.py anchors it (dlib's 5
points), face_tracker.py joins the three, smooth.py smooths the landmarks in time, register.py lays
the face into the crop (Local Weighted Mean) whose geometry is in crop.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from mespot.align.config import Align
from mespot.types import FaceClip

if TYPE_CHECKING:
    from mespot.video import Frame

__all__ = ["Align", "align", "concatenate"]


def align(
    frames: Iterable[Frame], config: Align, fps: Fraction, chunk: int = 256
) -> Iterator[FaceClip]:
    """Registered crops of consecutive frames, ``chunk`` at a time, in bounded memory.

    Every frame has its crop. Where no face is followed, ``found`` is False, the landmarks are NaN
    and the crop before is held (zeros before the first). ``chunk`` changes nothing but the cuts.
    ``Aligner`` does the same and keeps notes.

    Raises MespotError if a model file is missing.
    """
    from mespot.align.aligner import Aligner

    return Aligner(config, fps).clips(frames, chunk)


def concatenate(clips: Iterable[FaceClip]) -> FaceClip:
    """One clip of consecutive clips. Raises ValueError if there are none or they do not fit."""
    parts = list(clips)
    if not parts:
        raise ValueError("there is no clip to join")
    if len({(p.fps, p.frames.shape[1:], p.landmarks.shape[1:]) for p in parts}) > 1:
        raise ValueError("the clips differ in frame rate, crop size or landmarks")
    joined = {
        name: np.concatenate([getattr(p, name) for p in parts])
        for name in ("frames", "found", "landmarks", "times_s")
    }
    return FaceClip(**joined, fps=parts[0].fps)
