"""events.csv after a person: verdicts, moved frames, added rows and columns outlive every run."""

from __future__ import annotations

import errno
import json

import pytest

from mespot import results
from mespot.errors import UnreadableInput, UsageError
from mespot.exports.csv import read_recordings
from mespot.results import ResultFolder, input_digest
from mespot.spotter import load_spotter
from verdict_cases import FIRST, HOW, VERSIONS, edit, resume, rows, spot, spotting, without_pictures

OTHER = {"mespot": "1"}
SHIFTED = [(11, 13, 16, 0.9), (60, 62, 65, 0.5), (81, 83, 86, 0.4)]


@pytest.fixture
def out(tmp_path, monkeypatch):
    without_pictures(monkeypatch)
    spot(tmp_path / "out")
    return tmp_path / "out"


def frames(out, name="a"):
    return [(int(r["onset"]), int(r["offset"])) for r in rows(out) if r["recording"] == name]


def set_cell(index, **cells):
    return lambda rs: [r | cells if i == index else r for i, r in enumerate(rs)]


@pytest.mark.parametrize(
    "cells",
    [
        {"status": "confirmed"}, {"status": "rejected"}, {"status": ""}, {"onset": "7"},
        {"apex": "15"}, {"offset": "20"}, {"kind": "blink"}, {"subject": "p1"},
        {"note": "twitch, left; =odd"}, {"onset": "2", "apex": "3", "offset": "30"},
    ],
)  # fmt: skip
@pytest.mark.parametrize("spots", [FIRST, SHIFTED, []])
def test_a_changed_row_stays_as_it_is(out, cells, spots):
    edit(out, set_cell(0, **cells))
    mine = rows(out)[0]
    for versions in (VERSIONS, OTHER, VERSIONS):
        notes = spot(out, spots, versions=versions)
        assert [n for n in notes if "1 row of events.csv kept" in n]
        standing = rows(out)
        assert [r for r in standing if int(r["onset"]) < 35] == [mine]
        assert [f for f in frames(out) if f[0] >= 35] == [
            (a, c) for a, _, c, _ in spots if a >= 35
        ]  # fmt: skip


def test_untouched_rows_are_replaced_in_their_place(out):
    spot(out, name="b")
    edit(out, lambda rs: rs)
    assert spot(out, SHIFTED) == []
    assert frames(out) == [(11, 16), (60, 65), (81, 86)]
    assert [r["recording"] for r in rows(out)] == ["a"] * 3 + ["b"] * 3
    # A score that differs by little is another result, too.
    spot(out, [(11, 13, 16, 0.9001), *SHIFTED[1:]])
    assert rows(out)[0]["score"] == "0.9001"


def test_added_rows_stay(out):
    added = [
        {"recording": "a", "onset": "100", "offset": "105", "status": ""},
        {"recording": "elsewhere", "onset": "1", "offset": "2", "status": "unseen"},
        {"recording": "a", "apex": "110", "status": "confirmed", "coder": "X"},
    ]
    edit(out, lambda rs: [added[0], *rs, *added[1:]])
    before = rows(out)
    spot(out)
    assert rows(out) == before
    spot(out, [*SHIFTED, (100, 102, 104, 0.9)], versions=OTHER)
    assert [r for r in rows(out) if r in before] == [before[0], before[-2], before[-1]]
    assert frames(out, "elsewhere") == [(1, 2)]
    assert (100, 104) not in [(int(r["onset"] or -1), int(r["offset"] or -1)) for r in rows(out)]


def test_a_deleted_row_does_not_come_back(out):
    edit(out, lambda rs: rs[1:])
    for versions, spots in ((VERSIONS, FIRST), (OTHER, SHIFTED), (VERSIONS, FIRST)):
        spot(out, spots, versions=versions)
        assert min(frames(out))[0] > 35


@pytest.mark.parametrize(("delimiter", "bom"), [(";", False), (";", True), ("\t", True)])
def test_a_spreadsheets_file_merges(out, delimiter, bom):
    def change(rs):
        rs = [{**r, "status": "confirmed", "note": "0,5"} if r["onset"] == "40" else r for r in rs]
        rs = [r | {"score": f"{float(r['score']):.5f}", "onset": r["onset"] + ".0"} for r in rs]
        if delimiter == ";":
            for r in rs:
                r.update({c: r[c].replace(".", ",") for c in ("score", "onset_s", "apex_s")})
        return rs[::-1]

    edit(out, change, delimiter, bom)
    before = (out / "events.csv").read_bytes()
    assert resume(out) == []
    assert (out / "events.csv").read_bytes() == before
    spot(out, SHIFTED)
    mine = [r for r in rows(out) if r["status"] == "confirmed"]
    assert [(r["onset"], r["note"], r["score"]) for r in mine] == [("40.0", "0,5", "0.70000")]
    assert sorted(int(float(r["onset"])) for r in rows(out)) == [11, 40, 60, 81]


def test_columns_without_a_name_or_taken_away(out):
    text = (out / "events.csv").read_text().splitlines()
    (out / "events.csv").write_text("\n".join([text[0] + ",", text[1] + ",look here", *text[2:]]))
    spot(out, SHIFTED)
    assert rows(out)[0]["unnamed_12"] == "look here"
    assert frames(out) == [(10, 16), (60, 65), (81, 86)]
    edit(out, lambda rs: [{k: r[k] for k in ("recording", "onset", "offset", "apex")} for r in rs])
    spot(out, FIRST)
    assert "status" not in rows(out)[0]
    assert (60, 65) not in frames(out)


@pytest.mark.parametrize("text", [None, "", "\ufeff\n", ";;;\n", "recording,onset,offset,note\n"])
def test_a_missing_or_emptied_table_is_made_again(out, text):
    before = (out / "events.csv").read_text()
    edit(out, set_cell(0, status="rejected"))
    spot(out)
    if text is None:
        (out / "events.csv").unlink()
    else:
        (out / "events.csv").write_text(text)
    assert resume(out) == []
    if text and "note" in text:
        assert frames(out) == [(a, c) for a, _, c, _ in FIRST]
    else:
        assert (out / "events.csv").read_text() == before


@pytest.mark.parametrize(
    ("damage", "part"),
    [
        (b"\xff\xfe\x00x", "not UTF-8"),
        (b"one,two\n1,2\n", "need the columns"),
        (b"recording,onset,offset\na,1,2\na,x,4\n", "line 3, column onset: 'x'"),
        (b'recording,onset,offset\na,"1,2\n', "line 2: not a table"),
        (b"recording,onset,offset\na,9,2\n", "line 2: offset 2 is before onset 9"),
    ],
)
def test_a_damaged_table_is_refused_and_left(out, damage, part):
    (out / "events.csv").write_bytes(damage)
    before = (out / "run.json").read_bytes()
    with pytest.raises(UnreadableInput, match="mend it, or move it away") as refused:
        resume(out)
    assert part in str(refused.value)
    assert str(out / "events.csv") in str(refused.value)
    assert (out / "events.csv").read_bytes() == damage
    assert (out / "run.json").read_bytes() == before


@pytest.mark.parametrize(
    "text",
    ["{}", "[]", "1", '{"format": 1}', '{"format": 1, "key": {}}',
     '{"format": 1, "key": {}, "items": {"a": {}}}', '{"format": 1, "key": {}, "items": 3}'],
)  # fmt: skip
def test_a_damaged_run_file_is_refused_and_left(out, text):
    spot(out)
    (out / "run.json").write_text(text)
    with pytest.raises(UnreadableInput, match=r"run\.json: damaged .*; delete it or"):
        resume(out)
    assert (out / "run.json").read_text() == text


def test_an_input_that_cannot_be_read_is_one_line(tmp_path, monkeypatch):
    path = tmp_path / "v.mp4"
    with pytest.raises(UnreadableInput, match="no such file or folder"):
        input_digest(path)
    path.write_bytes(b"x")

    def failing(*_: object) -> str:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(results, "sha256", failing)
    with pytest.raises(UnreadableInput, match=r"v\.mp4: cannot be read \(Input/output error\)"):
        input_digest(path)


def test_a_table_damaged_during_the_run_costs_no_result(out):
    with ResultFolder(out, load_spotter(), VERSIONS) as folder:
        folder.resume()
        good = (out / "events.csv").read_bytes()
        (out / "events.csv").write_bytes(b"one,two\n1,2\n")
        with pytest.raises(UnreadableInput):
            folder.add("b", "d", spotting("b.mp4"), HOW)
    assert (out / "events.csv").read_bytes() == b"one,two\n1,2\n"
    (out / "events.csv").write_bytes(good)
    resume(out)
    assert frames(out) == frames(out, "b") == [(a, c) for a, _, c, _ in FIRST]


def test_results_of_others_stay_until_new_ones_stand(out):
    spot(out, name="b")
    spot(out, SHIFTED, versions=OTHER)
    assert frames(out, "b") == [(a, c) for a, _, c, _ in FIRST]
    assert [r.id for r in read_recordings(out / "recordings.csv")] == ["a", "b"]
    with ResultFolder(out, load_spotter(), OTHER) as folder:
        folder.resume()
        assert folder.stale == ["b"]
        for name in "ab":
            (out / f"{name}.png").touch()
        assert folder.finished("a", "d", HOW)
        assert not folder.finished("b", "d", HOW)
    with pytest.raises(UsageError, match="another recipe"):
        resume(out)


def test_rows_of_nobody_known_stay(out):
    (out / "run.json").unlink()
    before = (out / "events.csv").read_bytes()
    assert "3 rows kept that mespot did not write" in resume(out)[0]
    spot(out)
    assert (out / "events.csv").read_bytes() == before
    assert "offered" not in json.loads((out / "run.json").read_text())
