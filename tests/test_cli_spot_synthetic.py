"""`mespot spot` on a synthetic clip, which is always there: torch-free, resumed, without faces."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction

import pytest

from mespot.cli import run
from mespot.exports.csv import read_recordings
from mespot.synthetic import STANDARD, load_portraits, render_recording

SMALL = replace(STANDARD, width=320, height=240, eye_px=(48.0, 50.0), micro_per_minute=40.0)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Four seconds of an animated face."""
    folder = tmp_path_factory.mktemp("clip")
    render_recording(load_portraits(None)[0], folder, "face", SMALL, 2, 4.0, Fraction(30))
    return folder / "face.mp4"


def test_torch_is_not_needed(clip, tmp_path):
    """The whole verb in a process in which importing torch and onnx fails."""
    code = (
        "import sys; sys.modules['torch'] = None; sys.modules['onnx'] = None\n"
        "from mespot.cli import run\n"
        f"code = run(['spot', {str(clip)!r}, '-o', {str(tmp_path)!r}])\n"
        "assert sys.modules['torch'] is None\n"
        "sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "face.scores.csv").read_text().splitlines()
    assert len(lines) == 121
    assert lines[60].split(",")[3] == "1"


def test_no_network_is_touched(clip, tmp_path):
    """Every attempt to open a socket would fail, and none is made."""
    code = (
        "import socket, sys\n"
        "def refuse(*a, **k): raise SystemExit('a socket was opened')\n"
        "socket.socket = refuse\n"
        "from mespot.cli import run\n"
        f"sys.exit(run(['spot', {str(clip)!r}, '-o', {str(tmp_path)!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_results_of_earlier_runs_stay(clip, tmp_path, capsys):
    out = tmp_path / "out"
    other = tmp_path / "elsewhere" / "face.mp4"
    other.parent.mkdir()
    shutil.copy(clip, other)
    assert run(["spot", str(clip), "-o", str(out)]) == 0
    assert run(["spot", str(other), "-o", str(out)]) == 0
    names = [r.id for r in read_recordings(out / "recordings.csv")]
    assert names == ["face", "elsewhere_face"]
    capsys.readouterr()
    assert run(["spot", str(clip), str(other), "-o", str(out)]) == 0
    assert capsys.readouterr().err.count("skipped") == 2


def test_a_file_that_broke_since_is_not_reported_as_done(clip, tmp_path, capsys):
    video, out = tmp_path / "v.mp4", tmp_path / "out"
    shutil.copy(clip, video)
    assert run(["spot", str(video), "-o", str(out)]) == 0
    video.write_bytes(b"nothing of use")
    capsys.readouterr()
    assert run(["spot", str(video), "-o", str(out), "--json"]) == 4
    told = json.loads(capsys.readouterr().out)
    assert told["items"] == {}
    assert list(told["failed"]) == ["v"]
    # The result of the earlier video stays: nothing has taken its place.
    assert [r.id for r in read_recordings(out / "recordings.csv")] == ["v"]


def _events(out):
    with (out / "events.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_verdicts_outlive_every_further_run(clip, tmp_path, capsys):
    """Skipped, without faces, at a refused rate, by another recipe, of other content."""
    video, out = tmp_path / "v.mp4", tmp_path / "out"
    shutil.copy(clip, video)
    command = ["spot", str(video), "-o", str(out)]
    low = ["--set", "decode.threshold=0.02"]
    assert run([*command, *low]) == 0
    lines = (out / "events.csv").read_text().splitlines()
    assert len(lines) >= 3
    first = lines[1].replace(",unseen", ",confirmed")
    added = "v,,0,1,2,micro,,,,,by hand"
    (out / "events.csv").write_text("\n".join([lines[0], first, added, *lines[2:]]) + "\n")
    before = (out / "events.csv").read_bytes()
    for extra, code in (([], 0), (["--no-faces"], 0), (["--fps", "5"], 2)):
        assert run([*command, *low, *extra]) == code, extra
        assert (out / "events.csv").read_bytes() == before
        assert [r.id for r in read_recordings(out / "recordings.csv")] == ["v"]
    capsys.readouterr()
    assert run([*command, "--overwrite"]) == 0
    assert "v: 2 rows of events.csv kept" in capsys.readouterr().err
    assert {first, added} <= set((out / "events.csv").read_text().splitlines())
    video.write_bytes(b"nothing of use")
    assert run([*command, "--fps", "5"]) == 4
    assert {first, added} <= set((out / "events.csv").read_text().splitlines())


def test_a_usage_error_leaves_the_finished_result(clip, tmp_path, capsys):
    out = tmp_path / "out"
    command = ["spot", str(clip), "-o", str(out)]
    assert run(command) == 0
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    for rate in ("5", "1", "10/3"):
        assert run([*command, "--fps", rate]) == 2
        assert {p.name: p.read_bytes() for p in out.iterdir()} == before
    capsys.readouterr()
    assert run(command) == 0
    assert "skipped" in capsys.readouterr().err


@pytest.mark.parametrize("text", [None, "", "recording,onset,apex,offset\n"])
def test_a_lost_table_is_made_again_though_all_is_finished(clip, tmp_path, capsys, text):
    out = tmp_path / "out"
    low = ["--set", "decode.threshold=0.02"]
    command = ["spot", str(clip), "-o", str(out), *low]
    assert run(command) == 0
    frames = [(e["onset"], e["apex"], e["offset"]) for e in _events(out)]
    assert frames
    if text is None:
        (out / "events.csv").unlink()
    else:
        (out / "events.csv").write_text(text)
    assert run(command) == 0
    assert "skipped" in capsys.readouterr().err
    assert [(e["onset"], e["apex"], e["offset"]) for e in _events(out)] == frames


def test_a_damaged_table_is_refused_before_any_work(clip, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(["spot", str(clip), "-o", str(out)]) == 0
    (out / "events.csv").write_text("recording,onset,offset\nface,ten,20\n")
    capsys.readouterr()
    assert run(["spot", str(clip), str(clip.parent), "-o", str(out)]) == 4
    told = capsys.readouterr().err
    assert "events.csv, line 2, column onset: 'ten'" in told
    assert "mend it, or move it away" in told
    assert len(told.splitlines()) == 1
    assert (out / "events.csv").read_text() == "recording,onset,offset\nface,ten,20\n"


def test_two_processes_at_once_lose_nothing(clip, tmp_path):
    """Of two runs into one folder one does its work; the other is refused and can run later."""
    out, videos = tmp_path / "out", []
    for number in range(4):
        videos.append(tmp_path / f"v{number}.mp4")
        shutil.copy(clip, videos[-1])
    code = "import sys; from mespot.cli import run; sys.exit(run(sys.argv[1:]))"
    halves = [[str(v) for v in videos[:2]], [str(v) for v in videos[2:]]]
    commands = [[sys.executable, "-c", code, "spot", *half, "-o", str(out)] for half in halves]
    running = [subprocess.Popen(c, stderr=subprocess.PIPE, text=True) for c in commands]
    told = [process.communicate()[1] for process in running]
    codes = [process.returncode for process in running]
    assert sorted(codes) == [0, 2], told
    refused = codes.index(2)
    assert "another mespot is writing into" in told[refused]
    assert run(commands[refused][3:]) == 0
    names = {r.id for r in read_recordings(out / "recordings.csv")}
    assert names == {"v0", "v1", "v2", "v3"}


def test_odd_names_do_not_lose_a_result(clip, tmp_path):
    video = tmp_path / "cost_$5_{x$ =é.mp4"
    shutil.copy(clip, video)
    assert run(["spot", str(video), "-o", str(tmp_path / "out"), "--no-faces"]) == 0
    assert (tmp_path / "out" / "cost_$5_{x$ =é.png").is_file()


def test_paper_recipes_refuse_other_rates(clip, tmp_path, capsys):
    recipe = tmp_path / "p.toml"
    recipe.write_text('fps = 25.0\n[descriptor]\nname = "hog_top"\n[scorer]\nname = "random"\n'
                      '[decode]\nthreshold = "paper"\n')  # fmt: skip
    command = ["spot", str(clip), "-o", str(tmp_path / "o"), "--spotter", str(recipe)]
    assert run(command) == 2
    assert "fixes its lengths in frames at 25" in capsys.readouterr().err
    assert run([*command, "--force"]) == 0
    # The paper's threshold fires at least once in every video.
    assert "score" in capsys.readouterr().out


def test_events_agree_with_the_scores_file(clip, tmp_path):
    """A low threshold gives spots for sure; each apex has its score, each frame a face."""
    low = ["--set", "decode.threshold=0.02"]
    assert run(["spot", str(clip), "-o", str(tmp_path), *low]) == 0
    with (tmp_path / "face.scores.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    with (tmp_path / "events.csv").open(newline="") as stream:
        events = list(csv.DictReader(stream))
    assert events
    for event in events:
        onset, apex, offset = (int(event[k]) for k in ("onset", "apex", "offset"))
        assert onset <= apex <= offset
        assert float(rows[apex]["score"]) == pytest.approx(float(event["score"]), abs=1e-5)
        for part, frame in (("onset", onset), ("apex", apex), ("offset", offset)):
            assert float(event[f"{part}_s"]) == pytest.approx(frame / 30, abs=1e-5)
        assert all(rows[f]["found"] == "1" for f in range(onset, offset + 1))
        # Nothing within the spot is higher than its peak by the file's own numbers.
        inside = [float(r["score"]) for r in rows[onset : offset + 1] if r["score"]]
        assert max(inside) <= float(event["score"]) + 1e-5
