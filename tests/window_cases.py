"""Windows cut and merged all at once: what the pieces of mespot.windows are compared with."""

from __future__ import annotations

import numpy as np

from mespot.windows import MeanMerge, PeakMerge, n_windows, pad


def cut(values, window):
    """All windows of a series, one from every row: (n, ...) -> (n_windows, window, ...)."""
    values = pad(values, window) if len(values) else values
    pieces = [values[k : k + window] for k in range(n_windows(len(values), window))]
    return np.stack(pieces) if pieces else np.empty((0, window, *values.shape[1:]), values.dtype)


def merge_mean(windows, n):
    """Mean of all predictions of a row: (n_windows, window) -> (n,) float32."""
    merger = MeanMerge(n)
    merger.add(windows, 0)
    return merger.result()


def merge_peaks(windows, n):
    """The paper's rule ``nms``: (n_windows, window) -> (n,) float32."""
    merger = PeakMerge(n)
    merger.add(windows, 0)
    return merger.result()
