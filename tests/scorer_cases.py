"""Toy recordings for the scorers' tests: bumps that mean something among noise that does not."""

from __future__ import annotations

from fractions import Fraction
from importlib import import_module
from importlib.util import find_spec

import numpy as np

from mespot.types import Counts, Expression, FrameSeries

FPS = 30


def bumps(seed, n=240, d=6, span=5, n_bumps=4):
    """A series whose first three columns rise and fall together at each ME, and its truth.

    The other columns, and a level of its own in every column, tell nothing.
    """
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 0.3, (n, d)) + rng.normal(0, 5, d)
    truth = []
    for k in range(n_bumps):
        length = int(rng.integers(8, 14))
        onset = int(rng.integers(5, n // n_bumps - 20)) + k * (n // n_bumps)
        shape = np.sin(np.linspace(0, np.pi, length)) * rng.uniform(1.5, 3)
        # Row i looks at frames i … i + span - 1: the bump stands where its middle frames are.
        values[onset - span // 2 : onset - span // 2 + length, :3] += shape[:, None]
        truth.append(Expression(onset, onset + length // 2, onset + length - 1))
    series = FrameSeries(values.astype(np.float32), 0, 1, span, n + span - 1, Fraction(FPS))
    return series, truth


def apex_count(reference, estimated):
    """One to one by the apex rule, for disjoint truth."""
    hit = sum(any(r.onset <= e.apex <= r.offset for e in estimated) for r in reference)
    return Counts(hit, len(estimated) - hit, len(reference) - hit)


def rows_for(name, seed):
    """A toy recording that the scorer takes: ``rows(seed)`` of a module rows_<name>, or bumps.

    240 rows that tell of four MEs, at 30 frames a second.
    """
    if find_spec(f"rows_{name}"):
        return import_module(f"rows_{name}").rows(seed)
    return bumps(seed)


def fields_for(name):
    """Fields that keep a scorer's training short: ``FIELDS`` of a module rows_<name>, or None."""
    if find_spec(f"rows_{name}"):
        return getattr(import_module(f"rows_{name}"), "FIELDS", None)
    return None
