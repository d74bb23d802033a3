"""What happens when: a seeded timeline of expressions and the curves that carry it out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from mespot.synthetic.actions import LARGEST_PX, combined_peak, sides_of, units_of
from mespot.synthetic.config import ScriptConfig
from mespot.synthetic.motion import Light, camera_path, gaze_path, head_path, light_path
from mespot.synthetic.profiles import Shape, profile, tremble
from mespot.synthetic.speech import speech_curves
from mespot.synthetic.timing import GAP_S, blinks, clear, draw_apex
from mespot.types import Expression

Curve = NDArray[np.float64]

# How often a unit or combination is drawn: brows and lip corners lead, as in coded collections.
MICRO_UNITS = {
    "4": 14, "4+7": 8, "12": 9, "12L": 4, "12R": 4, "6+12": 5, "14": 5, "14L": 3, "14R": 3,
    "1+2": 8, "1": 4, "2": 3, "2L": 2, "2R": 2, "7": 5, "5": 3, "1+2+5": 2, "9": 4, "10": 4,
    "10L": 1, "10R": 1, "4+9": 3, "15": 5, "17": 5, "15+17": 3, "20": 3, "1+4": 3,
}  # fmt: skip
MACRO_UNITS = {
    "6+12": 24, "12": 14, "12L": 3, "12R": 3, "4": 8, "4+7": 8, "1+2": 10, "1+2+5": 4, "1+4": 3,
    "4+9": 4, "9+10": 5, "10": 3, "14": 3, "15+17": 5, "17": 3, "20": 3,
}  # fmt: skip
# How strongly the units after the first take part.
SECOND_SHARE = (0.5, 0.9)

# One stream of random numbers per concern: switching one off leaves the others as they are. Of the
# events, micro, macro and speech are one concern: a face does one thing at a time.
_STREAMS = ("events", "blinks", "curves", "speech", "head", "camera", "light", "gaze")


@dataclass(frozen=True)
class Script:
    """Everything that happens in a recording, frame by frame.

    Attributes
    ----------
    fps : Fraction
    n_frames : int
    expressions : tuple of Expression
        The truth, by onset. ``attributes`` hold ``action_units`` and ``amplitude_px`` (peak
        displacement in pixels of the 150-pixel crop).
    actions : dict of str to (T,) float64
        Amplitude of every field that moves (sided names of ``actions.NAMES``), crop pixels.
    closure : (T,) float64
        How far the lids are closed by blinks, 0 to 1.
    gaze : (T,) float64
        Shift of the irises, eye distances.
    head : (T, 6), shake : (T, 2), light : Light
        See ``motion``.
    """

    fps: Fraction
    n_frames: int
    expressions: tuple[Expression, ...]
    actions: Mapping[str, Curve]
    closure: Curve
    gaze: Curve
    head: Curve
    shake: Curve
    light: Light


def make_script(
    config: ScriptConfig, seed: int, fps: Fraction | float, n_frames: int,
    given: Sequence[Expression] | None = None,
) -> Script:  # fmt: skip
    """Draw a recording's timeline; the same arguments give the same script, to the bit.

    With ``given`` expressions (micro, macro or blink, with what ``curves_of`` needs) these take
    place, and what the config's rates add falls between them, where there is room.

    Raises ValueError if ``fps`` is not positive or there is no frame.
    """
    fps = Fraction(fps).limit_denominator(1001)
    if fps <= 0 or n_frames < 1:
        raise ValueError(f"a script needs frames and a rate, not {n_frames} at {fps} fps")
    streams = np.random.default_rng([seed, 1]).spawn(len(_STREAMS))
    rng = dict(zip(_STREAMS, streams))
    t = np.arange(n_frames) / float(fps)
    if given is None:
        events = _facial_events(config, float(fps), n_frames, rng["events"])
    else:
        events = _around(given, config, float(fps), n_frames, rng["events"])
    taken = [e for e in events if e.kind == "blink" or (e.kind == "micro" and not config.mingle)]
    closing = blinks(config, float(fps), n_frames, taken, rng["blinks"])
    expressions = tuple(sorted(events + closing, key=lambda e: (e.onset, e.offset)))
    actions, closure = curves_of(events + closing, n_frames, rng["curves"], config.tremor)
    spoken = [e for e in events if e.kind == "other"]
    moves, bob = speech_curves(spoken, n_frames, float(fps), rng["speech"])
    for name, curve in moves.items():
        actions[name] = actions.get(name, 0.0) + curve
    return Script(
        fps, n_frames, expressions, actions, closure, gaze_path(config, t, rng["gaze"]),
        head_path(config, t, bob, rng["head"]), camera_path(config, t, rng["camera"]),
        light_path(config, t, rng["light"]),
    )  # fmt: skip


def curves_of(
    expressions: Sequence[Expression], n_frames: int, rng: np.random.Generator, tremor: float
) -> tuple[dict[str, Curve], Curve]:
    """Amplitude curves of micro- and macro-expressions (crop pixels), and the blinks' closure (T,).

    Expressions need an apex, ``action_units`` and ``amplitude_px``. The largest displacement
    anywhere on the face at the apex is ``amplitude_px`` (on the mean face; within a few per cent on
    others where units overlap). Raises UsageError for an unknown unit.
    """
    actions: dict[str, Curve] = {}
    closure = np.zeros(n_frames)
    for event in expressions:
        curve, inside = _curve(event, rng, tremor), slice(event.onset, event.offset + 1)
        if event.kind == "blink":
            curve = curve * float(event.attributes.get("closure", "1"))
            closure[inside] = np.maximum(closure[inside], curve)
        elif event.kind in ("micro", "macro"):
            weights = _weights(event.attributes["action_units"], rng)
            size = float(event.attributes["amplitude_px"]) / combined_peak(weights)
            for name, weight in weights.items():
                peak = min(size * weight, LARGEST_PX[name.rstrip("LR")])
                actions.setdefault(name, np.zeros(n_frames))[inside] += peak * curve
    return actions, closure


def with_actions(
    expressions: Sequence[Expression], rng: np.random.Generator, config: ScriptConfig
) -> list[Expression]:
    """The expressions with apex, action units and amplitude drawn where they are not given."""
    ready = []
    for event in expressions:
        menu, sizes = MICRO_UNITS, config.micro_px
        if event.kind == "macro":
            menu, sizes = MACRO_UNITS, config.macro_px
        units = event.attributes.get("action_units") or _draw(menu, rng)
        size = event.attributes.get("amplitude_px") or f"{_amplitude(units, sizes, rng):.2f}"
        apex = event.apex
        if apex is None:
            apex = event.onset + round((event.offset - event.onset) * rng.uniform(0.3, 0.6))
        attributes = {**event.attributes, "action_units": units, "amplitude_px": size}
        ready.append(replace(event, apex=apex, attributes=attributes))
    return ready


def _weights(units: str, rng: np.random.Generator) -> dict[str, float]:
    """Relative sizes of the fields: the first unit leads, sides differ a little."""
    weights: dict[str, float] = {}
    for i, token in enumerate(units_of(units)):
        share = 1.0 if i == 0 else rng.uniform(*SECOND_SHARE)
        names = sides_of(token)
        weaker = int(rng.integers(2))
        for k, name in enumerate(names):
            uneven = rng.uniform(0.75, 1.0) if len(names) == 2 and k == weaker else 1.0
            weights[name] = weights.get(name, 0.0) + share * uneven
    return weights


def _curve(event: Expression, rng: np.random.Generator, tremor: float) -> Curve:
    """Size over the event's own frames, 1 at the apex."""
    shape: Shape = "jerk" if rng.random() < 0.5 else "cosine"
    share, sag, draws = rng.uniform(0.2, 0.7), rng.uniform(0.02, 0.2), rng.spawn(1)[0]
    apex = event.apex if event.apex is not None else (event.onset + event.offset) // 2
    hold, after = 0, event.offset - apex
    if event.kind == "macro":
        hold = round(share * after)
    elif event.kind == "blink":
        hold, sag = min(1, after // 4), 0.0
    curve = profile((event.onset, apex, event.offset), shape, hold, sag)
    if event.kind == "blink" or not tremor:
        return curve
    return tremble(curve, apex - event.onset, tremor * 0.5, draws)


def _facial_events(
    config: ScriptConfig, fps: float, n_frames: int, rng: np.random.Generator
) -> list[Expression]:
    """Micro- and macro-expressions and speech, one after the other with gaps."""
    plan = _wanted(config, fps, n_frames, rng)
    events = [
        Expression(onset, draw_apex(kind, onset, length, rng), onset + length - 1, kind)
        for kind, length, onset in _spread(plan, n_frames, round(GAP_S * fps), rng)
    ]
    return _named(events, config, rng)


def _wanted(
    config: ScriptConfig, fps: float, n_frames: int, rng: np.random.Generator
) -> list[tuple[str, int]]:
    """(kind, length) of what the rates ask for, in random order."""
    minutes = n_frames / fps / 60.0
    plan: list[tuple[str, int]] = []
    for kind, rate, span in (
        ("micro", config.micro_per_minute, config.micro_s),
        ("macro", config.macro_per_minute, config.macro_s),
        ("other", config.speech_per_minute, (1.0, 4.0)),
    ):
        count = int(rate * minutes + rng.random())
        low, high = max(3, int(np.ceil(span[0] * fps))), max(3, int(span[1] * fps))
        plan += [(kind, int(rng.integers(low, max(low, high) + 1))) for _ in range(count)]
    return [plan[i] for i in rng.permutation(len(plan))]


def _around(
    given: Sequence[Expression], config: ScriptConfig, fps: float, n_frames: int,
    rng: np.random.Generator,
) -> list[Expression]:  # fmt: skip
    """The given expressions, and what the rates add at random places that are free."""
    gap, found, added = round(GAP_S * fps), list(given), []
    for kind, length in _wanted(config, fps, n_frames, rng):
        for _ in range(20):
            onset = int(rng.integers(gap, max(gap + 1, n_frames - length - gap)))
            if onset + length < n_frames and clear((onset, onset + length - 1), found, gap):
                apex = draw_apex(kind, onset, length, rng)
                found.append(Expression(onset, apex, onset + length - 1, kind))
                added.append(found[-1])
                break
    return [*given, *_named(added, config, rng)]


def _named(
    events: Sequence[Expression], config: ScriptConfig, rng: np.random.Generator
) -> list[Expression]:
    """With action units and sizes."""
    named = iter(with_actions([e for e in events if e.kind != "other"], rng, config))
    speech = {"action_units": "speech"}
    return [replace(e, attributes=speech) if e.kind == "other" else next(named) for e in events]


def _spread(
    plan: list[tuple[str, int]], n_frames: int, gap: int, rng: np.random.Generator
) -> list[tuple[str, int, int]]:
    """Random onsets for (kind, length) in order, ``gap`` or more apart; drops what does not fit."""
    while plan and sum(length for _, length in plan) + gap * (len(plan) + 1) > n_frames:
        plan = plan[:-1]
    free = n_frames - sum(length for _, length in plan) - gap * (len(plan) + 1)
    cuts = np.sort(rng.integers(0, max(free, 0) + 1, len(plan)))
    placed, at = [], gap
    for (kind, length), cut in zip(plan, cuts):
        placed.append((kind, length, int(at + cut)))
        at += length + gap
    return placed


def _draw(menu: Mapping[str, int], rng: np.random.Generator) -> str:
    names, weights = list(menu), np.array(list(menu.values()), dtype=np.float64)
    return names[int(rng.choice(len(names), p=weights / weights.sum()))]


def _amplitude(units: str, sizes: tuple[float, ...], rng: np.random.Generator) -> float:
    """A peak within the range, but not beyond what the units can show."""
    first, *others = (LARGEST_PX[token.rstrip("LR")] for token in units_of(units))
    limit = min([first, *(other / SECOND_SHARE[1] for other in others)])
    return float(rng.uniform(min(sizes[0], limit), min(sizes[1], limit)))
