"""``register = "none"``: the crop stays where the face was first found."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from mespot.align import Align, align, concatenate
from mespot.align.register import register
from moving_portrait import motion, portrait, portraits, render, timed


@pytest.fixture(scope="module")
def frames():
    image, landmarks = portrait(portraits()[0])
    moving = list(render(image, motion(landmarks, 40), noise=0))
    # Three frames without a face come first.
    return [np.full_like(moving[0], 90)] * 3 + moving


def clip(frames, **config):
    return concatenate(align(timed(frames), Align(smoothing=1, **config), Fraction(25)))


def test_every_crop_is_cut_by_the_first_landmarks(frames):
    """The same place of the source in all frames, in whatever pieces the clips come."""
    fixed = clip(frames, register="none")
    first = int(fixed.found.argmax())
    assert 3 <= first < 12
    for t in range(first, len(frames)):
        expected = register(frames[t], fixed.landmarks[first], 150).astype(int)
        # The clip's landmarks are rounded to float32, and OpenCV reads at steps of 1/32 pixel: here
        # and there a pixel is read one step further, worth 1/32 of the edge that it lies on.
        off = np.abs(fixed.frames[t] - expected)
        assert off.max() <= 1 + np.ptp(frames[t]) / 32, t
        assert off.mean() < 0.01, t
    pieces = align(timed(frames), Align(smoothing=1, register="none"), Fraction(25), 7)
    assert np.array_equal(concatenate(pieces).frames, fixed.frames)


def test_the_face_is_followed_all_the_same(frames):
    """Landmarks and found are those of the registered clip; only the crops move with the head."""
    fixed, followed = clip(frames, register="none"), clip(frames)
    assert np.array_equal(fixed.found, followed.found)
    assert np.array_equal(fixed.landmarks, followed.landmarks, equal_nan=True)

    def unrest(one):
        # The nose and the cheeks; the crop's edge shows what lies behind.
        inner = one.frames[one.found][:, 50:110, 40:110].astype(float)
        return np.abs(np.diff(inner, axis=0)).mean()

    assert unrest(fixed) > 2 * unrest(followed)


def test_another_way_is_refused():
    with pytest.raises(ValueError, match="register 'head'"):
        Align(register="head")
