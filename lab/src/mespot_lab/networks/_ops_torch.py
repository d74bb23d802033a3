"""The networks' operations as PyTorch computes them, on slices (B, n, columns)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

LEAST_VARIANCE = 1e-5


class TorchOps:
    """See :class:`mespot_lab.networks._ops.Ops`; without ``rng`` nothing is dropped."""

    def __init__(
        self,
        weights: Mapping[str, Tensor],
        dropout: float = 0.0,
        rng: np.random.Generator | None = None,
    ) -> None:
        self._weights, self._dropout, self._rng = weights, dropout, rng

    def linear(self, x: Tensor, name: str) -> Tensor:
        b, n, c = x.shape
        flat = torch.addmm(
            self._weights[f"{name}_b"], x.reshape(b * n, c), self._weights[f"{name}_w"]
        )
        return flat.view(b, n, -1)

    def inner(self, x: Tensor, left: int, right: int) -> Tensor:
        return x[:, left : x.shape[1] - right]

    def beside(self, parts: Sequence[Tensor]) -> Tensor:
        return torch.cat(list(parts), dim=-1)

    def add(self, x: Tensor, y: Tensor) -> Tensor:
        return x + y

    def relu(self, x: Tensor) -> Tensor:
        return torch.relu(x)

    def levelled(self, x: Tensor, name: str) -> Tensor:
        gain, shift = self._weights[f"{name}_w"], self._weights[f"{name}_b"]
        return torch.nn.functional.layer_norm(x, (x.shape[-1],), gain, shift, LEAST_VARIANCE)

    def dropped(self, x: Tensor) -> Tensor:
        if self._rng is None or not self._dropout:
            return x
        kept = self._rng.random((x.shape[0], 1, x.shape[2]), np.float32) >= self._dropout
        return x * torch.from_numpy(kept.astype(np.float32) / (1 - self._dropout))

    def attended(self, query: Tensor, key: Tensor, value: Tensor, name: str, heads: int) -> Tensor:
        b, n, c = query.shape
        places = self._weights[name]
        size = c // heads
        q, k, v = (
            x.reshape(b, -1, heads, size).transpose(1, 2) / scale
            for x, scale in ((query, math.sqrt(size)), (key, 1), (value, 1))
        )
        # All rows against all, and -inf outside each row's own window: on slices of some hundred
        # rows that is far quicker than copying every row's window.
        level = torch.matmul(q, k.transpose(-1, -2)) + _slanted(torch.matmul(q, places))
        seen = torch.matmul(torch.softmax(level, dim=-1), v)
        return seen.transpose(1, 2).reshape(b, n, c)


def _slanted(level: Tensor) -> Tensor:
    """(B, heads, n, W) -> (B, heads, n, n + W - 1): row i moved i to the right, -inf elsewhere."""
    b, heads, n, width = level.shape
    wide = torch.nn.functional.pad(level, (0, n), value=-math.inf)
    return wide.flatten(2)[:, :, : n * (n + width - 1)].view(b, heads, n, n + width - 1)
