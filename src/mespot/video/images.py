"""A folder of numbered images as a video: the number in the name is the time.

``img_2.jpg`` comes before ``img_10.jpg``. Numbers may start anywhere and be padded or not; a number
that is missing is a gap of that length. There are no times in images, so the rate must be given.
"""

from __future__ import annotations

import math
import re
from collections.abc import Container, Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mespot.errors import UnreadableInput
from mespot.video.grid import MAX_GAP_S, Decoded, Grid, Tally
from mespot.video.pixels import Luma

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff")

_MAX_GAPS_NAMED = 3


class ImageFolder:
    """The images of one folder, in the order of their numbers.

    Raises
    ------
    UnreadableInput
        If there is no image, none can be read, or the names do not count in one place.
    """

    def __init__(self, path: Path, fps: Fraction) -> None:
        self.path = path
        self._images = numbered(path)
        numbers = [number for number, _ in self._images]
        steps = [b - a for a, b in pairwise(numbers)]
        self._step = math.gcd(*steps) or 1
        self._rate = fps
        self._gaps = [(a, b) for a, b in pairwise(numbers) if b - a > self._step]
        for a, b in self._gaps:
            if Fraction(b - a, self._step) / fps > MAX_GAP_S:
                raise UnreadableInput(
                    f"{path}: image numbers jump from {a} to {b}, more than {MAX_GAP_S} s; "
                    "keep one sequence per folder"
                )
        n = (numbers[-1] - numbers[0]) // self._step + 1
        self.grid = Grid(fps, "given", n_expected=n)
        first = next(iter(self.frames(Tally())), None)
        if first is None or first.image is None:
            raise UnreadableInput(f"{path}: none of its {len(numbers)} images can be read")
        self.height: int = first.image.shape[0]
        self.width: int = first.image.shape[1]

    def frames(
        self, tally: Tally, wanted: Container[int] | None = None, colour: bool = False
    ) -> Iterator[Decoded]:
        """The readable images; those not in ``wanted`` (places, from 0) come without pixels.

        Raises UnreadableInput where the size of the images changes.
        """
        self._note_gaps(tally)
        first_number: int | None = None
        size: tuple[int, ...] | None = None
        place = 0
        for number, path in self._images:
            in_colour = colour and wanted is not None and place in wanted
            image = _read(path, in_colour)
            if image is None:
                tally.failures += 1
                tally.note(f"{path.name} cannot be read")
                continue
            if size is not None and image.shape[:2] != size:
                raise UnreadableInput(
                    f"{path}: {image.shape[1]} x {image.shape[0]} pixels among images of "
                    f"{size[1]} x {size[0]}; all images of a folder must have one size"
                )
            size = image.shape[:2]
            first_number = number if first_number is None else first_number
            time = Fraction(number - first_number, self._step) / self._rate
            shown = image if in_colour else Luma(image)
            yield Decoded(shown if wanted is None or place in wanted else None, time, number)
            place += 1

    def _note_gaps(self, tally: Tally) -> None:
        if self._step > 1:
            tally.note(f"image numbers count by {self._step}")
        missing = sum((b - a) // self._step - 1 for a, b in self._gaps)
        if missing:
            where = ", ".join(f"{a}-{b}" for a, b in self._gaps[:_MAX_GAPS_NAMED])
            more = ", ..." if len(self._gaps) > _MAX_GAPS_NAMED else ""
            tally.note(f"{missing} image numbers are missing (between {where}{more})")


def numbered(folder: Path) -> list[tuple[int, Path]]:
    """(number, path) of the images, sorted; UnreadableInput if the names do not count."""
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and p.name[0] != ".")
    if not paths:
        raise UnreadableInput(f"{folder}: holds no images ({', '.join(s[1:] for s in SUFFIXES)})")
    parts = [re.split(r"([0-9]+)", p.stem) for p in paths]
    for path, part in zip(paths, parts):
        if part[::2] != parts[0][::2]:
            raise UnreadableInput(
                f"{folder}: {paths[0].name} and {path.name} are not of one numbered sequence; "
                "keep one sequence per folder"
            )
    counts = np.array([[int(v) for v in part[1::2]] for part in parts], dtype=object)
    varying = [i for i in range(counts.shape[1]) if len(set(counts[:, i])) > 1]
    if len(paths) > 1 and len(varying) != 1:
        other = next((p for p, c in zip(paths[1:], counts[1:]) if list(c) == list(counts[0])), None)
        raise UnreadableInput(
            f"{folder}: the names ({paths[0].name}, {(other or paths[-1]).name}) must differ in "
            "exactly one number, the frame's"
        )
    column = varying[0] if varying else counts.shape[1] - 1
    numbers = [int(c[column]) for c in counts] if counts.shape[1] else [0]
    ordered = sorted(zip(numbers, paths))
    for (a, first), (b, second) in pairwise(ordered):
        if a == b:
            raise UnreadableInput(
                f"{folder}: {first.name} and {second.name} have the same number; keep one of them"
            )
    return ordered


def _read(path: Path, colour: bool) -> NDArray[np.uint8] | None:
    """The image, or None if it cannot be read whole."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    # Some versions of the decoder fill up a JPEG that was cut off, which has no end marker.
    if not data or (data[:2] == b"\xff\xd8" and b"\xff\xd9" not in data[-4096:]):
        return None
    flag = cv2.IMREAD_COLOR if colour else cv2.IMREAD_GRAYSCALE
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    except cv2.error:
        return None
    return None if image is None else np.asarray(image, np.uint8)
