"""``mespot score``: another IoU, groups, intervals, curves, and other scorers' figures."""

from __future__ import annotations

import json

import pytest

from score_cases import FILES, score, write_files


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_files(tmp_path)
    return tmp_path


def numbers(capsys, *args):
    return json.loads(score(capsys, *FILES, *args, "--json")[0])


def three(row):
    return [row[key] for key in ("tp", "fp", "fn")]


def test_k_is_the_iou_of_megc(capsys, folder):
    (folder / "spots.csv").write_text("recording,onset,offset\na,10,29\n")  # IoU 10 of 20
    for k, tp in (("0.5", 1), ("0.51", 0)):
        tree = numbers(capsys, "--k", k)
        assert (tree["megc"]["micro"]["tp"], tree["apex"]["micro"]["tp"]) == (tp, 1)


@pytest.mark.parametrize("k", ["0", "-1", "1.1", "nan"])
def test_a_k_that_means_nothing(capsys, k):
    out, err = score(capsys, *FILES, "--k", k, code=2)
    assert out == ""
    assert err.startswith("mespot: --k: k must be above 0 and at most 1, not ")


def test_without_options_the_json_has_no_more_than_before(capsys):
    tree = numbers(capsys)
    assert list(tree) == ["apex", "megc"]
    assert list(tree["apex"]["micro"]) == [
        "tp", "fp", "fn", "precision", "recall", "f1", "false_alarms_per_minute",
    ]  # fmt: skip


def test_by_subject_and_by_recording(capsys):
    tree = numbers(capsys, "--by", "subject")["by_subject"]["apex"]
    assert {name: three(row["micro"]) for name, row in tree.items()} == {
        "s1": [1, 1, 1], "s2": [0, 1, 0], "s3": [0, 0, 0],
    }  # fmt: skip
    assert tree["s2"]["micro"]["false_alarms_per_minute"] == 1.0
    tree = numbers(capsys, "--by", "recording")["by_recording"]["megc"]
    assert {name: three(row["overall"]) for name, row in tree.items()} == {
        "a": [1, 1, 1], "b": [0, 0, 1], "c": [0, 1, 0], "d": [0, 0, 0],
    }  # fmt: skip
    out, _ = score(capsys, *FILES, "--by", "recording", "--kind", "micro", "--protocol", "apex")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[-9] == "recording protocol kind TP FP FN precision recall F1 FA/min"
    assert lines[-7] == "a apex micro 1 1 1 0.500 0.500 0.500 1.000"


def test_intervals_over_subjects(capsys):
    tree = numbers(capsys, "--bootstrap", "400", "--seed", "1")
    micro = tree["apex"]["micro"]
    # Only s1 has truth: wherever it is drawn recall is 1/2. F1 is 0 without it, at most 1/2.
    assert micro["recall_interval"] == [0.5, 0.5]
    assert micro["f1_interval"] == [0.0, 0.5]
    assert three(micro) == [1, 2, 1]
    assert tree["apex"]["macro"]["precision_interval"] == [None, None]
    assert tree == numbers(capsys, "--bootstrap", "400", "--seed", "1")
    out, _ = score(capsys, *FILES, "--bootstrap", "400", "--seed", "1", "--protocol", "apex")
    assert "95 % intervals from 400 resamples of 3 subjects, seed 1\n" in out
    assert "recall 0.500 [0.500, 0.500]  F1 0.400 [0.000, 0.500]" in out


def test_intervals_without_lengths(capsys, folder):
    (folder / "rec.csv").write_text("recording,subject\na,s1\nb,s1\nc,s1\nd,s1\n")
    out, _ = score(capsys, *FILES, "--bootstrap", "10")
    assert "of 1 subjects, seed 0: one subject tells nothing of others" in out
    assert "FA/min - [-, -]" in out


@pytest.mark.parametrize(
    ("args", "what"),
    [(("--by", "subject"), "--by subject"), (("--bootstrap", "9"), "--bootstrap"),
     (("--compat", "strs"), "--compat strs")],
)  # fmt: skip
def test_subjects_must_be_known(capsys, folder, args, what):
    (folder / "rec.csv").write_text("recording,fps\na,30\nb,30\nc,30\nd,30\n")
    out, err = score(capsys, *FILES, *args, code=2)
    assert out == ""
    assert err.splitlines()[-1].startswith(f"mespot: {what}: recording 'a' has no subject")


def test_curves(capsys, folder):
    out, err = score(capsys, *FILES, "--curves", "out/curves.json", "--kind", "micro")
    assert err == ""
    tree = json.loads((folder / "out/curves.json").read_text())
    assert list(tree) == ["format", "version", "notes", "apex", "megc", "workload", "roc"]
    assert (tree["format"], tree["version"], tree["notes"]) == ("mespot-curves", 1, [])
    curve = tree["megc"]["micro"]["froc"]
    assert (curve["tp"], curve["fp"]) == ([0, 1, 1, 1], [0, 0, 1, 2])
    assert curve["false_alarms_per_minute"] == [0, 0, 0.25, 0.5]
    assert tree["roc"]["micro"]["tpr"][-1] == pytest.approx(10 / 21)
    assert "megc     micro     recall at 1 FA/min 0.500  average precision 0.500\n" in out
    # The first candidate and a second around it shows both truths: frames 0 to 49 of 60 s.
    watched = tree["workload"]["micro"]["watched_for"]["0.9"]
    assert watched == pytest.approx(50 / 30 / 240)
    assert "video    micro     50% seen in 0.007  70% seen in 0.007  90% seen in 0.007" in out
    assert json.loads(score(capsys, *FILES, "--curves", "c.json", "--json")[0]).keys() == {
        "apex", "megc",
    }  # fmt: skip


def test_curves_of_spots_without_scores_hold_what_needs_none(capsys, folder):
    (folder / "spots.csv").write_text("recording,onset,offset\na,10,19\n")
    out, err = score(capsys, *FILES, "--curves", "curves.json")
    assert "curves: recording 'a': the spot at frames 10 to 19 has no score" in err
    tree = json.loads((folder / "curves.json").read_text())
    assert tree["apex"]["overall"]["froc"] is None
    assert tree["apex"]["overall"]["timing_ms"]["onset"]["n"] == 1
    assert "recall at 1 FA/min -  average precision -" in out


def test_curves_that_cannot_be_written(capsys, folder):
    (folder / "there").mkdir()
    out, err = score(capsys, *FILES, "--curves", "there", code=2)
    assert (out, err) == ("", "mespot: --curves there: cannot be written (Is a directory)\n")
    assert [p.name for p in folder.iterdir() if p.name.startswith(".")] == []


def test_compat_is_flagged_and_stands_beside_our_figures(capsys):
    args = [word for name in ("strs", "constant-ap") for word in ("--compat", name)]
    tree = numbers(capsys, *args)
    assert three(tree["apex"]["micro"]) == [1, 2, 1]
    assert list(tree["compat"]) == ["strs", "constant-ap"]
    found = tree["compat"]["strs"]
    assert found["faults"].startswith("skips subjects without a spot")
    # The false alarm in c is not seen, the double counts twice.
    assert three(found["micro"]) == [2, 0, 1]
    assert three(found["overall"]) == [2, 0, 2]
    assert tree["compat"]["constant-ap"]["micro"] == {"ap": pytest.approx(0.5)}
    out, _ = score(capsys, *FILES, *args)
    assert "compat strs: NOT comparable with the table above: it skips subjects" in out
    assert "strs         micro     tp 2  fp 0  fn 1  precision 1.000" in out
    assert "constant-ap  micro     ap 0.500" in out


def test_compat_of_one_kind_and_another_k(capsys):
    tree = numbers(capsys, "--compat", "mdmd", "--kind", "macro")["compat"]["mdmd"]
    assert tree["overall"] == tree["macro"]
    assert three(tree["macro"]) == [0, 0, 1]
    # [11, 18] has IoU 8 of 10 with its truth.
    for k, tp in (("0.79", 2), ("0.8", 1)):
        tree = numbers(capsys, "--compat", "duplicates", "--k", k)["compat"]["duplicates"]
        assert tree["micro"]["tp"] == tp


def test_an_unknown_mode(capsys):
    assert "'sters' is not one of" in score(capsys, *FILES, "--compat", "sters", code=2)[1]
