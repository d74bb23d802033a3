"""Workbooks of every kind as the same rows, tables by their header, one line for errors."""

from __future__ import annotations

import pytest

from mespot.datasets import workbooks
from mespot.errors import UnreadableInput
from sheetmaker import xls, xlsx

ROWS = [["Notes of the coder"], ["Subject", None, " onset_F "], [1, "  a ", 12.0], [2, "", 566.4]]
READ = [["Notes of the coder", None, None], ["Subject", None, "onset_F"], [1, "a", 12],
        [2, None, 566.4]]  # fmt: skip


def padded(rows):
    return [[*row, *[None] * (3 - len(row))] for row in map(list, rows)]


@pytest.mark.parametrize("make", [xlsx, xls])
def test_both_kinds_of_workbooks_give_the_same_rows(tmp_path, make):
    path = make(tmp_path / f"book.{make.__name__}", first=ROWS, second=[["x"]])
    book = workbooks.read_workbook(path)
    assert list(book.sheets) == ["first", "second"]
    assert padded(book.sheets["first"]) == READ
    assert all(isinstance(book.sheets["first"][2][i], int) for i in (0, 2))


def test_a_workbook_under_the_other_suffix(tmp_path):
    xls(tmp_path / "old.xls", sheet=ROWS).rename(tmp_path / "old.xlsx")
    assert padded(workbooks.read_workbook(tmp_path / "old.xlsx").sheets["sheet"]) == READ


def test_a_csv_table_is_one_sheet_and_codes_keep_their_zero(tmp_path):
    path = tmp_path / "codes.csv"
    path.write_text("﻿code,name\n0101,disgust1\n12,1.0\n-1,x\n", encoding="utf-8")
    assert workbooks.read_workbook(path).sheets == {
        "codes": [["code", "name"], ["0101", "disgust1"], [12, 1], [-1, "x"]]
    }


def test_a_header_is_found_by_its_text():
    fields = {"subject": ("Subject",), "onset": ("Onset", "OnsetF"), "apex": ("Apex",)}
    assert workbooks.find_header(READ, fields, ("subject", "onset")) == (
        1, {"subject": 0, "onset": 2}
    )  # fmt: skip
    assert workbooks.find_header(READ, fields, ("subject", "apex")) is None
    (first, second) = workbooks.lines(READ, 1, {"subject": 0, "onset": 2})
    assert (first.number, first.cells) == (3, {"subject": 1, "onset": 12})
    assert second.text("onset") == "566.4"


def test_numbers_typed_as_text():
    cells = [12, 566.4, "12", "566.4", "-1", "12.0", "/", "", None, "1e5", "0101", "٣"]
    assert [workbooks.as_number(c) for c in cells] == [
        12, 566.4, 12, 566.4, -1, 12, None, None, None, None, None, None,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: None, "no such file"),
        (lambda p: p.mkdir(), "is a folder; give the annotation sheet itself"),
        (lambda p: p.write_bytes(b""), r"is not a workbook \(.xlsx, .xls\) nor a .csv table"),
        (lambda p: p.write_bytes(b"PK\x03\x04 cut"), r"cannot be read as a workbook \(BadZipFile"),
        (lambda p: p.write_bytes(b"\xd0\xcf\x11\xe0 cut"), r"cannot be read as a workbook \("),
    ],
    ids=["missing", "folder", "empty", "damaged xlsx", "damaged xls"],
)
def test_what_is_no_workbook_is_refused_in_one_line(tmp_path, make, message, capfd):
    path = tmp_path / "x.xlsx"
    make(path)
    with pytest.raises(UnreadableInput, match=message) as caught:
        workbooks.read_workbook(path)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_the_sheet_is_found_by_its_name(tmp_path):
    wanted = xlsx(tmp_path / "labels" / "Release_V2.xlsx", s=[["x"]])
    older = xlsx(tmp_path / "Release_V1.xlsx", s=[["x"]])
    xlsx(tmp_path / "~$Release_V2.xlsx", s=[["x"]])
    patterns = (r"release_v2", r"release_v1")
    assert workbooks.find_workbook(tmp_path, patterns, "it") == wanted
    assert workbooks.find_workbook(tmp_path, patterns[1:], "it") == older
    with pytest.raises(UnreadableInput, match="no annotation sheet of it; name it"):
        workbooks.find_workbook(tmp_path, (r"v3",), "it")
    with pytest.raises(
        UnreadableInput,
        match=r"two annotation sheets, Release_V1.xlsx and labels/Release_V2.xlsx; name one",
    ):
        workbooks.find_workbook(tmp_path, ("release",), "it")
