"""``mespot score``: numbers, tables, warnings and the one line for each mistake."""

from __future__ import annotations

import json

import pytest

from mespot.exports import csv
from mespot.exports.json import Json
from mespot.sheet import Sheet
from score_cases import FILES, LISTED, TRUTH, score, write_files

RATES = ["tp", "fp", "fn", "precision", "recall", "f1", "false_alarms_per_minute"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_files(tmp_path)
    return tmp_path


def numbers(capsys, *args):
    out, _ = score(capsys, *args, "--json")
    return json.loads(out)


def test_counts_of_both_protocols_and_all_kinds(capsys):
    tree = numbers(capsys, *FILES)
    assert list(tree) == ["apex", "megc"]
    for found in tree.values():
        assert list(found) == ["overall", "micro", "macro"]
        assert all(list(row) == RATES for row in found.values())
        assert found["overall"] == {
            "tp": 1, "fp": 2, "fn": 2, "precision": 1 / 3, "recall": 1 / 3, "f1": 1 / 3,
            "false_alarms_per_minute": 0.5,
        }  # fmt: skip
        assert found["micro"] == {
            "tp": 1, "fp": 2, "fn": 1, "precision": 1 / 3, "recall": 0.5, "f1": 0.4,
            "false_alarms_per_minute": 0.5,
        }  # fmt: skip
        assert found["macro"] == {
            "tp": 0, "fp": 0, "fn": 1, "precision": None, "recall": 0.0, "f1": 0.0,
            "false_alarms_per_minute": 0.0,
        }  # fmt: skip


def test_the_protocols_differ_where_they_should(capsys, folder):
    # The apex is inside, but the intervals share 10 of 31 frames.
    (folder / "spots.csv").write_text("recording,onset,apex,offset\na,10,15,40\n")
    tree = numbers(capsys, *FILES)
    assert [tree[p]["micro"]["tp"] for p in ("apex", "megc")] == [1, 0]
    (folder / "spots.csv").write_text("recording,onset,apex,offset\na,5,5,19\n")
    tree = numbers(capsys, *FILES)
    assert [tree[p]["micro"]["tp"] for p in ("apex", "megc")] == [0, 1]


def test_one_protocol(capsys):
    assert list(numbers(capsys, *FILES, "--protocol", "megc")) == ["megc"]


def test_one_kind_restricts_both_sides(capsys):
    tree = numbers(capsys, *FILES, "--kind", "micro")
    assert list(tree["apex"]) == ["overall", "micro"]
    assert tree["apex"]["overall"] == tree["apex"]["micro"]
    assert tree["apex"]["micro"]["fn"] == 1
    tree = numbers(capsys, *FILES, "--kind", "macro")
    assert [tree["megc"]["overall"][k] for k in ("tp", "fp", "fn")] == [0, 0, 1]
    tree = numbers(capsys, *FILES, "--kind", "blink")
    assert [tree["megc"]["blink"][k] for k in ("tp", "fp", "fn", "f1")] == [0, 0, 0, None]


def test_the_table(capsys):
    out, err = score(capsys, *FILES)
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert out.startswith("4 recordings (1 without events), 4.00 minutes\n")
    assert lines[1].startswith("protocol kind TP FP FN precision recall F1 FA/min")
    # F1 of a, b, c is 1/2, 0, 0 and undefined for d; of s1 2/5 over micro, of s2 0.
    assert lines[2] == "apex overall 1 2 2 0.333 0.333 0.333 0.500 0.167 0.200"
    assert lines[3] == "apex micro 1 2 1 0.333 0.500 0.400 0.500 0.250 0.250"
    assert lines[4] == "apex macro 0 0 1 - 0.000 0.000 0.000 0.000 0.000"
    assert [line.split()[0] for line in lines[5:]] == ["megc"] * 3
    assert err == ""


def test_files_without_kinds_hold_micro_expressions(capsys, folder):
    (folder / "spots.csv").write_text("recording,onset,offset\na,10,19\nb,50,90\n")
    out, err = score(capsys, *FILES, "--json")
    assert err == "mespot: warning: spots.csv tells no kinds: its events are taken as micro\n"
    found = json.loads(out)["megc"]
    assert [found["overall"][k] for k in ("tp", "fp", "fn")] == [1, 1, 2]
    (folder / "truth.csv").write_text("recording,onset,offset\na,10,19\nb,50,90\n")
    found = numbers(capsys, *FILES)["megc"]
    assert list(found) == ["overall"]
    assert found["overall"]["f1"] == 1


def test_an_open_kind_and_a_point_are_warned_of(capsys, folder):
    (folder / "spots.csv").write_text("recording,apex,kind\na,12,\na,22,micro\n")
    out, err = score(capsys, *FILES, "--json")
    assert "spots.csv: 1 of 2 events tell no kind" in err
    assert "spots.csv: 2 of 2 events are an apex alone" in err
    found = json.loads(out)["apex"]
    assert (found["overall"]["tp"], found["overall"]["fp"], found["other"]["fp"]) == (1, 0, 1)


def test_false_alarms_on_recordings_without_truth_are_counted(capsys, folder):
    rows = "".join(f"d,{i},{i + 5}\n" for i in range(0, 100, 10))
    (folder / "spots.csv").write_text(f"recording,onset,offset\n{rows}")
    found = numbers(capsys, *FILES)["megc"]["overall"]
    assert (found["fp"], found["fn"], found["false_alarms_per_minute"]) == (10, 3, 2.5)


def test_without_a_list_the_rate_of_false_alarms_is_unknown(capsys):
    out, err = score(capsys, "truth.csv", "spots.csv", "--json")
    found = json.loads(out)["apex"]["overall"]
    assert [found[k] for k in ("tp", "fp", "fn")] == [1, 2, 2]
    assert found["false_alarms_per_minute"] is None
    assert err.startswith("mespot: warning: no --recordings: recordings without events are not")
    assert err.count("\n") == 1


def test_a_list_without_lengths_will_do_for_everything_else(capsys, folder):
    (folder / "rec.csv").write_text("recording\na\nb\nc\nd\n")
    out, err = score(capsys, *FILES)
    assert out.splitlines()[0] == "4 recordings (1 without events)"
    assert " ".join(out.splitlines()[3].split()) == "apex micro 1 2 1 0.333 0.500 0.400 - 0.250 -"
    assert err == ("mespot: warning: false alarms per minute are unknown: recording 'a' has no fps "
                   "or n_frames (4 of 4 recordings)\n")  # fmt: skip


def test_an_estimate_without_a_spot_is_an_answer(capsys, folder):
    csv.write_events(folder / "spots.csv", {})
    found = numbers(capsys, *FILES)["apex"]["overall"]
    assert [found[k] for k in ("tp", "fp", "fn")] == [0, 0, 3]
    assert (found["precision"], found["recall"], found["f1"]) == (None, 0, 0)


def test_nothing_listed_and_nothing_found(capsys, folder):
    for name in ("truth", "spots"):
        csv.write_events(folder / f"{name}.csv", {})
    (folder / "rec.csv").write_text("recording,fps,n_frames\n")
    assert numbers(capsys, *FILES)["megc"]["overall"]["false_alarms_per_minute"] is None
    assert score(capsys, *FILES)[0].startswith("0 recordings")


def test_a_json_file_is_scored_like_a_table(capsys, folder):
    events = csv.read_events(folder / "spots.csv")
    Json().write(folder / "spots.json", Sheet(events))
    tree = numbers(capsys, "truth.csv", "spots.json", "--recordings", "rec.csv")
    assert tree == numbers(capsys, *FILES)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("truth", "recording,onset,offset\na,566.4,570\n",
         "truth.csv, line 2, column onset: '566.4' is not a whole frame number"),
        ("truth", "recording,onset,offset\na,9,5\nb,9,5\n",
         "truth.csv, line 2: offset 5 is before onset 9 (and 1 more problem)"),
        ("spots", "recording,onset,offset\nA,1,5\n",
         "spots.csv, line 2, column recording: 'A' is not among the listed recordings"),
        ("spots", "recording,onset,offset\nc,1,1500\n",
         "spots.csv, line 2: offset 1500 is past the end of recording 'c', whose 1500 frames are 0 "
         "to 1499"),
        ("rec", "recording,fps\na,25\na,25\n",
         "rec.csv, line 3, column recording: 'a' is listed twice"),
        ("rec", TRUTH, "rec.csv: holds events, not a list of recordings"),
        ("truth", LISTED, "truth.csv: events need the columns recording, onset, offset, or "
         "recording, apex; found 'recording, subject, fps, n_frames' (this looks like a list of "
         "recordings)"),
        ("truth", "", "truth.csv: the file is empty; it needs at least a header line"),
    ],
)  # fmt: skip
def test_an_unreadable_file_leaves_with_4_and_one_line(capsys, folder, name, text, message):
    (folder / f"{name}.csv").write_text(text)
    assert score(capsys, *FILES, code=4) == ("", f"mespot: {message}\n")


def test_a_missing_file(capsys):
    out, err = score(capsys, "truth.csv", "no.csv", code=4)
    assert (out, err) == ("", "mespot: no.csv: no such file\n")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["truth.csv"], "Missing argument 'ESTIMATE'"),
        ([*FILES, "--protocol", "iou"], "'iou' is not one of 'apex', 'megc'"),
        ([*FILES, "--kind", "mirco"], "'mirco' is not one of"),
        ([*FILES, "--jason"], "No such option"),
    ],
)
def test_a_wrong_request_leaves_with_2(capsys, args, message):
    out, err = score(capsys, *args, code=2)
    assert out == ""
    assert message in err
