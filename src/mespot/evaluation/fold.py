"""One fold under the leak-free protocol and, beside it, under the paper's.

``default``: epoch, threshold and decode values are chosen on inner subjects of the training side.
``paper``: the epoch with the best result on the test subject itself, and the paper's threshold from
each video's own scores; optimistic by construction. One training serves both: the paper's epochs
are checkpoints of the same network.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from mespot.contracts import Score
from mespot.decoding import Decode, candidates, decode
from mespot.errors import UsageError
from mespot.metrics.rule import Rule
from mespot.protocol import (
    SHARE,
    Learned,
    Sample,
    check_disjoint,
    learn,
    pooled,
    score_samples,
)
from mespot.recipe import Recipe
from mespot.types import Expression, Fold, FrameSeries
from mespot.weights import weights_hash

PROTOCOLS = ("default", "paper")
OPTIMISTIC = frozenset(("paper",))
"""Protocols that look at the test subject's truth to choose: their figures are too good."""
_PROBE_ROWS = 200


@dataclass(frozen=True)
class Cost:
    """What scoring the test side took: ``frames`` in ``seconds`` of processor time, rows given.

    ``weights_bytes`` is the size of all learned arrays; a network's graph for ONNX Runtime holds
    its weights a second time.
    """

    frames: int
    seconds: float
    weights_bytes: int


@dataclass(frozen=True)
class FoldResult:
    """The result of one protocol on the test side of a fold.

    Attributes
    ----------
    spots, peaks : recording id -> expressions in grid frames
        Above the threshold, and all.
    scores : recording id -> FrameSeries
    provenance : dict
        ``epoch`` (-1: the scorer has none of its own), ``threshold`` (a number, or one per
        recording), ``decode``, ``inner_subjects``, ``scores_sha256``, ``seed``;
        ``weights_sha256`` (None where the weights were not kept). Of the paper's choice, else None:
        ``checkpoint``, which of all that the scorer offered, counted from 1, and
        ``checkpoint_sha256``, of its scores on the training side's first rows.
    cost : Cost or None
        None where the scores are not of the final weights.
    """

    protocol: str
    spots: dict[str, list[Expression]]
    peaks: dict[str, list[Expression]]
    scores: dict[str, FrameSeries]
    provenance: dict[str, Any]
    cost: Cost | None = None


def under(recipe: Recipe, protocol: str) -> Recipe:
    """The recipe with the threshold rule of the protocol.

    ``default`` learns the threshold where the recipe has the paper's rule, and leaves other rules
    alone; ``paper`` always takes the paper's, and no section ``choose``. Raises UsageError for an
    unknown protocol.
    """
    if protocol not in PROTOCOLS:
        raise UsageError(f"protocol {protocol!r} is none of {', '.join(PROTOCOLS)}")
    if protocol == "paper":
        return recipe.chosen(replace(recipe.decode, threshold="paper"))
    if recipe.decode.threshold == "paper":
        return replace(recipe, decode=replace(recipe.decode, threshold="learned"))
    return recipe


def run_fold(
    recipe: Recipe,
    samples: Mapping[str, Sample],
    fold: Fold,
    protocols: Sequence[str] = PROTOCOLS,
    share: float = SHARE,
    also: Sequence[Sample] = (),
) -> list[FoldResult]:
    """Learn on the training side, spot the test side; one entry per protocol, in their order.

    ``samples`` by recording id; recordings of the fold that have none could not be used, are not
    learned from and get no spots. ``also`` are more samples to learn from, without those of the
    test side's subjects; they are never lifelike. Raises ValueError, before anything is learned, if
    a subject is on both sides, whether or not the fold knows whose the recordings are.
    """
    ready = {protocol: under(recipe, protocol) for protocol in protocols}
    test = [samples[name] for name in fold.test if name in samples]
    training = [samples[name] for name in fold.train if name in samples]
    held = {s.subject for s in test}
    training += [replace(s, lifelike=False) for s in also if s.subject not in held]
    check_disjoint(training, test)
    best = _BestOnTest(ready["paper"], test, training) if "paper" in ready else None
    learned = learn(under(recipe, "default"), training, share, best)
    results = []
    for protocol in protocols:
        if protocol == "paper":
            assert best is not None
            results.append(best.result(learned))
        else:
            results.append(_leak_free(learned, test))
    return results


def _leak_free(learned: Learned, test: Sequence[Sample]) -> FoldResult:
    begin = time.process_time()
    scores = score_samples(learned.recipe, learned.weights, test)
    size = sum(np.asarray(array).nbytes for array in learned.weights.values())
    cost = Cost(sum(c.n_frames for c in scores), time.process_time() - begin, size)
    config = learned.recipe.decode
    provenance = {
        "epoch": learned.epoch,
        "threshold": learned.threshold if config.threshold == "learned" else config.threshold,
        "weights_sha256": weights_hash(learned.weights),
        "checkpoint": None,
        "checkpoint_sha256": None,
    }
    result = _result("default", learned, _Decoding(config, learned.threshold), test, scores)
    return replace(result, provenance={**provenance, **result.provenance}, cost=cost)


class _BestOnTest:
    """Judges every checkpoint on the test side and keeps the best: the paper's way.

    Checkpoints are epochs; of several networks, or of the members of an ensemble, each one's in
    turn and by itself; scorers without epochs may offer values of a field instead (C of an SVM).
    The best one has the highest pooled F1 by the paper's rule; where the test subject has no
    micro-expression, the fewest false alarms. Of equals the earlier.
    """

    def __init__(self, recipe: Recipe, test: Sequence[Sample], training: Sequence[Sample]) -> None:
        self._config = recipe.decode
        self._test, self._training = test, training
        self._count, self._best_checkpoint, self._best = 0, 0, -math.inf
        self._scores: list[FrameSeries] = []
        self._sha256 = ""

    def __call__(self, score: Score) -> None:
        self._count += 1
        scores = [score(s.series) for s in self._test]
        spots = [decode(c, self._config, None, s.found) for c, s in zip(scores, self._test)]
        counts = pooled(self._test, spots, Rule("apex"))
        result = counts.f1 if counts.tp + counts.fn else -float(counts.fp)
        if result > self._best:
            self._best, self._best_checkpoint, self._scores = result, self._count, scores
            # A checkpoint is a function, not weights: its scores of fixed rows identify it.
            values = np.ascontiguousarray(score(self._probe).values)
            self._sha256 = hashlib.sha256(values.tobytes()).hexdigest()

    @cached_property
    def _probe(self) -> FrameSeries:
        """The first rows of the first training recording that has any: always the same."""
        series = max(self._training, key=lambda s: len(s.series) > 0).series
        return series.with_values(series.values[:_PROBE_ROWS], series.names)

    def result(self, learned: Learned) -> FoldResult:
        """That of the best checkpoint; of the final weights for a scorer without checkpoints."""
        provenance: dict[str, Any] = {
            "epoch": -1, "checkpoint": None, "checkpoint_sha256": None, "weights_sha256": None
        }  # fmt: skip
        scores = self._scores
        if self._count:
            provenance["epoch"] = learned.recipe.scorer.epoch_of(self._best_checkpoint)
            provenance["checkpoint"] = self._best_checkpoint
            provenance["checkpoint_sha256"] = self._sha256
        else:
            scores = score_samples(learned.recipe, learned.weights, self._test)
            provenance["weights_sha256"] = weights_hash(learned.weights)
        provenance["threshold"] = {
            s.id: self._config.threshold_for(c, None, s.found) for s, c in zip(self._test, scores)
        }
        result = _result("paper", learned, _Decoding(self._config, None), self._test, scores)
        return replace(result, provenance={**provenance, **result.provenance})


@dataclass(frozen=True)
class _Decoding:
    """Decode values with the learned threshold, where there is one."""

    config: Decode
    threshold: float | None


def _result(
    protocol: str,
    learned: Learned,
    how: _Decoding,
    test: Sequence[Sample],
    scores: Sequence[FrameSeries],
) -> FoldResult:
    pairs = list(zip(test, scores, strict=True))
    digest = hashlib.sha256()
    for sample, curve in pairs:
        digest.update(sample.id.encode() + np.ascontiguousarray(curve.values).tobytes())
    return FoldResult(
        protocol,
        {s.id: decode(c, how.config, how.threshold, s.found) for s, c in pairs},
        {s.id: candidates(c, how.config, s.found) for s, c in pairs},
        {s.id: c for s, c in pairs},
        {
            "decode": asdict(how.config),
            "inner_subjects": list(learned.held),
            "scores_sha256": digest.hexdigest(),
            "seed": learned.recipe.seed,
        },
    )
