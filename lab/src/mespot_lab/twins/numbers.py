"""What a twin must hold: the published numbers of each data set, and what is assumed beside them.

Published are rate, frame size, recordings, subjects, events and their lengths
(``mespot.datasets.shapes``). ``OWN`` fills what is not: every entry there is an assumption, and
``docs/twins.md`` lists it as such.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from mespot.inspection import RECORDING, Lengths, Shape
from mespot_lab.sheets import sheet_module


@dataclass(frozen=True)
class Numbers:
    """The numbers of a twin.

    Attributes
    ----------
    shape : Shape
        Recordings, subjects, rate, frame, events (rows of the sheet, those that cannot be
        included), lengths and spread, all of them filled.
    idle : int
        Recordings in which nothing is labelled.
    most : mapping of kind to int
        The most expressions of a kind in one recording, where there is a limit.
    skew : mapping of kind to float
        How strongly lengths above the median gather just above it; 1 is evenly.
    eye_px : (float, float)
        Range of the distance between the eyes in frame pixels.
    """

    shape: Shape
    idle: int = 0
    most: Mapping[str, int] = field(default_factory=dict)
    skew: Mapping[str, float] = field(default_factory=dict)
    eye_px: tuple[float, float] = (80.0, 110.0)


@dataclass(frozen=True)
class _Own:
    """Assumptions about one data set; the mappings complete those of its shape."""

    recordings: int | None = None
    events: Mapping[str, int] = field(default_factory=dict)
    lengths: Mapping[str, Lengths] = field(default_factory=dict)
    spread: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    idle: int = 0
    most: Mapping[str, int] = field(default_factory=dict)
    skew: Mapping[str, float] = field(default_factory=dict)
    eye_px: tuple[float, float] = (80.0, 110.0)


OWN: dict[str, _Own] = {
    "smic_vis_e": _Own(idle=5, most={"micro": 2}),
    # 164 is the number of clips of SMIC's camera HS, from which these recordings come.
    "smic_hs_e": _Own(events={"micro": 164}, most={"micro": 3}),
    "casme_sq": _Own(spread={"macro": (90, 22)}, idle=3, skew={"macro": 2.5}),
    # The two longest macro-expressions are those over a whole recording; the others are far below.
    "samm_lv": _Own(
        spread={"macro": (110, 30)}, idle=12, skew={"macro": 12.0, RECORDING: 2.0},
        eye_px=(190.0, 240.0),
    ),
    # Thirteen films were shown, and letters go no further. Of lengths only those of blinks are
    # known: the others are those of CAS(ME)^2, but micro-expressions go up to 2 s, so that about
    # 277 of 858 stay within half a second, as in the smaller label set. Events are rows of the
    # sheet, those that cannot be among them.
    "casme_cubed": _Own(
        recordings=1274, events={"micro": 860, "macro": 3346, "blink": 841},
        lengths={
            "micro": Lengths(5, 20, 60), "macro": Lengths(4, 35, 118),
            RECORDING: Lengths(659, 2304, 4374),
        },
        spread={"micro": (560, 95), "macro": (1150, 98), "blink": (169, 13)}, idle=60,
        skew={"micro": 2.5, "macro": 2.5, "blink": 2.5}, eye_px=(110.0, 150.0),
    ),
    # Clips are cut with some margin around their micro-expression.
    "casme_ii": _Own(
        lengths={RECORDING: Lengths(150, 245, 400)}, most={"micro": 1}, eye_px=(100.0, 130.0),
    ),
}  # fmt: skip


def numbers_of(name: str) -> Numbers:
    """The numbers of a data set's twin at full scale. ``name`` with - or _.

    Raises ValueError for an unknown name.
    """
    shape = sheet_module(name).SHAPE
    own = OWN[name.replace("-", "_")]
    full = replace(
        shape,
        recordings=own.recordings or shape.recordings,
        events={**shape.events, **own.events},
        lengths={**own.lengths, **shape.lengths},
        spread={**own.spread, **shape.spread},
        about=frozenset(),
    )
    return Numbers(full, own.idle, own.most, own.skew, own.eye_px)
