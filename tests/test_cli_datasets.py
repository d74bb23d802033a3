"""``mespot datasets``: the list, verify with its exit code, and tables written from a sheet."""

from __future__ import annotations

import csv
import hashlib
import json
import sys
from dataclasses import dataclass
from typing import ClassVar

import pytest

from mespot import files, registry
from mespot.cli import run
from mespot.contracts import BaseExporter
from mespot.datasets.casme_sq import CasmeSq
from mespot.datasets.folder import Folder
from mespot.exports.json import Json
from mespot.types import Expression
from mespot_lab import sheets
from sheetmaker import grey, images, xlsx


def called(capsys, *args, code=0):
    assert run(["datasets", *map(str, args)]) == code
    return capsys.readouterr()


@pytest.fixture
def twin(tmp_path):
    root = tmp_path / "twin"
    module = sheets.sheet_module("casme_sq")
    plan = [
        module.planned(0, 0, 90, [Expression(5, 9, 15), Expression(30, 40, 60, "macro")]),
        module.planned(0, 1, 80, [Expression(10, 20, 50, "macro"), Expression(60, 64, 70)]),
        module.planned(1, 0, 70, []),
    ]
    for recording in plan:
        for i in range(recording.n_frames):
            path = root / module.frame_path(recording, i)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(grey((640, 480)))
    truth = module.write_sheet(root, plan, False)
    sheets.write_marker(root, "casme_sq", truth)
    return root


def rows(path):
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_list(capsys):
    out = called(capsys).out.splitlines()
    assert out[0].split() == ["name", "recordings", "subjects", "micro", "macro", "blink",
                              "licence"]  # fmt: skip
    lines = {line.split()[0]: line.split()[1:6] for line in out[1:8]}
    assert lines == {
        "casme-cubed": ["~1300", "98", "~858", "~3346", "~841"],
        "casme-ii": ["255", "26", "255", "-", "-"],
        "casme-sq": ["98", "22", "57", "300", "-"],
        "folder": ["-", "-", "-", "-", "-"],
        "samm-lv": ["147", "30", "159", "343", "-"],
        "smic-hs-e": ["157", "16", "-", "-", "-"],
        "smic-vis-e": ["76", "8", "76", "-", "-"],
    }
    entries = {e["name"]: e for e in json.loads(called(capsys, "--json").out)}
    assert set(entries) == set(lines)
    assert all(e["citation"] and e["licence"] and e["how_to_get"] for e in entries.values())
    assert "the apex is taken as offset" in entries["casme-sq"]["traps"]["offset-zero"]


def test_verify_is_content_with_a_whole_twin(capsys, twin):
    out, err = called(capsys, "verify", "casme-sq", twin)
    assert err == ""
    assert out.startswith(f"casme-sq twin in {twin}\n")
    assert "recordings                     3         3\n" in out
    assert "  no-rows                   1  images of a recording that is in no row" in out
    assert out.endswith("\nNo new problems. 1 known irregularity was handled.\n")
    tree = json.loads(called(capsys, "verify", "casme_sq", twin, "--json").out)
    assert tree["problems"] == []
    assert tree["counts"] == {
        "recordings": {"found": 3, "expected": 3}, "subjects": {"found": 2, "expected": 2},
        "micro": {"found": 2, "expected": 2}, "macro": {"found": 2, "expected": 2},
    }  # fmt: skip
    assert tree["lengths"]["macro"] == {"found": [31, 36.0, 41], "published": []}
    assert (tree["dataset"], tree["layout"], len(tree["sha256"])) == ("casme-sq twin", "rawpic", 64)


def test_verify_tells_everything_at_once_and_leaves_with_1(capsys, twin):
    (twin / "twin.json").unlink()
    gap = twin / "rawpic" / "s15" / "15_0101twin"
    (gap / "img040.jpg").unlink()
    out = called(capsys, "verify", "casme-sq", twin, code=1).out
    assert f"  {gap}: 1 image numbers missing (between 39-41)\n" in out
    assert "  3 recordings in place of 98\n" in out
    assert "published 9/14/17" in out
    assert "No problems" not in out
    assert "No new problems" not in out


def test_verify_of_what_cannot_be_read_is_one_line(capsys, twin):
    out, err = called(capsys, "verify", "casme-sq", twin / "none", code=4)
    assert (out, err) == ("", f"mespot: {twin / 'none'}: no such folder\n")
    out, err = called(capsys, "verify", "casme-sq", twin / "none", "--json", code=4)
    assert json.loads(out)["problems"] == [f"{twin / 'none'}: no such folder"]
    out, err = called(capsys, "verify", "folder", twin, code=4)
    assert (out, err.count("\n")) == ("", 1)


def test_export_gives_a_folder_that_can_be_read(capsys, twin, tmp_path):
    out = called(capsys, "export", "casme-sq", twin, "-o", tmp_path / "out").out
    assert out.startswith("3 recordings: 2 micro, 2 macro\n")
    found = Folder().load(tmp_path / "out")
    assert [(r.id, r.subject, r.n_frames, r.dataset) for r in found] == [
        ("s15_0101", "s15", 90, "casme-sq twin"), ("s15_0401", "s15", 80, "casme-sq twin"),
        ("s16_0101", "s16", 70, "casme-sq twin"),
    ]  # fmt: skip
    assert [(e.onset, e.apex, e.offset, e.kind) for e in found[0].expressions] == [
        (5, 9, 15, "micro"), (30, 40, 60, "macro")
    ]  # fmt: skip
    assert Folder().verify(tmp_path / "out") == []
    source = json.loads((tmp_path / "out" / "source.json").read_text())
    sheet = twin / "CAS(ME)^2code_final(Updated).xlsx"
    assert source["sha256"] == hashlib.sha256(sheet.read_bytes()).hexdigest()
    assert (source["name"], source["sheet"]) == ("casme-sq twin", sheet.name)
    assert source["settings"]["partial"] is False
    again = ("export", "casme-sq", twin, "-o", tmp_path / "out", "--json", "--overwrite")
    out = called(capsys, *again).out
    assert json.loads(out) == {
        "recordings": 3, "events": {"micro": 2, "macro": 2}, "source": source,
    }  # fmt: skip


def test_export_as_json(capsys, twin, tmp_path):
    out = tmp_path / "out"
    shown = called(capsys, "export", "casme-sq", twin, "-o", out, "--format", "json").out
    assert f"{out / 'events.json'} and" in shown
    assert sorted(p.name for p in out.iterdir()) == [
        "events.json", "recordings.csv", "source.json"
    ]  # fmt: skip
    truth = {r.id: list(r.expressions) for r in CasmeSq().load(twin) if r.expressions}
    assert Json().read(out / "events.json").events == truth
    err = called(capsys, "export", "casme-sq", twin, "-o", tmp_path / "no", "--format", "jsn",
                 code=2).err  # fmt: skip
    assert err == "mespot: there is no export 'jsn'; did you mean 'json'?\n"
    assert not (tmp_path / "no").exists()


@dataclass(frozen=True)
class Tracks(BaseExporter):
    """One line per event, one file per recording."""

    suffix: ClassVar[str] = ".track"
    one_recording: ClassVar[bool] = True

    def write(self, path, sheet):
        """Onset and offset alone."""
        ((_, events),) = sheet.events.items()
        files.write_text(path, "".join(f"{e.onset}-{e.offset}\n" for e in events))


def test_export_of_a_format_with_one_recording_per_file(capsys, twin, tmp_path, monkeypatch):
    monkeypatch.setitem(registry._registered["exports"], "tracks", Tracks)
    out = tmp_path / "out"
    shown = called(capsys, "export", "casme-sq", twin, "-o", out, "--format", "tracks").out
    assert "3 files *.track" in shown
    assert {p.name: p.read_text() for p in out.glob("*.track")} == {
        "s15_0101.track": "5-15\n30-60\n", "s15_0401.track": "10-50\n60-70\n",
        "s16_0101.track": "",
    }  # fmt: skip


OUTSIDE = '''\
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

from mespot.contracts import BaseDataset
from mespot.types import Expression, Recording


@dataclass(frozen=True)
class OneFilm(BaseDataset):
    """One recording with one expression."""

    citation: ClassVar[str] = "none"
    licence: ClassVar[str] = "free"
    how_to_get: ClassVar[str] = "it is here"
    rate: int = 25

    def load(self, root):
        return [Recording("a", "s1", Fraction(self.rate), 90, "film", None, (Expression(3, 5, 9),))]
'''


@pytest.fixture(params=["one_film", "one-film"])
def outsider(tmp_path, monkeypatch, request):
    """A distribution that brings a data set and another one that cannot be imported."""
    place = tmp_path / "site"
    info = place / "outsider-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: outsider\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        f"[mespot.datasets]\n{request.param} = outside_film:OneFilm\nlost = no_such_module:X\n"
    )
    (place / "outside_film.py").write_text(OUTSIDE)
    monkeypatch.syspath_prepend(place)
    yield request.param
    sys.modules.pop("outside_film", None)


@pytest.mark.parametrize("asked", ["one_film", "one-film"])
def test_a_data_set_of_another_distribution(capsys, tmp_path, outsider, asked):
    shown = called(capsys)
    assert ["one-film", "-", "-", "-", "-", "-", "free"] in [
        line.split() for line in shown.out.splitlines()
    ]
    assert shown.err.startswith("mespot: warning: data set 'lost' cannot be used (")
    assert shown.err.count("\n") == 1
    out = called(capsys, "verify", asked, tmp_path).out
    assert out.endswith("\nNo problems.\n")
    called(capsys, "export", asked, tmp_path, "-o", tmp_path / "o", "--set", "rate=50")
    (row,) = rows(tmp_path / "o" / "recordings.csv")
    assert (row["recording"], row["fps"]) == ("a", "50")
    source = json.loads((tmp_path / "o" / "source.json").read_text())
    assert source["settings"] == {"rate": 50}
    err = called(capsys, "annotations", asked, tmp_path / "x", "-o", tmp_path / "p", code=2).err
    assert err == (
        f"mespot: {asked} has no annotation sheet of its own: its tables are events.csv\n"
    )


@pytest.fixture
def sheet(tmp_path):
    head = ["Subject", "Filename", "Onset", "Apex", "Offset", "Type", "Action Units"]
    return xlsx(
        tmp_path / "SAMM_LongVideos_V1_Release.xlsx",
        FACS_Movement_Only=[
            head,
            [6, "006_1_1", 11, -1, 41, "Micro - 1/2", "4"],
            [6, "006_1_2", 100, 0, 50, "Macro", "=4+6"],
            [7, "007_1_1", 201, 220.4, 401, "Macro", "12"],
        ],
    )


def test_annotations_of_a_sheet_alone(capsys, sheet, tmp_path):
    out, err = called(capsys, "annotations", "samm-lv", sheet, "-o", tmp_path / "out")
    assert err == ""
    assert out.startswith("samm-lv: V1, 3 rows\n2 recordings: 1 micro, 1 macro\n")
    events = rows(tmp_path / "out" / "events.csv")
    columns = ("recording", "subject", "onset", "apex", "offset", "kind", "onset_s", "status")
    assert [tuple(e[c] for c in columns) for e in events] == [
        ("006_1", "006", "10", "", "40", "micro", "0.05", "apex-minus-one"),
        ("007_1", "007", "200", "219", "400", "macro", "1.0", "fractional-frame"),
    ]
    assert rows(tmp_path / "out" / "recordings.csv") == [
        {"recording": n, "subject": n[:3], "path": "", "fps": "200", "n_frames": "",
         "dataset": "samm-lv"} for n in ("006_1", "007_1")
    ]  # fmt: skip
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    again = ("annotations", "samm-lv", sheet, "-o", tmp_path / "out", "--json", "--overwrite")
    told = called(capsys, *again).out
    assert json.loads(told) == report
    assert report["rows"] == {"micro": 1, "macro": 2}
    assert report["events"] == {"micro": 1, "macro": 1}
    assert (report["recordings"], report["subjects"]) == (2, 2)
    assert report["traps"] == {
        "apex-minus-one": {"rows": 1, "what": "apex -1: the apex is unknown"},
        "fractional-frame": {
            "rows": 1,
            "what": "a frame that is no whole number: the nearest is taken, halves upwards",
        },
        "offset-before-onset": {
            "rows": 1, "what": "offset before the onset: the row is dropped",
        },
    }  # fmt: skip
    assert report["dropped"] == [
        {"row": 3, "recording": "006_1", "code": "offset-before-onset",
         "cells": "macro 100 0 50", "sheet": "FACS_Movement_Only"}
    ]  # fmt: skip
    assert report["published"]["macro"] == 343


def test_unexplained_rows_are_told_and_the_rest_written(capsys, tmp_path):
    head = ["Subject", "Filename", "Onset", "Apex", "Offset", "Type"]
    odd = xlsx(tmp_path / "a.xlsx", s=[head, [6, "006_1_1", 1, 2, 3, "Blend"],
                                       [6, "006_1_2", 1, 2, 3, "Micro"]])  # fmt: skip
    err = called(capsys, "annotations", "samm-lv", odd, "-o", tmp_path / "o", code=1).err
    assert err == "mespot: warning: sheet 's', row 2: not understood: 006_1_1 1 2 3 Blend\n"
    assert len(rows(tmp_path / "o" / "events.csv")) == 1


def test_mistakes_are_one_line(capsys, sheet, tmp_path):
    out = tmp_path / "out"
    for args, code, message in [
        (("verify", "casme-sqr", tmp_path), 2, "no data set 'casme-sqr'; did you mean 'casme-sq'?"),
        (("annotations", "casme-sq", sheet, "-o", out), 4, "is not the code sheet of CAS(ME)^2"),
        (("annotations", "samm-lv", tmp_path / "x.xls", "-o", out), 4, "x.xls: no such file"),
        (("annotations", "folder", sheet, "-o", out), 2, "folder has no annotation sheet"),
        (("export", "samm-lv", tmp_path, "-o", out), 4, "no folder of images of samm-lv"),
        (("verify", "samm-lv", tmp_path, "--set", "frames"), 2, "write FIELD=VALUE"),
        (("verify", "samm-lv", tmp_path, "--set", "frame=x"), 2, "did you mean 'frames'?"),
        (("verify", "casme-cubed", tmp_path, "--set", "labels=x"), 2, "is none of all, short"),
    ]:
        found = called(capsys, *args, code=code)
        assert found.out == ""
        assert message in found.err
        assert found.err.count("\n") == 1
    assert not out.exists()


def test_fields_by_set(capsys, sheet, tmp_path):
    root = tmp_path / "root"
    images(root / "006_1", "006_1_%04d.jpg", range(1, 101))
    told = called(capsys, "export", "samm-lv", root, "-o", tmp_path / "o", "--set",
                  f"sheet={sheet}", "--set", "partial=true").out  # fmt: skip
    assert told.startswith("1 recording: 1 micro\n")
    err = called(capsys, "export", "samm-lv", root, "-o", tmp_path / "p", "--set",
                 f"sheet={sheet}", code=4).err  # fmt: skip
    assert "no folder of images of recording '007_1', which is in the sheet" in err
