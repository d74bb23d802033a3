"""What a scorer learns to say at every row: Eq. 1 (overlap) and Eq. 2 (apex) of the paper.

Row i looks at L = ``span`` frames from frame ``first + i * step`` on. Both labels are in [0, 1],
and values below 0.5 are 0. Eq. 1 as printed sums L + 1 frames and divides by L; here exactly the
row's own L frames count. Only expressions of the kinds asked for are positive: everything else
(macro, blink, other) is background like the rest of the video, a useful negative.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mespot.types import Expression, FrameSeries

Label = Literal["overlap", "apex"]
MICRO = ("micro",)


def overlap_scores(
    expressions: Sequence[Expression],
    n_rows: int,
    span: int,
    first: int = 0,
    step: int = 1,
    kinds: tuple[str, ...] = MICRO,
) -> NDArray[np.float32]:
    """Eq. 1: the part of a row's frames that belong to an expression; below one half it is 0.

    Frames of several expressions are joined before counting, so that an overlap of two annotations
    counts once and the label stays within [0, 1].

    Returns
    -------
    (n_rows,) float32
    """
    _check(n_rows, span, step)
    starts = first + np.arange(n_rows) * step
    inside = np.zeros(max(int(starts[-1]) + span, 0) if n_rows else 0, bool)
    for expression in _of_kinds(expressions, kinds):
        inside[expression.onset : expression.offset + 1] = True
    so_far = np.concatenate([[0], np.cumsum(inside)])
    # A label longer than the row's own span reaches before the first frame: nothing is there.
    count = so_far[np.maximum(starts + span, 0)] - so_far[np.maximum(starts, 0)]
    return np.where(2 * count >= span, count / span, 0.0).astype(np.float32)


def apex_scores(
    expressions: Sequence[Expression],
    n_rows: int,
    span: int,
    first: int = 0,
    step: int = 1,
    kinds: tuple[str, ...] = MICRO,
) -> NDArray[np.float32]:
    """Eq. 2: 1 - |apex - middle| / L where the apex is among the row's frames, else 0.

    ``middle`` is the row's middle frame as in :attr:`mespot.types.FrameSeries.centres`, so that the
    row with label 1 decodes to the apex itself. Several expressions: the largest label. An
    expression whose apex was not annotated has it in the middle of its interval, rounded down. An
    apex inside the row is never further than L / 2 from the middle, so that the cut at 0.5 is kept
    for the paper's sake and removes nothing.

    Returns
    -------
    (n_rows,) float32
    """
    _check(n_rows, span, step)
    starts = first + np.arange(n_rows) * step
    middles = starts + (span - 1) // 2
    label = np.zeros(n_rows)
    for expression in _of_kinds(expressions, kinds):
        apex = expression.apex_or_middle
        inside = (starts <= apex) & (apex < starts + span)
        label = np.where(inside, np.maximum(label, 1 - np.abs(apex - middles) / span), label)
    return np.where(label >= 0.5, label, 0.0).astype(np.float32)


def label_scores(
    series: FrameSeries,
    expressions: Sequence[Expression],
    label: Label = "overlap",
    label_s: float | None = None,
    kinds: tuple[str, ...] = MICRO,
) -> NDArray[np.float32]:
    """The label of every row of a series, (n,) float32, by Eq. 1 (``overlap``) or 2 (``apex``).

    ``label_s``, in seconds, gives the labels a length of their own in place of the row's span L,
    about the same middle frame: a descriptor that looks wide can still be taught short movements.
    """
    span = series.span if label_s is None else max(1, round(label_s * float(series.fps)))
    first = series.first + (series.span - 1) // 2 - (span - 1) // 2
    rule = overlap_scores if label == "overlap" else apex_scores
    return rule(expressions, len(series), span, first, series.step, kinds)


def _of_kinds(expressions: Sequence[Expression], kinds: tuple[str, ...]) -> list[Expression]:
    return [e for e in expressions if e.kind in kinds]


def _check(n_rows: int, span: int, step: int) -> None:
    if n_rows < 0 or span < 1 or step < 1:
        raise ValueError(f"n_rows {n_rows}, span {span}, step {step}: need at least 0, 1, 1")
