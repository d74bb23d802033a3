"""Main direction of each block's flow, and how much of the movement along it is undone later."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from mespot.descriptors.block_grid import block_edges


class Blocks:
    """The pixels of every block of a frame, side by side.

    ``pixels`` (n, p) indices into the flattened frame, ``real`` (n, p) False where a block has
    fewer pixels than the largest and repeats one.
    """

    def __init__(self, height: int, width: int, grid: tuple[int, int]) -> None:
        index = np.arange(height * width).reshape(height, width)
        columns, rows = block_edges(width, grid[0]), block_edges(height, grid[1])
        blocks = [index[a:b, c:d].ravel() for (a, b), (c, d) in product(rows, columns)]
        most = max(len(block) for block in blocks)
        self.pixels = np.zeros((len(blocks), most), np.int64)
        self.real = np.zeros((len(blocks), most), np.bool_)
        for i, block in enumerate(blocks):
            self.pixels[i, : len(block)] = block
            self.real[i, : len(block)] = True


def sectors(flow: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The quarter of the circle that vectors (..., 2) point into: floor(atan2(v, u) / 90) mod 4.

    0: right and down to the right, until straight down begins 1; then 2, left; and 3, up. A vector
    of length 0 is in 0, as atan2(0, 0) is. Signs alone tell, without any trigonometry.
    """
    u, v = flow[..., 0], flow[..., 1]
    result = np.zeros(u.shape, np.uint8)
    result[(u <= 0) & (v > 0)] = 1
    result[(u < 0) & (v <= 0)] = 2
    result[(u >= 0) & (v < 0)] = 3
    return result


def undone(
    there: NDArray[np.float32], after: NDArray[np.float32], blocks: Blocks
) -> NDArray[np.float32]:
    """(blocks,) by how much the flow ``there`` is longer than ``after``, along its main direction.

    Parameters
    ----------
    there, after : (H, W, 2) float32
        Flow from a first frame to the middle one, and from the same first frame to the last.
    blocks : Blocks

    Of each block, the pixels whose flow ``there`` lies in its most frequent sector (the first of
    equals) count; their differences of length are sorted, and the largest third averaged.
    """
    quarter = sectors(there).ravel()[blocks.pixels]
    quarter[~blocks.real] = 4
    votes = np.stack([(quarter == q).sum(axis=1) for q in range(4)], axis=1)
    main = votes.argmax(axis=1)
    length = np.hypot(there[..., 0], there[..., 1]) - np.hypot(after[..., 0], after[..., 1])
    differences = length.ravel()[blocks.pixels]
    differences[quarter != main[:, None]] = -np.inf
    differences = np.sort(differences, axis=1)[:, ::-1]
    # A third to the nearest whole number, at least one pixel.
    kept = np.maximum((votes.max(axis=1) + 1) // 3, 1)
    differences[np.arange(differences.shape[1]) >= kept[:, None]] = 0
    mean: NDArray[np.float32] = (differences.sum(axis=1, dtype=np.float64) / kept).astype(
        np.float32
    )
    return np.where(blocks.real.any(axis=1), mean, np.float32(0))
