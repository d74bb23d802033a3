"""What stands in the way in a twin as in its data set: blinks, mains, compression."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest

from mespot.errors import MespotError, UsageError
from mespot.synthetic import STANDARD, make_script, render
from mespot_lab.twins import compress, make_request, make_work
from mespot_lab.twins.compress import through_h264
from mespot_lab.twins.write import _truth_of
from synthetic_face import SMALL, card

FACES = [card(i, 40.0) for i in range(3)]
TINY = {"width": 128, "height": 96, "eye_px": [30.0, 33.0]}
LEVELS = ("easy", "standard", "hard")


def blink_lengths(config, fps, minutes=30):
    """Seconds of the blinks of many recordings of five minutes."""
    quiet = replace(config, micro_per_minute=0.0)
    scripts = [make_script(quiet, seed, fps, 300 * fps) for seed in range(minutes // 5)]
    return np.array([e.n_frames / fps for s in scripts for e in s.expressions if e.kind == "blink"])


@pytest.mark.parametrize(("like", "fps"), [("casme-sq", 30), ("smic-vis-e", 25)])
@pytest.mark.parametrize("level", LEVELS)
def test_blinks_are_as_long_as_those_of_the_data_sets(like, fps, level):
    """At 30 frames/s they have 6/15/108 frames: shortest, median, longest."""
    found = blink_lengths(make_request(like, level=level).config, fps, 60)
    assert len(found) > 300
    assert 0.45 <= np.median(found) <= 0.55
    assert found.min() >= 0.2
    assert found.max() <= 3.6
    assert found.max() > 1.2
    assert 0.01 < (found > 0.9).mean() < 0.2
    assert ((found >= 0.3) & (found <= 0.9)).mean() > 0.7


def test_blinks_of_other_recordings_are_shorter():
    found = blink_lengths(STANDARD, 30)
    assert 0.3 < np.median(found) < 0.4
    assert found.max() <= 0.7


def frequency(light, fps):
    """Cycles per second of the lamps."""
    return float(np.diff(light.phase).mean() * fps / (2.0 * np.pi))


def test_mains_have_fifty_hertz_in_twins():
    config = make_request("samm-lv").config
    assert config.mains_hz == 50.0
    # Grids are off by some thousandths at most.
    for seed in range(12):
        light = make_script(config, seed, 200, 400).light
        assert frequency(light, 200) == pytest.approx(100.0, rel=2e-3)
        assert light.depth > 0
    sixty = make_request("samm-lv", values={"mains_hz": 60}).config
    assert frequency(make_script(sixty, 0, 200, 400).light, 200) == pytest.approx(120.0, rel=2e-3)


def test_mains_are_drawn_elsewhere_and_change_nothing_else():
    drawn = [make_script(STANDARD, seed, 200, 400) for seed in range(12)]
    rates = {round(frequency(script.light, 200)) for script in drawn}
    assert rates == {100, 120}
    for seed, script in enumerate(drawn):
        fixed = make_script(replace(STANDARD, mains_hz=50.0), seed, 200, 400)
        assert fixed.expressions == script.expressions
        assert fixed.light.depth == script.light.depth
        assert np.array_equal(fixed.light.gain, script.light.gain)
        if round(frequency(script.light, 200)) == 100:
            assert np.array_equal(fixed.light.phase, script.light.phase)
            assert fixed.light.rows == script.light.rows


@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize(("n", "fps"), [(1, 30), (2, 25), (60, Fraction(30000, 1001)), (60, 200)])
def test_every_frame_comes_back_in_its_place_and_a_little_changed(n, fps, grey):
    script = make_script(SMALL, 3, 30, n)
    drawn = list(render(card(), script, SMALL, 3, grey))
    for i, frame in enumerate(drawn):
        frame[:32, :32] = 30 + 3 * i
    error = {}
    for crf in (18, 28):
        found = list(through_h264(iter(drawn), Fraction(fps), crf, grey))
        # Each bears its number in a corner.
        assert [round((f[8:24, 8:24].mean() - 30) / 3) for f in found] == list(range(n))
        assert {f.shape for f in found} == {drawn[0].shape}
        changes = [np.abs(a.astype(float) - b) for a, b in zip(found, drawn)]
        assert all(0.1 < change.mean() < 6.0 for change in changes)
        error[crf] = np.mean([change.mean() for change in changes])
    assert error[18] < error[28]


def test_a_recording_is_never_held_as_a_whole():
    ahead = 0

    def source():
        nonlocal ahead
        for i in range(300):
            ahead += 1
            yield np.full((144, 64), i % 200 + 20, np.uint8)

    most = 0
    for _ in through_h264(source(), Fraction(30), 23):
        most = max(most, ahead)
        ahead -= 1
    assert ahead == 0
    assert most < 40
    assert list(through_h264([], Fraction(30), 23)) == []


def test_a_lost_frame_is_reported(monkeypatch):
    real, frames = compress._decoded, [np.full((144, 64), 90, np.uint8)] * 40
    monkeypatch.setattr(compress, "_decoded", lambda *a: [f for f in real(*a) if f.pts < 39])
    with pytest.raises(MespotError, match="39 of 40 frames came back"):
        list(through_h264(frames, Fraction(30), 23))


def test_compression_is_for_hard_twins_unless_asked_for():
    assert {level: make_request("casme-sq", level=level).config.crf for level in LEVELS} == {
        "easy": (0, 0), "standard": (0, 0), "hard": (23, 30),
    }  # fmt: skip
    request = make_request("casme-sq", 0.05, values={"crf": [18, 28]})
    factors = [task.crf for task in make_work(request, FACES).tasks]
    assert set(factors) <= set(range(18, 29))
    assert len(set(factors)) > 3
    off = make_request("casme-sq", 0.05, level="hard", values={"crf": [0, 0]})
    assert {task.crf for task in make_work(off, FACES).tasks} == {0}
    with pytest.raises(UsageError, match="crf must not be above 51"):
        make_request("casme-sq", values={"crf": [18, 60]})


def test_images_of_a_compressed_twin(tmp_path):
    images, told = {}, {}
    for name, crf in (("off", [0, 0]), ("on", [26, 26])):
        request = make_request("smic-vis-e", 0.03, 0, "hard", {**TINY, "crf": crf}, 100)
        task = make_work(request, FACES).tasks[0]
        told[name] = _truth_of(request, task)[0].extra
        short = replace(task.take.recording, n_frames=12, expressions=())
        task = replace(task, take=replace(task.take, recording=short))
        task.make(tmp_path / name, FACES[0], lambda: True)
        assert task.finished(tmp_path / name)
        paths = (tmp_path / name).rglob("*.jpg")
        images[name] = {p.name: cv2.imread(str(p)).astype(float) for p in paths}
    assert told == {"off": {}, "on": {"crf": "26"}}
    assert images["on"].keys() == images["off"].keys()
    changed = [np.abs(image - images["off"][name]).mean() for name, image in images["on"].items()]
    assert min(changed) > 0.5
    assert max(changed) < 10.0
