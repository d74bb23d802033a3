"""Which rows of a twin's sheet will be odd: found by writing the sheet once for show.

The oddities lose an offset here and add a row there, and what a reader finds again must still have
the lengths of the real data set. Which rows are met depends on nothing but their order and kinds,
so that a sheet of dummies shows the difference.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mespot.types import Expression
from mespot_lab.sheets import PlannedRecording, SheetModule
from mespot_lab.twins.layout import Slot

_STEP, _APEX, _LAST = 100, 20, 50


@dataclass(frozen=True)
class Odd:
    """What is odd in one recording: places in its order of events, and a further event over all.

    ``ends_at_apex``: the offset is lost and the apex taken in its place. ``past_end``: the event
    goes on after the last frame, which is taken as its offset.
    """

    ends_at_apex: frozenset[int] = frozenset()
    past_end: frozenset[int] = frozenset()
    whole: bool = False


def odd_rows(module: SheetModule, slots: Sequence[Slot]) -> list[Odd]:
    """What ``module.write_sheet`` will do to recordings with these events in this order."""
    plan = [_dummy(module, slot) for slot in slots]
    with tempfile.TemporaryDirectory() as folder:
        truth = module.write_sheet(Path(folder), plan)
    by_name = {recording.name: recording for recording in truth}
    return [_compare(recording, by_name[recording.name]) for recording in plan]


def impossible_rows(module: SheetModule, slots: Sequence[Slot]) -> dict[str, int]:
    """Rows by kind that the sheet adds although they cannot be: a reader drops them again."""
    return dict(module.impossible([_dummy(module, slot) for slot in slots]))


def _dummy(module: SheetModule, slot: Slot) -> PlannedRecording:
    events = [
        Expression(at, at + _APEX, at + _LAST, kind)
        for at, kind in zip(range(_STEP, _STEP * (len(slot.kinds) + 1), _STEP), slot.kinds)
    ]
    n_frames = _STEP * (len(slot.kinds) + 2)
    return module.planned(slot.subject, slot.index, n_frames, events)


def _compare(planned: PlannedRecording, read: PlannedRecording) -> Odd:
    cut, past, whole = set(), set(), False
    for event in read.expressions:
        place = event.onset // _STEP - 1
        if event.onset == 0:
            whole = True
        elif event.offset == event.onset + _APEX:
            cut.add(place)
        elif event.offset == planned.n_frames - 1:
            past.add(place)
    return Odd(frozenset(cut), frozenset(past), whole)
