"""Action units as smooth displacement fields: where a muscle pulls the skin, which way, how far.

A field is a sum of bells anchored on landmarks. Directions follow the facial muscles as described
in the Facial Action Coding System (Ekman, Friesen & Hager 2002): the frontalis lifts the brows, the
corrugator draws them down and together, the zygomatic major pulls the lip corner out and up, and
so on. Every field peaks at length 1 and dies away towards the eyeballs, the ears and the hair.

Units are eye distances in the face's axes (``place.FaceFrame``). ``R`` and ``L`` are the subject's
own right and left; the subject's right stands on the left in the image.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mespot.align.crop import EYES_AT, MEAN_68, MIRROR_68, SIDE_IN_EYE_DISTANCES
from mespot.errors import UsageError

Field = NDArray[np.float64]
# (landmarks whose mean is the centre, shift, pull, (width, height up, height down)), for the half
# of the face that stands on the left in the image; x points to the right, y down.
Bell = tuple[tuple[int, ...], tuple[float, float], tuple[float, float], tuple[float, float, float]]

SIDED: dict[str, tuple[Bell, ...]] = {
    "1": (((20, 21, 21), (0.0, -0.02), (0.08, -1.0), (0.19, 0.34, 0.15)),),
    "2": (((17, 18, 19), (0.0, -0.02), (-0.10, -1.0), (0.22, 0.32, 0.14)),),
    "4": (
        ((20, 21, 21), (0.0, -0.01), (0.55, 0.84), (0.22, 0.24, 0.15)),
        ((18,), (0.0, 0.0), (0.20, 0.25), (0.20, 0.20, 0.12)),
    ),
    "5": (((37, 38), (0.0, -0.02), (0.0, -1.0), (0.18, 0.13, 0.05)),),
    "6": (
        ((40, 41, 48), (-0.10, 0.05), (0.18, -0.98), (0.28, 0.20, 0.24)),
        ((36,), (-0.10, 0.06), (0.5, -0.1), (0.14, 0.14, 0.14)),
    ),
    "7": (
        ((40, 41), (0.0, 0.05), (0.08, -1.0), (0.20, 0.06, 0.17)),
        ((36,), (-0.06, 0.05), (0.35, -0.2), (0.12, 0.10, 0.12)),
    ),
    "9": (
        ((29, 31), (-0.03, -0.08), (0.12, -1.0), (0.13, 0.20, 0.18)),
        ((31,), (-0.03, 0.0), (-0.05, -0.55), (0.12, 0.12, 0.10)),
        ((21,), (0.0, 0.0), (0.20, 0.40), (0.14, 0.14, 0.10)),
        ((50,), (-0.04, -0.04), (0.0, -0.35), (0.14, 0.14, 0.07)),
    ),
    "10": (
        ((49, 50), (0.0, -0.05), (-0.10, -1.0), (0.16, 0.20, 0.08)),
        ((31, 48), (-0.06, -0.10), (-0.12, -0.55), (0.16, 0.20, 0.14)),
    ),
    "12": (
        ((48,), (-0.02, -0.01), (-0.75, -0.66), (0.18, 0.17, 0.15)),
        ((48, 48, 41), (-0.12, -0.05), (-0.25, -0.60), (0.24, 0.26, 0.20)),
        ((40, 41), (-0.05, 0.16), (0.0, -0.15), (0.22, 0.10, 0.14)),
    ),
    "14": (
        ((48,), (-0.02, 0.0), (-1.0, -0.05), (0.13, 0.11, 0.11)),
        ((48,), (-0.06, -0.15), (0.0, 0.45), (0.11, 0.09, 0.09)),
        ((48,), (-0.06, 0.15), (0.0, -0.45), (0.11, 0.09, 0.09)),
    ),
    "15": (
        ((48,), (-0.02, 0.02), (-0.15, 1.0), (0.15, 0.15, 0.18)),
        ((48,), (-0.05, 0.24), (-0.05, 0.45), (0.16, 0.14, 0.16)),
    ),
    "20": (
        ((48,), (-0.03, 0.02), (-1.0, 0.14), (0.20, 0.15, 0.18)),
        ((48,), (-0.22, 0.0), (-0.45, 0.05), (0.20, 0.18, 0.20)),
    ),
}  # fmt: skip

CENTRAL: dict[str, tuple[Bell, ...]] = {
    "17": (
        ((57, 8), (0.0, -0.04), (0.0, -1.0), (0.30, 0.14, 0.17)),
        ((57,), (0.0, -0.02), (0.0, -0.70), (0.24, 0.08, 0.10)),
        ((51,), (0.0, 0.0), (0.0, -0.20), (0.20, 0.10, 0.06)),
    ),
    "26": (
        ((57, 8), (0.0, 0.10), (0.0, 1.0), (0.48, 0.22, 0.42)),
        ((57,), (0.0, 0.0), (0.0, 0.45), (0.26, 0.09, 0.14)),
    ),
}  # fmt: skip

SIDED_NAMES = tuple(f"{unit}{side}" for unit in SIDED for side in "RL")
NAMES = (*SIDED_NAMES, *CENTRAL)

# Peak displacements (crop pixels) beyond which a unit no longer looks like a face.
LARGEST_PX = {
    "1": 7.0, "2": 7.0, "4": 6.0, "5": 3.5, "6": 5.0, "7": 3.5, "9": 6.0, "10": 5.5, "12": 9.0,
    "14": 5.0, "15": 6.0, "17": 6.0, "20": 7.0, "26": 9.0,
}  # fmt: skip


def units_of(text: str) -> list[str]:
    """The tokens of an action-unit string: ``"4+12L"`` -> ``["4", "12L"]``.

    Raises UsageError for a unit that cannot be rendered.
    """
    tokens = [token.strip().upper() for token in text.split("+")]
    for token in tokens:
        unit = token.rstrip("LR")
        if unit not in LARGEST_PX or (token != unit and token not in SIDED_NAMES):
            raise UsageError(
                f"action unit {token!r} cannot be shown; known: "
                + ", ".join(LARGEST_PX)
                + ", with L or R behind the paired ones"
            )
    return tokens


def sides_of(token: str) -> tuple[str, ...]:
    """The fields that a token moves: both sides of a paired unit, else itself."""
    return (f"{token}R", f"{token}L") if token in SIDED else (token,)


def mean_points() -> NDArray[np.float64]:
    """(68, 2) the mean face of the crop in the face's axes."""
    points: NDArray[np.float64] = (MEAN_68 - np.array(EYES_AT)) * SIDE_IN_EYE_DISTANCES
    return points


def fields(points: NDArray[np.float64], x: Field, y: Field) -> NDArray[np.float64]:
    """All fields of a face with these landmarks, (len(NAMES), *x.shape, 2).

    ``points`` (68, 2), ``x`` and ``y`` are in the face's axes. A field's value at a place is the
    displacement of the skin that is seen there, in units of the peak.
    """
    grid_x, grid_y = np.meshgrid(np.arange(-1.3, 1.31, 0.04), np.arange(-1.0, 2.2, 0.04))
    out = np.empty((len(NAMES), *x.shape, 2))
    anchored, anchored_grid = _mobility(points, x, y), _mobility(points, grid_x, grid_y)
    for i, name in enumerate(NAMES):
        raw = _bells(name, points, grid_x, grid_y) * anchored_grid[..., None]
        peak = np.hypot(raw[..., 0], raw[..., 1]).max()
        out[i] = _bells(name, points, x, y) * anchored[..., None] / peak
    return out


@lru_cache(maxsize=1)
def mean_fields() -> NDArray[np.float64]:
    """Fields of the mean face on a coarse grid, to size combinations of units by; read only."""
    x, y = np.meshgrid(np.arange(-1.2, 1.21, 0.05), np.arange(-0.8, 1.9, 0.05))
    found = fields(mean_points(), x, y)
    found.setflags(write=False)
    return found


def combined_peak(weights: dict[str, float]) -> float:
    """Largest displacement of a weighted sum of fields (sided names) on the mean face."""
    total = sum(weight * mean_fields()[NAMES.index(name)] for name, weight in weights.items())
    return float(np.hypot(*np.moveaxis(np.asarray(total), -1, 0)).max())


def _bells(name: str, points: NDArray[np.float64], x: Field, y: Field) -> NDArray[np.float64]:
    """The unscaled field of one name, (*x.shape, 2)."""
    unit = name.rstrip("LR")
    flip = -1.0 if name.endswith("L") else 1.0
    total = np.zeros((*x.shape, 2))
    for landmarks, shift, pull, (width, up, down) in SIDED.get(unit) or CENTRAL[unit]:
        at = [MIRROR_68[k] for k in landmarks] if flip < 0 else list(landmarks)
        cx, cy = points[at].mean(axis=0) + np.array([flip * shift[0], shift[1]])
        dx, dy = (x - cx) / width, (y - cy) / np.where(y < cy, up, down)
        bell = np.exp(-0.5 * (dx * dx + dy * dy))
        total += bell[..., None] * (flip * pull[0], pull[1])
    return total


def _mobility(points: NDArray[np.float64], x: Field, y: Field) -> Field:
    """1 on mobile skin, near 0 on the eyeballs and from the rim of the face outwards."""
    # The rim: an ellipse through temples, chin and the upper forehead.
    chin = points[8, 1]
    middle, half_height = (chin - 1.05) / 2.0, (chin + 1.05) / 2.0 + 0.1
    half_width = 0.5 * (points[16, 0] - points[0, 0]) + 0.12
    radius = np.hypot((x - points[[0, 16], 0].mean()) / half_width, (y - middle) / half_height)
    inside = np.clip((1.12 - radius) / 0.27, 0.0, 1.0)
    mobile = inside * inside * (3.0 - 2.0 * inside)
    for eye in (points[36:42], points[42:48]):
        cx, cy = eye.mean(axis=0)
        mobile = mobile * (
            1.0 - 0.85 * np.exp(-0.5 * (((x - cx) / 0.13) ** 2 + ((y - cy) / 0.045) ** 2))
        )
    return np.asarray(mobile)
