"""The sliding-window benchmark of Tran et al. 2017: windows of several lengths, a linear SVM each.

X. Tran, X. Hong, G. Zhao, "Sliding window based micro-expression spotting: a benchmark", ACIVS
2017: every window at every position and scale is described and judged by a linear classifier;
windows that share half of themselves with a micro-expression are positive. What the paper leaves
open stands in docs/scorers/svm_windows.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from mespot.contracts import LearnedScorer, Quality
from mespot.errors import UsageError
from mespot.scorers.normalise import STD_FLOOR, difference
from mespot.types import Expression, FrameSeries
from mespot_lab.rivals import learners
from mespot_lab.rivals.learners import pieces


@dataclass(frozen=True)
class Tiling:
    """Windows of ``length`` frames, one about the middle of every row.

    Attributes
    ----------
    length : int
    offsets : (r,) int64
        The rows, counted from the window's own, whose spans tile it.
    radius : int
        Every row is taken less the mean of the rows within ± radius; 0: as it is.
    """

    length: int
    offsets: NDArray[np.int64]
    radius: int = 0

    def complete(self, n: int) -> NDArray[np.bool_]:
        """(n,) whether all of a window's rows are there."""
        rows = np.arange(n)
        return (rows + self.offsets[0] >= 0) & (rows + self.offsets[-1] < n)

    def begins(self, series: FrameSeries) -> NDArray[np.int64]:
        """(n,) first frame of every window; before 0 where it sticks out."""
        return series.centres - (self.length - 1) // 2

    def row(
        self, values: NDArray[np.float32], good: NDArray[np.bool_], at: int
    ) -> NDArray[np.float64]:
        """(d,) the window about row ``at``: the mean of its rows that are there and ``good``."""
        rows = [r for r in (at + self.offsets).tolist() if 0 <= r < len(values) and good[r]]
        mean = values[rows].mean(axis=0, dtype=np.float64)
        if self.radius:
            for r in rows:
                near = slice(max(r - self.radius, 0), r + self.radius + 1)
                around = values[near][good[near]].mean(axis=0, dtype=np.float64)
                mean -= around / len(rows)
        return np.asarray(mean)

    def decisions(
        self, projected: NDArray[np.float64], good: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """(n,) a linear function of every window from that of every row; NaN where no row is good.

        The average of rows and the difference are linear: a row needs to be looked at only once.
        """
        numbers = np.where(good, projected, np.nan)
        if self.radius:
            numbers = difference(numbers[:, None], self.radius)[:, 0]
        n = len(numbers)
        total, count = np.zeros(n), np.zeros(n)
        for offset in self.offsets.tolist():
            to = slice(max(-offset, 0), max(min(n, n - offset), 0))
            part = numbers[max(offset, 0) : max(n + offset, 0)][: to.stop - to.start]
            here = np.isfinite(part)
            total[to] += np.where(here, part, 0.0)
            count[to] += here
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def make_tiling(
    series: FrameSeries, length_s: float, edge: int, difference_s: float = 0.0
) -> Tiling:
    """How rows of this series tile windows of ``length_s`` seconds.

    ``edge`` frames at either end of a row are neighbours only and are not counted in it: rows then
    overlap by twice as many, so that every frame between the window's own edges counts once. Where
    the rows do not tile the window evenly they overlap a little more. A window shorter than a row
    is that row.
    """
    fps, span = float(series.fps), series.span
    length = max(1, round(length_s * fps))
    r = max(1, math.ceil((length - 2 * edge) / max(span - 2 * edge, 1) - 1e-9))
    offsets = np.zeros(1, np.int64)
    if r > 1:
        first = (span - 1) // 2 - (length - 1) // 2
        starts = first + np.arange(r) * (length - span) / (r - 1)
        offsets = np.unique(np.rint(starts / series.step).astype(np.int64))
    radius = round(difference_s * fps / series.step) if difference_s > 0 else 0
    return Tiling(length, offsets, radius)


def projected(
    values: NDArray[np.float32], good: NDArray[np.bool_], directions: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(n, S) products of the good rows with (S, d) directions, 0 for the others."""
    result = np.zeros((len(values), len(directions)))
    for rows in pieces(values):
        block = np.where(good[rows, None], values[rows], 0).astype(np.float64)
        result[rows] = block @ directions.T
    return result


def best_iou(
    begins: NDArray[np.int64], length: int, expressions: Sequence[Expression]
) -> NDArray[np.float64]:
    """(n,) each window's largest IoU with an expression, in frames, both ends included."""
    best = np.zeros(len(begins))
    for e in expressions:
        shared = np.minimum(begins + length, e.offset + 1) - np.maximum(begins, e.onset)
        shared = np.maximum(shared, 0)
        best = np.maximum(best, shared / (length + e.n_frames - shared))
    return best


_ARRAYS = ("coef", "intercept", "mean", "std", "lengths_s", "edge", "difference_s")
# Beyond this, in either direction, a decision value says nothing more.
_LARGEST = 1e6


@dataclass(frozen=True)
class SvmWindows(LearnedScorer):
    """Windows at every position and several scales, each judged by a linear SVM (Tran 2017).

    Parameters
    ----------
    window_s : float
        Length of a window of scale 1.
    scales : tuple of float
        Lengths of windows as parts of it; a row's score is the best decision over them.
    iou : float
        A window whose intersection over union with a micro-expression reaches it is positive.
    edge : int
        Frames at either end of a descriptor's row that are neighbours only: 1 for HOG- and
        HIGO-TOP, LBP-TOP's radius in time, 0 for descriptors without histograms.
    zscore : bool
        Whether columns are brought to mean 0 and deviation 1 of the training windows.
    difference_s : float
        Every row is first taken less the mean of the rows within ± so many seconds; 0: as it is.
    c : float
        Of the SVM: the smaller, the wider the margin.
    c_choices : tuple of float
        Of which ``quality``, where there is one, chooses; empty: ``c`` stays.
    positives, negatives, hard : int
        Windows per scale to learn from, at most: positive ones, random negative ones, and those
        negatives that a first SVM scores highest. They bound the memory.
    """

    training_needs: ClassVar[tuple[str, ...]] = ("sklearn",)

    window_s: float = 0.5
    scales: tuple[float, ...] = (1.0, 0.75, 0.5)
    iou: float = 0.5
    edge: int = 1
    zscore: bool = True
    difference_s: float = 0.0
    c: float = 0.001
    c_choices: tuple[float, ...] = (0.00001, 0.0001, 0.001, 0.01)
    positives: int = 1000
    negatives: int = 1500
    hard: int = 500

    def __post_init__(self) -> None:
        if not self.scales or min(self.scales) <= 0:
            raise UsageError("scorer svm_windows: scales needs at least one number above 0")
        for name in ("window_s", "c", *["c_choices"] * bool(self.c_choices)):
            value = getattr(self, name)
            if not np.min(value) > 0:
                raise UsageError(f"scorer svm_windows: {name} = {value}: must be above 0")
        if not 0 < self.iou <= 1:
            raise UsageError(f"scorer svm_windows: iou = {self.iou}: must be in (0, 1]")
        for name, least in (("positives", 1), ("negatives", 1), ("hard", 0), ("edge", 0)):
            value = getattr(self, name)
            if value < least:
                raise UsageError(f"scorer svm_windows: {name} = {value}: must be at least {least}")
        if not self.difference_s >= 0:
            raise UsageError(
                f"scorer svm_windows: difference_s = {self.difference_s}: must be at least 0"
            )

    def fit(
        self,
        series: Sequence[FrameSeries],
        truth: Sequence[Sequence[Expression]],
        seed: int,
        quality: Quality | None = None,
    ) -> dict[str, NDArray[Any]]:
        """One SVM per scale; see :class:`mespot.contracts.Scorer`.

        Returns
        -------
        dict of arrays, float64, for S scales and d columns
            ``coef`` (S, d), ``intercept`` (S,), ``mean``, ``std`` (S, d); ``lengths_s`` (S,) of the
            windows; ``edge``, ``difference_s``; ``c`` that was taken.
        """
        d = learners.check_training(series, "svm_windows")
        svm = learners.sklearn_part("svm", "svm_windows")
        goods = [learners.usable(s.values) for s in series]
        choices = self.c_choices if quality and self.c_choices else (self.c,)
        shape = (len(self.scales), d)
        base = {
            "mean": np.zeros(shape),
            "std": np.ones(shape),
            "lengths_s": self.window_s * np.array(self.scales, np.float64),
            "edge": np.array(self.edge, np.int64),
            "difference_s": np.array(self.difference_s, np.float64),
        }
        found = [
            {**base, "coef": np.zeros(shape), "intercept": -np.ones(shape[0]), "c": np.array(c)}
            for c in choices
        ]
        for k, length_s in enumerate(base["lengths_s"].tolist()):
            tilings = [make_tiling(s, length_s, self.edge, self.difference_s) for s in series]
            scale = _Scale(self, svm, series, goods, tilings)
            learned = scale.learn(truth, np.random.default_rng([seed % 2**63, k]), choices)
            if learned is None:
                continue
            base["mean"][k], base["std"][k], machines = learned
            for weights, (coef, intercept) in zip(found, machines, strict=True):
                weights["coef"][k], weights["intercept"][k] = coef, intercept
        if quality is None or len(found) == 1:
            return found[0]
        # max takes the first of equals: the widest margin.
        return max(found, key=lambda weights: quality(lambda s: self.score(s, weights)))

    def score(self, series: FrameSeries, weights: Mapping[str, NDArray[Any]]) -> FrameSeries:
        """The best decision value over the scales at every row, (n, 1); negative: background.

        Lengths are those of the weights. Near the series' ends windows consist of those of their
        rows that are there. A row without a usable number has the value -1.

        Raises
        ------
        UsageError
            If the series has other columns than the weights were learned on.
        MespotError
            If the weights are not those of this scorer.
        """
        learners.check_weights(weights, _ARRAYS, "svm_windows")
        learners.check_scoring(series, weights["coef"].shape[1], "svm_windows")
        good = learners.usable(series.values)
        directions = weights["coef"] / weights["std"]
        levels = weights["intercept"] - (directions * weights["mean"]).sum(axis=1)
        products = projected(series.values, good, directions)
        best = np.full(len(series), -np.inf)
        for k, length_s in enumerate(weights["lengths_s"].tolist()):
            tiling = make_tiling(
                series, length_s, int(weights["edge"]), float(weights["difference_s"])
            )
            values = tiling.decisions(products[:, k], good) + levels[k]
            best = np.fmax(best, values)
        best = np.clip(np.where(np.isfinite(best), best, -1.0), -_LARGEST, _LARGEST)
        return series.with_values(best[:, None].astype(np.float32), ("score",))


_Which = tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True)
class _Scale:
    """The training windows of one length."""

    scorer: SvmWindows
    svm: Any
    series: Sequence[FrameSeries]
    goods: Sequence[NDArray[np.bool_]]
    tilings: Sequence[Tiling]

    def learn(
        self,
        truth: Sequence[Sequence[Expression]],
        rng: np.random.Generator,
        choices: Sequence[float],
    ) -> tuple[NDArray[Any], NDArray[Any], list[tuple[NDArray[Any], float]]] | None:
        """Mean, deviation, and (coef, intercept) per C; None where one of the sides is empty."""
        positive, negative = self._windows(truth)
        if not len(positive[0]) or not len(negative[0]):
            return None
        positive = _some(positive, self.scorer.positives, rng)
        drawn = _drawn(len(negative[0]), self.scorer.negatives, rng)
        x = self._rows(positive, (negative[0][drawn], negative[1][drawn]))
        mean, std = _moments(x) if self.scorer.zscore else (np.zeros(x.shape[1]),) * 2
        if not self.scorer.zscore:
            std = std + 1.0
        n_positive = len(positive[0])
        x -= mean
        x /= std
        if self.scorer.hard and len(drawn) < len(negative[0]):
            coef, _ = self._machine(x, n_positive, self.scorer.c)
            hard = self._hard(negative, drawn, coef / std)
            # Normalised as the others: mean and deviation are those of the random windows.
            more = (self._rows((negative[0][hard], negative[1][hard])) - mean) / std
            x = np.concatenate([x, more])
        return mean, std, [self._machine(x, n_positive, c) for c in choices]

    def _windows(self, truth: Sequence[Sequence[Expression]]) -> tuple[_Which, _Which]:
        """(series, row) of all complete windows: positive ones, negative ones."""
        sides: tuple[list[_Which], list[_Which]] = ([], [])
        for i, (s, tiling) in enumerate(zip(self.series, self.tilings)):
            n = len(s)
            whole = tiling.complete(n)
            for offset in tiling.offsets.tolist():
                whole &= self.goods[i][np.clip(np.arange(n) + offset, 0, max(n - 1, 0))]
            micro = [e for e in truth[i] if e.kind == "micro"]
            near = best_iou(tiling.begins(s), tiling.length, micro)
            for side, wanted in zip(sides, (near >= self.scorer.iou, near < self.scorer.iou)):
                rows = np.flatnonzero(whole & wanted)
                side.append((np.full(len(rows), i), rows))
        positive, negative = (
            (np.concatenate([p[0] for p in side]), np.concatenate([p[1] for p in side]))
            for side in sides
        )
        return positive, negative

    def _rows(self, *which: _Which) -> NDArray[np.float64]:
        """(n, d) the windows themselves."""
        pairs = [(i, r) for w in which for i, r in zip(w[0].tolist(), w[1].tolist())]
        x = np.empty((len(pairs), self.series[0].values.shape[1]))
        for k, (i, r) in enumerate(pairs):
            x[k] = self.tilings[i].row(self.series[i].values, self.goods[i], r)
        return x

    def _hard(
        self, negative: _Which, drawn: NDArray[np.int64], direction: NDArray[np.float64]
    ) -> NDArray[np.int64]:
        """Which negatives, of those not drawn, score highest."""
        scores = np.empty(len(negative[0]))
        for i in np.unique(negative[0]).tolist():
            here = negative[0] == i
            good = self.goods[i]
            products = projected(self.series[i].values, good, direction[None])
            scores[here] = self.tilings[i].decisions(products[:, 0], good)[negative[1][here]]
        scores[drawn] = -np.inf
        order = np.argsort(-scores, kind="stable")[: self.scorer.hard]
        return np.asarray(np.sort(order[np.isfinite(scores[order])]))

    def _machine(
        self, x: NDArray[np.float64], n_positive: int, c: float
    ) -> tuple[NDArray[Any], float]:
        """Both sides weigh alike, however many windows stand on each."""
        y = np.arange(len(x)) < n_positive
        machine = self.svm.LinearSVC(
            C=c, class_weight="balanced", dual=len(x) < x.shape[1], random_state=0, max_iter=5000
        )
        machine.fit(x, y)
        return machine.coef_[0], float(machine.intercept_[0])


def _some(which: _Which, most: int, rng: np.random.Generator) -> _Which:
    drawn = _drawn(len(which[0]), most, rng)
    return which[0][drawn], which[1][drawn]


def _drawn(n: int, most: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """At most so many of n, in order, without repeats."""
    return np.sort(rng.permutation(n)[:most])


def _moments(x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and deviation of every column; none counts as less than a part of the median one."""
    std = x.std(axis=0)
    varying = std[std > 0]
    floor = STD_FLOOR * float(np.median(varying)) if len(varying) else 1.0
    return x.mean(axis=0), np.maximum(std, floor)
