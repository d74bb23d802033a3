"""Thresholds and decode values are chosen on lifelike samples alone, wherever there are any.

Samples made for learning are denser in movements than what will be spotted. A threshold chosen on
them would be too low. The scorer here is ``random``: it learns nothing, and gives every recording
the ranks of a smooth curve. So the truth of a sample can be laid under chosen peaks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from mespot.decoding import Decode, candidates
from mespot.evaluation.cross_validation import cross_validate
from mespot.protocol import Sample, learn, score_samples
from mespot.recipe import Recipe
from mespot.scorers.random import Random
from mespot.types import Expression, Fold, FrameSeries

FPS = Fraction(25)
N = 500
RECIPE = Recipe("toy", scorer=Random(), decode=Decode(nms_s=0.2))
SUBJECTS = "abcd"
SHARE = 0.5


def peaks_of(sample: Sample, decode: Decode) -> list[Expression]:
    """Every spot that some threshold lets through, highest first."""
    (scores,) = score_samples(RECIPE, {"seed": np.array(RECIPE.seed)}, [sample])
    return candidates(scores, decode, sample.found)


def sample(name: str, n_true: int, *, lifelike: bool = True) -> Sample:
    """A recording whose truth is its ``n_true`` highest peaks; the first letter is the subject."""
    values = np.random.default_rng(list(name.encode())).normal(size=(N, 1)).astype(np.float32)
    series = FrameSeries(values, 0, 1, 1, N, FPS, ("brow 0..5 x",))
    silent = Sample(name, name[0], series, np.ones(N, bool), (), lifelike)
    peaks = peaks_of(silent, Decode(nms_s=0.2))
    truth = tuple(Expression(p.apex, p.apex, p.apex) for p in peaks[:n_true])
    return replace(silent, truth=tuple(sorted(truth, key=lambda e: e.onset)))


def rare() -> list[Sample]:
    """One movement in each recording: the highest peak, whose rank is 1."""
    return [sample(f"{s}-rare", 1) for s in SUBJECTS]


def dense(*, lifelike: bool = False) -> list[Sample]:
    """Twelve movements in each recording, three recordings a subject."""
    return [sample(f"{s}-dense{k}", 12, lifelike=lifelike) for s in SUBJECTS for k in range(3)]


def second_highest(samples: Sequence[Sample]) -> float:
    return max(float(peaks_of(s, Decode(nms_s=0.2))[1].score or 0) for s in samples)


def test_the_threshold_comes_from_the_lifelike_samples() -> None:
    """By hand: the truths score 1, and the next peak is false. The threshold is half-way."""
    alone = learn(RECIPE, rare(), SHARE)
    held = [s for s in rare() if s.subject in alone.held]
    assert len(held) == 2
    expected = (1 + second_highest(held)) / 2
    assert alone.threshold == pytest.approx(expected)
    both = learn(RECIPE, [*dense(), *rare()], SHARE)
    assert both.held == alone.held
    assert both.threshold == alone.threshold
    # Were they taken for lifelike, the dense samples would pull it down.
    pulled = learn(RECIPE, [*dense(lifelike=True), *rare()], SHARE)
    assert pulled.held == alone.held
    assert pulled.threshold < 0.97 < alone.threshold


def test_decode_values_come_from_the_lifelike_samples() -> None:
    """Two dense movements 0.6 s apart are lost by a long ``nms_s``; a rare one loses nothing."""
    recipe = replace(RECIPE, choose={"nms_s": [2.0, 0.2]})
    assert learn(recipe, [*dense(), *rare()], SHARE).recipe.decode.nms_s == 2.0
    assert learn(recipe, dense(lifelike=True), SHARE).recipe.decode.nms_s == 0.2
    taken = [*dense(lifelike=True), *rare()]
    assert learn(recipe, taken, SHARE).recipe.decode.nms_s == 0.2


@pytest.mark.parametrize("beside", [False, True])
def test_without_a_lifelike_movement_all_held_samples_decide(beside: bool) -> None:
    """Lifelike recordings without a micro-expression cannot tell a threshold: F1 is 0 for all."""
    silent = [replace(s, truth=()) for s in rare()] if beside else []
    learned = learn(RECIPE, [*dense(), *silent], SHARE)
    as_lifelike = learn(RECIPE, [*dense(lifelike=True), *silent], SHARE)
    assert learned.held == as_lifelike.held
    assert learned.threshold == as_lifelike.threshold < 0.97
    # Above every score is what it would be if the silent recordings decided.
    assert learned.threshold < 1


def test_mirror_images_are_not_lifelike() -> None:
    """A mirrored series has another random curve: its peaks are not where its truth is."""
    few = [sample(f"{s}-few", 4) for s in SUBJECTS]
    mirrored = replace(RECIPE, mirror=True)
    assert learn(mirrored, few, SHARE).threshold == learn(RECIPE, few, SHARE).threshold


def test_samples_to_learn_from_besides_are_not_lifelike() -> None:
    """``cross_validate`` marks them itself, whatever they say of themselves."""
    subjects = {s.id: s.subject for s in rare()}
    train = tuple(s.id for s in rare() if s.subject != "a")
    fold = Fold("a", train, ("a-rare",), subjects)
    plain = cross_validate(RECIPE, rare(), [fold])
    besides = cross_validate(RECIPE, rare(), [fold], also=dense(lifelike=True))
    assert besides.provenance == plain.provenance
    assert besides.provenance
