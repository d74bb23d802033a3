"""How well spots agree with the truth.

``reference`` always stands before ``estimated``. A function takes plain lists of
:class:`~mespot.types.Expression`, or mappings of recording id to such lists together with all
recordings that were looked at. docs/metrics.md explains every figure and how others differ.

``rule``        when a spot counts for a truth; one-to-one matching
``pooled``      counts by recording, by subject, pooled; :func:`evaluate`
``resampling``  bootstrap over subjects, paired difference of two spotters
``ranking``     every threshold at once: FROC, average precision
``roc``         the ROC in frames of Li et al. 2017
``workload``    how much video a coder must watch
``timing``      errors of onset, apex and offset in ms
``calibration`` whether scores are probabilities
``compat``      figures of other scorers, with their faults, to compare with old numbers
"""

from mespot.metrics.pooled import (
    OVERALL,
    OVERALL_KINDS,
    Events,
    Listed,
    Timed,
    as_dict,
    by_recording,
    by_subject,
    count_kinds,
    evaluate,
    kinds_in,
    mean_over,
    pool,
    validate,
)
from mespot.metrics.resampling import Difference, bootstrap, paired_bootstrap
from mespot.metrics.rule import PROTOCOLS, Rule, apex_of, count, hits, iou, match, of_kind

__all__ = [
    "OVERALL",
    "OVERALL_KINDS",
    "PROTOCOLS",
    "Difference",
    "Events",
    "Listed",
    "Rule",
    "Timed",
    "apex_of",
    "as_dict",
    "bootstrap",
    "by_recording",
    "by_subject",
    "count",
    "count_kinds",
    "evaluate",
    "hits",
    "iou",
    "kinds_in",
    "match",
    "mean_over",
    "of_kind",
    "paired_bootstrap",
    "pool",
    "validate",
]
