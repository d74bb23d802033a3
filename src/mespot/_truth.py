"""The truth of a recording brought to the frames of its rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mespot.protocol import Sample
from mespot.types import Expression, FrameSeries, Recording


def with_truth(
    recording: Recording,
    series: FrameSeries,
    found: NDArray[np.bool_],
    source_of: NDArray[np.int64] | None,
) -> Sample:
    """The rows with the recording's truth on their grid; the map is forgotten where it is none.

    ``found`` (n_grid,) is whether a face was followed, ``source_of`` (n_grid,) the recording's
    frame at every grid frame.
    """
    if source_of is not None and np.array_equal(source_of, np.arange(len(source_of))):
        source_of = None
    truth = tuple(on_grid(e, source_of, len(found)) for e in recording.expressions)
    return Sample(recording.id, recording.subject, series, found, truth, source_of=source_of)


def on_grid(expression: Expression, source_of: NDArray[np.int64] | None, n: int) -> Expression:
    """The expression in grid frames instead of the recording's; clipped to the video."""
    at = np.arange(n) if source_of is None else source_of
    onset = min(int(np.searchsorted(at, expression.onset, "left")), n - 1)
    offset = max(onset, min(int(np.searchsorted(at, expression.offset, "right")) - 1, n - 1))
    apex = expression.apex
    if apex is not None:
        apex = min(max(int(np.searchsorted(at, apex, "left")), onset), offset)
    return replace(expression, onset=onset, apex=apex, offset=offset)
