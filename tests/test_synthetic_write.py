"""Recordings on disk: exact frames and rates, tables that read back, resuming, portraits, verb."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from mespot.cli import run
from mespot.errors import NoUsableFace, UnreadableInput, UsageError
from mespot.exports.csv import read_events, read_recordings
from mespot.synthetic import (
    DatasetRequest,
    contact_sheet,
    difficulty,
    load_portraits,
    make_script,
    render,
    render_recording,
    write,
    write_dataset,
)
from mespot.synthetic.portraits import IBUG_OF_MESH
from synthetic_face import SMALL, card, micro

BUSY = replace(
    SMALL, micro_per_minute=40.0, blink_per_minute=30.0, macro_per_minute=0.0, crf=(18, 18)
)
FACES = Path(__file__).resolve().parents[2] / "shared" / "faces"


def decode(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = [(f.pts * stream.time_base, f.to_ndarray(format="yuv420p"))
                  for f in container.decode(stream)]  # fmt: skip
        return frames, stream.average_rate


@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30000, 1001), 200])
def test_video_has_the_scripted_frames_at_exact_times(fps, tmp_path):
    made = render_recording(card(), tmp_path, "a", BUSY, 3, 24 / fps, fps)
    frames, rate = decode(made.source)
    assert (made.id, made.subject, made.n_frames, made.fps) == ("a", "card0", 24, Fraction(fps))
    assert rate == Fraction(fps)
    times = [time - frames[0][0] for time, _ in frames]
    # The container's clock ticks in whole steps of at most a tenth of a millisecond.
    assert len(times) == 24
    assert max(abs(t - i / Fraction(fps)) for i, t in enumerate(times)) < Fraction(1, 10000)
    script = make_script(BUSY, 3, fps, 24)
    assert made.expressions == script.expressions
    for (_, seen), meant in zip(frames, render(card(), script, BUSY, 3)):
        error = seen.astype(float) - meant
        assert abs(error.mean()) < 0.5
        assert error.std() < 3.0


def test_data_set_reads_back_and_resumes(tmp_path, monkeypatch):
    plan = DatasetRequest(3, 6.0, Fraction(10), 5, BUSY)
    seen = []
    faces = [card(0), card(1)]
    made = write_dataset(faces, tmp_path, plan, lambda r, new: seen.append((r.id, new)))
    assert seen == [("card0_00", True), ("card1_00", True), ("card0_01", True)]
    events = read_events(tmp_path / "events.csv")
    listed = read_recordings(tmp_path / "recordings.csv")
    assert [(r.id, r.subject, r.fps, r.n_frames) for r in listed] == [
        (r.id, r.subject, r.fps, r.n_frames) for r in made
    ]
    assert all(Path(r.source).is_file() for r in listed)
    for recording in made:
        kept = events[recording.id]
        key = [(e.onset, e.apex, e.offset, e.kind, e.attributes["action_units"]) for e in kept]
        assert key == [
            (e.onset, e.apex, e.offset, e.kind, e.attributes["action_units"])
            for e in recording.expressions
        ]
        assert {e.kind for e in kept} == {"micro", "blink"}
        assert all(0.8 <= float(e.attributes["amplitude_px"]) <= 3.0
                   for e in kept if e.kind == "micro")  # fmt: skip
    assert made[0].expressions != made[2].expressions

    stamps = {p.name: p.stat().st_mtime_ns for p in tmp_path.glob("*.mp4")}
    (tmp_path / "card1_00.mp4").unlink()
    again = write_dataset(faces, tmp_path, replace(plan, n_recordings=4))
    assert again[:3] == made
    assert len(read_recordings(tmp_path / "recordings.csv")) == 4
    for name in ("card0_00.mp4", "card0_01.mp4"):
        assert (tmp_path / name).stat().st_mtime_ns == stamps[name]

    for other in (replace(plan, seed=6), replace(plan, config=replace(BUSY, noise=0.0))):
        with pytest.raises(UsageError, match=r"was begun with another (seed|config)"):
            write_dataset(faces, tmp_path, other)
    with pytest.raises(UsageError, match="was begun with another portraits"):
        write_dataset([card(0)], tmp_path, plan)


def test_a_folder_begun_before_a_level_existed_goes_on(tmp_path):
    """The level's default is what was made then; another value is another setting."""
    plan = DatasetRequest(1, 1.0, Fraction(10), 0, BUSY)
    write_dataset([card()], tmp_path, plan)
    path = tmp_path / "run.json"
    begun = json.loads(path.read_text())
    assert begun["config"].pop("mains_hz") == 0.0
    path.write_text(json.dumps(begun))
    write_dataset([card()], tmp_path, plan)
    with pytest.raises(UsageError, match="was begun with another config"):
        write_dataset([card()], tmp_path, replace(plan, config=replace(BUSY, mains_hz=50.0)))


def test_an_interruption_leaves_whole_files_only(tmp_path, monkeypatch):
    def stops(*args):
        for i, frame in enumerate(render(*args)):
            if i == 5:
                raise KeyboardInterrupt
            yield frame

    plan = DatasetRequest(1, 1.0, Fraction(10), 0, BUSY)
    monkeypatch.setattr(write, "render", stops)
    with pytest.raises(KeyboardInterrupt):
        write_dataset([card()], tmp_path, plan)
    assert [p.name for p in tmp_path.iterdir()] == ["run.json"]
    monkeypatch.undo()
    write_dataset([card()], tmp_path, plan)
    assert len(decode(tmp_path / "card0_00.mp4")[0]) == 10


def test_a_folder_of_other_videos_is_left_alone(tmp_path):
    (tmp_path / "mine.mp4").write_bytes(b"x")
    with pytest.raises(UsageError, match="videos of another origin"):
        write_dataset([card()], tmp_path, DatasetRequest(1, 1.0))
    with pytest.raises(ValueError, match="must be positive"):
        DatasetRequest(0)


def save(folder, name, image):
    ok, data = cv2.imencode(".png", image)
    assert ok
    (folder / name).write_bytes(data.tobytes())


def test_portraits_with_landmarks(tmp_path):
    face = card()
    save(tmp_path, "b.png", face.image)
    save(tmp_path, "a.png", cv2.resize(face.image, None, fx=0.5, fy=0.5))
    mesh = np.full((468, 3), -1.0)
    mesh[list(IBUG_OF_MESH), :2] = face.points
    size = {"width": 400, "height": 420}
    entries = {"a.png": {**size, "points": face.points.tolist()},
               "b.png": {**size, "points": mesh.tolist()}}  # fmt: skip
    (tmp_path / "landmarks.json").write_text(json.dumps(entries))
    a, b = load_portraits(tmp_path)
    assert (a.id, b.id) == ("a", "b")
    # Points are told for another size of the picture: they are scaled.
    np.testing.assert_allclose(a.points, face.points / 2)
    np.testing.assert_allclose(b.points, face.points)
    np.testing.assert_array_equal(b.image, face.image)


def test_portraits_that_cannot_be_used(tmp_path):
    with pytest.raises(UnreadableInput, match="no such folder"):
        load_portraits(tmp_path / "none")
    with pytest.raises(UnreadableInput, match="holds no image"):
        load_portraits(tmp_path)
    (tmp_path / "a.png").write_bytes(b"not a picture")
    with pytest.raises(UnreadableInput, match=r"a\.png: not an image"):
        load_portraits(tmp_path)
    save(tmp_path, "a.png", np.full((200, 200, 3), 127, np.uint8))
    with pytest.raises(NoUsableFace, match=r"a\.png: no frontal face"):
        load_portraits(tmp_path)
    for entry, message in (
        ({"points": []}, "needs width, height, points"),
        ({"width": 9, "height": 9, "points": [[0, 0]] * 5}, "5 points; needs 68"),
    ):
        (tmp_path / "landmarks.json").write_text(json.dumps({"a.png": entry}))
        with pytest.raises(UnreadableInput, match=message):
            load_portraits(tmp_path)
    (tmp_path / "landmarks.json").write_text("{")
    with pytest.raises(UnreadableInput, match="cannot read the landmarks"):
        load_portraits(tmp_path)
    (tmp_path / "a.jpg").write_bytes(b"")
    with pytest.raises(UnreadableInput, match="same stem"):
        load_portraits(tmp_path)


def test_packaged_portraits_have_faces_where_they_are():
    faces = load_portraits(None)
    assert faces[0].id == "grace_hopper"
    eyes = faces[0].points[36:48].reshape(2, 6, 2).mean(axis=1)
    # Read off the photograph by eye.
    np.testing.assert_allclose(eyes, [[222, 189], [305, 187]], atol=5)


@pytest.mark.skipif(not FACES.is_dir(), reason="../shared/faces is absent")
def test_shared_portraits_stand_upright_with_their_eyes_inside():
    faces = load_portraits(FACES)
    assert len({f.id for f in faces}) == 22
    for face in faces:
        left, right = face.points[36:42].mean(axis=0), face.points[42:48].mean(axis=0)
        assert 100 < right[0] - left[0] < 200
        assert abs(right[1] - left[1]) < 10
        mouth = face.points[48:60].mean(axis=0)
        assert 0.8 < (mouth - (left + right) / 2)[1] / (right - left)[0] < 1.3


def test_verb(tmp_path, capsys):
    source = tmp_path / "faces"
    source.mkdir()
    face = card()
    save(source, "x.png", face.image)
    entry = {"width": 400, "height": 420, "points": face.points.tolist()}
    (source / "landmarks.json").write_text(json.dumps({"x.png": entry}))
    out = tmp_path / "out"
    args = ["synth", str(out), "--seconds", "1", "--fps", "10", "--portraits", str(source)]
    assert run([*args, "--difficulty", "easy"]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("1 recordings of 1 subjects, 0.0 min:")
    assert said.err == "x_00: made\n"
    assert len(decode(out / "x_00.mp4")[0]) == 10
    assert json.loads((out / "run.json").read_text())["config"]["noise"] == difficulty("easy").noise
    assert run([*args, "--difficulty", "easy", "--recordings", "2"]) == 0
    assert capsys.readouterr().err == "x_00: kept\nx_01: made\n"
    for wrong in (["--difficulty", "hrd"], ["--fps", "x"], ["--seconds", "nan"], ["--seed", "1"]):
        assert run([*args, *wrong]) == 2
        assert "Traceback" not in capsys.readouterr().err
    assert run(["synth", str(tmp_path / "o2"), "--portraits", str(tmp_path / "none")]) == 4


def test_contact_sheet_shows_what_moved(tmp_path):
    config = replace(SMALL, noise=0.0, crf=(10, 10), head=0.0, camera=0.0, light=0.0, flicker=0.0)
    made = render_recording(card(), tmp_path, "a", replace(config, micro_per_minute=60.0), 1, 2, 20)
    events = [e for e in made.expressions if e.kind == "micro"]
    contact_sheet(Path(made.source), events, tmp_path / "sheet.png", (100, 0, 300, 200))
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    assert sheet.shape == (240 * len(events), 960, 3)
    assert sheet[20:, 720:].astype(int).std() > 4
    with pytest.raises(UnreadableInput, match="ends before frame 90"):
        contact_sheet(Path(made.source), [micro("4", 1.0, (90, 91, 92))], tmp_path / "no.png")
    with pytest.raises(UnreadableInput, match="cannot be read"):
        contact_sheet(tmp_path / "none.mp4", events, tmp_path / "no.png")
    assert not (tmp_path / "no.png").exists()
