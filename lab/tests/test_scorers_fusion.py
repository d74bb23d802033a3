"""Fusion: known curves give a known mean, on a scale that comes from training recordings alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mespot import registry
from mespot.code_hash import plugin_modules
from mespot.contracts import LearnedScorer
from mespot.errors import MespotError, UsageError
from mespot.evaluation.fold import run_fold
from mespot.protocol import Sample, leave_one_subject_out
from mespot.recipe import Recipe, dumps, load_recipe
from mespot.scorers.lstm import Lstm
from mespot.scorers.never import Never
from mespot.scorers.oracle import Oracle
from mespot.types import Expression, FrameSeries
from mespot_lab.networks.fusion import Fusion, unit
from mespot_lab.networks.tcn import Tcn
from mespot_lab.rivals.mdmd import Mdmd
from mespot_lab.rivals.xia import Xia

FPS = 10  # Ten rows a second: a block of background has ten, the margin about an ME two.


SHOWN: list = []
"""What the toy members were given to learn from; tests empty it."""


@dataclass(frozen=True)
class Column(LearnedScorer):
    """A scorer whose curve is a column of its rows; it notes what it was shown."""

    column: int = 0

    def fit(self, series, truth, seed, quality=None):
        SHOWN.append((series, truth, seed))
        if quality is not None:
            quality(lambda s: self.score(s, {}))
        return {"seed": np.array(seed), "epoch": np.array(self.column + 3)}

    def score(self, series, weights):
        return series.with_values(series.values[:, self.column : self.column + 1])


@pytest.fixture(autouse=True)
def _nothing_shown():
    SHOWN.clear()


def curve(values, names=()):
    values = np.array(values, np.float32)
    values = values[:, None] if values.ndim == 1 else values
    return FrameSeries(values, 0, 1, 1, len(values), Fraction(FPS), names)


def flat(n, **at):
    """n rows of 0.1, with other values at some (``r7=0.5``)."""
    values = np.full(n, 0.1)
    for name, value in at.items():
        values[int(name[1:])] = value
    return values


MICRO = Expression(100, 102, 104)


def test_the_unit_by_hand():
    """30 s: one second a minute allows no block above it, two seconds allow one."""
    values = flat(300, r17=0.5, r250=0.4, r102=2.0, r99=0.9, r106=0.8, r98=0.7)
    truth = [MICRO, Expression(10, 17, 20, "macro")]
    # Rows 98 to 106 are too near the micro-expression; the macro-expression is background.
    assert unit([curve(values)], [truth], 1.0, 0.01) == pytest.approx(0.5)
    assert unit([curve(values)], [truth], 2.0, 0.01) == pytest.approx(0.4)
    assert unit([curve(values)], [truth], 4.0, 0.01) == pytest.approx(0.1)
    # Two peaks in one second count once.
    again = flat(300, r17=0.5, r12=0.45, r250=0.4)
    assert unit([curve(again)], [truth], 2.0, 0.01) == pytest.approx(0.4)
    # A member that hardly errs: a fifth of what it reaches within micro-expressions.
    assert unit([curve(values)], [truth], 4.0, 0.2) == pytest.approx(0.4)
    second = flat(300, r102=1.0)
    assert unit([curve(values), curve(second)], [truth, [MICRO]], 4.0, 0.2) == pytest.approx(0.3)


def test_without_a_positive_score_or_a_row_the_unit_is_one():
    assert unit([curve(np.full(50, -1.0))], [[MICRO]], 1.0, 0.2) == 1.0
    assert unit([curve(np.empty(0)), curve(np.zeros(3))], [[], []], 1.0, 0.2) == 1.0
    # All of a short recording is near a micro-expression.
    assert unit([curve([0.5, 1.0, 0.5])], [[Expression(0, 1, 2)]], 1.0, 0.5) == 0.5


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_the_unit_equals_a_plain_count(data):
    """Slow oracle: the smallest score of background that few enough seconds exceed."""
    n, rate = data.draw(st.integers(1, 200)), data.draw(st.sampled_from([0.5, 1, 3, 7, 30]))
    scores = data.draw(st.lists(st.integers(-3, 20), min_size=n, max_size=n))
    onset = data.draw(st.integers(0, n + 10))
    truth = [Expression(onset, None, onset + data.draw(st.integers(0, 9)))]
    seconds = {}
    for row, score in enumerate(scores):
        if not truth[0].onset - 2 <= row <= truth[0].offset + 2:
            seconds.setdefault(row // FPS, []).append(score)
    allowed = len(seconds) * rate / 60
    levels = sorted({0, *(s for second in seconds.values() for s in second)})
    fits = [x for x in levels if sum(max(second) > x for second in seconds.values()) <= allowed]
    least = 0.2 * max(scores[truth[0].onset : truth[0].offset + 1], default=0)
    assert unit([curve(scores)], [truth], rate, 0.2) == pytest.approx(
        max(min(fits), least, 0) or 1.0
    )


def test_the_mean_of_two_known_curves():
    """Units 0.5 and 4: (s / 0.5 + s' / 4) / 2, negative scores as 0."""
    rows = np.stack([flat(300, r50=0.5, r102=0.9), 4 * flat(300, r60=1.0, r102=1.2)], axis=1)
    fusion = Fusion((Column(0), Column(1)), floor=0.01)
    weights = fusion.fit([curve(rows)], [[MICRO]], seed=7)
    assert weights["unit"].tolist() == pytest.approx([0.5, 4.0])
    assert (int(weights["m0.seed"]), int(weights["m1.seed"])) == (7, 1007)
    assert int(weights["epoch"]) == 4
    new = curve([[0.5, 4.0], [1.0, 0.0], [-5.0, 2.0], [0.0, -1.0]])
    scores = fusion.score(new, weights)
    assert scores.values[:, 0].tolist() == pytest.approx([1.0, 1.0, 0.25, 0.0])
    assert (scores.names, scores.n_frames, scores.span) == (("score",), 4, 1)


def test_members_are_judged_each_by_itself():
    rows = curve(np.stack([flat(300, r5=0.6), flat(300, r5=0.8)], axis=1))
    judged = []

    def quality(score):
        judged.append(score(rows).values[5, 0])
        return 0.0

    Fusion((Column(0), Column(1))).fit([rows], [[MICRO]], 0, quality)
    assert judged == pytest.approx([0.6, 0.8])


def test_fit_sees_training_rows_only():
    """A test subject's rows and truth may be anything: weights and units stay to the bit."""
    rng = np.random.default_rng(0)

    def sample(subject, scale=1.0, shift=0):
        rows = curve(rng.random((300, 2)) * 0.3)
        rows.values[101:104] += 1
        truth = (Expression(100 + shift, 102 + shift, 104 + shift),)
        series = rows.with_values(rows.values * np.float32(scale))
        return Sample(subject, subject, series, np.ones(300, bool), truth)

    recipe = Recipe("fused", scorer=Fusion((Column(0), Column(1))))
    samples = {name: sample(name) for name in "abcd"}
    fold = leave_one_subject_out(list(samples.values()))[0]
    (one,) = run_fold(recipe, samples, fold, ("default",))
    shown = [id(s) for series, _, _ in SHOWN for s in series]
    assert id(samples["a"].series) not in shown
    assert len(set(shown)) == 2
    (other,) = run_fold(recipe, samples | {"a": sample("a", 50, 90)}, fold, ("default",))
    for fact in ("weights_sha256", "threshold", "epoch", "inner_subjects"):
        assert one.provenance[fact] == other.provenance[fact], fact
    assert one.provenance["scores_sha256"] != other.provenance["scores_sha256"]


def test_what_cannot_be_fused_is_refused():
    lstm = {"name": "lstm"}
    for section, text in (
        ({"members": []}, "at least one"),
        ({"members": [{"name": "fusion"}]}, "cannot be a member"),
        ({"members": [{"name": "oracle"}]}, "cannot be a member"),
        ({"members": [{"name": "lsdm"}]}, "did you mean 'lstm'"),
        ({"members": [{**lstm, "unit": 3}]}, "did you mean 'units'"),
        ({"members": ["lstm"]}, "scorer"),
        ({"rate": 0}, "rate"),
        ({"floor": 2}, "floor"),
    ):
        with pytest.raises(UsageError, match=text):
            registry.build("scorers", {"name": "fusion", **section})


def test_a_recipe_with_members_goes_through_toml(tmp_path):
    recipe = load_recipe("fusion")
    assert [type(m).__name__ for m in recipe.scorer.members] == ["Lstm", "Lstm"]
    path = tmp_path / "f.toml"
    path.write_text(dumps(recipe))
    assert load_recipe(path) == recipe
    assert load_recipe(path).hash == recipe.hash


def test_a_recipe_of_other_members_goes_through_toml(tmp_path):
    members = (Tcn(receptive_field_s=0.4, auxiliary=0.0), Mdmd(), Lstm(window=9, normalise=()))
    recipe = Recipe("mixed", scorer=Fusion(members, rate=2.0))
    (tmp_path / "mixed.toml").write_text(dumps(recipe))
    back = load_recipe(tmp_path / "mixed.toml")
    assert back.scorer.members == members
    assert (back, back.hash) == (recipe, recipe.hash)
    assert replace(recipe, scorer=Fusion(members[::-1], rate=2.0)).hash != recipe.hash


def test_members_that_are_no_scorer_objects_are_refused():
    for member, text in (
        ({"name": "lstm"}, "member 0 of fusion.*is no dataclass"),
        (Lstm, r"member 0: write Lstm\(\.\.\.\)"),
        (Oracle(), "member 0: Oracle cannot be a member"),
    ):
        with pytest.raises(UsageError, match=text):
            Fusion((member,))


def test_a_fusion_needs_what_its_members_need():
    assert Fusion((Mdmd(), Never())).training_needs == ()
    assert Fusion((Lstm(), Xia(), Tcn())).training_needs == ("torch", "onnx", "sklearn")
    # A member whose scores follow from the whole recording makes the mean follow from it.
    assert Fusion((Never(), Mdmd())).whole_series
    assert not Fusion((Never(), Lstm())).whole_series


def test_weights_of_others_are_refused():
    one, two = Fusion((Column(0),)), Fusion((Column(0), Column(1)))
    rows = curve(np.stack([flat(300), flat(300)], axis=1))
    weights = two.fit([rows], [[MICRO]], 0)
    for wrong in ({}, {k: v for k, v in weights.items() if k != "unit"}):
        with pytest.raises(MespotError, match="of another scorer"):
            two.score(rows, wrong)
    with pytest.raises(MespotError, match="of other members"):
        one.score(rows, weights)
    with pytest.raises(UsageError, match="learned on rows of 2 columns"):
        two.score(curve(flat(9)), weights)
    with pytest.raises(UsageError, match="no training recording has a row"):
        two.fit([curve(np.empty((0, 2)))], [[]], 0)


def test_code_of_the_members_decides_whether_a_fold_is_done():
    """The shipped recipe: the members' modules count in the key of a fold."""
    scorer = load_recipe("fusion").scorer
    assert set(plugin_modules(scorer)) == {"mespot_lab.networks.fusion", "mespot.scorers.lstm"}
