"""How a movement's size runs over time: asymmetric smooth onset-apex-offset curves."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Shape = Literal["cosine", "jerk"]


def ease(tau: NDArray[np.float64], shape: Shape = "cosine") -> NDArray[np.float64]:
    """0 to 1 without a corner as ``tau`` goes from 0 to 1 (clipped outside).

    ``cosine`` is half a raised cosine; ``jerk`` the curve of least jerk, 10 t^3 - 15 t^4 + 6 t^5
    (Flash & Hogan 1985, Eq. 1 of the point-to-point case), which lingers longer at both ends.
    """
    tau = np.clip(tau, 0.0, 1.0)
    if shape == "jerk":
        return tau**3 * (10.0 - 15.0 * tau + 6.0 * tau**2)
    return 0.5 - 0.5 * np.cos(np.pi * tau)


def profile(
    frames: tuple[int, int, int], shape: Shape = "cosine", hold: int = 0, sag: float = 0.0
) -> NDArray[np.float64]:
    """Curve over the frames of a movement, (offset - onset + 1,): above 0, and 1 at the apex only.

    It would be 0 one frame before the onset and one after the offset.

    Parameters
    ----------
    frames : (onset, apex, offset)
        Onset and offset inclusive.
    hold : int
        Frames after the apex in which the movement merely sags before it fades.
    sag : float
        Share of its size that is lost over the hold.
    """
    rise, after = frames[1] - frames[0], frames[2] - frames[1]
    hold = min(hold, after)
    up = ease(np.arange(1, rise + 2) / (rise + 1), shape)
    at = np.arange(1, after + 1, dtype=np.float64)
    down = ease((after + 1 - at) / (after + 1 - hold), shape)
    slack = 1.0 - sag * ease(at / max(hold, 1), "cosine")
    return np.concatenate([up, down * (slack if hold else 1.0)])


def tremble(
    curve: NDArray[np.float64], apex: int, share: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """The curve with a smooth multiplicative tremor; zeros stay zero and the apex stays highest."""
    noise = np.convolve(rng.standard_normal(len(curve) + 2), (0.25, 0.5, 0.25), mode="valid")
    shaken = np.clip(curve * (1.0 + share * noise / 0.61), 0.0, 0.995 * curve[apex])
    shaken[apex] = curve[apex]
    return shaken


def wander(
    t: NDArray[np.float64], band: tuple[float, float], rng: np.random.Generator, waves: int = 10
) -> NDArray[np.float64]:
    """Smooth random motion of unit RMS at the times ``t`` (s): waves of a band of frequencies (Hz).

    A sum of cosines, so that it depends on time and not on the frame rate.
    """
    frequency = np.exp(rng.uniform(np.log(band[0]), np.log(band[1]), waves))
    # Lower frequencies carry more: bodies drift far slowly and little quickly.
    weight = frequency**-0.5
    phase = rng.uniform(0.0, 2.0 * np.pi, waves)
    total = np.cos(2.0 * np.pi * np.outer(t, frequency) + phase) @ weight
    return np.asarray(total / np.sqrt(0.5 * np.sum(weight**2)))
