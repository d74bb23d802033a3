"""Any folder of videos with our own recordings.csv, and events.csv or ELAN files."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

from mespot.contracts import BaseDataset
from mespot.datasets._checks import end_problems, video_problems
from mespot.datasets._elan import read_elan
from mespot.errors import MespotError, UnreadableInput
from mespot.exports import csv
from mespot.exports.cells import refuse
from mespot.files import sha256
from mespot.inspection import Inspection, counts_of, lengths_of
from mespot.sheet import RecordingRow, Sheet
from mespot.types import Expression, Recording
from mespot.verdicts import rejected_line, without_rejected

_LOG = logging.getLogger(__name__)
_IMAGES = frozenset((".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"))


@dataclass(frozen=True)
class Folder(BaseDataset):
    """Videos with recordings.csv and events.csv in one folder.

    Parameters
    ----------
    recordings, events : str
        Names of the two tables in the folder. Where the second is missing, ELAN files named by the
        recordings (``clip1.eaf``) are read. Every recording needs a ``subject``: training and
        evaluation are split by it. A missing ``fps`` is read from the video.
    """

    recordings: str = "recordings.csv"
    events: str = "events.csv"

    citation: ClassVar[str] = "None: your own recordings."
    licence: ClassVar[str] = "That of your recordings."
    how_to_get: ClassVar[str] = (
        "Put into one folder: recordings.csv with the columns recording, subject, path, fps, "
        "n_frames (one line per video; path relative to the folder), events.csv with the columns "
        "recording, onset, apex, offset, kind (0-based frames, onset and offset inclusive), and "
        "the videos. In place of events.csv, one ELAN file per recording, named by it: clip1.eaf."
    )

    def load(self, root: str | Path) -> list[Recording]:
        """All listed recordings with their expressions. Raises UnreadableInput.

        Events whose status is ``rejected`` are left out; a warning is logged that counts them.
        """
        found, problems = self._read(Path(root))
        refuse(problems)
        return found

    def verify(self, root: str | Path) -> list[str]:
        """Everything wrong: tables, videos that are missing or not as listed, gaps in images."""
        return self._verified(Path(root))[1]

    def inspect(self, root: str | Path) -> Inspection:
        """What was found under ``root``, with everything that :meth:`verify` reports."""
        found, problems = self._verified(Path(root))
        return Inspection(
            "folder", str(root), problems=tuple(problems), found=counts_of(found),
            lengths=lengths_of(found), readable=(Path(root) / self.recordings).is_file(),
        )  # fmt: skip

    def provenance(self, root: str | Path) -> dict[str, Any]:
        """Which truth was read: settings, and hashes of the two tables. Values for JSON."""
        tables = [Path(root) / name for name in (self.recordings, self.events)]
        return {
            "name": "folder", "settings": asdict(self),
            "sha256": {path.name: sha256(path) for path in tables if path.is_file()},
        }  # fmt: skip

    def _verified(self, root: Path) -> tuple[list[Recording], list[str]]:
        """Recordings as far as they can be read, and everything wrong, videos included."""
        found, problems = self._read(root)
        for recording in found:
            problems += _media_problems(recording)
        return found, problems + self._unused_elan(root, {r.id for r in found})

    def _unused_elan(self, root: Path, names: Collection[str]) -> list[str]:
        """ELAN files that name no listed recording, where ELAN files are read."""
        if (root / self.events).exists():
            return []
        return [
            f"{path}: no recording {path.stem!r} in {self.recordings}: its expressions are not read"
            for path in sorted(root.glob("*.eaf"))
            if path.stem not in names
        ]

    def _read(self, root: Path) -> tuple[list[Recording], list[str]]:
        """Recordings as far as they can be read, and what is wrong."""
        problems: list[str] = []
        listing = root / self.recordings
        if not root.is_dir():
            return [], [f"{root}: no such folder"]
        if not listing.is_file():
            return [], [f"{listing}: no such file. {self.how_to_get}"]
        rows = _noting(problems, lambda: csv.parse_recordings(listing, problems), [])
        elan = not (root / self.events).exists() and any(root.glob("*.eaf"))
        sheet = None
        if not elan:
            sheet = _noting(
                problems, lambda: csv.parse_events(root / self.events, problems, rows), None
            )
        events = _heeded(root / self.events, sheet) if sheet else {}
        recordings = []
        for row in rows:
            if not row.subject:
                problems.append(f"{listing}: recording {row.id!r} has no subject")
            known = replace(row, dataset=row.dataset or "folder", fps=row.fps or _rate(row, root))
            if known.fps is None:
                problems.append(f"{listing}: recording {row.id!r} has neither fps nor a video")
                continue
            expressions = events.get(row.id, [])
            if elan:
                expressions = _elan(root / f"{row.id}.eaf", known, problems)
            recordings.append(known.recording(root, expressions))
        return recordings, problems


def _heeded(path: Path, sheet: Sheet) -> dict[str, list[Expression]]:
    """The events that a person did not reject; how many others there are is logged."""
    events, rejected = without_rejected(sheet.events)
    if rejected:
        _LOG.warning(rejected_line(path, rejected, sum(map(len, sheet.events.values()))))
    return events


def _elan(path: Path, row: RecordingRow, problems: list[str]) -> list[Expression]:
    """The expressions of a recording's ELAN file; none where there is no file."""
    if not path.is_file():
        return []
    assert row.fps is not None
    fps = row.fps
    found, wrong = _noting(problems, lambda: read_elan(path, fps), ([], []))
    problems += wrong
    ends = row.n_frames
    for e in found:
        if ends is not None and e.offset >= ends:
            problems.append(f"{path}: offset {e.offset} is past the last of {ends} frames")
    return [e for e in found if ends is None or e.offset < ends]


def _noting(problems: list[str], read: Callable[[], Any], otherwise: Any) -> Any:
    """What ``read`` returns, or ``otherwise`` with its error noted."""
    try:
        return read()
    except UnreadableInput as error:
        problems.append(str(error))
        return otherwise


def _rate(row: RecordingRow, root: Path) -> Fraction | None:
    """The frame rate of the video itself; None if it cannot be opened."""
    if not row.path:
        return None
    from mespot.video import open_video

    try:
        return open_video(root / row.path).fps
    except MespotError:
        return None


def _media_problems(recording: Recording) -> list[str]:
    """What is wrong with the video or images of a recording, without decoding them all."""
    if recording.source is None:
        return [f"recording {recording.id!r} has no path"]
    source = Path(recording.source)
    if source.is_dir():
        return _image_problems(recording, source)
    if not source.is_file():
        return [f"{source}: no such video (recording {recording.id!r})"]
    return video_problems(recording)


def _image_problems(recording: Recording, folder: Path) -> list[str]:
    """Gaps in the numbers of a folder of images, and another number of images than listed."""
    images = [p for p in folder.iterdir() if p.suffix.lower() in _IMAGES]
    numbers = sorted(int(m[0]) for p in images if (m := re.search(r"[0-9]+(?=[^0-9]*$)", p.stem)))
    problems = []
    gaps = [(a, b) for a, b in pairwise(numbers) if b != a + 1]
    if gaps:
        (a, b), more = gaps[0], len(gaps) - 1
        rest = f" (and {more} more gap{'s' if more > 1 else ''})" if more else ""
        problems.append(f"{folder}: image number {b} follows {a}{rest}")
    if recording.n_frames is not None and len(images) != recording.n_frames:
        problems.append(f"{folder}: {len(images)} images, but n_frames is {recording.n_frames}")
    return problems + end_problems(recording, len(images))


PLUGIN = Folder
