"""The default patterns' vectors against loops over voxels: places, votes, and what is full."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from mespot.descriptors._grid import aligned_zeros, cut_frame
from mespot.descriptors._patterns import vote_vectors
from mespot.descriptors._patterns_any import bin_table
from mespot.descriptors._places import set_last_places, set_places
from mespot.descriptors._votes import COLUMNS, ROWS, SIZE, VECTOR, vote_cells
from mespot.descriptors.lbp_top import LbpTop


@njit
def places_of(flat, start, neighbours, n, places):
    set_places(flat, start, neighbours, n, places)
    set_last_places(flat, start, neighbours, n, places)


@pytest.mark.parametrize("radius", [(1, 1, 1), (3, 1, 2), (1, 2, 4)])
@pytest.mark.parametrize("n", [1, 31, 32, 100])
def test_places_are_patterns_of_each_voxel(radius, n):
    volume = np.random.default_rng(n).integers(0, 4, (9, 13, 20), dtype=np.uint8) * 85
    distances = LbpTop(radius=radius).neighbours() @ np.array([260, 20, 1])
    start, places = 4 * 260 + 3 * 20 + 5, np.full((3, n + 3), 9, np.uint16)
    flat = volume.reshape(-1)
    places_of(flat, start, distances, n, places)
    for p in range(3):
        for i in range(n):
            here = start + i
            bits = [int(flat[here + distances[p, k]] >= flat[here]) << k for k in range(8)]
            assert places[p, i] == VECTOR * sum(bits)
    assert (places[:, n:] == 9).all()


# Cells of every width from 1 to 16 and wider, with as many rows as may be or fewer.
@pytest.mark.parametrize("rows", [1, 2, 5, ROWS])
@pytest.mark.parametrize("same", [False, True])
def test_votes_are_those_counted_one_by_one(rows, same):
    edges = np.cumsum([2, *range(1, COLUMNS + 2), 31, 70])
    cuts = cut_frame(300, 300, (1, 1), (1, 1), 0.0)._replace(x=edges)
    width, first = int(edges[-1]) + 5, int(edges[0])
    patterns = np.random.default_rng(rows).integers(0, 256, (3, rows * width))
    if same:  # All votes for one bin of a cell: its four and eight bits are as full as can be.
        patterns[:] = np.array([0, 255, 15])[:, None]
    counters = np.ones((len(edges), 3, 64), np.uint16)
    vectors = vote_vectors()
    vote_cells(vectors, (patterns * VECTOR).astype(np.uint16), rows, width, cuts,
               counters.reshape(-1))  # fmt: skip
    wanted = np.ones((len(edges), 3, 64), int)
    table = bin_table(8, True)
    for c, (left, right) in enumerate(zip(edges[:-1] - first, edges[1:] - first)):
        for p in range(3):
            area = patterns[p].reshape(rows, width)[:, left:right]
            wanted[c + 1, p] += np.bincount(table[area].ravel(), minlength=64)
    np.testing.assert_array_equal(counters, wanted)
    assert counters.size == len(edges) * SIZE


def test_neighbours_that_planes_share_are_the_same():
    for radius in [(1, 1, 1), (2, 3, 4), (5, 1, 2)]:
        steps = LbpTop(radius=radius).neighbours()
        for (p, k), (q, j) in {(1, 0): (0, 0), (1, 4): (0, 4), (2, 0): (0, 6), (2, 4): (0, 2),
                               (2, 2): (1, 2), (2, 6): (1, 6)}.items():  # fmt: skip
            np.testing.assert_array_equal(steps[p, k], steps[q, j])


def test_aligned_zeros_begin_at_a_cache_line():
    for shape in [(3, 5), (7,), (1000, 64)]:
        zeros = aligned_zeros(shape, np.uint16)
        assert zeros.shape == shape
        assert zeros.ctypes.data % 64 == 0
        assert zeros.flags.c_contiguous
        assert not zeros.any()
