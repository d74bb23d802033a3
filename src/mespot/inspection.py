"""What a data set on disk holds: its published numbers, what was found, and how they compare."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

from mespot.types import KINDS, Expression, Recording

_ABOUT = 0.05
RECORDING = "recording"
"""Key, beside the kinds of expressions, of the lengths of the recordings themselves."""


class Lengths(NamedTuple):
    """Shortest, median and longest, in frames."""

    lowest: int
    median: float
    highest: int


@dataclass(frozen=True)
class Shape:
    """Numbers of a whole data set; what is not known of it is left out of the mappings.

    Attributes
    ----------
    recordings, subjects : int
    fps : Fraction
        Frames per second of every recording.
    size : (int, int)
        Width and height of a frame.
    grey : bool
        Whether the frames are stored without colour.
    events : mapping of kind to number
    lengths : mapping of kind to Lengths
        In frames, onset and offset included; the key ``recording`` is that of the recordings.
    spread : mapping of kind to (recordings, subjects)
        How many of them hold at least one expression of the kind.
    rows : mapping of kind to number
        Rows of the sheet, the impossible ones among them.
    others : mapping of str to number
        More numbers, by the names that :func:`spread_of` gives them.
    about : frozenset of str
        Those of ``recordings``, ``subjects`` and the kinds whose number is known only within 5 %,
        and ``size`` where it is not certain.
    """

    recordings: int
    subjects: int
    fps: Fraction
    size: tuple[int, int]
    grey: bool = False
    events: Mapping[str, int] = field(default_factory=dict)
    lengths: Mapping[str, Lengths] = field(default_factory=dict)
    spread: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict)
    others: Mapping[str, int] = field(default_factory=dict)
    about: frozenset[str] = frozenset()

    @property
    def counts(self) -> dict[str, int]:
        """``recordings``, ``subjects`` and the known numbers of events by kind."""
        return {"recordings": self.recordings, "subjects": self.subjects, **self.events}

    @property
    def spreads(self) -> dict[str, int]:
        """``spread`` and ``others`` by the names that :func:`spread_of` gives them."""
        found: dict[str, int] = {}
        for kind, (recordings, subjects) in self.spread.items():
            found |= {f"recordings with {kind}": recordings, f"subjects with {kind}": subjects}
        return {**found, **self.others}


def spread_of(recordings: Iterable[Recording]) -> dict[str, int]:
    """``recordings with micro``, ``subjects with micro`` and so on, and ``recordings with any``."""
    found = list(recordings)
    spread = {"recordings with any": sum(bool(r.expressions) for r in found)}
    for kind in KINDS:
        holding = [r for r in found if any(e.kind == kind for e in r.expressions)]
        spread[f"recordings with {kind}"] = len(holding)
        spread[f"subjects with {kind}"] = len({r.subject for r in holding})
    return spread


def lengths(values: Iterable[int]) -> Lengths | None:
    """Shortest, median and longest of some lengths; None if there is none."""
    found = list(values)
    if not found:
        return None
    return Lengths(min(found), float(statistics.median(found)), max(found))


def counts_of(recordings: Iterable[Recording]) -> dict[str, int]:
    """``recordings``, ``subjects`` and the number of expressions of every kind that occurs."""
    found = list(recordings)
    kinds = Counter(e.kind for r in found for e in r.expressions)
    return {
        "recordings": len(found),
        "subjects": len({r.subject for r in found}),
        **{kind: kinds[kind] for kind in KINDS if kinds[kind]},
    }


def lengths_of(recordings: Iterable[Recording]) -> dict[str, Lengths]:
    """Lengths of the expressions by kind and of the recordings, in frames."""
    found = list(recordings)
    values = {
        kind: lengths(e.n_frames for r in found for e in r.expressions if e.kind == kind)
        for kind in KINDS
    }
    values[RECORDING] = lengths(r.n_frames for r in found if r.n_frames is not None)
    return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True)
class Dropped:
    """A row, or an expression of one, that is not used, and why."""

    row: int
    recording: str
    code: str
    cells: str = ""
    sheet: str = ""

    def __str__(self) -> str:
        """One line for people."""
        place = f"sheet {self.sheet!r}, row {self.row}" if self.sheet else f"row {self.row}"
        name = f" ({self.recording})" if self.recording else ""
        cells = f": {self.cells}" if self.cells else ""
        return f"{place}{name}, {self.code}{cells}"


@dataclass(frozen=True)
class SheetRecording:
    """What the sheet knows of a recording. ``first`` is the number of its first image, if known."""

    id: str
    subject: str
    first: int | None = 1
    n_frames: int | None = None


@dataclass(frozen=True)
class Annotations:
    """The expressions of a sheet in frames from 0, and everything that was met in it.

    Attributes
    ----------
    variant : str
        Which form or version of the sheet was read.
    rows : mapping of kind to number
        Expressions that the sheet lists, before anything is repaired or dropped.
    fps : Fraction or None
        Frames per second of the recordings, where one rate holds for all.
    traps : mapping of code to number of rows
    dropped : tuple of Dropped
    problems : tuple of str
        What no known code explains.
    """

    dataset: str
    sheet: Path
    sha256: str
    variant: str
    recordings: Mapping[str, SheetRecording]
    events: Mapping[str, tuple[Expression, ...]]
    dropped: tuple[Dropped, ...]
    traps: Mapping[str, int]
    problems: tuple[str, ...]
    rows: Mapping[str, int] = field(default_factory=dict)
    fps: Fraction | None = None


@dataclass(frozen=True)
class Inspection:
    """Everything found under a root.

    Attributes
    ----------
    dataset : str
        Its name; that of a synthetic twin ends in "twin".
    problems : tuple of str
        What no known oddity explains; empty for a whole data set.
    traps : mapping of code to number
        Known oddities and how many rows or folders had them.
    found, expected : mapping of str to int
        recordings, subjects, expressions by kind, how many recordings and subjects hold a kind, and
        rows of the sheet; what is not known is not expected.
    lengths, published : mapping of str to Lengths
        Of the expressions by kind and of the recordings, in frames.
    readable : bool
        False if there was nothing to look at: the only problem says why.
    """

    dataset: str
    root: str
    sheet: str = ""
    sha256: str = ""
    variant: str = ""
    layout: str = ""
    problems: tuple[str, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    traps: Mapping[str, int] = field(default_factory=dict)
    found: Mapping[str, int] = field(default_factory=dict)
    expected: Mapping[str, int] = field(default_factory=dict)
    lengths: Mapping[str, Lengths] = field(default_factory=dict)
    published: Mapping[str, Lengths] = field(default_factory=dict)
    readable: bool = True

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            **{k: v for k, v in vars(self).items() if isinstance(v, str)},
            "problems": list(self.problems),
            "dropped": [vars(d) for d in self.dropped],
            "traps": dict(self.traps),
            "counts": {
                name: {"found": self.found.get(name, 0), "expected": self.expected.get(name)}
                for name in dict.fromkeys((*self.found, *self.expected))
            },
            "lengths": {
                name: {"found": list(value), "published": list(self.published.get(name, ()))}
                for name, value in self.lengths.items()
            },
        }


def compare(
    found: Mapping[str, int], expected: Mapping[str, int], about: frozenset[str] = frozenset()
) -> list[str]:
    """The numbers that differ from what is expected, those in ``about`` by more than 5 %."""
    problems = []
    for name, wanted in expected.items():
        have = found.get(name, 0)
        slack = _ABOUT * wanted if name in about else 0.0
        if abs(have - wanted) > slack:
            what = f"{name} expressions" if name in KINDS else name
            sign = "about " if name in about else ""
            problems.append(f"{have} {what} in place of {sign}{wanted}")
    return problems
