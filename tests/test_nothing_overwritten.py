"""No verb replaces a file that a person wrote or changed; each says so before it works."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

import verdict_cases as cases
from mespot.cli import run
from mespot.errors import UnreadableInput, UsageError
from mespot.exports.csv import read_recording_rows
from mespot.sheet import RecordingRow
from mespot.synthetic import STANDARD, load_portraits
from mespot.synthetic.write import DatasetRequest, write_dataset
from mespot.verdicts import merge_recordings

MINE = "recording,onset,offset,status\na,1,2,confirmed\n"


@pytest.fixture
def out(tmp_path, monkeypatch):
    cases.without_pictures(monkeypatch)
    return tmp_path / "out"


@pytest.fixture
def table(tmp_path):
    """A folder of one's own: three recordings without videos, and their events."""
    folder = tmp_path / "mine"
    folder.mkdir()
    lines = [f"{name},{name},30,90" for name in "abc"]
    text = "\n".join(["recording,subject,fps,n_frames", *lines])
    (folder / "recordings.csv").write_text(text + "\n")
    (folder / "events.csv").write_text("recording,onset,apex,offset\na,10,12,15\n")
    return folder


def refused(capsys, *words: object) -> str:
    code = run([str(w) for w in words])
    err = capsys.readouterr().err
    assert code == 2, err
    assert err.count("\n") == 1
    return err


# recordings.csv of a result folder


def test_what_a_person_wrote_into_recordings_stays(out):
    cases.spot(out)
    path = out / "recordings.csv"
    path.write_text(
        "recording;subject;path;fps;n_frames;room;\n"
        "b;s2;b.mp4;25;10;B;by hand\n"
        "a;s1;a.mp4;30;999;A;\n"
    )
    before = path.read_bytes()
    cases.resume(out)
    assert path.read_bytes() == before
    cases.spot(out, name="c")
    rows = read_recording_rows(path)
    assert [(r.id, r.subject, r.n_frames) for r in rows] == [
        ("b", "s2", 10), ("a", "s1", 999), ("c", "", 120)
    ]  # fmt: skip
    assert rows[0].extra == {"room": "B", "unnamed_7": "by hand"}
    assert rows[1].extra["room"] == "A"


def test_numbers_of_mespot_itself_are_brought_up_to_date():
    old = RecordingRow("a", "", "a.mp4", Fraction(30), 90)
    new = RecordingRow("a", "", "a.mp4", Fraction(25), 80)
    named = replace(old, subject="s1", dataset="mine", extra={"room": "A"})
    assert merge_recordings([named], [old], [new]) == [
        replace(new, subject="s1", dataset="mine", extra={"room": "A"})
    ]
    # A rate by hand stays; an empty cell is filled.
    by_hand = replace(named, fps=Fraction(24), n_frames=None, path="")
    assert merge_recordings([by_hand], [old], [new]) == [
        replace(by_hand, n_frames=80, path="a.mp4")
    ]
    # Never offered: what stands is a person's.
    assert merge_recordings([named], [], [new]) == [named]
    assert merge_recordings([], [], [old]) == [old]


def test_recordings_that_cannot_be_read_stop_the_run_before_any_work(out):
    cases.spot(out)
    (out / "recordings.csv").write_bytes(b"no,table\n1,2\n")
    with pytest.raises(UnreadableInput, match=r"recordings\.csv.*mend it, or move it away"):
        cases.resume(out)
    assert (out / "recordings.csv").read_bytes() == b"no,table\n1,2\n"


@pytest.mark.parametrize("end", ["png", "scores.csv"])
def test_a_picture_or_table_of_another_origin_stays(out, end):
    out.mkdir()
    (out / f"a.{end}").write_text("mine")
    with pytest.raises(UsageError, match=rf"a\.{end}: is there already; choose another folder"):
        cases.spot(out)
    assert (out / f"a.{end}").read_text() == "mine"
    assert not (out / "run.json").exists()


def test_what_a_killed_run_left_is_replaced(out):
    cases.spot(out)
    (out / "run.json").unlink()
    cases.spot(out)
    assert (out / "run.json").is_file()


# Verbs that write a folder


def test_export_and_annotations_refuse_a_folder_with_tables(table, tmp_path, capsys):
    for name in ("recordings.csv", "events.csv", "source.json"):
        target = tmp_path / f"to-{name}"
        target.mkdir()
        (target / name).write_text(MINE)
        err = refused(capsys, "datasets", "export", "folder", table, "-o", target)
        assert f"{target / name}: is there already" in err
        assert [p.name for p in target.iterdir()] == [name]
        assert (target / name).read_text() == MINE
    # The data set's own folder is such a folder too.
    before = (table / "events.csv").read_text()
    refused(capsys, "datasets", "export", "folder", table, "-o", table)
    assert (table / "events.csv").read_text() == before
    err = refused(capsys, "datasets", "annotations", "samm-lv", tmp_path / "x.xlsx", "-o", table)
    assert "recordings.csv: is there already" in err


def test_train_refuses_a_folder_that_holds_a_spotter_or_a_recipe(tmp_path, capsys):
    (tmp_path / "recipe.toml").write_text("name = 'mine'\n")
    words = ("train", tmp_path / "recipe.toml", "-o", tmp_path, "--data", tmp_path)
    assert "recipe.toml: is there already" in refused(capsys, *words)
    (tmp_path / "recipe.toml").rename(tmp_path / "card.md")
    assert "card.md: is there already" in refused(capsys, *words)


def test_evaluate_refuses_a_folder_of_data(table, capsys):
    before = (table / "recordings.csv").read_text()
    recipe = table / "r.toml"
    recipe.write_text("name = 'r'\n[scorer]\nname = 'random'\n")
    words = ("evaluate", recipe, "--dataset", "folder", "--root", table, "-o", table)
    err = refused(capsys, *words)
    assert "recordings.csv: is there already" in err
    assert (table / "recordings.csv").read_text() == before


@pytest.mark.parametrize("name", ["recordings.csv", "events.csv"])
def test_synth_refuses_a_folder_with_tables(tmp_path, name):
    (tmp_path / name).write_text(MINE)
    with pytest.raises(UsageError, match="is there already"):
        write_dataset(
            load_portraits(None), tmp_path, DatasetRequest(1, 2.0, Fraction(30), 1, STANDARD)
        )
    assert [p.name for p in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["demo.mp4", "truth.csv"])
def test_demo_refuses_a_folder_with_files_of_its_names(tmp_path, capsys, name):
    (tmp_path / name).write_text(MINE)
    assert f"{name}: is there already" in refused(capsys, "demo", "-o", tmp_path)
    assert (tmp_path / name).read_text() == MINE


def test_score_writes_curves_over_curves_alone(table, capsys):
    words = ("score", table / "events.csv", table / "events.csv", "--curves", table / "c.json")
    for _ in range(2):
        assert run([str(w) for w in words]) == 0
    capsys.readouterr()
    err = refused(capsys, *words[:-1], table / "recordings.csv")
    assert "recordings.csv: is there already; choose another file" in err
    assert Path(table / "recordings.csv").read_text().startswith("recording,subject")
