"""Differences between rows of a table, with the same subjects drawn for both."""

from __future__ import annotations

from fractions import Fraction

import pytest

from mespot.exports.csv import write_events, write_recordings
from mespot.recipe import Recipe
from mespot.types import Expression, Recording
from mespot_lab.tables.paired import ahead, counts_by_subject
from mespot_lab.tables.rows import Row
from mespot_lab.tables.table import Line, Table, markdown

# Two subjects of one recording and one minute each, two micro-expressions in either.
TRUTH = [(10, 14, 19), (100, 104, 109)]
WRONG = (300, 304, 309)


@pytest.fixture
def out(tmp_path):
    recordings = [
        Recording(name, name, Fraction(25), 1500, expressions=tuple(Expression(*t) for t in TRUTH))
        for name in "ab"
    ]
    write_recordings(tmp_path / "recordings.csv", recordings)
    write_events(tmp_path / "truth.csv", {r.id: r.expressions for r in recordings}, recordings)
    found = {
        "weak": {"a": [TRUTH[0]], "b": [WRONG]},
        "strong": {"a": TRUTH, "b": [TRUTH[0], WRONG]},
        "rival": {"a": [WRONG], "b": [WRONG]},
    }
    for recipe, spots in found.items():
        events = {n: [Expression(*t, score=1.0) for t in times] for n, times in spots.items()}
        path = tmp_path / recipe / "default" / "events.csv"
        path.parent.mkdir(parents=True)
        write_events(path, events, recordings)
    return tmp_path


def row(title, kind):
    return Row(title, kind, Recipe(title))


def test_counts_are_those_of_the_stored_files(out):
    counts = counts_by_subject(out, "strong")
    assert [(c.tp, c.fp, c.fn) for c in counts.values()] == [(2, 0, 0), (1, 1, 1)]


def test_rivals_and_own_rows_against_the_best_of_the_papers(out):
    rows = [row("weak", "method"), row("strong", "own"), row("rival", "rival"), row("x", "floor")]
    found = ahead(out, rows, {"weak": 2 / 6, "strong": 6 / 8, "rival": 0.0})
    assert [(a.title, a.of) for a in found] == [("strong", "weak"), ("rival", "weak")]
    # weak: 1 hit, 1 false, 3 missed; strong: 3 hits, 1 false, 1 missed.
    assert found[0].difference.difference == pytest.approx(6 / 8 - 2 / 6)
    assert found[1].difference.difference == pytest.approx(0 - 2 / 6)
    # The draws: subject a twice (1 - 2/3), b twice (1/2 - 0), or one of each.
    assert found[0].difference.low == pytest.approx(1 / 3)
    assert found[0].difference.high == pytest.approx(1 / 2)


def test_the_best_row_of_the_papers_is_taken(out):
    rows = [row("weak", "method"), row("strong", "method"), row("rival", "rival")]
    assert ahead(out, rows, {"weak": 0.3, "strong": 0.7, "rival": 0.0})[0].of == "strong"
    assert ahead(out, rows[2:], {"rival": 0.0}) == []
    assert ahead(out, [Row("weak", "method", None), rows[2]], {"rival": 0.0}) == []


def test_the_table_tells_them(out):
    rows = [row("weak", "method"), row("strong", "own")]
    table = Table("t", [Line(r) for r in rows], [], ahead(out, rows, {"weak": 1 / 3}))
    assert "| strong | +0.42 | +0.33 to +0.50 |" in markdown(table)
    assert "less that of weak" in markdown(table)


def test_a_difference_of_0_by_0_is_shown_as_every_rate_of_0_by_0(out):
    """Without truth a row without spots has no F1, so no difference to any other either."""
    write_events(out / "truth.csv", {})
    silent = out / "silent" / "default" / "events.csv"
    silent.parent.mkdir(parents=True)
    write_events(silent, {})
    rows = [row("weak", "method"), row("silent", "rival")]
    table = Table("t", [Line(r) for r in rows], [], ahead(out, rows, {"weak": 0.0}))
    assert "| silent | - | - to - |" in markdown(table)
    assert "nan" not in markdown(table)
