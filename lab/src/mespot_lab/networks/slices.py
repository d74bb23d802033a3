"""Rows and targets of the networks: what a head learns, slices of recordings, series in pieces.

One head each for micro-expressions, macro-expressions and blinks. The other two make no spots: they
make the shared part of the network separate what the micro head confuses most easily with a
micro-expression, the onset of a smile or a blink.

Every epoch cuts the recordings anew from another row on, and may change a slice's tempo and
amplitude, and add noise: a movement is the same movement a little later, slower or stronger.

A network looks some rows to either side (its receptive field). Before the first and after the last
row stand copies of that row, so that it gives a score at every row. Pieces of a long series overlap
by the receptive field, so that together they equal the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mespot.labels import Label, label_scores
from mespot.types import Expression, FrameSeries

HEADS = ("micro", "macro", "blink")


@dataclass(frozen=True)
class Targets:
    """Labels and weights of the heads.

    Attributes
    ----------
    label, label_s
        As in :func:`mespot.labels.label_scores`, for every kind.
    positive_weight : float
        A row counts 1 + (positive_weight - 1) · label in its head.
    hard_weight : float
        A row without a micro-expression but with a macro-expression or blink counts, in the micro
        head, 1 + (hard_weight - 1) · their label.
    auxiliary : float
        The macro and the blink head count so much, the micro head 1; 0: a single head.
    """

    label: Label
    label_s: float | None
    positive_weight: float
    hard_weight: float
    auxiliary: float

    @property
    def heads(self) -> int:
        return len(HEADS) if self.auxiliary else 1

    def of(self, series: FrameSeries, truth: Sequence[Expression]) -> NDArray[np.float32]:
        """(n, 2, heads) float32: the labels, and the weights."""
        labels = np.stack(
            [label_scores(series, truth, self.label, self.label_s, (kind,)) for kind in HEADS], 1
        )
        weights: NDArray[Any] = 1 + (self.positive_weight - 1) * labels
        hard = np.where(labels[:, 0] > 0, 0, labels[:, 1:].max(axis=1, initial=0))
        weights[:, 0] *= 1 + (self.hard_weight - 1) * hard
        weights[:, 1:] *= self.auxiliary
        both = np.stack([labels, weights], 1)[:, :, : self.heads]
        return both.astype(np.float32)


class TrainingFields(Protocol):
    """The fields of a scorer that learning reads; see docs/scorers/tcn.md."""

    @property
    def epochs(self) -> int: ...
    @property
    def check_every(self) -> int: ...
    @property
    def learning_rate(self) -> float: ...
    @property
    def batch(self) -> int: ...
    @property
    def slice_rows(self) -> int: ...
    @property
    def stretch(self) -> float: ...
    @property
    def amplitude(self) -> float: ...
    @property
    def noise(self) -> float: ...


@dataclass(frozen=True)
class TrainingRows:
    """Normalised rows (n_i, d), n_i > 0, and targets (n_i, 2, heads) of the recordings."""

    rows: Sequence[NDArray[np.float32]]
    targets: Sequence[NDArray[np.float32]]


@dataclass(frozen=True)
class Variation:
    """How slices vary.

    Attributes
    ----------
    rows, receptive_field : int
        A slice has targets for ``rows`` rows and ``receptive_field`` rows more at either end.
    batch : int
        Slices per gradient step.
    stretch, amplitude : float
        Deviation of the logarithm of a slice's tempo, and of its rows' factor.
    noise : float
        Deviation of what is added to every value.
    """

    rows: int
    receptive_field: int
    batch: int
    stretch: float = 0.0
    amplitude: float = 0.0
    noise: float = 0.0


Batch = tuple[NDArray[np.float32], NDArray[np.float32]]


def batches(vary: Variation, training: TrainingRows, rng: np.random.Generator) -> Iterator[Batch]:
    """One epoch: rows (B, rows + 2 receptive_field, d), targets (B, rows, 2, heads) of each batch.

    Rows beyond a recording's ends have weight 0.
    """
    slices = []
    for r, rows in enumerate(training.rows):
        first = -int(rng.integers(0, vary.rows))
        slices += [(r, a) for a in range(first, len(rows), vary.rows)]
    order = rng.permutation(len(slices))
    for at in range(0, len(order), vary.batch):
        chosen = [slices[i] for i in order[at : at + vary.batch]]
        tempos = np.exp(rng.standard_normal(len(chosen)) * vary.stretch)
        cut = [_slice(vary, training, r, a, float(t)) for (r, a), t in zip(chosen, tempos)]
        rows = np.stack([rows for rows, _ in cut])
        factors = np.exp(rng.standard_normal((len(chosen), 1, 1)) * vary.amplitude)
        rows *= factors.astype(np.float32)
        if vary.noise:
            rows += rng.standard_normal(rows.shape, np.float32) * np.float32(vary.noise)
        yield rows, np.stack([targets for _, targets in cut])


def _slice(vary: Variation, training: TrainingRows, r: int, start: int, tempo: float) -> Batch:
    """A slice of recording ``r`` whose first target stands at row ``start``."""
    rows, targets = training.rows[r], training.targets[r]
    n = len(rows)
    wide = vary.rows + 2 * vary.receptive_field
    seen = at_tempo(rows, start - vary.receptive_field * tempo, wide, tempo)
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


RowNetwork = Callable[[NDArray[np.float32]], NDArray[np.float32]]
# Attention looks at some dozens of rows for each: so many at a time keep that small.
_ROWS_AT_ONCE = 1024
_VALUES_AT_ONCE = 8_000_000


def rows_around(
    rows: Callable[[int, int], NDArray[np.float32]], n: int, start: int, stop: int
) -> NDArray[np.float32]:
    """Rows start … stop - 1 of n > 0 rows; outside 0 … n - 1 the nearest row stands.

    ``rows(a, b)`` gives rows a … b - 1 of those there are.
    """
    low, high = min(max(start, 0), n - 1), max(min(stop, n), 1)
    there = rows(low, high)
    at = np.clip(np.arange(start, stop), low, high - 1) - low
    return there if len(there) == stop - start else there[at]


def in_pieces(
    network: RowNetwork,
    rows: Callable[[int, int], NDArray[np.float32]],
    shape: tuple[int, ...],
    receptive_field: int,
) -> NDArray[Any]:
    """The network's output (n, heads) at all n rows, ``shape`` being (n, d); non-finite -> 0.

    ``network`` takes (m + 2 receptive_field, d) rows and gives (m, heads).
    """
    n, d = shape
    at_once = max(1, min(_ROWS_AT_ONCE, _VALUES_AT_ONCE // max(d, 1)))
    parts = []
    for start in range(0, n, at_once):
        stop = min(start + at_once, n)
        parts.append(network(rows_around(rows, n, start - receptive_field, stop + receptive_field)))
    result = np.concatenate(parts) if parts else np.empty((0, 1), np.float32)
    return np.nan_to_num(result, nan=0.0, posinf=0.0, neginf=0.0)
