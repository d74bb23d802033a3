"""Recipes: round trips, overrides, and errors that name the nearest known key."""

from __future__ import annotations

import string
from dataclasses import fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mespot import registry
from mespot.align.config import Align
from mespot.decoding import Decode
from mespot.descriptors.hog_top import HogTop
from mespot.descriptors.lbp_top import LbpTop
from mespot.descriptors.region_flow import RegionFlow
from mespot.errors import UnreadableInput, UsageError
from mespot.recipe import Recipe, dumps, from_values, load_recipe, shipped
from mespot.scorers.lstm import Lstm
from mespot.scorers.oracle import Oracle
from mespot.scorers.random import Random


@pytest.mark.parametrize("name", shipped())
def test_shipped_recipes_come_back(name, tmp_path):
    recipe = load_recipe(name)
    path = tmp_path / "r.toml"
    path.write_text(dumps(recipe))
    again = load_recipe(path)
    assert again == recipe
    assert again.hash == recipe.hash
    assert dumps(again) == dumps(recipe)


def test_the_papers_lengths_are_literal():
    smic, casme = load_recipe("paper-smic"), load_recipe("paper-casme-sq")
    assert (smic.fps, smic.descriptor.span) == (25, 9)
    assert 30 <= smic.scorer.window <= 40
    assert (casme.fps, casme.descriptor.span) == (30, 23)
    assert 30 <= casme.scorer.window <= 35
    for recipe in (smic, casme):
        assert recipe.scorer.epochs == 150
        assert recipe.scorer.merge == "nms"
        assert recipe.decode.threshold == "paper"


def test_unknown_keys_name_the_nearest():
    for tree, text in (
        ({"sead": 1}, "did you mean 'seed'"),
        ({"align": {"sise": 96}}, "did you mean 'size'"),
        ({"descriptor": {"soft_pix": 1}}, "did you mean 'soft_px'"),
        ({"descriptor": {"name": "hogtop"}}, "did you mean 'hog_top'"),
        ({"scorer": {"epoch": 3}}, "did you mean 'epochs'"),
        ({"decode": {"nms": 0.1}}, "did you mean 'nms_s'"),
        ({"choose": {"nms": [0.1]}}, "did you mean 'nms_s'"),
    ):
        with pytest.raises(UsageError, match=text):
            from_values(tree, where="recipe")
    with pytest.raises(UsageError, match="did you mean 'hog_top'"):
        registry.build("descriptors", {"name": "hogtop"})


@pytest.mark.parametrize(
    ("tree", "text"),
    [
        ({"seed": "x"}, "seed = 'x': expected a whole number"),
        ({"seed": True}, "seed = True: expected a whole number"),
        ({"mirror": 1}, "mirror = 1: expected true or false"),
        ({"align": "small"}, "align = 'small': expected a table"),
        ({"scorer": "lstm"}, "scorer = 'lstm': expected a table"),
        ({"align": {"size": 10}}, "size 10"),
        ({"descriptor": {"quality": "best"}}, "quality = 'best'"),
        ({"descriptor": {"distances_s": [-1.0]}}, "positive"),
        (
            {"decode": {"threshold": "high"}},
            "threshold = 'high': expected a number or 'learned' or",
        ),
        ({"decode": {"level": 2.0}}, "level = 2.0"),
    ],
)
def test_wrong_values_are_one_line(tree, text):
    with pytest.raises(UsageError, match=text) as refused:
        from_values(tree, where="recipe")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("align", {"size": 96}),
        ("decode", {"nms_s": 0.1}),
        ("scorer", {"name": "random"}),
        ("scorer", Random),
        ("descriptor", Random()),
        ("descriptor", None),
    ],
)
def test_parts_are_objects_of_their_kind(part, value):
    with pytest.raises(UsageError):
        Recipe(**{part: value})


def test_mirror_images_need_a_descriptor_that_has_them():
    assert Recipe(descriptor=HogTop(), mirror=True).mirror

    class Plain(HogTop):
        @property
        def can_mirror(self):
            return False

    with pytest.raises(UsageError, match="cannot mirror its rows"):
        Recipe(descriptor=Plain(), mirror=True)


def test_override_reads_values_as_toml():
    recipe = Recipe().override(
        ["seed=3", "descriptor.distances_s=[0.1, 0.2]", "descriptor.quality=fine"]
    )
    assert recipe.seed == 3
    assert recipe.descriptor == RegionFlow(distances_s=(0.1, 0.2), quality="fine")
    assert recipe.hash != Recipe().hash
    assert Recipe().override(["decode.threshold=0.7"]).decode == Decode(threshold=0.7)
    assert Recipe().override(["decode.threshold=paper"]).decode == Decode(threshold="paper")
    with pytest.raises(UsageError, match="did you mean 'descriptor'"):
        Recipe().override(["descriptr.span=3"])
    with pytest.raises(UsageError, match=r"section\.key=value"):
        Recipe().override(["seed"])


def test_name_and_description_do_not_decide():
    assert Recipe(name="a", description="b").hash == Recipe(name="c").hash


def test_a_default_that_is_named_decides_nothing():
    assert from_values({"descriptor": {"name": "region_flow"}}, "recipe") == Recipe()
    named = Recipe(scorer=Lstm(units=20, epochs=40), decode=Decode(nms_s=0.2))
    assert named.hash == Recipe().hash


def test_broken_files_are_one_line(tmp_path):
    path = tmp_path / "r.toml"
    path.write_text("name = ")
    with pytest.raises(UnreadableInput, match=r"r\.toml: not a TOML file"):
        load_recipe(path)
    with pytest.raises(UnreadableInput, match="cannot read"):
        load_recipe(tmp_path / "none.toml")
    with pytest.raises(UsageError, match="did you mean 'paper-smic'"):
        load_recipe("paper-smik")


# Any recipe at all. Whole numbers stand for floats too: both write the same value.

texts = st.text(string.printable, max_size=20)
shares = st.one_of(st.integers(0, 3), st.floats(0, 3, allow_subnormal=False))
positive = st.one_of(st.integers(1, 3), st.floats(0.01, 3))
decodes = st.builds(
    Decode,
    threshold=st.one_of(st.sampled_from(["learned", "paper"]), shares),
    nms_s=shares,
    interval=st.sampled_from(["width", "span"]),
    level=st.one_of(st.just(1), st.floats(0.01, 1)),
    min_s=st.none() | st.floats(0, 1),
    max_s=st.none() | st.floats(1, 9) | st.integers(1, 9),
    outside=st.sampled_from(["drop", "clip"]),
    smooth_s=shares,
)
aligns = st.builds(
    Align,
    size=st.integers(32, 300),
    points=st.sampled_from([5, 17]),
    register=st.sampled_from(["face", "none"]),
    smoothing=st.sampled_from([1, 3, 5]),
    anchor_s=positive,
    memory_s=positive,
    detect_s=positive,
    min_face=st.floats(0.05, 1),
)
descriptors = st.one_of(
    st.builds(HogTop, span=st.integers(3, 40), voting=st.sampled_from(["hard", "soft"])),
    st.builds(LbpTop, span=st.integers(3, 40)),
    st.builds(
        RegionFlow,
        distances_s=st.lists(positive, min_size=1, max_size=3, unique=True).map(tuple),
        quality=st.sampled_from(["fast", "fine"]),
    ),
)
scorers = st.one_of(
    st.builds(Random, smooth_s=shares),
    st.builds(Oracle, label=st.sampled_from(["overlap", "apex"]), label_s=st.none() | positive),
    st.builds(
        Lstm,
        units=st.integers(1, 40),
        window=st.none() | st.integers(2, 40),
        normalise=st.lists(st.sampled_from(["difference", "zscore"]), unique=True).map(tuple),
        learning_rate=positive,
    ),
)
choices = st.dictionaries(
    st.sampled_from(["nms_s", "smooth_s"]),
    st.lists(shares, min_size=1, max_size=3, unique=True),
    max_size=2,
)
recipes = st.builds(
    Recipe,
    name=texts,
    description=texts,
    fps=st.none() | st.floats(1, 500) | st.integers(1, 500),
    seed=st.integers(0, 2**40),
    mirror=st.booleans(),
    align=aligns,
    descriptor=descriptors,
    scorer=scorers,
    decode=decodes,
    choose=choices,
)


@given(recipes)
def test_any_recipe_comes_back_from_its_file(tmp_path_factory, recipe):
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_text(dumps(recipe), "utf-8")
    again = load_recipe(path)
    assert again == recipe
    assert again.hash == recipe.hash
    assert dumps(again) == dumps(recipe)


def others(part):
    """The part with one field changed, for every field whose change is a sound value too."""
    for field in fields(part):
        value = getattr(part, field.name)
        for changed in _others_of(value):
            try:
                yield field.name, replace(part, **{field.name: changed})
            except (ValueError, UsageError):
                continue


def _others_of(value):
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int | float):
        return [value + 2, value / 2, value * 1.25]
    if isinstance(value, str):
        return ["fine", "soft", "span", "clip", "none", "apex", "paper", "nms", "cosine", "bce"]
    if isinstance(value, tuple):
        return [value[1:], (*value, 0.5)]
    return [0.5, 12]


@settings(max_examples=12)
@given(recipes)
def test_every_field_that_changes_changes_the_hash(recipe):
    for name in ("align", "descriptor", "scorer", "decode"):
        for field, part in others(getattr(recipe, name)):
            if part == getattr(recipe, name):
                continue
            changed = replace(recipe, **{name: part}, choose={})
            assert changed.hash != replace(recipe, choose={}).hash, (name, field)
    for name, value in (
        ("seed", recipe.seed + 1), ("mirror", not recipe.mirror), ("fps", (recipe.fps or 1) * 2),
        ("choose", {"level": [0.3, 0.4]}),
    ):  # fmt: skip
        assert replace(recipe, **{name: value}).hash != recipe.hash, name
