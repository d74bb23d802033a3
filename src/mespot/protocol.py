"""Who learns from whom: leave-one-subject-out, and inside it an inner split by subject.

Nothing that is learned (weights, epoch, threshold, scaling) may see the subject it is judged on:
the epoch and the threshold are chosen on inner subjects of the training side (the paper chose the
epoch on the test subjects; see docs/deviations.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mespot import registry
from mespot.decode import DecodeConfig, decode, learn_threshold
from mespot.errors import UsageError
from mespot.metrics import Rule, count
from mespot.recipe import Recipe, make_dataclass
from mespot.types import Counts, Expression, Fold, FrameSeries

Weights = dict[str, NDArray]
Quality = Callable[[Callable[[FrameSeries], FrameSeries]], float]


@dataclass(frozen=True)
class Sample:
    """One described recording with its truth, in frames of the rows' grid.

    ``lifelike`` is False for samples made for learning (denser in movements than what will be
    spotted, mirrored, injected): the threshold with the best F1 depends on how rare movements are,
    so that it is never chosen on those.
    """

    id: str
    subject: str
    series: FrameSeries
    found: NDArray[np.bool_]
    truth: tuple[Expression, ...]
    lifelike: bool = True

    @property
    def minutes(self) -> float:
        return float(self.series.n_frames / self.series.fps) / 60

    @property
    def micro(self) -> list[Expression]:
        return [e for e in self.truth if e.kind == "micro"]


def leave_one_subject_out(samples: Sequence[Sample]) -> list[Fold]:
    """One fold per subject: its recordings are the test side, all others the training side."""
    subject_of = {s.id: s.subject for s in samples}
    folds = []
    for subject in sorted(set(subject_of.values())):
        test = tuple(s.id for s in samples if s.subject == subject)
        train = tuple(s.id for s in samples if s.subject != subject)
        folds.append(Fold(subject, train, test, subject_of))
    return folds


def leave_subjects_out(samples: Sequence[Sample], n_folds: int, seed: int = 0) -> list[Fold]:
    """``n_folds`` folds of disjoint groups of subjects, for comparisons too large for one each."""
    subject_of = {s.id: s.subject for s in samples}
    subjects = np.random.default_rng(seed).permutation(sorted(set(subject_of.values())))
    folds = []
    for number, group in enumerate(np.array_split(subjects, n_folds)):
        held = set(group.tolist())
        test = tuple(s.id for s in samples if s.subject in held)
        train = tuple(s.id for s in samples if s.subject not in held)
        folds.append(Fold(f"group{number}", train, test, subject_of))
    return folds


def inner_split(
    samples: Sequence[Sample], share: float, seed: int
) -> tuple[list[Sample], list[Sample]]:
    """Training samples apart from those of a random ``share`` of the subjects (at least one).

    Raises UsageError where there are fewer than two subjects to split.
    """
    subjects = sorted({s.subject for s in samples})
    if len(subjects) < 2:
        raise UsageError(
            "training needs recordings of at least two subjects: one to learn from, "
            "one to choose the epoch and the threshold on"
        )
    n_held = min(len(subjects) - 1, max(1, round(share * len(subjects))))
    held = set(np.random.default_rng(seed).permutation(subjects)[:n_held].tolist())
    return (
        [s for s in samples if s.subject not in held],
        [s for s in samples if s.subject in held],
    )


def pooled(samples: Sequence[Sample], spots: Sequence[Sequence[Expression]], rule: Rule) -> Counts:
    """Counts over all samples, each with its minutes."""
    total = Counts()
    for sample, found in zip(samples, spots, strict=True):
        total = total + replace(count(sample.micro, found, rule), minutes=sample.minutes)
    return total


def train(recipe: Recipe, samples: Sequence[Sample], share: float = 0.2) -> Weights:
    """Learn weights, epoch and threshold from the samples given, and from nothing else.

    A ``share`` of the subjects is held out inside to choose the epoch and the threshold. The
    weights hold the chosen ``threshold``.
    """
    scorer = registry.build("scorers", recipe.scorer)
    config: DecodeConfig = make_dataclass(DecodeConfig, recipe.decode, where="decode")
    fitted, held = inner_split(samples, share, recipe.seed)
    rule = Rule("apex")

    def best(scores: list[FrameSeries], on: list[Sample]) -> float:
        truth, lost = [s.micro for s in on], [s.found for s in on]
        return learn_threshold(scores, truth, config, lambda r, e: count(r, e, rule), lost)

    def quality(score: Callable[[FrameSeries], FrameSeries]) -> float:
        scores = [score(s.series) for s in held]
        threshold = best(scores, held)
        f1 = pooled(
            held, [decode(c, config, threshold, s.found) for c, s in zip(scores, held)], rule
        ).f1
        return 0.0 if np.isnan(f1) else f1

    weights: Weights = scorer.fit(
        [s.series for s in fitted], [s.micro for s in fitted], recipe.seed, quality=quality
    )
    lifelike = [s for s in held if s.lifelike]
    judges = lifelike if any(s.micro for s in lifelike) else held
    weights["threshold"] = np.array(best([scorer.score(s.series, weights) for s in judges], judges))
    return weights


def spot_samples(
    recipe: Recipe, weights: Weights, samples: Sequence[Sample]
) -> list[list[Expression]]:
    """Spots of every sample with weights that must not have been learned on it."""
    scorer = registry.build("scorers", recipe.scorer)
    config: DecodeConfig = make_dataclass(DecodeConfig, recipe.decode, where="decode")
    threshold = float(weights["threshold"])
    return [decode(scorer.score(s.series, weights), config, threshold, s.found) for s in samples]
