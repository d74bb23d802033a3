"""What a whole data set is known to hold: the numbers that ``verify`` compares with."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

from mespot.types import KINDS, Recording

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
