"""When a spot may count for a true expression, and the one-to-one matching under that rule."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mespot._matching import maximum_matching
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


def apex_of(event: Expression) -> int:
    """The apex, or the middle frame (rounded down) where none is known."""
    return (event.onset + event.offset) // 2 if event.apex is None else event.apex


def of_kind(events: Iterable[Expression], kind: str) -> list[Expression]:
    """The events of one kind, in order."""
    return [e for e in events if e.kind == kind]


def match(
    reference: Sequence[Expression], estimated: Sequence[Expression], rule: Rule
) -> list[tuple[int, int]]:
    """The largest set of one-to-one pairs (index of truth, index of spot) that the rule admits.

    One spot never serves two truths, nor one truth two spots: of two spots in one true interval one
    is right and the other a false alarm. Kinds are not looked at. Only the number of pairs is
    determined; where several sets are as large, a truth takes the spot of larger IoU, then the
    earlier one.
    """
    return maximum_matching(_admitted(reference, estimated, rule))


def count(
    reference: Sequence[Expression],
    estimated: Sequence[Expression],
    rule: Rule,
    minutes: float = 0.0,
) -> Counts:
    """Right spots, false alarms and misses in one recording of ``minutes``, whatever the kinds."""
    tp = len(match(reference, estimated, rule))
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
    truths_of: list[list[int]] = [[] for _ in ranked]
    for truth, spots in enumerate(_admitted(reference, ranked, rule)):
        for spot in spots:
            truths_of[spot].append(truth)
    right[[spot for spot, _ in maximum_matching(truths_of)]] = True
    return right


def _admitted(
    reference: Sequence[Expression], estimated: Sequence[Expression], rule: Rule
) -> list[list[int]]:
    """For every truth the indices of the spots that may count for it, the closest first."""
    frames = [(e.onset, apex_of(e), e.offset) for e in estimated]
    spots = np.array(frames, dtype=np.int64).reshape(-1, 3)
    found = []
    for truth in reference:
        closeness = rule.closeness(truth, spots)
        order = np.argsort(-closeness, kind="stable")
        found.append(order[: np.count_nonzero(closeness)].tolist())
    return found
