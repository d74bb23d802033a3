"""The paper's scorer: an LSTM and a dense layer over windows of M descriptor rows.

Section "Long-short term memory for ME spotting" of the paper: LSTM(20) and Dense(1) at each of the
M positions of every window; labels by Eq. 1 or Eq. 2; overlapping windows merged. Loss, optimiser
and batch are not given there: here Adam on a loss over all positions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from mespot import onnx_runtime
from mespot.contracts import LearnedScorer, Quality, Weights
from mespot.errors import UsageError
from mespot.labels import label_scores
from mespot.scorers import checks, lstm_onnx, normalise, ready_rows, resample
from mespot.scorers.normalise import Normaliser
from mespot.types import Expression, FrameSeries
from mespot.windows import MeanMerge, PeakMerge, n_windows, pad

_Arrays = dict[str, NDArray[np.float32]]
_NETWORK = ("w_x", "w_h", "b", "dense_w", "dense_b")
# Half width of the normalisation step ``difference``.
_DIFFERENCE_S = 0.36
# So many windows at a time keep the gates within the processor's cache, and memory small.
_WINDOWS_AT_ONCE = 512
_VALUES_AT_ONCE = 16_000_000


@dataclass(frozen=True)
class Lstm(LearnedScorer):
    """The paper's LSTM(20) + Dense(1) over windows of M rows.

    Parameters
    ----------
    label : {"overlap", "apex"}
        Eq. 1 or Eq. 2.
    label_s : float or None
        Length of the labels in seconds, about the row's middle; None: the descriptor's span L.
    window : int or None
        M in rows; None: ``window_s`` seconds.
    window_s : float
    units, epochs, learning_rate : int, int, float
        Of the LSTM and of Adam.
    schedule : {"steady", "cosine"}
        Whether the learning rate stays or falls towards 0 over the epochs.
    networks : int
        So many networks are learned from different starts, and their mean scores; 1 is the paper's.
    batch : int
        Windows per gradient step, about; they come as slices of several recordings.
    train_stride : int
        Rows from one training window to the next; scoring always uses 1.
    epoch_share : float
        Share of all training slices that an epoch takes, drawn anew every time: where recordings
        are many and long, an epoch need not see every row of them.
    loss : {"mse", "bce"}
        Squared error of a linear output, or cross-entropy of a sigmoid one with the soft label.
    positive_weight : float
        A position's loss counts 1 + (positive_weight - 1) · label times.
    normalise : tuple of "difference" and "zscore"
        Steps in order, see :mod:`mespot.scorers.normalise`; empty: none.
    merge : {"mean", "nms"}
        How overlapping windows become one score per row, see :mod:`mespot.windows`.
    weight_decay, dropout, noise : float
        L2 term of Adam; part of the hidden units dropped before the dense layer; deviation of
        noise on the normalised rows. All in training only.
    check_every : int
        Epochs between two checkpoints, which ``quality`` judges.
    """

    training_needs: ClassVar[tuple[str, ...]] = ("torch", "onnx")

    label: Literal["overlap", "apex"] = "overlap"
    label_s: float | None = None
    window: int | None = None
    window_s: float = 1.2
    units: int = 20
    networks: int = 1
    epochs: int = 40
    learning_rate: float = 0.003
    schedule: Literal["steady", "cosine"] = "steady"
    batch: int = 256
    train_stride: int = 5
    epoch_share: float = 1.0
    loss: Literal["mse", "bce"] = "mse"
    positive_weight: float = 3.0
    normalise: tuple[Literal["difference", "zscore"], ...] = ("difference", "zscore")
    merge: Literal["mean", "nms"] = "mean"
    weight_decay: float = 0.0
    dropout: float = 0.0
    noise: float = 0.0
    check_every: int = 1

    def __post_init__(self) -> None:
        counted = ("units", "networks", "epochs", "batch", "train_stride", "check_every")
        for name in counted:
            if getattr(self, name) < 1:
                raise UsageError(f"scorer lstm: {name} = {getattr(self, name)}: must be at least 1")
        for name in ("window_s", "learning_rate", "positive_weight"):
            if not getattr(self, name) > 0:
                raise UsageError(f"scorer lstm: {name} = {getattr(self, name)}: must be above 0")
        if self.label_s is not None and not self.label_s > 0:
            raise UsageError(f"scorer lstm: label_s = {self.label_s}: must be above 0")
        if self.window is not None and self.window < 1:
            raise UsageError(f"scorer lstm: window = {self.window}: must be at least 1")
        if not 0 < self.epoch_share <= 1:
            raise UsageError(
                f"scorer lstm: epoch_share = {self.epoch_share}: must be above 0 and at most 1"
            )
        if not 0 <= self.dropout < 1 or min(self.weight_decay, self.noise) < 0:
            raise UsageError("scorer lstm: need 0 <= dropout < 1, weight_decay >= 0 and noise >= 0")

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
        dict of arrays, with K the units of all networks
            ``w_x`` (d, 4K), ``w_h`` (K, 4K), ``b`` (4K,) with gates in the order input, forget,
            cell, output; ``dense_w`` (K, 1), ``dense_b`` (1,); ``mean``, ``std`` (d,); ``steps``,
            ``radius``, ``window``, ``span`` in rows and frames, ``rate`` in rows per second;
            ``epoch`` that the weights are of (the latest of several networks), counted from 1;
            ``sigmoid``; ``onnx`` bytes.

        Raises
        ------
        UsageError
            If the series differ in columns or rate, or no row has a positive label.
        MespotError
            If PyTorch or onnx is not installed.
        """
        rate = checks.common_rate("lstm", series)
        torch_side = _torch_side()
        window = self.window or max(1, round(self.window_s * rate))
        labels = [
            label_scores(s, e, self.label, self.label_s) for s, e in zip(series, truth, strict=True)
        ]
        checks.some_label("lstm", labels)
        radius = max(1, round(_DIFFERENCE_S * rate))
        filled = [s.values for s in series if len(s)]
        normaliser = normalise.fit_normaliser(filled, self.normalise, radius)
        ready = ready_rows.keeper(normaliser, filled)
        training_set = torch_side.TrainingSet(
            [ready(v) for v in filled], [la for la in labels if len(la)]
        )
        judge = self._judge(ready, window, quality) if quality else None
        learned = [
            torch_side.train_network(self, training_set, window, seed + i, judge)
            for i in range(self.networks)
        ]
        network, epoch = join_networks([n for n, _ in learned]), max(e for _, e in learned)
        sigmoid = self.loss == "bce"
        numbers = {"window": window, "span": series[0].span, "epoch": epoch, "radius": radius}
        return {
            **network,
            "mean": normaliser.mean,
            "std": normaliser.std,
            "steps": np.array(self.normalise, dtype="U16"),
            **{name: np.array(value, np.int64) for name, value in numbers.items()},
            "rate": np.array(rate),
            "sigmoid": np.array(sigmoid),
            "onnx": np.frombuffer(lstm_onnx.lstm_graph(network, window, sigmoid), np.uint8),
        }

    def epoch_of(self, checkpoint: int) -> int:
        """The epoch of the n-th checkpoint; those of several networks follow each other."""
        each = math.ceil(self.epochs / self.check_every)
        return min(((checkpoint - 1) % each + 1) * self.check_every, self.epochs)

    def score(self, series: FrameSeries, weights: Mapping[str, NDArray[Any]]) -> FrameSeries:
        """One score per row by ONNX Runtime; steps, window and rates are those of the weights.

        Rows of another rate than the weights were learned at are brought to it, and the scores back
        to the rows; a window fixed in rows is left alone, as in the paper's recipes. A series
        shorter than the window is one window, lengthened by its last row. Needs memory for a piece
        of the series only.

        Raises
        ------
        UsageError
            If the series has other columns than the weights were learned on.
        MespotError
            If the weights are not those of this scorer.
        """
        normaliser = checks.normaliser_for("lstm", series, weights, ("window", "onnx"))
        rate = float(series.fps / series.step)
        factor = 1.0 if self.window else resample.ratio(float(weights["rate"]), rate)
        rows = resample.resampled(series.values, factor)
        scored = self._scores(
            FrameSeries(rows, 0, 1, 1, len(rows), series.fps),
            normaliser,
            int(weights["window"]),
            lambda x: onnx_runtime.run(weights["onnx"], x),
        )
        scores = resample.restored(scored.values[:, 0], len(series), factor)
        return series.with_values(scores[:, None], ("score",))

    def _scores(
        self,
        series: FrameSeries,
        normaliser: Normaliser | None,
        window: int,
        network: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    ) -> FrameSeries:
        """Windows of all rows through the network, piece by piece, merged to one score per row.

        Without a normaliser the rows are normalised already.
        """
        n, d = series.values.shape
        merger = MeanMerge(n) if self.merge == "mean" else PeakMerge(n)
        count = n_windows(n, window)
        at_once = max(window, min(_WINDOWS_AT_ONCE, _VALUES_AT_ONCE // max(d, 1)))
        for first in range(0, count, at_once):
            stop = min(first + at_once, count) + window - 1
            if normaliser is None:
                rows = series.values[first : min(stop, n)]
            else:
                rows = normaliser.rows(series.values, first, min(stop, n))
            merger.add(network(pad(rows, window))[:, : min(window, n)], first)
        scores = np.nan_to_num(merger.result(), nan=0.0, posinf=0.0, neginf=0.0)
        return series.with_values(scores[:, None].astype(np.float32), ("score",))

    def _judge(
        self, ready: Callable[[Any], Any], window: int, quality: Quality
    ) -> Callable[[_Arrays], float]:
        """``quality`` as a function of the network's weights; ``ready`` normalises rows."""
        run = _torch_side().run_network
        sigmoid = self.loss == "bce"
        # The recordings to judge by are the same in every epoch: normalise them once.
        known: dict[int, tuple[FrameSeries, FrameSeries]] = {}

        def judge(network: _Arrays) -> float:
            def score(series: FrameSeries) -> FrameSeries:
                if id(series) not in known:
                    known[id(series)] = (series, series.with_values(ready(series.values)))
                return self._scores(
                    known[id(series)][1],
                    None,
                    window,
                    lambda x: run(network, window, sigmoid, x),
                )

            return float(quality(score))

        return judge


def join_networks(
    networks: Sequence[dict[str, NDArray[np.float32]]],
) -> dict[str, NDArray[np.float32]]:
    """Weights of the network whose linear score is the mean of the networks' linear scores.

    Parameters
    ----------
    networks : n dicts of ``w_x`` (d, 4K), ``w_h`` (K, 4K), ``b`` (4K,), ``dense_w`` (K, 1) and
        ``dense_b`` (1,), gates in the order input, forget, cell, output; all of one shape.

    Returns
    -------
    dict of the same names with n K units; a single network is returned as it is.
    """
    if len(networks) == 1:
        return dict(networks[0])
    n, units = len(networks), networks[0]["w_h"].shape[0]
    w_h = np.zeros((n, units, 4, n, units), np.float32)
    for i, network in enumerate(networks):
        w_h[i, :, :, i] = network["w_h"].reshape(units, 4, units)
    return {
        "w_x": _side_by_side([network["w_x"] for network in networks], units),
        "w_h": w_h.reshape(n * units, 4 * n * units),
        "b": _side_by_side([network["b"][None] for network in networks], units)[0],
        "dense_w": np.concatenate([network["dense_w"] for network in networks]) / np.float32(n),
        "dense_b": np.mean([network["dense_b"] for network in networks], axis=0, dtype=np.float32),
    }


def _side_by_side(columns: Sequence[NDArray[np.float32]], units: int) -> NDArray[np.float32]:
    """n arrays (r, 4K) -> (r, 4 n K): each gate's units of all networks together."""
    r = len(columns[0])
    by_gate = np.stack([c.reshape(r, 4, units) for c in columns], axis=2)
    return np.ascontiguousarray(by_gate.reshape(r, -1))


def _torch_side() -> Any:
    with checks.training_needs("lstm"):
        from mespot.scorers import lstm_torch
    return lstm_torch


PLUGIN = Lstm
