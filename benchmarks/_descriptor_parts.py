"""Where a position's time goes: the parts of the kernels, each by itself, on one clip."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mespot.descriptors import _counting, _octants, _patterns, _places, _slide, _votes
from mespot.descriptors._grid import cut_frame
from mespot.descriptors.lbp_top import LbpTop

# Frames that one measured call works on.
FRAMES = 32


def repeated(work: Any, times: int, *args: Any) -> Callable[[], None]:
    """The compiled function so many times in a row, called once from Python."""

    @njit(nogil=True)
    def run(n, args):  # type: ignore[no-untyped-def]
        for _ in range(n):
            work(*args)

    return lambda: run(times, args)


def parts(frames: NDArray[np.uint8]) -> dict[tuple[str, str], Callable[[], None]]:
    """(descriptor, part) -> what the part does for FRAMES frames of 8 x 8 blocks, spans of 9.

    The strips' mean length stands for all of them; every part has its own data in the cache, which
    in the whole it has not always.
    """
    _, height, width = frames.shape
    cuts = cut_frame(height, width, (1, 1), (8, 8), 0.2)
    strips = len(cuts.y) - 1
    n = (height - 2) * width // strips
    m = -(-n // 128) * 128
    flat, start = frames.reshape(-1), height * width + width + 1
    distances = LbpTop().neighbours() @ np.array([height * width, width, 1])
    each = FRAMES * strips
    places, vectors = np.zeros((3, m), np.uint16), _patterns.vote_vectors()
    set_places, add_votes = _of_three_planes()
    set_places(flat, start, distances, m, places)
    counters = np.zeros(cuts.x.size * 192, np.uint16)
    sums, table = np.zeros(8 * 192, np.uint16), np.zeros((23, 64 * 192), np.uint16)
    at = (cuts, counters, 192, sums, table, 0)
    found = {
        ("lbp_top", "patterns"): repeated(set_places, each, flat, start, distances, m, places),
        ("lbp_top", "votes"): repeated(
            add_votes, each, vectors, places, m // width, width, cuts, counters),
        ("lbp_top", "cells to blocks"): repeated(_counting.cells_to_blocks, each, strips // 2, *at),
        ("lbp_top", "slide"): _slides(table, 59, np.ones((1, 64))),
    }  # fmt: skip
    return found | _gradient_parts(flat, start, cuts, (width, height, n, m))


def _of_three_planes() -> tuple[Any, Any]:
    """What sets places and adds votes, as functions that Python may call."""

    @njit(nogil=True)
    def set_places(flat, start, neighbours, n, places):  # type: ignore[no-untyped-def]
        _places.set_places(flat, start, neighbours, n, places)

    return set_places, _votes.vote_cells


def _gradient_parts(flat: Any, start: int, cuts: Any, lengths: tuple[int, int, int, int]) -> Any:
    width, height, n, m = lengths
    strips, across = len(cuts.y) - 1, int(cuts.x[-1] - cuts.x[0])
    each, planes = FRAMES * strips, FRAMES * strips * 3
    edges, shifts = np.zeros((3, 3, m), np.uint8), np.zeros((3, m + 32), np.uint8)
    for axis, step in enumerate((1, width, height * width)):
        _octants.differences(flat, start, step, m, axis, edges)
    weights, places = np.zeros((3, m), np.uint32), np.zeros((3, m), np.uint16)
    offsets = np.zeros(m, np.uint16)
    _counting.column_offsets(cuts, width, m // width, 24, offsets)
    for p in range(3):
        _octants.octants(edges, m, p, shifts)
        _octants.magnitudes(edges, m, p, weights)
        _octants.place_octants(offsets, shifts, m, p, places)
    words = np.zeros((3, (across + 15) // 16 * 16), np.uint64)
    until = np.zeros((6, across + 1), np.uint64)
    counters = np.zeros(cuts.x.size * 24, np.uint64)
    sets = np.zeros((4, counters.size), np.uint64)
    weighted, counted = np.zeros((23, 64 * 24), np.uint64), np.zeros((23, 64 * 24), np.uint16)
    blocks = (cuts, until, np.zeros(48, np.uint64), counted.view(np.uint64), 0)
    cells = (cuts, counters, 24, np.zeros(8 * 24, np.uint64), weighted, 0)
    return {
        ("gradients", "differences"): repeated(
            _octants.differences, planes, flat, start, 1, m, 0, edges),
        ("gradients", "octants"): repeated(_octants.octants, planes, edges, m, 0, shifts),
        ("higo_top", "counting columns"): repeated(
            _octants.count_columns, planes, shifts, 0, m // width, width, words),
        ("higo_top", "summing columns"): repeated(
            _octants.sum_columns, planes, words, 0, across, until),
        ("higo_top", "columns to blocks"): repeated(
            _octants.columns_to_blocks, each, strips // 2, *blocks),
        ("higo_top", "slide"): _slides(counted, 8, np.zeros((0, 0))),
        ("hog_top", "magnitudes"): repeated(_octants.magnitudes, planes, edges, m, 0, weights),
        ("hog_top", "placing"): repeated(
            _octants.place_octants, planes, offsets, shifts, m, 0, places),
        ("hog_top", "adding weights"): repeated(
            _octants.add_weights, each, places.view(np.uint64), weights, n, sets),
        ("hog_top", "cells to blocks"): repeated(
            _counting.cells_to_blocks, each, strips // 2, *cells),
        ("hog_top", "slide"): _slides(weighted, 8, np.zeros((0, 0))),
    }  # fmt: skip


def _slides(table: NDArray[Any], bins: int, scales: NDArray[np.float64]) -> Callable[[], None]:
    number = np.int64 if table.dtype == np.uint64 else np.int32
    running = np.zeros((1, table.shape[1]), number)
    out = np.zeros((FRAMES, 1, 64, 3, bins), np.float32)
    cut = np.array([0, 7], np.int64)

    def run() -> None:
        running[:] = 0
        _slide.slide(table, (0, FRAMES + 6), cut, running, scales, out)

    return run
