"""What the small networks (TCN, transformer) share: their fields, how they learn and score."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from mespot import onnx_runtime
from mespot.contracts import LearnedScorer, Quality, Weights
from mespot.errors import UsageError
from mespot.scorers import checks, normalise, ready_rows, resample
from mespot.types import Expression, FrameSeries
from mespot_lab.networks.slices import HEADS, Targets, TrainingRows, in_pieces

if TYPE_CHECKING:
    from mespot_lab.networks.network_torch import RowModule

Rows = NDArray[np.float32]
# A row counts 1 + (this - 1) · label in its head.
_POSITIVE_WEIGHT = 3.0


@dataclass(frozen=True)
class Network(LearnedScorer):
    """Fields, ``fit`` and ``score`` of every small network; see docs/scorers/tcn.md."""

    training_needs: ClassVar[tuple[str, ...]] = ("torch", "onnx")
    called: ClassVar[str]

    label: Literal["overlap", "apex"] = "overlap"
    label_s: float = 0.3
    channels: int = 32
    networks: int = 1
    epochs: int = 20
    learning_rate: float = 0.003
    batch: int = 1024
    slice_rows: int = 128
    hard_weight: float = 1.0
    auxiliary: float = 0.5
    dropout: float = 0.2
    noise: float = 0.4
    stretch: float = 0.0
    amplitude: float = 0.0
    check_every: int = 2

    def __post_init__(self) -> None:
        ones = ("channels", "networks", "epochs", "batch", "slice_rows", "check_every")
        for name in ones:
            self._require(name, getattr(self, name) >= 1, "at least 1")
        for name in ("learning_rate", "hard_weight"):
            self._require(name, getattr(self, name) > 0, "above 0")
        for name in ("noise", "stretch", "amplitude", "auxiliary"):
            self._require(name, getattr(self, name) >= 0, "at least 0")
        self._require("dropout", 0 <= self.dropout < 1, "from 0 to below 1")
        self._require("label_s", self.label_s > 0, "above 0")

    def _require(self, name: str, good: bool, what: str) -> None:
        if not good:
            raise UsageError(
                f"scorer {self.called}: {name} = {getattr(self, name)}: must be {what}"
            )

    @abstractmethod
    def module(self, d: int, heads: int, rate: float, seed: int) -> RowModule:
        """The network for d columns and so many rows per second, with its first weights."""

    @property
    def targets(self) -> Targets:
        """What the heads learn."""
        return Targets(self.label, self.label_s, _POSITIVE_WEIGHT, self.hard_weight, self.auxiliary)

    def epoch_of(self, checkpoint: int) -> int:
        """The epoch of the n-th checkpoint; each of several networks is looked at in turn."""
        each = -(-self.epochs // self.check_every)
        return min(((checkpoint - 1) % each + 1) * self.check_every, self.epochs)

    def fit(
        self,
        series: Sequence[FrameSeries],
        truth: Sequence[Sequence[Expression]],
        seed: int,
        quality: Quality | None = None,
    ) -> Weights:
        """Learn from recordings; see :class:`mespot.contracts.Scorer`.

        Returns
        -------
        dict of arrays
            ``mean``, ``std`` (d,), ``steps``, ``radius`` of the normalisation; ``rate`` in rows per
            second; ``receptive_field`` in rows to either side; ``epoch`` that the weights are of
            (the latest of several networks), counted from 1; ``onnx`` bytes of the mean of all
            networks.

        Raises
        ------
        UsageError
            If the series differ in columns or rate, or no row has a positive label.
        MespotError
            If PyTorch or onnx is not installed.
        """
        rate = checks.common_rate(self.called, series)
        torch_side = _torch_side(self.called)
        wanted = [self.targets.of(s, t) for s, t in zip(series, truth, strict=True)]
        checks.some_label(self.called, [w[:, 0, 0] for w in wanted])
        filled = [s.values for s in series if len(s)]
        normaliser = normalise.fit_normaliser(filled, ("zscore",), 1)
        ready = ready_rows.keeper(normaliser, filled)
        training = TrainingRows([ready(v) for v in filled], [w for w in wanted if len(w)])
        judge = _judge(torch_side, ready, quality) if quality else None
        modules, epochs = [], []
        for number in range(self.networks):
            module = self.module(
                filled[0].shape[1], training.targets[0].shape[2], rate, seed + number
            )
            epochs.append(torch_side.train(self, module, training, judge))
            modules.append(module)
        numbers = {
            "radius": 1, "receptive_field": modules[0].receptive_field, "epoch": max(epochs)
        }  # fmt: skip
        return {
            "mean": normaliser.mean,
            "std": normaliser.std,
            "steps": np.array(("zscore",), dtype="U16"),
            **{name: np.array(value, np.int64) for name, value in numbers.items()},
            "rate": np.array(rate),
            "onnx": np.frombuffer(torch_side.export(modules, filled[0].shape[1]), np.uint8),
        }

    def score(self, series: FrameSeries, weights: Mapping[str, NDArray[Any]]) -> FrameSeries:
        """One score per row: the micro head of :meth:`heads`.

        Raises UsageError and MespotError as :meth:`heads` does.
        """
        return series.with_values(self.heads(series, weights).values[:, :1], ("score",))

    def heads(self, series: FrameSeries, weights: Mapping[str, NDArray[Any]]) -> FrameSeries:
        """The output of every head at every row, (n, heads), by ONNX Runtime: micro, macro, blink.

        Rows of another rate than the weights were learned at are brought to it, and the scores back
        to the rows. Needs memory for a piece of the series only.

        Raises
        ------
        UsageError
            If the series has other columns than the weights were learned on.
        MespotError
            If the weights are not those of this scorer.
        """
        normaliser = checks.normaliser_for(
            self.called, series, weights, ("receptive_field", "rate", "onnx")
        )
        factor = resample.ratio(float(weights["rate"]), float(series.fps / series.step))
        rows = resample.resampled(series.values, factor)
        out = in_pieces(
            lambda x: onnx_runtime.run(weights["onnx"], x),
            lambda a, b: normaliser.rows(rows, a, b),
            rows.shape,
            int(weights["receptive_field"]),
        )
        back = [resample.restored(out[:, i], len(series), factor) for i in range(out.shape[1])]
        return series.with_values(np.stack(back, 1).astype(np.float32), HEADS[: len(back)])


def _judge(
    torch_side: ModuleType, ready: Callable[[Any], Any], quality: Quality
) -> Callable[[RowModule], float]:
    """``quality`` as a function of a network; ``ready`` normalises rows."""
    # The recordings to judge by are the same in every epoch: normalise them once.
    known: dict[int, tuple[FrameSeries, Any]] = {}

    def judge(module: RowModule) -> float:
        def score(series: FrameSeries) -> FrameSeries:
            if id(series) not in known:
                known[id(series)] = (series, ready(series.values))
            rows = known[id(series)][1]
            out = in_pieces(
                lambda x: torch_side.run(module, x),
                lambda a, b: rows[a:b],
                rows.shape,
                module.receptive_field,
            )
            return series.with_values(out[:, :1].astype(np.float32), ("score",))

        return float(quality(score))

    return judge


def _torch_side(name: str) -> ModuleType:
    with checks.training_needs(name):
        from mespot_lab.networks import network_torch
    return network_torch
