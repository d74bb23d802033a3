"""Rows that look at a frame without a face hold no number."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def blank_lost(
    values: NDArray[np.float32], found: NDArray[np.bool_], span: int, step: int = 1
) -> None:
    """Make NaN of every row i whose frames i * step .. i * step + span - 1 were not all found.

    A crop held over such a frame shows no movement, and the first one after it shows a jump: both
    would count in a recording's mean and maximum.
    """
    lost = np.concatenate([[0], np.cumsum(~found)])
    starts = np.arange(len(values)) * step
    values[lost[starts + span] > lost[starts]] = np.nan
