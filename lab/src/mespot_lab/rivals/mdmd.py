"""Main directional maximal difference: movement that comes and goes within twice 0.4 s.

Wang et al. 2016. The descriptor ``main_direction`` gives per block how far movement in its main
direction is undone; the scorer ``mdmd`` finds rows where the strongest blocks stand out.
docs/scorers/mdmd.md names the deviations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Any, ClassVar, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from mespot.contracts import BaseDescriptor
from mespot.descriptors.block_grid import block_edges
from mespot.types import FaceClip, FrameSeries
from mespot_lab.rivals.curves import (
    StrongestBlocks,
    check_rows,
    contrast,
    share_of_maximum,
    strongest,
)


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
    of length 0 is in 0, as atan2(0, 0) is. Signs alone decide, without any trigonometry.
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


Flow = Callable[[NDArray[np.uint8], NDArray[np.uint8]], NDArray[np.float32]]
# Rows stand at most so close: at high frame rates only every few frames have one.
_ROWS_PER_S = 60.0


@dataclass(frozen=True)
class MainDirection(BaseDescriptor):
    """Maximal difference of optical flow along each block's main direction (Wang et al. 2016).

    A row's middle frame c lies k frames after its first and k before its last. HC is the flow from
    c - k to c, HT that from c - k to c + k. In every block the pixels of HC's most frequent of four
    directions (by atan2) count: their |HC| - |HT| are sorted and the largest third is averaged,
    in pixels of a 150-px crop. It is high where something has moved at c and is back at c + k.
    docs/scorers/mdmd.md names the deviations.

    Parameters
    ----------
    distance_s : float
        k in seconds: 12 frames at 30 a second, 80 at 200.
    grid : (int, int)
        Blocks across and down, of the whole crop.
    method : {"dis", "farneback"}
        Of the flow (Kroeger et al. 2016, Farneback 2003), as in OpenCV.
    reduced : int
        The crop's side is divided by this before the flow is computed.
    """

    distance_s: float = 0.4
    grid: tuple[int, int] = (6, 6)
    method: Literal["dis", "farneback"] = "dis"
    reduced: int = 2

    def __post_init__(self) -> None:
        if not self.distance_s > 0:
            raise ValueError(f"distance_s {self.distance_s}: need more than 0 seconds")
        if len(self.grid) != 2 or not all(1 <= n <= 64 for n in self.grid):
            raise ValueError(f"grid {self.grid}: need two numbers of blocks from 1 to 64")
        if not 1 <= self.reduced <= 4:
            raise ValueError(f"reduced {self.reduced}: need 1 to 4")

    def step_at(self, fps: Fraction) -> int:
        """Frames from one row to the next."""
        return max(1, int(float(fps) / _ROWS_PER_S + 1e-6))

    def reach_at(self, fps: Fraction) -> int:
        """Frames k from a row's middle to its first and last: a multiple of the step."""
        step = self.step_at(fps)
        return step * max(1, round(self.distance_s * float(fps) / step))

    def span_at(self, fps: Fraction) -> int:
        """Frames that a row covers, 2 k + 1."""
        return 2 * self.reach_at(fps) + 1

    def column_names(self, fps: Fraction | None = None) -> tuple[str, ...]:
        """``undone y0 x0``: row and column of the block; they do not depend on the frame rate."""
        across, down = self.grid
        return tuple(f"undone y{y} x{x}" for y in range(down) for x in range(across))

    def describe(self, clip: FaceClip) -> FrameSeries:
        """One row per position: (1 + (T - span) // step, blocks) float32.

        Rows are NaN where one of their frames shows no face.
        """
        span, step = self.span_at(clip.fps), self.step_at(clip.fps)
        names = self.column_names()
        n = max(0, 1 + (len(clip) - span) // step)
        values = np.empty((n, len(names)), np.float32)
        if n:
            self._fill(clip.frames[: (n - 1) * step + span : step], (span - 1) // 2 // step, values)
        series = FrameSeries(values, 0, step, span, len(clip), clip.fps, names)
        # A crop that is held over a lost frame shows no movement, and the next one a jump.
        values[~series.all_found(clip.found)] = np.nan
        return series

    def _fill(self, frames: NDArray[np.uint8], k: int, values: NDArray[np.float32]) -> None:
        side = max(16, frames.shape[1] // self.reduced)
        small = [_reduced(frame, side) for frame in frames]
        flow, blocks = _flow(self.method), Blocks(side, side, self.grid)
        for i in range(len(values)):
            there, after = flow(small[i], small[i + k]), flow(small[i], small[i + 2 * k])
            values[i] = undone(there, after, blocks)
        values *= np.float32(150 / side)

    @property
    def can_mirror(self) -> bool:
        """True."""
        return True

    def mirror(self, series: FrameSeries) -> FrameSeries:
        """About the rows of the mirrored video: sides swapped, since lengths have no side.

        Flow and the choice among equally frequent directions are not quite symmetric.
        """
        across, down = self.grid
        order = np.arange(down * across).reshape(down, across)[:, ::-1].ravel()
        return series.with_values(np.asarray(series.values)[:, order], series.names)


def _flow(method: str) -> Flow:
    """A function of two frames giving (H, W, 2) float32 in their pixels."""
    if method == "farneback":
        return lambda a, b: _flow_array(
            cv2.calcOpticalFlowFarneback(a, b, None, 0.5, 3, 11, 3, 5, 1.1, 0)  # type: ignore[call-overload]
        )
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    dis.setFinestScale(0)
    dis.setPatchStride(5)
    dis.setGradientDescentIterations(8)
    dis.setVariationalRefinementIterations(0)
    return lambda a, b: _flow_array(dis.calc(a, b, None))  # type: ignore[call-overload]


def _flow_array(flow: Any) -> NDArray[np.float32]:
    return np.asarray(flow, dtype=np.float32)


def _reduced(frame: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    if frame.shape == (side, side):
        return frame
    return np.asarray(cv2.resize(frame, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


@dataclass(frozen=True)
class Mdmd(StrongestBlocks):
    """Main directional maximal difference analysis, MDMD (Wang et al. 2016).

    On rows of the descriptor ``main_direction``. d(i) is the mean of the ``top`` largest block
    differences, r(i) = d(i) - (d(i - k + 1) + d(i + k - 1)) / 2 with k from the middle of a row to
    its ends. The score is (r - mean) / (maximum - mean) of the recording: a fixed threshold p on it
    is the publication's T = mean + p (maximum - mean).

    Parameters
    ----------
    top : int
        Blocks that count, of 36.
    """

    called: ClassVar[str] = "mdmd"

    def score(self, series: FrameSeries, weights: Mapping[str, NDArray[Any]]) -> FrameSeries:
        """Shares of the recording's highest relative difference, (n, 1) in [0, 1].

        Raises UsageError for rows of another descriptor.
        """
        check_rows("mdmd", "main_direction", "undone ", series)
        reach = max(1, round(((series.span - 1) // 2 - 1) / series.step))
        curve = contrast(strongest(series.values, self.top), reach)
        return series.with_values(share_of_maximum(curve)[:, None], ("score",))
