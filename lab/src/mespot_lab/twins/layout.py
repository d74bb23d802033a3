"""Which recordings a twin has, whose they are, and which kinds of expressions follow in each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from mespot_lab.twins.numbers import Numbers


@dataclass
class Slot:
    """A recording to be: its subject, its number among the subject's, both from 0, and the kinds
    of its labelled expressions in order.
    """

    subject: int
    index: int
    kinds: list[str] = field(default_factory=list)


def lay_out(numbers: Numbers, events: Mapping[str, int], rng: np.random.Generator) -> list[Slot]:
    """Recordings by subject, with ``events`` of each kind over as many recordings as given.

    Subjects have equally many recordings, give or take one. Every recording that is not idle holds
    something; micro-expressions are placed first.
    """
    shape = numbers.shape
    slots = _slots(shape.recordings, shape.subjects, rng)
    holding: dict[str, list[int]] = {}
    every, idle = set(range(len(slots))), set[int]()
    for kind, count in events.items():
        recordings, people = shape.spread.get(kind, (count, shape.subjects))
        needed: set[int] = set()
        if kind == "macro":
            empty = sorted(every - set(holding.get("micro", ())))
            idle = {int(i) for i in rng.choice(empty, min(numbers.idle, len(empty)), False)}
            needed = set(empty) - idle
        free = [s.subject if i not in idle or kind == "blink" else -1 for i, s in enumerate(slots)]
        holding[kind] = _chosen(free, (min(recordings, count), people), needed, rng)
    for kind, count in events.items():
        shares = _shared(count, len(holding[kind]), numbers.most.get(kind, count), rng)
        for i, share in zip(holding[kind], shares):
            slots[i].kinds += [kind] * share
    for slot in slots:
        slot.kinds = [slot.kinds[i] for i in rng.permutation(len(slot.kinds))]
    return slots


def _slots(recordings: int, subjects: int, rng: np.random.Generator) -> list[Slot]:
    each, rest = divmod(recordings, subjects)
    richer = set(rng.permutation(subjects)[:rest].tolist())
    return [Slot(s, i) for s in range(subjects) for i in range(each + (s in richer))]


def _chosen(
    subjects: list[int], spread: tuple[int, int], needed: set[int], rng: np.random.Generator
) -> list[int]:
    """Places of recordings that hold a kind: ``spread`` = (how many, of how many subjects).

    ``subjects`` is that of every recording, -1 where it must not be. Those ``needed`` come first,
    then one of every chosen subject, then any of these subjects.
    """
    wanted, people = spread
    order = [int(s) for s in rng.permutation(sorted({s for s in subjects if s >= 0}))]
    # Subjects of the needed ones are in already; more join if the others have too few recordings.
    order.sort(key=lambda s: all(subjects[i] != s for i in needed))
    room = np.cumsum([subjects.count(s) for s in order])
    chosen_people = order[: max(people, int(np.searchsorted(room, wanted)) + 1)]
    mine = [int(i) for i in rng.permutation(len(subjects)) if subjects[i] in chosen_people]
    firsts = {subjects[i]: i for i in mine}
    for i in needed:
        firsts.pop(subjects[i], None)
    ranked = [*rng.permutation(sorted(needed)), *firsts.values(), *mine]
    return sorted(list(dict.fromkeys(int(i) for i in ranked))[:wanted])


def _shared(count: int, over: int, most: int, rng: np.random.Generator) -> list[int]:
    """``count`` events over ``over`` recordings, each at least one and at most ``most``."""
    if over * most < count:
        raise ValueError(f"{count} expressions do not fit into {over} recordings of {most} at most")
    shares = np.ones(over, dtype=int)
    liveliness = rng.gamma(2.0, 1.0, over)
    for _ in range(count - over):
        weights = np.where(shares < most, liveliness, 0.0)
        shares[rng.choice(over, p=weights / weights.sum())] += 1
    return [int(s) for s in shares]
