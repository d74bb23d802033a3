"""From a score curve to spots: threshold, peaks with non-maximum suppression, intervals.

Peaks are taken greedily from the highest score down. Each takes its interval and keeps lower peaks
away, so that what is found above a threshold depends on nothing below it: the spots at threshold t
are exactly the candidates with score >= t. Thresholds can therefore be learned from one decoding.

A score is a number that grows with the belief in a micro-expression and is 0 for background; a peak
at or below 0 is never a spot.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mespot import thresholds
from mespot.errors import UsageError
from mespot.types import Counts, Expression, FrameSeries
from mespot.windows import local_maxima, smooth

Found = NDArray[np.bool_] | None
CountFunction = Callable[[Sequence[Expression], Sequence[Expression]], Counts]


@dataclass(frozen=True)
class Decode:
    """How scores become spots.

    Parameters
    ----------
    threshold : float, "learned" or "paper"
        A peak below it is no spot. ``learned``: given to :func:`decode`, from inner training
        subjects (:func:`learn_threshold`); ``paper``: half of this video's highest plus smallest
        positive score, which fires at least once in every video with a positive score.
    nms_s : float
        Of two peaks closer than this the lower goes.
    interval : {"width", "span"}
        ``width``: the rows around the peak that score at least ``level`` times the peak, from
        middle frame to middle frame. ``span``: the L frames that the peak's row covers; the rule
        for curves that are zero except at peaks (merge rule ``nms``).
    level : float
        In (0, 1].
    min_s, max_s : float or None
        Bounds on a spot's duration; None: no bound. A spot outside them is lost; its frames stay
        taken, so a long movement does not come back as its lesser peaks.
    smooth_s : float
        Full width at half maximum of a triangular, zero-phase smoothing of the scores; 0: none.

    Raises
    ------
    UsageError
        If a value is out of its range.
    """

    threshold: float | Literal["learned", "paper"] = "learned"
    nms_s: float = 0.2
    interval: Literal["width", "span"] = "width"
    level: float = 0.5
    min_s: float | None = None
    max_s: float | None = None
    smooth_s: float = 0.0

    def __post_init__(self) -> None:
        if self.threshold not in ("learned", "paper") and (
            isinstance(self.threshold, str | bool) or not math.isfinite(self.threshold)
        ):
            raise UsageError(
                f"decode: threshold = {self.threshold!r}: write a number, 'learned' or 'paper'"
            )
        if not 0 < self.level <= 1:
            raise UsageError(f"decode: level = {self.level}: must be above 0 and at most 1")
        for name in ("nms_s", "smooth_s", "min_s", "max_s"):
            number = getattr(self, name)
            if number is not None and not (math.isfinite(number) and number >= 0):
                raise UsageError(f"decode: {name} = {number}: must be a number >= 0")
        if self.min_s is not None and self.max_s is not None and self.min_s > self.max_s:
            raise UsageError(f"decode: min_s = {self.min_s} is above max_s = {self.max_s}")

    def threshold_for(
        self, scores: FrameSeries, learned: float | None = None, found: Found = None
    ) -> float:
        """What a peak of these scores must reach; 0 under ``paper`` where no score is positive.

        Raises UsageError if the rule is ``learned`` and no number is given.
        """
        return _limit(prepared(scores, self, found), self, learned)


def decode(
    scores: FrameSeries,
    config: Decode,
    threshold: float | None = None,
    found: Found = None,
) -> list[Expression]:
    """The spots of one recording, sorted by onset; no two share a frame.

    Parameters
    ----------
    scores : FrameSeries with one column
    threshold : float or None
        For the rule ``learned``; ignored by the others.
    found : (n_frames,) bool or None
        False where the face was lost: rows that touch such a frame score 0 and no spot holds one.

    Returns
    -------
    list of Expression
        Kind "micro", apex = the peak row's middle frame (paper, section LSTM), score = the peak.

    Raises
    ------
    UsageError
        If the rule is ``learned`` and no threshold is given.
    """
    curve = prepared(scores, config, found)
    limit = _limit(curve, config, threshold)
    return sorted(_greedy(scores, curve, config, limit, found), key=lambda spot: spot.onset)


def candidates(scores: FrameSeries, config: Decode, found: Found = None) -> list[Expression]:
    """Every spot that some threshold lets through, highest score first (ties: earlier first)."""
    return _greedy(scores, prepared(scores, config, found), config, 0.0, found)


def prepared(scores: FrameSeries, config: Decode, found: Found = None) -> NDArray[np.float64]:
    """The curve that peaks are sought in, (n,): smoothed, 0 where the face was lost or on NaN."""
    if scores.values.shape[1] != 1:
        raise ValueError(f"a score curve has one column, not {scores.values.shape[1]}")
    values = scores.values[:, 0].astype(np.float64)
    usable = np.isfinite(values)
    if found is not None:
        usable &= scores.all_found(found)
    values[~usable] = 0
    rows = config.smooth_s * float(scores.fps) / scores.step
    radius = round((rows - 1) / 2)
    if radius > 0:
        for _ in range(2):
            values = smooth(values, usable, radius)
    return values


def _limit(curve: NDArray[np.float64], config: Decode, learned: float | None) -> float:
    if not isinstance(config.threshold, str):
        return float(config.threshold)
    if config.threshold == "paper":
        positive = curve[curve > 0]
        return float(positive.max() + positive.min()) / 2 if len(positive) else 0.0
    if learned is None or math.isnan(learned):
        raise UsageError(
            "decode: the rule 'learned' needs a learned threshold; "
            "set decode.threshold to a number or to 'paper'"
        )
    return learned


def learn_threshold(
    scores: Sequence[FrameSeries],
    truth: Sequence[Sequence[Expression]],
    config: Decode,
    count: CountFunction,
    found: Sequence[Found] | None = None,
) -> float:
    """The threshold with the best pooled F1 over recordings; exact, see :mod:`mespot.thresholds`.

    Parameters
    ----------
    scores, truth : one entry per recording, of inner training subjects only
    count : function of (reference, estimated) giving Counts
        One-to-one, as every protocol of the metrics but the named compat modes.
    """
    return thresholds.threshold_of_best_f1(_ranked(scores, config, found), truth, count)


def _ranked(
    scores: Sequence[FrameSeries], config: Decode, found: Sequence[Found] | None
) -> list[list[Expression]]:
    masks = [None] * len(scores) if found is None else found
    return [candidates(s, config, f) for s, f in zip(scores, masks, strict=True)]


def _greedy(
    scores: FrameSeries,
    curve: NDArray[np.float64],
    config: Decode,
    limit: float,
    found: Found,
) -> list[Expression]:
    """Spots from the highest peak down; every one takes its frames and keeps others at distance."""
    peaks = local_maxima(curve)
    peaks = peaks[(curve[peaks] > 0) & (curve[peaks] >= limit)]
    peaks = peaks[np.argsort(-curve[peaks], kind="stable")]
    field = _Field(scores, curve, config, found)
    spots = (field.take(row) for row in peaks.tolist())
    return [spot for spot in spots if spot is not None]


class _Field:
    """The frames still free; plain bytes and lists, since its steps are too small for numpy."""

    def __init__(
        self,
        scores: FrameSeries,
        curve: NDArray[np.float64],
        config: Decode,
        found: Found,
    ) -> None:
        self.scores, self.config = scores, config
        self.curve = curve.tolist()
        self.centres = scores.centres.tolist()
        # A lost frame is taken from the start, which keeps every interval on one side of it.
        self.taken = bytearray(scores.n_frames if found is None else (~found).tobytes())
        self.near = bytearray(scores.n_frames)
        fps = float(scores.fps)
        self.radius = max(math.ceil(config.nms_s * fps - 1e-9) - 1, 0)
        self.shortest = 1 if config.min_s is None else max(1, math.ceil(config.min_s * fps - 1e-9))
        self.longest = (
            scores.n_frames
            if config.max_s is None
            else max(1, math.floor(config.max_s * fps + 1e-9))
        )

    def take(self, row: int) -> Expression | None:
        """The spot of a peak, or None if a higher one is too near or the duration out of bounds."""
        apex = self.centres[row]
        if self.near[apex] or self.taken[apex]:
            return None
        onset, offset = self._width(row) if self.config.interval == "width" else self._span(row)
        self.taken[onset : offset + 1] = b"\1" * (offset + 1 - onset)
        low = max(apex - self.radius, 0)
        self.near[low : apex + self.radius + 1] = b"\1" * (
            min(apex + self.radius + 1, len(self.near)) - low
        )
        if not self.shortest <= offset - onset + 1 <= self.longest:
            return None
        return Expression(onset, apex, offset, "micro", self.curve[row])

    def _width(self, row: int) -> tuple[int, int]:
        """First and last middle frame of the rows around the peak at or above its level.

        Rows above the peak itself are the flank of a higher one, even where no valley divides them.
        """
        peak = self.curve[row]
        level = self.config.level * peak
        low = high = row
        while low and self._reaches(low - 1, level, peak):
            low -= 1
        last = len(self.curve) - 1
        while high < last and self._reaches(high + 1, level, peak):
            high += 1
        return self._free(self.centres[low], self.centres[row], self.centres[high])

    def _reaches(self, row: int, level: float, peak: float) -> bool:
        return level <= self.curve[row] <= peak and not self.taken[self.centres[row]]

    def _span(self, row: int) -> tuple[int, int]:
        onset = self.scores.first + row * self.scores.step
        return self._free(onset, self.centres[row], onset + self.scores.span - 1)

    def _free(self, onset: int, apex: int, offset: int) -> tuple[int, int]:
        """The part of [onset, offset] around the apex that no one has taken."""
        left = self.taken.rfind(1, onset, apex)
        right = self.taken.find(1, apex + 1, offset + 1)
        return (left + 1 if left >= 0 else onset, right - 1 if right >= 0 else offset)
