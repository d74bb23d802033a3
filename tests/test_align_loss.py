"""Losing a face and finding it again: black frames, cuts, covers, frames without a face."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from aligned_cases import FPS, map_error, run, scene
from mespot.align import Align, align, concatenate, crop
from mespot.align.aligner import Aligner
from moving_portrait import (
    SHARED,
    StillFrame,
    portrait,
    portraits,
    render,
    rigid_error,
    stillness,
)


def test_a_lost_face_is_marked_and_found_again() -> None:
    frames, _ = scene(60)
    for i in range(20, 35):
        frames[i] = np.full_like(frames[i], 100)
    clip, notes = run(frames)
    assert clip.found[:20].all()
    assert not clip.found[20:35].any()
    assert clip.found[41:].all()
    assert np.isnan(clip.landmarks[20:35]).all()
    np.testing.assert_array_equal(clip.frames[20:35], np.repeat(clip.frames[19:20], 15, axis=0))
    assert len(notes.spans) == 2
    assert notes.spans[0] == (0, 19)
    np.testing.assert_allclose(clip.times_s, np.arange(60) / 25)


def test_a_single_black_frame_costs_one_frame() -> None:
    frames, _ = scene(20)
    frames[9] = np.zeros_like(frames[9])
    clip, _ = run(frames)
    assert np.flatnonzero(~clip.found).tolist() == [9]


def test_a_cut_to_another_face_starts_a_new_span() -> None:
    if len(portraits()) < 2:
        pytest.skip("only one portrait here")
    first, _ = scene(12)
    second, _ = scene(12, face=2)
    clip, notes = run(first + second)
    assert clip.found.all()
    assert notes.spans == ((0, 11), (12, 23))


def test_a_face_that_leaves_the_frame_is_lost_before_the_eyes_are_out() -> None:
    image, points = portrait(portraits()[0])
    motions = stillness(points, 40)
    motions[:, 0, 2] -= 12.0 * np.arange(40)
    clip, _ = run(render(image, motions))
    last = int(np.flatnonzero(clip.found)[-1])
    assert last < 39
    assert not clip.found[last + 1 :].any()
    eyes = np.array([crop.apply(m, points)[:, 0].min() for m in motions])
    assert -15 < eyes[last] < 25


def test_something_that_passes_before_the_face_does_not_take_the_crop_along() -> None:
    frames, motions = scene(70)
    for i in range(20, 60):
        x = 220 + 5 * (i - 20)
        frames[i][150:330, x : x + 40] = 120 + 30 * np.sin(np.arange(40) / 4)
    clip, _ = run(frames)
    assert clip.found.mean() > 0.9
    assert rigid_error(map_error(clip, motions)) < 0.5


@pytest.mark.parametrize("shape", [(480, 640), (61, 97), (5, 5)])
def test_without_a_face_there_are_zeros_and_nan(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    clip, notes = run([rng.integers(0, 256, shape).astype(np.uint8) for _ in range(7)])
    assert not clip.found.any()
    assert not clip.frames.any()
    assert np.isnan(clip.landmarks).all()
    assert notes.spans == ()


def real(name: str) -> Iterator[StillFrame]:
    path: Path = SHARED / "videos" / name
    if not path.is_file():
        pytest.skip("the folder shared/videos is not here")
    with av.open(str(path)) as container:
        for i, frame in enumerate(container.decode(video=0)):
            yield StillFrame(frame.to_ndarray(format="gray"), i / 25, i)


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [("face_noface.mov", 0, 71), ("noface_face.mov", 98, 167), ("single_face.mp4", 0, 71),
     ("no_face.mp4", None, None)],
)  # fmt: skip
def test_real_clips(name: str, first: int | None, last: int | None) -> None:
    frames = list(real(name))
    aligner = Aligner(Align(), FPS)
    clip = concatenate(aligner.clips(frames))
    assert len(clip) == len(frames)
    if first is None or last is None:
        assert not clip.found.any()
        return
    assert len(aligner.notes.spans) == 1
    begin, end = aligner.notes.spans[0]
    assert first <= begin <= first + 6
    assert last - 3 <= end <= last + 1


@pytest.mark.slow
def test_a_hand_before_a_turning_face_does_not_lose_it() -> None:
    clip = concatenate(align(real("WolfgangLanger_Pexels.mp4"), Align(), Fraction(24000, 1001)))
    assert clip.found.mean() > 0.95
    # Landmarks never jump: the crop moves by less than 6 % of its side beyond steady motion.
    side = np.array([crop.scale_of(crop.crop_to_source(p)) for p in clip.landmarks.astype(float)])
    jerk = np.abs(np.diff(clip.landmarks, 2, axis=0)).max(axis=(1, 2)) / side[1:-1]
    assert np.nanmax(jerk) < 0.06
    assert np.nanmedian(jerk) < 0.01
