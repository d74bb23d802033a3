"""The folder of an evaluation: one data set, what made it, results of several commands."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from evaluation_cases import CHANCE, QUICK, N, plan_in, recordings, truth_of
from mespot.cli import run
from mespot.datasets.folder import Folder
from mespot.errors import UnreadableInput, UsageError
from mespot.evaluation import fold_folder
from mespot.evaluation.run import evaluate
from mespot.exports.csv import write_events, write_recordings
from mespot.files import sha256
from mespot.recipe import dumps

pytest.importorskip("torch", reason="training needs PyTorch")
pytest.importorskip("onnx", reason="training needs onnx")

OTHER = replace(CHANCE, name="other")


@pytest.fixture
def plan(tmp_path):
    return plan_in(tmp_path, (CHANCE,), ("default",))


def summary(plan):
    return json.loads((plan.out / "results.json").read_text())


def told(plan):
    return json.loads((plan.out / "run.json").read_text())


def test_run_json_tells_what_made_the_results(plan):
    origin = {"name": "folder", "truth": {"sheet": "events.csv"}}
    versions = {"mespot": "1", "torch": "2"}
    evaluate(replace(plan, origin=origin, versions=versions))
    run_ = told(plan)
    assert run_["versions"] == versions
    assert run_["dataset"] == {"label": "toys", "synthetic": False, **origin}
    assert run_["recipes"] == {
        "chance": {"recipe_sha256_16": CHANCE.hash, "seed": CHANCE.seed},
    }
    assert list(run_["recordings"]) == [r.id for r in plan.recordings]
    for r in plan.recordings:
        assert run_["recordings"][r.id] == {
            "path": r.source, "sha256": sha256(str(r.source)), "length": N, "frames": N,
            "fps": "25", "fps_source": "timestamps", "frames_without_face": 0,
            "decode_failures": 0, "faces": 1, "notes": [],
        }  # fmt: skip
    # From the cache the same is told.
    evaluate(replace(plan, out=plan.out.with_name("again"), origin=origin, versions=versions))
    assert json.loads((plan.out.with_name("again") / "run.json").read_text()) == run_


def test_twins_say_that_they_are(tmp_path):
    given = [replace(r, dataset="smic-vis-e twin") for r in recordings(tmp_path / "data")]
    plan = plan_in(tmp_path, (CHANCE,), ("default",), recordings=given)
    lines: list[str] = []
    (result,) = evaluate(plan, lines.append)
    assert "smic-vis-e twin (synthetic)" in "\n".join(lines)
    assert result["dataset"] == "smic-vis-e twin (synthetic)"
    assert result["synthetic"] is True
    run_folder = plan.out / "chance" / "default"
    for path in (run_folder / "events.csv", run_folder / "fold-a" / "peaks.csv"):
        assert "smic-vis-e twin (synthetic)" in path.read_text()
    for path in (run_folder / "metrics.json", run_folder / "fold-a" / "fold.json"):
        assert json.loads(path.read_text())["synthetic"] is True
    assert "smic-vis-e twin" in (plan.out / "recordings.csv").read_text()


@pytest.mark.parametrize("what", ["truth", "subject", "id", "label", "length", "fewer"])
@pytest.mark.parametrize("known", ["run.json", "tables"])
def test_another_data_set_is_refused_and_changes_nothing(plan, what, known):
    evaluate(plan)
    if known == "tables":
        (plan.out / "run.json").unlink()
    before = {p: p.read_bytes() for p in plan.out.rglob("*") if p.is_file()}
    first, *others = plan.recordings
    text = "of other recordings or truth"
    if what == "truth":
        first = replace(first, expressions=truth_of("a0", 9))
    elif what == "subject":
        first = replace(first, subject="x")
    elif what == "id":
        first = replace(first, id="x0")
    elif what == "label":
        first, text = replace(first, dataset="others"), "holds results of toys"
    elif what == "length":
        first = replace(first, n_frames=N + 1)
    given = others if what == "fewer" else (first, *others)
    with pytest.raises(UsageError, match=text) as refused:
        evaluate(replace(plan, recordings=tuple(given)))
    assert "choose another folder with -o" in str(refused.value)
    assert {p: p.read_bytes() for p in plan.out.rglob("*") if p.is_file()} == before
    assert "4 of them finished" in lines_of(plan)


def lines_of(plan):
    lines: list[str] = []
    evaluate(plan, lines.append)
    return "\n".join(lines)


def test_others_are_refused_before_anything_is_described(plan):
    evaluate(plan)
    moved = replace(plan.recordings[0], expressions=())
    lines: list[str] = []
    with pytest.raises(UsageError):
        evaluate(replace(plan, recordings=(moved, *plan.recordings[1:])), lines.append)
    assert lines == []


def test_lengths_that_are_not_listed_are_the_same_data(plan):
    bare = replace(plan, recordings=tuple(replace(r, n_frames=None) for r in plan.recordings))
    evaluate(bare)
    assert "4 of them finished" in lines_of(bare)
    assert "4 of them finished" in lines_of(plan)


def test_other_recipes_on_the_same_data_stay_in_the_results(plan):
    first = evaluate(plan)
    second = evaluate(replace(plan, recipes=(OTHER, QUICK)))
    assert [r["recipe"] for r in second] == ["other", "toy"]
    assert summary(plan)["results"] == [*first, *second]
    assert list(told(plan)["recipes"]) == ["chance", "other", "toy"]
    # A second protocol stands beside; done again, a result takes its own place.
    third = evaluate(replace(plan, protocols=("default", "paper")))
    results = summary(plan)["results"]
    assert results == [*third[:1], *second, *third[1:]]
    # Of a changed recipe nothing stays that was of the earlier one.
    fourth = evaluate(replace(plan, recipes=(replace(CHANCE, seed=5),)))
    assert summary(plan)["results"] == [*second, *fourth]
    assert told(plan)["recipes"]["chance"]["seed"] == 5


def test_results_of_other_videos_do_not_stay(plan):
    """The same names, lengths and truth, but other pixels."""
    evaluate(plan)
    Path(str(plan.recordings[0].source)).write_text("other pixels")
    told_ = lines_of(replace(plan, recipes=(OTHER,)))
    assert "earlier results leave results.json" in told_
    assert [r["recipe"] for r in summary(plan)["results"]] == ["other"]
    assert list(told(plan)["recipes"]) == ["other"]


def test_a_run_that_was_stopped_goes_on(plan, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    write = fold_folder.write_fold
    monkeypatch.setattr(fold_folder, "write_fold", stop)
    with pytest.raises(KeyboardInterrupt):
        evaluate(plan)
    assert told(plan)["key"]["dataset"] == "toys"
    monkeypatch.setattr(fold_folder, "write_fold", write)
    assert len(evaluate(plan)) == 1


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_damaged_run_json_is_one_clear_line(plan, text):
    plan.out.mkdir()
    (plan.out / "run.json").write_text(text)
    with pytest.raises(UnreadableInput, match=r"run.json: damaged"):
        evaluate(plan)


def test_the_folder_of_another_command_is_refused(plan):
    plan.out.mkdir()
    (plan.out / "run.json").write_text(json.dumps({"format": 1, "items": {}}))
    with pytest.raises(UsageError, match="of another command or version"):
        evaluate(plan)


@pytest.fixture
def command(tmp_path, plan, monkeypatch):
    monkeypatch.setenv("MESPOT_CACHE", str(tmp_path / "cache"))
    data = tmp_path / "data"
    given = recordings(data)
    write_recordings(data / "recordings.csv", given)
    write_events(data / "events.csv", {r.id: r.expressions for r in given}, given)
    (tmp_path / "chance.toml").write_text(dumps(CHANCE))
    return [
        "evaluate", str(tmp_path / "chance.toml"), "--dataset", "folder", "--root", str(data),
        "--workers", "1", "-o",
    ]  # fmt: skip


def test_a_place_that_takes_no_folder_is_refused_first(tmp_path, command, capsys):
    (tmp_path / "afile").write_text("")
    assert run([*command, str(tmp_path / "afile" / "x")]) == 2
    error = capsys.readouterr().err
    assert "cannot be written" in error
    assert "choose another folder with -o" in error
    assert "describing" not in error


def test_the_command_tells_versions_and_where_the_data_come_from(tmp_path, command):
    assert run([*command, str(tmp_path / "out")]) == 0
    run_ = json.loads((tmp_path / "out" / "run.json").read_text())
    assert {"mespot", "numpy", "torch", "scikit-learn", "dlib-bin"} <= run_["versions"].keys()
    assert run_["dataset"]["name"] == "folder"
    assert run_["dataset"]["root"] == str(tmp_path / "data")


def test_what_a_data_set_tells_of_its_truth_is_kept(tmp_path, command, monkeypatch):
    def provenance(self, root):
        return {"sheet": self.events, "at": Path(root).name}

    monkeypatch.setattr(Folder, "provenance", provenance)
    assert run([*command, str(tmp_path / "out")]) == 0
    run_ = json.loads((tmp_path / "out" / "run.json").read_text())
    assert run_["dataset"]["truth"] == {"sheet": "events.csv", "at": "data"}


def test_videos_that_are_all_missing_give_code_4(tmp_path, command, capsys):
    for r in recordings(tmp_path / "data"):
        Path(str(r.source)).unlink()
    assert run([*command, str(tmp_path / "out")]) == 4
    assert "no such file" in capsys.readouterr().err
