"""Local Weighted Mean: against a slow, literal computation, and its exact properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mespot.align import crop
from mespot.align.register import basis, crop_basis, register, source_map, terms


def slow_map(points: NDArray, sources: NDArray, at: NDArray) -> NDArray:
    """The map at one position, step by step as the module's text says."""
    order = 1 if len(points) < 6 else 2
    taken = 5 if order == 1 else 10
    weights, values, rest = [], [], 1.0
    for i, p in enumerate(points):
        distance = [float(np.hypot(*(q - p))) for q in points]
        near = sorted(range(len(points)), key=lambda j: distance[j])[:taken]
        others = [j for j in near if j != i]
        # Least squares of the differences to this point, without constant term.
        a = terms(points[others] - p, order)[:, 1:]
        c, *_ = np.linalg.lstsq(a, sources[others] - sources[i], rcond=None)
        values.append(sources[i] + terms((at - p)[None], order)[0, 1:] @ c)
        r = float(np.hypot(*(at - p))) / min(distance[j] for j in others)
        w = 1 - 3 * r**2 + 2 * r**3 if r < 1 else 0.0
        weights.append(w)
        rest *= 1 - w
    c, *_ = np.linalg.lstsq(terms(points, order), sources, rcond=None)
    weights.append(rest)
    values.append(terms(at[None], order)[0] @ c)
    return np.average(values, axis=0, weights=weights)


def moved(points: NDArray, seed: int) -> NDArray:
    """Control points as they may lie in a frame."""
    rng = np.random.default_rng(seed)
    return points * 180.0 + [200.0, 90.0] + rng.normal(0, 4, points.shape)


@pytest.mark.parametrize("n", [5, 17])
def test_matrix_equals_the_literal_method_at_every_pixel(n: int) -> None:
    points, size = crop.control_points(n), 32
    sources = moved(points, n)
    fast = source_map(sources, size)
    for y in range(size):
        for x in range(size):
            at = (np.array([x, y]) + 0.5) / size
            np.testing.assert_allclose(fast[y, x], slow_map(points, sources, at), atol=2e-3)


@pytest.mark.parametrize("n", [5, 17])
def test_control_points_are_met_exactly(n: int) -> None:
    points = crop.control_points(n)
    np.testing.assert_allclose(basis(points, points), np.eye(n), atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(st.integers(5, 12), st.integers(0, 10**6))
def test_polynomials_of_its_order_are_reproduced(k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    # Spread out, so that no fit is degenerate: places on a jittered 4 x 3 grid.
    grid = np.stack(np.meshgrid(np.arange(4.0), np.arange(3.0)), -1).reshape(-1, 2)
    points = grid[rng.permutation(12)[:k]] + rng.uniform(-0.3, 0.3, (k, 2))
    order = 1 if k < 6 else 2
    singular = np.linalg.svd(terms(points - points.mean(0), order), compute_uv=False)
    if singular[-1] < 0.05:
        return
    at = rng.uniform(-1, 5, (40, 2))
    coefficients = rng.normal(size=(3 if order == 1 else 6, 2))
    expected = terms(at, order) @ coefficients
    got = basis(points, at) @ (terms(points, order) @ coefficients)
    np.testing.assert_allclose(got, expected, atol=1e-6 / singular[-1] ** 2)


@pytest.mark.parametrize("n", [5, 17])
def test_the_map_is_smooth_and_bounded_over_the_whole_crop(n: int) -> None:
    matrix = crop_basis(150, n).reshape(150, 150, n)
    np.testing.assert_allclose(matrix.sum(-1), 1, atol=1e-5)
    # How much noise of the landmarks a pixel takes over.
    assert np.sqrt((matrix**2).sum(-1)).max() < 3
    for axis in (0, 1):
        step = np.diff(matrix, axis=axis)
        assert np.abs(step).max() < 0.1
        assert np.abs(np.diff(step, axis=axis)).max() < 0.06


def test_the_map_mirrors_with_the_face() -> None:
    n, size = 5, 40
    matrix = crop_basis(size, n).reshape(size, size, n)
    partner = [crop.FIVE_OF_68.index(crop.MIRROR_68[i]) for i in crop.FIVE_OF_68]
    np.testing.assert_allclose(matrix[:, ::-1][..., partner], matrix, atol=1e-5)


def test_grey_levels_are_rounded_not_cut() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(60, 200, (300, 300)).astype(np.uint8)
    landmarks = crop.MEAN_5 * 150 + [70.3, 60.7]
    exact = _bilinear(image.astype(float), source_map(landmarks, 150).astype(float))
    error = register(image, landmarks, 150) - exact
    # Cutting would leave a mean of -0.5; the rest is the interpolation's 1/32 pixel.
    assert abs(error.mean()) < 0.05
    assert np.abs(error).max() < 7


def _bilinear(image: NDArray, at: NDArray) -> NDArray:
    x, y = at[..., 0], at[..., 1]
    i, j = np.floor(y).astype(int), np.floor(x).astype(int)
    b, a = y - i, x - j
    top = image[i, j] * (1 - a) + image[i, j + 1] * a
    return top * (1 - b) + (image[i + 1, j] * (1 - a) + image[i + 1, j + 1] * a) * b


@pytest.mark.parametrize("side", [150.0, 310.0, 620.0])
def test_fine_stripes_in_a_large_face_do_not_alias(side: float) -> None:
    stripes = np.tile(np.array([[90, 170]], np.uint8), (700, 350))
    out = register(stripes, crop.MEAN_5 * side + [37.0, 41.0], 150)
    assert out.std() < (42 if side == 150.0 else 4)


def test_the_crop_shows_the_face_in_its_place() -> None:
    # A bright dot at each landmark must stand at the control points.
    image = np.zeros((400, 400), np.uint8)
    landmarks = np.rint(moved(crop.MEAN_5, 3))
    for x, y in landmarks.astype(int):
        image[y - 1 : y + 2, x - 1 : x + 2] = 255
    out = register(image, landmarks, 120).astype(float)
    yy, xx = np.mgrid[:120, :120]
    for px, py in crop.MEAN_5 * 120 - 0.5:
        near = (np.abs(xx - px) < 4) & (np.abs(yy - py) < 4)
        weight = out * near
        assert (weight * xx).sum() / weight.sum() == pytest.approx(px, abs=0.25)
        assert (weight * yy).sum() / weight.sum() == pytest.approx(py, abs=0.25)
