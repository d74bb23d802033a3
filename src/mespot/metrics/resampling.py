"""How sure a pooled rate is, and a difference of two: whole subjects drawn with replacement.

Subjects, not events, are drawn, since one person's recordings are not independent (Efron and
Tibshirani 1993, chapters 8 and 13).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mespot.types import Counts

Rate = str | Callable[[Counts], float]


@dataclass(frozen=True)
class Difference:
    """A rate of A minus that of B, over the same subjects.

    Attributes
    ----------
    difference : float
        Of the pooled rates, all subjects in.
    low, high : float
        Percentile interval over the resamples.
    """

    difference: float
    low: float
    high: float


def bootstrap(
    per_subject: Sequence[Counts],
    rate: Rate = "f1",
    level: float = 0.95,
    n: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile interval of a pooled rate over ``n`` draws of the subjects.

    ``rate`` is the name of one of :class:`~mespot.types.Counts` or a function of it. Draws in which
    the rate is 0/0 are left out; (NaN, NaN) where that leaves none.
    """
    _check(level, n)
    if not per_subject:
        return math.nan, math.nan
    return _interval(_resampled(per_subject, rate, _draws(len(per_subject), n, seed)), level)


def paired_bootstrap(
    counts_a_by_subject: Mapping[str, Counts],
    counts_b_by_subject: Mapping[str, Counts],
    rate: Rate = "f1",
    level: float = 0.95,
    n: int = 2000,
    seed: int = 0,
) -> Difference:
    """How far A is ahead of B when both have judged the same subjects.

    Every draw takes the same subjects for A and for B, so that what makes a subject hard for both
    cancels. Draws in which either rate is 0/0 are left out; NaN where that leaves none.

    Raises
    ------
    ValueError
        If the two do not hold the same subjects.
    """
    _check(level, n)
    if odd := set(counts_a_by_subject) ^ set(counts_b_by_subject):
        raise ValueError(f"subject {sorted(odd)[0]!r} stands on one side only: nothing to pair")
    subjects = sorted(counts_a_by_subject)
    if not subjects:
        return Difference(math.nan, math.nan, math.nan)
    draws = _draws(len(subjects), n, seed)
    everyone = np.ones((1, len(subjects)), dtype=np.int64)
    sides = [[counts[s] for s in subjects] for counts in (counts_a_by_subject, counts_b_by_subject)]
    all_in = [float(_resampled(side, rate, everyone)[0]) for side in sides]
    gaps = _resampled(sides[0], rate, draws) - _resampled(sides[1], rate, draws)
    return Difference(all_in[0] - all_in[1], *_interval(gaps, level))


def _check(level: float, n: int) -> None:
    if not 0 < level < 1 or n < 1:
        raise ValueError(f"level must be within (0, 1) and n positive, not {level} and {n}")


def _draws(n_subjects: int, n: int, seed: int) -> NDArray[np.int64]:
    """(n, n_subjects) how often each subject is in each draw; a row adds up to n_subjects."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(n_subjects, np.full(n_subjects, 1 / n_subjects), size=n)


def _resampled(
    per_subject: Sequence[Counts], rate: Rate, draws: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(n,) the pooled rate in every draw, NaN where it is 0/0.

    Minutes that are unknown for one subject are so for every draw: draws without that subject
    would be a choice among the subjects.
    """
    table = np.array([(c.tp, c.fp, c.fn) for c in per_subject], dtype=np.int64)
    minutes = draws @ np.array([c.minutes for c in per_subject], dtype=np.float64)
    rates = []
    for (tp, fp, fn), length in zip((draws @ table).tolist(), minutes.tolist()):
        drawn = Counts(tp, fp, fn, length)
        rates.append(getattr(drawn, rate) if isinstance(rate, str) else rate(drawn))
    return np.array(rates, dtype=np.float64)


def _interval(rates: NDArray[np.float64], level: float) -> tuple[float, float]:
    kept = rates[~np.isnan(rates)]
    if not len(kept):
        return math.nan, math.nan
    low, high = np.quantile(kept, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
