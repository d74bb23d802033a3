"""What counts as missed and what stops a run; lengths and truth are compared before training."""

from __future__ import annotations

import errno
import json
from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from evaluation_cases import CHANCE, READ, N, Toy, plan_in, recordings, rows, truth_of
from mespot import packing
from mespot.align.config import Align
from mespot.cache import Cache
from mespot.cli import run
from mespot.descriptors.hog_top import HogTop
from mespot.errors import MespotError, NoUsableFace, UnreadableInput, UsageError
from mespot.evaluation.describe import check_lengths, describe_all
from mespot.evaluation.run import evaluate
from mespot.exports.csv import read_recordings, write_events, write_recordings
from mespot.recipe import dumps
from mespot.rows import NoFace, Undecodable, collect, make_rows
from mespot.types import Expression, Reading

pytest.importorskip("torch", reason="training needs PyTorch")
pytest.importorskip("onnx", reason="training needs onnx")


@pytest.fixture
def described():
    """Ids of the recordings that were described in this process."""
    READ.clear()
    return READ


def failing(monkeypatch, at, error):
    """Let describing one recording fail."""

    def read(_toy, recording):
        if recording.id == at:
            raise error
        return rows(recording)

    monkeypatch.setattr(Toy, "read_rows", read)


def folds_in(plan):
    """The folds that were run."""
    return [path.parent.name for path in plan.out.rglob("fold.json")]


def full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_stops_the_run(tmp_path, described, monkeypatch):
    monkeypatch.setattr(packing, "write_npy", full)
    plan = plan_in(tmp_path, (CHANCE,), ("default",))
    with pytest.raises(MespotError, match="No space left on device") as stopped:
        evaluate(plan)
    assert stopped.value.exit_code == 1
    assert described == ["a0"]
    assert not (plan.out / "results.json").exists()


def test_errors_of_other_processes_stop_the_run_too(tmp_path):
    videos = replace(CHANCE, descriptor=HogTop())
    plan = plan_in(tmp_path, (videos,), ("default",), workers=2)
    (tmp_path / "file").write_text("")
    with pytest.raises(MespotError, match="cannot keep results here") as stopped:
        evaluate(replace(plan, cache=(tmp_path / "file" / "cache", None)))
    assert stopped.value.exit_code == 1
    # The toys' files are no videos: that is a fault of each recording.
    with pytest.raises(UnreadableInput, match="none of the recordings can be used"):
        evaluate(plan)


def test_a_file_that_is_missing_stops_the_run(tmp_path):
    plan = plan_in(tmp_path, (CHANCE,), ("default",))
    Path(str(plan.recordings[3].source)).unlink()
    with pytest.raises(UnreadableInput, match="b1: no such file or folder"):
        evaluate(plan)


@pytest.mark.parametrize(
    "error",
    [
        UsageError("b0: this recipe fixes its lengths in frames at 30 frames/s"),
        MespotError("the cache: the crops are no longer there"),
        UnreadableInput("b0: cannot be read (Input/output error)"),
    ],
    ids=lambda e: type(e).__name__,
)
def test_other_errors_stop_the_run_with_their_own_code(tmp_path, monkeypatch, error):
    failing(monkeypatch, "b0", error)
    plan = plan_in(tmp_path, (CHANCE,), ("default",))
    with pytest.raises(type(error)) as stopped:
        evaluate(plan)
    assert folds_in(plan) == []
    assert (str(stopped.value), stopped.value.exit_code) == (str(error), error.exit_code)


@pytest.mark.parametrize("error", [NoFace("b0: no face"), Undecodable("b0: not a video")])
def test_no_face_and_no_video_count_as_missed(tmp_path, monkeypatch, error):
    failing(monkeypatch, "b0", error)
    plan = plan_in(tmp_path, (CHANCE,), ("default",))
    (result,) = evaluate(plan)
    assert json.loads((plan.out / "results.json").read_text())["unusable"] == {"b0": str(error)}
    assert result["apex"]["tp"] + result["apex"]["fn"] == 24
    assert result["minutes"] == pytest.approx(8 * N / 25 / 60)


def test_the_length_of_a_video_without_a_face_is_known(tmp_path, monkeypatch):
    failing(monkeypatch, "b0", NoFace("b0: no face", Reading(N + 10, N + 10)))
    given = [replace(r, n_frames=None) for r in recordings(tmp_path / "data")]
    plan = plan_in(tmp_path, (CHANCE,), ("default",), recordings=given)
    (result,) = evaluate(plan)
    assert result["minutes"] == pytest.approx((8 * N + 10) / 25 / 60)
    lengths = {r.id: r.n_frames for r in read_recordings(plan.out / "recordings.csv")}
    assert lengths == {r.id: N + 10 * (r.id == "b0") for r in given}


def test_a_video_without_any_length_is_one_clear_line(tmp_path, monkeypatch):
    failing(monkeypatch, "b0", Undecodable("b0: not a video"))
    given = [replace(r, n_frames=None) for r in recordings(tmp_path / "data")]
    plan = plan_in(tmp_path, (CHANCE,), ("default",), recordings=given)
    with pytest.raises(UnreadableInput, match="'b0': its video cannot be decoded and no n_frames"):
        evaluate(plan)


@pytest.mark.parametrize(
    ("error", "kind"), [(NoFace, NoUsableFace), (Undecodable, UnreadableInput)]
)
def test_where_nothing_can_be_used_the_code_tells_why(tmp_path, monkeypatch, error, kind):
    def read(_toy, recording):
        raise error(f"{recording.id}: cannot be used")

    monkeypatch.setattr(Toy, "read_rows", read)
    with pytest.raises(kind, match="none of the recordings can be used: a0"):
        evaluate(plan_in(tmp_path, (CHANCE,), ("default",)))


@pytest.mark.parametrize("listed", [150, N + 1])
def test_a_listed_length_that_is_not_the_videos_is_told_before_training(tmp_path, listed):
    given = recordings(tmp_path / "data")
    given[2] = replace(given[2], n_frames=listed, expressions=())
    plan = plan_in(tmp_path, (CHANCE,), ("default",), recordings=given)
    text = f"recording 'b0': {listed} frames are listed, but its video has {N}; correct n_frames"
    with pytest.raises(UnreadableInput, match=text):
        evaluate(plan)
    assert not (plan.out / "recordings.csv").exists()
    assert folds_in(plan) == []


def test_truth_past_the_end_is_told_before_training(tmp_path):
    given = recordings(tmp_path / "data")
    late = (*truth_of("b0"), Expression(N - 5, None, N))
    given[2] = replace(given[2], n_frames=None, expressions=late)
    given[4] = replace(given[4], n_frames=N + 9)
    plan = plan_in(tmp_path, (CHANCE,), ("default",), recordings=given)
    text = f"recording 'b0': its truth goes to frame {N}, but its video has {N} \\(0 to {N - 1}\\)"
    with pytest.raises(UnreadableInput, match=text) as stopped:
        evaluate(plan)
    assert "correct its events" in str(stopped.value)
    assert "(and 1 more such recordings)" in str(stopped.value)
    assert folds_in(plan) == []
    # Its last frame is within.
    given[2] = replace(given[2], expressions=(Expression(N - 5, None, N - 1),))
    given[4] = replace(given[4], n_frames=N)
    evaluate(replace(plan, recordings=tuple(given)))
    assert len(folds_in(plan)) == 4


def test_tables_of_a_folder_with_a_wrong_length_give_code_4(tmp_path, monkeypatch, capsys):
    """Truth that fits the listed 250 frames and not the 240 of the video."""
    monkeypatch.setenv("MESPOT_CACHE", str(tmp_path / "cache"))
    data = tmp_path / "data"
    given = [replace(r, n_frames=250) for r in recordings(data)]
    write_recordings(data / "recordings.csv", given)
    write_events(data / "events.csv", {"a0": [Expression(230, 240, 249)]}, given)
    (tmp_path / "chance.toml").write_text(dumps(CHANCE))
    command = ["evaluate", str(tmp_path / "chance.toml"), "--dataset", "folder", "--root"]
    command += [str(data), "-o", str(tmp_path / "out"), "--workers", "1"]
    assert run(command) == 4
    error = capsys.readouterr().err
    assert "250 frames are listed, but its video has 240" in error
    assert "(and 7 more such recordings)" in error
    assert "Traceback" not in error


def test_descriptions_that_find_other_frames_are_told_apart(tmp_path):
    """Of each recipe the frames that its own alignment lost."""
    chance = replace(CHANCE, descriptor=Toy(lost=5))
    small = replace(CHANCE, name="small", descriptor=Toy(lost=3))
    other = replace(small, name="other", align=Align(smoothing=3))
    plan = plan_in(tmp_path, (chance, small))
    read = describe_all(plan, lambda _: None).read["a0"]
    assert read["frames_without_face"] == 5
    assert read["frames_without_face_by_recipe"] == {"chance": 5, "small": 3}
    assert read["length"] == N
    read = describe_all(replace(plan, recipes=(small, other)), lambda _: None).read["a0"]
    assert read["frames_without_face"] == 3
    assert "frames_without_face_by_recipe" not in read


def test_rows_that_are_pruned_before_a_fold_are_made_again(tmp_path, described, monkeypatch):
    plan = plan_in(tmp_path, (CHANCE,), ("default",))
    whole = evaluate(replace(plan, out=tmp_path / "whole"))
    find, dropped, lines = Cache.find, [], []

    def found(self, key):
        folder = find(self, key)
        # Another run prunes it just before it is read.
        if lines and folder is not None and self.meta(key)["kind"] == "rows" and not dropped:
            dropped.append(key)
            self.drop(key)
        return folder

    def said(line):
        if "finished before" in line:
            lines.append(line)
            described.clear()
        elif lines:
            lines.append(line)

    monkeypatch.setattr(Cache, "find", found)
    again = evaluate(plan, said)
    assert len(dropped) == len(described) == 1
    assert "rows of 1 recordings were made again" in lines[1]
    assert not any("made again" in line for line in lines[2:])
    for one, other in zip(whole, again, strict=True):
        assert one["apex"] == other["apex"]


def test_rows_that_go_again_and_again_stop_the_run(tmp_path, described, monkeypatch):
    """Another run prunes them whenever they are about to be read."""
    find, lines = Cache.find, []

    def found(self, key):
        folder = find(self, key)
        if lines and folder is not None and self.meta(key)["kind"] == "rows":
            self.drop(key)
        return folder

    def said(line):
        if "finished before" in line:
            lines.append(line)
            described.clear()

    monkeypatch.setattr(Cache, "find", found)
    with pytest.raises(MespotError, match="raise MESPOT_CACHE_GB"):
        evaluate(plan_in(tmp_path, (CHANCE,), ("default",)), said)
    assert set(described) == {"a0"}


def test_training_stops_at_a_full_disk_and_leaves_out_a_bad_video(tmp_path, monkeypatch):
    given = recordings(tmp_path / "data")
    failing(monkeypatch, "b0", Undecodable("b0: not a video"))
    kept, left_out = collect(CHANCE, given, store=tmp_path / "rows")
    assert [s.id for s in kept] == [r.id for r in given if r.id != "b0"]
    assert left_out == ["b0: not a video"]
    monkeypatch.setattr(packing, "write_npy", full)
    with pytest.raises(MespotError, match="No space left on device"):
        collect(CHANCE, given, store=tmp_path / "others")


def test_an_image_folder_with_gaps_keeps_its_listed_length(tmp_path):
    """Declared as the range of its numbers, as the labelled data sets do."""
    folder = tmp_path / "x"
    folder.mkdir()
    for number in [n for n in range(101, 141) if n not in (110, 111)]:
        cv2.imwrite(str(folder / f"img{number}.png"), np.full((120, 160), 90, np.uint8))
    given = recordings(tmp_path / "data")
    shown = replace(given[0], source=str(folder), n_frames=40, expressions=(), fps=Fraction(25))
    with pytest.raises(NoFace) as stopped:
        make_rows(replace(CHANCE, descriptor=HogTop()), shown, Cache(tmp_path / "c"))
    read = {"a0": asdict(stopped.value.reading)}
    check_lengths([shown], read)
    with pytest.raises(UnreadableInput, match="38 frames are listed, but its video has 40"):
        check_lengths([replace(shown, n_frames=38)], read)
