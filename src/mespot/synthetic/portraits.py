"""Portraits with 68 landmarks: what synthetic recordings are animated from."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mespot.align.landmarks import model_path
from mespot.errors import NoUsableFace, UnreadableInput

_MODEL_FILE = "shape_predictor_68_face_landmarks.dat"
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")

# Vertices of the 468-point MediaPipe face mesh that lie nearest to the 68 iBUG points.
IBUG_OF_MESH = (
    127, 234, 93, 132, 58, 172, 150, 149, 152, 378, 379, 397, 288, 361, 323, 454, 356,
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300,
    168, 197, 5, 4, 75, 97, 2, 326, 305,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87,
)  # fmt: skip


@dataclass(frozen=True)
class Portrait:
    """A photograph of one face.

    Attributes
    ----------
    id : str
        Also the subject of the recordings made from it.
    image : (H, W, 3) uint8, BGR
    points : (68, 2) float64
        iBUG order, x and y in image pixels.
    """

    id: str
    image: NDArray[np.uint8]
    points: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.image.ndim != 3 or self.image.shape[2] != 3 or self.image.dtype != np.uint8:
            raise ValueError(f"portrait {self.id}: image must be (H, W, 3) uint8")
        if self.points.shape != (68, 2) or not np.isfinite(self.points).all():
            raise ValueError(f"portrait {self.id}: points must be (68, 2) and finite")


def load_portraits(folder: Path | None) -> list[Portrait]:
    """All portraits of a folder, by name; the packaged photographs of other libraries for None.

    A ``landmarks.json`` in the folder maps file names to ``{"width", "height", "points"}`` with 468
    (MediaPipe mesh) or 68 (iBUG) points; an image that it does not name gets dlib's 68 points.

    Raises
    ------
    UnreadableInput
        If the folder or an image cannot be read, or the landmarks do not fit.
    NoUsableFace
        If an image without landmarks shows no face.
    MespotError
        If landmarks must be found and dlib's model is not installed.
    """
    if folder is None:
        return [_with_found_points(name, path) for name, path in packaged_photographs()]
    if not folder.is_dir():
        raise UnreadableInput(f"{folder}: no such folder of portraits")
    images = sorted(p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES)
    if not images:
        raise UnreadableInput(f"{folder}: holds no image ({', '.join(IMAGE_SUFFIXES)})")
    _refuse_clashes(images)
    known = _read_landmarks(folder / "landmarks.json")
    return [
        _with_known_points(path, known[path.name]) if path.name in known
        else _with_found_points(path.stem, path)
        for path in images
    ]  # fmt: skip


def _refuse_clashes(images: list[Path]) -> None:
    seen: dict[str, Path] = {}
    for path in images:
        if path.stem in seen:
            raise UnreadableInput(
                f"{path}: {seen[path.stem].name} has the same stem, so that both would be one "
                "subject; rename one"
            )
        seen[path.stem] = path


def _read_landmarks(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        known = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UnreadableInput(f"{path}: cannot read the landmarks ({error})") from error
    if not isinstance(known, dict):
        raise UnreadableInput(f"{path}: must map file names to width, height and points")
    return known


def _with_known_points(path: Path, entry: Any) -> Portrait:
    image = _read(path)
    try:
        points = np.asarray(entry["points"], dtype=np.float64)[:, :2]
        size = np.array([entry["width"], entry["height"]], dtype=np.float64)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise UnreadableInput(
            f"{path.name} in landmarks.json: needs width, height, points"
        ) from error
    if len(points) not in (68, 468) or not np.isfinite(points).all():
        raise UnreadableInput(
            f"{path.name} in landmarks.json: {len(points)} points; needs 68 (iBUG) or 468 (mesh)"
        )
    if len(points) == 468:
        points = points[list(IBUG_OF_MESH)]
    return Portrait(path.stem, image, points * np.array(image.shape[1::-1]) / size)


def _with_found_points(name: str, path: Path) -> Portrait:
    """A portrait with the landmarks of dlib's 68-point model on its largest frontal face."""
    import dlib

    image = _read(path)
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    # Doubling takes a second or two; it finds smaller faces, and boxes all faces better.
    boxes: Any = dlib.get_frontal_face_detector()(grey, 1 if min(grey.shape) < 600 else 0)
    if not len(boxes):
        raise NoUsableFace(f"{path}: no frontal face found; name its points in landmarks.json")
    box = max(boxes, key=lambda b: b.area())
    shape = dlib.shape_predictor(str(model_path(_MODEL_FILE)))(grey, box)
    points = np.array([(shape.part(i).x, shape.part(i).y) for i in range(68)], dtype=np.float64)
    return Portrait(name, image, points)


def packaged_photographs() -> list[tuple[str, Path]]:
    """Public-domain portraits that come with installed libraries."""
    import matplotlib

    found = [
        ("grace_hopper", Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg")
    ]
    spec = importlib.util.find_spec("skimage")
    if spec is not None and spec.origin is not None:
        found.append(("astronaut", Path(spec.origin).parent / "data" / "astronaut.png"))
    found = [(name, path) for name, path in found if path.is_file()]
    if not found:
        raise UnreadableInput("no packaged portrait is installed; give a folder with --portraits")
    return found


def _read(path: Path) -> NDArray[np.uint8]:
    try:
        data = np.frombuffer(path.read_bytes(), dtype=np.uint8)
        image = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    except (OSError, cv2.error) as error:
        raise UnreadableInput(f"{path}: cannot read the image ({error})") from error
    if image is None:
        raise UnreadableInput(f"{path}: not an image")
    return np.asarray(image, dtype=np.uint8)
