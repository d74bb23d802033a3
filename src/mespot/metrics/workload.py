"""How much of the video a coder must watch to see a given share of the expressions.

The coder watches the candidates in order of score, each with some context before and after. What
the figure answers is whether candidates save time at all: pieces of video in random order show, on
average, the same share of the expressions as of the video (or less: an expression that a piece's
end cuts is not seen whole).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mespot.metrics.pooled import Events, Timed, validate
from mespot.metrics.ranking import MICRO, Floats, scores_of
from mespot.types import Expression


@dataclass(frozen=True)
class Workload:
    """What has been watched and seen at every threshold; neither ever falls along the rows.

    Attributes
    ----------
    thresholds : (m,) float64
        From inf (nothing watched) to the lowest score (all candidates watched).
    watched : (m,) float64
        Share of the video's time; frames in several candidates count once.
    kept : (m,) float64
        Share of the true expressions of which every frame has been watched; NaN without truth.
    """

    thresholds: Floats
    watched: Floats
    kept: Floats

    def watched_for(self, shares: Sequence[float]) -> list[float]:
        """The smallest share of the video that keeps each share of the expressions.

        NaN where all candidates together do not keep so many: the rest of the video would have to
        be watched without their help. A random order needs, on average, the share itself.
        """
        found = []
        for share in shares:
            rows = np.flatnonzero(self.kept >= share - 1e-12)
            found.append(float(self.watched[rows[0]]) if len(rows) else math.nan)
        return found


@dataclass
class _Seen:
    """The frames of one recording that have been watched, and the truths not yet seen whole."""

    context: int
    weight: float
    mask: NDArray[np.bool_]
    pending: list[Expression] = field(default_factory=list)

    def watch(self, spot: Expression) -> tuple[float, int]:
        """Seconds and true expressions that this candidate adds."""
        first = max(spot.onset - self.context, 0)
        last = min(spot.offset + self.context, len(self.mask) - 1)
        new = int(np.count_nonzero(~self.mask[first : last + 1]))
        self.mask[first : last + 1] = True
        touched = [e for e in self.pending if e.onset <= last and e.offset >= first]
        whole = [e for e in touched if self._whole(e)]
        self.pending = [e for e in self.pending if not any(e is w for w in whole)]
        return new * self.weight, len(whole)

    def _whole(self, e: Expression) -> bool:
        return e.offset < len(self.mask) and bool(self.mask[e.onset : e.offset + 1].all())


def workload(
    recordings: Sequence[Timed],
    reference: Events,
    estimated: Events,
    context_s: float = 1.0,
    kinds: Sequence[str] = MICRO,
) -> Workload:
    """Watch every candidate with ``context_s`` on either side, highest score first.

    Every listed recording is part of the video, also one without candidates or truth.

    Raises
    ------
    ValueError
        For a recording of unknown rate or length, a spot without a score, or a negative context.
    """
    validate(recordings, reference, estimated)
    if not context_s >= 0:
        raise ValueError(f"context_s must not be negative, but is {context_s}")
    seen: dict[str, _Seen] = {}
    candidates: list[tuple[float, str, Expression]] = []
    for r in recordings:
        if r.fps is None or r.n_frames is None:
            raise ValueError(f"recording {r.id!r} has no fps or n_frames: no share of the video")
        truth = [e for e in reference.get(r.id, ()) if e.kind in kinds]
        spots = [e for e in estimated.get(r.id, ()) if e.kind in kinds]
        context = math.ceil(context_s * float(r.fps) - 1e-9)
        seen[r.id] = _Seen(context, 1 / float(r.fps), np.zeros(r.n_frames, np.bool_), truth)
        candidates += [(s, r.id, e) for s, e in zip(scores_of(spots, r.id).tolist(), spots)]
    total_s = math.fsum(len(s.mask) * s.weight for s in seen.values())
    n_truth = sum(len(s.pending) for s in seen.values())
    return _watched(candidates, seen, total_s, n_truth)


def _watched(
    candidates: list[tuple[float, str, Expression]],
    seen: dict[str, _Seen],
    total_s: float,
    n_truth: int,
) -> Workload:
    """One row per distinct score, after all its candidates."""
    candidates.sort(key=lambda c: -c[0])
    seconds, kept = 0.0, 0
    rows = [(math.inf, 0.0, 0)]
    for i, (score, recording, spot) in enumerate(candidates):
        more_s, more = seen[recording].watch(spot)
        seconds, kept = seconds + more_s, kept + more
        if i + 1 == len(candidates) or candidates[i + 1][0] < score:
            rows.append((score, seconds, kept))
    table = np.array(rows, dtype=np.float64)
    nothing = np.full(len(table), np.nan)
    return Workload(
        table[:, 0],
        # Seconds are added in another order than the total's: no more than all can be watched.
        np.minimum(table[:, 1] / total_s, 1.0) if total_s else nothing,
        table[:, 2] / n_truth if n_truth else nothing,
    )
