"""Where a portrait stands in the frame: the still picture that every frame is sampled from.

The *plate* is the neutral scene at twice the frame's size, low-passed to what the frame can show,
so that one bilinear sample per output pixel neither aliases nor changes its sharpness with the
sub-pixel phase of the head. Beyond the portrait's edges it continues as an ever softer backdrop.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mespot.align.crop import SIDE_IN_EYE_DISTANCES
from mespot.synthetic.config import ScriptConfig
from mespot.synthetic.portraits import Portrait

OVERSAMPLING = 2
CROP_SIDE = 150


@dataclass(frozen=True)
class FaceFrame:
    """The face's own axes: origin midway between the eyes, x along them, unit 1 eye distance.

    Attributes
    ----------
    origin : (2,) float64, in pixels
    unit : float
        Distance between the eye centres in pixels.
    angle : float
        Of the eye line against the image's x axis, radians.
    """

    origin: NDArray[np.float64]
    unit: float
    angle: float

    @classmethod
    def of(cls, points: NDArray[np.float64]) -> FaceFrame:
        """The axes of a face with these 68 points in pixels."""
        left, right = points[36:42].mean(axis=0), points[42:48].mean(axis=0)
        x, y = right - left
        return cls((left + right) / 2.0, float(np.hypot(x, y)), float(np.arctan2(y, x)))

    @property
    def axes(self) -> NDArray[np.float64]:
        """(2, 2): rows are the face's x and y axes in pixels, one eye distance long."""
        c, s = np.cos(self.angle), np.sin(self.angle)
        return self.unit * np.array([[c, s], [-s, c]])

    @property
    def pixels_per_crop_pixel(self) -> float:
        """Size of one pixel of the 150-pixel face crop in pixels of this picture."""
        return self.unit * SIDE_IN_EYE_DISTANCES / CROP_SIDE

    def to_face(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Pixels (..., 2) to the face's axes."""
        return (points - self.origin) @ self.axes.T / self.unit**2

    def to_pixels(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """The face's axes (..., 2) to pixels."""
        return points @ self.axes + self.origin


@dataclass(frozen=True)
class Scene:
    """A portrait placed in a frame.

    Attributes
    ----------
    luma : (2 H, 2 W) uint8
        Luma above black (limited range, 0 to 219).
    chroma : (H, W, 2) uint8
    points : (68, 2) float64
        Landmarks in pixels of the frame.
    face : FaceFrame
    """

    luma: NDArray[np.uint8]
    chroma: NDArray[np.uint8]
    points: NDArray[np.float64]
    face: FaceFrame


def place(portrait: Portrait, config: ScriptConfig, rng: np.random.Generator) -> Scene:
    """Choose size, position and roll of the face in the frame, and paint the plate.

    Raises ValueError if the eye distance does not leave room for a face in the frame.
    """
    w, h = config.width, config.height
    eye = float(rng.uniform(config.eye_px[0], config.eye_px[1]))
    if 3.0 * eye > w or 2.8 * eye > h:
        raise ValueError(f"an eye distance of {eye:.0f} px does not fit a frame of {w} x {h}")
    source = FaceFrame.of(portrait.points)
    # Hair that the portrait cuts off must be cut off by the frame too: both upper edges stay near.
    # What is missing below is clothes, which continue well enough. The chin, 1.7 eye distances
    # below the eyes, stays inside.
    above = source.origin[1] * eye / source.unit
    height = min(h * rng.normal(0.44, 0.02), above + h * rng.uniform(0.0, 0.05))
    centre = np.array(
        [
            np.clip(w * rng.normal(0.5, 0.04), 1.5 * eye, w - 1.5 * eye),
            min(max(height, 0.9 * eye), h - 1.9 * eye),
        ]
    )
    target = FaceFrame(centre, eye, np.radians(rng.normal(0.0, 1.5)))
    plate = _paint(portrait.image, source, target, (w, h))
    planes = cv2.cvtColor(plate, cv2.COLOR_BGR2YUV_I420)
    luma = np.maximum(planes[: plate.shape[0]], 16) - np.uint8(16)
    chroma = planes[plate.shape[0] :].reshape(2, h, w).transpose(1, 2, 0)
    points = target.to_pixels(source.to_face(portrait.points))
    return Scene(luma, np.ascontiguousarray(chroma), points, FaceFrame.of(points))


def _paint(
    image: NDArray[np.uint8], source: FaceFrame, target: FaceFrame, size: tuple[int, int]
) -> NDArray[np.uint8]:
    """The plate in BGR, (2 H, 2 W, 3)."""
    k = OVERSAMPLING
    width, height = size[0] * k, size[1] * k
    # Pixel centres: x' = k x + (k - 1) / 2 leads from the frame to the plate.
    linear = k * target.axes.T @ np.linalg.inv(source.axes.T)
    shift = k * target.origin + (k - 1) / 2.0 - linear @ source.origin
    matrix = np.hstack([linear, shift[:, None]])
    image = _soften(image, k * target.unit / source.unit)
    inside = cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_CUBIC,
                            borderMode=cv2.BORDER_REPLICATE)  # fmt: skip
    known = cv2.warpAffine(np.full(image.shape[:2], 255, np.uint8), matrix, (width, height))
    return _backdrop(np.asarray(inside, np.uint8), np.asarray(known, np.uint8))


def _soften(image: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    """Low-pass before scaling by ``scale`` onto the plate: nothing finer than a frame's pixel."""
    sigma = 0.45 * OVERSAMPLING / scale
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), dtype=np.uint8)


def _backdrop(inside: NDArray[np.uint8], known: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Fade what lies beyond the portrait's edge into ever stronger blurs of the continued edge."""
    distance = cv2.distanceTransform(np.where(known > 250, 0, 255).astype(np.uint8), cv2.DIST_L2, 5)
    height, width = known.shape
    out = inside.astype(np.float32)
    for near, far, sigma in ((0.0, 24.0, 6.0), (16.0, 120.0, 20.0), (80.0, 320.0, 60.0)):
        # Blurs are smooth: an eighth of the size holds them.
        small = cv2.resize(inside, (width // 8, height // 8), interpolation=cv2.INTER_AREA)
        small = cv2.GaussianBlur(small, (0, 0), sigma / 8.0, borderType=cv2.BORDER_REPLICATE)
        blurred = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
        share = np.clip((distance - near) / (far - near), 0.0, 1.0)[..., None]
        out += share * (blurred.astype(np.float32) - out)
    return np.clip(np.rint(out), 0, 255).astype(np.uint8)
