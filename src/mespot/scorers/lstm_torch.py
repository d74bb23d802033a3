"""Training of the LSTM with PyTorch; scoring does not need this file.

A gradient step takes slices of several recordings, each long enough for a few dozen windows, so
memory does not grow with the recordings' length and a step sees more than one face. The first
window's row is drawn anew for every recording and epoch: with a stride above 1 all windows are
still seen as epochs go by. Everything random comes from one seeded generator of our own.

M-fold overlapping windows share their rows, and the input projection x · W depends on the row
alone. So every row is projected once, and at step t all windows read their row t from the
projection as one contiguous slice; backward, the same slices collect the gradient. Layout: gates
(4K) first, columns second, so that a slice is long contiguous rows. Values and gradients equal
those of ``torch.nn.LSTM`` run on every window by itself (tested).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mespot.scorers.ready_rows import ReadyRows
from mespot.scorers.torch_training import Arrays, Best, Judge, arrays, glorot, one_thread, rate_in


class LstmFields(Protocol):
    """The fields of :class:`mespot.scorers.lstm.Lstm` that training reads."""

    @property
    def units(self) -> int: ...
    @property
    def epochs(self) -> int: ...
    @property
    def learning_rate(self) -> float: ...
    @property
    def schedule(self) -> Literal["steady", "cosine"]: ...
    @property
    def batch(self) -> int: ...
    @property
    def train_stride(self) -> int: ...
    @property
    def epoch_share(self) -> float: ...
    @property
    def loss(self) -> Literal["mse", "bce"]: ...
    @property
    def positive_weight(self) -> float: ...
    @property
    def weight_decay(self) -> float: ...
    @property
    def dropout(self) -> float: ...
    @property
    def noise(self) -> float: ...
    @property
    def check_every(self) -> int: ...


# A slice holds at least this many times M rows beyond its first window: what neighbouring slices
# share, and project twice, stays a small part.
_ROWS_PER_WINDOW = 4


@dataclass(frozen=True)
class TrainingSet:
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


def train_network(
    config: LstmFields, training_set: TrainingSet, window: int, seed: int, judge: Judge | None
) -> tuple[Arrays, int]:
    """Weights after the best epoch by ``judge`` (after the last without one), and its number."""
    rng = np.random.default_rng(seed)
    with one_thread():
        start = initial(training_set.rows[0].shape[1], config.units, rng)
        weights = {k: torch.from_numpy(v).requires_grad_(True) for k, v in start.items()}
        optimiser = torch.optim.Adam(
            weights.values(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        best = Best()
        room = _Room()
        for epoch in range(1, config.epochs + 1):
            for group in optimiser.param_groups:
                group["lr"] = rate_in(epoch, config.epochs, config.learning_rate, config.schedule)
            for rows, labels, valid in _batches(config, training_set, window, rng, room):
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


def run_network(weights: Arrays, window: int, sigmoid: bool, rows: NDArray[np.float32]) -> NDArray:
    """Scores of all windows of normalised rows (n, d): (n - window + 1, window), as ONNX gives."""
    tensors = {k: torch.from_numpy(v) for k, v in weights.items()}
    with torch.no_grad():
        scores = window_scores(torch.from_numpy(rows)[:, None], tensors, window)[:, :, 0]
        result: NDArray[np.float32] = (scores.sigmoid() if sigmoid else scores).t().numpy()
    return result


def _loss(
    config: LstmFields,
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


def _varied(config: LstmFields, rows: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Rows (S, B, d) with fresh noise on them, so that single values cannot be learned by heart."""
    if not config.noise:
        return rows
    noise = rng.standard_normal(tuple(rows.shape), np.float32)
    return rows + torch.from_numpy(noise) * config.noise


def _keep(
    config: LstmFields, rows: torch.Tensor, window: int, rng: np.random.Generator
) -> torch.Tensor:
    """Dropout's mask over hidden units, one per window and unit, the same at all its positions."""
    columns = (1 + (len(rows) - window) // config.train_stride) * rows.shape[1]
    kept = rng.random((1, config.units, columns), np.float32) >= config.dropout
    return torch.from_numpy(kept.astype(np.float32) / (1 - config.dropout))


def _batches(
    config: LstmFields,
    training_set: TrainingSet,
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
    for r, rows in enumerate(training_set.rows):
        spare = max(len(rows) - window, 0)
        first = int(rng.integers(0, min(stride, spare + 1)))
        slices += [(r, a) for a in range(first, spare + 1, per_slice * stride)]
    order = rng.permutation(len(slices))[: math.ceil(config.epoch_share * len(slices))]
    per_batch = max(1, round(config.batch / per_slice))
    for at in range(0, len(order), per_batch):
        chosen = [slices[i] for i in order[at : at + per_batch]]
        # Short recordings need no slice of full length.
        longest = max(min(length, len(training_set.rows[r]) - a) for r, a in chosen)
        size = window + -(-max(longest - window, 0) // stride) * stride
        yield (
            torch.from_numpy(_stack(training_set.rows, chosen, size, room or _Room())),
            torch.from_numpy(_stack(training_set.labels, chosen, size, _Room())),
            torch.from_numpy(
                np.stack([np.arange(a, a + size) < len(training_set.rows[r]) for r, a in chosen], 1)
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


# All windows at once, forward and backward.


def phases(projection: Tensor, stride: int) -> Tensor:
    """Projected rows (S, B, 4K) -> (4K, stride, S / stride · B): rows of one phase lie together.

    With windows every ``stride`` rows, step t reads rows t, t + stride, ...: all of one phase.
    S must be a multiple of ``stride``.
    """
    s, b, k4 = projection.shape
    shaped = projection.view(s // stride, stride, b, k4)
    return shaped.permute(3, 1, 0, 2).reshape(k4, stride, -1)


class Recurrence(torch.autograd.Function):
    """Hidden states of all windows at all M positions, (M, K, N), from the phased projection.

    Arguments: ``p`` (4K, stride, Q) from :func:`phases`, ``w`` (K, 4K) recurrent weights, gates in
    the order input, forget, cell, output; ``window`` M; ``batch`` B. N = windows per slice · B, the
    slice's number coming last.
    """

    @staticmethod
    def forward(ctx: Any, p: Tensor, w: Tensor, window: int, batch: int) -> Tensor:
        k4, stride, q = p.shape
        k = k4 // 4
        n = q - (window - 1) // stride * batch
        gates = p.new_empty(window, k4, n)
        cells, tanhs, hidden = (p.new_empty(window, k, n) for _ in range(3))
        wt = w.t().contiguous()
        for t in range(window):
            g = gates[t]
            at = _columns(t, stride, n, batch)
            if t:
                torch.addmm(p[:, t % stride, at], wt, hidden[t - 1], out=g)
            else:
                g.copy_(p[:, 0, at])
            g[: 2 * k].sigmoid_()
            g[2 * k : 3 * k].tanh_()
            g[3 * k :].sigmoid_()
            torch.mul(g[:k], g[2 * k : 3 * k], out=cells[t])
            if t:
                cells[t].addcmul_(g[k : 2 * k], cells[t - 1])
            torch.tanh(cells[t], out=tanhs[t])
            torch.mul(g[3 * k :], tanhs[t], out=hidden[t])
        ctx.save_for_backward(w.contiguous(), gates, cells, tanhs, hidden)
        ctx.shape = (p.shape, window, batch)
        return hidden

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None, None]:
        w, gates, cells, tanhs, hidden = ctx.saved_tensors
        shape, window, batch = ctx.shape
        k, n = hidden.shape[1:]
        grad_p = gates.new_zeros(shape)
        grad_w = torch.zeros_like(w)
        # d sigma = s (1 - s), d tanh = 1 - s^2, for all steps at once.
        slopes = gates * (1 - gates)
        u = gates[:, 2 * k : 3 * k]
        slopes[:, 2 * k : 3 * k] = 1 - u * u
        tanh_slopes = gates[:, 3 * k :] * (1 - tanhs * tanhs)
        grad_g = gates.new_empty(4 * k, n)
        grad_c = gates.new_zeros(k, n)
        grad_h = grads[0][window - 1].clone()
        for t in range(window - 1, -1, -1):
            g = gates[t]
            grad_c.addcmul_(grad_h, tanh_slopes[t])
            torch.mul(grad_c, g[2 * k : 3 * k], out=grad_g[:k])
            if t:
                torch.mul(grad_c, cells[t - 1], out=grad_g[k : 2 * k])
            else:
                grad_g[k : 2 * k] = 0
            torch.mul(grad_c, g[:k], out=grad_g[2 * k : 3 * k])
            torch.mul(grad_h, tanhs[t], out=grad_g[3 * k :])
            grad_g *= slopes[t]
            grad_p[:, t % shape[1], _columns(t, shape[1], n, batch)] += grad_g
            if t:
                grad_w.addmm_(hidden[t - 1], grad_g.t())
                torch.addmm(grads[0][t - 1], w, grad_g, out=grad_h)
                grad_c *= g[k : 2 * k]
        return grad_p, grad_w, None, None


def _columns(t: int, stride: int, n: int, batch: int) -> slice:
    """Where step t of all windows lies within its phase."""
    start = t // stride * batch
    return slice(start, start + n)


def window_scores(rows: Tensor, weights: dict[str, Tensor], window: int, stride: int = 1) -> Tensor:
    """Linear scores of all windows of B slices: rows (S, B, d) -> (M, windows, B).

    ``weights``: w_x (d, 4K), w_h (K, 4K), b (4K,), dense_w (K, 1), dense_b (1,), and, where hidden
    units are to be dropped, keep (M, K, N) to multiply them with.
    """
    s, b, d = rows.shape
    count = 1 + (s - window) // stride
    length = -(-((count - 1) * stride + window) // stride) * stride
    projection = torch.addmm(weights["b"], rows.reshape(s * b, d), weights["w_x"]).view(s, b, -1)
    if length > s:
        projection = torch.nn.functional.pad(projection, (0, 0, 0, 0, 0, length - s))
    p = phases(projection[:length], stride)
    hidden = Recurrence.apply(p, weights["w_h"], window, b)
    if "keep" in weights:
        hidden = hidden * weights["keep"]
    scores = torch.matmul(weights["dense_w"].t(), hidden)[:, 0] + weights["dense_b"]
    return scores[:, : count * b].reshape(window, count, b)
