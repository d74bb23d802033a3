"""Detection, landmarks and tracks, each on portraits moved by known amounts."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from aligned_cases import weighted_similarity
from mespot.align import crop, detect, landmarks
from mespot.align.detect import find_faces
from mespot.align.face_tracker import chip_at, tracker_view
from mespot.align.landmarks import PAIRS, measure
from mespot.align.track import Tracker, chip_from_crop, robust_similarity
from mespot.errors import MespotError
from moving_portrait import jitter, motion, portrait, portraits, render, rigid_error, wander

GRID = np.stack(np.meshgrid(np.linspace(0.1, 0.9, 7), np.linspace(0.1, 0.9, 7)), -1).reshape(-1, 2)


def scene(n: int, noise: float = 2.0) -> tuple[list[NDArray], NDArray, NDArray]:
    """Frames, motions, and the landmarks in the first frame."""
    image, points = portrait(portraits()[0])
    motions = motion(points, n)
    return list(render(image, motions, noise)), motions, crop.apply(motions[0], points)


def follow(frames: list[NDArray], first: NDArray) -> NDArray:
    """(T, n, 2) a grid over the face as the tracker alone carries it."""
    to_source = chip_at(first)
    tracker = Tracker(tracker_view(frames[0], to_source), to_source)
    grid = chip_from_crop(GRID)
    places = [crop.apply(to_source, grid)]
    for frame in frames[1:]:
        found = tracker.step(tracker_view(frame, tracker.to_source))
        assert found is not None
        places.append(crop.apply(found.to_source, grid))
    return np.array(places)


def crop_pixel(points: NDArray) -> float:
    """Source pixels of one pixel of a 150-pixel crop."""
    return crop.scale_of(crop.crop_to_source(points)) / 150


def test_tracks_follow_a_rigid_motion_to_a_fraction_of_a_pixel() -> None:
    frames, motions, first = scene(40)
    error = wander(follow(frames, first), motions, crop_pixel(first))
    assert jitter(error) < 0.06
    assert rigid_error(error) < 0.06


def test_flickering_light_moves_nothing() -> None:
    frames, motions, first = scene(30)
    flicker = [
        np.clip(
            f * (1 + 0.08 * np.sin(2.1 * i)) * np.linspace(1, 0.8, f.shape[1]) ** (i % 3), 0, 255
        )
        for i, f in enumerate(frames)
    ]
    error = wander(follow([f.astype(np.uint8) for f in flicker], first), motions, crop_pixel(first))
    assert rigid_error(error) < 0.08


def test_brows_and_mouth_that_move_do_not_move_the_head() -> None:
    frames, motions, first = scene(2, noise=1.0)
    frames[1], motions[1] = frames[0].copy(), motions[0]
    to_source = crop.crop_to_source(first)
    size = crop_pixel(first) * 150
    yy, xx = np.mgrid[: frames[0].shape[0], : frames[0].shape[1]].astype(np.float32)
    lift = np.zeros_like(yy)
    for x, y in crop.apply(to_source, crop.MEAN_68[[18, 19, 20, 23, 24, 25, 48, 54, 57]]):
        bump = np.exp(-((xx - x) ** 2 + (yy - y) ** 2) / (2 * (0.05 * size) ** 2))
        lift = np.maximum(lift, bump)
    frames[1] = cv2.remap(frames[1], xx, (yy + 2.0 * lift).astype(np.float32), cv2.INTER_LINEAR)
    changed = np.abs(frames[1].astype(int) - frames[0]).max()
    assert changed > 20
    assert rigid_error(wander(follow(frames, first), motions, crop_pixel(first))) < 0.05


def test_robust_fit_ignores_a_third_of_wrong_tracks() -> None:
    rng = np.random.default_rng(0)
    source = rng.uniform(0, 130, (60, 2))
    truth = np.array([[1.02, -0.03, 4.0], [0.03, 1.02, -2.5]])
    target = crop.apply(truth, source) + rng.normal(0, 0.05, source.shape)
    target[:20] += rng.uniform(3, 8, (20, 2))
    fitted, weights, residual, spread = robust_similarity(source, target, np.ones(60))
    np.testing.assert_allclose(crop.apply(fitted, source), crop.apply(truth, source), atol=0.1)
    assert weights[:20].max() == 0
    assert weights[20:].min() > 0
    np.testing.assert_allclose(residual, np.hypot(*(crop.apply(fitted, source) - target).T))
    assert spread < 0.15


def test_robust_fit_is_weighted_least_squares_round_by_round() -> None:
    rng = np.random.default_rng(1)
    source = rng.uniform(0, 130, (41, 2))
    target = crop.apply(np.array([[0.99, -0.02, 1.0], [0.02, 0.99, 3.0]]), source)
    target += rng.standard_t(2, target.shape) * 0.3
    worth = rng.uniform(0.2, 1.0, 41)
    similarity = np.eye(2, 3)
    similarity[:, 2] = np.median(target - source, axis=0)
    for _ in range(3):
        residual = np.hypot(*(crop.apply(similarity, source) - target).T)
        spread = np.median(residual)
        weights = np.maximum(1 - (residual / (4 * spread)) ** 2, 0) ** 2
        similarity = weighted_similarity(source, target, weights * worth)
    fitted, got, _, last = robust_similarity(source, target, worth)
    np.testing.assert_allclose(fitted, similarity, atol=1e-9)
    np.testing.assert_allclose(got, weights, atol=1e-9)
    assert last == pytest.approx(spread)


def test_robust_fit_goes_on_from_known_weights() -> None:
    rng = np.random.default_rng(2)
    source = rng.uniform(0, 130, (31, 2))
    target = crop.apply(np.array([[1.01, -0.01, 0.4], [0.01, 1.01, -0.6]]), source)
    target += rng.standard_t(2, target.shape) * 0.2
    worth, known = rng.uniform(0.2, 1.0, 31), rng.uniform(0, 1, 31)
    before = weighted_similarity(source, target, known * worth)
    residual = np.hypot(*(crop.apply(before, source) - target).T)
    weights = np.maximum(1 - (residual / (4 * np.median(residual))) ** 2, 0) ** 2
    fitted, got, _, last = robust_similarity(source, target, worth, known)
    expected = weighted_similarity(source, target, weights * worth)
    np.testing.assert_allclose(fitted, expected, atol=1e-9)
    np.testing.assert_allclose(got, weights, atol=1e-9)
    assert last == pytest.approx(np.median(residual))


@pytest.mark.parametrize("covered", [False, True])
def test_tracks_are_led_back_only_where_they_disagree(
    covered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames, motions, first = scene(6)
    if covered:
        # A plain card before a quarter of the face from the third frame on.
        corners = crop.apply(crop.crop_to_source(first), np.array([[-0.1, -0.3], [0.5, 0.4]]))
        (left, top), (right, bottom) = np.maximum(corners, 0).astype(int)
        for frame in frames[2:]:
            frame[top:bottom, left:right] = 128
    asked = []
    plain = Tracker._leads_back

    def noted(self: Tracker, now: NDArray, after: NDArray) -> NDArray:
        asked.append(plain(self, now, after))
        return asked[-1]

    monkeypatch.setattr(Tracker, "_leads_back", noted)
    error = wander(follow(frames, first), motions, crop_pixel(first))
    assert bool(asked) == covered
    assert rigid_error(error) < (0.3 if covered else 0.05)


@pytest.mark.parametrize(("pixels", "coarse"), [(0.5, False), (1.2, False), (9.0, True)])
def test_coarse_levels_are_for_large_steps(
    pixels: float, coarse: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, points = portrait(portraits()[0])
    motions = np.repeat(motion(points, 1), 2, axis=0)
    motions[1, 0, 2] += pixels * crop_pixel(crop.apply(motions[0], points))
    frames, first = list(render(image, motions)), crop.apply(motions[0], points)
    levels = []
    plain = Tracker._fit

    def noted(self: Tracker, now: NDArray, level: int) -> object:
        levels.append(level)
        return plain(self, now, level)

    monkeypatch.setattr(Tracker, "_fit", noted)
    error = wander(follow(frames, first), motions, crop_pixel(first))
    assert rigid_error(error) < 0.05
    assert levels == ([0, 2] if coarse else [0])


def test_a_face_that_is_gone_is_not_followed() -> None:
    frames, _, first = scene(2)
    to_source = chip_at(first)
    rng = np.random.default_rng(1)
    leaves = cv2.GaussianBlur(rng.integers(0, 256, frames[0].shape).astype(np.uint8), (0, 0), 3)
    for other in (leaves, np.full_like(frames[0], 90)):
        tracker = Tracker(tracker_view(frames[0], to_source), to_source)
        found = tracker.step(tracker_view(other, tracker.to_source))
        assert found is None or found.consistent < 0.35


def test_landmarks_have_fractions_and_little_jitter() -> None:
    frames, motions, first = scene(12)
    places = np.array(
        [measure(f, crop.apply(m, crop.apply(crop.invert(motions[0]), first)))[0]
         for f, m in zip(frames, motions)]
    )  # fmt: skip
    # dlib's own points, in whole pixels, jitter by some 0.5.
    assert jitter(wander(places, motions, crop_pixel(first))) < 0.4
    assert np.abs(places - np.rint(places)).mean() > 0.1


@pytest.mark.parametrize("boxes", [landmarks.ALL, *PAIRS])
def test_unrest_tells_faces_from_the_rest(boxes: tuple) -> None:
    frames, _, first = scene(1)
    assert measure(frames[0], first, boxes)[1] < 5
    assert measure((frames[0] * 0.25).astype(np.uint8), first, boxes)[1] < 6
    noise = np.random.default_rng(0).integers(0, 256, frames[0].shape).astype(np.uint8)
    assert measure(noise, first, boxes)[1] > 18
    shifted = first + 1.5 * crop.eye_distance(first)
    assert measure(frames[0], shifted, boxes)[1] > 18


@pytest.mark.parametrize("n_points", [5, 17])
def test_landmarks_come_from_a_rough_guess(n_points: int) -> None:
    frames, _, first = scene(1)
    face = find_faces(frames[0])[0]
    guess = face.landmarks(n_points)
    for _ in range(2):
        guess, unrest = measure(frames[0], guess)
    assert unrest < 6
    found = crop.apply(crop.crop_to_source(guess), crop.MEAN_5)
    wanted = crop.apply(crop.crop_to_source(first), crop.MEAN_5)
    assert np.abs(found - wanted).max() < 0.08 * crop.eye_distance(first)


def test_faces_are_found_the_largest_first() -> None:
    image, points = portrait(portraits()[0])
    near, far = (next(render(image, motion(points, 1, eyes))) for eyes in (80.0, 50.0))
    both = np.hstack([far[:, 120:520], near[:, 120:520]])
    faces = find_faces(both)
    assert len(faces) == 2
    assert faces[0].side > faces[1].side
    assert abs(faces[0].x - 600) < 25
    assert abs(faces[1].x - 200) < 25


@pytest.mark.parametrize("factor", [0.25, 0.5, 2.5])
def test_faces_are_found_at_any_resolution(factor: float) -> None:
    frames, _, first = scene(1)
    image = cv2.resize(frames[0], None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    (face,) = find_faces(image)
    eyes = face.landmarks(5)[:4].mean(0) / factor
    assert np.abs(eyes - first[:4].mean(0)).max() < 0.25 * crop.eye_distance(first)


@pytest.mark.parametrize("shape", [(10, 10), (1, 300), (48, 48), (97, 333)])
def test_no_face_where_there_is_none(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    assert find_faces(np.full(shape, 120, np.uint8)) == []
    assert find_faces(rng.integers(0, 256, shape).astype(np.uint8)) == []


def test_the_kept_detector_is_dlibs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    frames, _, _ = scene(1)
    dlib = pytest.importorskip("dlib")
    expected = dlib.get_frontal_face_detector().run(frames[0], 0, -0.1)
    monkeypatch.setenv("MESPOT_CACHE", str(tmp_path))

    def anew() -> list:
        detect._confirmer.cache_clear()
        return [list(part) for part in detect._confirmer().run(frames[0], 0, -0.1)]

    def kept() -> Path:
        (file,) = tmp_path.rglob(detect._DETECTOR)
        return file

    wanted = [list(part) for part in expected]
    assert anew() == wanted
    whole = kept().read_bytes()
    monkeypatch.setattr(dlib, "get_frontal_face_detector", None)
    assert anew() == wanted
    # A damaged one of the right length is found out and replaced.
    monkeypatch.undo()
    monkeypatch.setenv("MESPOT_CACHE", str(tmp_path))
    kept().write_bytes(b"\0" * len(whole))
    assert anew() == wanted
    assert kept().read_bytes() == whole
    # Where nothing can be kept, the face is found all the same.
    (tmp_path / "file").touch()
    monkeypatch.setenv("MESPOT_CACHE", str(tmp_path / "file"))
    assert anew() == wanted
    detect._confirmer.cache_clear()


def test_missing_models_are_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MespotError, match="pip install face_recognition_models") as error:
        landmarks.model_path("x.dat")
    assert "\n" not in str(error.value)
    monkeypatch.undo()
    with pytest.raises(MespotError, match=r"nothing\.dat"):
        landmarks.model_path("nothing.dat")
    monkeypatch.setattr(detect, "CASCADE", "nothing.xml")
    detect._cascade.cache_clear()
    with pytest.raises(MespotError, match="cascade is missing"):
        detect.propose(np.zeros((100, 100), np.uint8))
    detect._cascade.cache_clear()
