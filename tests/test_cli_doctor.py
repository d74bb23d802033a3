"""``mespot doctor``: all is well only where everything that spotting needs really runs."""

from __future__ import annotations

import json
import sys

import av
import cv2
import dlib
import numpy as np
import pytest

from mespot import extras, registry
from mespot.align import detect, landmarks
from mespot.cli import doctor, run
from mespot.errors import MespotError
from mespot.spotter import Spotter


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """No model is kept from an earlier check, and no other distribution's plug-in is seen."""
    monkeypatch.setattr(registry, "names", registry._own)
    monkeypatch.setattr(doctor, "OTHER_GROUPS", ())
    kept = (detect._cascade, detect._confirmer, landmarks._predictor)
    for loaded in kept:
        loaded.cache_clear()
    yield
    for loaded in kept:
        loaded.cache_clear()


def findings(*states):
    return {f.check: f.text for f in doctor.findings() if f.state in states}


def refused(capsys):
    """What a failing doctor prints, one line for each problem."""
    assert run(["doctor"]) == 1
    shown = capsys.readouterr()
    assert shown.err == ""
    assert "all is well" not in shown.out
    problems = [line[3:] for line in shown.out.splitlines() if line.startswith("NO ")]
    last = shown.out.splitlines()[-1]
    assert last == f"{len(problems)} problem{'' if len(problems) == 1 else 's'}"
    return problems


def test_all_is_well(capsys):
    assert run(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "all is well"
    assert not [line for line in lines if line.startswith("NO ")]
    assert any("packaged spotter 'default' runs" in line for line in lines)
    assert any(line.startswith("ok a face of 2") for line in lines)


def test_json(capsys):
    assert run(["doctor", "--json"]) == 0
    tree = json.loads(capsys.readouterr().out)
    assert tree["versions"]["numpy"] == np.__version__
    checks = {f["check"]: f["state"] for f in tree["findings"]}
    assert checks.pop("extra pandas") in ("ok", "missing")
    assert set(checks.values()) == {"ok"}
    assert list(checks)[:5] == ["face detector", "landmarks", "video", "spotter", "cache"]


def test_dlib_is_not_installed(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "dlib", None)
    problems = refused(capsys)
    assert [p.partition(":")[0] for p in problems] == ["face detector", "landmarks"]
    assert all("dlib" in p and p.endswith("; reinstall mespot") for p in problems)


@pytest.mark.parametrize("n_points", [5, 17])
def test_a_landmark_model_is_missing(capsys, monkeypatch, n_points):
    monkeypatch.setitem(landmarks.MODEL_FILES, n_points, "gone.dat")
    (problem,) = refused(capsys)
    assert problem.startswith("landmarks: ")
    assert "gone.dat: dlib's landmark model is missing" in problem


def test_the_models_are_not_installed(capsys, monkeypatch):
    monkeypatch.setattr(landmarks.importlib.util, "find_spec", lambda name: None)
    (problem,) = refused(capsys)
    assert problem.startswith("landmarks: dlib's landmark model is missing")


def test_the_detector_raises(capsys, monkeypatch):
    class Detector:
        def run(self, *args):
            raise RuntimeError("illegal instruction\nand more")

    monkeypatch.setattr(detect, "_confirmer", Detector)
    problems = refused(capsys)
    assert problems[0] == "face detector: RuntimeError: illegal instruction"
    assert len(problems) == 2


def test_the_detector_finds_nothing(capsys, monkeypatch):
    class Detector:
        def run(self, *args):
            return [], [], []

    monkeypatch.setattr(detect, "_confirmer", Detector)
    assert refused(capsys)[0].startswith("face detector: no face was found in a portrait")


def test_dlib_itself_finds_nothing_while_a_kept_copy_does(capsys, monkeypatch):
    detect._confirmer()
    monkeypatch.setattr(dlib, "get_frontal_face_detector", lambda: lambda *args: [])
    (problem,) = refused(capsys)
    assert problem.startswith("face detector: dlib's detector finds no face")


@pytest.mark.parametrize("shift", [0.0, 0.3])
def test_landmarks_that_are_wrong(capsys, monkeypatch, shift):
    """Points of noise, and points of one model away from those of the other."""
    true = landmarks._points

    def points(face, offset, n):
        if shift:
            return true(face, offset, n) + (landmarks.SIDE * shift if n == 5 else 0)
        return np.random.default_rng(abs(int(1000 * sum(offset)))).uniform(0, 240, (n, 2))

    monkeypatch.setattr(landmarks, "_points", points)
    (problem,) = refused(capsys)
    assert problem.startswith("landmarks: the ")
    assert problem.endswith("; reinstall face_recognition_models")


def test_the_cascade_is_missing(capsys, monkeypatch):
    monkeypatch.setattr(detect, "CASCADE", "gone.xml")
    assert "gone.xml: OpenCV's face cascade is missing" in refused(capsys)[0]


def test_decoding_is_broken(capsys, monkeypatch):
    monkeypatch.setattr(av, "codecs_available", {"mpeg4", "hevc"})
    (problem,) = refused(capsys)
    assert problem == "video: PyAV cannot decode h264; reinstall av"


def test_frames_are_decoded_wrongly(capsys, monkeypatch):
    from mespot import video

    true = video.open_video
    monkeypatch.setattr(video, "open_video", lambda path: _dark(true(path)))
    (problem,) = refused(capsys)
    assert problem.startswith("video: a video of five grey frames is decoded wrongly")


def _dark(frames):
    class Dark:
        def __init__(self, image):
            self.image = image // 2

    return [Dark(frame.image) for frame in frames]


def test_the_spotter_does_not_run(capsys, monkeypatch):
    def fail(self):
        raise RuntimeError("the network gives numbers that are not finite")

    monkeypatch.setattr(Spotter, "self_test", fail)
    assert refused(capsys) == [
        "spotter: RuntimeError: the network gives numbers that are not finite"
    ]


def test_a_missing_extra_is_no_problem(capsys, monkeypatch):
    for module in ("numba", "xlrd", "onnx", "pandas"):
        monkeypatch.setitem(sys.modules, module, None)
    assert findings("missing") == {
        f"extra {extra}": f"extra {extra} needs {module}: pip install 'mespot[{extra}]'"
        for extra, module in [("paper", "numba"), ("datasets", "xlrd"), ("train", "onnx"),
                              ("pandas", "pandas")]
    }  # fmt: skip
    assert run(["doctor"]) == 0
    assert "-- extra paper needs numba: pip install 'mespot[paper]'" in capsys.readouterr().out


def test_an_extra_that_cannot_be_loaded_is_a_problem(capsys, monkeypatch):
    true = extras.need

    def need(module, extra, who):
        if module == "numba":
            raise ImportError("numba needs another numpy")
        return true(module, extra, who)

    monkeypatch.setattr(extras, "need", need)
    assert refused(capsys) == ["extra paper: ImportError: numba needs another numpy"]


def test_the_cache_cannot_be_written(capsys, monkeypatch, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("MESPOT_CACHE", str(blocked / "cache"))
    (problem,) = refused(capsys)
    assert problem.startswith(f"cache: {blocked / 'cache'}: the cache folder cannot be written (")
    assert problem.endswith("; set MESPOT_CACHE")


def test_a_plugin_that_cannot_be_loaded_and_its_distribution(capsys, monkeypatch):
    monkeypatch.setattr(registry, "names", lambda family: ["theirs"] if family == "scorers" else [])

    true = registry.plugin

    def plugin(family, name):
        if name != "theirs":
            return true(family, name)
        raise MespotError("scorer 'theirs' lacks score(series, weights)")

    monkeypatch.setattr(registry, "plugin", plugin)
    monkeypatch.setattr(registry, "distribution_of", lambda family, name: "outsider 1.0")
    monkeypatch.setattr(doctor, "_run_kernels", lambda: None)
    assert refused(capsys) == [
        "scorer 'theirs': of outsider 1.0 cannot be used: scorer 'theirs' lacks "
        "score(series, weights)"
    ]


def test_verbs_and_recipes_of_a_distribution_that_cannot_be_loaded(capsys, monkeypatch, tmp_path):
    info = tmp_path / "outsider-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: outsider\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[mespot.verbs]\nshow = no_such_module:command\n[mespot.recipes]\nmine = json:no_name\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(doctor, "OTHER_GROUPS", ("mespot.verbs", "mespot.recipes"))
    problems = [p for p in refused(capsys) if "outsider" in p]
    assert problems[0] == (
        "mespot.verbs 'show': of outsider 1.0 cannot be loaded (ModuleNotFoundError: No module "
        "named 'no_such_module')"
    )
    assert problems[1].startswith("mespot.recipes 'mine': of outsider 1.0 cannot be loaded (Attr")


def test_a_photograph_that_cannot_be_read(capsys, monkeypatch):
    monkeypatch.setattr(cv2, "imread", lambda *args: None)
    assert "cannot be read as an image; reinstall opencv" in refused(capsys)[0]
