"""When a spot may count for a true expression, and the one-to-one matching under that rule."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mespot.matching import maximum_matching
from mespot.types import Counts, Expression

PROTOCOLS = ("apex", "megc")


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

    def closeness(
        self, reference: Sequence[Expression], estimated: Sequence[Expression]
    ) -> NDArray[np.float64]:
        """(truths, spots) IoU of every pair, 0 where the spot may not count for the truth.

        A spot's apex lies within the spot, so that one with its apex in the truth has an IoU above
        0: under either rule 0 means refused, and nothing else.
        """
        truths = np.array([(e.onset, e.offset) for e in reference], np.int64).reshape(-1, 2)
        spots = np.array([(e.onset, e.apex_or_middle, e.offset) for e in estimated], np.int64)
        onset, offset = truths[:, :1], truths[:, 1:]
        begin, apex, end = spots.reshape(-1, 3).T
        shared = np.maximum(np.minimum(end, offset) - np.maximum(begin, onset) + 1, 0)
        iou = shared / ((end - begin + 1) + (offset - onset + 1) - shared)
        admitted = (apex >= onset) & (apex <= offset) if self.name == "apex" else iou >= self.k
        return np.where(admitted, iou, 0.0)


def iou(a: Expression, b: Expression) -> float:
    """Intersection over union of two intervals in frames, both ends included; 0 if disjoint."""
    shared = max(0, min(a.offset, b.offset) - max(a.onset, b.onset) + 1)
    return shared / (a.n_frames + b.n_frames - shared)


def of_kind(events: Iterable[Expression], kind: str) -> list[Expression]:
    """The events of one kind, in order."""
    return [e for e in events if e.kind == kind]


def match(
    reference: Sequence[Expression], estimated: Sequence[Expression], rule: Rule
) -> list[tuple[int, int]]:
    """The largest set of one-to-one pairs (index of truth, index of spot) that the rule admits.

    One spot never serves two truths, nor one truth two spots: of two spots in one true interval one
    is right and the other a false alarm. Kinds are not looked at. Only the number of pairs is
    determined by the rule; where several sets are as large, truths are served from the first onset
    on, and each takes the free spot of largest IoU, under either rule; of equals the one with the
    earlier onset. No order of the rows matters.
    """
    closeness = rule.closeness(reference, estimated)
    truths, spots = _in_time(reference), _in_time(estimated)
    pairs = maximum_matching([_closest(closeness[truth], spots) for truth in truths])
    return sorted((truths[i], spot) for i, spot in pairs)


def match_best_first(
    reference: Sequence[Expression], estimated: Sequence[Expression], rule: Rule
) -> list[tuple[int, int]]:
    """As many pairs as :func:`match`, but the spots of highest score among them.

    The score decides which of several spots on one truth is the right one, as at every threshold in
    :func:`hits`: raising the threshold takes none of the pairs' spots away but those below it. Of
    equal scores the spot of larger IoU comes first, then the earlier onset. A spot takes the free
    truth of largest IoU.

    Raises
    ------
    ValueError
        If a spot has no score.
    """
    scores = [e.score for e in estimated if e.score is not None]
    if len(scores) < len(estimated):
        raise ValueError("a spot has no score: which one is the best is unknown")
    closeness = rule.closeness(reference, estimated)
    truths = _in_time(reference)
    best = closeness.max(axis=0, initial=0.0)
    spots = sorted(_in_time(estimated), key=lambda j: (-scores[j], -best[j]))
    pairs = maximum_matching([_closest(closeness[:, spot], truths) for spot in spots])
    return sorted((truth, spots[j]) for j, truth in pairs)


def count(
    reference: Sequence[Expression],
    estimated: Sequence[Expression],
    rule: Rule,
    minutes: float = 0.0,
) -> Counts:
    """Right spots, false alarms and misses in one recording of ``minutes``, whatever the kinds."""
    # How many pairs there are no order changes: none is looked for.
    tp = len(maximum_matching(_admitted(rule.closeness(reference, estimated))))
    return Counts(tp, len(estimated) - tp, len(reference) - tp, minutes)


def hits(
    reference: Sequence[Expression], ranked: Sequence[Expression], rule: Rule
) -> NDArray[np.bool_]:
    """(n,) which of the spots, best first, are right: every beginning of the list at once.

    Among the first j spots as many are marked as ``count`` finds true positives when it is given
    these j spots alone. One matching is enough: spots are served in order, a spot that has a
    partner keeps one while later spots are served, and a spot that could not be served when its
    turn came cannot be served later either (the sets of spots that can be served together form a
    transversal matroid: Edmonds and Fulkerson 1965).
    """
    right = np.zeros(len(ranked), dtype=np.bool_)
    pairs = maximum_matching(_admitted(rule.closeness(reference, ranked).T))
    right[[spot for spot, _ in pairs]] = True
    return right


def _admitted(closeness: NDArray[np.float64]) -> list[list[int]]:
    """For every row the columns above 0."""
    found: list[list[int]] = [[] for _ in closeness]
    for row, column in np.argwhere(closeness > 0).tolist():
        found[row].append(column)
    return found


def _in_time(events: Sequence[Expression]) -> list[int]:
    """Indices from the first onset on; events that change places in it are alike in all points."""
    return sorted(
        range(len(events)),
        key=lambda i: (events[i].onset, events[i].offset, events[i].apex_or_middle,
                       events[i].apex is None),
    )  # fmt: skip


def _closest(closeness: NDArray[np.float64], order: Sequence[int]) -> list[int]:
    """Those of ``order`` that are admitted, the largest IoU first, of equals as they stand."""
    ordered = np.array(order, dtype=np.int64)
    admitted = ordered[closeness[ordered] > 0]
    closest: list[int] = admitted[np.argsort(-closeness[admitted], kind="stable")].tolist()
    return closest
