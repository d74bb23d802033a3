"""The page of benchmarks: a run's figures in their places, and goals told as they came out."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))
import page  # noqa: E402

MACHINE = {"commit": "abc1234+", "cpu": "A CPU", "cores": 2, "date": "2026-01-02T03:04:05+00:00"}
SPEED = "Descriptors: speed"


def speed(positions, cost=1.0, name="lbp_top", span=9):
    row = {"descriptor": name, "L": span, "positions/s": positions}
    return {SPEED: {"machine": MACHINE, "rows": [row | {"cost over L = 9": cost}]}}


@pytest.mark.parametrize(
    ("positions", "reached"),
    [(14_999.0, ["**no**", "**no**"]), (15_000.0, ["yes", "**no**"]), (20_000.0, ["yes", "yes"])],
)
def test_a_goal_is_reached_from_its_figure_on(positions, reached):
    rows = page.goal_rows(speed(positions))
    assert [row["wanted"] for row in rows] == ["at least 15,000", "at least 20,000"]
    assert [row["reached"] for row in rows] == reached
    assert [row["measured"] for row in rows] == [positions] * 2


def test_some_goals_are_upper_bounds():
    for cost, reached in ((1.15, "yes"), (1.16, "**no**")):
        rows = page.goal_rows(speed(1.0, cost, span=23))
        assert [(row["wanted"], row["reached"]) for row in rows] == [("at most 1.15", reached)]
    start = {"frames": 60, "first frame, s": 0.6}
    rows = page.goal_rows({"End to end: start": {"machine": MACHINE, "rows": [start]}})
    assert [(row["wanted"], row["reached"]) for row in rows] == [
        ("at most 1.5", "yes"), ("at most 0.7", "yes")
    ]  # fmt: skip


def test_figures_come_into_their_places_and_the_rest_stays(tmp_path):
    found = {"tables": {"A b": {"machine": MACHINE, "rows": [{"x": 1234, "y": 0.5}]}}}
    (tmp_path / "a.json").write_text(json.dumps(found))
    (tmp_path / "lines.txt").write_text("one\ntwo\n")
    other = "<!-- table: Other -->\nold\n<!-- end -->\n"
    text = "Words.\n<!-- table: A b -->\nold\n<!-- end -->\n<!-- text: lines -->\n<!-- end -->\n"
    filled = page.fill(text + other, page.load(tmp_path), tmp_path)
    assert filled == (
        "Words.\n<!-- table: A b -->\n\n| x | y |\n| --- | --- |\n| 1,234 | 0.5 |\n\n"
        "Commit abc1234 with changes, 2-core A CPU, 2026-01-02.\n\n<!-- end -->\n"
        "<!-- text: lines -->\n\n```\none\ntwo\n```\n\n<!-- end -->\n" + other
    )
    assert page.fill(filled, page.load(tmp_path), tmp_path) == filled


def test_goals_take_their_own_place_only(tmp_path):
    after = "\nWords.\n<!-- table: Other -->\n<!-- end -->\n"
    filled = page.fill("<!-- goals -->\n<!-- end -->\n" + after, speed(15_000.0), tmp_path)
    assert filled.startswith("<!-- goals -->\n\n| goal | wanted | measured | reached |\n")
    assert "| at least 15,000 | 15,000 | yes |" in filled
    assert filled.endswith("<!-- end -->\n" + after)


def test_the_page_has_a_place_for_what_every_goal_needs():
    text = page.PAGE.read_text("utf-8")
    for title in {goal.title for goal in page.goals()}:
        assert f"<!-- table: {title} -->" in text
