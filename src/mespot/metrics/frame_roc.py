"""The ROC of Li et al. 2017: true positive rate over false positive rate, both in frames.

X. Li et al., "Towards reading hidden emotions: a comparative study of spontaneous micro-expression
spotting and recognition methods", IEEE Transactions on Affective Computing, 2017. What the text
leaves open is a choice of ours, named in :func:`roc` and in docs/metrics.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mespot.metrics.pooled import Events, Timed, validate
from mespot.metrics.ranking import MICRO, Floats, scores_of
from mespot.metrics.rule import of_kind
from mespot.types import Expression


@dataclass(frozen=True)
class Roc:
    """Rates at every threshold, from none in (threshold inf) to all in.

    Attributes
    ----------
    thresholds, tpr, fpr : (m,) float64
    """

    thresholds: Floats
    tpr: Floats
    fpr: Floats

    def auc(self, tail: Literal["line", "hold"] = "line") -> float:
        """Area under the curve, by trapezia; NaN where a rate is undefined.

        Peaks run out before every frame is a false positive. ``line`` goes on straight to (1, 1),
        as a spotter would that fires at random from there; ``hold`` stays at the last rate, which
        is the area that the peaks themselves have earned.
        """
        end = 1.0 if tail == "line" else self.tpr[-1]
        x, y = np.append(self.fpr, 1.0), np.append(self.tpr, end)
        return float(np.sum(np.diff(x) * (y[1:] + y[:-1]) / 2))


def odd_window(window_s: float, fps: float) -> int:
    """N: the odd number of frames nearest to ``window_s`` (the shorter of two), at least 1."""
    # Odd numbers are 2 h + 1; half-way between two the lower is taken.
    return 2 * max(0, int(np.ceil((window_s * fps - 1) / 2 - 0.5 - 1e-9))) + 1


def roc(
    recordings: Sequence[Timed],
    reference: Events,
    estimated: Events,
    window_s: float = 0.35,
    kinds: Sequence[str] = MICRO,
) -> Roc:
    """TPR over FPR in frames, for all peaks with their scores.

    A spot is right if its apex lies within [onset - (N - 1) / 4, offset + (N - 1) / 4] of a truth,
    where N is the spotter's window in frames. TPR: frames of the truths that are met, over frames
    of all truths. FPR: N frames for every wrong spot, over the frames of no truth.

    Choices of ours: a truth that several spots meet counts once and none of them is wrong; a spot
    that meets two truths counts for both; N frames are counted for every wrong spot, also where
    they overlap, and FPR stops at 1; a spot without an apex stands for its middle frame. Each kind
    is looked at apart, as in :func:`~mespot.metrics.count_kinds`: a spot on a truth of another kind
    is wrong.

    Parameters
    ----------
    window_s : float
        N in seconds, see :func:`odd_window`; 0.35 gives 9 frames at 25 fps and 21 at 60.

    Raises
    ------
    ValueError
        For a recording of unknown rate or length, or a spot without a score.
    """
    validate(recordings, reference, estimated)
    found: list[tuple[float, int]] = []
    wrong: list[tuple[float, int]] = []
    n_true = n_other = 0
    for r in recordings:
        if r.fps is None or r.n_frames is None:
            raise ValueError(f"recording {r.id!r} has no fps or n_frames: no ROC in frames")
        window, every = odd_window(window_s, float(r.fps)), []
        for kind in kinds:
            truth = of_kind(reference.get(r.id, ()), kind)
            spots = of_kind(estimated.get(r.id, ()), kind)
            met, scores = _met(truth, spots, window), scores_of(spots, r.id)
            found += [(scores[m].max(), e.n_frames) for e, m in zip(truth, met) if m.any()]
            wrong += [(score, window) for score in scores[~met.any(axis=0)]]
            every += truth
        n_true += sum(e.n_frames for e in every)
        n_other += r.n_frames - _covered(every, r.n_frames)
    levels = sorted({score for score, _ in (*found, *wrong)}, reverse=True)
    thresholds = np.array([np.inf, *levels])
    return Roc(
        thresholds,
        _share(found, thresholds, n_true),
        np.minimum(_share(wrong, thresholds, n_other), 1.0),
    )


def _met(
    truth: Sequence[Expression], spots: Sequence[Expression], window: int
) -> NDArray[np.bool_]:
    """(truths, spots) whether the spot lies near enough to the truth."""
    apex = np.array([e.apex_or_middle for e in spots], dtype=np.int64)
    onset = np.array([e.onset for e in truth], dtype=np.int64)[:, None]
    offset = np.array([e.offset for e in truth], dtype=np.int64)[:, None]
    # Times four, so that nothing is rounded.
    return (4 * (onset - apex) <= window - 1) & (4 * (apex - offset) <= window - 1)


def _covered(truth: Sequence[Expression], n_frames: int) -> int:
    """Frames of the recording in at least one of the events."""
    return len({f for e in truth for f in range(e.onset, min(e.offset + 1, n_frames))})


def _share(weighted: Sequence[tuple[float, int]], thresholds: Floats, whole: int) -> Floats:
    """(m,) sum of the weights with score >= threshold, over ``whole``; NaN over nothing."""
    if not whole:
        return np.full(len(thresholds), np.nan)
    ordered = sorted(weighted, reverse=True)
    scores = np.array([score for score, _ in ordered], dtype=np.float64)
    sums = np.cumsum([0, *(weight for _, weight in ordered)])
    return sums[np.searchsorted(-scores, -thresholds, side="right")] / whole
