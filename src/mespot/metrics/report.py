"""Everything that scored spots allow, as one tree that JSON takes: what ``--curves`` writes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from mespot.metrics.calibration import reliability
from mespot.metrics.frame_roc import roc
from mespot.metrics.pooled import OVERALL, OVERALL_KINDS, Events, Timed, validate
from mespot.metrics.ranking import MICRO, Ranked, average_precision, best_f1, froc, rank
from mespot.metrics.rule import PROTOCOLS, Rule
from mespot.metrics.timing import timing_errors, timing_summary
from mespot.metrics.workload import workload

Tree = dict[str, Any]

RATES = (0.1, 0.5, 1.0, 2.0, 5.0)
"""False alarms per minute at which recall is reported."""

SHARES = (0.5, 0.7, 0.9)
"""Shares of the expressions for which the workload is reported."""


def evaluate_curves(
    recordings: Sequence[Timed],
    reference: Events,
    estimated: Events,
    protocols: Sequence[str] = PROTOCOLS,
    kinds: Sequence[str] = MICRO,
    k: float = 0.5,
) -> Tree:
    """All curves and the figures read from them, by protocol and kind.

    Parameters
    ----------
    estimated : mapping of recording id to its peaks, each with a score
        All peaks, not only those above a threshold.
    kinds : sequence of str
        May hold ``overall``: micro and macro together, matched apart.

    Returns
    -------
    dict
        ``notes`` (what could not be computed, and why), then ``<protocol>`` -> kind -> ``froc``,
        ``recall_at``, ``average_precision``, ``best_f1``, ``calibration``, ``timing_ms``; then
        ``workload`` and ``roc`` -> kind, which follow no protocol. What could not be computed and
        what is 0/0 is None; so is the threshold above every score.

    Raises
    ------
    ValueError
        What :func:`~mespot.metrics.validate` refuses.
    """
    validate(recordings, reference, estimated)
    notes: list[str] = []
    data = (recordings, reference, estimated)
    tree: Tree = {"notes": notes}
    for name in protocols:
        rule = Rule(name, k)
        tree[name] = {kind: _of_rule(data, rule, _parts(kind), notes) for kind in kinds}
    for name, part in (("workload", _workload), ("roc", _roc)):
        tree[name] = {kind: _or_none(notes, partial(part, data, _parts(kind))) for kind in kinds}
    tree["notes"] = list(dict.fromkeys(notes))
    return plain(tree)


_Data = tuple[Sequence[Timed], Events, Events]


def _parts(kind: str) -> tuple[str, ...]:
    return OVERALL_KINDS if kind == OVERALL else (kind,)


def _or_none(notes: list[str], part: Callable[[], Any]) -> Any:
    """What the part gives, or None and a note of what it needs."""
    try:
        return part()
    except ValueError as error:
        notes.append(str(error))
        return None


def _of_rule(data: _Data, rule: Rule, kinds: tuple[str, ...], notes: list[str]) -> Tree:
    found: Tree = dict.fromkeys(
        ("froc", "recall_at", "average_precision", "best_f1", "calibration")
    )
    ranked = _or_none(notes, lambda: rank(*data, rule, kinds))
    if ranked is not None:
        found |= _froc(ranked)
        found["average_precision"] = _or_none(notes, lambda: average_precision(ranked))
        found["calibration"] = _or_none(notes, lambda: _calibration(ranked))
    found["timing_ms"] = _or_none(notes, lambda: timing_summary(timing_errors(*data, rule, kinds)))
    return found


def _froc(ranked: Ranked) -> Tree:
    curve = froc(ranked)
    f1, threshold = best_f1(curve)
    return {
        "froc": {
            "threshold": curve.thresholds,
            "tp": curve.tp,
            "fp": curve.fp,
            "recall": curve.recall,
            "precision": curve.precision,
            "false_alarms_per_minute": curve.false_alarms_per_minute,
        },
        "recall_at": {f"{rate:g}": r for rate, r in zip(RATES, curve.recall_at(RATES))},
        "best_f1": {"f1": f1, "threshold": threshold, "chosen_on": "this truth: a bound"},
    }


def _calibration(ranked: Ranked) -> Tree:
    found = reliability(ranked)
    return {
        "expected_error": found.expected_error,
        "edges": found.edges,
        "n": found.n,
        "mean_score": found.mean_score,
        "share_right": found.share_right,
    }


def _workload(data: _Data, kinds: tuple[str, ...]) -> Tree:
    found = workload(*data, kinds=kinds)
    return {
        "watched_for": {f"{s:g}": w for s, w in zip(SHARES, found.watched_for(SHARES))},
        "random_order": {f"{s:g}": s for s in SHARES},
        "threshold": found.thresholds,
        "watched": found.watched,
        "kept": found.kept,
    }


def _roc(data: _Data, kinds: tuple[str, ...]) -> Tree:
    found = roc(*data, kinds=kinds)
    return {
        "auc": found.auc(),
        "auc_of_peaks_alone": found.auc("hold"),
        "threshold": found.thresholds,
        "tpr": found.tpr,
        "fpr": found.fpr,
    }


def plain(value: Any) -> Any:
    """Arrays as lists, and every number that JSON does not have as None."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list):
        return [plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
