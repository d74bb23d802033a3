"""One fold under the leak-free protocol and, beside it, under the paper's.

``default``: epoch, threshold and decode values are chosen on inner subjects of the training side.
``paper``: the epoch with the best result on the test subject itself, and the paper's threshold from
each video's own scores; optimistic by construction. One training serves both: the paper's epochs
are the same network's, looked at from outside.
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

from mespot import registry
from mespot.decoding import Decode, candidates, decode
from mespot.errors import UsageError
from mespot.metrics.rule import Rule
from mespot.protocol import (
    SHARE,
    Learned,
    Sample,
    Score,
    Weights,
    check_disjoint,
    learn,
    pooled,
    score_samples,
)
from mespot.recipe import Recipe, make_dataclass
from mespot.types import Expression, Fold, FrameSeries

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
class Judged:
    """What one protocol made of the test side of a fold.

    Attributes
    ----------
    spots, peaks : recording id -> expressions in grid frames
        Above the threshold, and all.
    scores : recording id -> FrameSeries
    facts : dict
        ``epoch`` (-1: the scorer has none of its own), ``threshold`` (a number, or one per
        recording), ``decode``, ``inner_subjects``, ``scores_sha256``, ``seed``;
        ``weights_sha256`` (None where the weights were not kept). Of the paper's choice, else None:
        ``look``, which of all that the scorer offered, counted from 1, and ``look_sha256``, of its
        scores on the training side's first rows.
    cost : Cost or None
        None where the scores are not of the final weights.
    """

    protocol: str
    spots: dict[str, list[Expression]]
    peaks: dict[str, list[Expression]]
    scores: dict[str, FrameSeries]
    facts: dict[str, Any]
    cost: Cost | None = None


def under(recipe: Recipe, protocol: str) -> Recipe:
    """The recipe with the threshold rule of the protocol.

    ``default`` learns the threshold where the recipe has the paper's rule, and leaves other rules
    alone; ``paper`` always takes the paper's, and no section ``choose``. Raises UsageError for an
    unknown protocol.
    """
    if protocol not in PROTOCOLS:
        raise UsageError(f"protocol {protocol!r} is none of {', '.join(PROTOCOLS)}")
    rule = recipe.decode.get("threshold", Decode.threshold)
    if protocol == "paper":
        return replace(recipe, decode={**recipe.decode, "threshold": "paper"}, choose={})
    if rule == "paper":
        return replace(recipe, decode={**recipe.decode, "threshold": "learned"})
    return recipe


def run_fold(
    recipe: Recipe,
    samples: Mapping[str, Sample],
    fold: Fold,
    protocols: Sequence[str] = PROTOCOLS,
    share: float = SHARE,
) -> list[Judged]:
    """Learn on the training side, spot the test side; one entry per protocol, in their order.

    ``samples`` by recording id; recordings of the fold that have none could not be used, are not
    learned from and get no spots. Raises ValueError, before anything is learned, if a subject
    stands on both sides, whether or not the fold was told whose the recordings are.
    """
    ready = {protocol: under(recipe, protocol) for protocol in protocols}
    test = [samples[name] for name in fold.test if name in samples]
    training = [samples[name] for name in fold.train if name in samples]
    check_disjoint(training, test)
    watch = _BestOnTest(ready["paper"], test, training) if "paper" in ready else None
    learned = learn(under(recipe, "default"), training, share, watch)
    judged = []
    for protocol in protocols:
        if protocol == "paper":
            assert watch is not None
            judged.append(watch.judged(learned))
        else:
            judged.append(_inside(learned, test))
    return judged


def _inside(learned: Learned, test: Sequence[Sample]) -> Judged:
    begin = time.process_time()
    scores = score_samples(learned.recipe, learned.weights, test)
    size = sum(np.asarray(array).nbytes for array in learned.weights.values())
    cost = Cost(sum(c.n_frames for c in scores), time.process_time() - begin, size)
    config = _decode_config(learned.recipe)
    facts = {
        "epoch": learned.epoch,
        "threshold": learned.threshold if config.threshold == "learned" else config.value,
        "weights_sha256": weights_hash(learned.weights),
        "look": None,
        "look_sha256": None,
    }
    judged = _judged("default", learned, (config, learned.threshold), (test, scores), facts)
    return replace(judged, cost=cost)


class _BestOnTest:
    """Looks at the test side whenever the scorer offers to, keeps the best look: the paper's way.

    What is offered are epochs; of several networks, or of the members of ``fusion``, each one's in
    turn and by itself; scorers without epochs may offer values of a field instead (C of an SVM).
    The best look has the highest pooled F1 by the paper's rule; where the test subject has no
    micro-expression, the fewest false alarms. Of equals the earlier.
    """

    def __init__(self, recipe: Recipe, test: Sequence[Sample], training: Sequence[Sample]) -> None:
        self._config = _decode_config(recipe)
        self._test, self._training = test, training
        self._looks, self._best_look, self._best = 0, 0, -math.inf
        self._scores: list[FrameSeries] = []
        self._print = ""

    def __call__(self, score: Score) -> None:
        self._looks += 1
        scores = [score(s.series) for s in self._test]
        spots = [decode(c, self._config, None, s.found) for c, s in zip(scores, self._test)]
        counts = pooled(self._test, spots, Rule("apex"))
        result = counts.f1 if counts.tp + counts.fn else -float(counts.fp)
        if result > self._best:
            self._best, self._best_look, self._scores = result, self._looks, scores
            # A look is a function, not weights: what it says of fixed rows tells it from others.
            values = np.ascontiguousarray(score(self._probe).values)
            self._print = hashlib.sha256(values.tobytes()).hexdigest()

    @cached_property
    def _probe(self) -> FrameSeries:
        """The first rows of the first training recording that has any: the same for every look."""
        series = max(self._training, key=lambda s: len(s.series) > 0).series
        return series.with_values(series.values[:_PROBE_ROWS], series.names)

    def judged(self, learned: Learned) -> Judged:
        """The best look; that of the final weights for scorers that offer nothing to choose."""
        facts: dict[str, Any] = {
            "epoch": -1, "look": None, "look_sha256": None, "weights_sha256": None
        }  # fmt: skip
        scores = self._scores
        if self._looks:
            facts["epoch"] = _epoch_of(learned.recipe, self._best_look)
            facts["look"], facts["look_sha256"] = self._best_look, self._print
        else:
            scores = score_samples(learned.recipe, learned.weights, self._test)
            facts["weights_sha256"] = weights_hash(learned.weights)
        facts["threshold"] = {
            s.id: self._config.threshold_for(c, None, s.found) for s, c in zip(self._test, scores)
        }
        return _judged("paper", learned, (self._config, None), (self._test, scores), facts)


def _epoch_of(recipe: Recipe, look: int) -> int:
    """The epoch of the n-th look, -1 if the scorer has none of its own.

    Of several networks each is looked at in turn.
    """
    scorer = registry.build("scorers", recipe.scorer)
    epochs, every = getattr(scorer, "epochs", 0), getattr(scorer, "check_every", 1)
    if not epochs:
        return -1
    looks = math.ceil(epochs / every)
    return int(min(((look - 1) % looks + 1) * every, epochs))


def _judged(
    protocol: str,
    learned: Learned,
    rule: tuple[Decode, float | None],
    tested: tuple[Sequence[Sample], Sequence[FrameSeries]],
    facts: dict[str, Any],
) -> Judged:
    config, threshold = rule
    test, scores = tested
    pairs = list(zip(test, scores, strict=True))
    digest = hashlib.sha256()
    for sample, curve in pairs:
        digest.update(sample.id.encode() + np.ascontiguousarray(curve.values).tobytes())
    return Judged(
        protocol,
        {s.id: decode(c, config, threshold, s.found) for s, c in pairs},
        {s.id: candidates(c, config, s.found) for s, c in pairs},
        {s.id: c for s, c in pairs},
        {
            **facts,
            "decode": asdict(config),
            "inner_subjects": list(learned.held),
            "scores_sha256": digest.hexdigest(),
            "seed": learned.recipe.seed,
        },
    )


def weights_hash(weights: Weights) -> str:
    """SHA-256 of names, types, shapes and bytes of all arrays."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        array = np.ascontiguousarray(weights[name])
        digest.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _decode_config(recipe: Recipe) -> Decode:
    config: Decode = make_dataclass(Decode, recipe.decode, where="decode")
    return config
