"""Rows that a reader could lose without a word: each is read, or reported with its reason."""

from __future__ import annotations

import csv
import json
from fractions import Fraction

import pytest

from mespot.cli import run
from mespot.datasets import workbooks
from mespot.datasets.casme_cubed import CasmeCubed
from mespot.datasets.casme_ii import CasmeIi
from mespot.datasets.casme_sq import CasmeSq
from mespot.datasets.folder import Folder
from mespot.datasets.named import named
from mespot.datasets.samm_lv import SammLv
from mespot.datasets.smic_hs_e import SmicHsE
from mespot.datasets.smic_vis_e import SmicVisE
from mespot.errors import UnreadableInput, UsageError
from mespot.exports.csv import read_events
from sheetmaker import images, told, xls, xlsx
from videomaker import write_numbered

# All rows are made up.
SMIC = ["Subject", "Filename", None, "OnsetF", "OffsetF", "{}", "{}", None, "FirstF", "TotalMF1",
        "TotalMF2", "TotalVL", "Emotion"]  # fmt: skip
TWO = [1, "s1_ne_01", None, 1010, 1019, 1100, 1108, None, 1001, 10, 9, 150, "n"]


def smic(*headings):
    """The header with these two in place of those of the second expression."""
    rest = iter(headings)
    return [next(rest) if cell == "{}" else cell for cell in SMIC]


# Headings of second expressions in SMIC-E.


@pytest.mark.parametrize(
    ("onset", "offset"),
    [
        ("Onset2F", "Offset2F"), ("OnsetF2", "OffsetF2"), ("2OnsetF", "2OffsetF"),
        ("2 onset f", "2 OFFSET F"), (" onset_f_2 ", "Offset-F-2"), ("2nd Onset", "2nd Offset"),
        ("Second OnsetF", "second offset frame"), ("ME2 Onset", "ME2 Offset"),
        ("Onset2", "Offset2"),
    ],
)  # fmt: skip
def test_every_form_of_the_headings_of_a_second_expression(tmp_path, onset, offset):
    path = xlsx(tmp_path / "a.xlsx", VIS=[smic(onset, offset), TWO])
    notes = SmicVisE().read_sheet(path)
    assert told(notes.events["s1_ne_01"]) == [
        (9, None, 18, "micro", None), (99, None, 107, "micro", None)
    ]  # fmt: skip
    assert notes.variant.endswith("columns for two micro-expressions")


@pytest.mark.parametrize("form", ["Onset{}F", "OnsetF{}", "{}OnsetF", "{}ONSET"])
def test_third_and_fourth_expressions_with_their_traps(tmp_path, form):
    head = ["Subject", "Filename", "FirstF", "TotalVL"]
    for number in (1, 2, 3, 4):
        onset = form.format("" if number == 1 else number)
        head += [onset, onset.replace("nset", "ffset").replace("NSET", "FFSET")]
    rows = [
        # All four are good; the second stands before the first.
        [1, "s1_ne_01", 1001, 150, 1050, 1059, 1010, 1019, 1100, 1109, 1130, 1139],
        # A third of negative length, a fourth past the end.
        [1, "s1_ne_02", 1001, 150, 1050, 1059, None, None, 1100, 1060, 1140, 1190],
        # A third before the first image.
        [1, "s1_ne_03", 1001, 150, 1050, 1059, None, None, 900, 910, None, None],
    ]
    notes = SmicVisE().read_sheet(xlsx(tmp_path / "a.xlsx", VIS=[head, *rows]))
    assert {n: told(e) for n, e in notes.events.items()} == {
        "s1_ne_01": [(9, None, 18, "micro", "second-me-first"), (49, None, 58, "micro", None),
                     (99, None, 108, "micro", None), (129, None, 138, "micro", None)],
        "s1_ne_02": [(49, None, 58, "micro", None)],
        "s1_ne_03": [(49, None, 58, "micro", None)],
    }  # fmt: skip
    assert [(d.row, d.code) for d in notes.dropped] == [
        (3, "third-me-garbage"), (3, "third-me-garbage"), (4, "third-me-garbage")
    ]  # fmt: skip
    assert notes.traps == {"second-me-first": 1, "third-me-garbage": 3}


@pytest.mark.parametrize(
    ("onset", "offset", "named_one"),
    [
        ("Onest2F", "Offset2F", "Onest2F"), ("Onset2F", "Ofset2F", "Ofset2F"),
        ("Onset of 2", "Offset2F", "Onset of 2"), ("On2F", "Off2F", "On2F"),
        ("OnsetF", "OffsetF", "OnsetF"), ("2Onset3F", "Offset2F", "2Onset3F"),
        ("Onset2F", "Note", "Onset2F"), ("Note", "Offset2F", "Offset2F"),
        ("Onset x", "Offset x", "Onset x"),
    ],
)  # fmt: skip
def test_a_heading_that_looks_like_one_is_refused(tmp_path, onset, offset, named_one):
    path = xlsx(tmp_path / "a.xlsx", VIS=[smic(onset, offset), TWO])
    with pytest.raises(UnreadableInput) as caught:
        SmicVisE().read_sheet(path)
    line = str(caught.value)
    assert line.startswith(f"{path}: sheet 'VIS', heading {named_one!r}: ")
    assert "\n" not in line


def test_headings_of_other_things_do_not_look_like_one():
    for heading in [*SMIC, "LastF", "TotalMF3", "Notes", "Codes", "Sex", "Self-report", "Age",
                    "Inducement Code", "Duration", "Action Units", "Objective class", "Confident",
                    "Estimated Emotion", 12, None]:  # fmt: skip
        like = heading in ("OnsetF", "OffsetF")
        assert workbooks.like_frame_heading(heading) == like, heading


@pytest.mark.parametrize("missing", ["FirstF", "", "all"])
def test_onsets_in_a_second_sheet_of_the_camera(tmp_path, missing):
    """Its recordings must not pass for ones without expressions."""
    head = smic("Onset2F", "Offset2F")
    if missing == "FirstF":
        head = ["Start" if cell == "FirstF" else cell for cell in head]
    elif missing == "all":
        head = ["x Onset" if cell == "OnsetF" else cell for cell in head]
    other = [[1, "s1_ne_77", *TWO[2:]]]
    path = xlsx(tmp_path / "a.xlsx", VIS=[smic("Onset2F", "Offset2F"), TWO], more=[head, *other])
    notes = SmicVisE().read_sheet(path)
    assert notes.problems == (
        "sheet 'more': holds onsets beside the sheet that is read: they are not read",
    )
    assert list(notes.recordings) == ["s1_ne_01"]


def test_a_second_sheet_with_empty_columns_of_onsets_lists_recordings_without_any(tmp_path):
    head = smic("Onset2F", "Offset2F")
    rest = [[1, "s1_non_01", *[None] * 6, 601, None, None, 40, ""]]
    path = xlsx(tmp_path / "a.xlsx", VIS=[head, TWO], more=[head, *rest])
    notes = SmicVisE().read_sheet(path)
    assert notes.problems == ()
    assert (notes.recordings["s1_non_01"].first, notes.recordings["s1_non_01"].n_frames) == (
        601,
        40,
    )


# Headings and sheets of the other data sets.

SAMM = ["Subject", "Filename", "Onset", "Apex", "Offset", "Type"]
CUBED = ["Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Expression type"]
CLIPS = ["Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Action Units"]


@pytest.mark.parametrize(
    ("dataset", "head", "row"),
    [
        (SammLv(), SAMM, [6, "006_1_1", 11, 20, 40, "Macro"]),
        (CasmeCubed(), CUBED, ["spNO.1", "a", 11, 20, 40, "4", "Macro-expression"]),
        (CasmeIi(), CLIPS, ["01", "EP02_01f", 11, 20, 40, "4"]),
    ],
    ids=["samm", "casme-cubed", "casme-ii"],
)
@pytest.mark.parametrize("heading", ["Onset 2", "Aplex", "2nd offset"])
def test_an_unread_heading_of_frames_is_a_problem(tmp_path, dataset, head, row, heading):
    heading = "Second apex" if heading == "Aplex" else heading
    path = xlsx(tmp_path / "a.xlsx", AU=[[*head, heading], [*row, 60]])
    notes = dataset.read_sheet(path)
    (problem,) = notes.problems
    assert f"sheet 'AU', heading {heading!r}: looks like" in problem
    assert sum(map(len, notes.events.values())) == 1


def test_a_sheet_of_expressions_beside_the_one_that_is_read_is_a_problem(tmp_path):
    path = xlsx(tmp_path / "a.xlsx", one=[CLIPS, ["01", "EP02_01f", 11, 20, 40, "4"]],
                two=[CLIPS, ["02", "EP02_01f", 11, 20, 40, "4"]])  # fmt: skip
    (problem,) = CasmeIi().read_sheet(path).problems
    assert problem.endswith("sheet 'two' holds such a table too and is not read; read is 'one'")
    codes = [[1, "anger1_1", 11, 15, 20, "4", "n", "micro-expression", "a"]]
    path = xlsx(tmp_path / "b.xlsx", c=codes, d=codes, r=[["s15", 1]], f=[["0401", "anger1"]])
    (problem,) = CasmeSq().read_sheet(path).problems
    assert "sheet 'd' holds expressions too and is not read" in problem
    path = xlsx(tmp_path / "c.xlsx", **{"AU+Emotion": [["Subject", "Filename", "Start"]],
                "eye__blink": [CUBED[:5], ["spNO.1", "a", 1, 2, 3]]})  # fmt: skip
    (problem,) = CasmeCubed().read_sheet(path).problems
    assert "sheet 'AU+Emotion' has no columns Subject, Filename, Onset and Offset" in problem


@pytest.mark.parametrize("kind", ["mirco-expression", "", "other"])
def test_a_numbered_row_of_another_kind_is_no_remark(tmp_path, kind):
    codes = [[1, "anger1_1", 11, 15, 20, "4", "n", "micro-expression", "a"],
             [1, "anger1_2", 31, 35, 40, "4", "n", kind, "a"],
             ["subject", "name", "onset", "apex", "offset", "AU", "class", "type"]]  # fmt: skip
    path = xlsx(tmp_path / "a.xlsx", c=codes, r=[["s15", 1]], f=[["0401", "anger1"]])
    notes = CasmeSq().read_sheet(path)
    assert len(notes.problems) == 1
    assert notes.problems[0].startswith("sheet 'c', row 2: not understood: 1 anger1_2 31 35 40")
    assert [(d.row, d.code) for d in notes.dropped] == [(2, "text-row"), (3, "text-row")]


# Onset 0.


@pytest.mark.parametrize("onset", [0, "0", 0.0])
def test_onset_zero_in_each_data_set_that_counts_images_from_1(tmp_path, onset):
    macro = "Macro-expression"
    for dataset, sheets in [
        (SammLv(), {"s": [SAMM, [6, "006_1_1", onset, 4000, 4124, "Macro"]]}),
        (CasmeCubed(), {"AU": [CUBED, ["spNO.1", "a", onset, 4000, 4124, "4", macro]]}),
        (CasmeIi(), {"s": [CLIPS, ["01", "EP02_01f", onset, 4000, 4124, "4"]]}),
        (CasmeSq(), {"c": [[1, "anger1_1", onset, 4000, 4124, "4", "n", macro, "a"]],
                     "r": [["s15", 1]], "f": [["0401", "anger1"]]}),
    ]:  # fmt: skip
        notes = dataset.read_sheet(xlsx(tmp_path / f"{dataset.NAME}.xlsx", **sheets))
        ((expression,),) = notes.events.values()
        assert told([expression])[0][:3] == (0, 3999, 4123)
        assert expression.attributes["status"] == "onset-zero"
        assert notes.traps == {"onset-zero": 1}


def test_the_length_of_a_micro_expression_from_the_first_image_on(tmp_path):
    """Images begin at 175: up to 189 are 15 frames, half a second, and not 190."""
    rows = [["spNO.1", "a", 0, 180, 189, "4", "Micro-expression"],
            ["spNO.1", "a", 0, 180, 190, "4", "Micro-expression"],
            ["spNO.1", "a", 0, 180, 300, "4", "Micro-expression"]]  # fmt: skip
    xls(tmp_path / "part_A_v2.xls", AU=[CUBED, *rows])
    images(tmp_path / "spNO.1" / "a" / "color", "%d.jpg", range(175, 320))
    (found,) = CasmeCubed(labels="short").load(tmp_path)
    assert told(found.expressions) == [
        (0, 5, 14, "micro", "onset-zero"),
        (0, 5, 15, "other", "micro-over-half-second onset-zero"),
    ]
    dropped = CasmeCubed().inspect(tmp_path).dropped
    assert [(d.row, d.code, d.cells) for d in dropped] == [(4, "micro-too-long", "micro 0 300")]


# Events past the end of a recording.

HS = ["Subject", "Filename", None, "OnsetF", "OffsetF", None, "FirstF", "LastF", "TotalMF1",
      "TotalVL"]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "expressions", "code"),
    [
        # Thousands of frames past the end, and nothing tells the first image.
        ([1, "s1_ne_03", None, 58536, 58560, None, 50000, None, 25, 700], None,
         "outside-recording"),
        ([1, "s1_ne_03", None, 58536, 58560, None, 50000, 50699, 25, 700], None,
         "outside-recording"),
        # The last image and the length tell it.
        ([1, "s1_ne_03", None, 58536, 58560, None, 50000, 58799, 25, 700],
         [(436, None, 460, "micro", "first-wrong")], "first-wrong"),
        # A few frames past the end; the whole row one frame late.
        ([1, "s1_ne_03", None, 50690, 50710, None, 50000, 50699, 21, 700],
         [(690, None, 699, "micro", "past-end")], "past-end"),
        ([1, "s1_ne_03", None, 50700, 50710, None, 50000, 50699, 11, 700], None,
         "outside-recording"),
    ],
)  # fmt: skip
def test_annotations_write_nothing_past_the_end(tmp_path, row, expressions, code):
    path = xlsx(tmp_path / "a.xlsx", HS=[HS, row])
    notes = SmicHsE().read_sheet(path)
    assert told(notes.events.get("s1_ne_03", ())) == (expressions or [])
    assert notes.traps == {code: 1}
    assert run(["datasets", "annotations", "smic-hs-e", str(path), "-o", str(tmp_path / "o")]) == 0
    out = tmp_path / "o" / "events.csv"
    listed = str(tmp_path / "o" / "recordings.csv")
    assert run(["score", str(out), str(out), "--recordings", listed]) == 0
    assert len(read_events(out).get("s1_ne_03", ())) == len(expressions or [])
    if expressions is None:
        assert [(d.recording, d.code) for d in notes.dropped] == [("s1_ne_03", code)]


def test_with_images_the_first_of_them_counts(tmp_path):
    row = [1, "s1_ne_03", None, 58536, 58560, None, 50000, 58799, 25, 700]
    xlsx(tmp_path / "SMIC-HS-E.xlsx", HS=[HS, row])
    images(tmp_path / "HS" / "s01" / "s1_ne_03", "image%06d.jpg", range(58100, 58800))
    (found,) = SmicHsE().load(tmp_path)
    assert told(found.expressions) == [(436, None, 460, "micro", "first-wrong")]


def test_a_folder_without_listed_lengths_is_compared_with_its_videos(tmp_path):
    (tmp_path / "recordings.csv").write_text(
        "recording,subject,path,fps,n_frames\na,s1,a.mp4,25,\nb,s2,b,25,\nc,s3,c.mp4,25,\n"
        "d,s4,gone.mp4,25,\n"
    )
    (tmp_path / "events.csv").write_text(
        "recording,onset,apex,offset,kind\na,10,,19,micro\na,15,,20,micro\na,40,,50,macro\n"
        "b,0,,2,micro\nb,1,,3,micro\nc,0,,19,micro\nd,0,,99,micro\n"
    )
    for name in ("a", "c"):
        write_numbered(tmp_path / f"{name}.mp4", 20, Fraction(25))
    images(tmp_path / "b", "img%03d.jpg", range(1, 4))
    assert Folder().verify(tmp_path) == [
        f"{tmp_path / 'a.mp4'}: 20 frames, but an expression of recording 'a' is listed from frame "
        "15 to 20 (and 1 more expressions)",
        f"{tmp_path / 'b'}: 3 frames, but an expression of recording 'b' is listed from frame 1 to "
        "3",
        f"{tmp_path / 'gone.mp4'}: no such video (recording 'd')",
    ]


def test_an_elan_file_of_no_listed_recording_is_reported(tmp_path):
    (tmp_path / "recordings.csv").write_text("recording,subject,path,fps,n_frames\na,s1,a,25,3\n")
    images(tmp_path / "a", "img%03d.jpg", range(1, 4))
    document = "<ANNOTATION_DOCUMENT><TIME_ORDER/></ANNOTATION_DOCUMENT>"
    for name in ("a", "A_clip"):
        (tmp_path / f"{name}.eaf").write_text(document)
    assert Folder().verify(tmp_path) == [
        f"{tmp_path / 'A_clip.eaf'}: no recording 'A_clip' in recordings.csv: its expressions are "
        "not read"
    ]
    assert len(Folder().load(tmp_path)) == 1


# Versions, names, wrong sheets, many missing folders.


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CAS(ME)3_part_A_v2.xls", "CAS(ME)3_part_A_v1.xls"),
        ("part_A_v2.xls", "CAS(ME)3_part_A_v1.xls"),
        ("CAS(ME)^3 part A v2.xls", "cas(me)3_part_a_V10.xls"),
    ],
)
def test_versions_that_differ_under_the_names_in_circulation(tmp_path, one, other):
    rows = [["spNO.1", "a", i, i + 3, i + 9, "4", "Micro-expression"] for i in (10, 30, 50)]
    moved = [*rows[:2], ["spNO.1", "a", 51, 53, 59, "4", "Micro-expression"]]
    path = xls(tmp_path / one, AU=[CUBED, *rows])
    xls(tmp_path / other, AU=[CUBED, *moved])
    (tmp_path / f"~${one}").write_bytes(b"lock")
    assert CasmeCubed().read_sheet(path).traps == {"versions-differ": 1}
    (tmp_path / other).write_bytes(b"damaged")
    notes = CasmeCubed().read_sheet(path)
    assert len(notes.events["spNO.1_a"]) == 3
    assert notes.problems[0].startswith("versions of the sheet cannot be compared: ")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("casme2", "'casme-ii' or 'casme-sq'"), ("CASME-2", "'casme-ii' or 'casme-sq'"),
        ("CAS(ME)2", "'casme-sq'"), ("casme^2", "'casme-sq'"), ("CAS(ME)²", "'casme-sq'"),
        ("CASMEII", "'casme-ii'"), ("casme3", "'casme-cubed'"), ("CAS(ME)^3", "'casme-cubed'"),
        ("CAS(ME)³", "'casme-cubed'"), ("smic", "'smic-vis-e' or 'smic-hs-e'"),
        ("samm", "'samm-lv'"), ("casme-sqr", "'casme-sq'"),
    ],
)  # fmt: skip
def test_names_of_the_papers_suggest_what_is_meant(name, meant):
    with pytest.raises(UsageError) as caught:
        named(name)
    assert str(caught.value) == f"there is no data set {name!r}; did you mean {meant}?"


@pytest.mark.parametrize(
    ("dataset", "sheets", "hint"),
    [
        (CasmeCubed(),
         {"FACS_Movement_Only": [SAMM, *[[6, f"006_1_{i}", i, i + 1, i + 9, "Macro"]
                                         for i in range(1, 503)]]}, "; read it as samm-lv"),
        (CasmeIi(),
         {"AU": [CUBED, *[["spNO.1", "a", i, i + 1, i + 9, "4", "Macro-expression"]
                          for i in range(1, 503)]]}, "; read it as casme-cubed"),
        (CasmeSq(),
         {"c": [[1, "anger1_1", i, i + 1, i + 9, "4", "n", "macro-expression", "a"]
                for i in range(1, 503)]}, ""),
        (SmicVisE(),
         {"VIS": [smic("Onset2F", "Offset2F"), *[[1, "clip", *TWO[2:]]] * 502]}, ""),
    ],
    ids=["samm as casme-cubed", "casme-cubed as casme-ii", "no naming sheets", "no names"],
)  # fmt: skip
def test_a_wrong_sheet_is_one_line(tmp_path, dataset, sheets, hint):
    path = xlsx(tmp_path / "a.xlsx", **sheets)
    with pytest.raises(UnreadableInput) as caught:
        dataset.read_sheet(path)
    line = str(caught.value)
    assert line.startswith(f"{path}: is not a sheet of {dataset.NAME}: 502 of its 502 rows ")
    assert line.endswith(hint)
    assert "\n" not in line


def test_a_thousand_missing_folders_are_one_line(tmp_path):
    rows = [[6, f"006_{i}_1", 11, 20, 40, "Macro"] for i in range(1, 1002)]
    xlsx(tmp_path / "SAMM_LongVideos_V3.xlsx", s=[SAMM, *rows])
    images(tmp_path / "006_1", "006_1_%04d.jpg", range(1, 101))
    missing = [p for p in SammLv().verify(tmp_path) if "no folder" in p]
    assert missing == [
        f"{tmp_path}: no folder of images of 1000 of the 1001 recordings in the sheet: '006_2', "
        "'006_3', '006_4' and 997 more"
    ]
    with pytest.raises(UnreadableInput, match="1000 of the 1001"):
        SammLv().load(tmp_path)
    for i in range(2, 999):
        (tmp_path / f"006_{i}").mkdir()
        (tmp_path / f"006_{i}" / "1.jpg").touch()
    missing = [p for p in SammLv().verify(tmp_path) if "no folder" in p]
    assert [p.split("recording ")[1][:9] for p in missing] == [
        "'006_999'",
        "'006_1000",
        "'006_1001",
    ]


def test_folders_in_no_sheet_are_one_line(tmp_path):
    xlsx(tmp_path / "SMIC-VIS-E.xlsx", VIS=[smic("Onset2F", "Offset2F"), TWO])
    for i in range(1, 6):
        images(tmp_path / "VIS" / "s01" / f"s1_ne_{i:02}", "image%d.jpg", range(1001, 1151))
    assert (
        f"{tmp_path}: 4 recordings with images are in no sheet, and were left out: 's1_ne_02', "
        "'s1_ne_03', 's1_ne_04' and 1 more"
    ) in SmicVisE().verify(tmp_path)


# Recordings without labels.


def test_a_recording_without_a_label_in_another_form_of_images_is_reported(tmp_path):
    codes = [[1, "anger1_1", 11, 15, 20, "4", "n", "micro-expression", "a"]]
    xlsx(tmp_path / "code_final.xlsx", c=codes, r=[["s15", 1]], f=[["0401", "anger1"]])
    images(tmp_path / "rawpic" / "s15" / "15_0401a", "img%03d.jpg", range(1, 31))
    images(tmp_path / "longVideoFaceCropped" / "s15" / "15_0502b", "img_%d.jpg", range(1, 31))
    assert (
        f"{tmp_path}: recording 's15_0502' has no images under 'rawpic': left out"
        in CasmeSq().verify(tmp_path)
    )


def test_recordings_whose_rows_cannot_be_read_are_listed(tmp_path, capsys):
    rows = [[6, "006_1_1", 11, 20, 40, "Macro"], [6, "006_2_1", 11, 20, 40, "Blend"],
            [7, "007_1_1", "?", 20, 40, "Macro"]]  # fmt: skip
    path, out = xlsx(tmp_path / "a.xlsx", s=[SAMM, *rows]), tmp_path / "o"
    assert run(["datasets", "annotations", "samm-lv", str(path), "-o", str(out)]) == 1
    with (out / "recordings.csv").open(newline="") as stream:
        assert [row["recording"] for row in csv.DictReader(stream)] == ["006_1", "006_2", "007_1"]
    assert "144 recordings of the whole data set are in no row" in capsys.readouterr().out
    assert json.loads((out / "report.json").read_text())["not_listed"] == 144
    cubed = [["spNO.1", "B", 1, 2, 3, "4", "Smile"], ["spNO.1", "a", 1, 2, 3, "4", "Micro"]]
    notes = CasmeCubed().read_sheet(xls(tmp_path / "b.xls", AU=[CUBED, *cubed]))
    assert list(notes.recordings) == ["spNO.1_b", "spNO.1_a"]
