"""What ``inspect`` finds out about a data set on disk, and how its numbers are compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mespot.datasets._annotations import Dropped
from mespot.datasets._shape import Lengths
from mespot.types import KINDS

_ABOUT = 0.05


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
