"""Lengths with a given minimum, median and maximum, and their places in a recording."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mespot.inspection import Lengths

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
