"""What moves without being an expression: the head, the camera, the light, the gaze.

All are random functions of time, each from its own stream of random numbers, so that switching one
off leaves the others as they were.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mespot.synthetic.config import ScriptConfig
from mespot.synthetic.profiles import ease, wander

Curve = NDArray[np.float64]


@dataclass(frozen=True)
class Light:
    """Illumination over time.

    Attributes
    ----------
    gain : (T, 3) float64
        Overall gain, and its slope across the frame's width and height.
    depth : float
        Relative size of the mains flicker.
    phase : (T,) float64
        Its phase at the first row; ``rows`` radians are added from the first row to the last, since
        a rolling shutter exposes them one after the other.
    rows : float
    """

    gain: Curve
    depth: float
    phase: Curve
    rows: float


def head_path(config: ScriptConfig, t: Curve, bob: Curve, rng: np.random.Generator) -> Curve:
    """Pose of the head, (T, 6): shift x, y (eye distances), roll, log scale, yaw, pitch (radians).

    Slow drift, fine sway, and nods or turns as smooth excursions. ``bob`` (T,) in [0, 1] is how
    strongly the person speaks: heads move along.
    """
    size = np.array([0.035, 0.025, 0.012, 0.008, 0.022, 0.018])
    sway = np.array([0.0025, 0.0025, 0.0010, 0.0005, 0.0020, 0.0020])
    lively = np.array([0.008, 0.012, 0.008, 0.002, 0.015, 0.020])
    path = np.empty((len(t), 6))
    for i in range(6):
        slow = wander(t, (0.02, 0.25), rng)
        path[:, i] = size[i] * slow + sway[i] * wander(t, (0.4, 1.2), rng)
        path[:, i] += lively[i] * bob * wander(t, (0.5, 2.5), rng)
    # A recording starts near the pose of the portrait.
    path -= path[:1] * np.exp(-t / 20.0)[:, None]
    for start, length in _moments(t, config.nod_per_minute, (0.5, 2.5), rng):
        path += _excursion(t, start, length, rng)
    return config.head * path


def _moments(
    t: Curve, per_minute: float, lengths: tuple[float, float], rng: np.random.Generator
) -> list[tuple[float, float]]:
    """Random (start, length) in seconds at a mean rate; may overlap."""
    duration = float(t[-1] - t[0]) if len(t) else 0.0
    count = rng.poisson(per_minute * duration / 60.0)
    return [(rng.uniform(0.0, duration), rng.uniform(*lengths)) for _ in range(count)]


def _excursion(t: Curve, start: float, length: float, rng: np.random.Generator) -> Curve:
    """One nod (there and back, perhaps twice) or a turn to another pose and back later, (T, 6)."""
    out = np.zeros((len(t), 6))
    tau = (t - start) / length
    if rng.random() < 0.5:
        beats = int(rng.integers(1, 3))
        window = ease(tau * 4.0) * ease((1.0 - tau) * 4.0)
        wave = np.sin(np.pi * np.clip(tau, 0.0, 1.0) * (2 * beats - 1)) * window
        out[:, 5] = rng.uniform(0.02, 0.06) * wave
        out[:, 1] = rng.uniform(0.02, 0.05) * wave
        return out
    there = ease(tau, "jerk") * (1.0 - ease((t - start - length - rng.uniform(1.0, 8.0)) / length))
    for axis, size in ((0, 0.06), (1, 0.02), (2, 0.03), (3, 0.015), (4, 0.06), (5, 0.03)):
        out[:, axis] = rng.normal(0.0, size / 1.5) * there
    return np.clip(out, -0.12, 0.12)


def camera_path(config: ScriptConfig, t: Curve, rng: np.random.Generator) -> Curve:
    """Shake of the whole picture in frame pixels, (T, 2): a hand's slow sway and 2-7 Hz tremor."""
    scale = 0.45 * config.camera * config.width / 640.0
    slow = [wander(t, (0.15, 1.0), rng) for _ in range(2)]
    quick = [wander(t, (2.0, 7.0), rng) for _ in range(2)]
    return scale * (np.stack(slow, axis=1) + 0.5 * np.stack(quick, axis=1))


def light_path(config: ScriptConfig, t: Curve, rng: np.random.Generator) -> Light:
    """Drift of the light (clouds, screens, auto-exposure) and flicker of lamps at the mains."""
    gain = np.stack([wander(t, (0.01, 0.3), rng) for _ in range(3)], axis=1)
    gain *= config.light * np.array([0.012, 0.015, 0.010])
    gain[:, 0] += 1.0
    # Drawn in any case, so that what follows is the same for a given frequency.
    drawn = (50.0, 60.0)[int(rng.integers(2))]
    mains = config.mains_hz or drawn
    # Lamps flicker at twice the mains frequency, which is itself off by a little.
    frequency = 2.0 * mains * (1.0 + rng.normal(0.0, 3e-4))
    phase = 2.0 * np.pi * frequency * t + rng.uniform(0.0, 2.0 * np.pi)
    readout_s = rng.uniform(0.005, 0.025)
    depth = config.flicker * rng.uniform(0.002, 0.015)
    return Light(gain, float(depth), phase, float(2.0 * np.pi * frequency * readout_s))


def gaze_path(config: ScriptConfig, t: Curve, rng: np.random.Generator) -> Curve:
    """Sideways shift of the irises in eye distances, (T,): saccades between points of rest."""
    out = np.zeros(len(t))
    duration = float(t[-1]) if len(t) else 0.0
    count = rng.poisson(config.gaze_per_minute * duration / 60.0)
    at = 0.0
    for start in np.sort(rng.uniform(0.0, duration, count)):
        # Eyes return to the camera about every second time.
        to = 0.0 if rng.random() < 0.5 else float(np.clip(rng.normal(0.0, 0.03), -0.055, 0.055))
        end = start + rng.uniform(0.04, 0.09)
        first, after = np.searchsorted(t, [start, end])
        out[first:after] += (to - at) * ease((t[first:after] - start) / (end - start))
        out[after:] += to - at
        at = to
    return out
