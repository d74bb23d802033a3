"""Twins on disk: read by the loader of the real set, resumed, the same by the same seed."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import av
import cv2
import pytest

from mespot import registry
from mespot.errors import MespotError, UnreadableInput, UsageError
from mespot.exports.csv import read_events, read_recordings
from mespot_lab.twins import make_request, make_work, write_twin
from mespot_lab.twins import task as task_module
from synthetic_face import card

# Small frames, and nothing that takes time for no purpose.
SMALL = {"width": 128, "height": 96, "eye_px": [30.0, 33.0]}
FACES = [card(i, 40.0) for i in range(3)]


def request(like, scale, seed=0, **values):
    return make_request(like, scale, seed, "easy", {**SMALL, **values})


def files(root):
    """Contents of all images by place."""
    return {p.relative_to(root): p.read_bytes() for p in sorted(root.rglob("*.jpg"))}


def frames(expressions):
    return [(e.onset, e.apex, e.offset, e.kind) for e in expressions]


@pytest.fixture(scope="module")
def smic(tmp_path_factory):
    root = tmp_path_factory.mktemp("smic")
    said = []
    work, truth = write_twin(
        request("smic-vis-e", 0.08), FACES, root, 1, on_done=lambda *a: said.append(a)
    )
    return root, work, truth, said


def test_the_loader_reads_what_was_planned(smic):
    root, work, truth, said = smic
    dataset = registry.plugin("datasets", "smic_vis_e")()
    found = {r.id: r for r in dataset.load(root)}
    assert len(found) == len(work.tasks) == 6
    for planned, told in zip(work.plan.recordings, truth):
        read = found[planned.name]
        assert (read.subject, read.n_frames, read.fps) == (planned.subject, planned.n_frames, 25)
        assert frames(read.expressions) == frames(told.expressions)
        assert [(e.onset, e.offset) for e in read.expressions] == [
            (e.onset, e.offset) for e in planned.expressions
        ]
        assert read.dataset == "smic-vis-e twin"
        images = sorted(Path(read.source).iterdir())
        assert len(images) == planned.n_frames
        assert cv2.imread(str(images[-1])).shape == (96, 128, 3)
    assert dataset.verify(root) == []
    assert sorted(said) == sorted((r.name, True) for r in truth)
    assert not list(root.rglob(".*"))


def test_casme_sq_with_all_its_oddities(tmp_path):
    work, truth = write_twin(request("casme-sq", 0.004), FACES, tmp_path)
    dataset = registry.plugin("datasets", "casme_sq")()
    found = {r.id: r for r in dataset.load(tmp_path)}
    assert {n: frames(r.expressions) for n, r in found.items()} == {
        r.name: frames(r.expressions) for r in truth
    }
    seen = dataset.inspect(tmp_path)
    assert seen.problems == ()
    assert seen.found == seen.expected
    assert {"subject-order", "leading-zero", "no-rows"} <= set(seen.traps)
    # truth/ tells what happens, in spite of the sheet.
    told = read_events(tmp_path / "truth" / "events.csv")
    for planned in work.plan.recordings:
        facial = [e for e in told.get(planned.name, []) if e.kind in ("micro", "macro")]
        assert frames(facial) == frames(planned.expressions)
    assert any(e.kind == "blink" for found in told.values() for e in found)


def test_samm_is_grey(tmp_path):
    work = make_work(request("samm-lv", 0.0005), FACES)
    task, face = work.tasks[0], FACES[0]
    short = replace(task.take.recording, n_frames=5, expressions=())
    task = replace(task, take=replace(task.take, recording=short))
    task.make(tmp_path, face, lambda: True)
    assert task.finished(tmp_path)
    images = [cv2.imread(str(p), cv2.IMREAD_UNCHANGED) for p in sorted(tmp_path.rglob("*.jpg"))]
    assert [i.shape for i in images] == [(96, 128)] * 5
    # Full range: the brightest parts of the card are brighter than video's white.
    assert max(i.max() for i in images) > 235


def test_what_a_twin_says_of_itself(smic):
    root, work, _, _ = smic
    said = json.loads((root / "twin.json").read_text())
    assert (said["twin_of"], said["seed"], said["scale"]) == ("smic-vis-e", 0, 0.08)
    assert said["counts"] == {"recordings": 6, "subjects": 2, "micro": 6}
    assert "synthetic" in said["what"]
    assert said["config"]["noise"] == work.request.config.noise
    # Each subject by its parents; here every subject is a portrait of its own.
    parents = [(s["base"], s["donor"]) for s in said["subjects"].values()]
    assert set(said["subjects"]) == {"s01", "s02"}
    assert len(set(parents)) == 2
    assert all(donor is None for _, donor in parents)
    assert said["subjects_sharing_a_portrait"] == 0
    readme = (root / "README.txt").read_text()
    assert readme.startswith("SYNTHETIC. This is a twin of smic-vis-e")
    listed = read_recordings(root / "truth" / "recordings.csv")
    assert all(Path(r.source).is_dir() for r in listed)


def test_the_truth_holds_when_the_twin_is_moved(smic, tmp_path):
    root, work, _, _ = smic
    moved = shutil.copytree(root, tmp_path / "elsewhere")
    table = moved / "truth" / "recordings.csv"
    assert str(root) not in table.read_text()
    for recording, task in zip(read_recordings(table), work.tasks):
        assert recording.id == task.take.recording.name
        assert Path(recording.source).resolve() == (moved / task.folder).resolve()
    # It is a folder of recordings as anybody's own, the images beside it.
    folder = registry.plugin("datasets", "folder")()
    assert folder.verify(moved / "truth") == []
    found = {r.id: r for r in folder.load(moved / "truth")}
    for task in work.tasks:
        read = found[task.take.recording.name]
        assert read.n_frames == len(list(Path(read.source).iterdir()))
        assert frames(read.expressions) == frames(task.script().expressions)


def test_pictures_for_looking(smic):
    root, work, _, _ = smic
    sheet = cv2.imread(str(root / "contact.png"))
    rows = sum(bool(j.take.recording.expressions) for j in work.tasks)
    assert sheet.shape == (120 + 240 * rows, 960, 3)
    with av.open(str(root / "preview.mp4")) as video:
        stream = video.streams.video[0]
        assert (stream.width, stream.height) == (960, 480)
        assert stream.average_rate == 25
        assert sum(1 for _ in video.decode(stream)) == 200


def test_resuming_makes_what_is_missing_and_keeps_the_rest(smic):
    root, work, _, _ = smic
    before = files(root)
    sheet = next(root.rglob("*.xlsx")).read_bytes()
    gone, cut = (root / work.tasks[i].folder for i in (1, 3))
    for path in gone.iterdir():
        path.unlink()
    gone.rmdir()
    sorted(cut.iterdir())[-1].unlink()
    (gone.parent / f".{gone.name}.part").mkdir()
    stamps = {p: p.stat().st_mtime_ns for p in root.rglob("*.jpg") if cut not in p.parents}
    said, counted = [], []
    write_twin(
        work.request, FACES, root, 1, lambda *a: counted.append(a), lambda *a: said.append(a)
    )
    made = {name for name, new in said if new}
    assert made == {work.tasks[i].take.recording.name for i in (1, 3)}
    assert len(said) == 6
    assert counted[-1] == (work.plan.n_frames,) * 2
    assert files(root) == before
    assert all(p.stat().st_mtime_ns == stamp for p, stamp in stamps.items())
    assert next(root.rglob("*.xlsx")).read_bytes() == sheet
    assert not list(root.rglob(".*"))


def test_an_interruption_leaves_whole_recordings_only(tmp_path, monkeypatch):
    asked = request("smic-vis-e", 0.03)
    first = make_work(asked, FACES).tasks[0]
    render, drawn = task_module.render, []

    def stops(*args):
        for frame in render(*args):
            drawn.append(1)
            if len(drawn) > first.take.recording.n_frames + 5:
                raise KeyboardInterrupt
            yield frame

    monkeypatch.setattr(task_module, "render", stops)
    with pytest.raises(KeyboardInterrupt):
        write_twin(asked, FACES, tmp_path)
    monkeypatch.undo()
    folders = {p.parent for p in tmp_path.rglob("*.jpg")}
    assert folders == {tmp_path / first.folder}
    assert not list(tmp_path.rglob(".*"))
    made = []
    work, _ = write_twin(asked, FACES, tmp_path, on_done=lambda *a: made.append(a[1]))
    assert all(task.finished(tmp_path) for task in work.tasks)
    assert made.count(False) == 1


@pytest.mark.slow
def test_processes_make_the_same_and_seeds_another(tmp_path):
    one, two, other = (tmp_path / name for name in "abc")
    write_twin(request("smic-vis-e", 0.03), FACES, one, 1)
    counted = []
    write_twin(request("smic-vis-e", 0.03), FACES, two, 2, lambda *a: counted.append(a))
    assert files(one) == files(two)
    assert [p.name for p in sorted(two.iterdir())] == [p.name for p in sorted(one.iterdir())]
    assert counted[0][0] == 0
    assert all(a[0] <= b[0] for a, b in pairwise(counted))
    write_twin(request("smic-vis-e", 0.03, seed=1), FACES, other, 1)
    assert files(other).keys() != files(one).keys() or files(other) != files(one)
    assert (one / "truth/events.csv").read_text() != (other / "truth/events.csv").read_text()


def test_an_error_in_a_process_is_told_once(tmp_path):
    asked = request("smic-vis-e", 0.03)
    work = make_work(asked, FACES)
    # A file stands where a folder has to go.
    blocked = tmp_path / work.tasks[0].folder.parent
    write_twin(asked, FACES, tmp_path)
    for path in blocked.rglob("*"):
        if path.is_file():
            path.unlink()
    for folder in sorted(blocked.iterdir()):
        folder.rmdir()
    blocked.rmdir()
    blocked.write_text("")
    with pytest.raises(MespotError, match="cannot be written"):
        write_twin(asked, FACES, tmp_path, 2)


def test_other_settings_and_other_folders_are_refused(smic, tmp_path):
    root, work, _, _ = smic
    for other, message in (
        (request("smic-vis-e", 0.08, seed=1), "another seed"),
        (request("smic-vis-e", 0.08, noise=0.0), "another config"),
        (request("casme-sq", 0.08), "another twin_of"),
    ):
        with pytest.raises(UsageError, match=message):
            write_twin(other, FACES, root)
    with pytest.raises(UsageError, match="another portraits"):
        write_twin(work.request, FACES[:2], root)
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(UsageError, match="is not empty and holds no twin"):
        write_twin(work.request, FACES, tmp_path)
    (tmp_path / "twin.json").write_text("{")
    with pytest.raises(UnreadableInput, match="cannot be read"):
        write_twin(work.request, FACES, tmp_path)
    with pytest.raises(UsageError, match="no portrait"):
        make_work(work.request, [])


def test_orders_that_cannot_be():
    for args, message in (
        (("smic-vis", 1.0), "did you mean 'smic-vis-e'"), (("casme-sq", 0.0), "--scale 0"),
        (("casme-sq", 1.0, 0, "hrd"), "no difficulty 'hrd'"),
        (("casme-sq", 1.0, 0, "easy", {"micro_per_minute": 3.0}), "decided by the data set"),
        (("casme-sq", 1.0, 0, "easy", {"macro_per_minute": 3.0}), "decided by the data set"),
        (("casme-sq", 1.0, 0, "easy", {"nois": 3.0}), "did you mean 'noise'"),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=message):
            make_request(*args)
    # SMIC-E labels micro-expressions alone: others happen, and are in no sheet.
    assert make_request("smic-vis-e", values={"macro_per_minute": 0.0}).config.macro_per_minute == 0
    assert make_request("samm_lv").config.width == 2040


def test_what_is_labelled_does_not_happen_unlabelled():
    work = make_work(request("casme-cubed", 0.02), FACES)
    coded = {
        j.take.subject for j in work.tasks
        if any(e.kind == "blink" for e in j.take.recording.expressions)
    }  # fmt: skip
    seen = Counter()
    for task in work.tasks[::7]:
        happened = Counter(e.kind for e in task.script().expressions)
        labelled = Counter(e.kind for e in task.take.recording.expressions)
        for kind in ("micro", "macro"):
            assert happened[kind] == labelled[kind]
        if task.take.subject in coded:
            assert happened["blink"] == labelled["blink"]
        seen["free blinks"] += happened["blink"] - labelled["blink"]
    assert coded
    assert seen["free blinks"] > 0


def test_a_subject_sits_at_one_distance():
    work = make_work(request("casme-sq", 0.1, eye_px=[20.0, 33.0]), FACES)
    middles = {}
    for task in work.tasks:
        low, high = task.config.eye_px
        assert high / low < 1.05
        middles.setdefault(task.take.subject, set()).add(round((low + high) / 2, 6))
    assert all(len(m) == 1 for m in middles.values())
    assert len({next(iter(m)) for m in middles.values()}) == len(middles)
