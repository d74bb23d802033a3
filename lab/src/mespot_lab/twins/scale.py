"""Smaller twins: which numbers shrink by how much."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt

from mespot.inspection import RECORDING, Lengths
from mespot_lab.twins.numbers import Numbers

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
