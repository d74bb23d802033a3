"""Injection: known skin motion in crops, everything else untouched to the bit."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest

from mespot.align.crop import MEAN_68
from mespot.errors import UsageError
from mespot.synthetic import complete, draw_micros, inject, inject_random
from mespot.types import Expression, FaceClip
from synthetic_face import QUIET, card, micro
from test_synthetic_render import track


def clip(n=14, size=150, found=None, noise=0.0):
    """The card, cut to the crop, standing still but for noise."""
    face = card()
    system = np.c_[face.points, np.ones(68)]
    affine = np.linalg.lstsq(system, MEAN_68 * size - 0.5, rcond=None)[0].T
    grey = cv2.warpAffine(face.image[..., 0], affine, (size, size), flags=cv2.INTER_CUBIC)
    rng = np.random.default_rng(0)
    frames = np.clip(grey + noise * rng.standard_normal((n, size, size)), 0, 255).astype(np.uint8)
    found = np.ones(n, bool) if found is None else found
    return FaceClip(
        frames, found, np.zeros((n, 5, 2), np.float32), np.arange(n) / 30.0, Fraction(30)
    )


@pytest.mark.parametrize(("units", "landmark"), [("12", 48), ("2", 18), ("10", 50), ("17", 57)])
@pytest.mark.parametrize("size", [150, 300])
def test_skin_moves_by_the_amplitude_of_the_crop(units, landmark, size):
    plain = clip(size=size)
    calm = replace(QUIET, shading=0.0)
    moved = inject(plain, [micro(units, 2.0)], 0, calm)
    y, x = np.mgrid[-0.12:0.121:0.02, -0.12:0.121:0.02] * size
    around = MEAN_68[landmark] * size + np.stack([x.ravel(), y.ravel()], axis=1)
    around = around[(around > 10).all(axis=1)]
    length = np.hypot(*track(plain.frames[0], moved.frames[5], around, window=9).T)
    assert np.quantile(length, 0.98) * 150 / size == pytest.approx(2.0, rel=0.15)


def test_only_the_event_and_its_place_change():
    plain = clip(noise=2.0)
    moved = inject(plain, [micro("12L", 2.0, (3, 6, 10))], 0)
    same = (moved.frames == plain.frames).all(axis=(1, 2))
    np.testing.assert_array_equal(np.flatnonzero(~same), np.arange(3, 11))
    change = (moved.frames != plain.frames).any(axis=0)
    assert not change[:20].any()
    assert not change[:, :60].any()
    for part in ("found", "landmarks", "times_s"):
        assert getattr(moved, part) is getattr(plain, part)
    strength = np.abs(moved.frames.astype(int) - plain.frames).mean(axis=(1, 2))
    assert strength.argmax() == 6
    # Interpolation must not betray the event by softness: texture keeps its strength.
    where = change & (np.abs(plain.frames[6].astype(int) - 128) < 127)
    fine = [cv2.Laplacian(c.frames[6].astype(np.float32), cv2.CV_32F)[where].std()
            for c in (plain, moved)]  # fmt: skip
    assert fine[1] / fine[0] == pytest.approx(1.0, abs=0.12)


def test_lost_frames_stay_as_they_are():
    found = np.ones(14, bool)
    found[5] = False
    plain = clip(found=found)
    moved = inject(plain, [micro("4", 2.0)], 0)
    assert (moved.frames[5] == plain.frames[5]).all()
    assert (moved.frames[4] != plain.frames[4]).any()


def test_the_seed_draws_what_is_missing():
    bare = [Expression(2, None, 9, "micro")]
    plain = clip()
    one, same, other = (inject(plain, bare, seed).frames for seed in (1, 1, 2))
    assert (one == same).all()
    assert (one != other).any()
    (full,) = complete(bare, 1)
    assert full.onset <= full.apex <= full.offset
    assert 0.8 <= float(full.attributes["amplitude_px"]) <= 3.0
    # What is drawn, given explicitly, moves the same units to the same apex.
    strength = np.abs(one.astype(int) - plain.frames).mean(axis=(1, 2))
    assert strength.argmax() == full.apex


def test_drawn_micros_avoid_lost_frames():
    every = draw_micros(3000, Fraction(30), 4)
    assert 11 <= len(every) <= 12
    assert {e.kind for e in every} == {"micro"}
    found = np.ones(3000, bool)
    found[every[2].apex] = False
    assert draw_micros(3000, Fraction(30), 4, found=found) == [*every[:2], *every[3:]]


def test_random_injection_tells_what_it_added():
    plain = clip(n=60)
    often = replace(QUIET, micro_per_minute=60.0)
    moved, truth = inject_random(plain, 3, often)
    assert len(truth) == 2
    changed = np.zeros(60, bool)
    for event in truth:
        changed[event.onset : event.offset + 1] = True
    np.testing.assert_array_equal((moved.frames != plain.frames).any(axis=(1, 2)), changed)


def test_what_cannot_be_injected():
    plain = clip()
    assert inject(plain, [], 0) is plain
    with pytest.raises(ValueError, match="ends at frame 20 of a clip of 14"):
        inject(plain, [micro("4", 1.0, (2, 5, 20))], 0)
    with pytest.raises(UsageError, match="'99' cannot be shown"):
        inject(plain, [micro("99", 1.0)], 0)
    oblong = replace(plain, frames=plain.frames[:, :100])
    with pytest.raises(ValueError, match="square"):
        inject(oblong, [micro("4", 1.0)], 0)
