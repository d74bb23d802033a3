"""Robustness and ablation: one thing changes at a time, and figures are those of the counts."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "lab" / "benchmarks"), str(ROOT / "benchmarks")]
import ablation  # noqa: E402
import robustness  # noqa: E402

from mespot import rows  # noqa: E402
from mespot.recipe import to_values  # noqa: E402


@pytest.mark.parametrize("curve", robustness.CURVES, ids=lambda c: c.name)
def test_a_curve_changes_one_thing(curve):
    base, field = asdict(robustness.BASE), set()
    for value in curve.values:
        config, fps = robustness._point(curve, value)
        field |= {name for name, own in asdict(config).items() if own != base[name]}
        assert fps == (value if curve.name == "fps" else robustness.FPS)
    assert len(field) == (0 if curve.name == "fps" else 1)
    assert len({robustness._point(curve, value) for value in curve.values}) == len(curve.values)


def test_a_point_by_hand():
    """Two faces: 3 of 4 found with 1 false alarm, 1 of 2 with 2, in half a minute each."""
    one = {"subject": "a", "minutes": 0.5, "packaged": [3, 1, 1]}
    other = {"subject": "b", "minutes": 0.5, "packaged": [1, 2, 1]}
    row = robustness.row_of(7, [one, other])
    assert row["value"] == 7
    assert row["MEs"] == 6
    assert row["F1, packaged"] == pytest.approx(8 / 13)
    assert row["recall, packaged"] == pytest.approx(4 / 6)
    assert row["false alarms/min, packaged"] == pytest.approx(3.0)
    # Draws of faces lie between those of b alone, 2/5, and a alone, 6/8.
    assert row["95 %, packaged"] == "0.40 .. 0.75"
    assert "F1, faces left out" not in row


def test_the_page_has_a_place_for_every_curve():
    text = robustness.PAGE.read_text("utf-8")
    for name in ("how", "standard", *(curve.name for curve in robustness.CURVES)):
        assert f"<!-- table: Robustness: {name} -->" in text
    for curve in robustness.CURVES:
        assert f"(robustness/{curve.name}.png)" in text


def flat(recipe):
    """``section.key`` -> value of a recipe, its name and description left out."""
    found = {}
    for section, values in to_values(recipe).items():
        if isinstance(values, dict):
            found |= {f"{section}.{key}": repr(value) for key, value in values.items()}
        elif section not in ("name", "description"):
            found[section] = repr(values)
    return found


def test_variants_are_recipes_and_change_what_they_say():
    base, *others = ablation.variants((), ["seed=3"])
    assert (base.name, base.seed) == ("default", 3)
    for recipe, (name, _, settings) in zip(others, ablation.VARIANTS[1:], strict=True):
        rows.check(recipe, [])
        assert recipe.name == name
        changed = {key for key, _ in flat(recipe).items() ^ flat(base).items()}
        assert changed == {setting.partition("=")[0] for setting in settings}, name
    assert [r.name for r in ablation.variants(["merge-nms"], [])] == ["default", "merge-nms"]
