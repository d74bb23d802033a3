"""One walk over the pixels for several descriptors: block histograms, running sums, threads.

A frame's block histograms are added to a running integer sum when the frame enters a row's span and
subtracted when it leaves, so that a row costs the same whatever its span. All sums are integers:
rows depend on nothing but their own frames, to the bit, however a video is cut into pieces and
whatever else is described with them.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mespot.descriptors._grid import Cuts, block_edges, block_sizes, cut_frame
from mespot.errors import UsageError
from mespot.types import FaceClip, FrameSeries

if TYPE_CHECKING:
    from mespot.descriptors._planes import ThreePlanes

# So many frames' histograms are made before they are summed: few enough to stay in the cache.
_BATCH = 16


@dataclass(frozen=True)
class _Job:
    """A descriptor at its span and where its rows go."""

    descriptor: ThreePlanes
    span: int
    values: NDArray[np.float32]
    cuts: Cuts


def describe_many(
    clip: FaceClip,
    descriptors: Sequence[ThreePlanes],
    *,
    threads: int = 1,
    outs: Sequence[NDArray[np.float32] | None] | None = None,
) -> list[FrameSeries]:
    """Rows of several descriptors on three planes, each as its own ``describe`` gives them.

    Descriptors that differ in nothing but span and time blocks share their histograms of single
    frames; HOG-TOP and HIGO-TOP with the default's bins share the gradients.

    Parameters
    ----------
    clip : FaceClip of T frames
    descriptors : of LbpTop, HogTop, HigoTop
    threads : int
        Slices of time that are worked on at once; the result does not depend on it.
    outs : for each descriptor (T - L + 1, d) float32, C-contiguous, or None; optional
        Where to write the rows.

    Returns
    -------
    list of FrameSeries, in the order of ``descriptors``

    Raises
    ------
    UsageError
        If the frames are too small to hold one voxel with all its neighbours.
    ValueError
        If an array of ``outs`` does not fit.
    """
    jobs = []
    for descriptor, out in zip(descriptors, outs or [None] * len(descriptors), strict=True):
        span = descriptor.span_at(clip.fps)
        values = _room(out, max(0, len(clip) - span + 1), int(np.prod(descriptor.shape)))
        jobs.append(_Job(descriptor, span, values, _cut(clip, descriptor)))
    frames = np.ascontiguousarray(clip.frames)
    n = max((len(job.values) for job in jobs), default=0)
    slices = [(a, b) for a, b in block_edges(n, max(1, threads)) if b > a]
    if len(slices) > 1:
        with ThreadPoolExecutor(len(slices)) as pool:
            list(pool.map(lambda ends: _fill(frames, jobs, ends), slices))
    elif slices:
        _fill(frames, jobs, slices[0])
    return [FrameSeries(job.values, 0, 1, job.span, len(clip), clip.fps) for job in jobs]


def _cut(clip: FaceClip, descriptor: ThreePlanes) -> Cuts:
    height, width = clip.frames.shape[1:]
    rx, ry, _ = descriptor.margin
    if width <= 2 * rx or height <= 2 * ry:
        raise UsageError(
            f"crops of {width} x {height} pixels are too small for neighbours {rx} and {ry} "
            f"pixels away: take crops of at least {2 * rx + 1} x {2 * ry + 1}"
        )
    return cut_frame(height, width, (rx, ry), descriptor.grid, descriptor.overlap)


def _room(out: NDArray[np.float32] | None, n: int, d: int) -> NDArray[np.float32]:
    if out is None:
        return np.empty((n, d), np.float32)
    if out.shape != (n, d) or out.dtype != np.float32 or not out.flags.c_contiguous:
        raise ValueError(f"out must be ({n}, {d}) float32 in C order, not {out.shape} {out.dtype}")
    return out


def _fill(frames: NDArray[np.uint8], jobs: list[_Job], ends: tuple[int, int]) -> None:
    """The rows ends[0] .. ends[1] - 1 of every job, where it has them."""
    walks: dict[Hashable, list[_Sum]] = {}
    for job in jobs:
        rows = job.values[ends[0] : ends[1]]
        if len(rows):
            key = job.descriptor._walk(job.cuts)
            walks.setdefault(key, []).append(_Sum(job, rows))
    wanted = [_Walk(sums) for sums in walks.values()]
    for v in range(0, max((walk.length for walk in wanted), default=0), _BATCH):
        for walk in wanted:
            walk.step(frames[ends[0] :], v, v + _BATCH)


class _Sum:
    """One descriptor's running sums over the histograms of a walk, and its rows."""

    def __init__(self, job: _Job, rows: NDArray[np.float32]) -> None:
        descriptor = job.descriptor
        self.job, parts = job, descriptor.time_blocks
        self.countable = job.span - 2 * descriptor.margin[2]
        self.length = len(rows) + self.countable - 1
        self.parts = np.array([0, *(b for _, b in block_edges(self.countable, parts))], np.int64)
        sizes = np.diff(self.parts)[:, None] * block_sizes(job.cuts).reshape(-1)
        self.blocks = sizes.shape[1]
        self.largest = int(sizes.max()) * descriptor._largest_vote()
        self.scales = np.zeros((0, 0))
        if descriptor.votes_everywhere:
            self.scales = np.divide(1.0, sizes, out=np.zeros(sizes.shape), where=sizes > 0)
        self.table = rows.reshape(len(rows), parts, self.blocks, 3, descriptor.bins_per_plane)
        self.running: NDArray[Any] | None = None

    def add(self, histograms: NDArray[Any], start: int, end: int) -> None:
        """Take up the frames start .. end - 1, which stand in (R, blocks * 3 * slots)."""
        from mespot.descriptors._slide import slide

        if self.running is None:
            number = np.int32 if self.largest < 2**31 else np.int64
            self.running = np.zeros((len(self.parts) - 1, histograms.shape[1]), number)
        end = min(end, self.length)
        if start < end:
            slide(histograms, (start, end), self.parts, self.running, self.scales, self.table)


class _Walk:
    """Descriptors that read the pixels together: rings of the latest histograms, by kind."""

    def __init__(self, sums: list[_Sum]) -> None:
        self._sums = sums
        self._first, self._cuts = sums[0].job.descriptor, sums[0].job.cuts
        self.length = max(each.length for each in sums)
        held = max(each.countable for each in sums) + _BATCH
        self._rings = {
            each.job.descriptor.kind: each.job.descriptor._ring(held, self._cuts) for each in sums
        }

    def step(self, frames: NDArray[np.uint8], start: int, end: int) -> None:
        """Describe the countable frames start .. end - 1; the first of all is the margin's."""
        end = min(end, self.length)
        if start >= end:
            return
        rt = self._first.margin[2]
        self._first._histograms(frames, (start + rt, end + rt, rt), self._cuts, self._rings)
        for each in self._sums:
            ring = self._rings[each.job.descriptor.kind]
            each.add(ring.reshape(len(ring), -1), start, end)
