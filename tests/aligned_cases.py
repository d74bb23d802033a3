"""The whole aligner on moving portraits: what its tests share."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from mespot.align import Align, concatenate, crop
from mespot.align.aligner import Aligner, AlignNotes
from mespot.align.register import basis
from mespot.types import FaceClip
from moving_portrait import motion, portrait, portraits, render, timed, wander

FPS = Fraction(25)
GRID = np.stack(np.meshgrid(np.linspace(0.1, 0.9, 7), np.linspace(0.1, 0.9, 7)), -1).reshape(-1, 2)


def weighted_similarity(source: NDArray, target: NDArray, weights: NDArray) -> NDArray:
    """(2, 3) similarity from (n, 2) points to others by weighted least squares, solved as such."""
    root = np.sqrt(weights)[:, None]
    one, zero = np.ones(len(source)), np.zeros(len(source))
    x = np.stack([source[:, 0], -source[:, 1], one, zero], 1) * root
    y = np.stack([source[:, 1], source[:, 0], zero, one], 1) * root
    a, b, right, down = np.linalg.lstsq(np.concatenate([x, y]), (target * root).T.ravel())[0]
    return np.array([[a, -b, right], [b, a, down]])


def run(
    images: Iterable[NDArray], config: Align | None = None, chunk: int = 256
) -> tuple[FaceClip, AlignNotes]:
    aligner = Aligner(config or Align(), FPS)
    return concatenate(aligner.clips(timed(images), chunk)), aligner.notes


def map_error(clip: FaceClip, motions: NDArray) -> NDArray:
    """How the places that the crop shows wander on the face, in pixels of a 150-pixel crop."""
    found = np.flatnonzero(clip.found)
    landmarks = clip.landmarks[found].astype(float)
    points = crop.control_points(landmarks.shape[1])
    unit = crop.scale_of(crop.crop_to_source(landmarks[0])) / 150
    return wander(basis(points, GRID) @ landmarks, motions[found], unit)


def scene(n: int, face: int = 0) -> tuple[list[NDArray], NDArray]:
    image, points = portrait(portraits()[face % len(portraits())])
    motions = motion(points, n)
    return list(render(image, motions)), motions
