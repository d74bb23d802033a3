"""The JSON export: both tables in one file, read back equal; and the family's contract."""

from __future__ import annotations

import dataclasses
import json
from fractions import Fraction

import pytest

from mespot import registry
from mespot.exports import csv
from mespot.exports.json import Json
from mespot.sheet import RecordingRow, Sheet
from mespot.types import Expression, Recording

EVENTS = {
    "a": [
        Expression(30, 33, 36, "micro", 0.1 + 0.2, {"status": "unseen", "AU": "=4+10"}),
        Expression(12, 12, 12, "macro", None, {"point_event": "yes"}),
        Expression(60, None, 62, "other", None, {"kind": "", "note": "</script> & ünï"}),
    ]
}
RECORDINGS = (
    RecordingRow("a", "s1", "v/a.mp4", Fraction(30000, 1001), 100, "", {"camera": "left"}),
    RecordingRow("b", "s2", "", Fraction(25), None, "", {"camera": ""}),
)


def test_the_file_is_the_one_described(tmp_path):
    Json().write(tmp_path / "e.json", Sheet(EVENTS, RECORDINGS))
    tree = json.loads((tmp_path / "e.json").read_text())
    assert list(tree) == ["format", "version", "recordings", "events"]
    assert tree["recordings"] == [
        {"recording": "a", "subject": "s1", "path": "v/a.mp4", "fps": "30000/1001",
         "n_frames": 100, "camera": "left"},
        {"recording": "b", "subject": "s2", "path": None, "fps": 25, "n_frames": None,
         "camera": ""},
    ]  # fmt: skip
    assert tree["events"][0] == {
        "recording": "a", "subject": "s1", "onset": 30, "apex": 33, "offset": 36, "kind": "micro",
        "score": 0.1 + 0.2, "onset_s": 1.001, "apex_s": 1.1011, "offset_s": 1.2012,
        "status": "unseen", "AU": "=4+10",
    }  # fmt: skip
    assert tree["events"][1]["onset"] is None
    assert tree["events"][2]["kind"] is None


def test_no_markup_survives_in_the_text_of_the_file(tmp_path):
    Json().write(tmp_path / "e.json", Sheet(EVENTS))
    assert not set("<>&") & set((tmp_path / "e.json").read_text())


@pytest.mark.parametrize("indent", [0, 1, 4])
def test_it_reads_back_equal(tmp_path, indent):
    path = tmp_path / "e.json"
    Json(indent).write(path, Sheet(EVENTS, RECORDINGS))
    sheet = Json().read(path)
    assert sheet.events == EVENTS
    assert sheet.recordings == RECORDINGS
    first = path.read_bytes()
    Json(indent).write(path, sheet)
    assert path.read_bytes() == first
    if indent == 0:
        assert first.count(b"\n") == 1


def test_a_table_goes_through_json_without_loss(tmp_path):
    text = (
        "recording,subject,onset,apex,offset,kind,score,onset_s,apex_s,offset_s,status,AU\n"
        "a,s1,30,33,36,micro,0.25,1.001,1.1011,1.2012,accepted,4+10\n"
        "a,s1,,50,,,,,2.5,,,\n"
        "b,,0,,9,macro,-1e-05,,,,,'=x\n"
    )
    (tmp_path / "1.csv").write_text(text)
    Json().write(tmp_path / "e.json", csv.Csv().read(tmp_path / "1.csv"))
    csv.Csv().write(tmp_path / "2.csv", Json().read(tmp_path / "e.json"))
    assert (tmp_path / "2.csv").read_text() == text


def test_given_recordings_go_before_those_in_the_file(tmp_path):
    Json().write(tmp_path / "e.json", Sheet(EVENTS, RECORDINGS))
    known = [Recording("a", "other", 25, 100)]
    assert Json().read(tmp_path / "e.json", known).recordings == (RecordingRow.of(known[0]),)


@pytest.mark.parametrize("name", registry.names("exports"))
def test_every_export_keeps_the_contract(tmp_path, name):
    """What a format must carry at least: interval, apex, kind and two recordings apart."""
    cls = registry.plugin("exports", name)
    assert dataclasses.is_dataclass(cls)
    assert cls.__dataclass_params__.frozen
    assert cls.suffix.startswith(".")
    recordings = [Recording("a", "s1", 25, 500), Recording("b", "s2", Fraction(30000, 1001), 900)]
    events = {"a": [Expression(30, 33, 36), Expression(60, 70, 80, "macro")],
              "b": [Expression(7, 8, 9)]}  # fmt: skip
    sets = [[r] for r in recordings] if cls.one_recording else [recordings]
    for number, group in enumerate(sets):
        mine = {r.id: events[r.id] for r in group}
        path = tmp_path / f"{number}{cls.suffix}"
        cls().write(path, Sheet(mine, group))
        back = cls().read(path, group).events
        assert {r: [(e.onset, e.apex, e.offset, e.kind) for e in es] for r, es in back.items()} == {
            r: [(e.onset, e.apex, e.offset, e.kind) for e in es] for r, es in mine.items()
        }
        assert [p.name for p in tmp_path.iterdir()].count(path.name) == 1
