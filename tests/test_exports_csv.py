"""events.csv and recordings.csv: what is written is what is read, and how files may differ."""

from __future__ import annotations

import csv as plain_csv
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mespot.exports import csv
from mespot.exports.cells import neutralise, restore
from mespot.sheet import RecordingRow, Sheet
from mespot.types import Expression, Recording

HEADER = "recording,subject,onset,apex,offset,kind,score,onset_s,apex_s,offset_s,status"
# Text as it may stand in a file of UTF-8: anything but lone surrogates.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8).filter(
    lambda s: s == s.strip()
)
foreign = names.filter(lambda s: s.lower() not in HEADER.split(",") and s != "point_event")


def written(path, text, **kwargs):
    path.write_bytes(text.encode("utf-8", **kwargs))
    return path


@pytest.fixture
def file(tmp_path):
    return lambda text: written(tmp_path / "events.csv", text)


@st.composite
def expressions(draw, columns=()):
    onset = draw(st.integers(0, 10**6))
    offset = onset + draw(st.integers(0, 10**4))
    apex = draw(st.none() | st.integers(onset, offset))
    score = draw(st.none() | st.floats(allow_nan=False, allow_infinity=False))
    kind = draw(st.sampled_from(["micro", "macro", "blink", "other"]))
    return Expression(onset, apex, offset, kind, score, {c: draw(texts) for c in columns})


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_expressions_read_back_equal(tmp_path_factory, data):
    columns = data.draw(st.lists(foreign, max_size=3, unique=True))
    ids = data.draw(st.lists(names, min_size=1, max_size=3, unique=True))
    some = st.lists(expressions(columns), min_size=1, max_size=3)
    events = {name: data.draw(some) for name in ids}
    path = Path(tmp_path_factory.getbasetemp()) / "events.csv"
    csv.write_events(path, events)
    assert csv.read_events(path) == events
    first = path.read_bytes()
    csv.Csv().write(path, csv.Csv().read(path))
    assert path.read_bytes() == first


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_recordings_read_back_equal(tmp_path_factory, data):
    columns = data.draw(st.lists(foreign.filter(lambda s: s.lower() not in (
        "path", "fps", "n_frames", "dataset")), max_size=2, unique=True))  # fmt: skip
    rates = st.none() | st.fractions(Fraction(1, 10**6), 10**5, max_denominator=10**6)
    rows = [
        RecordingRow(
            name, data.draw(names), data.draw(names), data.draw(rates),
            data.draw(st.none() | st.integers(0, 10**9)), "",
            {c: data.draw(texts) for c in columns},
        )
        for name in data.draw(st.lists(names, min_size=1, max_size=3, unique=True))
    ]  # fmt: skip
    path = Path(tmp_path_factory.getbasetemp()) / "recordings.csv"
    csv.write_recordings(path, rows)
    assert csv.read_recording_rows(path) == rows


def test_the_file_is_the_one_described(tmp_path):
    events = {"a": [Expression(30, 33, 36, "micro", 0.1, {"status": "unseen", "AU": "4+10"}),
                    Expression(60, None, 62, "macro")], "b": []}  # fmt: skip
    recordings = [Recording("a", "s1", Fraction(30000, 1001), 100), Recording("b", "s2", 25, 100)]
    csv.write_events(tmp_path / "e.csv", events, recordings)
    assert (tmp_path / "e.csv").read_bytes().decode() == (
        HEADER + ",AU\n"
        "a,s1,30,33,36,micro,0.1,1.001,1.1011,1.2012,unseen,4+10\n"
        "a,s1,60,,62,macro,,2.002,,2.068733,,\n"
    )
    csv.write_recordings(tmp_path / "r.csv", recordings)
    assert (tmp_path / "r.csv").read_text() == (
        "recording,subject,path,fps,n_frames\na,s1,,30000/1001,100\nb,s2,,25,100\n"
    )


def test_an_empty_set_of_events_is_a_header(tmp_path):
    csv.write_events(tmp_path / "e.csv", {"a": []})
    assert (tmp_path / "e.csv").read_text() == HEADER + "\n"
    assert csv.read_events(tmp_path / "e.csv") == {}


def test_times_of_a_varying_rate_go_before_the_nominal_rate(tmp_path):
    times = np.array([0, 0.04, 0.08, 0.5, 0.54])
    events = {"a": [Expression(1, 3, 4)], "b": [Expression(3, None, 9)],
              "c": [Expression(0, 1, 2, attributes={"onset_s": "7.5"})]}  # fmt: skip
    recordings = [Recording(n, "s", 25) for n in "abc"]
    csv.write_events(tmp_path / "e.csv", events, recordings, {"a": times, "b": times})
    with (tmp_path / "e.csv").open() as stream:
        rows = [[r["onset_s"], r["apex_s"], r["offset_s"]] for r in plain_csv.DictReader(stream)]
    # Frame 9 is past the measured times of b: unknown, not 9/25 s.
    assert rows == [["0.04", "0.5", "0.54"], ["0.5", "", ""], ["7.5", "0.04", "0.08"]]


def test_times_come_back_by_frame_and_not_for_a_moved_onset(tmp_path, file):
    path = file("recording,onset,offset,onset_s,offset_s\na,10,20,0.4,0.8\n")
    sheet = csv.Csv().read(path)
    assert sheet.times_s == {"a": {10: 0.4, 20: 0.8}}
    csv.Csv().write(path, Sheet({"a": [Expression(11, None, 20)]}, times_s=sheet.times_s))
    assert path.read_text().splitlines()[1] == "a,,11,,20,micro,,,,0.8,"


def test_a_reader_needs_three_columns_alone(file):
    assert csv.read_events(file("recording,onset,offset\na,3,5\na,1,2\nb,7,7\n")) == {
        "a": [Expression(3, None, 5), Expression(1, None, 2)], "b": [Expression(7, None, 7)]
    }  # fmt: skip


def test_an_apex_alone_is_a_point_event_and_stays_one(file):
    path = file("recording,apex,score\na,12,0.5\n")
    events = csv.read_events(path)
    assert events == {"a": [Expression(12, 12, 12, score=0.5, attributes={"point_event": "yes"})]}
    csv.write_events(path, events)
    assert path.read_text().splitlines() == [HEADER, "a,,,12,,micro,0.5,,,,"]
    # The same in a table that has the other columns too, beside a full row.
    path = file("recording,onset,apex,offset\na,,12,\na,3,4,5\n")
    assert [e.onset for e in csv.read_events(path)["a"]] == [12, 3]


@pytest.mark.parametrize(
    "text",
    [
        "recording,onset,offset,kind,score\na,3,5,macro,0.25\n",
        "\ufeffrecording,onset,offset,kind,score\r\na,3,5,macro,0.25\r\n",
        "recording; onset; offset; kind; score\r\na;3;5;macro;0,25\r\n;;;;\r\n",
        "recording\tonset\toffset\tkind\tscore\na\t3\t5\tmacro\t.25",
        " Recording, Onset, Offset, Kind, Score\n a , 3, 5.0, Macro, 2.5e-1\n\n",
        '"recording","onset","offset","kind","score"\r"a","3","5","macro","0.25"\r',
        "recording,onset,offset,kind,score,,\na,3,5,macro,0.25,,\n",
        "score,kind,offset,onset,recording\n0.25,macro,5,3,a\n",
    ],
    ids=["plain", "BOM and CRLF", "German Excel", "tabs", "blanks", "quotes and CR",
         "unnamed columns", "other order"],
)  # fmt: skip
def test_dialects_are_read_alike(file, text):
    assert csv.read_events(file(text)) == {"a": [Expression(3, None, 5, "macro", 0.25)]}


def test_foreign_columns_come_back_out_in_order(file):
    text = "Zeta,recording,onset,offset,AU, note\n,a,3,5,4+10, x \n1,a,8,9,,\n"
    path = file(text)
    events = csv.read_events(path)
    assert events["a"][0].attributes == {"Zeta": "", "AU": "4+10", "note": " x "}
    csv.write_events(path, events)
    assert path.read_text().splitlines() == [
        HEADER + ",Zeta,AU,note", "a,,3,,5,micro,,,,,,,4+10, x ", "a,,8,,9,micro,,,,,,1,,"
    ]  # fmt: skip


def test_kind_of_a_file_without_kinds_is_micro(file):
    sheet = csv.Csv().read(file("recording,onset,offset,kind\na,3,5,\n"))
    assert sheet.events["a"][0].kind == "micro"
    assert not sheet.has_kinds


def test_an_open_kind_among_told_ones_is_other_and_stays_open(file):
    path = file("recording,onset,offset,kind\na,3,5,\na,8,9,macro\n")
    sheet = csv.Csv().read(path)
    assert [e.kind for e in sheet.events["a"]] == ["other", "macro"]
    assert sheet.has_kinds
    csv.Csv().write(path, sheet)
    assert [line.split(",")[5] for line in path.read_text().splitlines()] == ["kind", "", "macro"]


def test_subject_and_recordings_are_taken_from_the_events_where_no_list_is_given(file):
    sheet = csv.Csv().read(file("recording,subject,onset,offset\na,,3,5\na,s1,8,9\nb,,1,2\n"))
    assert sheet.recordings == (RecordingRow("a", "s1"), RecordingRow("b"))


@pytest.mark.parametrize(
    ("cell", "safe"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"), ("+SUM(A1)", "'+SUM(A1)"), ("-cmd|x", "'-cmd|x"),
        ("@x", "'@x"), ("\tx", "'\tx"), ("\rx", "'\rx"), ("＝1", "'＝1"), ("-", "'-"),
        ("-3.5", "-3.5"), ("+1e-3", "+1e-3"), ("4+10", "4+10"), ("", ""), ("'quoted'", "'quoted'"),
        ("'=x", "''=x"), ("''-x", "'''-x"), ("'-5", "''-5"),
    ],
)  # fmt: skip
def test_formulas_are_neutralised_and_restored(cell, safe):
    assert neutralise(cell) == safe
    assert restore(safe) == cell


@given(st.text(alphabet="'=+-@\t\r\n 1.ex,;\"", max_size=8))
def test_no_cell_is_written_that_a_spreadsheet_runs(text):
    cell = neutralise(text)
    assert restore(cell) == text
    if cell[:1] in set("=+-@\t\r\n"):
        float(cell)  # only a plain number may begin like that


def test_formulas_in_every_text_of_a_file(tmp_path):
    evil = '=cmd|" /C calc"!A0'
    events = {evil: [Expression(1, 2, 3, attributes={"status": "+x()", "@y": evil, "n": "-1"})]}
    csv.write_events(tmp_path / "e.csv", events, [Recording(evil, "-2+3", 25)])
    with (tmp_path / "e.csv").open(newline="") as stream:
        cells = [cell for row in plain_csv.reader(stream) for cell in row]
    assert [c for c in cells if c[:1] in set("=+-@")] == ["-1"]
    assert csv.read_events(tmp_path / "e.csv") == events


def test_a_file_name_that_is_no_text_can_still_be_written(tmp_path):
    csv.write_events(tmp_path / "e.csv", {"clip\udcff": [Expression(1, 2, 3)]})
    assert list(csv.read_events(tmp_path / "e.csv")) == ["clip\\udcff"]


def test_an_attribute_cannot_take_the_place_of_a_column(tmp_path):
    with pytest.raises(ValueError, match="'Onset'"):
        csv.write_events(
            tmp_path / "e.csv", {"a": [Expression(1, 2, 3, attributes={"Onset": "9"})]}
        )
    assert list(tmp_path.iterdir()) == []


def test_paths_move_with_the_folder(tmp_path, monkeypatch):
    inside, outside = tmp_path / "set" / "v" / "a.mp4", tmp_path / "b.mp4"
    listing = tmp_path / "set" / "recordings.csv"
    csv.write_recordings(listing, [Recording("a", "s", 25, source=str(inside)),
                                   Recording("b", "s", 25, source=str(outside))])  # fmt: skip
    assert [row.path for row in csv.read_recording_rows(listing)] == ["v/a.mp4", str(outside)]
    (tmp_path / "set").rename(tmp_path / "moved")
    moved = csv.read_recordings(tmp_path / "moved" / "recordings.csv")
    assert [r.source for r in moved] == [str(tmp_path / "moved" / "v" / "a.mp4"), str(outside)]


@pytest.mark.parametrize(
    ("text", "rate"),
    [("25", Fraction(25)), ("29.97", Fraction(2997, 100)), ("30000/1001", Fraction(30000, 1001)),
     ("25.0", Fraction(25)), ("25.", Fraction(25))],
)  # fmt: skip
def test_rates_are_exact(tmp_path, text, rate):
    path = written(tmp_path / "r.csv", f"recording,fps\na,{text}\n")
    assert csv.read_recordings(path) == [Recording("a", "", rate)]
    german = written(tmp_path / "r.csv", f"recording;fps\na;{text.replace('.', ',')}\n")
    assert csv.read_recordings(german) == [Recording("a", "", rate)]
