"""Boosted stumps and a random walk, after Xia et al. 2016.

Z. Xia, X. Feng, J. Peng, X. Peng, G. Zhao, "Spontaneous micro-expression spotting via geometric
deformation modeling", Computer Vision and Image Understanding 147, 2016: AdaBoost gives every frame
a probability from how facial landmarks are deformed about it, and a random walk over the frames,
whose transitions follow the similarity of their deformation, refines it. What differs is told in
docs/scorers/xia.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from mespot.errors import UsageError
from mespot_lab.rivals import _learners, _platt, _walk
from mespot.types import Expression, FrameSeries

Quality = Callable[[Callable[[FrameSeries], FrameSeries]], float]
Weights = Mapping[str, NDArray[Any]]
_ARRAYS = ("feature", "cut", "below", "above", "platt", "sigma", "columns")
# So many rows of each training recording tell how much neighbours differ.
_LOOKED_AT = 400


@dataclass(frozen=True)
class Xia:
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
    walk_s : float
        Steps of the walk lead to rows within so many seconds.
    walk : float
        Chance that a walker steps on, in [0, 1); 0: no walk.
    steps : int
        Of the walk.
    """

    learns: ClassVar[bool] = True

    rounds: int = 60
    rounds_choices: tuple[int, ...] = (15, 30, 60)
    margin_s: float = 0.1
    positives: int = 1000
    negatives: int = 2000
    walk_s: float = 0.1
    walk: float = 0.5
    steps: int = 8

    def __post_init__(self) -> None:
        for name in ("rounds", "positives", "negatives"):
            if getattr(self, name) < 1:
                raise UsageError(f"scorer xia: {name} = {getattr(self, name)}: must be at least 1")
        if any(not 1 <= r <= self.rounds for r in self.rounds_choices):
            raise UsageError(f"scorer xia: rounds_choices must be from 1 to rounds ({self.rounds})")
        for name in ("margin_s", "walk_s", "steps"):
            if not getattr(self, name) >= 0:
                raise UsageError(f"scorer xia: {name} = {getattr(self, name)}: must be at least 0")
        if not 0 <= self.walk < 1:
            raise UsageError(f"scorer xia: walk = {self.walk}: must be in [0, 1)")

    def fit(
        self,
        series: Sequence[FrameSeries],
        truth: Sequence[Sequence[Expression]],
        seed: int,
        quality: Quality | None = None,
    ) -> dict[str, NDArray[Any]]:
        """Stumps, and what the walk needs; see :mod:`mespot.scorers` for the contract.

        Returns
        -------
        dict of arrays, for R stumps
            ``feature`` (R,) int64, ``cut`` (R,) float64; ``below``, ``above`` (R,) what a stump
            adds where its column is at most, or more than, its cut; ``platt`` (2,) slope and offset
            of the probability; ``sigma`` () how much neighbouring rows differ; ``columns`` ().
        """
        d = _learners.check_training(series, "xia")
        rng = np.random.default_rng([seed % 2**63])
        goods = [_learners.usable(s.values) for s in series]
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
        _learners.check_weights(weights, _ARRAYS, "xia")
        _learners.check_scoring(series, int(weights["columns"]), "xia")
        good = _learners.usable(series.values)
        slope, offset = weights["platt"].tolist()
        votes = decisions(series.values, weights).astype(np.float32)
        own = np.where(good, _platt.applied(votes, slope, offset), 0.0).astype(np.float64)
        radius = self._radius(series)
        if self.walk and self.steps and radius:
            near = _walk.squares(series.values, good, radius)
            chances = _walk.transitions(near, float(weights["sigma"]))
            own = _walk.walked(own, chances, self.walk, self.steps)
        return series.with_values(own[:, None].astype(np.float32), ("score",))

    def _radius(self, series: FrameSeries) -> int:
        return round(self.walk_s * float(series.fps) / series.step)

    def _some_squares(
        self, series: FrameSeries, good: NDArray[np.bool_], rng: np.random.Generator
    ) -> NDArray[np.float64]:
        begin = int(rng.integers(0, max(len(series) - _LOOKED_AT, 0) + 1))
        part = slice(begin, begin + _LOOKED_AT)
        near = _walk.squares(series.values[part], good[part], max(self._radius(series), 1))
        return near[np.isfinite(near)]

    def _boosted(
        self, x: NDArray[np.float32], y: NDArray[np.bool_], seed: int
    ) -> tuple[list[Any], list[float]]:
        """Both sides weigh alike at first, however many rows stand on each."""
        ensemble = _learners.sklearn_part("ensemble", "xia")
        tree = _learners.sklearn_part("tree", "xia")
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


def decisions(values: NDArray[np.float32], weights: Weights) -> NDArray[np.float64]:
    """(n,) what all stumps add up to at every row: scikit-learn's decision function."""
    feature, cut = weights["feature"], weights["cut"]
    result = np.zeros(len(values))
    for rows in _learners.pieces(values):
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
    return np.array(_platt.learn(votes, known.astype(np.float64)))


PLUGIN = Xia
