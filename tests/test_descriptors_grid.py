"""Block edges and cells: rules as examples and as properties."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mespot.descriptors.block_grid import block_edges, block_sizes, cut_frame

overlaps = st.sampled_from([0.0, 0.1, 0.2, 0.25, 1 / 3, 0.5, 0.75, 0.9])


def test_the_papers_grid_on_a_crop_of_150():
    # 148 countable columns; b = 148 / (8 - 7 / 5) = 22.42, stride 4/5 b = 17.94.
    assert block_edges(148, 8, 0.2) == [
        (0, 22), (17, 40), (35, 58), (53, 76), (71, 94), (89, 112), (107, 130), (125, 148),
    ]  # fmt: skip


def test_without_overlap_blocks_are_integer_cuts():
    assert block_edges(10, 3) == [(0, 3), (3, 6), (6, 10)]
    assert block_edges(7, 1, 0.5) == [(0, 7)]
    assert block_edges(2, 4) == [(0, 0), (0, 1), (1, 1), (1, 2)]


@given(length=st.integers(1, 400), n=st.integers(1, 64), overlap=overlaps)
def test_blocks_cover_everything_and_have_their_length(length, n, overlap):
    edges = block_edges(length, n, overlap)
    assert edges[0][0] == 0
    assert edges[-1][1] == length
    assert all(a <= c and b <= d for (a, b), (c, d) in pairwise(edges))
    exact = length / (n - (n - 1) * Fraction(str(overlap)))
    assert all(abs(b - a - exact) < 1 for a, b in edges)
    covered = np.zeros(length, bool)
    for a, b in edges:
        covered[a:b] = True
    assert covered.all()
    if n > 1:
        shared = (edges[0][1] - edges[1][0]) / exact
        assert abs(shared - overlap) <= 2 / exact


def test_overlap_is_the_decimal_that_is_written():
    """0.2 as a binary fraction is a little more than a fifth and would move edges."""
    fifth = Fraction(1, 5)
    for length in range(1, 500):
        block = Fraction(length) / (8 - 7 * fifth)
        assert block_edges(length, 8, 0.2)[3][0] == int(3 * (1 - fifth) * block)


@given(
    height=st.integers(7, 200), width=st.integers(7, 90),
    rx=st.integers(1, 3), ry=st.integers(1, 3),
    grid=st.tuples(st.integers(1, 9), st.integers(1, 9)), overlap=overlaps,
)  # fmt: skip
def test_cells_make_up_the_blocks(height, width, rx, ry, grid, overlap):
    cuts = cut_frame(height, width, (rx, ry), grid, overlap)
    columns = block_edges(width - 2 * rx, grid[0], overlap)
    rows = block_edges(height - 2 * ry, grid[1], overlap)
    assert (np.diff(cuts.x) > 0).all()
    assert (np.diff(cuts.y) > 0).all()
    assert np.diff(cuts.y).max() <= 32
    assert [(a - rx, b - rx) for a, b in zip(cuts.x[cuts.x_from], cuts.x[cuts.x_to])] == columns
    assert [(a - ry, b - ry) for a, b in zip(cuts.y[cuts.y_from], cuts.y[cuts.y_to])] == rows
    wide, high = np.diff(columns).ravel(), np.diff(rows).ravel()
    np.testing.assert_array_equal(block_sizes(cuts), high[:, None] * wide)
