"""Action units peak where the muscle acts, pull its way, spare anchored tissue and never fold."""

from __future__ import annotations

import numpy as np
import pytest

from mespot.errors import UsageError
from mespot.synthetic.actions import (
    LARGEST_PX,
    NAMES,
    SIDED,
    combined_peak,
    fields,
    mean_fields,
    mean_points,
    sides_of,
    units_of,
)  # fmt: skip

STEP = 0.02
# The subject's right (left in the image): (landmark near the peak, how near, direction there).
WHERE = {
    "1R": (21, 0.25, (0, -1)), "2R": (18, 0.25, (0, -1)), "4R": (21, 0.25, (0.5, 0.85)),
    "5R": (37, 0.2, (0, -1)), "6R": (41, 0.5, (0.1, -1)), "7R": (41, 0.15, (0, -1)),
    "9R": (31, 0.45, (0.1, -1)), "10R": (50, 0.2, (-0.1, -1)), "12R": (48, 0.2, (-0.7, -0.7)),
    "14R": (48, 0.15, (-1, 0)), "15R": (48, 0.2, (0, 1)), "20R": (48, 0.25, (-1, 0.1)),
    "17": (57, 0.3, (0, -1)), "26": (8, 0.35, (0, 1)),
}  # fmt: skip


@pytest.fixture(scope="module")
def grid():
    return np.meshgrid(np.arange(-1.5, 1.5 + STEP / 2, STEP), np.arange(-1.6, 2.3, STEP))


@pytest.fixture(scope="module")
def found(grid):
    return fields(mean_points(), *grid)


def test_every_unit_has_a_place():
    assert {*WHERE, *(n[:-1] + "L" for n in WHERE if n.endswith("R"))} == set(NAMES)


@pytest.mark.parametrize("name", WHERE)
def test_peak_place_and_direction(name, grid, found):
    field = found[NAMES.index(name)]
    length = np.hypot(field[..., 0], field[..., 1])
    assert length.max() == pytest.approx(1.0, abs=0.03)
    at = np.unravel_index(length.argmax(), length.shape)
    landmark, near, way = WHERE[name]
    place = np.array([grid[0][at], grid[1][at]])
    assert np.hypot(*(place - mean_points()[landmark])) < near
    assert field[at] @ np.array(way) / np.hypot(*way) > 0.95


def test_left_mirrors_right(found):
    for unit in SIDED:
        right, left = found[NAMES.index(unit + "R")], found[NAMES.index(unit + "L")]
        np.testing.assert_allclose(left[:, ::-1] * (-1.0, 1.0), right, atol=1e-9)


def test_anchored_tissue_stays(grid, found):
    x, y = grid
    eyes = [mean_points()[36:42].mean(axis=0), mean_points()[42:48].mean(axis=0)]
    on_ball = np.any([np.hypot((x - cx) / 0.05, (y - cy) / 0.02) < 1 for cx, cy in eyes], axis=0)
    outside = (np.abs(x) > 1.35) | (y > 2.0) | (y < -1.35)
    length = np.hypot(found[..., 0], found[..., 1])
    assert length[:, outside].max() < 1e-9
    assert length[:, on_ball].max() < 0.3


def test_skin_never_folds(found):
    """At the largest amplitude the backward map keeps its orientation everywhere."""
    for name, field in zip(NAMES, found):
        moved = field * LARGEST_PX[name.rstrip("LR")] * 2.2 / 150.0
        (uy, ux), (vy, vx) = (np.gradient(moved[..., k], STEP) for k in (0, 1))
        assert ((1 - ux) * (1 - vy) - uy * vx).min() > 0.1, name


def test_combined_peak_is_the_largest_displacement():
    assert combined_peak({"12L": 1.0}) == pytest.approx(1.0, abs=0.03)
    assert combined_peak({"12L": 2.0, "12R": 1.0}) == pytest.approx(2.0, abs=0.06)
    both = mean_fields()[NAMES.index("1R")] + mean_fields()[NAMES.index("2R")]
    assert combined_peak({"1R": 1.0, "2R": 1.0}) == pytest.approx(np.hypot(*both.T).max())


def test_tokens():
    assert units_of("4 + 12l") == ["4", "12L"]
    assert sides_of("12") == ("12R", "12L")
    assert sides_of("12L") == ("12L",)
    assert sides_of("17") == ("17",)
    for wrong in ("45", "17L", "12+", "L", "x"):
        with pytest.raises(UsageError, match="cannot be shown; known: 1, 2, 4"):
            units_of(wrong)
