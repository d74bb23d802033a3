"""Several LSTMs as one: the mean of their scores is again an LSTM, with blocks for weights.

Hidden units of different networks do not meet (zeros outside the blocks), and the dense layer
divides by their number. So everything that runs one network runs the mean of several.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[np.float32]]


def joined(networks: Sequence[Arrays]) -> Arrays:
    """Weights of the network whose linear score is the mean of the networks' linear scores.

    Parameters
    ----------
    networks : n dicts of ``w_x`` (d, 4K), ``w_h`` (K, 4K), ``b`` (4K,), ``dense_w`` (K, 1) and
        ``dense_b`` (1,), gates in the order input, forget, cell, output; all of one shape.

    Returns
    -------
    dict of the same names with n K units; a single network is returned as it is.
    """
    if len(networks) == 1:
        return dict(networks[0])
    n, units = len(networks), networks[0]["w_h"].shape[0]
    w_h = np.zeros((n, units, 4, n, units), np.float32)
    for i, network in enumerate(networks):
        w_h[i, :, :, i] = network["w_h"].reshape(units, 4, units)
    return {
        "w_x": _side_by_side([network["w_x"] for network in networks], units),
        "w_h": w_h.reshape(n * units, 4 * n * units),
        "b": _side_by_side([network["b"][None] for network in networks], units)[0],
        "dense_w": np.concatenate([network["dense_w"] for network in networks]) / np.float32(n),
        "dense_b": np.mean([network["dense_b"] for network in networks], axis=0, dtype=np.float32),
    }


def _side_by_side(columns: Sequence[NDArray[np.float32]], units: int) -> NDArray[np.float32]:
    """n arrays (r, 4K) -> (r, 4 n K): each gate's units of all networks together."""
    r = len(columns[0])
    by_gate = np.stack([c.reshape(r, 4, units) for c in columns], axis=2)
    return np.ascontiguousarray(by_gate.reshape(r, -1))
