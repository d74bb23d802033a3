"""Learning of the small networks (TCN, transformer) with PyTorch; scoring does not need this file.

Everything random comes from one seeded generator of our own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from mespot.scorers.torch_training import Arrays, Best, Judge, arrays, rate_in, threads
from mespot_lab.networks._ops_torch import TorchOps
from mespot_lab.networks._vary import Material, Variation, batches

if TYPE_CHECKING:
    from mespot_lab.networks._network import Built, Network


def train(
    config: Network, built: Built, material: Material, seed: int, judge: Judge | None
) -> tuple[Arrays, int]:
    """Weights after the best epoch by ``judge`` (after the last without one), and its number."""
    rng = np.random.default_rng(seed)
    heads = material.targets[0].shape[2]
    start = built.initial(material.rows[0].shape[1], heads, rng)
    weights = {k: torch.from_numpy(v).requires_grad_(True) for k, v in start.items()}
    vary = _variation(config, built, max(len(rows) for rows in material.rows))
    ops = TorchOps(weights, config.dropout, rng)
    best = Best()
    with threads(config.threads):
        optimiser = torch.optim.AdamW(
            weights.values(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        for epoch in range(1, config.epochs + 1):
            for group in optimiser.param_groups:
                group["lr"] = rate_in(epoch, config.epochs, config.learning_rate, config.schedule)
            for rows, targets in batches(vary, material, rng):
                optimiser.zero_grad(set_to_none=True)
                said = built.forward(ops, torch.from_numpy(rows))
                loss_of(config.loss, said, torch.from_numpy(targets)).backward()
                torch.nn.utils.clip_grad_norm_(list(weights.values()), config.largest_step)
                optimiser.step()
            if judge and (epoch % config.check_every == 0 or epoch == config.epochs):
                now = arrays(weights)
                best.offer(now, epoch, judge(now))
        if best.kept is None:
            return arrays(weights), config.epochs
        return best.kept, best.epoch


def run(
    built: Built, weights: Arrays, sigmoid: bool, rows: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The network's output (m, heads) for rows (m + 2 reach, d), as its ONNX graph gives it."""
    ops = TorchOps({k: torch.from_numpy(v) for k, v in weights.items()})
    with torch.no_grad():
        said = built.forward(ops, torch.from_numpy(np.ascontiguousarray(rows))[None])[0]
        result: NDArray[np.float32] = (said.sigmoid() if sigmoid else said).numpy()
    return result


def loss_of(kind: str, said: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Weighted loss of ``said`` (B, n, heads) per row that counts; ``targets`` (B, n, 2, heads)."""
    label, weight = targets[:, :, 0], targets[:, :, 1]
    if kind == "bce":
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            said, label, weight, reduction="sum"
        )
    else:
        loss = (weight * (said - label) ** 2).sum()
    return loss / (weight[:, :, 0] > 0).sum().clamp(min=1)


def _variation(config: Network, built: Built, longest: int) -> Variation:
    rows = max(1, min(config.slice_rows, longest))
    return Variation(
        rows,
        built.reach,
        max(1, round(config.batch / rows)),
        config.stretch,
        config.amplitude,
        config.noise,
    )
