"""How far onset, apex and offset of right spots are from those of their truths."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from mespot.metrics.pooled import Events, Timed, validate
from mespot.metrics.ranking import MICRO, Floats
from mespot.metrics.rule import Rule, match, match_best_first, of_kind
from mespot.types import Expression

POINTS = ("onset", "apex", "offset")


def timing_errors(
    recordings: Sequence[Timed],
    reference: Events,
    estimated: Events,
    rule: Rule,
    kinds: Sequence[str] = MICRO,
) -> dict[str, Floats]:
    """Estimated minus reference in ms, for ``onset``, ``apex`` and ``offset`` of matched pairs.

    Of several spots on one truth the one of highest score is its pair
    (:func:`~mespot.metrics.match_best_first`), so that peaks below a threshold never stand in for
    spots above it; where spots of a recording have no scores, the one of largest IoU
    (:func:`~mespot.metrics.match`). Errors of spots that the rule refuses are not in it, so that a
    stricter rule shows smaller errors: give the recall beside them. A pair without an apex on
    either side has none here.

    Raises
    ------
    ValueError
        If a recording with a pair has no known frame rate.
    """
    validate(recordings, reference, estimated)
    errors: dict[str, list[float]] = {point: [] for point in POINTS}
    for recording in recordings:
        for kind in kinds:
            truth = of_kind(reference.get(recording.id, ()), kind)
            spots = of_kind(estimated.get(recording.id, ()), kind)
            for i, j in _pairs(truth, spots, rule):
                if recording.fps is None:
                    raise ValueError(f"recording {recording.id!r} has no fps: no errors in ms")
                for point in POINTS:
                    true, found = getattr(truth[i], point), getattr(spots[j], point)
                    if true is not None and found is not None:
                        errors[point].append(float((found - true) * 1000 / recording.fps))
    return {point: np.array(values, dtype=np.float64) for point, values in errors.items()}


def _pairs(
    truth: Sequence[Expression], spots: Sequence[Expression], rule: Rule
) -> list[tuple[int, int]]:
    scored = all(e.score is not None for e in spots)
    return (match_best_first if scored else match)(truth, spots, rule)


def timing_summary(errors: Mapping[str, Floats]) -> dict[str, dict[str, float]]:
    """For each point: ``n``, ``median``, ``mad`` and ``bias``, in the errors' unit.

    ``mad`` is the median absolute deviation from the median (unscaled), ``bias`` the mean: positive
    where spots come late. NaN where there is no pair.
    """
    return {point: _summary(values) for point, values in errors.items()}


def _summary(values: Floats) -> dict[str, float]:
    if not len(values):
        return {"n": 0, "median": math.nan, "mad": math.nan, "bias": math.nan}
    median = float(np.median(values))
    mad = float(np.median(np.abs(values - median)))
    return {"n": len(values), "median": median, "mad": mad, "bias": float(values.mean())}
