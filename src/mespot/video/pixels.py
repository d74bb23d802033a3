"""A decoded frame as an upright grey (or BGR) array: black is 0, white is 255, whatever the file.

Luma of limited range (16..235, the default of YUV) is stretched to 0..255 and clipped; luma of full
range, and grey without a flag, is taken as it is; more than 8 bits are dithered to 8, within one
level; alpha is ignored. Interlaced frames stay woven and pixels that are not square stay so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange
from numpy.typing import NDArray

# 8-bit formats whose first plane is luma at full resolution: no conversion is needed.
_LUMA_FIRST = {f"yuv{x}p" for x in (410, 411, 420, 422, 440, 444)}
_LUMA_FIRST |= {f"yuvj{x}p" for x in (411, 420, 422, 440, 444)}
_LUMA_FIRST |= {f"yuva{x}p" for x in (420, 422, 444)}
_LUMA_FIRST |= {"nv12", "nv21", "nv16", "nv24", "gray"}

_STRETCH = 255 / 219


@dataclass(frozen=True)
class Turn:
    """One of the eight ways to hold a camera: first transpose, then mirror in x and/or y."""

    transpose: bool = False
    mirror_x: bool = False
    mirror_y: bool = False

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The image (H, W) or (H, W, 3), upright."""
        turned: Any = cv2.transpose(image) if self.transpose else image
        if self.mirror_x or self.mirror_y:
            turned = cv2.flip(turned, -1 if self.mirror_x and self.mirror_y else int(self.mirror_x))
        return np.asarray(turned, np.uint8)


def turn_of(frame: av.VideoFrame) -> Turn:
    """How the container's display matrix wants the frame turned; odd angles to the nearest quarter.

    The matrix (ISO/IEC 14496-12, track header) takes (x, y) to (a x + c y, b x + d y), y downwards.
    """
    items: Iterable[Any] = frame.side_data
    for item in items:
        if item.type.name == "DISPLAYMATRIX":
            a, b, _, c, d = (int(v) for v in np.frombuffer(bytes(item), np.int32)[:5])
            if abs(b) + abs(c) > abs(a) + abs(d):
                return Turn(True, c < 0, b < 0)
            return Turn(False, a < 0, d < 0)
    return Turn()


class Luma:
    """A grey picture (H, W) whose levels are stretched only where it is looked at.

    A face takes up a part of a frame, and stretching a whole one costs as much as a fifth of
    decoding it. ``raw`` are the levels as the decoder gave them, not to be written into; ``levels``
    makes full range of any part of them, be it reduced or not; ``whole`` is all, stretched.
    """

    __slots__ = ("_is_limited", "_whole", "raw")

    def __init__(self, raw: NDArray[np.uint8], is_limited: bool = False) -> None:
        self.raw = raw
        self._is_limited = is_limited
        self._whole: NDArray[np.uint8] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return self.raw.shape

    def levels(self, part: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Raw levels as levels of full range, rounded and clipped."""
        if not self._is_limited:
            return part
        # Half the time of a look-up table, and equal to it for all 256 values.
        return np.asarray(cv2.addWeighted(part, _STRETCH, part, 0, -16 * _STRETCH), np.uint8)

    @property
    def whole(self) -> NDArray[np.uint8]:
        """(H, W) uint8, contiguous and shared with no decoder; the same array every time."""
        if self._whole is None:
            full = self.levels(self.raw)
            self._whole = full.copy() if full is self.raw else full
        return self._whole


def grey(frame: av.VideoFrame) -> Luma:
    """The luma of a decoded frame, whose memory it holds on to."""
    name = frame.format.name
    if name not in _LUMA_FIRST:
        # One thread: at this size, the converter's own threads cost four times what they save.
        whole = frame.reformat(format="gray", threads=1)
        # It has stretched whatever was limited, but for grey, which it takes for full.
        return Luma(_plane(whole), name.startswith("gray") and frame.color_range == ColorRange.MPEG)
    if name.startswith("yuvj") or frame.color_range == ColorRange.JPEG:
        return Luma(_plane(frame))
    return Luma(_plane(frame), name != "gray" or frame.color_range == ColorRange.MPEG)


def _plane(frame: av.VideoFrame) -> NDArray[np.uint8]:
    """(H, W) the first plane; a view, which keeps the frame alive."""
    plane = frame.planes[0]
    luma = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return luma[: frame.height, : frame.width]


def bgr(frame: av.VideoFrame) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 in OpenCV's order of colours."""
    return np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
