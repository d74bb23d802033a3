"""Deformation of facial points: whatever the head does, a known deformation is what comes out."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mespot.align.crop import MEAN_68
from mespot.descriptors.stream import describe_stream
from mespot.types import FaceClip
from mespot_lab.rivals.xia import POINTS, LandmarkShape, deformations
from test_descriptors_region_flow import SIZE, clip_of, moved, textured

FPS = Fraction(30)
ONE = LandmarkShape(distance_s=0.1, stretches=1)  # Stretches of three frames.


def similar(points, turn, scale, shift):
    c, s = scale * np.cos(turn), scale * np.sin(turn)
    return points @ np.array([[c, s], [-s, c]]) + shift


# Four corners of a square whose sides open and close: no similarity explains any of it.
SQUARE = np.array([[0.0, 0], [10, 0], [10, 10], [0, 10]])
PINCH = np.array([[1.0, 1], [-1, 1], [1, -1], [-1, -1]]) * (1, 0)


@given(
    turn=st.floats(-3, 3), scale=st.floats(0.2, 5),
    x=st.floats(-50, 50), y=st.floats(-50, 50), q=st.floats(-2, 2),
)  # fmt: skip
def test_a_known_deformation_under_any_similarity(turn, scale, x, y, q):
    # (q, 0), (-q, 0), (q, 0), (-q, 0): their sum is 0, and so are the sums of their products with
    # the corners about the middle that a turn or a growth would change. The best fit onto the
    # square has size 100 / (100 + 2 q²): spread of the square over that of the deformed one.
    end = similar(SQUARE + q * PINCH, turn, scale, (x, y))
    expected = 50 / (50 + q**2) * (SQUARE + q * PINCH - 5) + 5 - SQUARE
    rest = deformations(SQUARE, end[None], np.ones((1, 4), bool))[0]
    assert rest == pytest.approx(expected, abs=1e-6)
    assert np.abs(rest[0, 0]) == pytest.approx(abs(5 - 50 / (50 + q**2) * (5 - q)), abs=1e-6)


def test_fits_are_the_least_squares_ones():
    rng = np.random.default_rng(1)
    begin, end = rng.normal(0, 10, (9, 2)), rng.normal(0, 10, (9, 2))
    used = np.ones((1, 9), bool)
    used[0, 4] = False
    # (x, y) -> (a x - b y + e, b x + a y + f), solved point by point as linear equations.
    rows, right = [], []
    for (x, y), (u, v), use in zip(end, begin, used[0]):
        if use:
            rows += [[x, -y, 1, 0], [y, x, 0, 1]]
            right += [u, v]
    a, b, e, f = np.linalg.lstsq(np.array(rows), np.array(right))[0]
    expected = end @ np.array([[a, b], [-b, a]]) + (e, f) - begin
    expected[4] = 0
    assert deformations(begin, end[None], used)[0] == pytest.approx(expected, abs=1e-9)


def test_points_that_were_lost_do_not_count():
    end = similar(SQUARE, 0.3, 1.2, (4, 5))
    end[2] += (30, -20)
    used = np.array([[True, True, False, True], [True, False, False, True]])
    rest = deformations(SQUARE, np.stack([end, end + 3]), used)
    # The other three moved as one; of two points nothing can be said.
    assert rest == pytest.approx(np.zeros((2, 4, 2)), abs=1e-9)


def around(point, wide=0.035):
    """A smooth window about a point of the 68."""
    x, y = MEAN_68[point]
    at = (np.arange(SIZE) + 0.5) / SIZE
    return np.exp(-0.5 * (((at[None] - x) / wide) ** 2 + ((at[:, None] - y) / wide) ** 2))


def columns(series, row=0):
    return dict(zip(series.names, series.values[row]))


def test_a_mouth_corner_that_moves_is_seen_where_and_when_it_does():
    image, window = textured(), around(48, 0.09)
    still, risen = moved(image, 0 * window, 0 * window), moved(image, window, -2 * window)
    series = ONE.describe(clip_of([still] * 4 + [risen] * 3))
    assert len(series) == 1
    before, after = np.split(series.values.reshape(-1, len(POINTS), 2), 2)
    assert np.abs(before).max() < 0.02
    # Where the picture's points go: to the place from which they are fetched.
    begin = MEAN_68[list(POINTS)] * SIZE - 0.5
    end = begin
    for _ in range(20):
        here = np.hypot(*((end + 0.5) / SIZE - MEAN_68[48]).T)
        end = begin + np.exp(-0.5 * (here / 0.09) ** 2)[:, None] * (1, -2)
    expected = deformations(begin, end[None], np.ones((1, len(POINTS)), bool))
    corner = POINTS.index(48)
    assert np.hypot(*expected[0, corner]) > 1.3
    # A patch tells its mean motion, so that a peak comes out a little lower.
    assert np.hypot(*(after[0, corner] - expected[0, corner])) < 0.4
    assert np.abs(after - expected).max() < 0.5
    assert np.abs(after - expected).mean() < 0.08
    assert columns(series)["point48 0..3 y"] == after[0, corner, 1] < -1


def test_a_head_that_moves_turns_and_grows_is_no_deformation():
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    image = textured()
    still = moved(image, 0 * x, 0 * x)
    turned = moved(image, 1.5 + 0.02 * x - 0.02 * y, -1.0 + 0.02 * x + 0.02 * y)
    values = ONE.describe(clip_of([still] * 4 + [turned] * 3)).values
    assert np.abs(values).max() < 0.25
    assert np.abs(values).mean() < 0.06


def test_rows_are_made_of_their_own_span():
    rng = np.random.default_rng(0)
    frames = [
        moved(textured(), *rng.normal(0, 1, (2, 1, 1)) * np.ones((SIZE, SIZE))) for _ in range(20)
    ]
    clip = clip_of(frames)
    whole = ONE.describe(clip)
    assert (whole.span, whole.step, len(whole)) == (7, 1, 14)
    pieces = [
        FaceClip(clip.frames[a:b], clip.found[a:b], clip.landmarks[a:b], clip.times_s[a:b], FPS)
        for a, b in ((0, 3), (3, 11), (11, 20))
    ]
    assert np.array_equal(describe_stream(ONE, iter(pieces)).values, whole.values)


@pytest.mark.parametrize(
    ("fps", "step", "k", "span"),
    [(25, 1, 4, 17), (30, 1, 5, 21), (60, 1, 10, 41), (100, 1, 17, 69), (200, 3, 33, 133)],
)
def test_lengths_are_in_seconds(fps, step, k, span):
    shape, rate = LandmarkShape(), Fraction(fps)
    assert (shape.step_at(rate), shape.distance(rate), shape.span_at(rate)) == (step, k, span)
    assert len(shape.column_names(rate)) == 4 * 2 * len(POINTS)


def test_rows_stand_apart_at_high_rates():
    clip = replace(
        clip_of([moved(textured(), 0 * around(8), 0 * around(8))] * 150), fps=Fraction(200)
    )
    series = LandmarkShape().describe(clip)
    assert (len(series), series.step, series.span) == (1 + (150 - 133) // 3, 3, 133)


@pytest.mark.parametrize("n", [0, 1, 6])
def test_short_clips_have_no_row(n):
    series = ONE.describe(clip_of([np.zeros((SIZE, SIZE), np.uint8)] * 7))
    assert series.values.shape == (1, 4 * len(POINTS))
    assert np.isfinite(series.values).all()
    frames = np.zeros((n, SIZE, SIZE), np.uint8)
    clip = FaceClip(
        frames, np.ones(n, bool), np.zeros((n, 5, 2), np.float32), np.arange(n) / 30, FPS
    )
    assert ONE.describe(clip).values.shape == (0, 4 * len(POINTS))


def test_mirrored_rows_are_those_of_the_mirrored_video():
    rng = np.random.default_rng(2)
    image = textured()
    moves = [sum(rng.normal() * around(p) for p in (19, 24, 48, 54)) for _ in range(14)]
    clip = clip_of([moved(image, dx, dy) for dx, dy in zip(moves[::2], moves[1::2])])
    turned = replace(clip, frames=np.ascontiguousarray(clip.frames[:, :, ::-1]))
    rows = ONE.describe(clip)
    mirrored = ONE.mirror(rows)
    # Lucas-Kanade rounds; that is all that differs.
    assert np.abs(mirrored.values - ONE.describe(turned).values).max() < 0.05
    assert np.abs(rows.values - mirrored.values).max() > 0.5
    assert np.array_equal(ONE.mirror(mirrored).values, rows.values)
    with pytest.raises(ValueError, match="no names of columns"):
        ONE.mirror(replace(rows, names=()))


@pytest.mark.parametrize("fields", [{"distance_s": 0.0}, {"stretches": 0}])
def test_fields_out_of_range(fields):
    with pytest.raises(ValueError, match=next(iter(fields))):
        LandmarkShape(**fields)
