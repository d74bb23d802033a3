"""CAS(ME)^3 and CASME II: image numbers, impossible rows, two label sets, blinks, clips."""

from __future__ import annotations

import json
from fractions import Fraction

import pytest

from mespot import registry
from mespot.datasets.casme_cubed import CasmeCubed
from mespot.datasets.casme_ii import CasmeIi
from mespot.datasets.samm_lv import SammLv
from mespot.errors import UnreadableInput, UsageError
from sheetmaker import images, told, xls, xlsx

HEAD = ["Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Expression type",
        "Objective class"]  # fmt: skip
MICRO, MACRO = "Micro-expression", "Macro-expression"
# Made up. Images of spNO.1_a begin at 175, those of spNO.1_b at 1.
ROWS = [
    ["spNO.1", "a", 185, 190, 199, "4", MICRO, "I"],
    ["spNO.1", "A", 205, 210, 220, "4", MICRO, "I"],
    ["spNO.1", "a", 300, 310, 250, "12", MACRO, "I"],
    ["spNO.1", "B", 10, 15, 3465, "4", MICRO, "I"],
    ["spNO.1", "b", 20, 25, 60, "12", MACRO, "I"],
    ["spNO.1", "b", 30, 0, 45, "12", "micro-expression ", "I"],
]
BLINKS = [HEAD[:5], ["spNO.1", "b", 5, 7, 10], ["spno.2", "a", 3, 4, 8]]


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "data"
    xls(
        root / "annotation" / "part_A_v2.xls", **{"AU+Emotion": [HEAD, *ROWS], "eye__blink": BLINKS}
    )
    xls(root / "annotation" / "part_A_v1.xls", **{"AU+Emotion": [HEAD, *ROWS[:1]]})
    for name, first in (("spNO.1/a", 175), ("spNo.1/b", 1), ("spNO.2/a", 1), ("spNO.2/c", 1)):
        images(root / "part_A" / name / "color", "%d.jpg", range(first, first + 150))
        images(root / "part_A" / name / "depth", "%d.png", range(first, first + 150))
    return root


TRUTH = {
    "spNO.1_a": [(10, 15, 24, "micro", None), (30, 35, 45, "micro", "filename-case")],
    "spNO.1_b": [(4, 6, 9, "blink", None), (19, 24, 59, "macro", None),
                 (29, None, 44, "micro", "apex-zero")],
    "spNO.2_a": [(2, 3, 7, "blink", None)],
    "spNO.2_c": [],
}  # fmt: skip


def test_frames_are_counted_from_the_first_image_of_the_folder(root):
    found = CasmeCubed().load(root)
    assert {r.id: told(r.expressions) for r in found} == TRUTH
    assert {(r.subject, r.fps, r.n_frames) for r in found} == {
        ("spNO.1", Fraction(30), 150), ("spNO.2", Fraction(30), 150)
    }  # fmt: skip
    assert all(r.source.endswith("color") for r in found)


def test_everything_met_is_counted(root):
    seen = CasmeCubed().inspect(root)
    assert seen.sheet.endswith("part_A_v2.xls")
    assert seen.variant == (
        "v2, label set 'all', 6 rows of sheet 'AU+Emotion' and 2 rows of sheet 'eye blink'"
    )
    assert seen.traps == {
        "apex-zero": 1, "filename-case": 1, "first-image": 1, "micro-too-long": 1, "no-rows": 1,
        "offset-before-onset": 1, "versions-differ": 7,
    }  # fmt: skip
    # v1 has the first of the eight rows alone.
    (root / "annotation" / "part_A_v1.xls").unlink()
    assert "versions-differ" not in CasmeCubed().inspect(root).traps
    assert {k: v for k, v in seen.found.items() if k.startswith(("rows", "subjects with"))} == {
        "rows of micro": 4, "rows of macro": 2, "rows of blink": 2, "subjects with blink": 2,
    }  # fmt: skip
    assert "4 rows of micro in place of 860" in seen.problems
    assert not [p for p in seen.problems if "pixels" in p]
    assert [(d.row, d.code, d.cells) for d in seen.dropped] == [
        (4, "offset-before-onset", "macro 300 310 250"), (5, "micro-too-long", "micro 10 3465"),
    ]  # fmt: skip


def test_the_sheet_alone_counts_from_image_1(root):
    notes = CasmeCubed().read_sheet(root / "annotation" / "part_A_v2.xls")
    assert told(notes.events["spNO.1_a"])[0] == (184, 189, 198, "micro", None)
    assert told(notes.events["spNO.1_b"]) == TRUTH["spNO.1_b"]


def test_label_sets_by_name(root):
    # 15 frames at 30 frames/s are half a second: 185-199 is, 205-220 and 30-45 are not.
    found = {r.id: told(r.expressions) for r in CasmeCubed(labels="short").load(root)}
    assert found["spNO.1_a"] == [
        (10, 15, 24, "micro", None), (30, 35, 45, "other", "filename-case micro-over-half-second")
    ]  # fmt: skip
    assert found["spNO.1_b"][2] == (29, None, 44, "other", "micro-over-half-second apex-zero")
    assert CasmeCubed(labels="short").expected()["micro"] == 277
    assert CasmeCubed().expected()["micro"] == 858
    with pytest.raises(UsageError, match="labels 'some' is none of all, short"):
        registry.build("datasets", {"name": "casme_cubed", "labels": "some"})


def test_the_longest_micro_can_be_set(root):
    found = {r.id: r for r in CasmeCubed(longest_micro_s=0.5).load(root)}
    assert [e[2] for e in told(found["spNO.1_a"].expressions)] == [24]
    # 15 and 16 frames.
    found = {r.id: r for r in CasmeCubed(longest_micro_s=16 / 30).load(root)}
    assert [e[2] for e in told(found["spNO.1_a"].expressions)] == [24, 45]
    found = {r.id: r for r in CasmeCubed(longest_micro_s=120.0).load(root)}
    assert (9, 14, 149, "micro", "filename-case past-end") in told(found["spNO.1_b"].expressions)


def test_a_sheet_without_types_holds_micro_expressions(tmp_path):
    rows = [[h for h in HEAD if h != "Expression type"], *[[*r[:6], r[7]] for r in ROWS[:2]]]
    for name in ("cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx", "JpgIndex_v2.xlsx"):
        root = tmp_path / name[:3]
        path = xlsx(root / name, label=rows)
        notes = CasmeCubed().read_sheet(path)
        assert told(notes.events["spNO.1_a"]) == [
            (184, 189, 198, "micro", None), (204, 209, 219, "micro", "filename-case")
        ]  # fmt: skip
        images(root / "spNO.1" / "a" / "color", "%d.jpg", range(180, 230))
        assert told(CasmeCubed().load(root)[0].expressions)[0][0] == 5


def test_a_twin_tells_the_numbers_of_both_label_sets(root):
    counts = {"recordings": 4, "subjects": 2, "micro": 3, "macro": 1, "blink": 2}
    tree = {
        "twin_of": "casme-cubed", "counts": counts,
        "counts_by_labels": {"short": {**counts, "micro": 1}},
        "n_frames": dict.fromkeys(TRUTH, 150) | {"spNO.2_c": 152},
    }  # fmt: skip
    (root / "twin.json").write_text(json.dumps(tree))
    short = f"{root / 'part_A' / 'spNO.2' / 'c' / 'color'}: 150 frames, where 152 are listed"
    for labels in ("all", "short"):
        (problem,) = CasmeCubed(labels=labels).verify(root)
        assert problem.startswith(short)
    with pytest.raises(UnreadableInput, match=r"is a twin of casme-cubed, not of samm-lv"):
        SammLv().load(root)


def test_unknown_rows_and_other_workbooks(tmp_path):
    rows = [HEAD, ["spNO.1", "a", 1, 2, 3, "4", "Smile", "I"], ["see notes"]]
    notes = CasmeCubed().read_sheet(xls(tmp_path / "a.xls", **{"AU+Emotion": rows}))
    assert notes.problems == ("sheet 'AU+Emotion', row 2: not understood: spNO.1 a 1 2 3 4 Smile",)
    assert [d.code for d in notes.dropped] == ["text-row", "text-row"]
    path = xlsx(tmp_path / "b.xlsx", Budget=[["Item", "Cost"], ["tea", 3]])
    with pytest.raises(UnreadableInput, match=r"is not a label sheet of CAS\(ME\)\^3"):
        CasmeCubed().read_sheet(path)
    with pytest.raises(UnreadableInput, match="is not a coding workbook of CASME II"):
        CasmeIi().read_sheet(path)


CLIPS = [
    ["Subject", "Filename", None, "OnsetFrame", "ApexFrame", "OffsetFrame", None, "Action Units",
     "Estimated Emotion"],
    ["01", "EP02_01f", None, 46, 59, 86, None, "12", "happiness"],
    [2, "EP01_11f", None, 46, "/", 110, None, "4+L10", "disgust"],
    ["02", "EP01_11f", None, 130, 140, 150, None, "4", "disgust"],
    [None, None, None, None, None, None, None, None, "total 3"],
    ["02", "EP01_12f", None, 5, 6, 400, None, "4", "disgust"],
]  # fmt: skip


def test_clips_of_casme_ii(tmp_path):
    xlsx(tmp_path / "CASME2-coding-20140508.xlsx", Sheet1=CLIPS)
    for form, start in (("CASME2-RAW", 1), ("Cropped", 30)):
        for clip in ("sub01/EP02_01f", "sub02/EP01_11f", "sub02/EP01_12f", "sub03/EP01_01f"):
            images(tmp_path / form / clip, "img%d.jpg", range(start, 201))
    raw = {r.id: told(r.expressions) for r in CasmeIi().load(tmp_path)}
    assert raw == {
        "sub01_EP02_01f": [(45, 58, 85, "micro", None)],
        "sub02_EP01_11f": [(45, None, 109, "micro", "apex-slash"), (129, 139, 149, "micro", None)],
        "sub02_EP01_12f": [(4, 5, 199, "micro", "past-end")],
    }
    cropped = {r.id: told(r.expressions) for r in CasmeIi(frames="Cropped").load(tmp_path)}
    # The crops begin at image 30.
    assert cropped["sub01_EP02_01f"] == [(16, 29, 56, "micro", None)]
    assert cropped["sub02_EP01_12f"] == [(0, None, 170, "micro", "before-start past-end")]
    seen = CasmeIi().inspect(tmp_path)
    assert seen.layout == "CASME2-RAW"
    assert seen.problems[0] == (
        f"{tmp_path / 'CASME2-RAW' / 'sub03' / 'EP01_01f'}: is in no sheet, and was left out"
    )
    notes = CasmeIi().read_sheet(tmp_path / "CASME2-coding-20140508.xlsx")
    assert notes.traps == {"apex-slash": 1, "text-row": 1}
    assert notes.events["sub02_EP01_11f"][0].attributes == {
        "action_units": "4+L10", "status": "apex-slash",
    }  # fmt: skip
