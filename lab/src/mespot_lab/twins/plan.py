"""The plan of a twin: every recording with its length and its labelled expressions, before a frame
is drawn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mespot.inspection import RECORDING
from mespot.synthetic.config import ScriptConfig
from mespot.synthetic.script import with_actions
from mespot.synthetic.timing import GAP_S, draw_apex, make_blink
from mespot.types import Expression
from mespot_lab.sheets import NAMES, PlannedRecording, SheetModule, sheet_module
from mespot_lab.twins.irregularities import Odd, impossible_rows, odd_rows
from mespot_lab.twins.layout import Slot, lay_out
from mespot_lab.twins.numbers import Numbers, draw, match, numbers_of, onsets, scaled

_ATTEMPTS = 50


@dataclass(frozen=True)
class Take:
    """One recording to be made.

    Attributes
    ----------
    subject : int
        From 0: whose identity is drawn.
    recording : PlannedRecording
        With the labelled expressions as they happen, before the sheet's oddities.
    seed : int
        Decides everything that is not planned.
    """

    subject: int
    recording: PlannedRecording
    seed: int


class _Span(NamedTuple):
    """How long an event is, and how many frames after its onset the apex is where that is fixed."""

    n_frames: int
    apex: int | None = None


@dataclass(frozen=True)
class TwinPlan:
    """All recordings of a twin, in the order of its subjects; ``name`` with underscores."""

    name: str
    numbers: Numbers
    takes: tuple[Take, ...]

    @property
    def module(self) -> SheetModule:
        """What writes its sheet."""
        return sheet_module(self.name)

    @property
    def recordings(self) -> list[PlannedRecording]:
        """For ``write_sheet``."""
        return [take.recording for take in self.takes]

    @property
    def n_frames(self) -> int:
        """Of all recordings."""
        return sum(take.recording.n_frames for take in self.takes)


def make_plan(name: str, scale: float, seed: int, config: ScriptConfig) -> TwinPlan:
    """Plan a twin; the same arguments give the same plan.

    The config decides the sizes of expressions. Raises ValueError for an unknown name or a scale
    outside 0 to 1, and UsageError if a library that writes the sheet is not installed.
    """
    known = name.replace("-", "_")
    module, numbers = sheet_module(known), scaled(numbers_of(known), scale)
    # Twins of several data sets with one seed have nothing in common but their faces.
    own = [seed, NAMES.index(known)]
    for attempt in range(_ATTEMPTS):
        # Distinct streams: layout, lengths, places, details; and below, one per recording.
        rng = np.random.default_rng([*own, 11, attempt]).spawn(4)
        slots, odd = _with_room_for_irregularities(module, numbers, rng[0])
        spans = _event_lengths(numbers, slots, odd, rng[1])
        sizes = _recording_lengths(numbers, spans, odd, rng[1])
        if sizes is not None:
            break
    else:
        raise ValueError(f"{name} at scale {scale:g}: its expressions do not fit its recordings")
    takes = []
    for i, slot in enumerate(slots):
        events = _placed(slot, spans[i], odd[i], (sizes[i], float(numbers.shape.fps)), rng[2])
        ready = _detailed(events, rng[3], config)
        recording = module.planned(slot.subject, slot.index, sizes[i], ready)
        state = np.random.SeedSequence([*own, 12, slot.subject, slot.index]).generate_state(1)
        takes.append(Take(slot.subject, recording, int(state[0])))
    return TwinPlan(known, numbers, tuple(takes))


def _with_room_for_irregularities(
    module: SheetModule, numbers: Numbers, rng: np.random.Generator
) -> tuple[list[Slot], list[Odd]]:
    """The layout, with as many fewer expressions as the sheet adds rows of itself."""
    state = rng.bit_generator.state
    events: Mapping[str, int] = numbers.shape.events
    slots = lay_out(numbers, events, rng)
    odd = odd_rows(module, slots)
    added = Counter(macro=sum(o.whole for o in odd)) + Counter(impossible_rows(module, slots))
    if added:
        rng.bit_generator.state = state
        events = {kind: max(1, n - added[kind]) for kind, n in events.items()}
        slots = lay_out(numbers, events, rng)
        odd = odd_rows(module, slots)
    return slots, odd


def _event_lengths(
    numbers: Numbers, slots: Sequence[Slot], odd: Sequence[Odd], rng: np.random.Generator
) -> list[list[_Span]]:
    """The length of every event as it happens, by recording and place.

    Events that end at their apex by the sheet are longer than what is read: these get the shortest
    lengths, read up to the apex. The longest lengths are left to the events over whole recordings.
    """
    out = [[_Span(0)] * len(slot.kinds) for slot in slots]
    for kind in numbers.shape.events:
        at = [(i, k) for i, s in enumerate(slots) for k, own in enumerate(s.kinds) if own == kind]
        whole = sum(o.whole for o in odd) if kind == "macro" else 0
        of, skew = numbers.shape.lengths[kind], numbers.skew.get(kind, 1.0)
        values = draw(len(at) + whole, of, skew, rng)[: len(at)]
        cut = [place for place in at if place[1] in odd[place[0]].ends_at_apex]
        rest = [place for place in at if place not in set(cut)]
        for n, (i, k) in zip(rng.permutation(values[: len(cut)]).tolist(), cut):
            out[i][k] = _Span(max(n + 2, round(n / rng.uniform(0.25, 0.45))), n - 1)
        for n, (i, k) in zip(rng.permutation(values[len(cut) :]).tolist(), rest):
            out[i][k] = _Span(n)
    return out


def _recording_lengths(
    numbers: Numbers, spans: Sequence[Sequence[_Span]], odd: Sequence[Odd], rng: np.random.Generator
) -> list[int] | None:
    """The length of every recording, or None if the events do not fit any.

    A recording that is one long event in the sheet is as long as the longest event.
    """
    shape = numbers.shape
    values = draw(shape.recordings, shape.lengths[RECORDING], numbers.skew.get(RECORDING, 1.0), rng)
    gap = max(1, round(0.1 * float(shape.fps)))
    needs = [sum(s.n_frames for s in own) + gap * (len(own) + 1) for own in spans]
    out = [0] * len(needs)
    hosts = sorted((i for i, o in enumerate(odd) if o.whole), key=lambda i: -needs[i])
    longest = shape.lengths["macro"].highest if hosts else 0
    for rank, i in enumerate(hosts):
        # Above the median, a length can be exchanged for another without moving the median.
        upper = range(len(values) // 2 + 1, len(values) - 1)
        if not upper or longest < values[len(values) // 2]:
            break
        near = min(upper, key=lambda k: (values[k] > longest, abs(values[k] - longest)))
        out[i] = values.pop(near) if rank else (values.pop(near), longest)[1]
        if out[i] < needs[i]:
            return None
    others = [i for i, n in enumerate(out) if not n]
    found = match([needs[i] for i in others], values, rng)
    if found is None:
        return None
    for i, n in zip(others, found):
        out[i] = n
    return out


def _placed(
    slot: Slot, spans: Sequence[_Span], odd: Odd, size: tuple[int, float],
    rng: np.random.Generator,
) -> list[Expression]:  # fmt: skip
    """The events of one recording, in order and apart; ``size`` is its frames and their rate."""
    at_end = bool(spans) and len(spans) - 1 in odd.past_end
    gap = max(1, round(GAP_S * size[1]))
    starts = onsets([span.n_frames for span in spans], size[0], gap, at_end, rng)
    events = []
    for onset, (n, apex), kind in zip(starts, spans, slot.kinds):
        at = draw_apex(kind, onset, n, rng) if apex is None else onset + apex
        events.append(Expression(onset, at, onset + n - 1, kind))
    return events


def _detailed(
    events: Sequence[Expression], rng: np.random.Generator, config: ScriptConfig
) -> list[Expression]:
    """With action units and sizes; blinks with how far they close."""
    facial = iter(with_actions([e for e in events if e.kind != "blink"], rng, config))
    return [
        make_blink(e.onset, e.n_frames, rng) if e.kind == "blink" else next(facial) for e in events
    ]
