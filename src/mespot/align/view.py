"""The part of a frame that holds the face, reduced so that its cost is bounded."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from mespot.align.crop import Box

if TYPE_CHECKING:
    from mespot.video.pixels import Luma

# Blur that stands for the larger pixels of a reduced image, as a variance in source pixels. A
# square pixel r times as wide as the source's adds (r^2 - 1) / 12; twice that, a soft pixel as
# cameras have, leaves less flicker in the crop for its sharpness.
SOFTNESS = 2.0 / 12.0
# Below this variance a blur changes no grey level to speak of.
LEAST_BLUR = 0.004


# (H, W) uint8 grey: an array, or what makes one of a part of itself.
Picture: TypeAlias = "NDArray[np.uint8] | Luma"


@dataclass(frozen=True)
class View:
    """A part of a frame, reduced by a whole number and blurred for reading at a coarser scale.

    ``image`` (h, w) uint8; its pixel (0, 0) covers the ``step`` x ``step`` source pixels from
    (``x``, ``y``).
    """

    image: NDArray[np.uint8]
    x: int
    y: int
    step: int

    def inside(self, points: NDArray) -> NDArray[np.float64]:
        """Source pixels -> pixels of the view, (..., 2)."""
        return (points - self.shift) / self.step

    def matrix(self, to_source: NDArray) -> NDArray[np.float64]:
        """A (2, 3) similarity into source pixels as one into pixels of the view."""
        (a, b, x), (c, d, y) = to_source.tolist()
        middle = (self.step - 1) / 2
        inside = [[a, b, x - self.x - middle], [c, d, y - self.y - middle]]
        return np.array(inside) / self.step

    @cached_property
    def shift(self) -> NDArray[np.float64]:
        """(2,) source position of the centre of the view's first pixel."""
        return np.array([self.x, self.y]) + (self.step - 1) / 2


def view_within(image: Picture, box: Box, reduction: float) -> View:
    """The upright rectangle ``box``, for reading ``reduction`` times coarser.

    The box (left, top, right, bottom) is in source pixels and may reach outside the image. The
    whole part of the reduction is done by averaging blocks, the rest by a Gaussian that grows
    smoothly with it, so that a face that comes nearer meets no step in sharpness.
    """
    step = max(1, int(reduction))
    whole = image if isinstance(image, np.ndarray) else image.raw
    height, width = whole.shape
    margin = 2 * step + 2
    x, w = _whole_steps(box[0] - margin, box[2] + margin, width, step)
    y, h = _whole_steps(box[1] - margin, box[3] + margin, height, step)
    part = whole[y : y + h * step, x : x + w * step]
    left = step
    while left > 1:
        # OpenCV halves six times as fast as it reduces by 3 or 4.
        left = left // 2 if left % 2 == 0 else 1
        part = cv2.resize(part, (w * left, h * left), interpolation=cv2.INTER_AREA)
    if not isinstance(image, np.ndarray):
        part = image.levels(part)
    rest = (SOFTNESS * (reduction**2 - 1) - (step**2 - 1) / 12) / step**2
    return View(blurred(part, rest), x, y, step)


def blurred(image: NDArray[np.uint8], variance: float) -> NDArray[np.uint8]:
    """The image under a 3-tap Gaussian of this variance in its pixels; itself for none."""
    if variance <= LEAST_BLUR:
        return image
    soft: NDArray[np.uint8] = cv2.GaussianBlur(image, (3, 3), _three_tap_sigma(variance))
    return soft


def _three_tap_sigma(variance: float) -> float:
    """What to call OpenCV's 3-tap Gaussian with, so that its taps have this variance (at most 1/2).

    The taps are a, 1, a over their sum with a = exp(-1 / (2 sigma^2)), and have the variance
    2 a / (1 + 2 a). Sampling a Gaussian of that variance would give far less blur.
    """
    a = variance / 2 / (1 - variance)
    return math.sqrt(-0.5 / math.log(a))


def _whole_steps(low: float, high: float, size: int, step: int) -> tuple[int, int]:
    """Start, a multiple of ``step``, and number of whole steps between low and high within a side.

    At least one step, so that an outline beyond the image still gives a view of its border.
    """
    last = max(0, size // step - 1)
    first = min(max(int(low // step), 0), last)
    end = min(max(int(high // step) + 1, first + 1), last + 1)
    return first * step, end - first
