"""Learned arrays: their hash."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def weights_hash(weights: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 of names, types, shapes and bytes of all arrays, as hex digits."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        array = np.ascontiguousarray(weights[name])
        digest.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
