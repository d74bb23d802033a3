"""Frames that are in memory, or come from elsewhere one by one, as a video at a given rate."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from mespot.errors import UnreadableInput, UsageError
from mespot.video.grid import Decoded, Grid, Tally
from mespot.video.pixels import Luma


class FramesInMemory:
    """Frames (H, W) grey or (H, W, 3) blue, green, red, uint8, at a constant rate.

    Raises
    ------
    UnreadableInput
        If there is no frame.
    UsageError
        If a frame has another type or shape.
    """

    NAME: ClassVar[str] = "frames in memory"

    def __init__(self, frames: Iterable[NDArray[np.uint8]], fps: Fraction) -> None:
        self.path = Path(self.NAME)
        n = len(frames) if isinstance(frames, np.ndarray | list | tuple) else None
        self.grid = Grid(fps, "given", n_expected=n)
        iterator = iter(frames)
        first = next(iterator, None)
        if first is None:
            raise UnreadableInput(f"{self.NAME}: there are none")
        # A list or an array is read anew each time; an iterator goes on after its first frame.
        self._frames = frames if iterator is not frames else chain([first], iterator)
        self._size = _checked(first, None, 0).shape[:2]
        self.height, self.width = self._size

    def frames(
        self, tally: Tally, wanted: Container[int] | None = None, colour: bool = False
    ) -> Iterator[Decoded]:
        """The frames in order; those not in ``wanted`` (places, from 0) come without pixels."""
        for place, frame in enumerate(self._frames):
            image = _checked(frame, self._size, place)
            shown: Luma | NDArray[np.uint8] | None = None
            if wanted is None or place in wanted:
                shown = _in_colour(image) if colour else Luma(_grey(image))
            yield Decoded(shown, place / self.grid.fps, place)


def _checked(frame: object, size: tuple[int, ...] | None, place: int) -> NDArray[np.uint8]:
    image = np.asarray(frame)
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or image.shape[2:] not in ((), (3,)):
        raise UsageError(
            f"frame {place} is {image.shape} {image.dtype}; give (H, W) or (H, W, 3) uint8 frames"
        )
    if size is not None and image.shape[:2] != size:
        raise UsageError(
            f"frame {place} is {image.shape[1]} x {image.shape[0]} pixels among frames of "
            f"{size[1]} x {size[0]}"
        )
    return image


def _grey(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if image.ndim == 2:
        return np.ascontiguousarray(image)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)


def _in_colour(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if image.ndim == 3:
        return image
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), np.uint8)
