"""How well spots agree with the truth.

``reference`` always stands before ``estimated``. A function takes plain lists of
:class:`~mespot.types.Expression`, or mappings of recording id to such lists together with all
recordings that were looked at. docs/metrics.md explains every figure and how others differ.

``rule``        when a spot counts for a truth; one-to-one matching
``pooled``      counts by recording, by subject, pooled; :func:`evaluate`
``resampling``  bootstrap over subjects, paired difference of two spotters
``ranking``     every threshold at once: FROC, average precision
``frame_roc``   the ROC in frames of Li et al. 2017
``workload``    how much video a coder must watch
``timing``      errors of onset, apex and offset in ms
``calibration`` whether scores are probabilities
``report``      all curves as one tree; :func:`evaluate_curves`
``compat``      figures of other scorers, with their faults, to compare with old numbers
"""

from mespot.metrics.calibration import Reliability, reliability
from mespot.metrics.compat import COMPAT, FAULTS
from mespot.metrics.frame_roc import Roc, odd_window, roc
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
from mespot.metrics.ranking import (
    MICRO,
    Froc,
    Ranked,
    average_precision,
    best_f1,
    froc,
    rank,
)
from mespot.metrics.report import evaluate_curves, plain
from mespot.metrics.resampling import Difference, bootstrap, paired_bootstrap
from mespot.metrics.rule import (
    PROTOCOLS,
    Rule,
    count,
    hits,
    iou,
    match,
    match_best_first,
    of_kind,
)
from mespot.metrics.timing import timing_errors, timing_summary
from mespot.metrics.workload import Workload, workload

__all__ = [
    "COMPAT",
    "FAULTS",
    "MICRO",
    "OVERALL",
    "OVERALL_KINDS",
    "PROTOCOLS",
    "Difference",
    "Events",
    "Froc",
    "Listed",
    "Ranked",
    "Reliability",
    "Roc",
    "Rule",
    "Timed",
    "Workload",
    "as_dict",
    "average_precision",
    "best_f1",
    "bootstrap",
    "by_recording",
    "by_subject",
    "count",
    "count_kinds",
    "evaluate",
    "evaluate_curves",
    "froc",
    "hits",
    "iou",
    "kinds_in",
    "match",
    "match_best_first",
    "mean_over",
    "odd_window",
    "of_kind",
    "paired_bootstrap",
    "plain",
    "pool",
    "rank",
    "reliability",
    "roc",
    "timing_errors",
    "timing_summary",
    "validate",
    "workload",
]
