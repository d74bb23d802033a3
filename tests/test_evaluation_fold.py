"""Leaks: what a test subject can change, and what it cannot, to the bit."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import pytest

from evaluation_cases import LSTM, RECIPE, relabelled, rows_of, samples, truth_of
from mespot.contracts import LearnedScorer
from mespot.decoding import Decode, decode
from mespot.errors import UsageError
from mespot.evaluation.fold import run_fold, under
from mespot.metrics.rule import Rule
from mespot.protocol import learn, leave_one_subject_out, pooled
from mespot.scorers.never import Never
from mespot.scorers.oracle import Oracle
from mespot.scorers.random import Random
from mespot.types import Fold

pytest.importorskip("torch", reason="training needs PyTorch")
pytest.importorskip("onnx", reason="training needs onnx")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return samples(tmp_path_factory.mktemp("toys"))


@pytest.fixture(scope="module")
def fold(data):
    return leave_one_subject_out(list(data.values()))[0]


@pytest.fixture(scope="module")
def judged(data, fold):
    inside, paper = run_fold(RECIPE, data, fold)
    return inside, paper


def chosen(one):
    return {
        k: one.provenance[k] for k in ("epoch", "threshold", "weights_sha256", "inner_subjects")
    }


def test_the_toy_can_be_learned(data, fold, judged):
    test = [data[name] for name in fold.test]
    assert pooled(test, [judged[0].spots[s.id] for s in test], Rule("apex")).f1 > 0.7


def with_test_subject(data, fold, change):
    return {name: change(s) if name in fold.test else s for name, s in data.items()}


@pytest.mark.parametrize(
    "change",
    [
        lambda s: replace(s, series=rows_of(b"other pixels", truth_of(s.id, 25), -4.0)),
        lambda s: relabelled(s, 23),
        lambda s: relabelled(s, 11),
    ],
    ids=["pixels", "labels", "other labels"],
)
def test_a_test_subject_changes_nothing_of_its_own_fold(data, fold, judged, change):
    inside, paper = run_fold(RECIPE, with_test_subject(data, fold, change), fold)
    assert chosen(inside) == chosen(judged[0])
    assert len(inside.provenance["weights_sha256"]) == 64
    # Under the paper's protocol the same change reaches all that decides: that is the leak.
    for name in ("epoch", "checkpoint", "checkpoint_sha256", "threshold"):
        assert paper.provenance[name] != judged[1].provenance[name], name


def test_labels_alone_leave_the_leak_free_spots_untouched(data, fold, judged):
    inside, paper = run_fold(
        RECIPE, with_test_subject(data, fold, lambda s: relabelled(s, 23)), fold
    )
    assert inside.spots == judged[0].spots
    assert inside.provenance["scores_sha256"] == judged[0].provenance["scores_sha256"]
    assert paper.spots != judged[1].spots


def test_a_training_subject_does_reach_it(data, fold, judged):
    """Or the tests above would prove nothing."""
    inner = set(judged[0].provenance["inner_subjects"])
    fitted = next(s for s in fold.train if data[s].subject not in inner)
    moved = {**data, fitted: relabelled(data[fitted], 23)}
    assert (
        run_fold(RECIPE, moved, fold)[0].provenance["weights_sha256"]
        != chosen(judged[0])["weights_sha256"]
    )
    held = next(s for s in fold.train if data[s].subject in inner)
    moved = {**data, held: relabelled(data[held], 23)}
    assert chosen(run_fold(RECIPE, moved, fold)[0]) != chosen(judged[0])


def test_training_is_the_same_to_the_bit_whether_it_is_watched_or_not(data, fold, judged):
    alone = run_fold(RECIPE, data, fold, ("default",))[0]
    assert chosen(alone) == chosen(judged[0])
    assert alone.provenance["scores_sha256"] == judged[0].provenance["scores_sha256"]
    training = [data[name] for name in fold.train]
    checkpoints = []
    plain = learn(RECIPE, training)
    watched = learn(
        RECIPE, training, watch=lambda score: checkpoints.append(score(data["a0"].series))
    )
    assert len(checkpoints) == LSTM.epochs
    assert plain.weights.keys() == watched.weights.keys()
    for name, value in plain.weights.items():
        assert value.tobytes() == watched.weights[name].tobytes(), name


def test_the_papers_epoch_is_the_best_look_at_the_test_subject(data, fold, judged):
    """By a slow loop: every epoch's scores kept, all decoded by the paper's rule."""
    training, test = ([data[name] for name in side] for side in (fold.train, fold.test))
    checkpoints, prints = [], []

    def look(score):
        checkpoints.append([score(s.series) for s in test])
        first = training[0].series
        known = score(first.with_values(first.values[:200])).values
        prints.append(hashlib.sha256(known.tobytes()).hexdigest())

    learn(under(RECIPE, "default"), training, watch=look)
    config = replace(RECIPE.decode, threshold="paper")
    spots = [[decode(c, config, None) for c in look] for look in checkpoints]
    f1 = [pooled(test, found, Rule("apex")).f1 for found in spots]
    best = int(np.argmax(f1))
    paper = judged[1]
    assert paper.provenance["epoch"] == paper.provenance["checkpoint"] == best + 1
    assert [paper.spots[s.id] for s in test] == spots[best]
    # Every look has other weights, and the fold tells by which of them it is judged.
    assert len(set(prints)) == len(checkpoints)
    assert paper.provenance["checkpoint_sha256"] == prints[best]
    values = [look.values for look in checkpoints[best]]
    assert all(np.array_equal(paper.scores[s.id].values, v) for s, v in zip(test, values))
    for s, v in zip(test, values):
        positive = v[v > 0]
        assert paper.provenance["threshold"][s.id] == pytest.approx(
            (positive.max() + positive.min()) / 2
        )


def test_without_expressions_the_fewest_false_alarms_are_the_best(data, fold):
    bare = with_test_subject(data, fold, lambda s: replace(s, truth=()))
    test = [bare[name] for name in fold.test]
    checkpoints = []
    learn(
        RECIPE, [bare[name] for name in fold.train],
        watch=lambda score: checkpoints.append([score(s.series) for s in test]),
    )  # fmt: skip
    config = replace(RECIPE.decode, threshold="paper")
    alarms = [sum(len(decode(c, config, None)) for c in look) for look in checkpoints]
    paper = run_fold(RECIPE, bare, fold, ("paper",))[0]
    assert paper.provenance["epoch"] == int(np.argmin(alarms)) + 1


def test_shuffled_labels_score_like_chance(data):
    """Rows that know nothing of their labels, over all folds: no better than random scores."""
    folds = leave_one_subject_out(list(data.values()))
    # Labels where nothing happens: a network can learn by heart, but has nothing to find.
    moved = {name: relabelled(s, 17 + 4 * i) for i, (name, s) in enumerate(data.items())}
    chance = replace(RECIPE, name="chance", scorer=Random())

    def f1(recipe, given):
        spots = {}
        for fold in folds:
            spots |= run_fold(recipe, given, fold, ("default",))[0].spots
        return pooled(list(given.values()), [spots[name] for name in given], Rule("apex")).f1

    real, shuffled, random = f1(RECIPE, data), f1(RECIPE, moved), f1(chance, moved)
    assert real > 0.7
    assert 0.05 < random < 0.5
    assert shuffled < random + 0.15
    assert shuffled < real / 2


def test_floor_and_ceiling_have_no_epochs(data, fold):
    for scorer in (Never(), Random(), Oracle()):
        recipe = replace(RECIPE, scorer=scorer)
        for one in run_fold(recipe, data, fold):
            assert one.provenance["epoch"] == -1
            # Nothing was offered to choose from.
            assert one.provenance["checkpoint"] is one.provenance["checkpoint_sha256"] is None
            assert len(one.provenance["weights_sha256"]) == 64
            found = [one.spots[s] for s in fold.test]
            f1 = pooled([data[s] for s in fold.test], found, Rule("apex")).f1
            assert (f1 == 1) == isinstance(scorer, Oracle)
            assert (sum(map(len, found)) == 0) == isinstance(scorer, Never)


def test_recordings_that_could_not_be_used_are_left_out_of_both_sides(data, fold):
    usable = {name: s for name, s in data.items() if name not in ("a1", "b1")}
    one = run_fold(replace(RECIPE, scorer=Random()), usable, fold, ("default",))[0]
    assert set(one.spots) == {"a0"}


def test_the_rule_of_each_protocol():
    papers = replace(RECIPE, decode=Decode(threshold="paper", interval="span"))
    assert under(papers, "default").decode == Decode(threshold="learned", interval="span")
    assert under(papers, "paper").decode == papers.decode
    assert under(RECIPE, "default") is RECIPE
    assert under(RECIPE, "paper").decode == replace(RECIPE.decode, threshold="paper")
    fixed = replace(RECIPE, decode=Decode(threshold=0.3))
    assert under(fixed, "default") is fixed
    assert under(fixed, "paper").decode.threshold == "paper"
    grid = replace(RECIPE, choose={"nms_s": [0.1, 0.2]})
    assert under(grid, "default") is grid
    assert under(grid, "paper").choose == {}
    with pytest.raises(UsageError, match="default, paper"):
        under(RECIPE, "papers")


@dataclass(frozen=True)
class Gains(LearnedScorer):
    """Offers a choice of gains on the first column, and keeps one that it is told to."""

    keep: float = 1.0

    def fit(self, series, truth, seed, quality=None):
        for gain in (-1.0, 0.0, 1.0):
            if quality is not None:
                quality(lambda s, gain=gain: self.score(s, {"gain": gain}))
        return {"gain": np.array(self.keep)}

    def score(self, series, weights):
        gain = np.float32(weights["gain"])
        return series.with_values(np.maximum(series.values[:, :1], 0) * gain, ("score",))


def test_a_checkpoint_is_no_epoch_where_the_scorer_has_none(data, fold):
    """Three gains are offered, of which the third finds what is there."""
    recipe = replace(RECIPE, scorer=Gains())
    seen = []
    learn(recipe, [data[name] for name in fold.train], watch=seen.append)
    assert len(seen) == 3
    inside, paper = run_fold(recipe, data, fold)
    assert paper.provenance["epoch"] == -1
    assert paper.provenance["checkpoint"] == 3
    assert paper.provenance["weights_sha256"] is None
    assert inside.provenance["checkpoint"] is None
    assert inside.provenance["epoch"] == -1


def test_a_subject_on_both_sides_is_refused_though_the_fold_was_not_told_whose_they_are(data):
    told_nothing = Fold("a", ("a1", "b0", "b1", "c0", "c1"), ("a0",))
    never = replace(RECIPE, scorer=Never())
    for protocols in (("default",), ("paper",)):
        with pytest.raises(ValueError, match="subject a is in train and in test"):
            run_fold(never, data, told_nothing, protocols)
    apart = replace(told_nothing, train=told_nothing.train[1:])
    assert set(run_fold(never, data, apart)[0].spots) == {"a0"}


def test_epochs_of_checkpoints():
    """12 epochs of which every 5th is judged: 5, 10 and 12, and again for a second network."""
    two = replace(LSTM, check_every=5, networks=2)
    assert [two.epoch_of(checkpoint) for checkpoint in range(1, 7)] == [5, 10, 12, 5, 10, 12]
    assert Gains().epoch_of(3) == Random().epoch_of(1) == -1


def test_a_fixed_threshold_is_the_one_that_is_kept(data, fold):
    fixed = replace(RECIPE, scorer=Random(), decode=Decode(threshold=0.9))
    inside, paper = run_fold(fixed, data, fold)
    assert inside.provenance["threshold"] == 0.9
    assert inside.provenance["decode"]["threshold"] == 0.9
    assert all(e.score >= 0.9 for spots in inside.spots.values() for e in spots)
    assert paper.provenance["decode"]["threshold"] == "paper"
