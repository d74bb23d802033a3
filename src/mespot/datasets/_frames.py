"""Folders of numbered images under a root: where each recording's frames are, what is missing."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

IMAGES = frozenset((".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"))

_NUMBER = re.compile(r"[0-9]+(?=[^0-9]*$)")
_GAPS_NAMED = 3


@dataclass(frozen=True)
class ImageRun:
    """The images of one folder, by the numbers in their names.

    ``gaps`` are the pairs of numbers between which some are missing; ``doubles`` the numbers that
    stand there more than once; ``digits`` the widths of the numbers written with leading zeros or,
    where none is, of the first.
    """

    folder: Path
    first: int
    last: int
    count: int
    digits: frozenset[int]
    gaps: tuple[tuple[int, int], ...] = ()
    doubles: tuple[int, ...] = ()

    @property
    def n_frames(self) -> int:
        """From the first number to the last: a missing image is a gap in time."""
        return self.last - self.first + 1

    def problems(self) -> list[str]:
        """What is wrong with the numbers, in one line each."""
        found = []
        if self.gaps:
            missing = sum(b - a - 1 for a, b in self.gaps)
            named = ", ".join(f"{a}-{b}" for a, b in self.gaps[:_GAPS_NAMED])
            more = ", ..." if len(self.gaps) > _GAPS_NAMED else ""
            found.append(f"{self.folder}: {missing} image numbers missing (between {named}{more})")
        if self.doubles:
            found.append(f"{self.folder}: two images have the number {self.doubles[0]}")
        return found


def image_run(folder: Path, names: Iterable[str] | None = None) -> ImageRun | None:
    """The run of the images in ``folder`` (of ``names``, if they are known); None without any."""
    names = (p.name for p in folder.iterdir()) if names is None else names
    texts = []
    for name in names:
        stem, suffix = os.path.splitext(name)
        if suffix.lower() in IMAGES and name[0] != "." and (found := _NUMBER.search(stem)):
            texts.append(found[0])
    if not texts:
        return None
    numbers = sorted(int(text) for text in texts)
    pairs = list(pairwise(numbers))
    padded = {len(text) for text in texts if text[0] == "0"}
    return ImageRun(
        folder, numbers[0], numbers[-1], len(numbers),
        frozenset(padded or {len(str(numbers[0]))}),
        gaps=tuple((a, b) for a, b in pairs if b > a + 1),
        doubles=tuple(b for a, b in pairs if a == b),
    )  # fmt: skip


def find_runs(root: Path, name_of: Callable[[Path], str | None]) -> dict[str, list[ImageRun]]:
    """Recording -> its folders of images under ``root``.

    ``name_of`` gives the recording of a folder by its (absolute) path, or None for a folder that
    is none's. Links are followed, each folder once.
    """
    runs: dict[str, list[ImageRun]] = {}
    seen: set[str] = set()
    for place, folders, names in os.walk(root, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(f for f in folders if f[0] != ".")
        folder = Path(os.path.abspath(place))
        recording = name_of(folder)
        if recording is not None and (run := image_run(folder, names)) is not None:
            runs.setdefault(recording, []).append(run)
    return runs


def shown(runs: Iterable[ImageRun]) -> str:
    """The folders of some runs in one line."""
    return " and ".join(str(run.folder) for run in runs)


def choose_layout(
    runs: Mapping[str, Sequence[ImageRun]], names: Sequence[str], wanted: str = ""
) -> tuple[str, dict[str, list[ImageRun]]]:
    """Of recordings that lie there in several forms, the folders of one form, and its name.

    A form is known by a folder name on the path. ``wanted`` names the form to take; without it, the
    first of ``names`` that occurs; if none of them does, everything is taken and the name is empty.
    """
    for name in (wanted,) if wanted else names:
        fits = {
            recording: [r for r in found if _under(r.folder, name)]
            for recording, found in runs.items()
        }
        fits = {recording: found for recording, found in fits.items() if found}
        if fits or wanted:
            return name, fits
    return "", {recording: list(found) for recording, found in runs.items()}


def _under(folder: Path, name: str) -> bool:
    return any(part.lower() == name.lower() for part in folder.parts)
