"""Score curves in CSV files: of another tool, or those that ``mespot spot`` has written.

Columns: ``frame,score`` and, where they are known, ``found``, ``time_s`` and ``recording``. Frames
count from 0; an empty score is unknown. The rate comes from the caller, from the ``run.json`` that
stands beside a ``<stem>.scores.csv``, or from ``time_s``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mespot import recipe as recipes
from mespot.decoding import Decode, decode
from mespot.errors import MespotError, UnreadableInput, UsageError
from mespot.exports.cells import Cells, refuse
from mespot.exports.csv import read_cells
from mespot.types import Expression, FrameMap, FrameSeries
from mespot.video.grid import NEAR

ENDING = ".scores.csv"
COLUMNS = ("recording", "frame", "time_s", "score", "found")
_USUAL_RATES = tuple(
    Fraction(n, d)
    for n in (24, 25, 30, 50, 60, 90, 100, 120, 200, 240)
    for d in (1, Fraction(1001, 1000))
)
# Times have six decimals, and containers round them to a millisecond.
_TIME_SLACK_S = 2e-3
_RATE_SLACK = 1e-4
# In grid frames: what rounding a time to six decimals amounts to, at any rate.
_ROUNDED = 1e-3
_MOST_FRAMES = 50_000_000


@dataclass(frozen=True)
class Scores:
    """The score curve of one recording.

    Attributes
    ----------
    recording : str
    series : FrameSeries, (n, 1)
        NaN where the score is unknown.
    found : (series.n_frames,) bool
        Whether the face was found in each frame; also True where no row is.
    times_s : mapping of frame to seconds
        As far as the file has them.
    decode : Decode
        How the run that wrote the scores decoded them; the defaults where this is not known.
    threshold : float or None
        The learned threshold of that run.
    frames : FrameMap or None
        Between the file's frames and those of ``series`` and ``found``; None: the same.
    """

    recording: str
    series: FrameSeries
    found: NDArray[np.bool_]
    times_s: dict[int, float] = field(default_factory=dict)
    decode: Decode = field(default_factory=Decode)
    threshold: float | None = None
    frames: FrameMap | None = None

    @property
    def n_frames(self) -> int:
        """Frames of the file."""
        return self.series.n_frames if self.frames is None else int(self.frames.source_of[-1]) + 1

    def spots(self, config: Decode | None = None) -> list[Expression]:
        """The spots by ``config`` (default: the run's own), in frames of the file.

        See :func:`mespot.decoding.decode`. Raises UsageError where no threshold is known.
        """
        config = self.decode if config is None else config
        if config.threshold == "learned" and self.threshold is None:
            raise UsageError(
                f"{self.recording}: no threshold is given; write a number on the scale of these "
                "scores, such as --threshold 0.5, or --threshold paper"
            )
        found = decode(self.series, config, self.threshold, self.found)
        return found if self.frames is None else [self.frames.to_source(e) for e in found]

    def time_s(self, frame: int) -> float:
        """Seconds from the first frame, by the file or by the rate."""
        return self.times_s.get(frame, float(frame / self.series.fps))


def read_scores(
    path: str | Path, fps: Fraction | float | None = None, span: int | None = None
) -> list[Scores]:
    """The score curves of a file, one per recording.

    Parameters
    ----------
    fps : Fraction or float, optional
        Frames per second, where the file does not show them or shows them wrongly. With ``fps`` or
        ``span``, a ``run.json`` is not looked at.
    span : int, optional
        Frames that each score looks at, with its ``frame`` in the middle; default 1.

    Returns
    -------
    list of Scores
        Named by the column ``recording``, else by the file. A curve that ``mespot spot`` wrote is
        smoothed already: its ``decode`` has ``smooth_s = 0``.

    Raises
    ------
    UnreadableInput
        Naming line, column and value.
    UsageError
        If the rate is not known, or fps or span is out of its range.
    """
    path = Path(path)
    if fps is not None and not (math.isfinite(fps) and fps > 0):
        raise UsageError(f"fps {fps}: must be positive")
    if span is not None and span < 1:
        raise UsageError(f"span {span}: must be at least 1")
    tables = _tables(path)
    run = _run_of(path) if fps is None and span is None and len(tables) == 1 else None
    if run is not None:
        return [_of_run(path, tables[0], run)]
    rate = None if fps is None else Fraction(fps).limit_denominator(10**6)
    return [_of_table(path, table, rate, span or 1) for table in tables]


# The cells of a file.


@dataclass
class _Table:
    """The lines of one recording."""

    recording: str
    frames: NDArray[np.int64]
    scores: NDArray[np.float64]
    found: NDArray[np.bool_]
    times_s: dict[int, float]


def _tables(path: Path) -> list[_Table]:
    problems: list[str] = []
    columns, lines = read_cells(path, COLUMNS, problems)
    missing = [name for name in ("frame", "score") if name not in columns]
    if missing:
        raise UnreadableInput(
            f"{path}: no column {missing[0]!r}; scores need the columns frame,score"
        )
    name = path.name.removesuffix(ENDING) if path.name.endswith(ENDING) else path.stem
    groups: dict[str, list[Cells]] = {}
    for cells in lines:
        groups.setdefault(cells.text("recording") or name, []).append(cells)
    tables = [_table(recording, group, problems) for recording, group in groups.items()]
    refuse(problems)
    if not tables:
        raise UnreadableInput(f"{path}: holds no scores")
    return tables


def _table(recording: str, lines: Sequence[Cells], problems: list[str]) -> _Table:
    frames, scores, found, times, last = [], [], [], {}, -1
    for cells in lines:
        frame = cells.whole("frame")
        if frame is None:
            if not cells.text("frame"):
                cells.wrong("frame", "is empty")
            continue
        if frame <= last:
            what = "stands twice" if frame == last else "follows a later frame"
            cells.wrong("frame", what if frame >= 0 else "is before the first frame, 0")
            continue
        last = frame
        text = cells.text("score").lower()
        score = None if text == "nan" else cells.number("score")
        flag = cells.text("found").lower()
        if flag not in ("", "0", "1", "true", "false"):
            cells.wrong("found", "is neither 0 nor 1")
        frames.append(frame)
        scores.append(math.nan if score is None else score)
        found.append(flag not in ("0", "false"))
        time_s = cells.number("time_s")
        if time_s is not None:
            times[frame] = time_s
    return _Table(
        recording, np.array(frames, np.int64), np.array(scores), np.array(found, np.bool_), times
    )


# As series.


def _of_table(path: Path, table: _Table, fps: Fraction | None, span: int) -> Scores:
    """Scores of another tool: a step between them of any length, unknown where one is left out."""
    rate = _rate(path, table) if fps is None else fps
    known = np.flatnonzero(~np.isnan(table.scores))
    if not len(known):
        raise UnreadableInput(f"{path}: recording {table.recording!r} has no score")
    before, after = (span - 1) // 2, span - 1 - (span - 1) // 2
    # Rows at both ends that are unknown for want of frames are no rows.
    low, high = 0, len(table.frames) - 1
    while table.frames[low] < before and low < known[0]:
        low += 1
    while table.frames[high] + after > table.frames[-1] and high > known[-1]:
        high -= 1
    frames = table.frames[low : high + 1]
    if frames[0] < before:
        raise UsageError(
            f"{path}: a score of span {span} cannot stand at frame {frames[0]}: it would look at "
            "frames before the first"
        )
    step = math.gcd(*np.diff(frames).tolist()) or 1
    at = (frames - frames[0]) // step
    n_frames = max(int(table.frames[-1]) + 1, int(frames[-1]) + after + 1)
    if n_frames > _MOST_FRAMES:
        raise UnreadableInput(f"{path}: frame {n_frames - 1} is no frame of a video")
    values = np.full((int(at[-1]) + 1, 1), np.nan, np.float32)
    values[at, 0] = table.scores[low : high + 1]
    found = np.ones(n_frames, np.bool_)
    found[table.frames[~table.found]] = False
    series = FrameSeries(values, int(frames[0]) - before, step, span, n_frames, rate)
    return Scores(table.recording, series, found, table.times_s)


def _rate(path: Path, table: _Table) -> Fraction:
    """The rate that the times show, brought to a usual one. Raises UsageError."""
    frames = np.array(sorted(table.times_s), np.float64)
    times = np.array([table.times_s[int(frame)] for frame in frames])
    if len(frames) < 2 or times[-1] <= times[0]:
        raise UsageError(f"{path}: the frame rate is not known; give it, such as --fps 25")
    rate = (frames[-1] - frames[0]) / (times[-1] - times[0])
    off = np.abs(times - times[0] - (frames - frames[0]) / rate).max()
    if off > max(_TIME_SLACK_S, 0.1 / rate):
        raise UsageError(
            f"{path}: its times are not evenly spaced, so they show no frame rate; give one, such "
            "as --fps 25"
        )
    usual = min(_USUAL_RATES, key=lambda one: abs(float(one) - rate))
    if abs(float(usual) / rate - 1) < _RATE_SLACK:
        return usual
    return Fraction(rate).limit_denominator(1001)


# As mespot spot wrote them.


@dataclass(frozen=True)
class _Run:
    """What ``run.json`` knows of a curve."""

    fps: Fraction
    span: int
    step: int
    decode: Decode
    threshold: float


def _run_of(path: Path) -> _Run | None:
    """The run that wrote this file, None where there is none or it is another recipe's by now.

    Raises UnreadableInput if its run.json is damaged.
    """
    listing, name = path.parent / "run.json", path.name.removesuffix(ENDING)
    if not path.name.endswith(ENDING) or not listing.is_file():
        return None
    try:
        run: dict[str, Any] = json.loads(listing.read_text("utf-8"))
        item = run["items"].get(name)
        if item is None or "key" in item:
            return None
        fps = Fraction(item["fps_exact"])
        made = recipes.from_values(run["recipe"], where=str(listing))
        return _Run(
            fps, made.descriptor.span_at(fps), made.descriptor.step_at(fps),
            replace(made.decode, smooth_s=0.0), float(item["threshold"]),
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreadableInput(f"{listing}: damaged ({error}); move it away") from error
    except MespotError as error:
        raise UnreadableInput(f"{listing}: {error}; give --fps to decode without it") from error


def _of_run(path: Path, table: _Table, run: _Run) -> Scores:
    """Rows where they were, on the uniform grid of the video, with the file's frames beside it.

    Each frame of the file holds the score of the grid frame nearest in time.
    """
    n_frames = len(table.frames)
    whole = np.array_equal(table.frames, np.arange(n_frames))
    if not whole or len(table.times_s) < n_frames:
        raise UnreadableInput(
            f"{path}: frames or times are missing; give --fps to decode it all the same"
        )
    times = np.array([table.times_s[frame] for frame in range(n_frames)])
    source_of, near = _grid(times, float(run.fps))
    n_grid = len(source_of)
    n = max(0, 1 + (n_grid - run.span) // run.step)
    centres = np.arange(n) * run.step + (run.span - 1) // 2
    values = table.scores[source_of][centres].astype(np.float32)[:, None]
    series = FrameSeries(values, 0, run.step, run.span, n_grid, run.fps)
    return Scores(
        table.recording, series, table.found[source_of] & near, table.times_s, run.decode,
        run.threshold, FrameMap(source_of),
    )  # fmt: skip


def _grid(times: NDArray[np.float64], fps: float) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The frame nearest in time to every grid point, and whether it is near enough to count.

    As :func:`mespot.video.grid.on_grid`, but from times that are rounded to six decimals.
    """
    at = times * fps
    points = np.arange(max(0, math.ceil(at[-1] - 0.5 - _ROUNDED)) + 1)
    right = np.clip(np.searchsorted(at, points - _ROUNDED), 1, max(len(at) - 1, 1))
    left = right - 1
    right = np.minimum(right, len(at) - 1)
    nearer = np.abs(at[right] - points) < np.abs(points - at[left]) - _ROUNDED
    source_of = np.where(nearer, right, left).astype(np.int64)
    return source_of, np.abs(at[source_of] - points) <= float(NEAR) + _ROUNDED
