"""What learning with PyTorch has in common, whatever the network."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

Arrays = dict[str, NDArray[np.float32]]
Judge = Callable[[Arrays], float]


def glorot(rng: np.random.Generator, a: int, b: int) -> NDArray[np.float32]:
    """Weights (a, b) as Glorot & Bengio 2010 start them: uniform within ± sqrt(6 / (a + b))."""
    limit = math.sqrt(6 / (a + b))
    return rng.uniform(-limit, limit, (a, b)).astype(np.float32)


def rate_in(epoch: int, epochs: int, highest: float, schedule: str) -> float:
    """Learning rate of an epoch, counted from 1: steady, or falling along half a cosine."""
    if schedule == "steady":
        return highest
    return highest * 0.5 * (1 + math.cos(math.pi * (epoch - 1) / epochs))


@dataclass
class Best:
    """The weights with the best quality so far, the earlier of equals."""

    kept: Arrays | None = None
    epoch: int = 0
    quality: float = math.nan

    def offer(self, weights: Arrays, epoch: int, quality: float) -> None:
        """A NaN (nothing to judge by) never beats a number, a number always beats a NaN."""
        if self.kept is None or quality > self.quality or math.isnan(self.quality):
            self.kept, self.epoch, self.quality = weights, epoch, quality


def arrays(weights: dict[str, torch.Tensor]) -> Arrays:
    """Copies as numpy arrays."""
    return {k: v.detach().numpy().copy() for k, v in weights.items()}


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch on one thread inside the block: sums then always have the same order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
