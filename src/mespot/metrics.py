"""How well spots agree with the truth: one-to-one matching, counts, pooled rates.

``reference`` always stands before ``estimated``. Every function takes plain lists of
:class:`~mespot.types.Expression`; :func:`evaluate` takes whole sets of recordings. All counts are
pooled over every listed recording, also those without truth and those without a spot, since leaving
either out hides misses or false alarms (docs/metrics.md lists where other scorers differ).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mespot._matching import maximum_matching
from mespot.types import KINDS, Counts, Expression

PROTOCOLS = ("apex", "megc")
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


@dataclass(frozen=True)
class Rule:
    """When a spot may count for a true expression.

    Parameters
    ----------
    name : {"apex", "megc"}
        ``apex`` (paper, section Experiments): the spot's apex lies in [onset, offset] of the truth.
        A spot without an apex stands for its middle frame, (onset + offset) // 2.
        ``megc`` (Micro-Expression Grand Challenge): the intersection over union of the two
        intervals, counted in frames with both ends included, is at least ``k``.
    k : float
        In (0, 1]; reaching it exactly is enough. The rule ``apex`` does not use it.
    """

    name: str = "megc"
    k: float = 0.5

    def __post_init__(self) -> None:
        if self.name not in PROTOCOLS:
            raise ValueError(f"rule {self.name!r} is none of {', '.join(PROTOCOLS)}")
        if not 0 < self.k <= 1:
            raise ValueError(f"k must be above 0 and at most 1, not {self.k}")

    def closeness(self, truth: Expression, spots: NDArray[np.int64]) -> NDArray[np.float64]:
        """(m,) how well each spot suits, 0 where it may not count; spots is (m, 3) frames."""
        onset, apex, offset = spots.T
        if self.name == "apex":
            return ((apex >= truth.onset) & (apex <= truth.offset)).astype(np.float64)
        shared = np.minimum(offset, truth.offset) - np.maximum(onset, truth.onset) + 1
        shared = np.maximum(shared, 0)
        iou = shared / (offset - onset + 1 + truth.n_frames - shared)
        return np.where(iou >= self.k, iou, 0.0)


def iou(a: Expression, b: Expression) -> float:
    """Intersection over union of two intervals in frames, both ends included; 0 if disjoint."""
    shared = max(0, min(a.offset, b.offset) - max(a.onset, b.onset) + 1)
    return shared / (a.n_frames + b.n_frames - shared)


def match(
    reference: Sequence[Expression], estimated: Sequence[Expression], rule: Rule
) -> list[tuple[int, int]]:
    """The largest set of one-to-one pairs (index of truth, index of spot) that the rule admits.

    One spot never serves two truths, nor one truth two spots: of two spots in one true interval one
    is right and the other a false alarm. Kinds are not looked at. Only the number of pairs is
    determined; where several sets are as large, a truth takes the spot of larger IoU, then the
    earlier one.
    """
    spots = np.array(
        [
            (e.onset, (e.onset + e.offset) // 2 if e.apex is None else e.apex, e.offset)
            for e in estimated
        ],
        dtype=np.int64,
    ).reshape(-1, 3)
    neighbours = []
    for truth in reference:
        closeness = rule.closeness(truth, spots)
        order = np.argsort(-closeness, kind="stable")
        neighbours.append(order[: np.count_nonzero(closeness)].tolist())
    return maximum_matching(neighbours)


def count(
    reference: Sequence[Expression],
    estimated: Sequence[Expression],
    rule: Rule,
    minutes: float = 0.0,
) -> Counts:
    """Right spots, false alarms and misses in one recording of ``minutes``, whatever the kinds."""
    tp = len(match(reference, estimated, rule))
    return Counts(tp, len(estimated) - tp, len(reference) - tp, minutes)


def of_kind(events: Iterable[Expression], kind: str) -> list[Expression]:
    """The events of one kind, in order."""
    return [e for e in events if e.kind == kind]


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

    Raises
    ------
    ValueError
        For a recording listed twice, or an event of a recording that is not listed.
    """
    kinds = kinds_in(reference, estimated) if kinds is None else kinds
    result = {}
    for name in protocols:
        rule = Rule(name)
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


def bootstrap(
    per_subject: Sequence[Counts],
    rate: str | Callable[[Counts], float] = "f1",
    level: float = 0.95,
    n: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile interval of a pooled rate when whole subjects are drawn with replacement.

    Subjects, not events, are drawn, since one person's recordings are not independent (Efron and
    Tibshirani 1993, chapters 8 and 13). Draws in which the rate is 0/0 are left out; (NaN, NaN)
    where that leaves none.
    """
    table = np.array([(c.tp, c.fp, c.fn, c.minutes) for c in per_subject]).reshape(-1, 4)
    if not len(table):
        return math.nan, math.nan
    draws = np.random.default_rng(seed).multinomial(
        len(table), np.full(len(table), 1 / len(table)), size=n
    )
    rates = []
    for tp, fp, fn, minutes in draws @ table:
        drawn = Counts(round(tp), round(fp), round(fn), minutes)
        rates.append(getattr(drawn, rate) if isinstance(rate, str) else rate(drawn))
    kept = np.array([r for r in rates if not math.isnan(r)])
    if not len(kept):
        return math.nan, math.nan
    low, high = np.quantile(kept, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


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
