"""Counts by recording, by subject and pooled over every listed recording.

Recordings without truth and recordings without a spot are counted too, since leaving either out
hides false alarms or misses (docs/metrics.md lists where other scorers differ).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any, Protocol

from mespot.metrics.rule import PROTOCOLS, Rule, count, of_kind
from mespot.types import KINDS, Counts, Expression

OVERALL = "overall"
OVERALL_KINDS = ("micro", "macro")
"""The kinds whose counts add up to ``overall``: blinks and others are no expressions to spot."""

Events = Mapping[str, Sequence[Expression]]


class Listed(Protocol):
    """What judging asks of a recording; :class:`~mespot.types.Recording` has it."""

    @property
    def id(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def minutes(self) -> float: ...


class Timed(Listed, Protocol):
    """What curves over the video's length ask besides; either may be unknown."""

    @property
    def fps(self) -> Fraction | None: ...
    @property
    def n_frames(self) -> int | None: ...


def count_kinds(
    reference: Sequence[Expression],
    estimated: Sequence[Expression],
    rule: Rule,
    kinds: Sequence[str] = KINDS,
    minutes: float = 0.0,
) -> dict[str, Counts]:
    """Counts of one recording: ``overall`` and each of ``kinds``.

    A kind's counts compare the truth of that kind with the spots of that kind. ``overall`` is the
    sum over micro and macro (as in MEGC 2020), so that a spot of the wrong kind is a false alarm
    and a miss, and a truth of a kind that the spotter does not look for is a miss.
    """
    by_kind = {
        kind: count(of_kind(reference, kind), of_kind(estimated, kind), rule, minutes)
        for kind in dict.fromkeys((*kinds, *OVERALL_KINDS))
    }
    parts = [by_kind[kind] for kind in OVERALL_KINDS]
    overall = Counts(
        sum(c.tp for c in parts), sum(c.fp for c in parts), sum(c.fn for c in parts), minutes
    )
    return {OVERALL: overall, **{kind: by_kind[kind] for kind in kinds}}


def validate(recordings: Iterable[Listed], reference: Events, estimated: Events) -> None:
    """Raise ValueError for a recording listed twice, or an event of a recording not listed."""
    listed: set[str] = set()
    for recording in recordings:
        if recording.id in listed:
            raise ValueError(f"recording {recording.id!r} is listed twice")
        listed.add(recording.id)
    for side, events in (("reference", reference), ("estimated", estimated)):
        for name, found in events.items():
            if found and name not in listed:
                raise ValueError(f"{side}: recording {name!r} is not among the listed recordings")


def kinds_in(*sides: Events) -> tuple[str, ...]:
    """The kinds that occur on any side, in the order micro, macro, blink, other."""
    present = {e.kind for side in sides for events in side.values() for e in events}
    return tuple(kind for kind in KINDS if kind in present)


def by_recording(
    recordings: Sequence[Listed],
    reference: Events,
    estimated: Events,
    rule: Rule,
    kinds: Sequence[str] | None = None,
) -> dict[str, dict[str, Counts]]:
    """Recording id -> ``overall`` and kinds -> Counts, for every listed recording."""
    validate(recordings, reference, estimated)
    kinds = kinds_in(reference, estimated) if kinds is None else kinds
    return {
        r.id: count_kinds(reference.get(r.id, ()), estimated.get(r.id, ()), rule, kinds, r.minutes)
        for r in recordings
    }


def by_subject(
    recordings: Sequence[Listed], per_recording: Mapping[str, Mapping[str, Counts]]
) -> dict[str, dict[str, Counts]]:
    """The counts of :func:`by_recording`, added up over each subject's recordings."""
    subjects: dict[str, list[Mapping[str, Counts]]] = {}
    for recording in recordings:
        subjects.setdefault(recording.subject, []).append(per_recording[recording.id])
    return {subject: pool(rows) for subject, rows in subjects.items()}


def pool(rows: Iterable[Mapping[str, Counts]], kinds: Iterable[str] = ()) -> dict[str, Counts]:
    """Sum of counts, kind by kind; ``kinds`` are there even if no row is."""
    total = {kind: Counts() for kind in kinds}
    for row in rows:
        for kind, counts in row.items():
            total[kind] = total.get(kind, Counts()) + counts
    return total


def evaluate(
    recordings: Sequence[Listed],
    reference: Events,
    estimated: Events,
    protocols: Sequence[str] = PROTOCOLS,
    kinds: Sequence[str] | None = None,
    k: float = 0.5,
) -> dict[str, dict[str, Counts]]:
    """Protocol -> ``overall`` and kinds -> counts pooled over **every** listed recording.

    Parameters
    ----------
    recordings : sequence
        All that were looked at, with or without events. Minutes of unknown length are NaN, which
        makes the false alarms per minute NaN and nothing else.
    reference, estimated : mapping of recording id to its expressions
    protocols : of {"apex", "megc"}
    kinds : sequence of str or None
        The kinds that get counts of their own beside ``overall``; None: those that occur.
    k : float
        The IoU that ``megc`` asks for.

    Raises
    ------
    ValueError
        For a recording listed twice, or an event of a recording that is not listed.
    """
    kinds = kinds_in(reference, estimated) if kinds is None else kinds
    result = {}
    for name in protocols:
        rule = Rule(name, k)
        rows = by_recording(recordings, reference, estimated, rule, kinds)
        result[name] = pool(rows.values(), (OVERALL, *kinds))
    return result


def mean_over(counts: Iterable[Counts], rate: str = "f1") -> float:
    """Mean of a rate over recordings or subjects; those where it is 0/0 are left out.

    The paper's "average of F1" is read as this mean over videos, and given beside the pooled rate.
    NaN where no rate is defined.
    """
    rates = [value for c in counts if not math.isnan(value := getattr(c, rate))]
    return math.fsum(rates) / len(rates) if rates else math.nan


def as_dict(counts: Counts) -> dict[str, Any]:
    """tp, fp, fn and the rates as JSON takes them: a rate of 0/0 or of unknown minutes is None."""
    rates = ("precision", "recall", "f1", "false_alarms_per_minute")
    values = {rate: getattr(counts, rate) for rate in rates}
    return {
        "tp": counts.tp,
        "fp": counts.fp,
        "fn": counts.fn,
        **{rate: None if math.isnan(value) else value for rate, value in values.items()},
    }
