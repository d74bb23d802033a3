"""Windows cut and merged all at once: what the pieces of mespot.windows are compared with."""

from __future__ import annotations

import numpy as np

from mespot.windows import MeanMerge, PeakMerge, n_windows, pad


def cut(values, window, stride=1):
    """All windows of a series: (n, ...) -> (n_windows, window, ...), starting at 0, stride, ..."""
    count = n_windows(len(values), window, stride)
    values = pad(values, (count - 1) * stride + window) if count else values
    pieces = [values[k * stride : k * stride + window] for k in range(count)]
    return np.stack(pieces) if pieces else np.empty((0, window, *values.shape[1:]), values.dtype)


def merge_mean(windows, n, stride=1):
    """Mean of all predictions of a row: (n_windows, window, ...) -> (n, ...) float32."""
    merger = MeanMerge(n, windows.shape[2:])
    merger.add(windows, 0, stride)
    return merger.result()


def merge_peaks(windows, n, stride=1):
    """The paper's rule ``nms``: (n_windows, window) -> (n,) float32."""
    merger = PeakMerge(n)
    merger.add(windows, 0, stride)
    return merger.result()
