"""Where single events lie in time: apices, blinks, and the gaps between."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mespot.synthetic.config import ScriptConfig
from mespot.types import Expression

GAP_S = 0.4


def clear(span: tuple[int, int], others: Sequence[Expression], gap: int) -> bool:
    """Whether a span of frames keeps ``gap`` frames from all others."""
    return all(span[1] + gap < other.onset or other.offset + gap < span[0] for other in others)


def draw_apex(kind: str, onset: int, length: int, rng: np.random.Generator) -> int | None:
    """The apex of an expression of ``length`` frames; none of speech."""
    if kind == "other":
        return None
    share = rng.uniform(0.3, 0.62) if kind == "micro" else rng.uniform(0.15, 0.4)
    return onset + int(np.clip(round(share * (length - 1)), 1, length - 2))


def blinks(
    config: ScriptConfig, fps: float, n_frames: int, taken: list[Expression],
    rng: np.random.Generator,
) -> list[Expression]:  # fmt: skip
    """Blinks at a mean rate, apart from each other and from ``taken``."""
    count = int(config.blink_per_minute * n_frames / fps / 60.0 + rng.random())
    gap, (shortest, longest) = round(GAP_S * fps), config.blink_span_s
    found: list[Expression] = []
    for _ in range(20 * count):
        spread = np.exp(rng.normal(0.0, config.blink_spread))
        seconds = float(np.clip(config.blink_s * spread, shortest, longest))
        length = max(4, round(seconds * fps))
        onset = int(rng.integers(gap, max(gap + 1, n_frames - length - gap)))
        blink = make_blink(onset, length, rng)
        free = clear((blink.onset, blink.offset), [*found, *taken], gap)
        if free and blink.offset < n_frames:
            found.append(blink)
        if len(found) == count:
            break
    return found


def make_blink(onset: int, length: int, rng: np.random.Generator) -> Expression:
    """A blink of ``length`` frames; one in ten closes half-way."""
    closure = f"{rng.uniform(0.55, 0.9) if rng.random() < 0.1 else 1.0:.2f}"
    return Expression(
        onset, onset + max(1, round(0.38 * (length - 1))), onset + length - 1, "blink",
        attributes={"action_units": "45", "closure": closure},
    )  # fmt: skip
