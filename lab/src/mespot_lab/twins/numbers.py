"""The numbers of a twin: those of the real data set, those of a smaller twin, and lengths drawn so.

Published are rate, frame size, recordings, subjects, events and their lengths
(``mespot.datasets.shapes``). ``OWN`` fills what is not: every entry there is an assumption, and
``docs/twins.md`` lists it as such.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import sqrt

import numpy as np

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


# Recordings are not shortened to a median below this, in seconds.
SHORTEST_S = 20.0


def scaled(full: Numbers, scale: float) -> Numbers:
    """The numbers of a twin with about ``scale`` times as many frames.

    Recordings become shorter by sqrt(scale), but not below a median of 20 s, and fewer by what is
    missing. Subjects become fewer by sqrt(scale), two at least. Events become fewer by ``scale``,
    so that there are as many per minute as before; their own lengths stay, as far as recordings
    hold them.

    Raises ValueError for a scale outside 0 to 1.
    """
    if not 0.0 < scale <= 1.0:
        raise ValueError(f"a scale lies above 0 and goes up to 1, not {scale:g}")
    if scale == 1.0:
        return full
    shape = full.shape
    whole = shape.lengths[RECORDING]
    shorter = max(sqrt(scale), min(1.0, SHORTEST_S * float(shape.fps) / whole.median))
    fewer = scale / shorter
    n = max(2, round(shape.recordings * fewer))
    subjects = min(n, max(2, round(shape.subjects * sqrt(scale))))
    events = {kind: max(1, round(count * scale)) for kind, count in shape.events.items()}
    if set(events) == {"micro"} and not full.idle:
        events["micro"] = max(events["micro"], n)
    spread = {}
    for kind, (recordings, people) in shape.spread.items():
        some = min(n, events[kind], max(1, round(recordings * n / shape.recordings)))
        spread[kind] = (some, min(some, max(1, round(people * subjects / shape.subjects))))
    recording = Lengths(*(round(v * shorter) for v in whole))
    lengths = {
        kind: value if kind == RECORDING else _within(value, recording.highest)
        for kind, value in shape.lengths.items()
    }
    idle = min(n - spread.get("micro", (0, 0))[0], max(1, round(full.idle * n / shape.recordings)))
    return replace(
        full,
        shape=replace(
            shape, recordings=n, subjects=subjects, events=events, spread=spread,
            lengths={**lengths, RECORDING: recording},
        ),
        idle=idle if full.idle else 0,
    )  # fmt: skip


def _within(value: Lengths, longest: int) -> Lengths:
    """Lengths of events that fit into recordings of at most ``longest`` frames."""
    return Lengths(value.lowest, value.median, max(int(value.median), min(value.highest, longest)))


# Below the median, lengths gather a little towards it.
LOWER_SKEW = 0.8


def draw(n: int, of: Lengths, skew: float, rng: np.random.Generator) -> list[int]:
    """``n`` lengths in rising order whose minimum, median and maximum are exactly those of ``of``.

    One or two lengths are the median. Those above it gather just above it for a ``skew`` above 1.
    """
    middle = round(of.median)
    if n < 3:
        return [middle] * n
    half = (n - 1) // 2
    low = of.lowest + (middle - of.lowest) * _even(half, rng) ** LOWER_SKEW
    high = middle + (of.highest - middle) * _even(half, rng) ** skew
    low[0], high[-1] = of.lowest, of.highest
    return [round(v) for v in (*low, *[middle] * (n - 2 * half), *high)]


def _even(n: int, rng: np.random.Generator) -> np.ndarray:
    """``n`` numbers in 0 to 1, one in each of ``n`` equal parts, in order."""
    return (np.arange(n) + rng.random(n)) / max(n, 1)


def match(
    needs: Sequence[int], lengths: Sequence[int], rng: np.random.Generator
) -> list[int] | None:
    """One of the lengths for every need, at random but none below its need; None if none fits.

    The greatest needs choose first: what is long enough for one is so for all after it, so that a
    random choice never blocks a later one.
    """
    left, out = sorted(lengths), [0] * len(needs)
    for i in sorted(range(len(needs)), key=lambda k: -needs[k]):
        fit = int(np.searchsorted(left, needs[i]))
        if fit == len(left):
            return None
        out[i] = left.pop(int(rng.integers(fit, len(left))))
    return out


def onsets(
    lengths: Sequence[int], n_frames: int, gap: int, last_at_end: bool, rng: np.random.Generator
) -> list[int]:
    """Random onsets of events in order, ``gap`` frames apart and from the ends where there is room.

    Every event leaves the first frame and the one before the next free. With ``last_at_end`` the
    last one ends with the recording. Raises ValueError if they do not fit at all.
    """
    k = len(lengths)
    spaces = k if last_at_end else k + 1
    free = n_frames - sum(lengths)
    if free < spaces:
        raise ValueError(f"{k} expressions of {sum(lengths)} frames do not fit into {n_frames}")
    gap = min(gap, free // max(spaces, 1))
    slack = free - gap * spaces
    cuts = np.sort(rng.integers(0, slack + 1, k))
    if last_at_end:
        cuts[-1] = slack
    starts, at = [], gap
    for length, cut in zip(lengths, cuts):
        starts.append(int(at + cut))
        at += length + gap
    return starts
