"""What every data set with an annotation sheet and folders of images shares.

A data set's own file says how its sheet is read (``parse``) and which folder is which recording's
(``recording_of``); finding, correcting, repairing, counting and comparing are here.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from mespot.contracts import BaseDataset
from mespot.datasets import _errata
from mespot.datasets._annotations import (
    GENERAL_TRAPS,
    Parsed,
    Place,
    Rules,
    count_traps,
    dropped_lines,
    misread_lines,
    settle,
)
from mespot.datasets._checks import image_problems, length_problems
from mespot.datasets._frames import ImageRun, choose_layout, find_runs, shown
from mespot.datasets.twin_marker import Twin, read_twin
from mespot.datasets.workbooks import Workbook, find_workbook, read_workbook
from mespot.errors import UnreadableInput
from mespot.exports.cells import refuse
from mespot.files import sha256
from mespot.inspection import (
    Annotations,
    Inspection,
    Shape,
    compare,
    counts_of,
    lengths_of,
    spread_of,
)
from mespot.types import Recording

_ROWS = "rows of "
# More rows than these, and more than are understood, make a sheet another data set's.
_WRONG_SHEET = 5
_SINGLY = 3
FOLDER_TRAPS = {
    "first-image": "the images begin at another number than expected: frame 0 is the first image",
    "no-rows": "images of a recording that is in no row: it holds no expression",
}


@dataclass
class _Survey:
    """Everything found under a root, before anything is refused or reported."""

    annotations: Annotations
    runs: dict[str, ImageRun]
    layout: str
    twin: Twin | None
    recordings: list[Recording] = field(default_factory=list)
    traps: Counter[str] = field(default_factory=Counter)
    doubled: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class LabelledSet(BaseDataset):
    """An annotation sheet and folders of images.

    Parameters
    ----------
    sheet : str
        The annotation sheet, relative to the root; empty: found by its name anywhere under it.
    frames : str
        Where images lie there in several forms, the name of the folder above those to take; empty:
        the form that the data set prefers.
    errata : str
        A CSV of further corrections, applied after those that come with the loader.
    partial : bool
        Load the recordings whose images are there although others of the sheet are missing.
    """

    sheet: str = ""
    frames: str = ""
    errata: str = ""
    partial: bool = False

    NAME: ClassVar[str] = ""
    SHAPE: ClassVar[Shape]
    SHEET_NAMES: ClassVar[tuple[str, ...]] = ()
    LAYOUTS: ClassVar[tuple[str, ...]] = ()
    CROPPED: ClassVar[tuple[str, ...]] = ()
    OWN_TRAPS: ClassVar[Mapping[str, str]] = {}
    UNLISTED_BELONG: ClassVar[bool] = True
    RULES: ClassVar[Rules] = Rules()

    # What the file of a data set defines.

    @abstractmethod
    def parse(self, book: Workbook) -> Parsed:
        """The rows of the workbook as they are. Raises UnreadableInput if it is another's."""

    def refine(self, parsed: Parsed, places: Mapping[str, Place]) -> None:
        """Drop or mark what only this data set knows to be wrong, after the errata.

        ``places`` says where recordings begin, as far as it is known.
        """

    @abstractmethod
    def recording_of(self, folder: Path) -> tuple[str, str] | None:
        """Id and subject of the recording whose images lie in ``folder``; None for others."""

    def oddities(self, run: ImageRun, first: int | None) -> list[str]:
        """Codes of what is odd about a folder; ``first`` is its first image by the sheet."""
        return [] if first is None or run.first == first else ["first-image"]

    def expected(self) -> dict[str, int]:
        """The numbers of the whole data set."""
        return self.SHAPE.counts

    def approximate(self) -> frozenset[str]:
        """Those of :meth:`expected` that are known only within 5 %."""
        return self.SHAPE.about & set(self.SHAPE.counts)

    def expected_of(self, notes: Annotations) -> dict[str, int]:
        """The numbers of the whole data set by this variant of the sheet, as ``found`` has them."""
        return {**self.expected(), **self.SHAPE.spreads}

    def expected_of_twin(self, twin: Twin) -> dict[str, int]:
        """The numbers of a twin."""
        return dict(twin.counts)

    # What follows from it.

    def traps(self) -> dict[str, str]:
        """Code -> what is done, of every known irregularity of this data set."""
        return {**GENERAL_TRAPS, **FOLDER_TRAPS, **self.OWN_TRAPS}

    def load(self, root: str | Path) -> list[Recording]:
        """Every recording under ``root`` with its expressions, in the order of their names.

        Raises UnreadableInput if there is no sheet or no image, if recordings of the sheet have no
        images (unless ``partial``), or if a recording has two folders.
        """
        survey = self._survey(Path(root))
        refuse(survey.doubled + ([] if self.partial else survey.missing))
        return survey.recordings

    def read_sheet(self, sheet: str | Path) -> Annotations:
        """The expressions of a sheet alone, without images. Raises UnreadableInput.

        Frames are counted from the first image where the sheet gives its number, else from image
        1. Where the sheet gives a recording's length, expressions are cut at its end or dropped.
        Other ends are known only from the images.
        """
        parsed = self._parsed(Path(sheet))
        places = {r.id: Place(r.first, r.n_frames) for r in parsed.recordings.values()}
        return self._settled(Path(sheet), parsed, places)

    def provenance(self, root: str | Path) -> dict[str, Any]:
        """Which truth was read: name, sheet, its hash, settings. Values for JSON.

        Raises UnreadableInput as :meth:`load`.
        """
        twin, sheet = self._twin_and_sheet(Path(root))
        variant = self.parse(read_workbook(sheet)).variant
        return {
            "name": self._label(twin), "sheet": sheet.name, "sha256": sha256(sheet),
            "variant": variant, "settings": asdict(self),
        }  # fmt: skip

    def verify(self, root: str | Path) -> list[str]:
        """Everything wrong beyond the known oddities, one line each; see :meth:`inspect`."""
        return list(self.inspect(root).problems)

    def inspect(self, root: str | Path) -> Inspection:
        """Everything found under ``root`` and everything wrong with it. Never raises for it."""
        try:
            survey = self._survey(Path(root))
        except UnreadableInput as error:
            return Inspection(self.NAME, str(root), problems=(str(error),), readable=False)
        notes, twin = survey.annotations, survey.twin
        expected = self.expected_of_twin(twin) if twin else self.expected_of(notes)
        found = {
            **counts_of(survey.recordings),
            **{k: v for k, v in spread_of(survey.recordings).items() if k in expected},
            **{_ROWS + k: v for k, v in notes.rows.items() if _ROWS + k in expected},
        }
        wanted = {r.id: r.n_frames for r in notes.recordings.values()}
        problems = [
            *notes.problems, *survey.doubled, *survey.missing, *survey.left_out,
            *(problem for run in survey.runs.values() for problem in run.problems()),
            *length_problems(survey.runs, twin.n_frames if twin else wanted),
            *image_problems(survey.runs.values(), None if twin else self._size(survey.layout)),
            *compare(found, expected, frozenset() if twin else self.SHAPE.about),
        ]  # fmt: skip
        return Inspection(
            self._label(twin), str(root), str(notes.sheet), notes.sha256, notes.variant,
            survey.layout, tuple(problems), notes.dropped,
            dict(sorted((survey.traps + Counter(notes.traps)).items())), found, dict(expected),
            lengths_of(survey.recordings), {} if twin else dict(self.SHAPE.lengths),
        )  # fmt: skip

    def _size(self, layout: str) -> tuple[int, int] | None:
        """The size that whole frames have, where these are such and it is known."""
        known = "size" not in self.SHAPE.about and (layout in self.LAYOUTS or not self.LAYOUTS)
        return self.SHAPE.size if known and layout not in self.CROPPED else None

    def _parsed(self, sheet: Path) -> Parsed:
        """The rows of the sheet, corrected by the errata."""
        book = read_workbook(sheet)
        parsed = self.parse(book)
        if len(parsed.misread) > max(_WRONG_SHEET, len(parsed.events)):
            raise self._wrong_sheet(book, parsed)
        parsed.rows.update(e.kind for e in parsed.events)
        beside = _errata.beside(self.NAME)
        paths = [beside] if beside.is_file() else []
        paths += [Path(self.errata)] if self.errata else []
        parsed.events = _errata.correct(parsed.events, paths, parsed.problems)
        return parsed

    def _wrong_sheet(self, book: Workbook, parsed: Parsed) -> UnreadableInput:
        """The error for a table with the right headings and the wrong rows."""
        first, n = parsed.misread[0], len(parsed.misread)
        others = _sets_that_read(book, self.NAME)
        hint = f"; read it as {' or '.join(others)}" if others else ""
        return UnreadableInput(
            f"{book.path}: is not a sheet of {self.NAME}: {n} of its {n + len(parsed.events)} rows "
            f"cannot be read; the first is row {first.row} of sheet {first.sheet!r}, "
            f"{first.reason}: {first.text}{hint}"
        )

    def _settled(self, sheet: Path, parsed: Parsed, places: Mapping[str, Place]) -> Annotations:
        """The rows as expressions, in frames of recordings that begin at ``places``."""
        self.refine(parsed, places)
        events, dropped = settle(parsed.events, places, self.RULES)
        every = sorted((*parsed.dropped, *dropped), key=lambda d: (d.sheet, d.row))
        known = self.traps()
        unknown = dropped_lines([d for d in every if d.code not in known])
        return Annotations(
            self.NAME, sheet, sha256(sheet), parsed.variant, parsed.recordings, events,
            tuple(every), count_traps(parsed, events, dropped),
            (*parsed.problems, *misread_lines(parsed.misread), *unknown), dict(parsed.rows),
            self.SHAPE.fps,
        )  # fmt: skip

    def _twin_and_sheet(self, root: Path) -> tuple[Twin | None, Path]:
        if not root.is_dir():
            raise UnreadableInput(f"{root}: no such folder")
        twin = read_twin(root)
        if twin and twin.twin_of != self.NAME:
            raise UnreadableInput(f"{root}: is a twin of {twin.twin_of}, not of {self.NAME}")
        sheet = root / self.sheet if self.sheet else None
        return twin, sheet or find_workbook(root, self.SHEET_NAMES, self.NAME)

    def _survey(self, root: Path) -> _Survey:
        twin, sheet = self._twin_and_sheet(root)
        parsed = self._parsed(sheet)
        subjects: dict[str, str] = {}

        def name_of(folder: Path) -> str | None:
            found = self.recording_of(folder)
            if found is None:
                return None
            subjects[found[0]] = found[1]
            return found[0]

        names = find_runs(root, name_of)
        layout, every = choose_layout(names, self.LAYOUTS, self.frames)
        if not every:
            where = f" under a folder {self.frames!r}" if self.frames else ""
            raise UnreadableInput(f"{root}: no folder of images of {self.NAME}{where}")
        runs = {name: every[name][0] for name in sorted(every, key=_natural)}
        places = {name: Place(run.first, run.n_frames) for name, run in runs.items()}
        survey = _Survey(self._settled(sheet, parsed, places), runs, layout, twin)
        survey.doubled = [
            f"{root}: two folders of recording {name!r}: {shown(found[:2])}"
            for name, found in every.items()
            if len(found) > 1
        ]
        self._match(root, survey, subjects)
        # Labelled ones are already reported as missing.
        lost = [n for n in names if n not in runs and n not in parsed.recordings]
        survey.left_out += _each_or_all(
            lost,
            lambda name: f"{root}: recording {name!r} has no images under {layout!r}: left out",
            lambda shown: (
                f"{root}: {len(lost)} recordings in no sheet have no images under "
                f"{layout!r}: left out: {shown}"
            ),
        )
        return survey

    def _match(self, root: Path, survey: _Survey, subjects: Mapping[str, str]) -> None:
        """Bring recordings of the sheet and folders together."""
        notes = survey.annotations
        unlisted: dict[str, Path] = {}
        for name, run in survey.runs.items():
            known = notes.recordings.get(name)
            survey.traps.update(self.oddities(run, known.first if known else None))
            if known is None and not self.UNLISTED_BELONG:
                unlisted[name] = run.folder
                continue
            if known is None:
                survey.traps["no-rows"] += 1
            subject = known.subject if known else subjects[name]
            survey.recordings.append(
                Recording(
                    name, subject, self.SHAPE.fps, run.n_frames, self._label(survey.twin),
                    str(run.folder), notes.events.get(name, ()),
                )
            )  # fmt: skip
        survey.left_out = _each_or_all(
            list(unlisted),
            lambda name: f"{unlisted[name]}: is in no sheet, and was left out",
            lambda shown: (
                f"{root}: {len(unlisted)} recordings with images are in no sheet, and "
                f"were left out: {shown}"
            ),
        )
        missing = [name for name in notes.recordings if name not in survey.runs]
        survey.missing = _each_or_all(
            missing,
            lambda name: (
                f"{root}: no folder of images of recording {name!r}, which is in the sheet"
            ),
            lambda shown: (
                f"{root}: no folder of images of {len(missing)} of the "
                f"{len(notes.recordings)} recordings in the sheet: {shown}"
            ),
        )

    def _label(self, twin: Twin | None) -> str:
        return f"{self.NAME} twin" if twin else self.NAME


def _each_or_all(
    names: Sequence[str], one: Callable[[str], str], every: Callable[[str], str]
) -> list[str]:
    """A line for each of a few names, or a single line that shows the first of many."""
    if len(names) <= _SINGLY:
        return [one(name) for name in names]
    first = ", ".join(repr(name) for name in names[:_SINGLY])
    return [every(f"{first} and {len(names) - _SINGLY} more")]


def _sets_that_read(book: Workbook, but: str) -> list[str]:
    """Names of the data sets, ``but`` one, that understand the rows of a workbook."""
    from mespot import registry

    found = []
    for name, cls in registry.plugins("datasets").items():
        if not issubclass(cls, LabelledSet) or but == cls.NAME:
            continue
        try:
            parsed = cls().parse(book)
        except UnreadableInput:
            continue
        if len(parsed.events) > len(parsed.misread):
            found.append(name.replace("_", "-"))
    return found


def _natural(name: str) -> list[tuple[int, str]]:
    """A key by which s2 comes before s10."""
    return [(int(p), "") if p.isdigit() else (-1, p) for p in re.split(r"([0-9]+)", name)]
