"""Rows of the mirrored video are the mirrored rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mespot import registry
from test_descriptors_top import clip_of

# Blocks of equal width on both sides of the middle, so that their edges mirror exactly: with a
# radius of 1, 26 pixels leave 24 countable ones.
CASES = [
    {"name": "hog_top"},
    {"name": "hog_top", "voting": "soft"},
    {"name": "higo_top"},
    {"name": "lbp_top"},
    {"name": "lbp_top", "radius": (1, 2, 1)},
]


@pytest.mark.parametrize("section", CASES, ids=lambda c: "-".join(map(str, c.values())))
def test_mirrored_rows_are_those_of_the_mirrored_video(section):
    descriptor = registry.build(
        "descriptors", {"grid": (4, 3), "overlap": 0.0, "span": 5, "time_blocks": 2, **section}
    )
    clip = clip_of(np.random.default_rng(3).integers(0, 256, (9, 23, 26), dtype=np.uint8))
    turned = replace(clip, frames=np.ascontiguousarray(clip.frames[:, :, ::-1]))
    rows, expected = descriptor.describe(clip), descriptor.describe(turned)
    mirrored = descriptor.mirror(rows)
    assert np.abs(mirrored.values - expected.values).max() < 1e-6
    assert np.abs(rows.values - expected.values).max() > 0.01
    assert np.array_equal(descriptor.mirror(mirrored).values, rows.values)
