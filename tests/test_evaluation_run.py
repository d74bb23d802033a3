"""All folds: files, resuming, and figures that `mespot score` finds in them too."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from evaluation_cases import (
    CHANCE,
    FPS,
    QUICK,
    READ,
    N,
    Toy,
    plan_in,
    recordings,
    rows,
    truth_of,
    without_times,
)
from mespot import code_hash
from mespot.cli import run
from mespot.decoding import Decode, decode
from mespot.errors import UsageError
from mespot.evaluation import fold_folder
from mespot.evaluation.run import evaluate, subject_folds
from mespot.exports.csv import read_events, write_events
from mespot.protocol import Sample
from mespot.rows import NoFace
from mespot.types import Expression, Fold, FrameMap, FrameSeries, Reading, Recording

pytest.importorskip("torch", reason="training needs PyTorch")
pytest.importorskip("onnx", reason="training needs onnx")


@pytest.fixture
def described():
    """Ids of the recordings that were described in this process."""
    READ.clear()
    return READ


def run_and_tell(plan):
    lines: list[str] = []
    results = evaluate(plan, lines.append)
    return results, "\n".join(lines)


def stamps(out: Path) -> dict[str, int]:
    return {str(p.relative_to(out)): p.stat().st_mtime_ns for p in out.rglob("fold-*/*")}


def test_score_finds_the_same_figures_in_the_files(tmp_path, capsys):
    plan = plan_in(tmp_path, (QUICK, CHANCE))
    results, _ = run_and_tell(plan)
    assert [(r["recipe"], r["protocol"]) for r in results] == [
        ("toy", "default"), ("toy", "paper"), ("chance", "default"), ("chance", "paper"),
    ]  # fmt: skip
    for r in results:
        home = plan.out / r["recipe"] / r["protocol"]
        command = ["score", str(plan.out / "truth.csv"), str(home / "events.csv")]
        command += ["--recordings", str(plan.out / "recordings.csv"), "--kind", "micro", "--json"]
        assert run([*command, "--bootstrap", "2000", "--by", "subject"]) == 0
        scored = json.loads(capsys.readouterr().out)
        for rule in ("apex", "megc"):
            theirs = scored[rule]["micro"]
            assert {k: r[rule][k] for k in theirs if k in r[rule]} == {
                k: v for k, v in theirs.items() if k in r[rule]
            }
            assert {"tp", "fp", "fn", "f1", "f1_interval", "false_alarms_per_minute"} <= (
                theirs.keys() & r[rule].keys()
            )
            by_subject = scored["by_subject"][rule]
            assert {s: kinds["micro"]["f1"] for s, kinds in by_subject.items()} == (
                r[rule]["f1_by_subject"]
            )
        assert json.loads((home / "metrics.json").read_text()) == r
    assert results[0]["apex"]["tp"] + results[0]["apex"]["fn"] == 24
    assert results[0]["minutes"] == pytest.approx(8 * N / 25 / 60)


def test_what_a_folder_holds(tmp_path):
    plan = plan_in(tmp_path)
    evaluate(plan)
    for protocol in ("default", "paper"):
        home = plan.out / "toy" / protocol
        pooled = {}
        for subject in "abcd":
            folder = home / f"fold-{subject}"
            facts = json.loads((folder / "fold.json").read_text())
            assert facts["test"] == [f"{subject}0", f"{subject}1"]
            assert sorted(facts["train"] + facts["test"]) == sorted(r.id for r in plan.recordings)
            assert subject not in facts["inner_subjects"]
            assert facts["optimistic"] == (protocol == "paper")
            assert facts["done"] is True
            assert (facts["weights_sha256"] is None) == (protocol == "paper")
            assert 1 <= facts["epoch"] <= 3
            events = read_events(folder / "events.csv", plan.recordings)
            pooled |= events
            # The stored scores give the stored spots: nothing else is needed to judge again.
            config = Decode(**facts["decode"])
            for name, kept in fold_folder.read_scores(folder / "scores.npz").items():
                curve = FrameSeries(
                    kept["scores"][:, None], kept["first"], kept["step"], kept["span"],
                    kept["n_frames"], FPS,
                )  # fmt: skip
                limit = facts["threshold"] if protocol == "default" else None
                again = decode(curve, config, limit)
                told = events.get(name, [])
                assert [(e.onset, e.apex, e.offset) for e in again] == [
                    (e.onset, e.apex, e.offset) for e in told
                ]
            peaks = read_events(folder / "peaks.csv", plan.recordings)
            assert sum(map(len, peaks.values())) >= sum(map(len, events.values()))
        assert read_events(home / "events.csv") == pooled
        text = (home / "events.csv").read_text()
        assert ("paper (optimistic)" in text) == (protocol == "paper")
    assert read_events(plan.out / "truth.csv")["a0"] == list(truth_of("a0"))


def test_finished_folds_are_kept(tmp_path, described):
    plan = plan_in(tmp_path)
    first, told = run_and_tell(plan)
    assert "0 of them finished before" in told
    before = stamps(plan.out)
    described.clear()
    again, told = run_and_tell(plan)
    assert "4 folds, 4 of them finished before" in told
    assert described == []  # Rows came from the cache.
    assert again == first
    assert stamps(plan.out) == before


def test_a_stopped_run_goes_on(tmp_path, monkeypatch):
    plan = plan_in(tmp_path)
    whole = evaluate(replace(plan, out=tmp_path / "whole"))
    write, done = fold_folder.write_fold, []

    def stop_in_the_third(folder, *rest):
        if len(done) == 4:  # Two folds under two protocols.
            raise KeyboardInterrupt
        done.append(folder)
        return write(folder, *rest)

    monkeypatch.setattr(fold_folder, "write_fold", stop_in_the_third)
    with pytest.raises(KeyboardInterrupt):
        evaluate(plan)
    assert not (plan.out / "results.json").exists()
    before = stamps(plan.out)
    monkeypatch.setattr(fold_folder, "write_fold", write)
    rest, told = run_and_tell(plan)
    assert "4 folds, 2 of them finished before" in told
    after = stamps(plan.out)
    assert {name: after[name] for name in before} == before
    for one, other in zip(whole, rest, strict=True):
        assert without_times(one) == without_times(other)


@pytest.mark.parametrize("what", ["recipe", "pixels", "file", "half"])
def test_what_changed_is_done_again(tmp_path, what):
    plan = plan_in(tmp_path, protocols=("default",))
    evaluate(plan)
    expected = "0 of them finished"
    if what == "recipe":
        plan = replace(plan, recipes=(replace(QUICK, seed=5),))
    elif what == "pixels":
        Path(str(plan.recordings[0].source)).write_text("other pixels")
    else:
        name = "scores.npz" if what == "file" else "fold.json"
        (plan.out / "toy" / "default" / "fold-b" / name).unlink()
        expected = "3 of them finished"
    assert expected in run_and_tell(plan)[1]
    assert "4 of them finished" in run_and_tell(plan)[1]


def test_code_that_decides_counts_too(tmp_path, monkeypatch):
    plan = plan_in(tmp_path, (CHANCE,), ("default",))
    evaluate(plan)
    monkeypatch.setattr("mespot.evaluation.run.plugin_hash", lambda *_: "other code")
    assert "0 of them finished" in run_and_tell(plan)[1]


@pytest.mark.parametrize("library", ["scikit-learn", "numba", "torch", "onnxruntime"])
def test_libraries_that_learn_count_too(tmp_path, monkeypatch, library):
    plan = plan_in(tmp_path, (CHANCE,), ("default",))
    evaluate(plan)
    version = code_hash._version
    monkeypatch.setattr(
        code_hash, "_version", lambda name: "0" if name == library else version(name)
    )
    assert "0 of them finished" in run_and_tell(plan)[1]


def test_a_second_protocol_is_added_beside(tmp_path):
    plan = plan_in(tmp_path, protocols=("default",))
    (alone,) = evaluate(plan)
    results = evaluate(replace(plan, protocols=("default", "paper")))
    assert [f["weights_sha256"] for f in results[0]["folds"]] == [
        f["weights_sha256"] for f in alone["folds"]
    ]
    assert results[1]["optimistic"] is True


def test_recordings_that_cannot_be_used_count_as_missed(tmp_path, monkeypatch):
    def read(_toy, recording):
        if recording.id == "a1":
            raise NoFace("a1: no face found in 240 frames", Reading(N, N))
        return rows(recording)

    monkeypatch.setattr(Toy, "read_rows", read)
    plan = plan_in(tmp_path, (CHANCE,), ("default",))
    (result,), told = run_and_tell(plan)
    assert "a1: no face found" in told
    assert result["recordings"] == 8
    assert result["apex"]["tp"] + result["apex"]["fn"] == 24
    facts = json.loads((plan.out / "chance/default/fold-a/fold.json").read_text())
    assert facts["unusable"] == ["a1"]
    assert json.loads((plan.out / "results.json").read_text())["unusable"].keys() == {"a1"}
    assert "a1" not in read_events(plan.out / "chance/default/peaks.csv")


def test_spots_of_a_varying_rate_are_in_frames_of_the_file(tmp_path):
    """Grid frames 0 1 2 3 show file frames 0 0 1 2: a spot on [1, 3], apex 2, is [0, 2], apex 1."""
    series = FrameSeries(np.zeros((4, 1), np.float32), 0, 1, 1, 4, FPS)
    one = Sample("x", "s", series, np.ones(4, bool), (), frames=FrameMap(np.array([0, 0, 1, 2])))
    moved = one.in_source(Expression(1, 2, 3, score=0.5))
    assert (moved.onset, moved.apex, moved.offset, moved.score) == (0, 1, 2, 0.5)


def test_folds_of_recordings():
    given = recordings_without_files()
    folds = subject_folds(given)
    assert [(f.name, f.test) for f in folds] == [("a", ("a0", "a1")), ("b", ("b0", "b1"))]
    with pytest.raises(ValueError, match="subject a is in train and in test"):
        Fold("a", ("a0",), ("a1",), {"a0": "a", "a1": "a"})


def recordings_without_files():
    return [Recording(f"{s}{k}", s, Fraction(25)) for s in "ab" for k in range(2)]


def test_what_cannot_be_evaluated_is_one_clear_line(tmp_path):
    plan = plan_in(tmp_path)
    other = replace(QUICK, fps=30.0)
    for changed, text in (
        (replace(plan, recordings=plan.recordings[:4]), "at least 3 are needed"),
        (replace(plan, recordings=()), "no recording"),
        (replace(plan, recipes=(QUICK, QUICK)), "two recipes are called 'toy'"),
        (replace(plan, recipes=(other,)), "fixes its lengths in frames at 30"),
        (replace(plan, protocols=("papers",)), "none of default, paper"),
        (replace(plan, recipes=()), "name a recipe"),
    ):
        with pytest.raises(UsageError, match=text):
            evaluate(changed)
    assert not plan.out.exists()


def test_names_that_file_systems_do_not_take(tmp_path):
    assert fold_folder.safe_name("s 1/../x") == "s_1_.._x"
    assert fold_folder.safe_name("..") == "_"
    given = recordings(tmp_path / "data")
    given = [replace(r, subject=f"{r.subject}/{r.subject}?") for r in given]
    plan = plan_in(tmp_path, (CHANCE,), ("default",), recordings=given)
    evaluate(plan)
    names = {p.name for p in (plan.out / "chance" / "default").glob("fold-*")}
    assert names == {f"fold-{s}_{s}" for s in "abcd"}


def test_figures_are_those_of_the_files_not_of_the_run(tmp_path):
    """Spots set by hand into the stored files: two right, one of them twice, one wrong."""
    from mespot.evaluation.figures import figures_of

    plan = plan_in(tmp_path, (CHANCE,), ("default",))
    evaluate(plan)
    t = truth_of("a0")
    right = [Expression(e.onset, e.apex, e.offset, score=0.9) for e in t[:2]]
    twice = Expression(t[0].offset, t[0].offset, t[0].offset + 30, score=0.5)
    wrong = Expression(0, 1, 2, score=0.4)
    run_folder = plan.out / "chance" / "default"
    for name in ("events.csv", "peaks.csv"):
        write_events(run_folder / name, {"a0": [*right, twice], "b0": [wrong]}, plan.recordings)
    found = figures_of(plan.out, run_folder)
    minutes = 8 * N / 25 / 60
    assert (found["apex"]["tp"], found["apex"]["fp"], found["apex"]["fn"]) == (2, 2, 22)
    assert found["apex"]["false_alarms_per_minute"] == pytest.approx(2 / minutes)
    assert found["apex"]["f1_by_subject"]["a"] == pytest.approx(2 * 2 / (4 + 1 + 4))
    # F1 of a0 is 4 / (4 + 1 + 1), of the seven others 0.
    assert found["apex"]["f1_mean_over_recordings"] == pytest.approx(4 / 6 / 8)
    assert found["recall_at_1_per_minute"] == pytest.approx(2 / 24)
    assert found["average_precision"] == pytest.approx(2 / 24)
