"""What a table says of its figures: what was lost, how the optimistic ones are chosen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evaluation_cases import CHANCE, N, Toy, plan_in, recordings, rows
from mespot.evaluation.figures import figures_of
from mespot.exports.csv import write_events, write_recordings
from mespot.recipe import Recipe
from mespot.rows import NoFace
from mespot.types import Reading
from mespot_lab.tables.rows import Row
from mespot_lab.tables.table import Line, Table, markdown, table_of


def result(protocol, **more):
    return {
        "recipe": "m", "protocol": protocol, "optimistic": protocol == "paper",
        "dataset": "smic-vis-e", "synthetic": False, "recordings": 9, "subjects": 3,
        "minutes": 2.5, "apex": {"f1": 0.5, "f1_interval": [0.1, 0.9], "tp": 3, "fn": 4,
                                 "false_alarms_per_minute": 1.25},
        "megc": {"f1": None}, "scoring_frames_per_s": 1000.0, "weights_bytes": 98765,
        "unusable": [], **more,
    }  # fmt: skip


def told(**more):
    line = Row("Method", "method", Recipe("m"), 0.62)
    return markdown(table_of("T", [line], [result(p, **more) for p in ("default", "paper")]))


def test_recordings_that_could_not_be_used_are_named():
    assert "could not be used" not in told()
    assert (
        "- 1 recording could not be used (no usable face, or not decodable), counted as missed: "
        "a1; results.json says why.\n"
    ) in told(unusable=["a1"])
    many = told(unusable=[f"s{k}" for k in range(7)])
    assert "- 7 recordings could not be used" in many
    assert "counted as missed: s0, s1, s2, s3, s4, ...; results.json" in many
    assert "missed: s0, s1, s2, s3, s4; results.json" in told(unusable=[f"s{k}" for k in range(5)])


def test_the_figures_of_a_run_carry_what_its_folds_could_not_use(tmp_path):
    given = recordings(tmp_path / "data", "abc")
    given = [replace(r, subject=f"{r.subject}/{r.subject}") for r in given]
    write_recordings(tmp_path / "recordings.csv", given)
    write_events(tmp_path / "truth.csv", {r.id: r.expressions for r in given}, given)
    run = tmp_path / "toy" / "default"
    for name, lost in (("a_a", '["a0"]'), ("b_b", "[]"), ("c_c", '["c1", "c0"]'), ("d", '["b0"]')):
        folder = run / f"fold-{name}"
        folder.mkdir(parents=True)
        (folder / "fold.json").write_text(f'{{"unusable": {lost}}}')
    for name in ("events.csv", "peaks.csv"):
        write_events(run / name, {}, given)
    # A fold of a subject that is no longer there says nothing of this run.
    assert figures_of(tmp_path, run)["unusable"] == ["a0", "c0", "c1"]


def test_a_recording_without_a_face_is_named_below_the_table(tmp_path, monkeypatch):
    pytest.importorskip("torch", reason="evaluating needs PyTorch")
    from mespot.evaluation.run import evaluate

    def read(_descriptor, recording):
        if recording.id == "b1":
            raise NoFace("b1: no face found in 240 frames", Reading(N, N))
        return rows(recording)

    monkeypatch.setattr(Toy, "read_rows", read)
    results = evaluate(plan_in(tmp_path, (CHANCE,)))
    text = markdown(table_of("T", [Row("Random", "floor", CHANCE)], results))
    assert "- 1 recording could not be used" in text
    assert "counted as missed: b1; results.json says why." in text


def test_an_unknown_length_is_not_no_length():
    assert "9 recordings of 3 subjects, 2.5 minutes, 7 micro-expressions" in told()
    unknown = told(minutes=None)
    assert "9 recordings of 3 subjects, of unknown length, 7 micro-expressions" in unknown
    assert "0.0 minutes" not in unknown


def test_what_is_optimistic_of_scorers_without_epochs_is_said():
    (note,) = [line for line in told().splitlines() if line.startswith("- Optimistic:")]
    assert "Of a scorer without epochs, the best of what else it offers (C of svm_windows" in note


@pytest.mark.parametrize(
    ("n_bytes", "shown"),
    [(98765, "99"), (1234567, "1,200"), (9960, "10"), (1540, "1.5"), (40, "0.04"), (0, "0"),
     (None, "-")],
)  # fmt: skip
def test_sizes_have_two_digits(n_bytes, shown):
    line = Line(Row("x", "own", Recipe("x")), weights_bytes=n_bytes)
    row = markdown(Table("t", [line], [])).splitlines()[-1]
    assert row.split("|")[-2].strip() == shown
