"""`mespot evaluate`: the table, resuming after Ctrl-C, what it refuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from evaluation_cases import RECIPE, recordings
from mespot.cli import run
from mespot.exports.csv import write_events, write_recordings
from mespot.recipe import dumps

pytest.importorskip("torch", reason="training needs PyTorch")
pytest.importorskip("onnx", reason="training needs onnx")


@pytest.fixture
def toys(tmp_path, monkeypatch):
    """A folder data set of toy recordings, and a recipe for them."""
    monkeypatch.setenv("MESPOT_CACHE", str(tmp_path / "cache"))
    data = tmp_path / "data"
    given = recordings(data)
    write_recordings(data / "recordings.csv", given)
    write_events(data / "events.csv", {r.id: r.expressions for r in given}, given)
    (tmp_path / "toy.toml").write_text(dumps(RECIPE))
    return tmp_path


def command(toys: Path, *more: str) -> list[str]:
    return [
        "evaluate", str(toys / "toy.toml"), "--dataset", "folder", "--root", str(toys / "data"),
        "-o", str(toys / "out"), "--workers", "1", "--set", "scorer.epochs=3", *more,
    ]  # fmt: skip


def test_a_table_on_stdout_and_what_is_done_on_stderr(toys, capsys):
    both = ["--protocol", "default", "--protocol", "paper", "--seed", "3"]
    assert run(command(toys, *both)) == 0
    shown = capsys.readouterr()
    results = json.loads((toys / "out" / "results.json").read_text())["results"]
    lines = shown.out.splitlines()
    assert lines[0].startswith("toys: 8 recordings of 4 subjects, 1.3 minutes")
    for line, result in zip(lines[2:4], results, strict=True):
        assert line.split()[0] == "toy"
        assert f"{result['apex']['f1']:.3f}" in line
    assert "paper (optimistic)" in lines[3]
    assert "not comparable" in lines[4]
    assert "[4/4] toy, fold d" in shown.err
    facts = json.loads((toys / "out/toy/default/fold-a/fold.json").read_text())
    assert facts["recipe_values"]["seed"] == facts["seed"] == 3
    assert facts["recipe_values"]["scorer"]["epochs"] == 3
    # The same command again does nothing but say so.
    assert run(command(toys, *both)) == 0
    again = capsys.readouterr()
    assert "4 folds, 4 of them finished before" in again.err
    assert again.out == shown.out


def test_what_is_refused_is_one_line(toys, capsys):
    for more, code, text in (
        (["--set", "scorer.epoch=3"], 2, "did you mean 'epochs'"),
        (["--set", "choose.nms=[1]"], 2, "did you mean 'nms_s'"),
        (["--field", "recording=x"], 2, "did you mean 'recordings'"),
        (["--set", "fps=30.0"], 2, "fixes its lengths in frames at 30"),
    ):
        assert run(command(toys, *more)) == code
        error = capsys.readouterr().err
        assert text in error
        assert "Traceback" not in error
    wrong = command(toys)
    wrong[3] = "foldr"
    assert run(wrong) == 2
    assert "did you mean 'folder'" in capsys.readouterr().err
    wrong = command(toys)
    wrong[5] = str(toys / "nowhere")
    assert run(wrong) == 4
    assert run(["evaluate", "--dataset", "folder"]) == 2
    assert not (toys / "out").exists()


def test_decode_values_are_chosen_where_the_recipe_asks(toys):
    # A length that no spot can have is never the better choice, and comes first.
    grid = ["--set", "choose.min_s=[5.0, 0.1]", "--set", "choose.max_s=[9.0]"]
    assert run(command(toys, *grid, "--protocol", "default", "--protocol", "paper")) == 0
    chosen = {"default": [], "paper": []}
    for path in (toys / "out").rglob("fold.json"):
        facts = json.loads(path.read_text())
        chosen[facts["protocol"]].append((facts["decode"]["min_s"], facts["decode"]["max_s"]))
    # Under the paper's protocol nothing but its threshold is chosen: the recipe's own lengths stay.
    assert chosen == {"default": [(0.1, 9.0)] * 4, "paper": [(0.1, 1.0)] * 4}


@pytest.mark.slow
def test_ctrl_c_keeps_what_is_finished_and_leaves_no_process(toys, monkeypatch):
    settings = ["--set", "scorer.epochs=200", "--set", "scorer.check_every=50"]
    # The module of the toys brings their descriptor.
    args = [sys.executable, "-c", "import evaluation_cases; from mespot.cli import main; main()"]
    args += command(toys, *settings)
    args[args.index("--workers") + 1] = "2"
    path = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    monkeypatch.setenv("PYTHONPATH", path)
    with subprocess.Popen(args, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        told = ""
        while "[1/4]" not in told:
            line = process.stderr.readline()
            assert line, told
            told += line
        family = psutil.Process(process.pid).children(recursive=True)
        assert len(family) >= 2
        os.kill(process.pid, signal.SIGINT)
        rest = process.stderr.read()
        assert process.wait(60) == 130
    assert "run again to resume" in rest
    assert "Traceback" not in rest
    _, alive = psutil.wait_procs(family, 10)
    assert alive == []
    done = len(list((toys / "out").rglob("fold.json")))
    assert done >= 1
    result = subprocess.run(args, capture_output=True, text=True, check=False)
    assert result.returncode == 0
    assert "of them finished before" in result.stderr
    finished = int(result.stderr.split("4 folds, ")[1].split()[0])
    assert 1 <= finished < 4
