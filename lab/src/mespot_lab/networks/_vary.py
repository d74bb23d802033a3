"""Slices of recordings as a network sees them while it learns: shifted, slower, faster, larger.

Every epoch cuts the recordings anew from another row on, and may change a slice's tempo and
amplitude, and add noise: a movement is the same movement a little later, slower or stronger.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mespot_lab.networks._pieces import rows_around


@dataclass(frozen=True)
class Material:
    """Normalised rows (n_i, d), n_i > 0, and targets (n_i, 2, heads) of the recordings."""

    rows: Sequence[NDArray[np.float32]]
    targets: Sequence[NDArray[np.float32]]


@dataclass(frozen=True)
class Variation:
    """How slices vary.

    Attributes
    ----------
    rows, reach : int
        A slice has targets for ``rows`` rows and ``reach`` rows more at either end.
    batch : int
        Slices per gradient step.
    stretch, amplitude : float
        Deviation of the logarithm of a slice's tempo, and of its rows' factor.
    noise : float
        Deviation of what is added to every value.
    """

    rows: int
    reach: int
    batch: int
    stretch: float = 0.0
    amplitude: float = 0.0
    noise: float = 0.0


Batch = tuple[NDArray[np.float32], NDArray[np.float32]]


def batches(vary: Variation, material: Material, rng: np.random.Generator) -> Iterator[Batch]:
    """One epoch: rows (B, rows + 2 reach, d) and targets (B, rows, 2, heads) of every batch.

    Rows beyond a recording's ends have weight 0.
    """
    slices = []
    for r, rows in enumerate(material.rows):
        first = -int(rng.integers(0, vary.rows))
        slices += [(r, a) for a in range(first, len(rows), vary.rows)]
    order = rng.permutation(len(slices))
    for at in range(0, len(order), vary.batch):
        chosen = [slices[i] for i in order[at : at + vary.batch]]
        tempos = np.exp(rng.standard_normal(len(chosen)) * vary.stretch)
        cut = [_slice(vary, material, r, a, float(t)) for (r, a), t in zip(chosen, tempos)]
        rows = np.stack([rows for rows, _ in cut])
        factors = np.exp(rng.standard_normal((len(chosen), 1, 1)) * vary.amplitude)
        rows *= factors.astype(np.float32)
        if vary.noise:
            rows += rng.standard_normal(rows.shape, np.float32) * np.float32(vary.noise)
        yield rows, np.stack([targets for _, targets in cut])


def _slice(vary: Variation, material: Material, r: int, start: int, tempo: float) -> Batch:
    """A slice of recording ``r`` whose first target stands at row ``start``."""
    rows, targets = material.rows[r], material.targets[r]
    n = len(rows)
    wide = vary.rows + 2 * vary.reach
    seen = at_tempo(rows, start - vary.reach * tempo, wide, tempo)
    places = start + np.arange(vary.rows) * tempo
    wanted = at_tempo(targets.reshape(n, -1), start, vary.rows, tempo)
    wanted = wanted.reshape(-1, *targets.shape[1:])
    wanted[(places < 0) | (places > n - 1), 1] = 0
    return seen, wanted


def at_tempo(
    values: NDArray[np.float32], start: float, length: int, tempo: float
) -> NDArray[np.float32]:
    """(length, d) rows at start, start + tempo, ..., linear between rows; ends as they are."""
    n = len(values)
    places = np.clip(start + np.arange(length) * tempo, 0, n - 1)
    low = np.floor(places).astype(np.int64)
    first, last = int(low[0]), int(low[-1])
    block = rows_around(lambda a, b: values[a:b], n, first, last + 2)
    share = (places - low).astype(np.float32)[:, None]
    at = low - first
    if not share.any():
        return block[at]
    return (1 - share) * block[at] + share * block[at + 1]
