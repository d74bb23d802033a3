"""`mespot train` and `mespot demo` end to end on small synthetic recordings."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from mespot.cache import Cache
from mespot.cli import run
from mespot.errors import UsageError
from mespot.exports.csv import read_events, read_recordings
from mespot.spotter import load_spotter
from mespot.synthetic import STANDARD, DatasetRequest, load_portraits, write_dataset

SMALL = replace(
    STANDARD, width=320, height=240, eye_px=(46.0, 54.0), micro_per_minute=40.0,
    macro_per_minute=0.0, speech_per_minute=0.0, nod_per_minute=0.0,
)  # fmt: skip
QUICK = ["--set", "scorer.epochs=2", "--set", "scorer.train_stride=10", "--workers", "1"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Two recordings of eight seconds, of two people, full of micro-expressions."""
    pytest.importorskip("torch")
    pytest.importorskip("skimage")
    folder = tmp_path_factory.mktemp("data")
    write_dataset(load_portraits(None), folder, DatasetRequest(2, 8.0, Fraction(30), 5, SMALL))
    return folder


def test_a_trained_spotter_spots_without_what_it_was_trained_with(data, tmp_path, capsys):
    rows, out = tmp_path / "rows", tmp_path / "spotter"
    command = ["train", "default", "-o", str(out), "--data", str(data), "--work", str(rows)]
    command += ["--describe-training", "Two toys.", *QUICK]
    assert run(command) == 0
    assert "2 recordings of 2 subjects" in capsys.readouterr().err
    spotter = load_spotter(out)
    assert "Two toys." in spotter.card
    assert spotter.recipe.scorer.epochs == 2
    assert {"onnx", "threshold", "epoch", "mean"} <= spotter.weights.keys()
    # The rows are kept: a second run reads them and comes to the same weights, bit for bit.
    assert [e.meta["kind"] for e in Cache(rows).entries()].count("rows") == 2
    assert run([*command[:3], str(tmp_path / "again"), *command[4:]]) == 0
    again = load_spotter(tmp_path / "again")
    assert again.weights_hash == spotter.weights_hash
    video = next(data.glob("*.mp4"))
    assert run(["spot", str(video), "-o", str(tmp_path / "s"), "--spotter", str(out)]) == 0
    assert read_recordings(tmp_path / "s" / "recordings.csv")[0].n_frames == 240


def test_a_trained_spotter_keeps_the_decode_values_that_were_chosen(data, tmp_path, capsys):
    out = tmp_path / "spotter"
    command = ["train", "default", "-o", str(out), "--data", str(data), *QUICK]
    # A length that no spot can have is never the better choice, and comes first.
    command += ["--set", "choose.min_s=[5.0, 0.05]", "--set", "choose.max_s=[9.0]"]
    assert run(command) == 0
    assert "min_s 0.05, max_s 9.0" in capsys.readouterr().err
    recipe = load_spotter(out).recipe
    assert recipe.choose == {}
    assert (recipe.decode.min_s, recipe.decode.max_s) == (0.05, 9.0)


def test_evaluation_leaves_out_groups_of_subjects(data, tmp_path, monkeypatch):
    seen = []

    def judge(recipe, samples, folds, workers, also):
        seen.extend(folds)
        raise UsageError("enough seen")

    monkeypatch.setattr("mespot.evaluation.cross_validation.cross_validate", judge)
    command = ["train", "default", "-o", str(tmp_path / "x"), "--data", str(data), "--evaluate"]
    assert run([*command, "--folds", "2", *QUICK]) == 2
    assert [f.name for f in seen] == ["group0", "group1"]
    assert sorted(seen[0].test + seen[1].test) == sorted(seen[0].train + seen[1].train)
    seen.clear()
    assert run([*command, *QUICK]) == 2
    assert len({f.name for f in seen}) == 2
    assert not any(f.name.startswith("group") for f in seen)


def test_nothing_to_learn_from_is_one_line(data, tmp_path, capsys):
    assert run(["train", "default", "-o", str(tmp_path / "x")]) == 2
    assert "--data DIR" in capsys.readouterr().err
    assert run(["train", "defualt", "-o", str(tmp_path / "x"), "--data", str(data)]) == 2
    assert "did you mean 'default'" in capsys.readouterr().err
    assert run(["train", "default", "-o", str(tmp_path / "x"), "--data", str(tmp_path)]) == 4
    assert not (tmp_path / "x").exists()


def test_demo_shows_truth_beside_spots(tmp_path, capsys):
    assert run(["demo", "-o", str(tmp_path), "--seconds", "6"]) == 0
    shown = capsys.readouterr().out
    truth = read_events(tmp_path / "truth.csv")["demo"]
    micro = [e for e in truth if e.kind == "micro"]
    assert f"of {len(micro)} found" in shown
    for name in ("demo.mp4", "demo.png", "events.csv", "demo.scores.csv"):
        assert (tmp_path / name).stat().st_size > 0
        assert name in shown
    spots = read_events(tmp_path / "events.csv").get("demo", [])
    assert all(0 <= s.onset <= s.apex <= s.offset < 180 for s in spots)
    assert np.isfinite([s.score for s in spots]).all()


def test_doctor_finds_all_well(capsys):
    assert run(["doctor"]) == 0
    shown = capsys.readouterr().out
    assert "all is well" in shown
    assert "packaged spotter 'default'" in shown
