"""The two ways in which pictures and grids are interpolated here."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_NO_SECOND_MAP: Any = None


def sample(plate: NDArray, where: NDArray[np.float32], fine: bool = False) -> NDArray:
    """Values of ``plate`` (h, w[, c]) at the places (h', w', 2), x and y in its pixels.

    Bilinear, or with ``fine`` over 8 x 8 pixels (Lanczos). Beyond the edge its value goes on.
    """
    flags = cv2.INTER_LANCZOS4 if fine else cv2.INTER_LINEAR
    return np.asarray(
        cv2.remap(plate, where, _NO_SECOND_MAP, flags, borderMode=cv2.BORDER_REPLICATE)
    )


def enlarge(grid: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """A coarse grid (h, w[, c]) at ``size`` = (width, height), bilinear, cells' centres aligned."""
    return np.asarray(cv2.resize(grid, size, interpolation=cv2.INTER_LINEAR), dtype=np.float32)
