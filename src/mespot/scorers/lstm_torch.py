"""Training of the LSTM with PyTorch; scoring does not need this file.

A gradient step takes slices of several recordings, each long enough for a few dozen windows, so
that memory does not grow with the recordings' length and a step sees more than one face. The first
window's row is drawn anew for every recording and epoch: with a stride above 1 all windows are
still seen as epochs go by. Everything random comes from one seeded generator of our own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from mespot.scorers.torch_training import Arrays, Best, Judge, arrays, glorot, rate_in, threads
from mespot.scorers.ready_rows import ReadyRows
from mespot.scorers._recurrence import window_scores

if TYPE_CHECKING:
    from mespot.scorers.lstm import Lstm

# A slice holds at least this many times M rows beyond its first window: what neighbouring slices
# share, and project twice, stays a small part.
_ROWS_PER_WINDOW = 4


@dataclass(frozen=True)
class Material:
    """Normalised rows (n_i, d) and labels (n_i,) of the training recordings."""

    rows: Sequence[NDArray[np.float32]]
    labels: Sequence[NDArray[np.float32]]


def initial(d: int, units: int, rng: np.random.Generator) -> Arrays:
    """Weights as Keras starts them: Glorot uniform, orthogonal recurrence, forget bias 1."""

    q, r = np.linalg.qr(rng.standard_normal((4 * units, units)))
    b = np.zeros(4 * units, np.float32)
    b[units : 2 * units] = 1
    return {
        "w_x": glorot(rng, d, 4 * units),
        "w_h": (q * np.sign(np.diag(r))).T.astype(np.float32),
        "b": b,
        "dense_w": glorot(rng, units, 1),
        "dense_b": np.zeros(1, np.float32),
    }


def train(
    config: Lstm, material: Material, window: int, seed: int, judge: Judge | None
) -> tuple[Arrays, int]:
    """Weights after the best epoch by ``judge`` (after the last without one), and its number."""
    rng = np.random.default_rng(seed)
    with threads(config.threads):
        start = initial(material.rows[0].shape[1], config.units, rng)
        weights = {k: torch.from_numpy(v).requires_grad_(True) for k, v in start.items()}
        optimiser = torch.optim.Adam(
            weights.values(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        best = Best()
        room = _Room()
        for epoch in range(1, config.epochs + 1):
            for group in optimiser.param_groups:
                group["lr"] = rate_in(epoch, config.epochs, config.learning_rate, config.schedule)
            for rows, labels, valid in _batches(config, material, window, rng, room):
                optimiser.zero_grad(set_to_none=True)
                varied = _varied(config, rows, rng)
                _loss(config, weights, (varied, labels, valid), window, rng).backward()
                optimiser.step()
            if judge and (epoch % config.check_every == 0 or epoch == config.epochs):
                now = arrays(weights)
                best.offer(now, epoch, judge(now))
        if best.kept is None:
            return arrays(weights), config.epochs
        return best.kept, best.epoch


def run(weights: Arrays, window: int, sigmoid: bool, rows: NDArray[np.float32]) -> NDArray:
    """Scores of all windows of normalised rows (n, d): (n - window + 1, window), as ONNX gives."""
    tensors = {k: torch.from_numpy(v) for k, v in weights.items()}
    with torch.no_grad():
        scores = window_scores(torch.from_numpy(rows)[:, None], tensors, window)[:, :, 0]
        result: NDArray[np.float32] = (scores.sigmoid() if sigmoid else scores).t().numpy()
    return result


def _loss(
    config: Lstm,
    weights: dict[str, torch.Tensor],
    batch: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    window: int,
    rng: np.random.Generator,
) -> torch.Tensor:
    """Mean weighted loss over all positions of all windows that are real rows."""
    rows, labels, valid = batch
    stride = config.train_stride
    if config.dropout:
        weights = weights | {"keep": _keep(config, rows, window, rng)}
    scores = window_scores(rows, weights, window, stride)
    target = labels.unfold(0, window, stride).permute(2, 0, 1)
    real = valid.unfold(0, window, stride).permute(2, 0, 1)
    weight = real * (1 + (config.positive_weight - 1) * target)
    if config.loss == "bce":
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            scores, target, weight, reduction="sum"
        )
    else:
        loss = (weight * (scores - target) ** 2).sum()
    return loss / real.sum()


def _varied(config: Lstm, rows: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Rows (S, B, d) with fresh noise on them, so that single values cannot be learned by heart."""
    if not config.noise:
        return rows
    noise = rng.standard_normal(tuple(rows.shape), np.float32)
    return rows + torch.from_numpy(noise) * config.noise


def _keep(config: Lstm, rows: torch.Tensor, window: int, rng: np.random.Generator) -> torch.Tensor:
    """Dropout's mask over hidden units, one per window and unit, the same at all its positions."""
    columns = (1 + (len(rows) - window) // config.train_stride) * rows.shape[1]
    kept = rng.random((1, config.units, columns), np.float32) >= config.dropout
    return torch.from_numpy(kept.astype(np.float32) / (1 - config.dropout))


def _batches(
    config: Lstm,
    material: Material,
    window: int,
    rng: np.random.Generator,
    room: _Room | None = None,
) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """One epoch: rows (S, B, d), labels (S, B) and 1 where a row is real, 0 where padded.

    With ``room`` a batch's rows are there until the next batch only.
    """
    stride = config.train_stride
    per_slice = max(1, math.ceil(_ROWS_PER_WINDOW * window / stride))
    length = (per_slice - 1) * stride + window
    slices = []
    for r, rows in enumerate(material.rows):
        spare = max(len(rows) - window, 0)
        first = int(rng.integers(0, min(stride, spare + 1)))
        slices += [(r, a) for a in range(first, spare + 1, per_slice * stride)]
    order = rng.permutation(len(slices))[: math.ceil(config.epoch_share * len(slices))]
    per_batch = max(1, round(config.batch / per_slice))
    for at in range(0, len(order), per_batch):
        chosen = [slices[i] for i in order[at : at + per_batch]]
        # Short recordings need no slice of full length.
        longest = max(min(length, len(material.rows[r]) - a) for r, a in chosen)
        size = window + -(-max(longest - window, 0) // stride) * stride
        yield (
            torch.from_numpy(_stack(material.rows, chosen, size, room or _Room())),
            torch.from_numpy(_stack(material.labels, chosen, size, _Room())),
            torch.from_numpy(
                np.stack([np.arange(a, a + size) < len(material.rows[r]) for r, a in chosen], 1)
            ).float(),
        )


class _Room:
    """Memory that batches take turns in: a fresh array's pages cost as much as filling it."""

    def __init__(self) -> None:
        self._values = np.empty(0, np.float32)

    def take(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """A float32 array of this shape, not filled."""
        size = math.prod(shape)
        if self._values.size < size:
            self._values = np.empty(size, np.float32)
        return self._values[:size].reshape(shape)


def _stack(
    series: Sequence[NDArray[np.float32]],
    chosen: Sequence[tuple[int, int]],
    size: int,
    room: _Room,
) -> NDArray[np.float32]:
    """Slices of the series side by side, (size, B, ...), each lengthened by its last row."""
    out = room.take((size, len(chosen), *series[0].shape[1:]))
    for column, (r, a) in enumerate(chosen):
        rows = series[r]
        if isinstance(rows, ReadyRows):
            count = rows.read(slice(a, a + size), out, column)
        else:
            count = len(rows[a : a + size])
            out[:count, column] = rows[a : a + size]
        out[count:, column] = out[count - 1, column]
    return out
