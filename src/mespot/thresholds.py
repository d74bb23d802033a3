"""Which threshold is best, given every recording's candidates ranked by score.

The candidates at or above a threshold are the spots at that threshold (see :mod:`mespot.decoding`),
so that one pass down the scores sees every threshold there is: counts change only where a
candidate joins, and only for its recording.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from mespot.types import Counts, Expression

Count = Callable[[Sequence[Expression], Sequence[Expression]], Counts]
Ranked = Sequence[Sequence[Expression]]
Truth = Sequence[Sequence[Expression]]


def threshold_of_best_f1(ranked: Ranked, truth: Truth, count: Count) -> float:
    """The threshold with the highest pooled F1; the middle of its plateau.

    F1 is constant between two neighbouring scores. Of several best plateaus the highest is taken
    (fewest false alarms). If no threshold gives a true positive, the threshold lies above every
    score. The search ends, exactly, where so many spots are in that even with every truth found F1
    could not reach the best: this holds for one-to-one counting, F1 = 2 TP / (spots + truths).
    """
    best, upper, lower = 0.0, math.inf, math.inf
    joined = True
    for score, pooled, following in _sweep(ranked, truth, count):
        f1 = pooled.f1 if pooled.tp else 0.0
        if f1 > best:
            best, upper, lower = f1, score, following
            joined = True
        elif f1 == best and best and joined:
            lower = following
        else:
            joined = False
        truths, spots = pooled.tp + pooled.fn, pooled.tp + pooled.fp
        if best and 2 * truths / (truths + spots) < best:
            break
    if not best:
        return _above(ranked)
    return _between(upper, lower)


def _sweep(ranked: Ranked, truth: Truth, count: Count) -> Iterator[tuple[float, Counts, float]]:
    """For every distinct score, from the highest down: it, the pooled counts at it, the next."""
    if len(ranked) != len(truth):
        raise ValueError(f"{len(ranked)} recordings with scores, {len(truth)} with truth")
    joining = sorted(
        ((_score(e), r) for r, spots in enumerate(ranked) for e in spots), reverse=True
    )
    n_in = [0] * len(ranked)
    counts = [count(reference, []) for reference in truth]
    pooled = sum(counts, Counts())
    for k, (score, r) in enumerate(joining):
        n_in[r] += 1
        following = joining[k + 1][0] if k + 1 < len(joining) else 0.0
        if k + 1 < len(joining) and following == score and joining[k + 1][1] == r:
            continue
        new = count(truth[r], sorted(ranked[r][: n_in[r]], key=lambda e: e.onset))
        pooled = _exchange(pooled, counts[r], new)
        counts[r] = new
        if following < score:
            yield score, pooled, following


def _exchange(pooled: Counts, old: Counts, new: Counts) -> Counts:
    return Counts(
        pooled.tp - old.tp + new.tp,
        pooled.fp - old.fp + new.fp,
        pooled.fn - old.fn + new.fn,
        max(pooled.minutes - old.minutes + new.minutes, 0.0),
    )


def _score(spot: Expression) -> float:
    if spot.score is None:
        raise ValueError("a candidate has no score")
    return spot.score


def _between(upper: float, lower: float) -> float:
    """The middle; ``upper`` itself where no float lies between, so that ``lower`` stays out."""
    middle = (upper + lower) / 2
    return middle if middle > lower else upper


def _above(ranked: Ranked) -> float:
    scores = [_score(e) for spots in ranked for e in spots]
    # By more than float32 resolves, in case someone keeps it as one.
    return max(scores) * (1 + 1e-6) if scores else 1.0
