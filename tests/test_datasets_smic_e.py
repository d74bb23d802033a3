"""SMIC-E: absolute frame numbers, three-ME columns, and every trap of the workbook."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from pathlib import Path

import pytest

from mespot.datasets.smic_hs_e import SmicHsE
from mespot.datasets.smic_vis_e import SmicVisE
from mespot.errors import UnreadableInput
from sheetmaker import grey, images, told, xlsx

HS_HEAD = ["Subject", "Filename", None, "OnsetF", "OffsetF", "Onset2F", "Offset2F", "Onset3F",
           "Offset3F", None, "FirstF", "LastF", "TotalMF1", "TotalMF2", "TotalVL",
           "Emotion"]  # fmt: skip
HS = [
    HS_HEAD,
    # One micro-expression; its first image is 426680: frames 20 to 52.
    [1, "s1_ne_01", None, 426700, 426732, None, None, None, None, None, 426680, 426799, 33, None,
     120, "negative"],
    # The second column holds the earlier one.
    [1, "s1_po_02", None, 5100, 5120, 5050, 5060, None, None, None, 5001, 5200, 21, 11, 200, "p"],
    # No first image.
    [2, "s2_ne_01", None, 700, 720, None, None, None, None, None, "MISSING <-690", 809, 21, None,
     120, "negative"],
    # A third that ends before it begins, one past the last image, and a good one.
    [2, "s2_ne_02", None, 1010, 1020, None, None, 1050, 1040, None, 1001, 1120, 11, None, 120, "n"],
    [2, "s2_ne_03", None, 2010, 2020, 2030, 2040, 2100, 2121, None, 2001, 2120, 11, 11, 120, "n"],
    [2, "s2_ne_04", None, 3010, 3020, 3030, 3040, 3100, 3120, None, 3001, 3120, 11, 11, 120, "n"],
    # The same row again, and a second one of the same recording that adds one expression.
    [2, "s2_ne_04", None, 3010, 3020, 3030, 3040, 3100, 3120, None, 3001, 3120, 11, 11, 120, "n"],
    [1, "S1_ne_01", None, 426700, 426732, 426750, 426760, None, None, None, 426680, 426799, 33, 11,
     120, "negative"],
    [],
    ["Remark: all by two coders"],
]  # fmt: skip


@pytest.fixture
def hs(tmp_path):
    root = tmp_path / "data"
    base = root / "SMIC-HS-E" / "HS"
    xlsx(root / "SMIC-HS-E_annotation.xlsx", HS=HS)
    for name, first, n in (
        ("s01/s1_ne_01", 426680, 120), ("s01/s1_po_02", 5001, 200), ("s02/s2_ne_01", 690, 120),
        ("s02/s2_ne_02", 1001, 120), ("s02/s2_ne_03", 2001, 120), ("s02/s2_ne_04", 3001, 120),
    ):  # fmt: skip
        images(base / name, "image%06d.jpg", range(first, first + n))
    # The other camera saw the same recordings.
    images(root / "SMIC-VIS-E" / "VIS" / "s01" / "s1_ne_01", "image%06d.jpg", range(5, 35))
    return root


TRUTH = {
    "s1_ne_01": [(20, None, 52, "micro", None), (70, None, 80, "micro", None)],
    "s1_po_02": [(49, None, 59, "micro", "second-me-first"), (99, None, 119, "micro", None)],
    "s2_ne_01": [(10, None, 30, "micro", "first-missing")],
    "s2_ne_02": [(9, None, 19, "micro", None)],
    "s2_ne_03": [(9, None, 19, "micro", None), (29, None, 39, "micro", None)],
    "s2_ne_04": [(9, None, 19, "micro", None), (29, None, 39, "micro", None),
                 (99, None, 119, "micro", None)],
}  # fmt: skip


def test_every_recording_in_frames_from_its_first_image(hs):
    found = SmicHsE().load(hs)
    assert {r.id: told(r.expressions) for r in found} == TRUTH
    assert [(r.subject, r.n_frames) for r in found] == [
        ("s01", 120), ("s01", 200), ("s02", 120), ("s02", 120), ("s02", 120), ("s02", 120)
    ]  # fmt: skip
    assert {(r.fps, r.dataset) for r in found} == {(Fraction(100), "smic-hs-e")}
    assert found[0].source == str(hs / "SMIC-HS-E" / "HS" / "s01" / "s1_ne_01")


def test_the_sheet_alone_finds_the_same_by_the_last_image_and_the_length(hs):
    sheet = hs / "SMIC-HS-E_annotation.xlsx"
    notes = SmicHsE().read_sheet(sheet)
    assert {n: told(e) for n, e in notes.events.items()} == TRUTH
    assert [(d.row, d.code, d.cells) for d in notes.dropped] == [
        (5, "third-me-garbage", "1050 1040"),
        (6, "third-me-garbage", "2100 2121"),
        (8, "duplicate-row", ""),
        (9, "duplicate-row", "micro 426700 - 426732"),
        (11, "text-row", "Remark: all by two coders"),
    ]
    assert notes.traps == {
        "duplicate-row": 2, "first-missing": 1, "repeated-recording": 1, "second-me-first": 1,
        "text-row": 1, "third-me-garbage": 2,
    }  # fmt: skip
    assert notes.problems == ()
    assert (
        notes.variant == "sheet 'HS': 8 rows of 6 recordings, columns for three micro-expressions"
    )
    assert notes.sha256 == hashlib.sha256(sheet.read_bytes()).hexdigest()
    known = notes.recordings
    assert (known["s1_ne_01"].first, known["s1_ne_01"].n_frames) == (426680, 120)
    assert (known["s2_ne_01"].first, known["s2_ne_01"].n_frames) == (690, 120)


def test_a_first_image_that_is_lost(tmp_path):
    """By LastF and TotalVL, else by the number in the text; without either the row is dropped."""
    rows = [VIS_HEAD] + [
        [2, f"s2_ne_0{i}", None, 700, 720, None, None, None, first, 21, None, 120, "n"]
        for i, first in enumerate(("MISSING <-690", "MISSING"))
    ]
    notes = SmicVisE().read_sheet(xlsx(tmp_path / "a.xlsx", VIS=rows))
    assert {n: told(e) for n, e in notes.events.items()} == {
        "s2_ne_00": [(10, None, 30, "micro", "first-missing")]
    }
    assert [(d.row, d.code) for d in notes.dropped] == [(3, "first-missing")]
    # The text says another number than the two columns: these count.
    rows = [HS_HEAD, [2, "s2_ne_01", None, 700, 720, None, None, None, None, None, "MISSING <-5",
                      809, 21, None, 120, "n"]]  # fmt: skip
    notes = SmicHsE().read_sheet(xlsx(tmp_path / "b.xlsx", HS=rows))
    assert told(notes.events["s2_ne_01"]) == [(10, None, 30, "micro", "first-missing")]


def test_the_sheet_of_another_camera_is_refused(tmp_path):
    """Its rate is another, so that every time would be wrong by a factor of four."""
    path = xlsx(tmp_path / "SMIC_annotation.xlsx", VIS=VIS)
    message = "holds the camera VIS, not HS; read it as smic-vis-e"
    with pytest.raises(UnreadableInput, match=message):
        SmicHsE().read_sheet(path)
    path = xlsx(tmp_path / "SMIC-VIS-E_annotation.xlsx", Sheet1=VIS)
    with pytest.raises(UnreadableInput, match=message):
        SmicHsE().read_sheet(path)
    assert len(SmicVisE().read_sheet(path).recordings) == 1


def test_a_recording_that_lost_images_at_either_end_is_told(vis):
    lost = vis / "VIS" / "s01" / "s1_ne_01"
    for number in (559700, 559729):
        (lost / f"image{number}.jpg").unlink()
    assert (
        f"{lost}: 28 frames, where 30 are listed: images at its beginning or end are missing"
        in (SmicVisE().verify(vis))
    )


def test_images_that_cannot_be_are_told(vis):
    folder, other = vis / "VIS" / "s01" / "s1_ne_01", vis / "VIS" / "s01" / "s1_non_01"
    (folder / "image559705.jpg").write_bytes(b"")
    (other / "image640.jpg").write_bytes(grey((320, 240)))
    problems = SmicVisE().verify(vis)
    assert f"{folder}: 1 empty images, image559705.jpg among them" in problems
    assert f"{other / 'image640.jpg'}: 320 x 240 pixels in place of 640 x 480" in problems
    (other / "image601.jpg").write_bytes(b"hi")
    assert f"{other / 'image601.jpg'}: cannot be read as an image" in SmicVisE().verify(vis)


def test_the_original_sheet_of_the_fast_camera_has_a_recording_more(tmp_path):
    rows = [HS_HEAD] + [
        [i % 16 + 1, f"s{i % 16 + 1}_ne_{i:03}", None, 50, 60, None, None, None, None, None, 1, 120,
         11, None, 120, "n"] for i in range(158)
    ]  # fmt: skip
    notes = SmicHsE().read_sheet(xlsx(tmp_path / "SMIC-HS-E.xlsx", HS=rows))
    expected = SmicHsE().expected_of(notes)
    assert expected == {
        "recordings": 158, "subjects": 16, "recordings with micro": 158, "subjects with micro": 16,
    }  # fmt: skip
    notes = SmicHsE().read_sheet(xlsx(tmp_path / "SMIC-HS-E.xlsx", HS=rows[:-1]))
    assert SmicHsE().expected_of(notes)["recordings"] == 157


def test_a_first_image_that_differs_from_the_sheets(hs):
    (hs / "SMIC-HS-E" / "HS" / "s02" / "s2_ne_02" / "image001001.jpg").unlink()
    found = {r.id: r for r in SmicHsE().load(hs)}["s2_ne_02"]
    # Image 1010 is now the ninth of 119.
    assert (found.n_frames, told(found.expressions)) == (119, [(8, None, 18, "micro", None)])
    assert SmicHsE().inspect(hs).traps["first-image"] == 1


VIS_HEAD = ["Subject", "Filename", None, "OnsetF", "OffsetF", "Onset2F", "Offset2F", None, "FirstF",
            "TotalMF1", "TotalMF2", "TotalVL", "Emotion"]  # fmt: skip
VIS = [VIS_HEAD, [1, "s1_ne_01", None, 559710, 559719, None, None, None, 559700, 10, None, 30, "n"]]
REST = [["Subject", "Filename", None, "FirstF", "LastF", "TotalVL"],
        [1, "s1_non_01", None, 601, 640, 40]]  # fmt: skip


@pytest.fixture
def vis(tmp_path):
    root = tmp_path / "data"
    other = [VIS_HEAD, [1, "s1_ne_09", None, 10, 19, None, None, None, 1, 10, None, 30, "n"]]
    xlsx(root / "SMIC-VIS-E_annotation.xlsx", NIR=other, VIS=VIS, rest=REST)
    images(root / "VIS" / "s01" / "s1_ne_01", "image%d.jpg", range(559700, 559730))
    images(root / "VIS" / "s01" / "s1_non_01", "image%d.jpg", range(601, 641))
    return root


def test_recordings_without_micro_expressions_stand_in_another_sheet(vis):
    found = SmicVisE().load(vis)
    assert [(r.id, r.subject, r.n_frames, told(r.expressions)) for r in found] == [
        ("s1_ne_01", "s01", 30, [(10, None, 19, "micro", None)]),
        ("s1_non_01", "s01", 40, []),
    ]
    seen = SmicVisE().inspect(vis)
    assert seen.traps == {"non-micro-sheet": 1}
    assert seen.problems == (
        "2 recordings in place of 76", "1 subjects in place of 8",
        "1 micro expressions in place of 76", "1 recordings with micro in place of 71",
        "1 subjects with micro in place of 8",
    )  # fmt: skip


def test_what_is_wrong_on_disk_is_told_at_once(vis):
    images(vis / "VIS" / "s01" / "s1_ne_77", "image%d.jpg", (1, 2))
    images(vis / "copy" / "VIS" / "s01" / "s1_ne_01", "image%d.jpg", (1, 2, 5))
    first = vis / "VIS" / "s01" / "s1_non_01" / "image601.jpg"
    for image in first.parent.iterdir():
        image.unlink()
    problems = SmicVisE().verify(vis)
    double = vis / "copy" / "VIS" / "s01" / "s1_ne_01"
    assert problems[:4] == [
        f"{vis}: two folders of recording 's1_ne_01': {vis / 'VIS' / 's01' / 's1_ne_01'} and "
        f"{double}",
        f"{vis}: no folder of images of recording 's1_non_01', which is in the sheet",
        f"{vis / 'VIS' / 's01' / 's1_ne_77'}: is in no sheet, and was left out",
        "1 recordings in place of 76",
    ]
    with pytest.raises(UnreadableInput, match="two folders of recording"):
        SmicVisE(partial=True).load(vis)
    assert [r.id for r in SmicVisE(partial=True, frames="copy").load(vis)] == ["s1_ne_01"]


def test_rows_that_no_known_trap_explains_are_problems(tmp_path):
    rows = [*VIS, [2, "s1_po_01", None, 10, 12, None, None, None, 1, 3, None, 30, "p"],
            [1, "what is this", None, 10, 12, None, None, None, 1, 3, None, 30, "p"]]  # fmt: skip
    notes = SmicVisE().read_sheet(xlsx(tmp_path / "a.xlsx", VIS=rows))
    assert notes.problems == (
        "sheet 'VIS', row 3: subject 2 in a row of recording 's1_po_01'",
        "sheet 'VIS', row 4: no recording is named: 1 what is this 10 12 1 3 30 p",
    )


def test_the_camera_named_nearest_to_the_images_counts():
    for path, hs, vis in [
        ("/HS_long/VIS/s01/s1_ne_01", False, True), ("/SMIC-HS-E/s01/s1_ne_01", True, False),
        ("/NIR/s01/s1_ne_01", False, False), ("/ths/s01/S1_ne_01", True, True),
        ("/HS/s01/notes", False, False),
    ]:  # fmt: skip
        assert (SmicHsE().recording_of(Path(path)) is not None) == hs
        assert (SmicVisE().recording_of(Path(path)) is not None) == vis


def test_a_third_expression_before_the_first_image(tmp_path):
    rows = [HS_HEAD, [2, "s2_ne_02", None, 1010, 1020, None, None, 1000, 1010, None, 1001, 1120]]
    notes = SmicHsE().read_sheet(xlsx(tmp_path / "a.xlsx", HS=rows))
    assert notes.traps == {"third-me-garbage": 1}


def test_one_workbook_for_both_cameras(tmp_path):
    sheets = {
        "HS": HS[:2],
        "VIS": VIS,
        "VIS__rest": REST,
        "HS__rest": [["Filename"], ["s7_non_01"]],
    }
    path = xlsx(tmp_path / "SMIC-E_annotation.xlsx", **sheets)
    for camera, cls, n in (("HS", SmicHsE, 2), ("VIS", SmicVisE, 2)):
        assert len(cls().read_sheet(path).recordings) == n
        images(tmp_path / camera / "s01" / "s1_ne_01", "image%d.jpg", range(426680, 426800))
        assert cls().inspect(tmp_path).variant.startswith(f"sheet '{camera}': 1 rows of 1 rec")


def test_another_workbook_is_refused(tmp_path):
    path = xlsx(tmp_path / "a.xlsx", Budget=[["Item", "Cost"], ["tea", 3]])
    message = (
        r"is not an annotation workbook of SMIC-E: no sheet has the columns Filename, OnsetF, "
        r"FirstF \(sheets: 'Budget'\)"
    )
    with pytest.raises(UnreadableInput, match=message):
        SmicVisE().read_sheet(path)
