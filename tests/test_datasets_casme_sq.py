"""CAS(ME)^2: naming by two further sheets, offsets of zero, and its two forms of images."""

from __future__ import annotations

from fractions import Fraction

import pytest

from mespot.datasets.casme_sq import CasmeSq
from mespot.errors import UnreadableInput
from sheetmaker import images, told, xlsx

MACRO, MICRO = "macro-expression", "micro-expression"
# Made up; numbers of images from 1, so that the frame is one less.
CODES = [
    [1, "anger1_1", 11, 15, 20, "4+10", "negative", MICRO, "anger"],
    [1, "anger1_2", 40, 60, 0, "4", "negative", MACRO, "anger"],
    [1, "Anger1_3 ", 70, 0, 80, "4", "negative", MACRO, "anger"],
    [2, "disgust2_1", 30, 50, 45, "9", "negative", MACRO, "disgust"],
    [2, "disgust2_2", 60, 66, 58, "9", "negative", MACRO, "disgust"],
    [2, "disgust2_3", 90, 95, 140, 12, "positive", MACRO, "happy"],
    [2, "disgust2_4", 0, 0, 0, 12, "positive", MACRO, "happy"],
]
# Subject 1 is the person of folder s16: the order differs. Codes lost their leading zero.
PEOPLE = [[15, "s15", 2], [16, "s16", 1], [17, "s17", 3]]
FILMS = [[401, "anger1"], [102, "disgust2"], ["0502", "happy2"]]


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "data"
    xlsx(root / "CAS(ME)^2code_final(Updated).xlsx", code=CODES, rule1=PEOPLE, rule2=FILMS)
    images(root / "rawpic" / "s16" / "16_0401girlcrashing", "img%03d.jpg", range(1, 1201))
    images(root / "rawpic" / "s15" / "15_0102teeth", "img%03d.jpg", range(1, 121))
    # Named by another subject than the one it lies under; nobody coded anything in it.
    images(root / "rawpic" / "s17" / "23_0502errors", "img%03d.jpg", range(1, 91))
    images(
        root / "longVideoFaceCropped" / "s16" / "16_0401girlcrashing", "img_%d.jpg", range(1, 81)
    )
    images(root / "selectedpic" / "s16" / "anger1_1", "img%d.jpg", range(11, 21))
    return root


TRUTH = {
    "s15_0102": [
        (29, None, 44, "macro", "offset-before-apex"),
        (59, 65, 65, "macro", "offset-before-apex"),
        (89, 94, 119, "macro", "past-end"),
    ],
    "s16_0401": [
        (10, 14, 19, "micro", None),
        (39, 59, 59, "macro", "offset-zero"),
        (69, None, 79, "macro", "apex-zero"),
    ],
    "s17_0502": [],
}


def test_recordings_by_folder_and_code(root):
    found = CasmeSq().load(root)
    assert {r.id: told(r.expressions) for r in found} == TRUTH
    assert [(r.subject, r.n_frames, r.fps) for r in found] == [
        ("s15", 120, Fraction(30)), ("s16", 1200, Fraction(30)), ("s17", 90, Fraction(30))
    ]  # fmt: skip
    assert found[1].expressions[0].attributes == {"action_units": "4+10"}
    assert found[0].expressions[2].attributes["action_units"] == "12"


def test_everything_met_is_counted(root):
    seen = CasmeSq().inspect(root)
    assert seen.layout == "rawpic"
    assert seen.traps == {
        "apex-zero": 1, "folder-prefix": 1, "leading-zero": 2, "no-interval": 1, "no-rows": 1,
        "offset-before-apex": 2, "offset-zero": 1, "past-end": 1, "subject-order": 2,
    }  # fmt: skip
    assert [str(d) for d in seen.dropped] == [
        "sheet 'code', row 7 (s15_0102), no-interval: macro 0 0 0"
    ]
    assert seen.problems == (
        "3 recordings in place of 98", "3 subjects in place of 22",
        "1 micro expressions in place of 57", "5 macro expressions in place of 300",
        "1 recordings with micro in place of 33", "1 subjects with micro in place of 14",
        "2 recordings with any in place of 95",
    )  # fmt: skip
    assert seen.lengths["micro"] == (10, 10, 10)
    assert seen.lengths["macro"] == (7, 16, 31)


def test_the_sheet_alone_cannot_see_the_end(root):
    notes = CasmeSq().read_sheet(root / "CAS(ME)^2code_final(Updated).xlsx")
    want = {k: list(v) for k, v in TRUTH.items() if v}
    want["s15_0102"][2] = (89, 94, 139, "macro", None)
    assert {n: told(e) for n, e in notes.events.items()} == want
    assert list(notes.recordings) == ["s16_0401", "s15_0102"]
    assert notes.variant == "7 rows, sheets 'code', 'rule1', 'rule2'"


def test_cropped_images_by_request_or_where_they_are_alone(root):
    only = CasmeSq(frames="longVideoFaceCropped")
    with pytest.raises(UnreadableInput, match="no folder of images of recording 's15_0102'"):
        only.load(root)
    (found,) = CasmeSq(frames="longVideoFaceCropped", partial=True).load(root)
    assert (found.id, found.n_frames) == ("s16_0401", 80)
    assert found.source.endswith("longVideoFaceCropped/s16/16_0401girlcrashing")
    (root / "rawpic").rename(root / "raw away")
    for folder in (root / "raw away").rglob("*"):
        if folder.is_dir() and folder.name[0] != "s":
            folder.rename(folder.with_name("." + folder.name))
    assert CasmeSq(partial=True).inspect(root).layout == "longVideoFaceCropped"
    assert any("'s15_0102', which is in the sheet" in p for p in CasmeSq(partial=True).verify(root))


def test_the_sheets_are_known_by_what_is_in_them(root):
    path = root / "other.xlsx"
    # Another order, the subject's number before its folder, and a header line.
    people = [["subject", "folder"], [2, "s15"], [1, "s16"], [3, "s17"]]
    codes = [["subject", "name", "onset", "apex", "offset", "AU", "class", "type", "self"], *CODES]
    xlsx(path, b=people, a=FILMS, main=codes)
    notes = CasmeSq().read_sheet(path)
    assert sorted(notes.events) == ["s15_0102", "s16_0401"]
    assert notes.traps["text-row"] == 1
    assert [d.row for d in notes.dropped] == [1, 8]


def test_of_two_columns_of_numbers_the_last_names_the_subjects(root):
    codes = [[15, *CODES[0][1:]], [16, *CODES[3][1:]]]
    path = xlsx(root / "x.xlsx", c=codes, r=[[15, "s15", 16], [16, "s16", 15]], f=FILMS)
    assert list(CasmeSq().read_sheet(path).recordings) == ["s16_0401", "s15_0102"]


def test_names_that_the_naming_sheets_do_not_hold(root):
    path = xlsx(root / "x.xlsx", c=[*CODES, [9, "anger1_1", 1, 2, 3, "4", "n", MACRO, "a"],
                                    [1, "fear1_1", 1, 2, 3, "4", "n", MACRO, "a"]],
                r=[*PEOPLE, ["", "s99", 9]], f=FILMS)  # fmt: skip
    assert CasmeSq().read_sheet(path).problems == (
        "sheet 'c', row 9: not in the naming sheets, row dropped: recording name 'fear1_1'",
    )
    path = xlsx(root / "y.xlsx", c=CODES, r=[PEOPLE[0], PEOPLE[2]], f=FILMS)
    assert CasmeSq().read_sheet(path).problems[0] == (
        "sheet 'c', row 1: not in the naming sheets, row dropped: subject '1'"
    )


def test_another_workbook_is_refused(tmp_path):
    path = xlsx(tmp_path / "a.xlsx", Budget=[["Item", "Cost"], ["tea", 3]])
    with pytest.raises(UnreadableInput, match=r"is not the code sheet of CAS\(ME\)\^2"):
        CasmeSq().read_sheet(path)
