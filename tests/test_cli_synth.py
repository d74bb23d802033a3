"""`mespot synth --like`: what is told, made, kept and refused. Without it: `--set`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import cv2
import pytest

from mespot.cli import run
from synthetic_face import card

SMALL = ["--set", "width=128", "--set", "height=96", "--set", "eye_px=[30, 33]"]


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    """A folder of three portraits with landmarks."""
    folder = tmp_path_factory.mktemp("faces")
    entries = {}
    for i in range(3):
        face = card(i, 40.0)
        cv2.imwrite(str(folder / f"{face.id}.png"), face.image)
        size = {"width": face.image.shape[1], "height": face.image.shape[0]}
        entries[f"{face.id}.png"] = {**size, "points": face.points.tolist()}
    (folder / "landmarks.json").write_text(json.dumps(entries))
    return folder


def test_a_dry_run_tells_the_numbers_and_writes_nothing(tmp_path, faces, capsys):
    out = tmp_path / "out"
    assert (
        run(["synth", str(out), "--like", "casme-sq", "--dry-run", "--portraits", str(faces)]) == 0
    )
    said = capsys.readouterr()
    rows = {line.split()[0]: line.split()[1:] for line in said.out.splitlines() if line.strip()}
    assert rows["subjects"] == ["22", "22"]
    assert rows["recordings"] == ["98", "98", "659/2304/4374", "659/2304/4374"]
    assert rows["micro"] == ["57", "57", "9/14/17", "9/14/17"]
    assert rows["macro"] == ["300", "300", "4/35/118", "4/35/118"]
    assert "nothing was written" in said.out
    # 22 subjects of 3 portraits.
    assert "some subjects stem from the same portraits" in said.err
    assert not out.exists()


def test_a_twin_is_made_kept_and_verified(tmp_path, faces, capsys):
    out = tmp_path / "out"
    args = ["synth", "--like", "smic-vis-e", str(out), "--scale", "0.03", "--portraits", str(faces),
            "--workers", "1", *SMALL]  # fmt: skip
    assert run(args) == 0
    said = capsys.readouterr()
    assert "twin of smic-vis-e, scale 0.03, seed 0, standard (synthetic)" in said.out
    assert "0 of 1 pairs of subjects share a portrait" in said.out
    assert [line.split(": ")[1] for line in said.err.splitlines()] == ["made"] * 2
    assert json.loads((out / "twin.json").read_text())["config"]["width"] == 128
    assert run(args) == 0
    assert [line.split(": ")[1] for line in capsys.readouterr().err.splitlines()] == ["kept"] * 2
    assert run(["datasets", "verify", "smic-vis-e", str(out)]) == 0
    told = capsys.readouterr().out
    assert told.startswith("smic-vis-e twin in")
    assert "No new problems." in told
    assert run([*args, "--seed", "1"]) == 2
    assert "another seed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--like", "casme-qs"], "did you mean 'casme-sq'"),
        (["--like", "casme-sq", "--seconds", "3"], "--seconds: with --like the data set decides"),
        (["--like", "casme-sq", "--scale", "2"], "--scale 2: choose"),
        (["--like", "casme-sq", "--set", "macro_per_minute=1"], "decided by the data set"),
        (["--like", "casme-sq", "--set", "noise"], "write NAME=VALUE"),
        (["--like", "casme-sq", "--difficulty", "hrd"], "did you mean 'hard'"),
        (["--scale", "0.5"], "--scale: is for twins"),
        (["--dry-run"], "--dry-run: is for twins"),
        (["--jpeg-quality", "80"], "--jpeg-quality: is for twins"),
        (["--set", "nois=0"], "did you mean 'noise'"),
    ],
)
def test_what_makes_no_sense_is_refused(options, words, tmp_path, faces, capsys):
    out = tmp_path / "out"
    assert run(["synth", str(out), "--portraits", str(faces), *options]) == 2
    said = capsys.readouterr()
    assert words in said.err
    assert said.err.count("\n") == 1
    assert not out.exists()


def test_levels_of_videos(tmp_path, faces, capsys):
    args = ["synth", str(tmp_path), "--recordings", "1", "--seconds", "1", "--fps", "10",
            "--portraits", str(faces), "--set", "noise=0"]  # fmt: skip
    assert run(args) == 0
    config = json.loads((tmp_path / "run.json").read_text())["config"]
    assert (config["noise"], config["head"]) == (0.0, 1.0)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "killpg"), reason="needs process groups")
@pytest.mark.parametrize("wait_s", [0.0, 1.0])
def test_ctrl_c_ends_all_processes_and_leaves_whole_recordings(wait_s, tmp_path, faces):
    out = tmp_path / "out"
    code = "import sys; from mespot.cli import run; sys.exit(run(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "synth", "--like", "casme-sq", str(out), "--scale",
               "0.05", "--portraits", str(faces), "--workers", "2"]  # fmt: skip
    with (tmp_path / "said").open("w") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, start_new_session=True)
        try:
            # The first recording is begun while the second process still starts.
            until = time.monotonic() + 60.0
            while not any(out.rglob(".*.part")) and time.monotonic() < until:
                time.sleep(0.05)
            time.sleep(wait_s)
            os.killpg(process.pid, signal.SIGINT)
            assert process.wait(60) == 130
        finally:
            process.kill()
    assert not list(out.rglob(".*"))
    told = (tmp_path / "said").read_text()
    assert "interrupted; finished items are kept, run again to resume" in told
    assert "Traceback" not in told
