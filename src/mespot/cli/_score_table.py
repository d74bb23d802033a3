"""What ``mespot score`` has counted, and its tables."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from mespot import metrics
from mespot.sheet import RecordingRow
from mespot.types import Counts

_WIDTHS = (9, 8, 6, 6, 6, 10, 7, 6, 8, 11, 10)
_HEAD = ("protocol", "kind", "TP", "FP", "FN", "precision", "recall", "F1", "FA/min",
         "F1/record.", "F1/subj.")  # fmt: skip

ByKind = dict[str, Counts]


@dataclass(frozen=True)
class Scored:
    """Two sets of events and their counts.

    Attributes
    ----------
    rows : sequence of RecordingRow
        All recordings that count.
    truth, spots : mapping of recording id to expressions
    kinds : tuple of str
        Those with a line of their own, beside ``overall``.
    per_recording : protocol -> recording id -> kind -> Counts
    """

    rows: Sequence[RecordingRow]
    truth: metrics.Events
    spots: metrics.Events
    kinds: tuple[str, ...]
    per_recording: dict[str, dict[str, ByKind]]

    @cached_property
    def pooled(self) -> dict[str, ByKind]:
        """Protocol -> kind -> Counts over all recordings."""
        return {
            name: metrics.pool(found.values(), (metrics.OVERALL, *self.kinds))
            for name, found in self.per_recording.items()
        }

    @cached_property
    def without_subject(self) -> list[str]:
        """Ids of the recordings whose subject is not known."""
        return [r.id for r in self.rows if not r.subject]

    @cached_property
    def per_subject(self) -> dict[str, dict[str, ByKind]]:
        """Protocol -> subject -> kind -> Counts; no subject where one is unknown."""
        return {
            name: {} if self.without_subject else metrics.by_subject(self.rows, found)
            for name, found in self.per_recording.items()
        }


def show(scored: Scored) -> list[str]:
    """The main table: one line per protocol and kind."""
    lines = [_line(_HEAD)]
    for protocol, found in scored.pooled.items():
        groups = (scored.per_recording[protocol], scored.per_subject[protocol])
        for kind, c in found.items():
            means = [metrics.mean_over(row[kind] for row in group.values()) for group in groups]
            lines.append(_line((protocol, kind, *_cells(c), *map(rate, means))))
    return lines


def show_groups(what: str, groups: Mapping[str, Mapping[str, ByKind]]) -> list[str]:
    """Protocol -> name -> kind -> Counts as a table with the names in front."""
    names = [name for found in groups.values() for name in found]
    width = max(map(len, (what, *names))) + 2
    lines = ["", what.ljust(width) + _line(_HEAD[:9])]
    for protocol, found in groups.items():
        for name, by_kind in found.items():
            for kind, c in by_kind.items():
                lines.append(name.ljust(width) + _line((protocol, kind, *_cells(c))))
    return lines


def _cells(c: Counts) -> Iterable[object]:
    rates = (c.precision, c.recall, c.f1, c.false_alarms_per_minute)
    return (c.tp, c.fp, c.fn, *map(rate, rates))


def rate(value: float | None) -> str:
    """Three decimals, or "-" where it is not defined."""
    return "-" if value is None or math.isnan(value) else f"{value:.3f}"


def _line(cells: Sequence[object]) -> str:
    """Cells in columns: names to the left, numbers to the right."""
    pairs = list(zip(map(str, cells), _WIDTHS))
    left = "".join(cell.ljust(width) for cell, width in pairs[:2])
    return left + "".join(cell.rjust(width) for cell, width in pairs[2:])
