"""What the small networks (TCN, transformer) share: their fields, how they learn and score."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from mespot import onnx_runtime
from mespot.errors import UsageError
from mespot.scorers import checks, normalise, ready_rows, resample
from mespot_lab.networks import _pieces
from mespot_lab import platt
from mespot_lab.networks._ops import Ops
from mespot_lab.networks._targets import HEADS, Targets
from mespot.types import Expression, FrameSeries

Arrays = dict[str, NDArray[np.float32]]
Score = Callable[[FrameSeries], FrameSeries]
Quality = Callable[[Score], float]


class Built(Protocol):
    """A network with all lengths in rows."""

    @property
    def reach(self) -> int:
        """Rows that it looks at to either side of the row it speaks of."""

    def initial(self, d: int, heads: int, rng: np.random.Generator) -> Arrays:
        """Weights to start from, for d columns."""

    def forward(self, ops: Ops, x: Any) -> Any:
        """(n + 2 reach, d) rows to (n, heads) outputs."""


@dataclass(frozen=True)
class Network:
    """Fields, ``fit`` and ``score`` of every small network; see docs/scorers/tcn.md."""

    learns: ClassVar[bool] = True
    called: ClassVar[str]

    label: Literal["overlap", "apex"] = "overlap"
    label_s: float | None = 0.3
    channels: int = 32
    networks: int = 1
    epochs: int = 20
    learning_rate: float = 0.003
    schedule: Literal["steady", "cosine"] = "cosine"
    batch: int = 1024
    slice_rows: int = 128
    loss: Literal["mse", "bce"] = "mse"
    positive_weight: float = 3.0
    hard_weight: float = 1.0
    auxiliary: float = 0.5
    calibrate: bool = False
    normalise: tuple[Literal["difference", "zscore"], ...] = ("zscore",)
    difference_s: float = 0.36
    weight_decay: float = 0.01
    dropout: float = 0.2
    noise: float = 0.4
    stretch: float = 0.0
    amplitude: float = 0.0
    largest_step: float = 1.0
    check_every: int = 2
    threads: int = 1

    def __post_init__(self) -> None:
        ones = ("channels", "networks", "epochs", "batch", "slice_rows", "check_every", "threads")
        for name in ones:
            self._require(name, getattr(self, name) >= 1, "at least 1")
        for name in ("learning_rate", "positive_weight", "hard_weight", "largest_step"):
            self._require(name, getattr(self, name) > 0, "above 0")
        for name in (
            "weight_decay", "noise", "stretch", "amplitude", "difference_s", "auxiliary"
        ):  # fmt: skip
            self._require(name, getattr(self, name) >= 0, "at least 0")
        self._require("dropout", 0 <= self.dropout < 1, "from 0 to below 1")
        self._require("label_s", self.label_s is None or self.label_s > 0, "above 0")

    def _require(self, name: str, good: bool, what: str) -> None:
        if not good:
            raise UsageError(
                f"scorer {self.called}: {name} = {getattr(self, name)}: must be {what}"
            )

    @abstractmethod
    def built(self, rate: float) -> Built:
        """The network for so many rows per second."""

    @property
    def _targets(self) -> Targets:
        return Targets(
            self.label, self.label_s, self.positive_weight, self.hard_weight, self.auxiliary
        )

    def fit(
        self,
        series: Sequence[FrameSeries],
        truth: Sequence[Sequence[Expression]],
        seed: int,
        quality: Quality | None = None,
    ) -> dict[str, NDArray[Any]]:
        """Learn from recordings; see :mod:`mespot.scorers` for the contract.

        Returns
        -------
        dict of arrays
            ``mean``, ``std`` (d,), ``steps``, ``radius`` of the normalisation; ``rate`` in rows per
            second; ``reach`` in rows; ``epoch`` that the weights are of (the latest of several
            networks), counted from 1; ``slope``, ``offset`` of the calibration (NaN: none);
            ``onnx`` bytes of all networks and their mean.

        Raises
        ------
        UsageError
            If the series differ in columns or rate, or no row has a positive label.
        MespotError
            If PyTorch or onnx is not installed.
        """
        rate = checks.common_rate(self.called, series)
        torch_side, vary, ops_onnx = _torch_side(self.called)
        wanted = [self._targets.of(s, t) for s, t in zip(series, truth, strict=True)]
        checks.some_label(self.called, [w[:, 0, 0] for w in wanted])
        radius = max(1, round(self.difference_s * rate))
        filled = [s.values for s in series if len(s)]
        normaliser = normalise.learn(filled, self.normalise, radius)
        ready = ready_rows.keeper(normaliser, filled)
        material = vary.Material([ready(v) for v in filled], [w for w in wanted if len(w)])
        built, sigmoid = self.built(rate), self.loss == "bce"
        judge = self._judge(torch_side.run, built, ready, quality) if quality else None
        learned = [
            torch_side.train_network(self, built, material, seed + i, judge)
            for i in range(self.networks)
        ]
        onnx = ops_onnx.graph([n for n, _ in learned], built.forward, filled[0].shape[1], sigmoid)
        network = np.frombuffer(onnx, np.uint8)
        slope, offset = (
            self._calibration(network, material, built.reach) if self.calibrate else (np.nan,) * 2
        )
        numbers = {"radius": radius, "reach": built.reach, "epoch": max(e for _, e in learned)}
        return {
            "mean": normaliser.mean,
            "std": normaliser.std,
            "steps": np.array(self.normalise, dtype="U16"),
            **{name: np.array(value, np.int64) for name, value in numbers.items()},
            "rate": np.array(rate),
            "slope": np.array(slope),
            "offset": np.array(offset),
            "onnx": network,
        }

    def score(self, series: FrameSeries, weights: Mapping[str, NDArray[Any]]) -> FrameSeries:
        """One score per row: the micro head of :meth:`heads`, calibrated where the weights are.

        Raises UsageError and MespotError as :meth:`heads` does.
        """
        values = self.heads(series, weights).values[:, :1]
        if np.isfinite(weights["slope"]):
            values = platt.applied(values, float(weights["slope"]), float(weights["offset"]))
        return series.with_values(values, ("score",))

    def heads(self, series: FrameSeries, weights: Mapping[str, NDArray[Any]]) -> FrameSeries:
        """What every head says at every row, (n, heads), by ONNX Runtime: micro, macro, blink.

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
            self.called, series, weights, ("reach", "rate", "slope", "onnx")
        )
        factor = resample.ratio(float(weights["rate"]), float(series.fps / series.step))
        rows = resample.resampled(series.values, factor)
        said = _pieces.whole(
            lambda x: onnx_runtime.run(weights["onnx"], x),
            lambda a, b: normaliser.rows(rows, a, b),
            rows.shape,
            int(weights["reach"]),
        )
        back = [resample.restored(said[:, i], len(series), factor) for i in range(said.shape[1])]
        return series.with_values(np.stack(back, 1).astype(np.float32), HEADS[: len(back)])

    def _calibration(
        self, network: NDArray[np.uint8], material: Any, reach: int
    ) -> tuple[float, float]:
        """Slope and offset by which the scores of the training rows tell their labels best."""

        def said(rows: Any) -> NDArray[Any]:
            return _pieces.whole(
                lambda x: onnx_runtime.run(network, x), lambda a, b: rows[a:b], rows.shape, reach
            )[:, 0]

        return platt.learn(
            np.concatenate([said(rows) for rows in material.rows]),
            np.concatenate([t[:, 0, 0] for t in material.targets]),
        )

    def _judge(
        self,
        run: Callable[..., NDArray[np.float32]],
        built: Built,
        ready: Callable[[Any], Any],
        quality: Quality,
    ) -> Callable[[Arrays], float]:
        """``quality`` as a function of the network's weights; ``ready`` normalises rows."""
        # The recordings to judge by are the same in every epoch: normalise them once.
        known: dict[int, tuple[FrameSeries, Any]] = {}
        sigmoid = self.loss == "bce"

        def judge(network: Arrays) -> float:
            def score(series: FrameSeries) -> FrameSeries:
                if id(series) not in known:
                    known[id(series)] = (series, ready(series.values))
                rows = known[id(series)][1]
                said = _pieces.whole(
                    lambda x: run(built, network, sigmoid, x),
                    lambda a, b: rows[a:b],
                    rows.shape,
                    built.reach,
                )
                return series.with_values(said[:, :1].astype(np.float32), ("score",))

            return float(quality(score))

        return judge


def _torch_side(name: str) -> tuple[Any, Any, Any]:
    with checks.training_needs(name):
        from mespot_lab.networks import _network_torch, _ops_onnx, _vary
    return _network_torch, _vary, _ops_onnx
