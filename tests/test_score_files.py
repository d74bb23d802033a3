"""Score curves from files: read, decoded, and those of `mespot spot` decoded as the run did."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from mespot.cli import run
from mespot.decoding import Decode
from mespot.errors import UnreadableInput, UsageError
from mespot.exports.csv import read_events
from mespot.score_files import read_scores
from mespot.synthetic import STANDARD, load_portraits, render_recording

# Two peaks, of 0.9 at frame 3 and of 0.4 at frame 9.
CURVE = (0, 0.2, 0.5, 0.9, 0.5, 0.2, 0, 0.1, 0.3, 0.4, 0.3, 0.1)


def scores(path: Path, lines: list[str], header: str = "frame,score") -> Path:
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def curve(path: Path) -> Path:
    return scores(path, [f"{i},{v}" for i, v in enumerate(CURVE)])


def one(path: Path, **how: object):
    (found,) = read_scores(path, **{"fps": 25, **how})
    return found


# Reading.


def test_a_curve_and_its_spots(tmp_path):
    found = one(curve(tmp_path / "clip.csv"))
    assert found.recording == "clip"
    assert np.allclose(found.series.values[:, 0], CURVE)
    assert (found.series.first, found.series.step, found.series.span) == (0, 1, 1)
    assert found.found.all()
    spots = found.spots(Decode(threshold=0.5))
    # Half of 0.9 is reached from 2 to 4.
    assert [(s.onset, s.apex, s.offset) for s in spots] == [(2, 3, 4)]
    assert spots[0].score == pytest.approx(0.9)
    both = found.spots(Decode(threshold=0.3, nms_s=0.1))
    assert [(s.onset, s.apex, s.offset) for s in both] == [(2, 3, 4), (8, 9, 10)]
    # paper: (0.9 + 0.1) / 2
    assert [s.apex for s in found.spots(Decode(threshold="paper", nms_s=0.1))] == [3]


def test_no_threshold_is_one_clear_line(tmp_path):
    with pytest.raises(UsageError, match="clip: no threshold is given; write a number"):
        one(curve(tmp_path / "clip.csv")).spots()


def test_lost_frames_and_unknown_scores_hold_no_spot(tmp_path):
    lines = [f"{i},{v},{int(i != 3)}" for i, v in enumerate(CURVE)]
    lines[8] = "8,,1"
    found = one(scores(tmp_path / "a.csv", lines, "frame,score,found"))
    assert np.flatnonzero(~found.found).tolist() == [3]
    assert np.isnan(found.series.values[8, 0])
    spots = found.spots(Decode(threshold=0.3, nms_s=0.05))
    assert [(s.onset, s.apex, s.offset) for s in spots] == [(2, 2, 2), (4, 4, 4), (9, 9, 10)]


def test_several_recordings_in_one_file(tmp_path):
    lines = [f"{name},{i},{v}" for i, v in enumerate(CURVE) for name in ("b", "a")]
    found = read_scores(scores(tmp_path / "x.csv", lines, "recording,frame,score"), fps=25)
    assert [f.recording for f in found] == ["b", "a"]
    assert all(np.allclose(f.series.values[:, 0], CURVE) for f in found)


def test_scores_every_few_frames_and_of_a_span(tmp_path):
    found = one(scores(tmp_path / "a.csv", ["4,1", "8,2", "16,1"]), span=5)
    s = found.series
    assert (s.first, s.step, s.span, s.n_frames) == (2, 4, 5, 19)
    assert s.centres.tolist() == [4, 8, 12, 16]
    assert np.array_equal(s.values[:, 0], [1, 2, np.nan, 1], equal_nan=True)
    spots = found.spots(Decode(threshold=1.5, interval="span"))
    assert [(e.onset, e.apex, e.offset) for e in spots] == [(6, 8, 10)]
    with pytest.raises(UsageError, match="cannot stand at frame 4"):
        one(tmp_path / "a.csv", span=11)


@pytest.mark.parametrize(
    ("rate", "wanted"),
    [(25, Fraction(25)), (30000 / 1001, Fraction(30000, 1001)), (30, Fraction(30)), (17.5, 17.5)],
)
def test_times_show_the_rate(tmp_path, rate, wanted):
    lines = [f"{i},{v},{i / rate:.6f}" for i, v in enumerate(CURVE * 10)]
    path = scores(tmp_path / "a.csv", lines, "frame,score,time_s")
    (found,) = read_scores(path)
    assert float(found.series.fps) == pytest.approx(float(wanted), rel=1e-4)
    if isinstance(wanted, Fraction):
        assert found.series.fps == wanted
    assert found.time_s(5) == pytest.approx(5 / rate, abs=1e-6)
    assert read_scores(path, fps=50)[0].series.fps == 50


def test_uneven_or_missing_times_ask_for_a_rate(tmp_path):
    with pytest.raises(UsageError, match="frame rate is not known; give it, such as --fps 25"):
        read_scores(curve(tmp_path / "a.csv"))
    lines = [f"{i},{v},{i / 25 + (i > 6)}" for i, v in enumerate(CURVE)]
    with pytest.raises(UsageError, match="not evenly spaced"):
        read_scores(scores(tmp_path / "b.csv", lines, "frame,score,time_s"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("frame,score\n0,1\n0,2\n", "line 3, column frame: '0' stands twice"),
        ("frame,score\n0,1\n3,1\n3,2\n", "line 4, column frame: '3' stands twice"),
        ("recording,frame,score\na,5,1\nb,5,1\na,5,1\n", "line 4, column frame: '5' stands twice"),
        ("frame,score\n2,1\n1,2\n", "line 3, column frame: '1' follows a later frame"),
        ("frame,score\n-1,1\n0,2\n", "line 2, column frame: '-1' is before the first frame"),
        ("frame,score\n0.5,1\n", "line 2, column frame: '0.5' is not a whole frame number"),
        ("frame,score\n,1\n", "line 2, column frame: is empty"),
        ("frame,score\n0,high\n", "line 2, column score: 'high' is not a number"),
        ("frame,score\n0,inf\n", "line 2, column score: 'inf' is not a number"),
        ("frame,score\n0,1\n1,0x10\n", "line 3, column score: '0x10' is not a number"),
        ("frame,score,found\n0,1,maybe\n", "column found: 'maybe' is neither 0 nor 1"),
        ("frame,value\n0,1\n", "no column 'score'"),
        ("score\n1\n", "no column 'frame'"),
        ("1,2\n3,4\n", "no column 'frame'"),
        ("frame,score\n", "holds no scores"),
        ("frame,score\n0,\n1,\n", "has no score"),
        ("frame,score\n0,1\n999999999,1\n", "is no frame of a video"),
        ("", "empty"),
    ],
)
def test_broken_files_are_refused_in_one_line(tmp_path, text, message):
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(UnreadableInput) as caught:
        read_scores(path, fps=25)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("how", [{"fps": 0}, {"fps": -1}, {"fps": float("nan")}, {"span": 0}])
def test_rate_and_span_are_checked(tmp_path, how):
    with pytest.raises(UsageError):
        one(curve(tmp_path / "a.csv"), **how)


# The command.


def test_decode_prints_and_writes_spots(tmp_path, capsys):
    path, out = curve(tmp_path / "clip.csv"), tmp_path / "events.csv"
    words = ["decode", str(path), "--fps", "25", "--threshold", "0.5", "-o", str(out)]
    assert run(words) == 0
    said = capsys.readouterr()
    assert said.out == "clip     0.080-0.160 s  frames 2-4  apex 3  score 0.900\n"
    assert said.err.splitlines() == ["clip: 1 spot in 12 frames", f"wrote {out}"]
    (event,) = read_events(out)["clip"]
    assert (event.onset, event.apex, event.offset, event.attributes["status"]) == (
        2,
        3,
        4,
        "unseen",
    )
    assert "0.08" in out.read_text()
    # What a person decided in the file is not lost.
    assert run(words) == 2
    assert "is there already" in capsys.readouterr().err
    assert run([*words, "--overwrite", "--set", "decode.level=0.1"]) == 0
    assert read_events(out)["clip"][0].onset == 1


def test_decode_prints_json(tmp_path, capsys):
    path = curve(tmp_path / "clip.csv")
    words = ["decode", str(path), "--fps", "25", "--threshold", "paper", "--json"]
    assert run([*words, "--set", "decode.nms_s=0.1"]) == 0
    item = json.loads(capsys.readouterr().out)["items"]["clip"]
    assert item["threshold"] == pytest.approx(0.5)
    assert item["decode"]["nms_s"] == 0.1
    assert item["spots"][0]["apex_s"] == pytest.approx(3 / 25)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--fps", "25"], "no threshold is given"),
        (["--threshold", "0.5"], "frame rate is not known"),
        (["--fps", "fast", "--threshold", "0.5"], "--fps 'fast'"),
        (["--fps", "25", "--threshold", "high"], "--threshold 'high'"),
        (["--fps", "25", "--threshold", "nan"], "threshold"),
        (["--fps", "25", "--threshold", "1", "--set", "scorer.units=3"], "only decode.*"),
        (["--fps", "25", "--threshold", "1", "--set", "decode.nms=3"], "did you mean 'nms_s'"),
    ],
)
def test_wrong_options_are_one_line(tmp_path, capsys, words, message):
    assert run(["decode", str(curve(tmp_path / "clip.csv")), *words]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_two_curves_of_one_name_are_refused(tmp_path, capsys):
    (tmp_path / "b").mkdir()
    paths = [str(curve(tmp_path / "clip.csv")), str(curve(tmp_path / "b" / "clip.csv"))]
    assert run(["decode", *paths, "--fps", "25", "--threshold", "0.5"]) == 2
    assert "two score curves are of recording 'clip'" in capsys.readouterr().err


# The scores of a result folder.


@pytest.fixture(scope="module", params=[30, 120])
def spotted(request, tmp_path_factory) -> Path:
    """Results of a clip with spots; at 120 frames/s, every second frame has a row."""
    folder = tmp_path_factory.mktemp("spotted")
    config = replace(
        STANDARD, width=320, height=240, eye_px=(48.0, 50.0), micro_per_minute=40.0
    )  # fmt: skip
    portrait = load_portraits(None)[0]
    render_recording(portrait, folder, "face", config, 2, 4.0, Fraction(request.param))
    out = folder / "out"
    # Low, so that there are spots whatever the clip.
    words = ["--set", "decode.threshold=0.02", "--set", "decode.min_s=0.05"]
    assert run(["spot", str(folder / "face.mp4"), "-o", str(out), *words]) == 0
    return out


def events_of(path: Path, name: str) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return [row for row in csv.DictReader(stream) if row["recording"] == name]


def decoded_again(out: Path, name: str, again: Path) -> int:
    """Compare the spots of a run with those of its score file; how many there are."""
    assert run(["decode", str(out / f"{name}.scores.csv"), "-o", str(again)]) == 0
    ours, theirs = events_of(out / "events.csv", name), events_of(again, name)
    for a, b in zip(ours, theirs, strict=True):
        assert float(a.pop("score")) == pytest.approx(float(b.pop("score")), abs=1e-6)
        assert a == b
    return len(ours)


def test_scores_of_a_run_are_decoded_as_the_run_did(spotted, tmp_path):
    assert decoded_again(spotted, "face", tmp_path / "again.csv") > 0


@pytest.mark.parametrize(
    "settings", [(), ("smooth_s=0.2",), ("interval=span", "threshold=paper"), ("threshold=0.05",)]
)
def test_real_clips_are_decoded_as_the_run_did(shared_videos, tmp_path, settings):
    """Among them clips in which the face is lost or comes late."""
    names = ("face_noface.mov", "noface_face.mov", "single_face.mp4")
    words = [w for s in settings for w in ("--set", f"decode.{s}")]
    out = tmp_path / "out"
    assert run(["spot", *(str(shared_videos / n) for n in names), "-o", str(out), *words]) == 0
    for name in names:
        stem = name.rpartition(".")[0]
        decoded_again(out, stem, tmp_path / f"{stem}.csv")


def test_scores_of_a_run_can_be_decoded_otherwise(spotted):
    path = spotted / "face.scores.csv"
    (found,) = read_scores(path)
    highest = max(s.score or 0 for s in found.spots())
    assert found.spots(replace(found.decode, threshold=highest + 0.1)) == []
    (plain,) = read_scores(path, fps=found.series.fps)
    assert plain.decode == Decode()
    assert plain.series.span == 1


def test_a_rate_that_varies_is_brought_to_the_grid_of_the_run(tmp_path):
    """60 frames/s, then 30, then a pause of six grid frames, on a grid of 30 frames/s."""
    times = [i / 60 for i in range(20)] + [(10 + i) / 30 for i in range(10)]
    times += [(26 + i) / 30 for i in range(10)]
    lines = [f"{i},{t:.6f},{i / 100:.6f},1" for i, t in enumerate(times)]
    path = scores(tmp_path / "v.scores.csv", lines, "frame,time_s,score,found")
    item = {"fps_exact": "30", "threshold": 0.1}
    recipe = {"name": "r", "descriptor": {"name": "rows"}}
    (tmp_path / "run.json").write_text(json.dumps({"items": {"v": item}, "recipe": recipe}))
    (found,) = read_scores(path)
    assert found.frames is not None
    wanted = [*range(0, 20, 2), *range(20, 30), 29, 29, 29, 30, 30, 30, *range(30, 40)]
    assert found.frames.source_of.tolist() == wanted
    assert np.flatnonzero(~found.found).tolist() == [*range(20, 26)]
    assert found.n_frames == 40
    config = Decode(threshold=0.1, level=0.9)
    # On the grid two peaks, at its ends: frames 27 to 29 (0.29 times 0.9) and 36 to 39.
    assert [(s.onset, s.apex, s.offset) for s in found.spots(config)] == [
        (27, 29, 29), (36, 39, 39),
    ]  # fmt: skip


@pytest.mark.parametrize("damage", ["no json", "no fps", "other type"])
def test_a_damaged_run_is_reported(spotted, tmp_path, damage):
    path = tmp_path / "face.scores.csv"
    path.write_bytes((spotted / "face.scores.csv").read_bytes())
    listing = tmp_path / "run.json"
    stored = json.loads((spotted / "run.json").read_text())
    if damage == "no fps":
        del stored["items"]["face"]["fps_exact"]
    listing.write_text({"no json": "{", "other type": "[1]"}.get(damage, json.dumps(stored)))
    with pytest.raises(UnreadableInput, match=r"run\.json: damaged"):
        read_scores(path)
    assert read_scores(path, fps=30)
