"""Recipes: round trips, overrides, and errors that name the nearest known key."""

from __future__ import annotations

import pytest

from mespot import registry
from mespot.align import Align
from mespot.decoding import Decode
from mespot.errors import UnreadableInput, UsageError
from mespot.recipe import Recipe, dumps, load_recipe, make_dataclass, shipped


@pytest.mark.parametrize("name", shipped())
def test_shipped_recipes_build(name, tmp_path):
    recipe = load_recipe(name)
    registry.build("descriptors", recipe.descriptor)
    registry.build("scorers", recipe.scorer)
    make_dataclass(Decode, recipe.decode, where="decode")
    make_dataclass(Align, recipe.align, where="align")
    path = tmp_path / "r.toml"
    path.write_text(dumps(recipe))
    again = load_recipe(path)
    assert again.hash == recipe.hash
    assert dumps(again) == dumps(recipe)


def test_the_papers_lengths_are_literal():
    smic, casme = load_recipe("paper-smic"), load_recipe("paper-casme-sq")
    assert (smic.fps, smic.descriptor["span"]) == (25, 9)
    assert 30 <= smic.scorer["window"] <= 40
    assert (casme.fps, casme.descriptor["span"]) == (30, 23)
    assert 30 <= casme.scorer["window"] <= 35
    for recipe in (smic, casme):
        assert recipe.scorer["epochs"] == 150
        assert recipe.scorer["merge"] == "nms"
        assert recipe.decode["threshold"] == "paper"


def test_unknown_keys_name_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'seed'"):
        make_dataclass(Recipe, {"sead": 1}, where="recipe")
    with pytest.raises(UsageError, match="did you mean 'soft_px'"):
        registry.build("descriptors", {"name": "region_flow", "soft_pix": 1})
    with pytest.raises(UsageError, match="did you mean 'hog_top'"):
        registry.build("descriptors", {"name": "hogtop"})


def test_wrong_types_are_told():
    with pytest.raises(UsageError, match="seed = 'x': expected int"):
        make_dataclass(Recipe, {"seed": "x"}, where="recipe")
    with pytest.raises(UsageError, match="quality = 'best'"):
        registry.build("descriptors", {"name": "region_flow", "quality": "best"})
    with pytest.raises(UsageError, match="positive"):
        registry.build("descriptors", {"name": "region_flow", "distances_s": [-1.0]})


def test_override_reads_values_as_toml():
    recipe = Recipe().override(
        ["seed=3", "descriptor.distances_s=[0.1, 0.2]", "descriptor.quality=fine"]
    )
    assert recipe.seed == 3
    assert recipe.descriptor["distances_s"] == [0.1, 0.2]
    assert recipe.descriptor["quality"] == "fine"
    assert recipe.hash != Recipe().hash
    with pytest.raises(UsageError, match="did you mean 'descriptor'"):
        Recipe().override(["descriptr.span=3"])
    with pytest.raises(UsageError, match=r"section\.key=value"):
        Recipe().override(["seed"])


def test_name_and_description_do_not_decide():
    assert Recipe(name="a", description="b").hash == Recipe(name="c").hash


def test_broken_files_are_one_line(tmp_path):
    path = tmp_path / "r.toml"
    path.write_text("name = ")
    with pytest.raises(UnreadableInput, match=r"r\.toml: not a TOML file"):
        load_recipe(path)
    with pytest.raises(UnreadableInput, match="cannot read"):
        load_recipe(tmp_path / "none.toml")
    with pytest.raises(UsageError, match="did you mean 'paper-smic'"):
        load_recipe("paper-smik")
