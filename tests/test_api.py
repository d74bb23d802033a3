"""The front door: every kind of video, misuse, and types without Any."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

import mespot
from mespot import (
    Decode,
    Expression,
    MespotError,
    NoUsableFace,
    Recipe,
    Spotter,
    UnreadableInput,
    UsageError,
)
from mespot.descriptors.region_flow import RegionFlow
from mespot.exports.csv import write_events, write_recordings
from mespot.scorers.lstm import Lstm
from mespot.spotter import Spotting
from mespot.synthetic import STANDARD, load_portraits, make_script, render
from mespot.types import FrameSeries, Recording

ROOT = Path(__file__).resolve().parents[1]
FPS = Fraction(30)
SMALL = replace(STANDARD, width=320, height=240, eye_px=(48.0, 50.0), micro_per_minute=40.0)


@pytest.fixture(scope="module")
def frames():
    """Three seconds of an animated face, (90, 240, 320) uint8 grey."""
    script = make_script(SMALL, 2, FPS, 90)
    made = render(load_portraits(None)[0], script, SMALL, 2, True)
    return np.stack([np.asarray(f)[: SMALL.height] for f in made])


@pytest.fixture(scope="module")
def folder(frames, tmp_path_factory):
    home = tmp_path_factory.mktemp("images")
    for number, frame in enumerate(frames):
        cv2.imwrite(str(home / f"img{number:04d}.png"), frame)
    return home


@pytest.fixture(scope="module")
def file(frames, tmp_path_factory):
    """The same frames in a file without loss."""
    path = tmp_path_factory.mktemp("file") / "clip.mkv"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("ffv1", rate=30)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "gray"
        for frame in frames:
            out.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="gray")))
        out.mux(stream.encode())
    return path


def test_file_folder_array_list_and_generator_give_the_same(frames, folder, file):
    wanted = mespot.spot(frames, fps=30)
    assert len(wanted.scores) == 90
    assert np.isfinite(wanted.scores).sum() > 40
    for video, fps in (
        (file, None), (str(file), None), (folder, 30), (list(frames), Fraction(30)),
        ((f for f in frames), 30.0), (np.repeat(frames[..., None], 3, axis=3), 30),
    ):  # fmt: skip
        result = mespot.spot(video, fps=fps)
        assert np.array_equal(result.scores, wanted.scores, equal_nan=True)
        assert result.expressions == wanted.expressions
        assert np.array_equal(result.found, wanted.found)


def test_progress_is_reported(frames):
    heard = []
    mespot.spot(frames, fps=30, progress=lambda done, total: heard.append((done, total)))
    assert heard[0] == (1, 90)
    assert heard[-1] == (90, 90)
    heard = []
    mespot.spot(iter(frames), fps=30, progress=lambda *a: heard.append(a))
    assert heard[-1] == (90, None)


def test_an_untrained_recipe_and_a_folder_are_spotters(frames, tmp_path):
    never = Recipe(scorer=mespot.load_recipe("default").scorer)
    with pytest.raises(UsageError, match="must be trained first"):
        mespot.spot(frames, spotter=never, fps=30)
    spotter = mespot.load_spotter()
    spotter.save(tmp_path / "s")
    first = mespot.spot(frames, spotter=tmp_path / "s", fps=30)
    assert first.expressions == mespot.spot(frames, spotter=spotter, fps=30).expressions


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (mespot.spot, "carry no times"),
        (lambda f: mespot.spot(f.astype(np.float32), fps=30), "uint8"),
        (lambda f: mespot.spot(f[0], fps=30), "uint8 frames"),
        (lambda f: mespot.spot([f[0], f[0][:100]], fps=30), "among frames of"),
        (lambda f: mespot.spot(None, fps=30), "NoneType"),
        (lambda f: mespot.spot(f, fps=0), "0"),
        (lambda f: mespot.spot(f, fps=30, spotter={"recipe": 1}), "not dict"),
        (lambda f: Spotter({"scorer": {}}, {}), "recipe must be a Recipe, not dict"),
        (lambda f: Spotter(Recipe(), [1]), "not list"),
        (lambda f: Recipe(descriptor="lbp_top"), "descriptor"),
        (lambda f: Recipe(scorer=Lstm), "not the class"),
        (lambda f: Recipe(decode={"threshold": 1}), "decode must be Decode"),
        (lambda f: Decode(threshold="0.5"), "write a number"),
        (lambda f: mespot.train(Recipe(), ["a.mp4"]), "Recording or Sample"),
        (lambda f: mespot.decode(np.zeros(9)), "carries no rate"),
        (lambda f: mespot.decode(np.zeros((9, 2)), fps=30), r"\(n,\)"),
        (lambda f: mespot.decode(np.zeros(9), fps=30), "threshold"),
        (lambda f: mespot.decode(np.zeros(9), fps=0), "0"),
        (lambda f: mespot.decode(np.array(["a"]), fps=30), "numbers"),
        (
            lambda f: mespot.decode(np.zeros(9), fps=30, threshold=1, found=np.ones(8, bool)),
            r"found must be \(9,\) bool",
        ),
        (lambda f: mespot.decode(np.zeros(9), fps=30, threshold=1, found=np.ones(9)), "bool"),
        (
            lambda f: mespot.decode(FrameSeries(np.zeros((9, 2), np.float32), 0, 1, 1, 9, FPS)),
            "2 columns",
        ),
        (lambda f: mespot.spot(f, fps=30, settings=["scorer.units=3"]), "only decode"),
        (lambda f: mespot.spot(f, fps=30, settings=["decode.nms=3"]), "did you mean 'nms_s'"),
        (lambda f: mespot.describe(f, "lbp_top", fps=30), "descriptor"),
        (lambda f: mespot.describe(f, RegionFlow, fps=30), "not the class"),
        (lambda f: mespot.evaluate({"name": "x"}, [], "out"), "must be a Recipe, not str"),
        (lambda f: mespot.evaluate(Recipe(), ["a.mp4"], "out"), "not str"),
        (lambda f: mespot.evaluate(Recipe(), ("casme4", "/data"), "out"), "there is no data set"),
        (lambda f: mespot.evaluate(Recipe(), (Recipe(), "/data"), "out"), "lacks"),
        (lambda f: mespot.train({"name": "x"}, []), "must be a Recipe, not dict"),
        (lambda f: mespot.train(Recipe(), []), "none of the recordings"),
        (lambda f: mespot.score({"a": [(1, 2, 3)]}, {"a": []}), "Expression objects, not tuple"),
        (
            lambda f: mespot.score(
                {"a": []}, {"b": [Expression(1, 2, 3)]}, [Recording("a", "s", FPS)]
            ),
            "'b' is not among",
        ),
        (lambda f: mespot.score([], [], rule="iou"), "none of apex, megc"),
        (lambda f: mespot.score([], [], rule="megc", iou=0), "k must be above 0"),
    ],
)
def test_misuse_is_refused_in_one_line(frames, call, text):
    with pytest.raises(UsageError, match=text) as caught:
        call(frames)
    assert "\n" not in str(caught.value)


def test_no_frames_and_no_face():
    with pytest.raises(UnreadableInput, match="there are none"):
        mespot.spot([], fps=30)
    with pytest.raises(NoUsableFace, match="frames in memory: no face found in 40 frames"):
        mespot.spot(np.zeros((40, 120, 160), np.uint8), fps=30)


def test_describe_reports_progress(frames):
    heard = []
    mespot.describe(frames, RegionFlow(), fps=30, progress=lambda *a: heard.append(a))
    assert heard[-1] == (90, 90)


def test_describe_is_what_the_descriptor_gives(frames):
    rows = mespot.describe(frames, RegionFlow(), fps=30)
    span = RegionFlow().span_at(FPS)
    assert rows.values.shape == (90 - span + 1, len(RegionFlow().column_names(FPS)))


def test_decode_by_hand():
    scores = np.zeros(60)
    scores[20:25] = [0.2, 0.6, 0.9, 0.6, 0.2]
    (spot,) = mespot.decode(scores, fps=30, threshold=0.5)
    assert (spot.onset, spot.apex, spot.offset) == (21, 22, 23)
    assert spot.score == pytest.approx(0.9)
    assert mespot.decode(scores, fps=30, threshold=0.95) == []
    series = FrameSeries(scores.astype(np.float32)[:, None], 0, 1, 1, 60, FPS)
    assert mespot.decode(series, Decode(threshold=0.5)) == [spot]
    lost = np.ones(60, bool)
    lost[22] = False
    assert all(e.apex != 22 for e in mespot.decode(series, Decode(threshold=0.5), found=lost))


def test_a_result_is_decoded_again(frames):
    for settings in ((), ["decode.smooth_s=0.2"], ["decode.interval=span", "decode.threshold=0.1"]):
        result = mespot.spot(frames, fps=30, settings=settings)
        assert mespot.decode(result) == result.expressions
        learned = replace(result.curve.decode, threshold="learned")
        assert mespot.decode(result, learned, threshold=result.threshold) == result.expressions
    low = mespot.spot(frames, fps=30, settings="decode.threshold=0.01")
    assert low.expressions
    assert low.expressions == mespot.decode(mespot.spot(frames, fps=30), threshold=0.01)
    assert mespot.decode(low, Decode(threshold=1e9)) == []
    with pytest.raises(UsageError, match="its own found"):
        mespot.decode(low, found=low.found)
    with pytest.raises(UsageError, match="no score curve"):
        mespot.decode(replace(low, curve=None))


def test_a_result_of_a_varying_rate_is_decoded_again(frames, tmp_path):
    """For half a second the file has two frames for every one of the grid."""
    path = tmp_path / "vfr.mkv"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("ffv1", rate=60)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "gray"
        for number, frame in enumerate(frames):
            for half in range(2 if 20 <= number < 35 else 1):
                picture = av.VideoFrame.from_ndarray(frame, format="gray")
                picture.pts = 2 * number + half
                out.mux(stream.encode(picture))
        out.mux(stream.encode())
    result = mespot.spot(path, settings=["decode.threshold=0.01"])
    assert len(result.scores) == 105
    assert not result.curve.frames.is_identity
    assert result.expressions
    assert mespot.decode(result) == result.expressions


def test_score_of_one_recording_and_of_files(tmp_path):
    truth = [Expression(10, 12, 15), Expression(40, 42, 45, "macro")]
    spots = [Expression(11, 12, 14)]
    found = mespot.score(truth, spots)
    assert (found.overall.tp, found.overall.fp, found.overall.fn) == (1, 0, 1)
    assert np.isnan(found.overall.false_alarms_per_minute)
    assert {kind: c.tp for kind, c in found.by_kind.items()} == {"micro": 1, "macro": 0}
    assert list(found.by_recording) == ["recording"]
    recording = Recording("r7", "s", FPS, 3600, expressions=tuple(truth))
    named = mespot.score(recording.expressions, spots, [recording])
    assert list(named.by_recording) == ["r7"]
    assert named.overall.minutes == pytest.approx(2)
    write_events(tmp_path / "truth.csv", {"r7": truth})
    write_events(tmp_path / "spots.csv", {"r7": spots})
    write_recordings(tmp_path / "recordings.csv", [recording])
    files = [tmp_path / f"{name}.csv" for name in ("truth", "spots", "recordings")]
    assert mespot.score(*files) == named
    assert mespot.score(str(files[0]), {"r7": spots}, [recording]) == named
    with pytest.raises(UnreadableInput, match="no-such"):
        mespot.score(tmp_path / "no-such.csv", files[1])


def test_score_by_hand(tmp_path):
    truth = {"a": [Expression(10, 12, 15), Expression(40, 42, 45)], "b": []}
    spots = {"a": [Expression(11, 12, 14)], "b": [Expression(5, 6, 7)]}
    listed = [Recording(n, "s", FPS, 1800) for n in ("a", "b", "c")]
    found = mespot.score(truth, spots, listed)
    assert (found.overall.tp, found.overall.fp, found.overall.fn) == (1, 1, 1)
    assert found.overall.minutes == pytest.approx(3)
    assert (found.by_recording["b"].fp, found.by_recording["c"].fp) == (1, 0)
    rejected = {"a": [replace(spots["a"][0], attributes={"status": "rejected"})], "b": []}
    assert mespot.score(truth, rejected, listed).overall.tp == 0
    assert mespot.score(truth, spots, rule="megc").overall.tp == 1
    assert mespot.score(truth, spots, rule="megc", iou=0.9).overall.tp == 0


def test_tables_of_a_result(frames):
    result = mespot.spot(frames, fps=30)
    with pytest.raises(UsageError, match="neither 'events' nor 'scores'"):
        result.to_frame("spots")
    if importlib.util.find_spec("pandas") is None:
        with pytest.raises(MespotError, match="mespot\\[pandas\\]"):
            result.to_frame()
        pytest.skip("pandas is not installed")
    import pandas

    scores = result.to_frame("scores")
    assert list(scores.columns) == ["frame", "time_s", "score", "found"]
    assert len(scores) == 90
    events = result.to_frame()
    assert isinstance(events, pandas.DataFrame)
    assert list(events.columns)[:5] == ["onset", "apex", "offset", "kind", "score"]
    assert len(events) == len(result.expressions)


def test_a_table_has_the_times_of_the_frames():
    pytest.importorskip("pandas")
    times = np.array([0.0, 0.04, 0.09, 0.12])
    made = Spotting(
        "v.mp4", Fraction(25), [Expression(1, None, 3, score=0.5), Expression(0, 2, 3)],
        np.float32([0, 1, np.nan, 0]), np.array([True, True, False, True]), times, 0.5,
        np.zeros((4, 68, 2), np.float32),
    )  # fmt: skip
    first, second = made.to_frame().to_dict("records")
    assert [first[c] for c in ("onset", "offset", "onset_s", "offset_s")] == [1, 3, 0.04, 0.12]
    assert np.isnan(first["apex_s"])
    assert [second[c] for c in ("onset_s", "apex_s", "offset_s")] == [0.0, 0.09, 0.12]
    scores = made.to_frame("scores")
    assert scores["time_s"].tolist() == times.tolist()
    assert scores["found"].tolist() == [True, True, False, True]


def test_a_slow_video_is_refused_unless_forced(frames):
    with pytest.raises(UsageError, match="too slow"):
        mespot.load_spotter().spot(frames, fps=10)
    with pytest.raises(UsageError, match="too slow"):
        mespot.spot(frames, fps=10)


def test_python_m_mespot():
    done = subprocess.run(
        [sys.executable, "-m", "mespot", "--version"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert done.stdout.startswith("mespot ")


def test_the_stub_offers_what_the_module_offers():
    """Every public name, from the same module."""
    tree = ast.parse((Path(mespot.__file__).parent / "__init__.pyi").read_text("utf-8"))
    stub = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                assert alias.asname == alias.name, "a stub exports `x as x` alone"
                stub[alias.name] = node.module
    assert sorted(stub) == sorted(mespot.__all__)
    for name, module in stub.items():
        assert getattr(importlib.import_module(module), name) is getattr(mespot, name), name


def test_decode_stays_a_function():
    import mespot.decoding

    assert callable(mespot.decode)
    assert mespot.decoding.decode is not mespot.decode
