"""Similarities, views of a frame, and the crop's geometry."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from aligned_cases import weighted_similarity
from mespot.align import Align, crop
from mespot.align.view import view_within
from mespot.video.pixels import Luma

NUMBERS = st.floats(-50, 50)


def view_of(image, outline, reduction):
    """The view of the rectangle around points (n, 2)."""
    (left, top), (right, bottom) = outline.min(axis=0).tolist(), outline.max(axis=0).tolist()
    return view_within(image, (left, top, right, bottom), reduction)


def similarity(angle: float, scale: float, x: float, y: float) -> crop.Similarity:
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[c, -s, x], [s, c, y]])


@given(st.floats(-3, 3), st.floats(0.2, 5), NUMBERS, NUMBERS)
def test_fit_finds_the_similarity_that_moved_the_points(
    angle: float, scale: float, x: float, y: float
) -> None:
    truth = similarity(angle, scale, x, y)
    fitted = crop.fit_similarity(crop.MEAN_68, crop.apply(truth, crop.MEAN_68))
    np.testing.assert_allclose(fitted, truth, atol=1e-9)
    assert crop.scale_of(fitted) == pytest.approx(scale)


def test_fit_is_least_squares_where_no_similarity_fits() -> None:
    source, target = np.random.default_rng(0).uniform(0, 100, (2, 9, 2))
    expected = weighted_similarity(source, target, np.ones(9))
    np.testing.assert_allclose(crop.fit_similarity(source, target), expected, atol=1e-9)


def test_points_that_coincide_give_a_shift() -> None:
    fitted = crop.fit_similarity(np.full((4, 2), 3.0), np.full((4, 2), 5.0))
    np.testing.assert_allclose(fitted, [[1, 0, 2], [0, 1, 2]], atol=1e-12)


@given(st.floats(-3, 3), st.floats(0.2, 5), NUMBERS, NUMBERS)
def test_invert_and_compose(angle: float, scale: float, x: float, y: float) -> None:
    first, second = similarity(angle, scale, x, y), similarity(1.0, 2.0, -3.0, 4.0)
    points = crop.MEAN_5
    np.testing.assert_allclose(
        crop.apply(crop.compose(second, first), points),
        crop.apply(second, crop.apply(first, points)),
        atol=1e-9,
    )
    np.testing.assert_allclose(crop.compose(crop.invert(first), first), np.eye(2, 3), atol=1e-9)


@given(st.floats(-4, 4), st.floats(0.2, 5), NUMBERS, st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS))
def test_bounds_hold_the_moved_corners(
    angle: float, scale: float, x: float, corners: tuple[float, float, float, float]
) -> None:
    left, right = sorted(corners[:2])
    top, bottom = sorted(corners[2:])
    moved = similarity(angle, scale, x, -x)
    at = crop.apply(moved, np.array([(p, q) for p in (left, right) for q in (top, bottom)]))
    box = crop.bounds(moved, (left, top, right, bottom))
    np.testing.assert_allclose(box, [*at.min(axis=0), *at.max(axis=0)], atol=1e-9)


@pytest.mark.parametrize("n", [5, 17])
def test_crop_to_source_is_the_fit_from_the_control_points(n: int) -> None:
    points = crop.control_points(n)
    landmarks = points * 130 + np.random.default_rng(n).normal(0, 5, points.shape)
    expected = crop.fit_similarity(points, landmarks)
    np.testing.assert_allclose(crop.crop_to_source(landmarks), expected, atol=1e-9)


def test_eye_distance_is_that_of_the_eye_centres() -> None:
    eyes = [crop.MEAN_68[36:42].mean(0), crop.MEAN_68[42:48].mean(0)]
    in_fractions = np.hypot(*(eyes[0] - eyes[1]))
    assert in_fractions * crop.SIDE_IN_EYE_DISTANCES == pytest.approx(1.0, abs=0.01)
    assert crop.eye_distance(crop.MEAN_5 * 220.0) == pytest.approx(100.0)
    assert crop.side_of(crop.MEAN_68[list(crop.SEVENTEEN_OF_68)] * 150.0) == pytest.approx(150.0)


def ramp(height: int, width: int) -> NDArray[np.uint8]:
    """An image whose grey level is its column."""
    return np.tile(np.arange(width, dtype=np.uint8), (height, 1))


@pytest.mark.parametrize("reduction", [0.7, 1.0, 2.0, 3.9, 4.0, 5.0, 6.1])
def test_a_view_knows_where_its_pixels_are(reduction: float) -> None:
    image = ramp(150, 201)
    view = view_of(image, np.array([(60.0, 40.0), (131.0, 97.0)]), reduction)
    assert view.step == max(1, int(reduction))
    columns = np.arange(view.image.shape[1])
    # Pixel i of the view stands at the column whose grey level it shows.
    at = columns * view.step + view.shift[0]
    np.testing.assert_allclose(view.image[5, 3:-3], at[3:-3], atol=0.51)
    back = view.inside(np.stack([at, np.full(len(at), view.shift[1])], axis=1))
    np.testing.assert_allclose(back[:, 0], columns)
    np.testing.assert_allclose(back[:, 1], 0)


@pytest.mark.parametrize("where", [(-500.0, -500.0), (900.0, 20.0), (100.0, 70.0)])
def test_a_view_outside_the_frame_is_of_its_border(where: tuple[float, float]) -> None:
    outline = np.array(where) + np.array([(0.0, 0.0), (30.0, 30.0)])
    view = view_of(ramp(101, 203), outline, 2.0)
    assert min(view.image.shape) >= 1
    assert 0 <= view.x < 203
    assert 0 <= view.y < 101


@pytest.mark.parametrize("reduction", [1.0, 1.3, 2.6, 4.2])
def test_a_view_of_luma_is_that_of_its_levels(reduction: float) -> None:
    rng = np.random.default_rng(0)
    raw = cv2.GaussianBlur(rng.integers(0, 256, (200, 240)).astype(np.uint8), (0, 0), 2)
    luma = Luma(raw, True)
    outline = np.array([(20.0, 30.0), (180.0, 160.0)])
    part, whole = (view_of(p, outline, reduction) for p in (luma, luma.whole))
    assert (part.x, part.y, part.step) == (whole.x, whole.y, whole.step)
    # Reduced first and stretched then, levels are rounded in another order.
    off = part.image.astype(int) - whole.image
    assert np.abs(off).max() <= (0 if reduction < 2 else 2)
    assert abs(off.mean()) < 0.1


def test_a_larger_face_meets_no_step_in_sharpness() -> None:
    rng = np.random.default_rng(0)
    coarse = cv2.GaussianBlur(rng.normal(0, 1, (400, 400)), (0, 0), 1.5)
    image = np.clip(128 + 40 * coarse / coarse.std(), 0, 255).astype(np.uint8)
    outline = np.array([(50.0, 50.0), (350.0, 350.0)])

    def contrast(reduction: float) -> float:
        return float(view_of(image, outline, reduction).image.std())

    # At whole numbers the view changes over to larger blocks of pixels.
    for whole in (2, 3, 4, 6):
        assert contrast(whole + 0.001) == pytest.approx(contrast(whole - 0.001), rel=0.03)
    assert contrast(1.999) < 0.95 * contrast(1.0)


@pytest.mark.parametrize(
    "wrong",
    [{"size": 31}, {"points": 6}, {"smoothing": 4}, {"smoothing": 0}],
)  # fmt: skip
def test_impossible_settings_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Align(**wrong)
