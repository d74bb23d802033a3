"""Random walk on scores of landmark shapes, after Xia et al. 2016.

The descriptor ``landmark_shape`` gives the deformation of the landmarks in a window; the scorer
``xia`` learns AdaBoost on it and refines its probabilities by a random walk over the frames.
docs/scorers/xia.md names the deviations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from mespot.align.crop import MEAN_68, MIRROR_68
from mespot.contracts import BaseDescriptor, LearnedScorer, Quality
from mespot.errors import UsageError
from mespot.types import Expression, FaceClip, FrameSeries
from mespot_lab.rivals import learners, platt
from mespot_lab.rivals.learners import pieces

# Of the 68: brows, nose, eyes, mouth, chin. The jaw's sides are the crop's edge; points 60 to 67,
# of the inner lips, lie on the same pixels as the outer ones while the mouth is shut.
POINTS = (*range(6, 11), *range(17, 60))
_SIDE = 150
# Rows stand at most so close.
_ROWS_PER_S = 60.0
# Of a 150-px crop: side of the patch that is compared around a point, and how far a point can seem
# to move before it counts as lost.
_PATCH_PX = 15
_MOST_PX = 12.0
# Steps of the walk lead to rows within so many seconds, and a walk has so many.
_WALK_S = 0.1
_STEPS = 8


@dataclass(frozen=True)
class LandmarkShape(BaseDescriptor):
    """Displacements of facial points over stretches of time, Procrustes-normalised.

    A row looks at the ``stretches`` before and the ``stretches`` after its middle frame c, each of
    k frames. At the beginning of every stretch the points stand where the crop's mean face has
    them; they are followed to its end (pyramidal Lucas-Kanade), brought back onto the beginning by
    the best shift, rotation and scale, and what remains is the deformation, in pixels of a 150-px
    crop. A point that cannot be followed takes no part in the fit and has deformation 0.

    Parameters
    ----------
    distance_s : float
        Length k of a stretch in seconds; at least one row's step.
    stretches : int
        To either side of the middle.
    """

    distance_s: float = 0.17
    stretches: int = 2

    def __post_init__(self) -> None:
        if not self.distance_s > 0:
            raise ValueError(f"distance_s {self.distance_s}: must be positive")
        if self.stretches < 1:
            raise ValueError(f"stretches {self.stretches}: need at least 1")

    def step_at(self, fps: Fraction) -> int:
        """Frames from one row to the next."""
        return max(1, int(float(fps) / _ROWS_PER_S + 1e-6))

    def distance(self, fps: Fraction) -> int:
        """The length k of a stretch in frames, a multiple of the step."""
        step = self.step_at(fps)
        return step * max(1, round(self.distance_s * float(fps) / step))

    def span_at(self, fps: Fraction) -> int:
        """Frames that one row covers."""
        return 2 * self.stretches * self.distance(fps) + 1

    def column_names(self, fps: Fraction) -> tuple[str, ...]:
        """``point21 -5..0 x``: the point (of 68), frames from the middle, axis."""
        k = self.distance(fps)
        return tuple(
            f"point{point} {i * k}..{(i + 1) * k} {axis}"
            for i in range(-self.stretches, self.stretches)
            for point in POINTS
            for axis in "xy"
        )

    def describe(self, clip: FaceClip) -> FrameSeries:
        """One row per position: (1 + (T - span) // step, 4 * stretches * K) float32, K points.

        Rows are made of nothing but their own span's frames.
        """
        span, step = self.span_at(clip.fps), self.step_at(clip.fps)
        names = self.column_names(clip.fps)
        n = max(0, 1 + (len(clip) - span) // step)
        if n == 0:
            empty = np.empty((0, len(names)), np.float32)
            return FrameSeries(empty, 0, step, span, len(clip), clip.fps, names)
        frames = clip.frames[: (n - 1) * step + span : step]
        k = self.distance(clip.fps) // step
        moved = self._deformations(frames, k)
        parts = [moved[i * k : i * k + n] for i in range(2 * self.stretches)]
        values = np.concatenate(parts, axis=1)
        return FrameSeries(values, 0, step, span, len(clip), clip.fps, names)

    @property
    def can_mirror(self) -> bool:
        """True."""
        return True

    def mirror(self, series: FrameSeries) -> FrameSeries:
        """The rows that the mirrored video would give: sides swapped, x motion reversed."""
        if len(series.names) != series.values.shape[1]:
            raise ValueError("the series has no names of columns: it is not of this descriptor")
        at = {name: i for i, name in enumerate(series.names)}
        order, sign = [], []
        for name in series.names:
            point, when, axis = name.split()
            other = MIRROR_68[int(point.removeprefix("point"))]
            order.append(at[f"point{other} {when} {axis}"])
            sign.append(-1 if axis == "x" else 1)
        values = series.values[:, order] * np.array(sign, np.float32)
        return series.with_values(values, series.names)

    def _deformations(self, frames: NDArray[np.uint8], k: int) -> NDArray[np.float32]:
        """(T - k, 2 K) of frame j + k against frame j."""
        size = frames.shape[1]
        patch = max(3, round(_PATCH_PX * size / _SIDE))
        begin = (MEAN_68[list(POINTS)] * size - 0.5).astype(np.float32)
        ends = np.empty((len(frames) - k, len(begin), 2))
        followed = np.empty(ends.shape[:2], bool)
        for j in range(len(ends)):
            end, status, _ = cv2.calcOpticalFlowPyrLK(
                frames[j], frames[j + k], begin[:, None], None, winSize=(patch, patch), maxLevel=1
            )
            ends[j], followed[j] = end[:, 0], status[:, 0] == 1
        far = np.hypot(*np.moveaxis(ends - begin, -1, 0)) > _MOST_PX * size / _SIDE
        rest = deformations(begin, ends, followed & ~far) * (_SIDE / size)
        return rest.reshape(len(ends), -1).astype(np.float32)


def deformations(
    begin: NDArray[np.floating], ends: NDArray[np.floating], used: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """What similarities do not explain of the way from a shape to others.

    Parameters
    ----------
    begin : (K, 2)
    ends : (n, K, 2)
    used : (n, K) bool
        Points that take part; the others get 0.

    Returns
    -------
    (n, K, 2) float64
        Each of ``ends``, brought onto ``begin`` by the least-squares shift, rotation and scale,
        less ``begin``; the same whatever similarity is applied to an end. As complex numbers the
        similarity is z -> w z + t (Procrustes analysis; Gower 1975). 0 where fewer than three
        points take part.
    """
    share = used / np.maximum(used.sum(axis=1, keepdims=True), 1)
    a = np.where(used, ends[..., 0] + 1j * ends[..., 1], 0)
    b = np.broadcast_to(begin[:, 0] + 1j * begin[:, 1], a.shape)
    a = a - (share * a).sum(axis=1, keepdims=True)
    b = b - (share * b).sum(axis=1, keepdims=True)
    spread = (share * np.abs(a) ** 2).sum(axis=1)
    w = (share * a.conj() * b).sum(axis=1) / np.maximum(spread, 1e-12)
    rest = np.where(used & (used.sum(axis=1, keepdims=True) > 2), w[:, None] * a - b, 0)
    return np.stack([rest.real, rest.imag], axis=-1)


Good = NDArray[np.bool_]


def squares(values: NDArray[np.float32], good: Good, radius: int) -> NDArray[np.float64]:
    """(n, radius) mean squared difference of rows i and i + 1 … i + radius.

    Infinite where one of the two is missing or not ``good``.
    """
    n = len(values)
    result = np.full((n, radius), np.inf)
    for part in pieces(values):
        start, stop = part.start, min(part.stop, n)
        block = np.where(good[start : stop + radius, None], values[start : stop + radius], 0)
        block = block.astype(np.float64)
        for lag in range(1, min(radius, n - 1 - start) + 1):
            m = min(stop - start, len(block) - lag)
            off = ((block[:m] - block[lag : lag + m]) ** 2).mean(axis=1)
            both = good[start : start + m] & good[start + lag : start + lag + m]
            result[start : start + m, lag - 1] = np.where(both, off, np.inf)
    return result


def transitions(distances: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """(n, 2 radius) chance of a step from row i to rows i - radius … i - 1, i + 1 … i + radius.

    In proportion to exp(-d² / 2 sigma²); every row's chances sum to 1, or to 0 where none can be
    reached.
    """
    n, radius = distances.shape
    exponent = np.full((n, 2 * radius), -np.inf)
    scaled = -distances / (2 * sigma**2)
    for lag in range(1, min(radius, n - 1) + 1):
        exponent[:, radius + lag - 1] = scaled[:, lag - 1]
        exponent[lag:, radius - lag] = scaled[: n - lag, lag - 1]
    # Taken off the largest, no row's chances are all too small for a float.
    most = exponent.max(axis=1, initial=-np.inf, keepdims=True)
    chance = np.exp(exponent - np.where(np.isfinite(most), most, 0.0))
    return chance / np.maximum(chance.sum(axis=1, keepdims=True), 1e-300)


def walked(
    own: NDArray[np.float64], chances: NDArray[np.float64], on: float, steps: int
) -> NDArray[np.float64]:
    """(n,) r = (1 - on) own + on P r, repeated ``steps`` times from r = own.

    A walker steps on with chance ``on`` and else takes the value where it stands; a row that
    reaches no other keeps its own value. Values stay between the least and the largest of ``own``.
    """
    n, radius = len(own), chances.shape[1] // 2
    alone = chances.sum(axis=1) == 0
    result = own
    for _ in range(steps):
        around = np.zeros(n)
        for lag in range(1, min(radius, n - 1) + 1):
            around[:-lag] += chances[:-lag, radius + lag - 1] * result[lag:]
            around[lag:] += chances[lag:, radius - lag] * result[:-lag]
        result = np.where(alone, own, (1 - on) * own + on * around)
    return result


Weights = Mapping[str, NDArray[Any]]
_ARRAYS = ("feature", "cut", "below", "above", "platt", "sigma", "columns")
# So many rows of each training recording show how much neighbours differ.
_LOOKED_AT = 400


@dataclass(frozen=True)
class Xia(LearnedScorer):
    """AdaBoost of decision stumps on every row, refined by a random walk over rows (Xia 2016).

    Parameters
    ----------
    rounds : int
        Stumps, at most.
    rounds_choices : tuple of int
        Of which ``quality``, where there is one, chooses; empty: all stumps stay.
    margin_s : float
        Rows nearer than this to an ME, and outside of it, are not learned: they see part of it.
    positives, negatives : int
        Rows to learn from, at most. They bound the memory.
    walk : float
        Chance that a walker steps on, in [0, 1); 0: no walk.
    """

    training_needs: ClassVar[tuple[str, ...]] = ("sklearn",)

    rounds: int = 60
    rounds_choices: tuple[int, ...] = (15, 30, 60)
    margin_s: float = 0.1
    positives: int = 1000
    negatives: int = 2000
    walk: float = 0.5

    def __post_init__(self) -> None:
        for name in ("rounds", "positives", "negatives"):
            if getattr(self, name) < 1:
                raise UsageError(f"scorer xia: {name} = {getattr(self, name)}: must be at least 1")
        if any(not 1 <= r <= self.rounds for r in self.rounds_choices):
            raise UsageError(f"scorer xia: rounds_choices must be from 1 to rounds ({self.rounds})")
        if not self.margin_s >= 0:
            raise UsageError(f"scorer xia: margin_s = {self.margin_s}: must be at least 0")
        if not 0 <= self.walk < 1:
            raise UsageError(f"scorer xia: walk = {self.walk}: must be in [0, 1)")

    def fit(
        self,
        series: Sequence[FrameSeries],
        truth: Sequence[Sequence[Expression]],
        seed: int,
        quality: Quality | None = None,
    ) -> dict[str, NDArray[Any]]:
        """Stumps, and what the walk needs; see :class:`mespot.contracts.Scorer`.

        Returns
        -------
        dict of arrays, for R stumps
            ``feature`` (R,) int64, ``cut`` (R,) float64; ``below``, ``above`` (R,) what a stump
            adds where its column is at most, or more than, its cut; ``platt`` (2,) slope and offset
            of the probability; ``sigma`` () how much neighbouring rows differ; ``columns`` ().
        """
        d = learners.check_training(series, "xia")
        rng = np.random.default_rng([seed % 2**63])
        goods = [learners.usable(s.values) for s in series]
        sigma = _spread([self._some_squares(s, g, rng) for s, g in zip(series, goods)])
        labels = [_labels(s, g, t, self.margin_s) for s, g, t in zip(series, goods, truth)]
        x, y = _drawn(series, labels, (self.positives, self.negatives), rng)
        stumps, alphas = self._boosted(x, y, seed) if 0 < y.sum() < len(y) else ([], [])
        if not stumps:
            return _weights([], [], (0.0, -20.0), sigma, d)
        found = []
        for r in self.rounds_choices if quality and self.rounds_choices else (self.rounds,):
            weights = _weights(stumps[:r], alphas[:r], (1.0, 0.0), sigma, d)
            weights["platt"] = _platt_of(weights, series, labels)
            found.append(weights)
        if quality is None or len(found) == 1:
            return found[-1]
        return max(found, key=lambda weights: quality(lambda s: self.score(s, weights)))

    def score(self, series: FrameSeries, weights: Weights) -> FrameSeries:
        """The refined probability of an ME at every row, (n, 1); 0 for rows without numbers.

        Raises
        ------
        UsageError
            If the series has other columns than the weights were learned on.
        MespotError
            If the weights are not those of this scorer.
        """
        learners.check_weights(weights, _ARRAYS, "xia")
        learners.check_scoring(series, int(weights["columns"]), "xia")
        good = learners.usable(series.values)
        slope, offset = weights["platt"].tolist()
        votes = decisions(series.values, weights).astype(np.float32)
        own = np.where(good, platt.applied(votes, slope, offset), 0.0).astype(np.float64)
        radius = _radius(series)
        if self.walk and radius:
            near = squares(series.values, good, radius)
            chances = transitions(near, float(weights["sigma"]))
            own = walked(own, chances, self.walk, _STEPS)
        return series.with_values(own[:, None].astype(np.float32), ("score",))

    def _some_squares(
        self, series: FrameSeries, good: NDArray[np.bool_], rng: np.random.Generator
    ) -> NDArray[np.float64]:
        begin = int(rng.integers(0, max(len(series) - _LOOKED_AT, 0) + 1))
        part = slice(begin, begin + _LOOKED_AT)
        near = squares(series.values[part], good[part], max(_radius(series), 1))
        return near[np.isfinite(near)]

    def _boosted(
        self, x: NDArray[np.float32], y: NDArray[np.bool_], seed: int
    ) -> tuple[list[Any], list[float]]:
        """Both sides weigh alike at first, however many rows stand on each."""
        ensemble = learners.sklearn_part("ensemble", "xia")
        tree = learners.sklearn_part("tree", "xia")
        weight = np.where(y, 0.5 / y.sum(), 0.5 / (~y).sum())
        machine = ensemble.AdaBoostClassifier(
            tree.DecisionTreeClassifier(max_depth=1),
            n_estimators=self.rounds,
            random_state=seed % 2**32,
        )
        try:
            machine.fit(x, y, sample_weight=weight)
        except ValueError:  # No column parts the two sides better than chance.
            return [], []
        trees = list(machine.estimators_)
        return trees, machine.estimator_weights_[: len(trees)].tolist()


def _radius(series: FrameSeries) -> int:
    """Rows that a step of the walk can pass."""
    return round(_WALK_S * float(series.fps) / series.step)


def decisions(values: NDArray[np.float32], weights: Weights) -> NDArray[np.float64]:
    """(n,) what all stumps add up to at every row: scikit-learn's decision function."""
    feature, cut = weights["feature"], weights["cut"]
    result = np.zeros(len(values))
    for rows in learners.pieces(values):
        seen = np.asarray(values[rows])[:, feature]
        result[rows] = np.where(seen <= cut, weights["below"], weights["above"]).sum(axis=1)
    return result


def _weights(
    stumps: Sequence[Any],
    alphas: Sequence[float],
    platt: tuple[float, float],
    sigma: float,
    columns: int,
) -> dict[str, NDArray[Any]]:
    """Plain arrays of fitted trees; their votes are ± 2 alpha over the sum of all alphas."""
    feature, cut = np.zeros(len(stumps), np.int64), np.zeros(len(stumps))
    below, above = np.zeros(len(stumps)), np.zeros(len(stumps))
    for r, stump in enumerate(stumps):
        inner, vote = stump.tree_, 2 * alphas[r] / sum(alphas)
        sides = inner.value[:, 0].argmax(axis=1)
        # A tree that found nothing to cut is one leaf.
        low, high = (1, 2) if inner.node_count > 1 else (0, 0)
        feature[r], cut[r] = max(int(inner.feature[0]), 0), inner.threshold[0]
        below[r], above[r] = (vote if sides[k] else -vote for k in (low, high))
    return {
        "feature": feature,
        "cut": cut,
        "below": below,
        "above": above,
        "platt": np.array(platt),
        "sigma": np.array(sigma),
        "columns": np.array(columns, np.int64),
    }


def _labels(
    series: FrameSeries,
    good: NDArray[np.bool_],
    truth: Sequence[Expression],
    margin_s: float,
) -> NDArray[np.int8]:
    """(n,) 1: the middle frame lies in an ME; 0: in none and not near one; -1: not to learn."""
    labels = np.zeros(len(series), np.int8)
    margin = round(margin_s * float(series.fps))
    micro = [e for e in truth if e.kind == "micro"]
    at = series.centres
    for e in micro:
        labels[(at >= e.onset - margin) & (at <= e.offset + margin)] = -1
    for e in micro:
        labels[(at >= e.onset) & (at <= e.offset)] = 1
    labels[~good] = -1
    return labels


def _drawn(
    series: Sequence[FrameSeries],
    labels: Sequence[NDArray[np.int8]],
    most: tuple[int, int],
    rng: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """(n, d) rows to learn from, positive ones first, and (n,) whether they are."""
    chosen, sides = [], []
    for wanted, limit in zip((1, 0), most):
        rows = [np.flatnonzero(each == wanted) for each in labels]
        of = np.repeat(np.arange(len(rows)), [len(r) for r in rows])
        at = np.concatenate(rows)
        few = np.sort(rng.permutation(len(at))[:limit])
        chosen += list(zip(of[few].tolist(), at[few].tolist()))
        sides += [wanted == 1] * len(few)
    x = np.empty((len(chosen), series[0].values.shape[1]), np.float32)
    for k, (i, r) in enumerate(chosen):
        x[k] = series[i].values[r]
    return x, np.array(sides, bool)


def _spread(found: Sequence[NDArray[np.float64]]) -> float:
    """Root of the median square of all differences between neighbours; 1 where there are none."""
    every = np.concatenate(found)
    middle = float(np.median(every)) if len(every) else 1.0
    return max(middle, 1e-12) ** 0.5


def _platt_of(
    weights: Weights, series: Sequence[FrameSeries], labels: Sequence[NDArray[np.int8]]
) -> NDArray[np.float64]:
    """Slope and offset on all rows with a label, so that MEs are as rare as they are."""
    votes = np.concatenate([decisions(s.values, weights)[k >= 0] for s, k in zip(series, labels)])
    known = np.concatenate([k[k >= 0] for k in labels])
    return np.array(platt.fit_sigmoid(votes, known.astype(np.float64)))
