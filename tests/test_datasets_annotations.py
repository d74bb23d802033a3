"""Rows to expressions: every row is kept or dropped with a reason, whatever stands in its cells."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mespot.datasets import _annotations as notes
from mespot.inspection import Lengths, compare, counts_of, lengths_of
from mespot.types import Expression, Recording
from sheetmaker import told

CELLS = st.one_of(
    st.none(),
    st.integers(-5, 60),
    st.floats(-5, 60, allow_nan=False),
    st.sampled_from(["/", "", "12", "12.6", "n/a", "-1", float("nan"), float("inf"), 1e300]),
)


def raw(onset, apex, offset, kind="micro", codes=()):
    return notes.RawEvent("r", "1", 7, onset, apex, offset, kind, {"a": "b"}, codes, "s")


@given(st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=6), st.booleans(), st.booleans())
def test_every_row_is_kept_or_dropped_and_kept_ones_lie_in_the_recording(
    rows, take_apex, zero_is_start
):
    events = [raw(*cells) for cells in rows]
    place = notes.Place(3, 40)
    kept, dropped = notes.settle(events, {"r": place}, notes.Rules(take_apex, zero_is_start))
    assert len(kept.get("r", ())) + len(dropped) == len(rows)
    for expression in kept.get("r", ()):
        assert 0 <= expression.onset <= expression.offset <= 39
        assert expression.attributes["a"] == "b"
        status = expression.attributes.get("status", "").split()
        assert set(status) <= set(notes.GENERAL_TRAPS)
        assert len(set(status)) == len(status)
    assert {d.code for d in dropped} <= {*notes.GENERAL_TRAPS, notes.TEXT_FRAME}


@given(st.integers(1, 500), st.integers(0, 50), st.integers(0, 50), st.integers(0, 400))
def test_rows_without_fault_are_only_moved(first, rise, fall, start):
    onset = first + start
    kept, dropped = notes.settle(
        [raw(onset, onset + rise, onset + rise + fall)], {"r": notes.Place(first)}
    )
    assert dropped == []
    assert told(kept["r"]) == [(start, start + rise, start + rise + fall, "micro", None)]


@pytest.mark.parametrize(
    ("cells", "take_apex", "result"),
    [
        ((11, 15, 20), False, (10, 14, 19, None)),
        ((11, None, 20), False, (10, None, 19, None)),
        ((11, "15", "20.0"), False, (10, 14, 19, None)),
        ((10.5, 15.4, 20.5), False, (10, 14, 20, "fractional-frame")),
        ((11, 0, 20), False, (10, None, 19, "apex-zero")),
        ((11, -1, 20), False, (10, None, 19, "apex-minus-one")),
        ((11, "/", 20), False, (10, None, 19, "apex-slash")),
        ((11, "none", 20), False, (10, None, 19, "apex-text")),
        ((11, 9, 20), False, (10, None, 19, "apex-before-onset")),
        ((11, 15, 0), False, (10, 14, 14, "offset-zero")),
        ((11, 15, None), False, (10, 14, 14, "offset-zero")),
        ((0, 15, 20), False, (0, 14, 19, "onset-zero")),
        (("0", -1, 20), False, (0, None, 19, "apex-minus-one onset-zero")),
        ((0.0, 15, 60), False, (0, 14, 49, "onset-zero past-end")),
        ((0, 15, 0), False, "no-interval"),
        ((None, 15, 20), False, (14, 14, 19, "onset-missing")),
        ((-1, 15, 20), False, (14, 14, 19, "onset-missing")),
        (("-2", 15, 20), False, (14, 14, 19, "onset-missing")),
        ((11, 15, 13), False, (10, None, 12, "offset-before-apex")),
        ((11, 15, 9), False, "offset-before-onset"),
        ((11, 15, 9), True, (10, 14, 14, "offset-before-apex")),
        ((11, 10, 9), True, "offset-before-onset"),
        ((11, None, 9), True, "offset-before-onset"),
        ((11, 0, 0), False, "no-interval"),
        ((0, 0, 20), False, (0, None, 19, "apex-zero onset-zero")),
        ((0, 0, 0), False, "no-interval"),
        ((-1, 0, 20), False, "no-interval"),
        ((11, 15, "?"), False, "text-frame"),
        (("n/a", 15, 20), False, "text-frame"),
        ((45, 48, 60), False, (44, 47, 49, "past-end")),
        ((45, 48, 51), False, (44, 47, 49, "past-end")),
        ((45, 48, 50), False, (44, 47, 49, None)),
        ((45, 55, 60), False, (44, None, 49, "past-end")),
        ((51, 52, 60), False, "outside-recording"),
        ((50, 52, 60), False, (49, None, 49, "past-end")),
    ],
)
def test_each_repair_by_hand(cells, take_apex, result):
    # Images 1 to 50.
    kept, dropped = notes.settle([raw(*cells)], {"r": notes.Place(1, 50)}, notes.Rules(take_apex))
    if isinstance(result, str):
        assert kept == {}
        assert [(d.row, d.recording, d.code, d.sheet) for d in dropped] == [(7, "r", result, "s")]
    else:
        assert dropped == []
        assert [(o, a, f, s) for o, a, f, _, s in told(kept["r"])] == [result]


@pytest.mark.parametrize(
    ("first", "cells", "result"),
    [
        # Frame 0 is the first image, whatever its number is.
        (0, (0, 15, 20), (0, 15, 20, "onset-zero")),
        (10, (0, 15, 20), (0, 5, 10, "onset-zero")),
        (17, (0, 15, 20), (0, None, 3, "onset-zero")),
        (21, (0, 15, 20), "outside-recording"),
    ],
)
def test_onset_zero_is_the_first_image(first, cells, result):
    kept, dropped = notes.settle([raw(*cells)], {"r": notes.Place(first, 4000)})
    if isinstance(result, str):
        assert [d.code for d in dropped] == [result]
    else:
        assert [(o, a, f, s) for o, a, f, _, s in told(kept["r"])] == [result]


def test_onset_zero_of_a_cameras_counter_is_an_empty_cell():
    rules = notes.Rules(onset_zero_is_start=False)
    kept, dropped = notes.settle([raw(0, None, 20)], {"r": notes.Place(1)}, rules)
    assert (kept, [d.code for d in dropped]) == ({}, ["no-interval"])


def test_many_rows_of_one_fault_are_one_line():
    rows = [notes.Misread(i, "s", "not understood", f"t{i}") for i in range(2, 8)]
    assert notes.misread_lines(rows) == [
        "sheet 's': 6 rows: not understood; the first is row 2: t2"
    ]
    assert len(notes.misread_lines(rows[:5])) == 5
    mixed = [*rows, notes.Misread(9, "s", "no recording is named", "x")]
    assert notes.misread_lines(mixed)[1] == "sheet 's', row 9: no recording is named: x"
    lost = [notes.Dropped(i, "r", notes.TEXT_FRAME, "micro 00:12", "s") for i in range(6)]
    assert notes.dropped_lines(lost) == [
        "6 rows dropped, text-frame; the first: sheet 's', row 0 (r), text-frame: micro 00:12"
    ]


def test_images_that_begin_within_or_after_an_expression():
    place = {"r": notes.Place(100, 50)}
    kept, dropped = notes.settle([raw(90, 95, 110), raw(90, 105, 110), raw(80, 85, 99)], place)
    assert told(kept["r"]) == [
        (0, None, 10, "micro", "before-start"), (0, 5, 10, "micro", "before-start"),
    ]  # fmt: skip
    assert [d.code for d in dropped] == ["outside-recording"]
    kept, dropped = notes.settle([raw(90, 95, 110)], {"r": notes.Place(None)})
    assert (kept, [d.code for d in dropped]) == ({}, ["first-missing"])


def test_codes_of_the_reader_come_first_and_each_once():
    kept, _ = notes.settle(
        [raw(11.4, 0, 20.4, codes=("erratum", "erratum"))], {"r": notes.Place(1)}
    )
    assert told(kept["r"])[0][4] == "erratum apex-zero fractional-frame"


def test_a_dropped_row_in_one_line():
    assert str(notes.Dropped(7, "r", "no-interval", "micro - - -", "s")) == (
        "sheet 's', row 7 (r), no-interval: micro - - -"
    )
    assert str(notes.Dropped(7, "", "text-row")) == "row 7, text-row"


def test_counts_and_lengths_by_hand():
    found = [
        Recording("a", "s1", Fraction(30), 100, expressions=(
            Expression(0, None, 4), Expression(10, None, 19), Expression(30, None, 30, "macro"))),
        Recording("b", "s1", Fraction(30), 50, expressions=(Expression(1, None, 2),)),
        Recording("c", "s2", Fraction(30)),
    ]  # fmt: skip
    assert counts_of(found) == {"recordings": 3, "subjects": 2, "micro": 3, "macro": 1}
    assert lengths_of(found) == {
        "micro": Lengths(2, 5, 10), "macro": Lengths(1, 1, 1), "recording": Lengths(50, 75, 100),
    }  # fmt: skip


def test_numbers_that_differ_are_told_those_known_about_within_5_percent():
    expected = {"recordings": 100, "subjects": 10, "micro": 40}
    assert compare({"recordings": 100, "subjects": 10, "micro": 40, "blink": 3}, expected) == []
    assert compare({"recordings": 95, "subjects": 10}, expected, frozenset({"recordings"})) == [
        "0 micro expressions in place of 40"
    ]
    assert compare({"recordings": 94, "subjects": 9, "micro": 40}, expected,
                   frozenset({"recordings"})) == [
        "94 recordings in place of about 100", "9 subjects in place of 10",
    ]  # fmt: skip
