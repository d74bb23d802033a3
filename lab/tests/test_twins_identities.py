"""Whose faces: what subjects have in common, and that blends are what they are said to be."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mespot.align.crop import MIRROR_68
from mespot.synthetic import Portrait
from mespot_lab.twins.identities import Identity, Kinship, kinship, portrait_of
from mespot_lab.twins.morph import Change, blend
from mespot_lab.twins.shoulders import with_collar
from synthetic_face import card


def people(n):
    """Small portraits that differ; only their names and looks matter."""
    return [card(i, 20.0) for i in range(n)]


FACES = people(12)


@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, 66), portraits=st.integers(1, 12), seed=st.integers(0, 99))
def test_subjects_share_no_more_than_they_must(n, portraits, seed):
    faces = FACES[:portraits]
    kin = kinship(faces, n, seed)
    sets = [frozenset(i.parents) for i in kin.identities]
    assert len(sets) == n
    assert set().union(*sets) <= {f.id for f in faces}
    sharing = sum(bool(a & b) for a, b in combinations(sets, 2))
    assert kin.sharing == sharing
    alone = [s for s in sets if len(s) == 1]
    if n <= portraits:
        # A portrait each, nothing in common.
        assert len(alone) == n
        assert sharing == 0
    elif n <= portraits * (portraits - 1) // 2:
        # Each pair once, at most one parent in common, no portrait both alone and a parent.
        assert len(set(sets)) == n
        assert all(len(a & b) <= 1 for a, b in combinations(sets, 2))
        used = Counter(p for s in sets for p in s)
        assert all(used[p] == 1 for s in alone for p in s)
        assert not kin.repeated
        blended = [used[p] for p in used if frozenset([p]) not in sets]
        assert max(blended) <= -(-sum(blended) // len(blended)) + 1
    if len(set(sets)) < n:
        assert kin.repeated
    # No two faces are made the same way.
    assert len(set(kin.identities)) == n


def test_how_many_are_blended():
    # 5 portraits, 7 subjects. Blending 4 (6 pairs at hand): 6 blends use each 3 times and share
    # 6 * 2 = 12 pairs of subjects. Blending 5: 7 blends, 2.8 times each, 7 * 1.8 = 12.6.
    kin = kinship(FACES[:5], 7, 0)
    assert sum(i.donor is None for i in kin.identities) == 1
    assert kin.sharing == 12
    # With 2 portraits nothing but using them again helps.
    kin = kinship(FACES[:2], 8, 0)
    assert kin.repeated
    assert Counter(i.donor is None for i in kin.identities) == {True: 4, False: 4}
    assert Kinship((Identity("a"), Identity("a", "b"))).repeated
    with pytest.raises(ValueError, match="no portrait"):
        kinship([], 2, 0)


def test_who_is_who_is_decided_by_the_seed():
    assert kinship(FACES, 20, 1) == kinship(FACES, 20, 1) != kinship(FACES, 20, 2)


def dots(points, size, colour):
    """A black picture with a dot at every inner landmark."""
    image = np.zeros((*size, 3), np.uint8)
    for x, y in points:
        cv2.circle(image, (round(x * 16), round(y * 16)), 3 * 16, colour, -1, cv2.LINE_AA, 4)
    return image


def centre(image, at, radius=8):
    """Centre of brightness around a place."""
    x0, y0 = np.rint(at).astype(int) - radius
    part = image[y0 : y0 + 2 * radius + 1, x0 : x0 + 2 * radius + 1].astype(float).sum(axis=2)
    ys, xs = np.mgrid[: part.shape[0], : part.shape[1]]
    return np.array([x0 + (part * xs).sum() / part.sum(), y0 + (part * ys).sum() / part.sum()])


# Landmarks far enough from others for their dots to stand alone.
LONELY = [0, 4, 8, 12, 16, 27, 30]


def test_landmarks_of_a_blend_are_where_it_says():
    one, other = card(0), card(1)
    change = Change(np.array([1.5, -1.0, 0, 1.0, 0, 0, 0]), np.zeros(4))
    marks = Portrait("m", dots(one.points[LONELY], one.image.shape[:2], (255,) * 3), one.points)
    stretched = Portrait("s", other.image, other.points * (1.15, 0.95) + (-20.0, 10.0))
    for donor in (None, stretched):
        made = blend(marks, donor, 0.0 if donor else 0.5, change, "x")
        assert np.abs(made.points - one.points).max() > 3.0
        for k in LONELY:
            found = centre(made.image, made.points[k])
            assert np.hypot(*(found - made.points[k])) < 0.4, k


def test_shape_lies_between_the_parents():
    one, other = card(0), card(1)
    wide = Portrait("w", other.image, other.points * (1.2, 1.0))
    half = blend(one, wide, 0.5, Change.none(), "x")
    # By the ratio of the jaw's width to the height from eyes to chin, which no similarity changes.
    ratio = [np.ptp(p.points[:17, 0]) / (p.points[8, 1] - p.points[36:48, 1].mean())
             for p in (one, half, wide)]  # fmt: skip
    assert ratio[0] * 1.05 < ratio[1] < ratio[2] / 1.05


def test_texture_is_of_both_inside_and_of_the_base_outside():
    one, other = card(0), card(1)
    assert np.allclose(one.points, other.points)
    made = blend(one, other, 0.5, Change.none(), "x").image.astype(float)
    a, b = one.image.astype(float), other.image.astype(float)
    nose = np.rint(one.points[30]).astype(int)
    inside = np.s_[nose[1] - 25 : nose[1] + 25, nose[0] - 25 : nose[0] + 25, 0]

    def likeness(x, y, where):
        return np.corrcoef(x[where].ravel(), y[where].ravel())[0, 1]

    # Independent textures in equal parts correlate with their mean by 1 / sqrt(2).
    assert abs(likeness(a, b, inside)) < 0.3
    for parent in (a, b):
        assert 0.5 < likeness(made, parent, inside) < 0.9
    assert np.abs(made[:30] - a[:30]).max() <= 1.0
    assert np.abs(made[:, :20] - a[:, :20]).max() <= 1.0


def test_no_seam():
    """Between two plain faces of other brightness nothing changes faster than over a tenth."""
    one, other = card(0), card(1)
    dark = Portrait("d", np.full_like(one.image, 80), one.points)
    light = Portrait("l", np.full_like(one.image, 180), other.points)
    made = blend(dark, light, 0.5, Change.none(), "x").image.astype(int)
    assert np.abs(np.diff(made, axis=0)).max() <= 3
    assert np.abs(np.diff(made, axis=1)).max() <= 3


def test_mirrored_and_unchanged():
    one = card(3)
    same = blend(one, None, 0.5, Change.none(), "x")
    assert np.array_equal(same.image, one.image)
    assert np.array_equal(same.points, one.points)
    turned = blend(one, None, 0.5, Change(np.zeros(7), np.zeros(4), mirrored=True), "x")
    assert np.array_equal(turned.image, one.image[:, ::-1])
    # The subject's right eye stands on the left again.
    assert turned.points[36, 0] < turned.points[45, 0]
    back = (one.image.shape[1] - 1 - turned.points[list(MIRROR_68), 0], turned.points[:, 1])
    assert np.allclose(back[0], one.points[:, 0])


def test_an_identity_is_drawn_by_its_seed():
    faces = people(2)
    plain = portrait_of(Identity("card0"), faces, "s01")
    assert plain.id == "s01"
    assert np.array_equal(plain.image[: len(faces[0].image)], faces[0].image)
    one, same, other = (
        portrait_of(Identity("card0", "card1", False, seed), faces, "x") for seed in (1, 1, 2)
    )
    assert np.array_equal(one.image, same.image)
    assert not np.allclose(one.points, other.points, atol=0.05)


def face_with_neck():
    """Skin in the middle down to the edge, blue cloth beside it."""
    face = card(0)
    height = round(face.points[8, 1] + 30)
    image = np.full((height, face.image.shape[1], 3), (140, 60, 40), np.uint8)
    middle = round(face.points[8, 0])
    image[: height - 30] = (120, 150, 210)
    image[:, middle - 45 : middle + 46] = (120, 150, 210)
    return Portrait("n", image, face.points), middle


def test_a_cut_neck_ends_in_a_collar():
    face, middle = face_with_neck()
    height = len(face.image)
    made = with_collar(face)
    assert np.array_equal(made.image[:height], face.image)
    assert np.array_equal(made.points, face.points)
    skin = np.abs(made.image[height:].astype(int) - (120, 150, 210)).sum(axis=2) < 30
    widths = skin.sum(axis=1)
    assert 80 <= widths[0] <= 92
    assert (np.diff(widths) <= 0).all()
    # 0.5 eye distances of 100 px deep, and round: half-way down it is still wide.
    assert 40 < np.argmin(widths > 0) < 56
    assert widths[25] > 0.75 * widths[0]
    assert abs(np.flatnonzero(skin[20]).mean() - middle) < 3


def test_a_portrait_that_goes_down_far_enough_stays():
    face = card(0)
    long = Portrait("l", cv2.resize(face.image, (400, 900)), face.points)
    assert with_collar(long) is long
    # Without skin in the middle (a beard, a scarf) the last rows go on.
    face, _ = face_with_neck()
    image = face.image.copy()
    image[-8:] = (10, 10, 10)
    made = with_collar(Portrait("b", image, face.points))
    assert (made.image[len(image) :] == 10).all()
