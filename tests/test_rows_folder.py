"""Folders of another tool's rows: read, checked before any learning, evaluated and learned from."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from mespot.cache import Cache
from mespot.cli import run
from mespot.decoding import Decode, decode
from mespot.descriptors.rows import ExternalRows
from mespot.errors import UnreadableInput
from mespot.evaluation.describe import EvaluationPlan
from mespot.evaluation.run import evaluate
from mespot.protocol import Sample, learn, score_samples
from mespot.recipe import Recipe, load_recipe
from mespot.rows import RowsGone, keys_of, load_or_make, load_rows, make_rows, rows_of
from mespot.rows_folder import examine, load_rows_folder
from mespot.scorers.lstm import Lstm
from mespot.scorers.random import Random
from mespot.spotter import Spotter, load_spotter
from mespot.synthetic import STANDARD, load_portraits, render_recording
from mespot.types import Expression, FrameSeries, Recording
from rows_cases import NAMES, ONSETS, N, columns_csv, replace_in, rows_folder, values_of

SCORER = Lstm(
    epochs=10,
    units=8,
    learning_rate=0.02,
    window_s=0.6,
    normalise=("zscore",),
    label_s=0.3,
    train_stride=1,
    batch=64,
)
DECODE = Decode(min_s=0.1, max_s=0.8)
TINY = [
    f"--set=scorer.{setting}"
    for setting in (
        "epochs=10", "units=8", "networks=1", "check_every=1", "train_stride=1", "batch=64",
        "learning_rate=0.02", "window_s=0.6", "noise=0", "dropout=0",
    )
]  # fmt: skip


def needs_torch() -> None:
    pytest.importorskip("torch", reason="learning needs the extra train")


# Reading.


def test_csv_and_npz_are_read_alike(tmp_path):
    mixed = load_rows_folder(rows_folder(tmp_path / "a", npz=("ben0", "dora1")))
    plain = load_rows_folder(rows_folder(tmp_path / "b"))
    assert [r.id for r in mixed.recordings] == [r.id for r in plain.recordings]
    for a, b in zip(mixed.recordings, plain.recordings, strict=True):
        assert (a.subject, a.fps, a.n_frames, a.expressions) == (b.subject, b.fps, N, b.expressions)
        both = [rows_of(Recipe(descriptor=mixed.descriptor), r).series.values for r in (a, b)]
        assert np.allclose(*both, atol=1e-4)
    assert mixed.descriptor == ExternalRows(columns=NAMES)
    first = mixed.recordings[0]
    assert first.expressions[0] == Expression(40, 45, 49)
    assert Path(first.source or "").name == "anna0.csv"


def test_recordings_csv_names_files_lengths_spans_and_numbering(tmp_path):
    folder = tmp_path / "rows"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "one.csv").write_text("frame,x\n1,5\n3,6\n")
    (folder / "recordings.csv").write_text(
        "recording,subject,fps,path,n_frames,span,step,first_frame\n"
        "a,s,30000/1001,deep/one.csv,20,4,2,1\n"
    )
    (folder / "events.csv").write_text("recording,onset,apex,offset\na,2,3,19\n")
    found = load_rows_folder(folder)
    assert found.descriptor == ExternalRows(4, 2, ("x",), first_frame=1)
    recording = found.recordings[0]
    assert (recording.n_frames, recording.fps) == (20, Fraction(30000, 1001))
    series = rows_of(Recipe(descriptor=found.descriptor), recording).series
    assert (series.first, series.step, series.span, len(series)) == (0, 2, 4, 2)


def test_rejected_events_are_left_out_with_a_note(tmp_path):
    folder = rows_folder(tmp_path / "a")
    replace_in(folder / "events.csv", "kind\n", "kind,status\n")
    replace_in(folder / "events.csv", "anna0,40,45,49,micro\n", "anna0,40,45,49,micro,rejected\n")
    found = load_rows_folder(folder)
    assert [e.onset for e in found.recordings[0].expressions] == [110, 190]
    assert "1 of 24 events are left out" in found.notes[0]


def test_recipes_mirror_only_where_columns_say_how(tmp_path):
    folder = rows_folder(tmp_path / "a")
    default = load_recipe("default")
    assert default.mirror
    changed, notes = load_rows_folder(folder).adapt(default)
    assert not changed.mirror
    assert len(notes) == 1
    assert "mirror is off" in notes[0]
    columns_csv(folder)
    changed, notes = load_rows_folder(folder).adapt(default)
    assert changed.mirror
    assert notes == []
    assert changed.scorer == default.scorer


# What is wrong is known before any learning.


def _drop(folder: Path, name: str) -> None:
    (folder / name).unlink()


def _npz(folder: Path, name: str, **arrays: object) -> None:
    (folder / f"{name}.csv").unlink()
    np.savez(folder / f"{name}.npz", **{"rows": values_of(0), "fps": 25, "first": 0, **arrays})


FAULTS = {
    "no recordings.csv": (lambda f: _drop(f, "recordings.csv"), "recordings.csv: no such file"),
    "no events.csv": (lambda f: _drop(f, "events.csv"), "events.csv: no such file"),
    "no rows": (lambda f: _drop(f, "ben1.csv"), "recording 'ben1': neither"),
    "two files": (lambda f: (f / "ben1.npz").touch(), "ben1.npz and ben1.csv are there"),
    "named file": (
        lambda f: (f / "recordings.csv").write_text(
            "recording,subject,fps,path\nanna0,anna,25,else.csv\n"
        ),
        "else.csv: no such file",
    ),
    "no subject": (
        lambda f: replace_in(f / "recordings.csv", "ben1,ben", "ben1,"), "'ben1' has no subject"
    ),
    "no rate": (
        lambda f: replace_in(f / "recordings.csv", "ben1,ben,25", "ben1,ben,"),
        "'ben1' has no fps",
    ),
    "odd rate": (
        lambda f: replace_in(f / "recordings.csv", "ben1,ben,25", "ben1,ben,fast"), "frame rate"
    ),
    "rate of the file": (
        lambda f: _npz(f, "ben1", fps=30), "30 frames/s, but recording 'ben1' is listed with 25"
    ),
    "cell": (lambda f: replace_in(f / "ben1.csv", "\n9,", "\n9,x"), "line 11, column brow_l: 'x"),
    "duplicate": (lambda f: replace_in(f / "ben1.csv", "\n9,", "\n8,"), "frame: 8 stands twice"),
    "ragged": (lambda f: replace_in(f / "ben1.csv", "\n9,", "\n9,1,"), "5 cells, but the header"),
    "column gone": (
        lambda f: replace_in(f / "ben1.csv", "smile", "laugh"), "ben1.csv: no column 'smile'"
    ),
    "width": (
        lambda f: _npz(f, "ben1", rows=values_of(0)[:, :2]), "2 columns without names, not 3"
    ),
    "pickle": (
        lambda f: _npz(f, "ben1", rows=values_of(0).astype(object)), "ben1.npz: holds pickled"
    ),
    "event past the end": (
        lambda f: replace_in(f / "events.csv", "ben1,193,198,202", "ben1,193,198,240"),
        "offset 240 is past the end of recording 'ben1'",
    ),
    "event of another": (
        lambda f: replace_in(f / "events.csv", "ben1,193", "bem1,193"), "did you mean 'ben1'"
    ),
    "columns.csv": (
        lambda f: (f / "columns.csv").write_text("column,mirror\nbrow_l,brow_r\n"),
        "columns.csv: rows: column 'brow_l' is mirrored by 'brow_r', which is no column",
    ),
    "sign": (
        lambda f: (f / "columns.csv").write_text("column,sign\nsmile,2\n"),
        "columns.csv, line 2, column sign: '2' is not 1 or -1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_one_line(tmp_path, fault):
    folder = rows_folder(tmp_path / "a")
    spoil, message = FAULTS[fault]
    spoil(folder)
    found, problems = examine(folder)
    assert found is None
    assert any(message in line for line in problems), problems
    assert all("\n" not in line for line in problems)
    assert len(set(problems)) == len(problems)
    with pytest.raises(UnreadableInput):
        load_rows_folder(folder)


def test_all_faults_are_reported_at_once(tmp_path):
    folder = rows_folder(tmp_path / "a")
    faults = ("no rows", "cell", "no subject", "event past the end")
    replace_in(folder / "anna1.csv", "\n9,", "\n9,x")
    _drop(folder, "ben0.csv")
    replace_in(folder / "recordings.csv", "carl1,carl", "carl1,")
    replace_in(folder / "events.csv", "dora1,197,202,206", "dora1,197,202,300")
    lines = examine(folder)[1]
    assert len(lines) == len(faults)
    for word, line in zip(("anna1.csv", "'ben0'", "'carl1'", "'dora1'"), lines, strict=True):
        assert word in line


@pytest.mark.parametrize(
    ("column", "cells", "message"),
    [
        ("span", ("3", "5"), "column span differs"),
        ("step", ("2", ""), "column step differs"),
        ("span", ("0", "0"), "'0' is not a whole number >= 1"),
        ("step", ("two", "two"), "'two' is not a whole number"),
        ("first_frame", ("-1", "-1"), "'-1' is not a whole number >= 0"),
    ],
)
def test_numbers_for_all_recordings_are_checked(tmp_path, column, cells, message):
    for name in "ab":
        (tmp_path / f"{name}.csv").write_text("x\n1\n2\n")
    (tmp_path / "recordings.csv").write_text(
        f"recording,subject,fps,{column}\na,s,25,{cells[0]}\nb,t,25,{cells[1]}\n"
    )
    (tmp_path / "events.csv").write_text("recording,onset,apex,offset\n")
    assert any(message in line for line in examine(tmp_path)[1])


def test_the_command_prints_every_problem_and_learns_nothing(tmp_path, capsys):
    folder = rows_folder(tmp_path / "a")
    _drop(folder, "ben1.csv")
    _drop(folder, "dora0.csv")
    out = tmp_path / "out"
    assert run(["evaluate", "default", "--rows", str(folder), "-o", str(out)]) == 4
    err = capsys.readouterr().err.splitlines()
    assert ["'ben1'" in err[0], "'dora0'" in err[1], len(err)] == [True, True, 2]
    assert not out.exists()


@pytest.mark.parametrize(
    "words",
    [
        ["--rows", "x", "--dataset", "folder"],
        ["--rows", "x", "--root", "y"],
        ["--rows", "x", "--field", "a=b"],
        ["--dataset", "folder"],
        ["--root", "y"],
        [],
    ],
)
def test_rows_and_a_data_set_exclude_each_other(tmp_path, capsys, words):
    assert run(["evaluate", "default", *words, "-o", str(tmp_path / "out")]) == 2
    assert "--rows" in capsys.readouterr().err


def test_the_rate_of_recipes_in_frames_is_checked_first(tmp_path, capsys):
    folder = rows_folder(tmp_path / "a", fps=30)
    assert run(["evaluate", "paper-smic", "--rows", str(folder), "-o", str(tmp_path / "o")]) == 2
    assert "25 frames/s" in capsys.readouterr().err


# Evaluating and learning.


def test_evaluate_on_the_command_line(tmp_path, capsys):
    needs_torch()
    folder = rows_folder(tmp_path / "a", npz=("ben0",))
    words = ["evaluate", "default", "--rows", str(folder), *TINY]
    words += ["--cache", str(tmp_path / "cache"), "--workers", "1", "-o", str(tmp_path / "out")]
    assert run(words) == 0
    said = capsys.readouterr()
    assert "rows: 8 recordings of 4 subjects" in said.out
    assert "recipe default: mirror is off" in said.err
    figures = json.loads((tmp_path / "out" / "default" / "default" / "metrics.json").read_text())
    assert figures["apex"]["f1"] > 0.8
    kept = load_recipe(tmp_path / "out" / "default" / "recipe.toml")
    assert kept.descriptor == ExternalRows(columns=NAMES)
    facts = json.loads((tmp_path / "out" / "run.json").read_text())["dataset"]
    assert facts["truth"]["sha256"].keys() == {"recordings.csv", "events.csv"}
    # The same command again has nothing left to do.
    assert run(words) == 0
    assert "4 folds, 4 of them finished before" in capsys.readouterr().err


def test_evaluate_in_python(tmp_path):
    needs_torch()
    root = rows_folder(tmp_path / "a")
    recordings = tuple(
        Recording(
            r.id, r.subject, Fraction(25), source=str(root / f"{r.id}.csv"),
            expressions=r.expressions,
        )
        for r in load_rows_folder(root).recordings
    )  # fmt: skip
    recipe = Recipe("mine", descriptor=ExternalRows(), scorer=SCORER, decode=DECODE)
    plan = EvaluationPlan((recipe,), recordings, tmp_path / "out", (tmp_path / "cache", None))
    figures = evaluate(plan)[0]
    assert figures["recordings"] == 8
    assert figures["apex"]["f1"] > 0.8


def test_rows_that_went_are_read_again_though_the_length_is_known_now(tmp_path):
    path = rows_folder(tmp_path / "a") / "anna0.csv"
    recording = Recording("anna0", "anna", Fraction(25), source=str(path))
    recipe, cache = Recipe(descriptor=ExternalRows()), Cache(tmp_path / "cache")
    keys, reading = make_rows(recipe, recording, cache)
    known = replace(recording, n_frames=reading.length)
    first = load_rows(keys, known, cache)
    cache.drop(keys.rows)
    again, made = load_or_make(recipe, keys, known, cache)
    assert made
    assert np.array_equal(again.series.values, first.series.values)
    cache.drop(keys_of(recipe, known, cache).rows)
    replace_in(path, "smile", "laughter")
    with pytest.raises(RowsGone):
        load_or_make(recipe, keys, known, cache)


def test_learning_from_samples_made_by_hand():
    needs_torch()
    samples = []
    for number in range(6):
        series = FrameSeries(values_of(number).astype(np.float32), 0, 1, 1, N, Fraction(25))
        truth = tuple(Expression(o + number, o + number + 5, o + number + 9) for o in ONSETS)
        samples.append(Sample(f"r{number}", f"s{number}", series, np.ones(N, np.bool_), truth))
    recipe = Recipe(descriptor=ExternalRows(), scorer=SCORER, decode=DECODE)
    learned = learn(recipe, samples[:5])
    curve = score_samples(learned.recipe, learned.weights, samples[5:])[0]
    spots = decode(curve, learned.recipe.decode, learned.threshold, samples[5].found)
    for e in samples[5].truth:
        assert any(e.onset <= (s.apex or 0) <= e.offset for s in spots)


def test_a_spotter_learned_from_rows_scores_new_ones(tmp_path, capsys):
    needs_torch()
    folder = rows_folder(tmp_path / "a")
    columns_csv(folder)
    out = str(tmp_path / "spotter")
    assert run(["train", "default", "--rows", str(folder), *TINY, "-o", out]) == 0
    assert "8 recordings of 4 subjects" in capsys.readouterr().err
    spotter = load_spotter(out)
    assert spotter.recipe.mirror
    assert spotter.recipe.descriptor.can_mirror
    recording = Recording("new", "", Fraction(25), source=str(folder / "anna0.csv"))
    rows = rows_of(spotter.recipe, recording)
    scores = spotter.recipe.scorer.score(rows.series, spotter.weights)
    spots = decode(scores, spotter.recipe.decode, float(spotter.weights["threshold"]), rows.found)
    assert any(40 <= (s.apex or 0) <= 49 for s in spots)


def test_such_a_spotter_refuses_videos(tmp_path, capsys):
    recipe = Recipe("mine", descriptor=ExternalRows(), scorer=Random(), decode=DECODE)
    Spotter(recipe, {"threshold": np.array(0.5)}).save(tmp_path / "spotter")
    config = replace(STANDARD, width=320, height=240, eye_px=(48.0, 50.0))
    render_recording(load_portraits(None)[0], tmp_path, "v", config, 2, 2.0, Fraction(30))
    words = ["spot", str(tmp_path / "v.mp4"), "--spotter", str(tmp_path / "spotter")]
    assert run([*words, "-o", str(tmp_path / "out")]) == 2
    assert "makes none from a video" in capsys.readouterr().err


@pytest.mark.parametrize("other", ["--data", "--also", "--footage"])
def test_train_takes_rows_or_videos(tmp_path, capsys, other):
    needs_torch()
    words = ["train", "default", "--rows", "x", other, "y", "-o", str(tmp_path / "s")]
    assert run(words) == 2
    assert "--rows brings its own recordings" in capsys.readouterr().err
