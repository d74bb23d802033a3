"""Rejected rows count neither as truth nor as predictions, and every reader says how many."""

from __future__ import annotations

import json
import logging

import pytest

from mespot.cli import run
from mespot.cli.evaluate import load
from mespot.cli.train import _samples
from mespot.datasets.folder import Folder

HEAD = "recording,onset,apex,offset,kind,status\n"
TRUTH = HEAD + "a,10,12,15,micro,\na,50,55,60,micro,rejected\nb,1,2,3,micro,Rejected \n"
SPOTS = HEAD + "a,10,12,15,micro,unseen\na,50,55,60,micro,unseen\nb,5,6,7,micro,rejected\n"


@pytest.fixture
def root(tmp_path):
    (tmp_path / "recordings.csv").write_text(
        "recording,subject,path,fps,n_frames\na,s1,a.mp4,25,100\nb,s2,b.mp4,25,100\n"
    )
    (tmp_path / "events.csv").write_text(TRUTH)
    (tmp_path / "spots.csv").write_text(SPOTS)
    return tmp_path


def numbers(capsys, *args):
    assert run(["score", *map(str, args), "--json"]) == 0
    shown = capsys.readouterr()
    found = json.loads(shown.out)["apex"]["micro"]
    return [found[n] for n in ("tp", "fp", "fn")], shown.err


@pytest.mark.parametrize(
    ("truth", "spots", "expected", "left_out"),
    [
        ("events.csv", "spots.csv", [1, 1, 0], ["events.csv: 2 of 3", "spots.csv: 1 of 3"]),
        ("spots.csv", "events.csv", [1, 0, 1], ["spots.csv: 1 of 3", "events.csv: 2 of 3"]),
        ("events.csv", "events.csv", [1, 0, 0], ["events.csv: 2 of 3"]),
    ],
)
def test_score(root, capsys, truth, spots, expected, left_out):
    found, told = numbers(capsys, root / truth, root / spots)
    assert found == expected
    for part in left_out:
        assert f"{root / part} events are left out, their status is rejected" in told


def test_score_without_rejected_rows_says_nothing(root, capsys):
    (root / "events.csv").write_text(TRUTH.replace("ejected", "epaired"))
    (root / "spots.csv").write_text(SPOTS.replace("rejected", "unseen"))
    found, told = numbers(capsys, root / "events.csv", root / "spots.csv")
    assert found == [2, 1, 1]
    assert "left out" not in told


def test_a_folder_as_truth(root, caplog):
    with caplog.at_level(logging.WARNING):
        found = {r.id: len(r.expressions) for r in Folder().load(root)}
    assert found == {"a": 1, "b": 0}
    assert len(caplog.messages) == 1
    assert "events.csv: 2 of 3 events are left out" in caplog.text


def test_verify(root, capsys, caplog):
    assert run(["datasets", "verify", "folder", str(root), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["counts"]["micro"]["found"] == 1
    assert caplog.text.count("2 of 3 events are left out") == 1


def test_evaluate(root, caplog):
    assert [len(r.expressions) for r in load("folder", root, ()).recordings] == [1, 0]
    assert caplog.text.count("2 of 3 events are left out") == 1


def test_train(root, monkeypatch, caplog):
    from mespot import rows
    from mespot.errors import UsageError
    from mespot.recipe import load_recipe

    given = []
    monkeypatch.setattr(rows, "collect", lambda _, listed, *__: (given.extend(listed), ([], []))[1])
    options = {"data": [str(root)], "also": [], "work": None, "workers": 1, "footage": []}
    with pytest.raises(UsageError):
        _samples(load_recipe("default"), options)
    assert [len(r.expressions) for r in given] == [1, 0]
    assert caplog.text.count("2 of 3 events are left out") == 1


def test_the_command_line_shows_the_line_on_standard_error(root):
    import subprocess
    import sys

    code = "import sys; from mespot.cli import run; sys.exit(run(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", code, "datasets", "verify", "folder", str(root)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    lines = [line for line in done.stderr.splitlines() if "left out" in line]
    assert lines == [f"{root / 'events.csv'}: 2 of 3 events are left out, their status is rejected"]
