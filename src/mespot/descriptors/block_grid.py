"""Where blocks begin and end, in integer pixels and frames.

A length of N countable voxels is shared by n blocks of length b; neighbours have the fraction
``overlap`` of a block in common, so that N = b (n - (n - 1) overlap). Block k reaches from
floor(k (1 - overlap) b) up to, not including, floor((k (1 - overlap) + 1) b), in exact fractions.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# At most so many pixels keep a band of cells in the first-level cache; and with so many rows, seven
# bits count what a column of a band holds.
_MAX_PIXELS, _MAX_ROWS = 3000, 32


class Cuts(NamedTuple):
    """The countable area of a frame cut into cells, and which cells make up each block.

    ``x`` and ``y`` hold the edges of the cells in pixels of the frame, ascending; block (i, j)
    consists of the cells ``y_from[i] .. y_to[i] - 1`` by ``x_from[j] .. x_to[j] - 1``.
    """

    x: NDArray[np.int64]
    x_from: NDArray[np.int64]
    x_to: NDArray[np.int64]
    y: NDArray[np.int64]
    y_from: NDArray[np.int64]
    y_to: NDArray[np.int64]


def block_edges(length: int, n: int, overlap: float = 0.0) -> list[tuple[int, int]]:
    """First and end (exclusive) of each of n blocks on ``length`` voxels.

    The first block begins at 0, the last ends at ``length``. More blocks than voxels leave some
    blocks empty. ``overlap`` is taken as the decimal it prints as (0.2 is exactly a fifth).
    """
    share = Fraction(str(overlap))
    block = Fraction(length) / (n - (n - 1) * share)
    starts = [k * (1 - share) * block for k in range(n)]
    return [(int(s), int(s + block)) for s in starts]


def cut_frame(
    height: int, width: int, margin: tuple[int, int], grid: tuple[int, int], overlap: float
) -> Cuts:
    """Cells and blocks of a frame whose outer ``margin`` (x, y) pixels are not countable."""
    rx, ry = margin
    across = _cells(block_edges(width - 2 * rx, grid[0], overlap), rx, width)
    rows = max(1, min(_MAX_ROWS, _MAX_PIXELS // width))
    down = _cells(block_edges(height - 2 * ry, grid[1], overlap), ry, rows)
    return Cuts(*across, *down)


def block_sizes(cuts: Cuts) -> NDArray[np.int64]:
    """(by, bx) voxels of one frame in each block."""
    wide = cuts.x[cuts.x_to] - cuts.x[cuts.x_from]
    high = cuts.y[cuts.y_to] - cuts.y[cuts.y_from]
    return high[:, None] * wide


def _cells(
    blocks: list[tuple[int, int]], start: int, longest: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Cut at every block edge, and again where a cell would be longer than ``longest``."""
    edges = {edge for block in blocks for edge in block}
    for low, high in pairwise(sorted(edges)):
        edges.update(range(low + longest, high, longest))
    cuts = sorted(edges)
    place = {edge: i for i, edge in enumerate(cuts)}
    return (
        np.array(cuts, np.int64) + start,
        np.array([place[a] for a, _ in blocks], np.int64),
        np.array([place[b] for _, b in blocks], np.int64),
    )
