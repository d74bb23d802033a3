"""Figures as other public scorers print them, faults included: to understand old numbers.

Never a result of ours. Every mode is written from what the scorer does, not from its code, and is
named in docs/metrics.md with its effect on an example. No mode looks at kinds: give it the events
of the kinds that it should see. All compare intervals in frames with both ends included.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from mespot.metrics.pooled import Events, Listed, validate
from mespot.metrics.rule import iou
from mespot.types import Expression

Figures = dict[str, float]

EMOTION = "emotion"
"""Attribute of an event that ``strs`` takes as its class, if every event of both sides has it."""

COCO_IOUS = tuple(np.round(np.arange(0.5, 1.0, 0.05), 2).tolist())


def strs(
    recordings: Sequence[Listed], reference: Events, estimated: Events, k: float = 0.5
) -> Figures:
    """As the script for the Spot-Then-Recognise Score of 2023 counts.

    Looks only at subjects with a spot somewhere, and of these at recordings with a truth. Every
    pair of a truth and a spot with IoU >= ``k`` is a true positive, so that one spot may take two
    truths and two spots one truth. 0/0 is 0. Where the events have emotions, ``uar`` is what is
    printed under that name: the mean over emotions of the *precision* among the pairs.

    Raises
    ------
    ValueError
        If a recording's subject is unknown.
    """
    validate(recordings, reference, estimated)
    if unknown := [r.id for r in recordings if not r.subject]:
        raise ValueError(f"recording {unknown[0]!r} has no subject: strs goes by subjects")
    heard = {r.subject for r in recordings if estimated.get(r.id)}
    looked_at = [r.id for r in recordings if r.subject in heard and reference.get(r.id)]
    pairs: list[tuple[Expression, Expression]] = []
    fp = fn = 0
    for name in looked_at:
        truth, spots = reference[name], estimated.get(name, ())
        found = [(t, s) for s in spots for t in truth if iou(t, s) >= k]
        pairs += found
        fp += sum(not any(iou(t, s) >= k for t in truth) for s in spots)
        fn += sum(not any(iou(t, s) >= k for s in spots) for t in truth)
    figures = _figures(len(pairs), fp, fn)
    if all(EMOTION in e.attributes for side in (reference, estimated) for e in _all(side)):
        figures["uar"] = _uar(pairs, reference, estimated)
    return figures


def _uar(
    pairs: Sequence[tuple[Expression, Expression]], reference: Events, estimated: Events
) -> float:
    """Mean precision over the emotions of both sides; an emotion never spotted has 0."""
    emotions = {e.attributes[EMOTION] for side in (reference, estimated) for e in _all(side)}
    precisions = []
    for emotion in emotions:
        named = [t for t, s in pairs if s.attributes[EMOTION] == emotion]
        right = sum(t.attributes[EMOTION] == emotion for t in named)
        precisions.append(_over(right, len(named)))
    return math.fsum(precisions) / len(precisions) if precisions else math.nan


def mdmd(
    recordings: Sequence[Listed], reference: Events, estimated: Events, k: float = 0.5
) -> Figures:
    """As the evaluation that came with the MEGC 2020 baseline (MDMD) counts.

    One frame of overlap is given to intervals that share none, and intervals of one frame overlap
    with nothing. True positives are the truths that some spot meets; one spot may meet two, so
    that ``fp`` (spots less true positives) may be negative and precision above 1. 0/0 is 0.
    """
    validate(recordings, reference, estimated)
    n_spots = n_truth = tp = 0
    for r in recordings:
        truth, spots = reference.get(r.id, ()), estimated.get(r.id, ())
        n_spots, n_truth = n_spots + len(spots), n_truth + len(truth)
        tp += sum(any(mdmd_iou(t, s) >= k for s in spots) for t in truth)
    return _figures(tp, n_spots - tp, n_truth - tp)


def mdmd_iou(a: Expression, b: Expression) -> float:
    """Intersection over union with one frame too many between intervals that are apart."""
    if a.n_frames == 1 or b.n_frames == 1:
        return 0.0
    shared = max(0, min(a.offset, b.offset) - max(a.onset, b.onset)) + 1
    return shared / (a.n_frames + b.n_frames - shared)


def duplicates(
    recordings: Sequence[Listed], reference: Events, estimated: Events, k: float = 0.5
) -> Figures:
    """As a line of work counted until 2025: all spots with IoU **above** ``k`` are true positives.

    Ten spots on one truth are ten of them. Misses are the truths that no spot meets. 0/0 is 0.
    """
    validate(recordings, reference, estimated)
    tp = fp = fn = 0
    for r in recordings:
        truth, spots = reference.get(r.id, ()), estimated.get(r.id, ())
        right = sum(any(iou(t, s) > k for t in truth) for s in spots)
        tp, fp = tp + right, fp + len(spots) - right
        fn += sum(not any(iou(t, s) > k for s in spots) for t in truth)
    return _figures(tp, fp, fn)


def constant_ap(
    recordings: Sequence[Listed], reference: Events, estimated: Events, k: float = 0.5
) -> Figures:
    """The "COCO AP@[.5:.95]" of spots that all have one confidence: the order of rows decides.

    Spots come in the order of the recordings and, within one, of the file; their scores are not
    looked at. Each takes the free truth of largest IoU. Precision is replaced by the highest one at
    or after it, then averaged over recall and over the ten IoUs; ``k`` is not used.
    """
    validate(recordings, reference, estimated)
    n_truth = sum(len(reference.get(r.id, ())) for r in recordings)
    values = [
        _interpolated_ap(
            [
                mark
                for r in recordings
                for mark in _greedy(reference.get(r.id, ()), estimated.get(r.id, ()), level)
            ],
            n_truth,
        )
        for level in COCO_IOUS
    ]
    return {"ap": math.fsum(values) / len(values)}


def _greedy(
    reference: Sequence[Expression], estimated: Sequence[Expression], k: float
) -> list[bool]:
    """Each spot in turn takes the closest free truth with IoU >= k."""
    free = list(reference)
    marks = []
    for spot in estimated:
        best = max(free, key=lambda t: iou(t, spot), default=None)
        marks.append(best is not None and iou(best, spot) >= k)
        if marks[-1]:
            free = [t for t in free if t is not best]
    return marks


def _interpolated_ap(marks: Sequence[bool], n_truth: int) -> float:
    """Area under precision over recall, precision made to fall (PASCAL VOC 2010)."""
    if not n_truth or not marks:
        return 0.0
    right = np.cumsum(marks)
    precision = right / np.arange(1, len(marks) + 1)
    highest = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.diff(right, prepend=0) @ highest / n_truth)


def _figures(tp: int, fp: int, fn: int) -> Figures:
    precision, recall = _over(tp, tp + fp), _over(tp, tp + fn)
    f1 = _over(2 * precision * recall, precision + recall)
    return {"tp": tp, "fp": fp, "fn": fn, "precision": precision, "recall": recall, "f1": f1}


def _over(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _all(events: Events) -> list[Expression]:
    return [e for found in events.values() for e in found]


COMPAT: dict[str, Callable[..., Figures]] = {
    "strs": strs,
    "mdmd": mdmd,
    "duplicates": duplicates,
    "constant-ap": constant_ap,
}

FAULTS = {
    "strs": "skips subjects without a spot and recordings without truth; counts pairs",
    "mdmd": "gives intervals that are apart one frame of overlap; one spot may meet two truths",
    "duplicates": "counts every spot on a truth as a true positive; IoU of exactly k is not enough",
    "constant-ap": "does not look at the scores: the order of the rows decides",
}
