"""Where faces are: Viola-Jones proposes (OpenCV's cascade), dlib's detector confirms.

The cascade is fast and misses little but takes folds and foliage for faces now and then; dlib's HOG
detector errs seldom and is slow on whole frames. Each proposal is looked at once by the second.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mespot.align import crop
from mespot.align.landmarks import BOX_CENTRE, BOX_SIDE
from mespot.cache import Cache, default_root, key_of
from mespot.errors import MespotError

CASCADE = "haarcascade_frontalface_default.xml"
# The cascade looks at the frame with its shorter side at this many pixels.
SHORT_SIDE = 160
# The smallest side of a face that is looked for, as a share of the frame's shorter side.
SMALLEST_FACE = 0.15
# Frames smaller than this cannot hold a usable face.
LEAST_SHORT_SIDE = 48
SCALE_STEP = 1.15
NEIGHBOURS = 2
# The confirming look: the proposed box enlarged, at a size where dlib's 80-pixel window fits.
ENLARGE = 1.7
FACE_PIXELS = 110
# dlib's score: 0 is its own threshold; a little below, the cascade's word counts too.
LEAST_SCORE = -0.1
_DETECTOR = "frontal_face_detector.svm"


@dataclass(frozen=True)
class Face:
    """A detected face: a square box of dlib's kind in source pixels, and dlib's score."""

    x: float
    y: float
    side: float
    score: float

    def landmarks(self, n_points: int) -> NDArray[np.float64]:
        """(n_points, 2) where landmarks would lie if the face were the mean face, upright."""
        scale = self.side / BOX_SIDE
        corner = np.array([self.x, self.y]) - scale * np.array(BOX_CENTRE)
        return corner + scale * crop.control_points(n_points)


@lru_cache(maxsize=1)
def _cascade() -> Any:
    path = Path(cv2.__file__).parent / "data" / CASCADE
    cascade = cv2.CascadeClassifier(str(path)) if path.is_file() else None
    if cascade is None or cascade.empty():
        raise MespotError(
            f"{path}: OpenCV's face cascade is missing; reinstall opencv-python-headless"
        )
    return cascade


@lru_cache(maxsize=1)
def _confirmer() -> Any:
    """dlib's detector, kept as it is once it was put together, which takes a third of a second."""
    import dlib

    cache = Cache(default_root())
    key = key_of(_DETECTOR, dlib.__version__)
    kept = cache.find(key)
    if kept is not None:
        try:
            return dlib.fhog_object_detector(str(kept / _DETECTOR))
        except RuntimeError:
            cache.drop(key)
    detector = dlib.get_frontal_face_detector()
    try:
        with cache.writing(key, "dlib's face detector", {}) as folder:
            detector.save(str(folder / _DETECTOR))
    except MespotError:
        pass  # Next time it is put together again.
    return detector


def find_faces(image: NDArray[np.uint8]) -> list[Face]:
    """Faces in ``image`` (H, W) uint8, the largest first; none smaller than ``SMALLEST_FACE``."""
    faces: list[Face] = []
    for x, y, side in propose(image):
        face = confirm(image, x + side / 2, y + side / 2, side)
        if face is not None and not any(_same(face, other) for other in faces):
            faces.append(face)
    return sorted(faces, key=lambda face: -face.side)


def propose(image: NDArray[np.uint8]) -> list[tuple[float, float, float]]:
    """The cascade's boxes (x, y, side) in source pixels."""
    short = min(image.shape)
    if short < LEAST_SHORT_SIDE:
        return []
    scale = SHORT_SIDE / short
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.equalizeHist(cv2.resize(image, None, fx=scale, fy=scale, interpolation=how))
    least = max(24, int(SMALLEST_FACE * SHORT_SIDE))
    boxes = _cascade().detectMultiScale(small, SCALE_STEP, NEIGHBOURS, minSize=(least, least))
    return [(x / scale, y / scale, w / scale) for x, y, w, _ in np.asarray(boxes).reshape(-1, 4)]


def confirm(image: NDArray[np.uint8], x: float, y: float, side: float) -> Face | None:
    """dlib's best face in the surroundings of a box with centre (x, y), or None."""
    half = ENLARGE * side / 2
    height, width = image.shape
    left, top = max(0, int(x - half)), max(0, int(y - half))
    part = image[top : min(height, int(y + half)), left : min(width, int(x + half))]
    scale = FACE_PIXELS / side
    if min(part.shape) * scale < 40:
        return None
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(part, None, fx=scale, fy=scale, interpolation=how)
    boxes, scores, _ = _confirmer().run(small, 0, LEAST_SCORE)
    if not boxes:
        return None
    best = int(np.argmax(scores))
    box = boxes[best]
    centre = (np.array([box.left() + box.right(), box.top() + box.bottom()]) / 2 + 0.5) / scale
    return Face(left + centre[0], top + centre[1], box.width() / scale, float(scores[best]))


def _same(a: Face, b: Face) -> bool:
    """Whether two boxes are one face."""
    return max(abs(a.x - b.x), abs(a.y - b.y)) < 0.5 * max(a.side, b.side)
