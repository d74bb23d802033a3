"""Portraits moved rigidly by known amounts: what alignment is tested and measured on.

Not a test itself; tests and benchmarks import it. Portraits come from the folder ``shared/faces``
beside the project where there is one, else matplotlib's sample picture serves.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from mespot.align import crop
from mespot.align.detect import find_faces
from mespot.align.landmarks import measure
from mespot.video.pixels import Luma

SHARED = Path(__file__).resolve().parents[2] / "shared"
SIZE = (640, 480)


@dataclass(frozen=True)
class StillFrame:
    """The same attributes as a video's frame."""

    image: NDArray[np.uint8]
    time_s: float
    source: int

    @property
    def luma(self) -> Luma:
        return Luma(self.image)


def portraits() -> list[Path]:
    """Pictures of one face each."""
    faces = sorted((SHARED / "faces").glob("*.jpg"))
    if faces:
        return faces
    import matplotlib

    return [Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"]


@lru_cache(maxsize=4)
def portrait(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Grey picture and its landmarks (5, 2)."""
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    landmarks = find_faces(image)[0].landmarks(5)
    for _ in range(3):
        landmarks, _ = measure(image, landmarks)
    return image, landmarks


def motion(landmarks: NDArray, n: int, eyes: float = 70.0, fps: float = 25.0) -> NDArray:
    """(n, 2, 3) similarities picture -> frame of a slowly nodding, turning, nearing head.

    ``eyes`` is the distance between the eye centres in the frames, in pixels.
    """
    t = np.arange(n)[:, None] / fps
    sway = np.sin(t * [0.9, 3.1, 0.7, 4.0, 0.8, 2.7, 0.6] + [1.0, 4.0, 0.3, 2.0, 5.0, 3.0, 0.6])
    sway = sway - sway[0]
    x = SIZE[0] / 2 + (9 * sway[:, 0] + 2.5 * sway[:, 1]) * eyes / 70
    y = SIZE[1] * 0.4 + (6 * sway[:, 2] + 1.5 * sway[:, 3]) * eyes / 70
    angle = np.deg2rad(3 * sway[:, 4] + 0.5 * sway[:, 5])
    scale = eyes / crop.eye_distance(landmarks) * (1 + 0.04 * sway[:, 6])
    return _similarities(landmarks[:4].mean(0), x, y, angle, scale)


def stillness(landmarks: NDArray, n: int, eyes: float = 70.0) -> NDArray:
    """(n, 2, 3) similarities of a head that does not move."""
    return np.repeat(motion(landmarks, 1, eyes), n, axis=0)


def _similarities(
    pivot: NDArray, x: NDArray, y: NDArray, angle: NDArray, scale: NDArray
) -> NDArray[np.float64]:
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    turn = np.stack([np.stack([c, -s], -1), np.stack([s, c], -1)], 1)
    return np.concatenate([turn, (np.stack([x, y], -1) - turn @ pivot)[:, :, None]], axis=2)


def render(
    image: NDArray[np.uint8], motions: NDArray, noise: float = 2.0, seed: int = 0
) -> Iterator[NDArray[np.uint8]]:
    """Frames of the picture moved by ``motions``, with Gaussian noise of that many grey levels."""
    rng = np.random.default_rng(seed)
    reduction = 1 / crop.scale_of(motions[0])
    soft = image.astype(np.float32)
    if reduction > 1:
        soft = cv2.GaussianBlur(soft, (0, 0), 0.5 * np.sqrt(reduction**2 - 1) + 0.01)
    # One large field of noise, from which every frame takes another part: drawing is slow.
    field = noise * rng.standard_normal((SIZE[1] + 97, SIZE[0] + 101), dtype=np.float32)
    for i, matrix in enumerate(motions):
        frame = cv2.warpAffine(
            soft, matrix, SIZE, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        y, x = (31 * i) % 97, (47 * i) % 101
        frame += field[y : y + SIZE[1], x : x + SIZE[0]]
        yield np.clip(np.rint(frame), 0, 255).astype(np.uint8)


def recode(
    frames: Iterable[NDArray[np.uint8]], crf: int = 23, preset: str = "medium"
) -> Iterator[NDArray[np.uint8]]:
    """The frames after H.264 and back, in memory."""
    memory = io.BytesIO()
    with av.open(memory, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": str(crf), "preset": preset, "threads": "1"}
        for image in frames:
            frame = av.VideoFrame.from_ndarray(image, format="gray").reformat(format="yuv420p")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    memory.seek(0)
    with av.open(memory) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="gray")


def timed(images: Iterable[NDArray[np.uint8]], fps: float = 25.0) -> Iterator[StillFrame]:
    """Images as frames."""
    for i, image in enumerate(images):
        yield StillFrame(image, i / fps, i)


def wander(points: NDArray, motions: NDArray, unit: float) -> NDArray[np.float64]:
    """(T, n, 2) where followed points lie on the picture, in units of ``unit`` frame pixels.

    ``points`` (T, n, 2) in frame pixels. Points that follow the head perfectly do not move.
    """
    back = np.array([crop.apply(crop.invert(m), p) for m, p in zip(motions, points)])
    return back * crop.scale_of(motions[0]) / unit


def jitter(wandering: NDArray) -> float:
    """RMS of the move from frame to frame."""
    return float(np.sqrt((np.diff(wandering, axis=0) ** 2).sum(-1).mean()))


def rigid_error(wandering: NDArray) -> float:
    """RMS distance from where the points are in the mean."""
    return float(np.sqrt(((wandering - wandering.mean(0)) ** 2).sum(-1).mean()))
