"""Spots, scores, landmarks and times stand at the frames of the file, whatever its frame rate does.

The clip starts at 60 frames/s, goes on at 30, and pauses once for 0.3 s. Its grid of 30 frames/s
has fewer frames than the file at first and more frames later. Every picture shows its own number in
a corner: its place on a clock of 60 ticks a second, in which the truth is written. The numbers are
read from the file by plain PyAV, so that nothing of the reader under test says what is right.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

import mespot
from mespot.synthetic import STANDARD, load_portraits, render, still
from mespot.synthetic.render import to_grey
from synthetic_face import micro, script_of
from videomaker import number_in, picture, write_video

TICKS = 60
N = 400
FAST = 90
"""Ticks up to here are all in the file, later ones every second."""
PAUSE = range(200, 218)
DARK = range(340, 352)
TRUTH = (micro("12", 4.0, (40, 52, 64)), micro("4", 4.0, (270, 282, 294)))
CORNER = (slice(0, 24), slice(0, 32))
KEPT = [t for t in range(N) if t not in PAUSE and (t < FAST or t % 2 == 0)]
DRIFT = 24.0
"""Pixels by which the head moves to the right in all, at a steady pace."""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = replace(still(STANDARD), width=320, height=240, eye_px=(50.0, 50.0), noise=0.5)
    script = script_of(config, list(TRUTH), N, TICKS)
    shake = np.stack([np.linspace(0, DRIFT, N), np.zeros(N)], axis=1)
    script = replace(script, shake=shake)
    images = []
    frames = render(load_portraits(None)[0], script, config, 3, grey=True)
    for tick, frame in enumerate(frames):
        image = np.zeros_like(frame) if tick in DARK else to_grey(frame)
        image[CORNER] = picture(tick, 32, 24)
        if tick in KEPT:
            images.append(image)
    path = tmp_path_factory.mktemp("clip") / "counted.mp4"
    base = Fraction(1, TICKS)
    return write_video(path, images, 30, stamps=KEPT, time_base=base, options={"crf": "12"})


@pytest.fixture(scope="module")
def numbers(clip: Path) -> NDArray[np.int64]:
    """The number painted into every frame of the file, in the order of decoding."""
    with av.open(str(clip)) as file:
        grey = [f.to_ndarray(format="gray") for f in file.decode(video=0)]
    return np.array([number_in(g[CORNER]) for g in grey])


@pytest.fixture(scope="module")
def spotting(clip: Path):
    return mespot.load_spotter().spot(clip)


def test_the_clip_is_what_it_says(numbers, spotting) -> None:
    """The grid has other frames than the file, or the tests below would prove little."""
    assert numbers.tolist() == KEPT
    assert spotting.fps == 30
    assert len(KEPT) != N // 2


def test_there_is_one_value_per_frame_of_the_file(numbers, spotting) -> None:
    for values in (spotting.scores, spotting.found, spotting.times_s, spotting.landmarks):
        assert len(values) == len(numbers)
    np.testing.assert_allclose(spotting.times_s, numbers / TICKS, atol=1e-6)


@pytest.mark.parametrize("event", TRUTH, ids=["fast", "after the pause"])
def test_spots_stand_where_the_file_shows_the_movement(event, numbers, spotting) -> None:
    ticks = [tuple(numbers[[e.onset, e.apex, e.offset]].tolist()) for e in spotting.expressions]
    hits = [t for t in ticks if event.onset <= t[1] <= event.offset]
    assert len(hits) == 1, ticks
    onset, _, offset = hits[0]
    common = min(offset, event.offset) - max(onset, event.onset)
    assert common > 0.4 * (max(offset, event.offset) - min(onset, event.onset))


@pytest.mark.parametrize("event", TRUTH, ids=["fast", "after the pause"])
def test_scores_stand_where_the_file_shows_the_movement(event, numbers, spotting) -> None:
    near = np.abs(numbers - event.apex) < 60
    highest = np.nanargmax(np.where(near, spotting.scores, np.nan))
    assert event.onset <= numbers[highest] <= event.offset


def test_a_spot_has_the_score_of_its_apex_frame(spotting) -> None:
    for spot in spotting.expressions:
        assert spotting.scores[spot.apex] == pytest.approx(spot.score, abs=1e-5)


def test_lost_frames_are_those_that_show_no_face(numbers, spotting) -> None:
    assert numbers[~spotting.found].tolist() == [t for t in KEPT if t in DARK]
    assert np.isnan(spotting.landmarks[~spotting.found]).all()


def test_landmarks_are_those_of_their_own_frame(numbers, spotting) -> None:
    """The head drifts by 0.06 pixels a tick: four grid frames too early are half a pixel."""
    found = spotting.found
    x = spotting.landmarks[found].mean(axis=1)[:, 0]
    expected = DRIFT * numbers[found] / (N - 1)
    apart = x - expected
    assert np.abs(apart - np.median(apart)).max() < 0.5
