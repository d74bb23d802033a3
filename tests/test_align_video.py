"""The whole aligner on moving portraits: precision, drift, rates, bookkeeping."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from aligned_cases import FPS, map_error, run, scene
from mespot.align import Align, align, concatenate, crop, face_tracker
from mespot.align import aligner as aligner_module
from mespot.align.aligner import Aligner, AlignNotes
from mespot.align.register import register
from mespot.align.view import View
from moving_portrait import (
    jitter,
    motion,
    portrait,
    portraits,
    recode,
    render,
    rigid_error,
    stillness,
    timed,
)


@pytest.mark.parametrize("face", [0, 11])
def test_still_face_recoded_with_noise_hardly_jitters(face: int) -> None:
    image, points = portrait(portraits()[face % len(portraits())])
    motions = stillness(points, 50)
    clip, _ = run(recode(render(image, motions)))
    assert clip.found.all()
    assert jitter(map_error(clip, motions)) < 0.05


@pytest.mark.parametrize("points", [5, 17])
def test_rigid_motion_is_taken_out(points: int) -> None:
    frames, motions = scene(60)
    clip, notes = run(recode(frames), Align(points=points))
    assert clip.found.all()
    assert clip.landmarks.shape == (60, points, 2)
    assert rigid_error(map_error(clip, motions)) < 0.15
    assert notes == AlignNotes(1, 1, ((0, 59),))
    # The same in the pixels: what is left of the motion between crops, by correlation.
    inner = clip.frames[:, 35:115, 35:115]
    shifts = [_shift(a, b) for a, b in pairwise(inner)]
    assert np.sqrt(np.square(shifts).sum(1).mean()) < 0.12


def _shift(a: NDArray, b: NDArray) -> NDArray:
    """Translation between two pictures that correlates best (Evangelidis & Psarakis 2008)."""
    start = np.eye(2, 3, dtype=np.float32)
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 50, 1e-5)
    return cv2.findTransformECC(a, b, start, cv2.MOTION_TRANSLATION, stop, None, 3)[1][:, 2]


@pytest.mark.slow
def test_no_drift_over_minutes() -> None:
    image, points = portrait(portraits()[0])
    motions = motion(points, 1500)
    clip, _ = run(render(image, motions))
    assert clip.found.all()
    error = map_error(clip, motions)
    assert rigid_error(error[-250:]) < 0.15
    tens = np.array([error[i : i + 250].mean(0) for i in range(250, 1500, 250)])
    assert np.sqrt(((tens - tens[0]) ** 2).sum(-1).mean(-1)).max() < 0.3


def test_a_small_expression_stays_in_the_crop() -> None:
    image, points = portrait(portraits()[0])
    motions = stillness(points, 40)
    frames = list(render(image, motions, noise=1.0))
    landmarks = crop.apply(motions[0], points)
    side = crop.scale_of(crop.crop_to_source(landmarks))
    yy, xx = np.mgrid[: frames[0].shape[0], : frames[0].shape[1]].astype(np.float32)
    brows = crop.apply(crop.crop_to_source(landmarks), crop.MEAN_68[17:27])
    bump = np.max(
        [np.exp(-((xx - x) ** 2 + (yy - y) ** 2) / (0.005 * side**2)) for x, y in brows], axis=0
    )
    for i in range(15, 30):
        lift = np.float32(0.015 * side * np.sin((i - 14) / 16 * np.pi))
        below = (yy + lift * bump).astype(np.float32)
        frames[i] = cv2.remap(frames[i], xx, below, cv2.INTER_LINEAR)
    clip, _ = run(frames)
    # The registration does not follow the brows ...
    error = map_error(clip, motions)
    assert np.abs(error[15:30] - error[:15].mean(0)).max() < 0.25
    # ... so that they move in the crop, while the nose does not.
    change = np.abs(clip.frames[22].astype(int) - clip.frames[10])
    assert change[5:32].mean() > 3 * change[60:85, 50:100].mean()


def test_chunks_change_nothing_but_the_cuts() -> None:
    frames, _ = scene(33)
    frames[12:18] = [np.zeros_like(frames[0])] * 6
    whole, notes = run(frames)
    assert 0 < whole.found.sum() < 33
    for chunk in (1, 7, 33):
        parts = list(align(timed(frames), Align(), FPS, chunk))
        assert [len(p) for p in parts] == [chunk] * (33 // chunk) + [33 % chunk] * (33 % chunk > 0)
        joined = concatenate(parts)
        for name in ("frames", "found", "landmarks", "times_s"):
            np.testing.assert_array_equal(getattr(joined, name), getattr(whole, name))
    held = [i for first, last in notes.spans for i in range(first, last + 1)]
    assert held == np.flatnonzero(whole.found).tolist()


def test_at_high_rates_frames_between_lie_between(monkeypatch: pytest.MonkeyPatch) -> None:
    # Clips keep landmarks as float32. OpenCV reads pixels at places in steps of 1/32, so that this
    # rounding alone can change a crop by two grey levels where an edge is sharp.
    exact: list[NDArray] = []
    resample = aligner_module.resample

    def noted(view: View, landmarks: NDArray, out: NDArray) -> None:
        exact.append(landmarks.copy())
        resample(view, landmarks, out)

    monkeypatch.setattr(aligner_module, "resample", noted)
    image, points = portrait(portraits()[0])
    motions = motion(points, 81, fps=200.0)
    frames = list(render(image, motions))
    config = Align(smoothing=1)
    clip = concatenate(Aligner(config, Fraction(200)).clips(timed(frames, 200.0)))
    assert clip.found.all()
    assert len(clip) == 81
    between = (clip.landmarks[:-2:2] + clip.landmarks[2::2]) / 2
    np.testing.assert_allclose(clip.landmarks[1:-1:2], between, atol=1e-3)
    # Those that are tracked have the landmarks that they would have in a video of these alone.
    monkeypatch.setattr(face_tracker, "ANCHOR_S", 1.6)
    monkeypatch.setattr(face_tracker, "MEMORY_S", 32.0)
    alone, _ = run(frames[::2], Align(smoothing=1))
    np.testing.assert_allclose(clip.landmarks[::2], alone.landmarks, atol=1e-3)
    np.testing.assert_allclose(exact[:81], clip.landmarks, atol=1e-3)
    for i in (0, 1, 40, 77):
        np.testing.assert_array_equal(clip.frames[i], register(frames[i], exact[i], 150))
    smooth = concatenate(Aligner(Align(), Fraction(200)).clips(timed(frames, 200.0)))
    assert jitter(map_error(smooth, motions)) < 0.02
    assert rigid_error(map_error(smooth, motions)) < 0.06


@pytest.mark.parametrize("n", [1, 2, 3, 20])
def test_at_high_rates_every_frame_has_its_place(n: int) -> None:
    frames, _ = scene(20)
    frames[8:13] = [np.zeros_like(frames[0])] * 5
    clip = concatenate(Aligner(Align(), Fraction(300)).clips(timed(frames[:n], 300.0), 7))
    assert clip.times_s.tolist() == [i / 300 for i in range(n)]
    # Frames 0, 3, 6 ... are looked at; from 6 to 9 the face is lost.
    lost = [i for i in range(n) if 7 <= i < 15]
    assert np.flatnonzero(~clip.found).tolist() == lost
    assert np.isnan(clip.landmarks[lost]).all()
    for i in lost:
        np.testing.assert_array_equal(clip.frames[i], clip.frames[6])


def test_long_chunks_grow_as_they_fill(monkeypatch: pytest.MonkeyPatch) -> None:
    frames, _ = scene(11)
    usual, _ = run(frames)
    monkeypatch.setattr(aligner_module, "_RESERVE", 3 * 150**2)
    for chunk in (9, 10**12):
        grown, _ = run(frames, chunk=chunk)
        np.testing.assert_array_equal(grown.frames, usual.frames)


@pytest.mark.parametrize("size", [(160, 120), (321, 241), (2880, 2160)])
def test_any_resolution_gives_the_same_crop(size: tuple[int, int]) -> None:
    frames, _ = scene(3)
    usual, _ = run(frames)
    other, _ = run([cv2.resize(f, size, interpolation=cv2.INTER_AREA) for f in frames])
    assert other.found.all()
    # Same face in the same place; a small source is softer, hence the blur.
    soft = [cv2.GaussianBlur(c.frames[2], (0, 0), 5).astype(int) for c in (usual, other)]
    assert np.abs(soft[0] - soft[1])[10:-10, 10:-10].mean() < 4


def test_the_crop_is_the_registration_of_the_landmarks() -> None:
    frames, _ = scene(6)
    clip, _ = run(frames, Align(size=96, smoothing=1))
    for image, landmarks, got in zip(frames, clip.landmarks, clip.frames):
        assert got.shape == (96, 96)
        expected = register(image, landmarks.astype(float), 96).astype(int)
        assert np.abs(got - expected).max() <= 1


def test_odd_streams() -> None:
    assert list(align([], Align(), FPS)) == []
    frames, _ = scene(1)
    clip, _ = run(frames)
    assert len(clip) == 1
    assert clip.found.all()
    # A frame of another size in between is a loss, not a crash.
    mixed, _ = run([frames[0], frames[0][:300, :301], np.zeros((40, 9), np.uint8), frames[0]])
    assert mixed.found[0]
    assert mixed.found[3]
    with pytest.raises(ValueError, match="uint8"):
        run([frames[0].astype(np.float32)])
    with pytest.raises(ValueError, match="chunk"):
        run(frames, chunk=0)


def test_only_clips_that_fit_are_joined() -> None:
    frames, _ = scene(2)
    small, _ = run(frames, Align(size=64))
    large, _ = run(frames, Align(size=65))
    with pytest.raises(ValueError, match="differ"):
        concatenate([small, large])
    with pytest.raises(ValueError, match="no clip"):
        concatenate([])
    assert len(concatenate([small, small])) == 4
