"""Speech-like motion of the mouth: syllables, not words. It stands in the truth as kind "other"."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mespot.synthetic.profiles import ease
from mespot.types import Expression

Curve = NDArray[np.float64]


def speech_curves(
    bursts: Sequence[Expression], n_frames: int, fps: float, rng: np.random.Generator
) -> tuple[dict[str, Curve], Curve]:
    """Amplitudes (crop pixels) of jaw and lips, and how strongly is spoken, (T,) in [0, 1].

    Syllables come at 3-6 per second: each opens the jaw and spreads or rounds the lips by a random
    amount. The curves are 0 outside the bursts.
    """
    curves: dict[str, Curve] = {name: np.zeros(n_frames) for name in _NAMES} if bursts else {}
    bob = np.zeros(n_frames)
    for burst in bursts:
        at = np.arange(burst.onset, burst.offset + 1, dtype=np.float64)
        fade = ease((at - burst.onset + 1) / (0.15 * fps + 1))
        fade *= ease((burst.offset + 1 - at) / (0.2 * fps + 1))
        inside = slice(burst.onset, burst.offset + 1)
        bob[inside] = np.maximum(bob[inside], fade)
        rate, loudness = rng.uniform(3.0, 6.0), rng.uniform(0.6, 1.2)
        for name, (mean, spread) in _NAMES.items():
            if name.endswith("L"):
                continue
            curve = fade * loudness * _syllables(at / fps, rate, mean, spread, rng)
            curves[name][inside] += curve
            if name.endswith("R"):
                curves[name[:-1] + "L"][inside] += curve
    return curves, bob


# Field: (mean, spread) of a syllable's peak in crop pixels; negative 20 rounds the lips.
_NAMES = {
    "26": (2.6, 1.4), "20R": (0.2, 1.3), "20L": (0.2, 1.3), "10R": (0.2, 0.5), "10L": (0.2, 0.5),
    "17": (0.2, 0.5),
}  # fmt: skip


def _syllables(
    t: Curve, rate: float, mean: float, spread: float, rng: np.random.Generator
) -> Curve:
    """A chain of bells, one per syllable, with random peaks."""
    out = np.zeros(len(t))
    at = t[0]
    while at < t[-1]:
        length = rng.uniform(0.7, 1.4) / rate
        bell = np.clip(1.0 - np.abs((t - at - length / 2.0) / (0.65 * length)), 0.0, 1.0)
        out += rng.normal(mean, spread) * ease(bell)
        at += length
    return out
