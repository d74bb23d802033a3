"""Corrections are applied where the old value is still there, and told where they are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from mespot import registry
from mespot.datasets import _errata
from mespot.datasets.samm_lv import SammLv
from mespot.errors import UnreadableInput
from sheetmaker import images, told, xlsx

ROWS = [
    ["Subject", "Filename", "Onset", "Apex", "Offset", "Type"],
    [6, "006_1_1", 11, 20, 40, "Micro - 1/2"],
    [6, "006_1_2", 100, 90, 30, "Macro"],
    [6, "006_1_3", 200, 210, 220.5, "Macro"],
]
HEAD = "recording,event,field,old,new,reason\n"


@pytest.fixture
def sheet(tmp_path):
    return xlsx(tmp_path / "SAMM_LongVideos_V3.xlsx", s=ROWS)


def corrected(tmp_path, sheet, text):
    path = tmp_path / "mine.csv"
    path.write_text(HEAD + text)
    return path, SammLv(errata=str(path)).read_sheet(sheet)


def test_corrections_that_fit(tmp_path, sheet):
    plain = told(SammLv().read_sheet(sheet).events["006_1"])
    assert plain == [
        (10, 19, 39, "micro", None), (199, 209, 220, "macro", "fractional-frame")
    ]  # fmt: skip
    _, notes = corrected(
        tmp_path,
        sheet,
        "006_1,2,offset,30,130,typing error\n006_1,2,apex,90,,unknown\n"
        "006_1,1,kind,micro,other,a twitch\n006_1,3,offset,220.5,220,\n",
    )
    assert notes.problems == ()
    assert told(notes.events["006_1"]) == [
        (10, 19, 39, "other", "erratum"),
        (99, None, 129, "macro", "erratum"),
        (199, 209, 219, "macro", "erratum"),
    ]
    assert notes.traps == {"erratum": 3}


def test_corrections_that_do_not_fit_are_told_and_left(tmp_path, sheet):
    path, notes = corrected(
        tmp_path,
        sheet,
        "006_1,1,offset,41,45,\n006_1,9,offset,1,2,\n007_1,1,offset,1,2,\n"
        "006_1,1,Offset,40,45,\n006_1,1,kind,micro,tiny,\n"
        "006_1,1,offset,40,abc,\n",
    )
    assert notes.problems == (
        f"{path}, line 2: correction not applied: offset of event '1' of recording '006_1' is "
        "'40', not '41'",
        f"{path}, line 3: correction not applied: there is no event '9' of recording '006_1'",
        f"{path}, line 4: correction not applied: there is no event '1' of recording '007_1'",
        f"{path}, line 5: correction not applied: field 'Offset' is none of onset, apex, offset, "
        "kind",
        f"{path}, line 6: correction not applied: kind 'tiny' is none of micro, macro, blink, "
        "other",
        f"{path}, line 7: correction not applied: new 'abc' is no number",
    )
    assert told(notes.events["006_1"])[0] == (10, 19, 39, "micro", None)


def test_verify_tells_corrections_that_do_not_fit(tmp_path, sheet):
    images(tmp_path / "006_1", "006_1_%04d.jpg", range(1, 501))
    path, _ = corrected(tmp_path, sheet, "006_1,1,offset,41,45,\n")
    assert "correction not applied" in SammLv(errata=str(path)).verify(tmp_path)[0]


def test_a_list_without_its_columns(tmp_path, sheet):
    path = tmp_path / "mine.csv"
    path.write_text("recording,event,field,new\n")
    with pytest.raises(UnreadableInput, match="a list of errata needs the column old"):
        SammLv(errata=str(path)).read_sheet(sheet)
    with pytest.raises(UnreadableInput, match="no such file"):
        SammLv(errata=str(tmp_path / "no.csv")).read_sheet(sheet)


@pytest.mark.parametrize("name", [n for n in registry.names("datasets") if n != "folder"])
def test_every_loader_has_a_list_beside_it(name):
    assert _errata.beside(name).read_text().startswith(HEAD)
    assert name.replace("_", "-") == registry.plugin("datasets", name).NAME


@pytest.mark.parametrize("name", [n for n in registry.names("datasets") if n != "folder"])
def test_every_code_stands_in_the_docs(name):
    text = (Path(__file__).parents[1] / "docs" / "datasets.md").read_text("utf-8")
    common = text.split("## smic-vis-e")[0]
    heading = "## smic-vis-e, smic-hs-e" if name.startswith("smic") else f"## {name}"
    own = text.split(heading.replace("_", "-"))[1].split("\n## ")[0]
    for code in registry.build("datasets", {"name": name}).traps():
        assert f"`{code}`" in common + own
