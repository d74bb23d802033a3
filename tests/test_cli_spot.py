"""`mespot spot` on real and broken input: files, frames, exit codes, one clear line each."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys

import av
import pytest

from mespot.cli import run
from mespot.exports.csv import read_events, read_recordings

CODES = {
    "single_face.mp4": 0,
    "WolfgangLanger_Pexels.mp4": 0,
    "face_noface.mov": 0,
    "noface_face.mov": 0,
    "no_face.mp4": 5,
}


def rows_of(path):
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def decoded_times(path):
    """Times of all frames by a plain decode loop, seconds from the first."""
    with av.open(str(path)) as container:
        times = [float(f.pts * f.time_base) for f in container.decode(video=0)]
    return [t - times[0] for t in times]


@pytest.fixture(scope="module")
def result(shared_videos, tmp_path_factory):
    """One batch over all five clips: its folder and exit code."""
    out = tmp_path_factory.mktemp("spots")
    code = run(["spot", *(str(shared_videos / name) for name in CODES), "-o", str(out)])
    return out, code


def test_batch_goes_on_after_a_bad_file(result):
    out, code = result
    assert code == 3
    done = {r.id for r in read_recordings(out / "recordings.csv")}
    assert done == {name.rsplit(".", 1)[0] for name, c in CODES.items() if c == 0}


@pytest.mark.parametrize("name", [n for n, c in CODES.items() if c == 0])
def test_scores_cover_every_decoded_frame(result, shared_videos, name):
    out, _ = result
    stem = name.rsplit(".", 1)[0]
    rows = rows_of(out / f"{stem}.scores.csv")
    times = decoded_times(shared_videos / name)
    assert [int(r["frame"]) for r in rows] == list(range(len(times)))
    assert [float(r["time_s"]) for r in rows] == pytest.approx(times, abs=1e-5)
    lost = [r["found"] == "0" for r in rows]
    if name == "face_noface.mov":
        assert not any(lost[:60])
        assert all(lost[-40:])
    if name == "noface_face.mov":
        assert all(lost[:60])
        # The file's last frame stands after a gap in time.
        assert sum(lost[-30:]) <= 1
    if name == "single_face.mp4":
        assert not any(lost)
    assert (out / f"{stem}.png").stat().st_size > 10_000


def test_events_stand_on_found_frames_with_the_files_times(shared_videos, tmp_path):
    """At a low threshold, so that there are spots on clips of rate constant and varying."""
    clips = [str(shared_videos / name) for name in ("single_face.mp4", "noface_face.mov")]
    low = ["--set", "decode.threshold=0.02"]
    assert run(["spot", *clips, "-o", str(tmp_path), *low]) == 0
    recordings = read_recordings(tmp_path / "recordings.csv")
    events = read_events(tmp_path / "events.csv", recordings)
    for recording in recordings:
        rows = rows_of(tmp_path / f"{recording.id}.scores.csv")
        assert recording.n_frames == len(rows)
        assert events[recording.id]
        for event in events[recording.id]:
            assert all(rows[f]["found"] == "1" for f in range(event.onset, event.offset + 1))
            assert float(rows[event.apex]["score"]) == pytest.approx(event.score, abs=1e-5)
    for row in rows_of(tmp_path / "events.csv"):
        times = rows_of(tmp_path / f"{row['recording']}.scores.csv")
        assert float(row["onset_s"]) == pytest.approx(float(times[int(row["onset"])]["time_s"]))
        assert row["kind"] == "micro"
        assert row["status"] == "unseen"


def test_run_json_tells_what_decided(result):
    out, _ = result
    told = json.loads((out / "run.json").read_text())
    assert {"mespot", "numpy", "av", "onnxruntime"} <= told["versions"].keys()
    assert len(told["key"]["weights_sha256"]) == 64
    item = told["items"]["noface_face"]
    assert item["fps_source"] == "median timestamp distance"
    assert item["frames"] == 169
    assert item["frames_without_face"] > 60
    assert item["decode_failures"] == 0


def test_second_run_skips_what_is_finished(result, shared_videos, capsys):
    out, _ = result
    before = (out / "events.csv").stat().st_mtime_ns
    assert run(["spot", str(shared_videos / "single_face.mp4"), "-o", str(out)]) == 0
    assert "skipped" in capsys.readouterr().err
    assert (out / "events.csv").stat().st_mtime_ns == before
    # Another setting is another result: nothing of this one is touched unasked.
    again = ["spot", str(shared_videos / "single_face.mp4"), "-o", str(out)]
    assert run([*again, "--set", "decode.nms_s=0.5"]) == 2
    assert "choose another folder" in capsys.readouterr().err
    assert (out / "events.csv").stat().st_mtime_ns == before
    # So are pictures without faces.
    assert run([*again, "--no-faces"]) == 0
    assert "skipped" not in capsys.readouterr().err


def test_no_face_is_5_and_json_is_json(shared_videos, tmp_path, capsys):
    assert run(["spot", str(shared_videos / "no_face.mp4"), "-o", str(tmp_path)]) == 5
    told = capsys.readouterr().err
    assert "no face found in 95 frames" in told
    assert "Traceback" not in told
    clip = str(shared_videos / "single_face.mp4")
    assert run(["spot", clip, "-o", str(tmp_path), "--json", "--no-faces"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["items"]["single_face"]["frames"] == 72


def test_torch_is_not_needed(shared_videos, tmp_path):
    """The whole verb in a process in which importing torch fails."""
    code = (
        "import sys; sys.modules['torch'] = None; sys.modules['onnx'] = None\n"
        "from mespot.cli import run\n"
        f"sys.exit(run(['spot', {str(shared_videos / 'single_face.mp4')!r}, '-o', "
        f"{str(tmp_path)!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "single_face.scores.csv").is_file()


@pytest.mark.parametrize(
    ("make", "args", "code", "part"),
    [
        (None, [], 4, "no such file"),
        (lambda p: p.write_bytes(b""), [], 4, "empty"),
        (lambda p: p.write_bytes(os.urandom(5000)), [], 4, "v.mp4"),
        (lambda p: p.mkdir(), [], 4, "no image"),
        (None, ["--set", "decode.nsm_s=1"], 2, "did you mean 'nms_s'"),
        (None, ["--set", "align.size=1"], 2, "only decode"),
        (None, ["--fps", "fast"], 2, "write a number such as 25"),
        (None, ["--spotter", "nowhere"], 4, "not a spotter"),
        (None, ["--spotter", "paper-smic"], 2, "must be trained first"),
    ],
)
def test_bad_input_is_one_line(tmp_path, capsys, make, args, code, part):
    path = tmp_path / "v.mp4"
    if make is not None:
        make(path)
    assert run(["spot", str(path), "-o", str(tmp_path / "out"), *args]) == code
    told = capsys.readouterr().err
    assert part in told
    assert len(told.strip().splitlines()) == 1
    assert "Traceback" not in told


def test_usage_errors_are_2(tmp_path, capsys):
    assert run(["spot"]) == 2
    assert run(["spt", "x"]) == 2
    assert "did you mean 'spot'" in capsys.readouterr().err
