"""What a synthetic recording may hold and how hard it is made: plain values, each with a unit.

Every nuisance has a level: 0 switches it off, 1 is what a calm recording in a laboratory shows, 2
is a handheld camera or a restless person.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from mespot.errors import UsageError, nearest
from mespot.registry import from_values


@dataclass(frozen=True)
class ScriptConfig:
    """Rates of what happens, sizes of movements, and levels of nuisances.

    ``*_per_minute`` are mean numbers of events; ``*_px`` are peak displacements in pixels of a
    150-pixel face crop (``mespot.align.crop``) as (lowest, highest); ``*_s`` are durations in
    seconds from onset to offset, both included. Blinks are log-normal about a median of ``blink_s``
    with a standard deviation of ``blink_spread`` (of the logarithm), cut to ``blink_span_s``.
    ``tremor`` is the share of a movement's size by
    which it trembles. ``head``, ``camera``, ``light``, ``flicker``, ``noise`` and ``shading`` are
    levels. ``mains_hz`` is the frequency of the mains, whose lamps flicker at twice of it; 0 draws
    50 or 60 for every recording. ``eye_px`` is the range of the distance between the eyes in frame
    pixels; ``crf`` that of the H.264 constant rate factor, drawn for every recording (0 loses
    nothing, 51 is the coarsest). ``mingle`` lets blinks fall into micro-expressions.

    Raises
    ------
    ValueError
        If a rate or level is negative, a range is reversed, a rate factor is beyond 51, or the
        frame size is odd.
    """

    micro_per_minute: float = 7.0
    macro_per_minute: float = 3.0
    blink_per_minute: float = 8.0
    speech_per_minute: float = 1.2
    nod_per_minute: float = 2.0
    gaze_per_minute: float = 14.0
    micro_px: tuple[float, ...] = (0.8, 3.0)
    macro_px: tuple[float, ...] = (3.0, 9.0)
    micro_s: tuple[float, ...] = (0.2, 0.5)
    macro_s: tuple[float, ...] = (0.7, 3.0)
    blink_s: float = 0.35
    blink_spread: float = 0.25
    blink_span_s: tuple[float, ...] = (0.15, 0.7)
    mingle: bool = True
    tremor: float = 0.03
    head: float = 1.0
    camera: float = 0.3
    light: float = 1.0
    flicker: float = 0.5
    mains_hz: float = 0.0
    noise: float = 1.0
    shading: float = 1.0
    width: int = 640
    height: int = 480
    eye_px: tuple[float, ...] = (70.0, 110.0)
    crf: tuple[int, ...] = (18, 28)

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            lowest = value[0] if isinstance(value, tuple) else value
            if lowest < 0:
                raise ValueError(f"{name} must not be negative, not {value}")
            if isinstance(value, tuple) and (len(value) != 2 or value[0] > value[1]):
                raise ValueError(f"{name} must be (lowest, highest), not {value}")
        if self.crf[1] > 51:
            raise ValueError(f"crf must not be above 51, not {self.crf}")
        if self.width % 8 or self.height % 8 or min(self.width, self.height) < 64:
            raise ValueError(
                "width and height must be multiples of 8 from 64 on, "
                f"not {self.width} x {self.height}"
            )


STANDARD = ScriptConfig()

DIFFICULTIES: dict[str, ScriptConfig] = {
    "easy": replace(
        STANDARD, macro_per_minute=1.5, blink_per_minute=6.0, speech_per_minute=0.0,
        nod_per_minute=0.5, gaze_per_minute=8.0, micro_px=(1.5, 3.0), mingle=False, head=0.4,
        camera=0.0, light=0.4, flicker=0.0, noise=0.5, crf=(18, 23),
    ),
    "standard": STANDARD,
    "hard": replace(
        STANDARD, macro_per_minute=4.0, blink_per_minute=12.0, speech_per_minute=2.5,
        nod_per_minute=4.0, gaze_per_minute=20.0, micro_px=(0.8, 2.0), head=1.8, camera=1.0,
        light=2.0, flicker=1.5, noise=2.0, crf=(23, 30),
    ),
}  # fmt: skip


def difficulty(name: str) -> ScriptConfig:
    """The configuration of a named difficulty. Raises UsageError for an unknown name."""
    if name not in DIFFICULTIES:
        raise UsageError(f"there is no difficulty {name!r}{nearest(name, list(DIFFICULTIES))}")
    return DIFFICULTIES[name]


def still(config: ScriptConfig) -> ScriptConfig:
    """The same with every nuisance off: what moves then is a micro-expression or nothing."""
    return replace(
        config, macro_per_minute=0.0, blink_per_minute=0.0, speech_per_minute=0.0,
        nod_per_minute=0.0, gaze_per_minute=0.0, head=0.0, camera=0.0, light=0.0, flicker=0.0,
        noise=0.0,
    )  # fmt: skip


def settings_of(texts: Sequence[str]) -> dict[str, Any]:
    """``noise=0``, ``micro_px=[1, 2]`` as values by name. Raises UsageError for another form."""
    values: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        try:
            if not equals:
                raise ValueError("no =")
            values[name.strip()] = tomllib.loads(f"x = {value.strip()}")["x"]
        except ValueError as error:
            raise UsageError(
                f"--set {text!r}: write NAME=VALUE, such as noise=0 or micro_px=[1.0, 2.0]"
            ) from error
    return values


def overridden(config: ScriptConfig, values: dict[str, Any]) -> ScriptConfig:
    """A configuration with some fields changed. Raises UsageError for an unknown name or value."""
    changed: ScriptConfig = from_values(ScriptConfig, {**asdict(config), **values}, "--set")
    return changed
