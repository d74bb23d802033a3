"""One picture of a spotted video: score curve, threshold, spots, lost face, onset and apex."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mespot.files import atomic_path
from mespot.spotter import Spotting
from mespot.types import Expression
from mespot.video import source_frames

_MIN_PAIRS, _MAX_PAIRS = 4, 8
# Pixels of one face, and of an onset and an apex with the gap to the next.
_THUMBNAIL = 110
_PAIR = 2 * _THUMBNAIL + 14
# Inches: the figure's width, and the height of the curve with all around it.
_WIDTH, _CURVE = 12.0, 3.3
_BLUE, _RED, _GREY = "#2b5d8a", "#c0392b", "#b8b8b8"


def draw(
    spotting: Spotting,
    path: str | Path,
    *,
    faces: bool = True,
    truth: list[Expression] | None = None,
) -> None:
    """Write the picture of one video as a PNG (atomically).

    Parameters
    ----------
    faces : bool
        Whether the strip of onset and apex frames is drawn; False leaves faces out.
    truth : list of Expression, optional
        Known movements, drawn below the curve.
    """
    shown = sorted(spotting.expressions, key=lambda e: -(e.score or 0))[:_MAX_PAIRS]
    shown.sort(key=lambda e: e.onset)
    strip = _strip(spotting, shown) if faces and shown else None
    # Places in inches rather than a layout engine, which draws everything twice to find them.
    above = _WIDTH / (max(_MIN_PAIRS, len(strip)) * _PAIR / _THUMBNAIL) if strip else 0.0
    height = _CURVE + (above + 0.35 if strip else 0.0)
    figure = Figure(figsize=(_WIDTH, height))
    FigureCanvasAgg(figure)
    if strip:
        top = height - 0.1
        axes = figure.add_axes(_place((0.1, top - above), (_WIDTH - 0.1, top), height))
        _draw_strip(axes, strip, shown, spotting)
    axes = figure.add_axes(_place((0.75, 0.5), (_WIDTH - 0.15, _CURVE - 0.35), height))
    _draw_curve(axes, spotting, truth)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110, format="png")


def _place(
    low: tuple[float, float], high: tuple[float, float], height: float
) -> tuple[float, float, float, float]:
    """Left, bottom, width and height as fractions of the figure, from two corners in inches."""
    width = high[0] - low[0]
    return low[0] / _WIDTH, low[1] / height, width / _WIDTH, (high[1] - low[1]) / height


def _draw_curve(axes: Axes, spotting: Spotting, truth: list[Expression] | None) -> None:
    times, n = spotting.times_s, len(spotting.times_s)
    tick = 1 / float(spotting.fps)
    axes.plot(times, spotting.scores, color=_BLUE, linewidth=1.0, label="score")
    axes.axhline(spotting.threshold, color=_RED, linestyle="--", linewidth=0.9, label="threshold")
    for number, (begin, end) in enumerate(_runs(~spotting.found)):
        axes.axvspan(
            times[begin],
            times[end] + tick,
            color=_GREY,
            alpha=0.6,
            linewidth=0,
            label=None if number else "no face",
        )
    for number, spot in enumerate(spotting.expressions):
        axes.axvspan(
            times[spot.onset],
            times[spot.offset] + tick,
            color=_RED,
            alpha=0.25,
            linewidth=0,
            label=None if number else "spot",
        )
    if truth is not None:
        _draw_truth(axes, times, tick, truth)
    axes.set_xlim(0, (times[-1] if n else 0) + tick)
    axes.set_xlabel("time (s)")
    axes.set_ylabel("score")
    name = Path(spotting.path).name
    count = len(spotting.expressions)
    axes.set_title(
        f"{name}: {count} candidate movement{'s' * (count != 1)} to review",
        loc="left",
        fontsize=10,
        parse_math=False,
    )
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), fontsize=8, ncols=6, frameon=False)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_truth(
    axes: Axes, times: NDArray[np.float64], tick: float, truth: list[Expression]
) -> None:
    """Bars under the curve, one row for MEs and one for everything else."""
    low, high = axes.get_ylim()
    height = 0.05 * (high - low)
    for kind, row, colour in (("micro", 1, "#1e8449"), ("other", 2, "#8e8e8e")):
        bars = [
            (times[e.onset], times[e.offset] - times[e.onset] + tick)
            for e in truth
            if (e.kind == "micro") == (kind == "micro")
        ]
        label = "known micro-expression" if kind == "micro" else "known distractor"
        axes.broken_barh(bars, (low - row * 1.4 * height, height), facecolors=colour, label=label)
    axes.set_ylim(low - 4 * height, high)


def _strip(
    spotting: Spotting, shown: list[Expression]
) -> list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """Face pictures at onset and apex of every spot shown."""
    wanted = sorted({f for e in shown for f in (e.onset, _apex(e))})
    images = source_frames(spotting.path, wanted, colour=True, stamps=spotting.stamps)
    pairs = []
    for spot in shown:
        marks = spotting.landmarks[[spot.onset, _apex(spot)]]
        box = _box(marks[np.isfinite(marks).all(axis=(1, 2))])
        pairs.append((_cut(images[spot.onset], box), _cut(images[_apex(spot)], box)))
    return pairs


def _draw_strip(
    axes: Axes,
    strip: list[tuple[NDArray[np.uint8], NDArray[np.uint8]]],
    shown: list[Expression],
    spotting: Spotting,
) -> None:
    canvas = np.full((_THUMBNAIL, max(_MIN_PAIRS, len(strip)) * _PAIR, 3), 255, np.uint8)
    for number, (onset, apex) in enumerate(strip):
        left = number * _PAIR
        canvas[:, left : left + _THUMBNAIL] = onset
        canvas[:, left + _THUMBNAIL : left + 2 * _THUMBNAIL] = apex
        spot = shown[number]
        onset_s, apex_s = spotting.times_s[[spot.onset, _apex(spot)]]
        label = f"{onset_s:.2f} onset | apex {apex_s:.2f} s"
        axes.text(left + _THUMBNAIL, _THUMBNAIL + 4, label, ha="center", va="top", fontsize=6.5)
    axes.imshow(canvas)
    axes.axis("off")


def _apex(expression: Expression) -> int:
    if expression.apex is not None:
        return expression.apex
    return (expression.onset + expression.offset) // 2


def _box(marks: NDArray[np.float32]) -> tuple[float, float, float] | None:
    """Centre and half side of a square around the face, in source pixels."""
    if not len(marks):
        return None
    points = marks.reshape(-1, 2)
    x, y = (points.min(axis=0) + points.max(axis=0)) / 2
    half = 1.0 * float(np.ptp(points[:, 0]))
    return float(x), float(y) + 0.25 * half, half


def _cut(image: NDArray[np.uint8], box: tuple[float, float, float] | None) -> NDArray[np.uint8]:
    """A square cut of the image, padded with white where the box leaves it, as (s, s, 3) RGB."""
    import cv2

    if box is None:
        height, width = image.shape[:2]
        box = (width / 2, height / 2, min(width, height) / 2)
    x, y, half = box
    scale = _THUMBNAIL / (2 * half)
    matrix = np.array([[scale, 0, (half - x) * scale], [0, scale, (half - y) * scale]])
    cut = cv2.warpAffine(
        image,
        matrix,
        (_THUMBNAIL, _THUMBNAIL),
        flags=cv2.INTER_AREA,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(255, 255, 255),
    )
    return cv2.cvtColor(cut, cv2.COLOR_BGR2RGB if cut.ndim == 3 else cv2.COLOR_GRAY2RGB)


def _runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last index of every run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(b), int(e) - 1) for b, e in zip(edges[::2], edges[1::2])]
