"""SAMM Long Videos: header on row 10, fractions, apices of -1, whole recordings, the end."""

from __future__ import annotations

import pytest

from mespot.datasets.samm_lv import SammLv
from mespot.errors import UnreadableInput
from sheetmaker import images, told, xlsx

HEAD = ["Subject", "Filename", "Inducement Code", "Onset", "Apex", "Offset", "Duration", "Type",
        "Action Units", "Notes"]  # fmt: skip
NOTES = [["Please cite"], [], ["Onset: first frame"], [], [], [], [], [], []]
# Made up.
ROWS = [
    [6, "006_1_1", 1, 11, 20, 40, 30, "Micro - 1/2", "4", None],
    [6, "006_1_2", 1, 566.4, 600.5, 700.6, 135, "Macro", "12", None],
    [6, "006_1_3", 1, 800, -1, 900, 101, "Macro", "AU12B", None],
    [7, "007_3_1", 3, 1, -1, 500, 500, "Macro", "1", "talks"],
    [7, "007_3_2", 3, 480, 490, 506, 26, "Macro", "1", None],
    [7, "007_3_3", 3, 501, 503, 506, 6, "Micro - 1/2", "1", None],
    [7, "007_3_4", 3, -1, 400, 420, 6, "Micro - 1/2", "1", None],
    [7, "007_3_5", 3, 0, 300, 450, 450, "Macro", "12", "under way"],
    ["Total", None, None, None, None, None, 500, None, None, None],
]


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "data"
    xlsx(root / "SAMM_LongVideos_V2_Release.xlsx", FACS_Movement_Only=[*NOTES, HEAD, *ROWS])
    images(root / "SAMM_longvideos" / "006_1", "006_1_%04d.jpg", range(1, 1001))
    images(root / "SAMM_longvideos" / "007_3", "007_3_%05d.jpg", range(1, 501))
    images(root / "SAMM_longvideos" / "008_1", "008_1_%04d.jpg", range(1, 301))
    return root


FIRST = [(10, 19, 39, "micro", None), (565, 600, 700, "macro", "fractional-frame"),
         (799, None, 899, "macro", "apex-minus-one")]  # fmt: skip


def test_recordings_with_repaired_rows(root):
    found = {r.id: r for r in SammLv().load(root)}
    assert {r.id: r.subject for r in found.values()} == {
        "006_1": "006", "007_3": "007", "008_1": "008",
    }  # fmt: skip
    assert told(found["006_1"].expressions) == FIRST
    assert told(found["007_3"].expressions) == [
        (0, 299, 449, "macro", "onset-zero"),
        (0, None, 499, "macro", "whole-recording apex-minus-one"),
        (399, 399, 419, "micro", "onset-missing"),
        (479, 489, 499, "macro", "past-end"),
    ]
    assert told(found["008_1"].expressions) == []
    assert found["006_1"].expressions[2].attributes["action_units"] == "AU12B"


def test_everything_met_is_counted(root):
    seen = SammLv().inspect(root)
    assert seen.traps == {
        "apex-minus-one": 2, "fractional-frame": 1, "no-rows": 1, "onset-missing": 1,
        "onset-zero": 1, "other-padding": 1, "outside-recording": 1, "past-end": 1, "text-row": 1,
        "whole-recording": 1,
    }  # fmt: skip
    assert [(d.row, d.code) for d in seen.dropped] == [(16, "outside-recording"), (19, "text-row")]
    assert seen.variant == "V2, 8 rows"
    assert (seen.found["macro"], seen.found["micro"]) == (5, 2)


def test_the_sheet_alone(root):
    notes = SammLv().read_sheet(root / "SAMM_LongVideos_V2_Release.xlsx")
    assert told(notes.events["006_1"]) == FIRST
    assert told(notes.events["007_3"])[-1] == (500, 502, 505, "micro", None)
    assert list(notes.recordings) == ["006_1", "007_3"]
    assert notes.problems == ()


def test_other_places_of_table_and_columns(tmp_path):
    # No notes above, columns in another order and case, another name of the sheet, no version.
    order = [7, 5, 3, 1, 8]
    rows = [[HEAD[i].upper() for i in order], *[[row[i] for i in order] for row in ROWS[:1]]]
    notes = SammLv().read_sheet(xlsx(tmp_path / "labels.xlsx", Sheet1=[["x"]], Sheet2=rows))
    assert told(notes.events["006_1"]) == [(10, None, 39, "micro", None)]
    assert notes.variant == "version unknown, 1 rows"


def test_rows_that_are_not_understood(tmp_path):
    odd = [[6, "006_1_1", 1, 11, 20, 40, 30, "Blend", "4", None],
           [6, "oops", 1, 11, 20, 40, 30, "Macro", "4", None],
           [6, "006_1_2", 1, "eleven", 20, "", 30, "Macro", "4", None],
           [6, "006_1_3", 1, 11, 20, "?", 30, "Macro", "4", None]]  # fmt: skip
    path = xlsx(tmp_path / "a_V3.xlsx", FACS_Movement_Only=[HEAD, *odd])
    notes = SammLv().read_sheet(path)
    assert notes.problems == (
        "sheet 'FACS_Movement_Only', row 2: not understood: 006_1_1 11 20 40 Blend 4",
        "sheet 'FACS_Movement_Only', row 3: not understood: oops 11 20 40 Macro 4",
        "row dropped: sheet 'FACS_Movement_Only', row 4 (006_1), text-frame: macro eleven 20 -",
        "row dropped: sheet 'FACS_Movement_Only', row 5 (006_1), text-frame: macro 11 20 ?",
    )
    assert [(d.row, d.code) for d in notes.dropped[2:]] == [(4, "text-frame"), (5, "text-frame")]
    assert notes.events == {}
    assert notes.variant == "V3, 2 rows"


def test_another_workbook_is_refused(tmp_path):
    path = xlsx(tmp_path / "a.xlsx", Budget=[["Item", "Cost"], ["tea", 3]])
    with pytest.raises(UnreadableInput, match="is not a release sheet of SAMM Long Videos"):
        SammLv().read_sheet(path)
