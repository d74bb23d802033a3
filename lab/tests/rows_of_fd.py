"""Rows for the scorers' battery: a face with four MEs, drift, and noise in every column."""

from __future__ import annotations

import numpy as np
from region_rows_cases import at_rest, move, rows_of, tent

from mespot.descriptors.region_flow import RegionFlow
from mespot.types import Expression, FrameSeries

FLOW = RegionFlow(stretches=2, soft_px=0)


def rows(seed: int) -> tuple[FrameSeries, list[Expression]]:
    """240 rows at 30 frames/s, their middles at frames 10 to 249."""
    rng = np.random.default_rng(seed)
    places, opening = at_rest(260)
    truth = []
    brow = ["brow_inner_left", "brow_inner_right", "brow_middle_left"]
    mouth = ["lip_corner_left", "lip_upper_left", "nose_wing_left"]
    for k, names in enumerate((brow, mouth, brow, mouth)):
        onset = 15 + 60 * k + int(rng.integers(0, 30))
        apex, offset = onset + int(rng.integers(4, 7)), onset + int(rng.integers(9, 13))
        move(places, names, tent(260, onset, apex, offset), (0.6, -1.6))
        truth.append(Expression(onset, apex, offset))
    places += np.cumsum(rng.normal(0, 0.02, places.shape), axis=0)
    opening += rng.normal(0, 0.02, opening.shape)
    return rows_of(places, opening, FLOW), truth
