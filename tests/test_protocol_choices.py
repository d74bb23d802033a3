"""What is chosen inside a fold: decode values from a grid, subjects that can tell something."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from evaluation_cases import FPS, RECIPE, samples
from mespot.contracts import BaseScorer
from mespot.decoding import Decode, decode, learn_threshold
from mespot.errors import UsageError
from mespot.metrics.rule import Rule, count
from mespot.protocol import best_on, inner_split, learn, pooled, score_samples
from mespot.recipe import dumps, load_recipe
from mespot.types import Expression, FrameSeries


def choosing(**lists):
    return replace(RECIPE, choose=lists)


def test_every_combination_in_order_and_contradictions_left_out():
    recipe = choosing(min_s=[0.1, 0.5], max_s=[0.3, 0.8])
    found = [(c.min_s, c.max_s) for c in recipe.decode_options()]
    assert found == [(0.1, 0.3), (0.1, 0.8), (0.5, 0.8)]
    assert RECIPE.decode_options() == [Decode(min_s=0.1, max_s=1.0)]


@pytest.mark.parametrize(
    ("lists", "text"),
    [
        ({"nms": [0.1]}, "did you mean 'nms_s'"),
        ({"nms_s": 0.1}, "write a list"),
        ({"nms_s": []}, "write a list"),
        ({"nms_s": [-1.0]}, "must be a number >= 0"),
        ({"threshold": ["learned", "paper"]}, "threshold is not chosen by figures"),
        ({"min_s": [2.0], "max_s": [1.0]}, "min_s = 2.0 is above max_s = 1.0"),
        ({"nms_s": [i / 100 for i in range(201)]}, "201 combinations; at most 200"),
    ],
)
def test_a_grid_that_makes_no_sense_is_refused(lists, text):
    with pytest.raises(UsageError, match=text):
        choosing(**lists)


def curve(*bumps):
    """A curve of triangles (middle, half width, height), and a sample with the given truth."""
    values = np.zeros((200, 1), np.float32)
    for middle, half, height in bumps:
        for k in range(-half, half + 1):
            values[middle + k] = height * (1 - abs(k) / (half + 1))
    return FrameSeries(values, 0, 1, 1, 200, FPS)


@dataclass(frozen=True)
class Given(BaseScorer):
    """Takes the rows themselves for scores."""

    def score(self, series, weights):
        return series


def test_the_best_of_the_grid_by_hand(tmp_path):
    """Long bumps are right, short ones wrong and higher: only a lower bound on length helps."""
    one = next(iter(samples(tmp_path, "a", 1).values()))
    truth = (Expression(45, 50, 55), Expression(145, 150, 155))
    scores = curve((50, 8, 0.5), (150, 8, 0.6), (20, 1, 0.9), (100, 1, 0.8))
    judged = [
        replace(one, id=name, subject=name, series=scores, truth=truth, found=np.ones(200, bool))
        for name in "ab"
    ]
    recipe = replace(choosing(min_s=[0.0, 0.2, 0.9]), scorer=Given())
    learned = learn(recipe, judged)
    assert learned.recipe.decode.min_s == 0.2
    assert learned.recipe.choose == {}
    assert 0 < learned.threshold <= 0.5
    figures = [best_on(judged, [scores] * 2, option)[1] for option in recipe.decode_options()]
    assert figures == pytest.approx([2 * 2 / (4 + 2), 1.0, 0.0])
    # Of equals the first is taken.
    for order in ([0.2, 0.25], [0.25, 0.2]):
        equal = replace(recipe, choose={"min_s": [0.0, *order]})
        assert learn(equal, judged).recipe.decode.min_s == order[0]


def test_choices_are_made_on_the_inner_subjects_alone(tmp_path):
    pytest.importorskip("torch", reason="training needs PyTorch")
    data = list(samples(tmp_path).values())
    recipe = choosing(smooth_s=[0.0, 0.2], max_s=[0.3, 1.0])
    learned = learn(recipe, data)
    held = [s for s in data if s.subject in learned.held]
    assert held
    assert len(held) < len(data)
    options = recipe.decode_options()
    scores = score_samples(recipe, learned.weights, held)

    def f1(config):
        limit = learn_threshold(
            scores, [s.micro for s in held], config, lambda r, e: count(r, e, Rule("apex"))
        )
        spots = [decode(c, config, limit) for c in scores]
        return pooled(held, spots, Rule("apex")).f1, limit

    results = [f1(option) for option in options]
    best = int(np.argmax([r[0] for r in results]))
    assert learned.recipe.decode == options[best]
    assert options[best].min_s == RECIPE.decode.min_s
    assert learned.recipe.choose == {}
    assert learned.threshold == results[best][1]
    # The grid comes after training: it does not touch the weights.
    plain = learn(RECIPE, data)
    assert plain.weights["w_x"].tobytes() == learned.weights["w_x"].tobytes()


def test_a_grid_is_part_of_a_recipe(tmp_path):
    recipe = RECIPE.override(["choose.smooth_s=[0.0, 0.1]"])
    assert recipe.choose == {"smooth_s": (0.0, 0.1)}
    assert recipe.hash != RECIPE.hash
    (tmp_path / "r.toml").write_text(dumps(recipe))
    assert load_recipe(tmp_path / "r.toml").hash == recipe.hash


def test_inner_subjects_have_something_to_choose_by(tmp_path):
    """Only e and f of six subjects move: one of them is held out, the other is learned from."""
    data = list(samples(tmp_path, "abcdef", 1).values())
    some = [s if s.subject in "ef" else replace(s, truth=()) for s in data]
    for seed in range(20):
        for share in (0.1, 0.4):
            fitted, held = inner_split(some, share, seed)
            assert any(s.micro for s in held)
            assert any(s.micro for s in fitted) or len(held) > 1
            assert len({s.subject for s in held}) == round(6 * share)
            usual = {s.subject for s in inner_split(data, share, seed)[1]}
            if usual & set("ef"):
                assert {s.subject for s in held} == usual
    # Where one subject alone moves, learning needs it: nothing is exchanged.
    lone = [s if s.subject == "f" else replace(s, truth=()) for s in data]
    for seed in range(20):
        assert {s.subject for s in inner_split(lone, 0.1, seed)[1]} == {
            s.subject for s in inner_split(data, 0.1, seed)[1]
        }
