"""Merging rows: nothing of a person vanishes, nothing comes twice, twice is once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mespot.exports.csv import EventRow, event_rows
from mespot.types import Expression
from mespot.verdicts import SAME, merge, rejected_line, without_rejected

STATUSES = ("unseen", "confirmed", "rejected", "", "unsure")


def iou(a, b):
    """By sets of frames."""
    x, y = ({*range(r.expression.onset, r.expression.offset + 1)} for r in (a, b))
    return len(x & y) / len(x | y) if a.recording == b.recording else 0.0


@st.composite
def lines(draw, statuses=("unseen",), notes=("",)):
    events = {}
    for _ in range(draw(st.integers(0, 8))):
        onset = draw(st.integers(0, 30))
        length = draw(st.integers(0, 8))
        attributes = {"status": draw(st.sampled_from(statuses))}
        if note := draw(st.sampled_from(notes)):
            attributes["note"] = note
        score = draw(st.sampled_from((0.5, 0.75)))
        found = Expression(onset, onset, onset + length, "micro", score, attributes)
        events.setdefault(draw(st.sampled_from("ab")), []).append(found)
    return event_rows(events)


@st.composite
def cases(draw):
    """Offered spots; a file with some of them and some rows of a person, shuffled; fresh spots."""
    offered = draw(lines())
    left = [row for row in offered if draw(st.booleans())]
    standing = draw(st.permutations(left + draw(lines(STATUSES, ("", "seen twice")))))
    fresh = draw(lines()) + [row for row in offered if draw(st.booleans())]
    return standing, offered, fresh


def cells(rows):
    return [r.cells for r in rows]


@given(cases())
def test_no_row_of_a_person_vanishes_and_twice_is_once(case):
    standing, offered, fresh = case
    merged = merge(standing, offered, fresh)
    known = cells(offered)
    persons = [r for r in cells(standing) if r not in known]
    for row in persons:
        assert cells(merged.rows).count(row) >= persons.count(row)
    again = merge(merged.rows, [*fresh, *merged.spent], fresh)
    assert cells(again.rows) == cells(merged.rows)
    # A row that is new overlaps nothing that a person decided.
    added = [r for r in merged.rows if all(r is not s for s in standing)]
    assert all(iou(r, k) < SAME for r in added for k in [*merged.kept, *merged.spent])
    # Nothing stands there that is neither a person's nor fresh.
    kept = {id(r) for r in merged.kept}
    assert all(r.cells in cells(fresh) for r in merged.rows if id(r) not in kept)
    # Kept rows stay in their order.
    assert [r for r in merged.rows if id(r) in kept] == merged.kept


def test_into_an_empty_file_goes_everything_in_order():
    fresh = event_rows(
        {"b": [Expression(5, 6, 7)], "a": [Expression(9, 9, 9), Expression(1, 1, 2)]}
    )
    assert merge([], [], fresh).rows == fresh


@pytest.mark.parametrize(("onset", "comes"), [(0, False), (5, False), (6, True)])
def test_half_an_overlap_is_the_same_event(onset, comes):
    """Of frames 0-9 (a person's) and onset-9 the IoU is (10 - onset) / 10."""
    mine = event_rows({"a": [Expression(0, 3, 9, attributes={"status": "rejected"})]})
    fresh = event_rows({"a": [Expression(onset, onset, 9, attributes={"status": "unseen"})]})
    assert (len(merge(mine, [], fresh).rows) == 2) is comes
    elsewhere = [EventRow("b", r.expression, {**r.cells, "recording": "b"}) for r in fresh]
    assert len(merge(mine, [], elsewhere).rows) == 2


def test_rejected_events_are_left_out_and_counted():
    events = {
        "a": [Expression(1, 1, 2, attributes={"status": s}) for s in ("rejected", "unseen", "")],
        "b": [Expression(1, 1, 2, attributes={"status": " Rejected "}), Expression(3, 3, 4)],
        "c": [],
    }
    left, count = without_rejected(events)
    assert (count, {n: len(found) for n, found in left.items()}) == (2, {"a": 2, "b": 1, "c": 0})
    assert rejected_line("t.csv", 2, 5).startswith("t.csv: 2 of 5 events are left out")
