"""HIGO-TOP (Li et al. 2017), the paper's third descriptor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mespot.descriptors.hog_top import HogTop


@dataclass(frozen=True)
class HigoTop(HogTop):
    """Gradient orientations on the XY, XT and YT planes, one vote per voxel, counted per block.

    As HOG-TOP with every vote 1, which makes it indifferent to contrast. A voxel whose gradient is
    zero in a plane has no orientation there and casts no vote.
    """

    kind: ClassVar[str] = "counted"


PLUGIN = HigoTop
