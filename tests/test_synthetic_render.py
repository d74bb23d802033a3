"""Frames: what moves moves by what the truth says, when it says so, and nothing else moves."""

from __future__ import annotations

import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest

from mespot.synthetic import make_script, render, scene_of, to_bgr
from mespot.synthetic.actions import NAMES, SIDED
from mespot.synthetic.blink import Eye, Lids
from mespot.synthetic.scene import FaceFrame
from mespot.synthetic.script import Script
from mespot.synthetic.warp import Warp
from mespot.types import Expression
from synthetic_face import QUIET, SMALL, card, micro, script_of

# The package's function of the same name hides it.
render_module = sys.modules["mespot.synthetic.render"]
SEED = 7
HEIGHT = QUIET.height


@pytest.fixture(scope="module")
def face():
    return card()


@pytest.fixture(scope="module")
def scene(face):
    return scene_of(face, QUIET, SEED)


def luma(face, script, config=QUIET, seed=SEED):
    return np.stack([f[: config.height] for f in render(face, script, config, seed)])


def track(first, second, places, window=15):
    """Displacement (n, 2) of the places (n, 2) by Lucas-Kanade."""
    places = np.float32(places)[:, None]
    found, good, _ = cv2.calcOpticalFlowPyrLK(first, second, places, None, winSize=(window, window))
    assert good.all()
    return (found - places)[:, 0].astype(np.float64)


def with_pose(script: Script, pose) -> Script:
    head = np.zeros((script.n_frames, 6))
    head[1] = pose
    return replace(script, head=head)


@pytest.mark.parametrize("units", [u for u in SIDED if u not in "57"] + ["17", "26", "12L", "1+2"])
def test_displacement_equals_the_scripted_amplitude(units, face):
    # Folds' shadows are off: Lucas-Kanade takes changes of brightness for motion.
    large = replace(QUIET, width=320, height=288, eye_px=(100.0, 100.0), shading=0.0)
    scene, script = scene_of(face, large, SEED), script_of(large, [micro(units, 2.0, (2, 5, 5))], 6)
    frames = luma(face, script, large)
    warp = Warp(scene.points, scene.face, (large.width, large.height))
    moving = sum(script.actions[n][5] * warp.fields[NAMES.index(n)] for n in script.actions)
    length = np.hypot(moving[..., 0], moving[..., 1])
    assert length.max() / scene.face.pixels_per_crop_pixel == pytest.approx(2.0, rel=0.05)
    there = length > 0.5 * length.max()
    meant = moving[there][:, :2]
    measured = track(frames[1], frames[5], warp.nodes[there], window=9)
    assert (measured * meant).sum() / (meant**2).sum() == pytest.approx(1.0, abs=0.06)


def test_motion_starts_peaks_and_ends_when_the_truth_says(face):
    frames = luma(face, script_of(QUIET, [micro("4", 2.5, (3, 7, 12))], 16))
    change = np.array([np.abs(f.astype(float) - frames[0]).mean() for f in frames])
    np.testing.assert_array_equal(np.flatnonzero(change), np.arange(3, 13))
    assert change.argmax() == 7
    assert (np.diff(change[3:8]) > 0).all()
    assert (np.diff(change[7:13]) < 0).all()


def test_left_is_the_subjects_left(face, scene):
    script = script_of(QUIET, [micro("12L", 2.5)], 12)
    frames = luma(face, script)
    change = np.abs(frames[5].astype(float) - frames[0])
    middle = round(scene.face.origin[0])
    assert change[:, middle + 10 :].sum() > 50 * change[:, : middle - 10].sum()


@pytest.mark.parametrize(
    "pose", [(0.1, 0, 0, 0, 0, 0), (0, 0.08, 0, 0, 0, 0), (0.03, -0.05, 0.06, 0.02, 0, 0)]
)
def test_head_moves_rigidly_and_the_background_stays(pose, face, scene):
    frames = luma(face, with_pose(script_of(QUIET, [], 2), pose))
    places = scene.points[[21, 22, 30, 33, 48, 54]]
    pivot = scene.face.to_pixels(np.array([0.0, 1.9]))
    shift, turn, grow = np.array(pose[:2]) @ scene.face.axes, pose[2], np.exp(pose[3])
    rotation = grow * np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    expected = (places - pivot) @ rotation + pivot + shift - places
    np.testing.assert_allclose(track(frames[0], frames[1], places), expected, atol=0.2)
    np.testing.assert_array_equal(frames[1][:, :8], frames[0][:, :8])
    np.testing.assert_array_equal(frames[1][:, -8:], frames[0][:, -8:])


def test_turning_moves_the_nose_more_than_the_cheeks(face, scene):
    frames = luma(face, with_pose(script_of(QUIET, [], 2), (0, 0, 0, 0, 0.08, 0)))
    nose, left, right = track(frames[0], frames[1], scene.points[[30, 1, 15]])[:, 0]
    assert nose > 1.5 * max(left, right)
    assert min(left, right) > 0.5
    frames = luma(face, with_pose(script_of(QUIET, [], 2), (0, 0, 0, 0, 0, 0.08)))
    nose, chin = track(frames[0], frames[1], scene.points[[30, 8]])[:, 1]
    assert nose > 1.5 * chin > 0.5


def test_a_blink_closes_and_opens_the_eyes_and_nothing_else(face, scene):
    blink = Expression(2, 5, 9, "blink", attributes={"action_units": "45"})
    frames = luma(face, script_of(QUIET, [blink], 12))
    change = np.abs(frames.astype(int) - frames[0])
    np.testing.assert_array_equal(np.flatnonzero(change.any(axis=(1, 2))), np.arange(2, 10))
    near = np.zeros(frames[0].shape, bool)
    for which in (0, 1):
        left, top, right, bottom = np.rint(Eye(scene.points, which).box()).astype(int)
        near[top - 4 : bottom + 4, left - 4 : right + 4] = True
        x, y = np.rint(scene.points[36 + 6 * which : 42 + 6 * which].mean(axis=0)).astype(int)
        darkness = [int(f[y - 1 : y + 2, x - 1 : x + 2].mean()) for f in frames]
        # The black iris is gone at the apex and as it was afterwards.
        assert darkness[0] < 60
        assert darkness[5] > 75
        assert darkness[10] == darkness[0]
    assert not change[:, ~near].any()


def test_gaze_moves_the_iris_and_not_the_lids(face, scene):
    script = script_of(QUIET, [], 2)
    frames = luma(face, replace(script, gaze=np.array([0.0, 0.04])))
    for which in (0, 1):
        eye = scene.points[36 + 6 * which : 42 + 6 * which]
        x, y = np.rint(eye.mean(axis=0)).astype(int)
        rows, columns = slice(y - 1, y + 2), np.arange(x - 8, x + 9)
        ink = 255.0 - frames[:, rows, x - 8 : x + 9].mean(axis=1)
        ink -= ink.min(axis=1, keepdims=True)
        centre = (ink * columns).sum(axis=1) / ink.sum(axis=1)
        assert centre[1] - centre[0] == pytest.approx(0.04 * scene.face.unit, rel=0.3)
    brow = scene.points[17:27]
    assert np.abs(track(frames[0], frames[1], brow)).max() < 0.02


def test_lid_margins_move_by_the_scripted_amount(scene):
    eye = Eye(scene.points, 0)
    y = np.linspace(-30, 40, 1401)
    q = (eye.centre + y[:, None] * np.array([-eye.axis[1], eye.axis[0]]))[None].astype(np.float32)
    top, low = eye.upper[0], eye.lower[0]
    lower, ball, upper = eye.layers(q, Lids(lift=1.5, squeeze=1.2))
    # Where a layer begins to cover is the margin; it shows what the neutral margin shows.
    assert y[np.argmax(upper[1][0] < 0.5)] == pytest.approx(top - 1.5, abs=0.06)
    assert y[np.argmax(ball[1][0] < 0.5)] == pytest.approx(low - 1.2, abs=0.06)
    for layer, at, margin in ((upper, top - 1.5, top), (lower, low - 1.2, low)):
        seen = (layer[0][0] - eye.centre) @ np.array([-eye.axis[1], eye.axis[0]])
        assert np.interp(at, y, seen) == pytest.approx(margin, abs=0.06)
    for closure in np.linspace(0, 1, 11):
        for where, _ in eye.layers(q, Lids(closure=closure))[::2]:
            down = np.diff((where[0] - eye.centre) @ np.array([-eye.axis[1], eye.axis[0]]))
            assert (down >= -1e-4).all(), "the lid's skin must not fold over itself"


def test_nuisances_do_what_their_level_says(face, scene):
    def shot(**levels):
        config = replace(QUIET, **levels)
        return luma(face, make_script(replace(config, micro_per_minute=0.0), 3, 30, 24), config)

    still = shot()
    assert (still == still[0]).all()
    noise = shot(noise=1.0).astype(float) - still
    assert noise.std() == pytest.approx(1.6, rel=0.05)
    assert abs(np.corrcoef(noise[0].ravel(), noise[1].ravel())[0, 1]) < 0.05
    light = shot(light=2.0).mean(axis=(1, 2)) / still.mean()
    assert 0.001 < np.ptp(light) < 0.1
    flicker = shot(flicker=2.0).mean(axis=2) / still.mean(axis=2)
    assert 0.002 < np.ptp(flicker, axis=0).max() < 0.08
    shaken = shot(camera=2.0)
    moved = np.stack([track(shaken[0], f, scene.points[[21, 30, 48, 54]]) for f in shaken])
    assert 0.1 < np.ptp(moved, axis=0).max() < 3.0
    # The whole picture shakes, so that all places move alike.
    np.testing.assert_allclose(moved, np.broadcast_to(moved[:, :1], moved.shape), atol=0.08)


def test_noise_and_shading_off_leave_the_rest_to_the_bit(face, monkeypatch):
    script = script_of(SMALL, [micro("4", 3.0, (5, 8, 11))], 16)
    noisy, even = luma(face, script, SMALL), luma(face, script, replace(SMALL, shading=0.0))
    moving = script.actions["4L"] > 0
    assert moving.sum() == 7
    same = (noisy == even).all(axis=(1, 2))
    assert same[~moving].all()
    assert not same[8]
    quiet = luma(face, script, replace(SMALL, noise=0.0))
    assert (noisy != quiet).any()
    # Without its fields the noise is a level of black, and nothing else of it is left.
    real = render_module._noise_bank
    monkeypatch.setattr(
        render_module, "_noise_bank", lambda *a: np.full_like(real(*a), render_module.BLACK)
    )
    assert np.array_equal(luma(face, script, SMALL), quiet)


def test_the_seed_decides_every_byte_and_faces_differ(face):
    config = replace(SMALL, light=1.0, noise=1.0, flicker=1.0, camera=1.0, blink_per_minute=60.0)

    def frames(portrait, seed):
        script = make_script(config, seed, 25, 20)
        return b"".join(f.tobytes() for f in render(portrait, script, config, seed))

    assert frames(face, 1) == frames(face, 1) != frames(face, 2)
    assert frames(card(1), 1) != frames(face, 1)


def test_planes_and_colours(face):
    image = face.image.copy()
    image[..., 2] //= 2
    tinted = replace(face, image=image)
    frame = next(render(tinted, script_of(QUIET, [], 1), QUIET, SEED))
    assert frame.shape == (HEIGHT * 3 // 2, QUIET.width)
    blue, _, red = to_bgr(frame).reshape(-1, 3).mean(axis=0)
    assert red / blue == pytest.approx(0.5, abs=0.05)


def test_the_face_stands_where_the_scene_says(face, scene):
    """The plate is the portrait under one similarity: its landmarks show the portrait's texture."""
    frame = luma(face, script_of(QUIET, [], 1))[0].astype(np.float32)
    grey = cv2.GaussianBlur(face.image[..., 0], (0, 0), 0.8).astype(np.float32)
    local = np.stack(np.meshgrid(np.linspace(-0.8, 0.8, 40), np.linspace(-0.5, 1.5, 40)), axis=-1)
    there = scene.face.to_pixels(local.reshape(-1, 2)).astype(np.float32)
    here = FaceFrame.of(face.points).to_pixels(local.reshape(-1, 2)).astype(np.float32)
    seen = cv2.remap(frame, there[:, None], None, cv2.INTER_LINEAR)[:, 0]
    meant = cv2.remap(grey, here[:, None], None, cv2.INTER_LINEAR)[:, 0]
    assert np.corrcoef(seen, meant)[0, 1] > 0.995
    own = FaceFrame.of(face.points).to_face(face.points)
    np.testing.assert_allclose(scene.face.to_face(scene.points), own, atol=1e-9)


def test_a_face_too_large_for_the_frame_is_refused(face):
    config = replace(QUIET, eye_px=(100.0, 100.0))
    with pytest.raises(ValueError, match="does not fit a frame of 400 x 208"):
        scene_of(face, config, 0)
