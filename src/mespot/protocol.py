"""Who learns from whom: leave-one-subject-out, and inside it an inner split by subject.

Nothing that is learned or chosen (weights, scaling, epoch, threshold, decode values) may see the
subject it is judged on: all of it comes from the training side, and the choices from inner subjects
held out there (the paper chose the epoch on the test subjects; see docs/evaluation.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mespot.contracts import Score, Weights
from mespot.decoding import Decode, decode, learn_threshold
from mespot.errors import UsageError
from mespot.metrics.rule import Rule, count
from mespot.recipe import Recipe
from mespot.types import Counts, Expression, Fold, FrameMap, FrameSeries, Recording, Rows

SHARE = 0.2
"""Part of the training subjects that is held out inside, to choose by."""


@dataclass(frozen=True)
class Sample:
    """One described recording with its truth, in frames of the rows' grid.

    Attributes
    ----------
    id, subject : str
    series : FrameSeries
    found : (n_grid,) bool
        Whether the face was followed in each grid frame.
    truth : tuple of Expression
        In grid frames.
    lifelike : bool
        False for samples made for learning: denser in movements than what will be spotted,
        mirrored, injected. The threshold with the best F1 depends on how rare movements are, so it
        is never chosen on those.
    frames : FrameMap or None
        Between the recording's frames, as its truth counts, and the grid's; None: the same.
    """

    id: str
    subject: str
    series: FrameSeries
    found: NDArray[np.bool_]
    truth: tuple[Expression, ...]
    lifelike: bool = True
    frames: FrameMap | None = None

    @classmethod
    def of(cls, recording: Recording, rows: Rows) -> Sample:
        """A recording's rows with its truth brought to their grid."""
        frames = None if rows.frames.is_identity else rows.frames
        truth = tuple(rows.frames.to_grid(e) for e in recording.expressions)
        return cls(recording.id, recording.subject, rows.series, rows.found, truth, frames=frames)

    @property
    def minutes(self) -> float:
        return float(self.series.n_frames / self.series.fps) / 60

    @property
    def micro(self) -> list[Expression]:
        return [e for e in self.truth if e.kind == "micro"]

    def in_source(self, expression: Expression) -> Expression:
        """The expression in the recording's frames instead of grid frames."""
        return expression if self.frames is None else self.frames.to_source(expression)


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


def check_disjoint(train: Sequence[Sample], test: Sequence[Sample]) -> None:
    """Raise ValueError if a subject, or a recording by its id, is in train and in test.

    A ``Fold`` looks only at the subjects that it was given; here the samples' own subjects count.
    """
    for what, name in (("subject", "subject"), ("recording", "id")):
        both = {getattr(s, name) for s in train} & {getattr(s, name) for s in test}
        if both:
            raise ValueError(f"{what} {sorted(both)[0]} is in train and in test")


def inner_split(
    samples: Sequence[Sample], share: float, seed: int
) -> tuple[list[Sample], list[Sample]]:
    """Training samples apart from those of a random ``share`` of the subjects (at least one).

    Where the subjects drawn have no micro-expression to choose by, the last of them changes places
    with one that has, provided that others are left to learn from.

    Raises UsageError where there are fewer than two subjects to split.
    """
    subjects = sorted({s.subject for s in samples})
    if len(subjects) < 2:
        raise UsageError(
            "training needs recordings of at least two subjects: one to learn from, "
            "one to choose the epoch and the threshold on"
        )
    n_held = min(len(subjects) - 1, max(1, round(share * len(subjects))))
    order = np.random.default_rng(seed).permutation(subjects).tolist()
    moving = {s.subject for s in samples if s.micro}
    others = [i for i, subject in enumerate(order) if subject in moving]
    if len(others) > 1 and others[0] >= n_held:
        i, j = others[0], n_held - 1
        order[i], order[j] = order[j], order[i]
    held = set(order[:n_held])
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


def with_mirrored(recipe: Recipe, samples: Sequence[Sample]) -> list[Sample]:
    """The samples and, where the recipe asks for them, their mirror images."""
    if not recipe.mirror:
        return list(samples)
    mirror = recipe.descriptor.mirror
    return [
        *samples,
        *(
            replace(s, id=f"{s.id} mirrored", series=mirror(s.series), lifelike=False)
            for s in samples
        ),
    ]


@dataclass(frozen=True)
class Learned:
    """What a recipe learned from some samples.

    Attributes
    ----------
    weights : dict of arrays, ``threshold`` among them
    recipe : Recipe
        The recipe with the chosen decode values in place of those to choose from.
    held : tuple of str
        The inner subjects by which epoch, threshold and decode values were chosen.
    """

    weights: Weights
    recipe: Recipe
    held: tuple[str, ...]

    @property
    def threshold(self) -> float:
        return float(self.weights["threshold"])

    @property
    def epoch(self) -> int:
        """Counted from 1; -1 for scorers that have none."""
        return int(self.weights.get("epoch", -1))


def learn(
    recipe: Recipe,
    samples: Sequence[Sample],
    share: float = SHARE,
    watch: Callable[[Score], None] | None = None,
) -> Learned:
    """Learn weights, and choose epoch, decode values and threshold, from these samples alone.

    With ``mirror`` in the recipe also from their mirror images, which count as the same subject's.

    A ``share`` of the subjects is held out inside. Among the checkpoints that the scorer offers,
    the one with the best pooled F1 on them (apex rule, best threshold, the recipe's decode values)
    is kept; then, of the decode values that the recipe lists in ``choose``, those with the best F1;
    then the threshold. Of equals the first is taken. Decode values and threshold are chosen on
    lifelike samples where those hold a micro-expression.

    ``watch`` is shown the scoring function at every checkpoint. It has no influence: the weights
    are the same to the bit with and without it.
    """
    options = recipe.decode_options()
    fitted, held = inner_split(with_mirrored(recipe, samples), share, recipe.seed)

    def quality(score: Score) -> float:
        if watch is not None:
            watch(score)
        return best_on(held, [score(s.series) for s in held], recipe.decode)[1]

    weights = recipe.scorer.fit(
        [s.series for s in fitted], [s.truth for s in fitted], recipe.seed, quality=quality
    )
    lifelike = [s for s in held if s.lifelike]
    judges = lifelike if any(s.micro for s in lifelike) else held
    chosen, threshold = _choose(judges, score_samples(recipe, weights, judges), options)
    weights["threshold"] = np.array(threshold)
    final = recipe.chosen(chosen) if recipe.choose else recipe
    return Learned(weights, final, tuple(sorted({s.subject for s in held})))


def best_on(
    samples: Sequence[Sample], scores: Sequence[FrameSeries], config: Decode
) -> tuple[float, float]:
    """The threshold with the best pooled F1 (apex rule) on these samples, and that F1 (0 for 0/0).

    Where the rule is not ``learned`` the F1 is the rule's own, whatever the threshold.
    """
    rule = Rule("apex")
    truth, lost = [s.micro for s in samples], [s.found for s in samples]
    threshold = learn_threshold(scores, truth, config, lambda r, e: count(r, e, rule), lost)
    spots = [decode(c, config, threshold, s.found) for c, s in zip(scores, samples)]
    f1 = pooled(samples, spots, rule).f1
    return threshold, 0.0 if np.isnan(f1) else f1


def _choose(
    samples: Sequence[Sample], scores: Sequence[FrameSeries], options: Sequence[Decode]
) -> tuple[Decode, float]:
    """The first of the options with the best F1, and its threshold."""
    found = [best_on(samples, scores, option) for option in options]
    best = max(range(len(found)), key=lambda i: (found[i][1], -i))
    return options[best], found[best][0]


def score_samples(recipe: Recipe, weights: Weights, samples: Sequence[Sample]) -> list[FrameSeries]:
    """One score curve per sample. Only a ceiling is shown the truth."""
    scorer = recipe.scorer
    if scorer.is_ceiling:
        return [scorer.score_truth(s.series, s.micro) for s in samples]
    return [scorer.score(s.series, weights) for s in samples]
