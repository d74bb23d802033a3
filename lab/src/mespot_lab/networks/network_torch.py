"""The small networks as PyTorch modules: learning, and export with torch.onnx.

Scoring does not need this file. Everything random comes from one seeded generator of our own.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mespot.scorers.torch_training import glorot, one_thread, rate_in
from mespot_lab.networks.slices import TrainingFields, TrainingRows, Variation, batches

LARGEST_STEP = 1.0
"""Gradients are clipped to this norm."""
_OPSET = 17
_WEIGHT_DECAY = 0.01


class RowModule(nn.Module):
    """A network over rows: (B, n + 2 receptive_field, d) to (B, n, heads).

    Nothing is padded: a layer that looks k rows to either side gives 2 k rows fewer.
    """

    receptive_field: int

    def __init__(self, seed: int, dropout: float) -> None:
        super().__init__()
        self.rng = np.random.default_rng(seed)
        self._dropout = dropout

    def drop(self, x: Tensor) -> Tensor:
        """While learning, drop columns at random, the same ones in all rows of a slice."""
        if not self.training or not self._dropout:
            return x
        kept = self.rng.random((x.shape[0], 1, x.shape[2]), np.float32) >= self._dropout
        return x * torch.from_numpy(kept.astype(np.float32) / (1 - self._dropout))

    def linear(self, a: int, b: int) -> nn.Linear:
        """A linear layer with the first weights of Glorot and Bengio 2010, and a bias of 0."""
        # Torch's own first weights would draw from the generator of the whole process.
        layer = nn.utils.skip_init(nn.Linear, a, b)
        assert isinstance(layer, nn.Linear)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(glorot(self.rng, a, b).T))
            layer.bias.zero_()
        return layer


class TcnModule(RowModule):
    """linear -> [x + relu(dilated convolution(layer norm x))] per dilation -> layer norm -> heads.

    The layer norm removes the size of a movement: a convolution answers to its shape, and a
    macro-expression ten times as large is not ten times as much of a micro-expression.
    """

    TAPS = 3

    def __init__(
        self, d: int, heads: int, channels: int, dilations: Sequence[int], seed: int, dropout: float
    ) -> None:
        super().__init__(seed, dropout)
        self.receptive_field = sum(dilations) * (self.TAPS - 1) // 2
        self._dilations = tuple(dilations)
        self.first = self.linear(d, channels)
        self.convolutions = nn.ModuleList(self._convolution(channels, k) for k in dilations)
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in dilations)
        self.last = self.linear(channels, heads)
        self.last_norm = nn.LayerNorm(channels)

    def _convolution(self, channels: int, dilation: int) -> nn.Conv1d:
        layer = nn.utils.skip_init(nn.Conv1d, channels, channels, self.TAPS, dilation=dilation)
        assert isinstance(layer, nn.Conv1d)
        start = glorot(self.rng, self.TAPS * channels, channels)
        with torch.no_grad():
            taps = start.reshape(self.TAPS, channels, channels).transpose(2, 1, 0)
            layer.weight.copy_(torch.from_numpy(np.ascontiguousarray(taps)))
            assert layer.bias is not None
            layer.bias.zero_()
        return layer

    def forward(self, x: Tensor) -> Tensor:
        x = self.drop(self.first(x))
        for dilation, convolution, norm in zip(self._dilations, self.convolutions, self.norms):
            y = convolution(norm(x).transpose(1, 2)).transpose(1, 2)
            x = x[:, dilation : x.shape[1] - dilation] + self.drop(torch.relu(y))
        out: Tensor = self.last(self.last_norm(x))
        return out


class TransformerModule(RowModule):
    """linear -> [attention over the rows around, two linear layers] per layer -> heads.

    Layer norm before each part (Xiong et al. 2020).
    """

    def __init__(
        self,
        d: int,
        heads: int,
        channels: int,
        attention: tuple[int, Sequence[int]],
        seed: int,
        dropout: float,
    ) -> None:
        super().__init__(seed, dropout)
        attention_heads, halves = attention
        self.receptive_field = sum(halves)
        self._halves = tuple(halves)
        places = [
            self.rng.normal(0, 0.1, (attention_heads, channels // attention_heads, 2 * h + 1))
            for h in halves
        ]
        self.first = self.linear(d, channels)
        self.layers = nn.ModuleList(
            AttentionLayer(self, channels, attention_heads, place.astype(np.float32))
            for place in places
        )
        self.last = self.linear(channels, heads)
        self.last_norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = self.drop(self.first(x))
        for half, layer in zip(self._halves, self.layers):
            assert isinstance(layer, AttentionLayer)
            x = x[:, half : x.shape[1] - half] + self.drop(layer.attend(x, half))
            x = x + self.drop(layer.widen(x))
        out: Tensor = self.last(self.last_norm(x))
        return out


class AttentionLayer(nn.Module):
    """Attention with relative positions (Shaw et al. 2018), and two linear layers."""

    def __init__(
        self, owner: RowModule, channels: int, heads: int, place: NDArray[np.float32]
    ) -> None:
        super().__init__()
        self._heads = heads
        self.query, self.key, self.value, self.out = (
            owner.linear(channels, channels) for _ in range(4)
        )
        self.up, self.down = (
            owner.linear(channels, 2 * channels),
            owner.linear(2 * channels, channels),
        )
        self.place = nn.Parameter(torch.from_numpy(place))
        self.before, self.between = nn.LayerNorm(channels), nn.LayerNorm(channels)

    def attend(self, x: Tensor, half: int) -> Tensor:
        """(B, n + 2 half, C) to (B, n, C): every row looks at the rows at most ``half`` away."""
        z = self.before(x)
        inner = z[:, half : z.shape[1] - half]
        # Gradients of windows that are gathered row by row are slow: learn on all pairs at once.
        form = attention_of_all_pairs if self.training else attention
        seen = form(self.query(inner), self.key(z), self.value(z), self.place)
        out: Tensor = self.out(seen)
        return out

    def widen(self, x: Tensor) -> Tensor:
        """Two linear layers with a wider one between."""
        out: Tensor = self.down(torch.relu(self.up(self.between(x))))
        return out


def attention(query: Tensor, key: Tensor, value: Tensor, place: Tensor) -> Tensor:
    """Every row's mean of the values around it, weighted by softmax over the rows around.

    Parameters
    ----------
    query : (B, n, C)
    key, value : (B, n + W - 1, C)
        Row i looks at rows i to i + W - 1 of these.
    place : (heads, C / heads, W)
        Keys of the W relative positions; softmax is taken of query · (key + place) /
        sqrt(C / heads).

    Returns
    -------
    (B, n, C)
    """
    q, k, v = _split(query, key, value, place)
    # (n, W): the rows around each row, as indices that the exporter can follow at any length.
    around = torch.arange(q.shape[2])[:, None] + torch.arange(place.shape[2])
    level = (q[:, :, :, None] * k[:, :, around]).sum(-1) + torch.matmul(q, place)
    weight = torch.softmax(level, dim=-1)
    return _joined((weight[..., None] * v[:, :, around]).sum(-2))


def attention_of_all_pairs(query: Tensor, key: Tensor, value: Tensor, place: Tensor) -> Tensor:
    """:func:`attention`, to rounding, from products of every row with every other.

    Needs (n, n + W - 1) numbers per head: quicker to learn with on short slices, too much for the
    pieces that are scored.
    """
    q, k, v = _split(query, key, value, place)
    level = torch.matmul(q, k.transpose(-1, -2)) + _as_band(torch.matmul(q, place))
    return _joined(torch.matmul(torch.softmax(level, dim=-1), v))


def _as_band(level: Tensor) -> Tensor:
    """(B, heads, n, W) to (B, heads, n, n + W - 1): row i moved i to the right, else -inf."""
    n, width = level.shape[2:]
    wide = nn.functional.pad(level, (0, n), value=-math.inf)
    return wide.flatten(2)[:, :, : n * (n + width - 1)].unflatten(2, (n, n + width - 1))


def _split(query: Tensor, key: Tensor, value: Tensor, place: Tensor) -> tuple[Tensor, ...]:
    """(B, rows, C) to (B, heads, rows, C / heads); the query is divided by sqrt(C / heads)."""
    heads, size, _ = place.shape
    q, k, v = (x.reshape(x.shape[0], -1, heads, size).transpose(1, 2) for x in (query, key, value))
    return q / math.sqrt(size), k, v


def _joined(seen: Tensor) -> Tensor:
    """(B, heads, n, C / heads) to (B, n, C)."""
    return seen.transpose(1, 2).flatten(2)


def train(
    config: TrainingFields,
    module: RowModule,
    training: TrainingRows,
    judge: Callable[[RowModule], float] | None,
) -> int:
    """Learn; the module ends at the best checkpoint by ``judge``, whose epoch is returned.

    Without a judge it ends at the last epoch.
    """
    rows = max(1, min(config.slice_rows, max(len(rows) for rows in training.rows)))
    vary = Variation(
        rows, module.receptive_field, max(1, round(config.batch / rows)), config.stretch,
        config.amplitude, config.noise,
    )  # fmt: skip
    parameters = list(module.parameters())
    best, best_epoch, kept = math.nan, 0, None
    with one_thread():
        optimiser = torch.optim.AdamW(
            parameters, lr=config.learning_rate, weight_decay=_WEIGHT_DECAY
        )
        for epoch in range(1, config.epochs + 1):
            for group in optimiser.param_groups:
                group["lr"] = rate_in(epoch, config.epochs, config.learning_rate, "cosine")
            module.train()
            for batch, targets in batches(vary, training, module.rng):
                optimiser.zero_grad(set_to_none=True)
                loss(module(torch.from_numpy(batch)), torch.from_numpy(targets)).backward()
                torch.nn.utils.clip_grad_norm_(parameters, LARGEST_STEP)
                optimiser.step()
            if judge and (epoch % config.check_every == 0 or epoch == config.epochs):
                now = judge(module)
                # The earlier of equals; a number is always better than NaN (nothing to judge by).
                if kept is None or now > best or math.isnan(best):
                    best, best_epoch = now, epoch
                    kept = {k: v.detach().clone() for k, v in module.state_dict().items()}
    if kept is None:
        return config.epochs
    module.load_state_dict(kept)
    return best_epoch


def loss(out: Tensor, targets: Tensor) -> Tensor:
    """Weighted squared error of ``out`` (B, n, heads) per row; ``targets`` (B, n, 2, heads)."""
    label, weight = targets[:, :, 0], targets[:, :, 1]
    return (weight * (out - label) ** 2).sum() / (weight[:, :, 0] > 0).sum().clamp(min=1)


def run(module: RowModule, rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """The output (m, heads) for rows (m + 2 receptive_field, d), as the exported network has it."""
    module.eval()
    with torch.no_grad():
        result: NDArray[np.float32] = module(torch.from_numpy(np.ascontiguousarray(rows))[None])[
            0
        ].numpy()
    return result


class _Mean(nn.Module):
    """The mean of several networks, for rows (n, d) of one recording."""

    def __init__(self, modules: Sequence[RowModule]) -> None:
        super().__init__()
        self.members = nn.ModuleList(modules)

    def forward(self, x: Tensor) -> Tensor:
        out = [member(x[None]) for member in self.members]
        total = out[0]
        for other in out[1:]:
            total = total + other
        return (total / len(out))[0]


def export(modules: Sequence[RowModule], d: int) -> bytes:
    """The mean of the networks as ONNX: ``x`` (n + 2 receptive_field, d) to ``y`` (n, heads).

    The number of rows is free. The same weights give the same bytes.
    """
    mean = _Mean(modules).eval()
    example = torch.zeros(2 * modules[0].receptive_field + 5, d)
    stream = io.BytesIO()
    with warnings.catch_warnings():
        # The exporter that follows traces needs no further package; torch announces another one.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            mean, (example,), cast(Any, stream), input_names=["x"], output_names=["y"],
            opset_version=_OPSET, dynamic_axes={"x": {0: "rows"}, "y": {0: "scores"}},
            dynamo=False,
        )  # fmt: skip
    return stream.getvalue()
