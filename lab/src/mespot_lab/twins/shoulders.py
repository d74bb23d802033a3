"""Portraits that are cut off at the neck, continued downwards.

A portrait that ends above the frame's lower edge is continued by its last rows, so that the neck
would go on as a column. Here it ends in a round collar above plain shoulders in the colour of what
lies beside it. Nothing of the face is touched.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mespot.synthetic.portraits import Portrait
from mespot.synthetic.scene import FaceFrame

# All in eye distances: how far a portrait goes on below, and how deep the collar is at most.
_BELOW, _DEPTH = 3.2, 0.5
# How steeply shoulders fall, and how much darker than what lies beside the neck they are.
_SLOPE, _DARKER = 0.35, 0.8
# Largest distance in colour (a and b of Lab) of the neck's skin from the face's, and the smallest
# half-width, in eye distances, that is a neck and not a gap in a beard.
_LIKE_SKIN, _NARROW = 16.0, 0.12


def with_collar(portrait: Portrait) -> Portrait:
    """The portrait with room below, the same where it goes down far enough already."""
    face = FaceFrame.of(portrait.points)
    height, width = portrait.image.shape[:2]
    more = round(face.origin[1] + _BELOW * face.unit) - height
    if more <= 0:
        return portrait
    rim = portrait.image[-4:].astype(np.float32).mean(axis=0, keepdims=True)
    left, right = _neck(portrait, face, rim)
    rows = np.vstack([
        cv2.GaussianBlur(rim, (0, 0), 1.0 + 0.06 * d, borderType=cv2.BORDER_REPLICATE)
        for d in range(more)
    ])  # fmt: skip
    half = (right - left) / 2.0
    below = rows
    if half > 0:
        away = np.abs(np.arange(width) - (left + right) / 2.0)[None]
        inside = np.sqrt(np.clip(1.0 - (away / half) ** 2, 0.0, 1.0))
        edge = np.where(
            away < half, min(_DEPTH * face.unit, 1.2 * half) * inside, _SLOPE * (away - half)
        )
        # Cloth begins softly, a pixel or two wide, and is a little lighter at its rim.
        under = np.arange(more)[:, None] - edge
        share = np.clip(under / 2.0 + 0.5, 0.0, 1.0)[..., None]
        light = 1.0 + 0.15 * np.exp(-np.maximum(under, 0.0) / (0.08 * face.unit))[..., None]
        below = rows + share * (light * _cloth(rim[0], (left, right), face.unit) - rows)
    image = np.vstack([portrait.image, np.clip(np.rint(below), 0, 255).astype(np.uint8)])
    return Portrait(portrait.id, image, portrait.points)


def _cloth(rim: NDArray[np.float32], neck: tuple[float, float], unit: float) -> NDArray[np.float32]:
    """(3,) a colour for shoulders: what lies right beside the neck, darker."""
    reach = max(2, round(0.35 * unit))
    left, right = round(neck[0]), round(neck[1])
    beside = np.concatenate([rim[max(0, left - reach) : left + 1], rim[right : right + reach]])
    return np.asarray(_DARKER * np.median(beside, axis=0), dtype=np.float32)


def _neck(portrait: Portrait, face: FaceFrame, rim: NDArray[np.float32]) -> tuple[float, float]:
    """First and last column of skin in the last rows around the chin; equal where there is none."""
    lab = cv2.cvtColor(portrait.image, cv2.COLOR_BGR2LAB).astype(np.float32)
    cheeks = portrait.points[[2, 3, 13, 14]] * 0.7 + portrait.points[[33]] * 0.3
    reach = max(2, round(0.08 * face.unit))
    patches = [
        lab[max(0, y - reach) : y + reach, max(0, x - reach) : x + reach, 1:].reshape(-1, 2)
        for x, y in np.rint(cheeks).astype(int)
    ]
    skin = np.median(np.concatenate(patches), axis=0)
    edge = np.clip(np.rint(cv2.GaussianBlur(rim, (0, 0), 0.02 * face.unit)), 0, 255)
    colours = cv2.cvtColor(edge.astype(np.uint8), cv2.COLOR_BGR2LAB).astype(np.float32)[0, :, 1:]
    alike = np.hypot(*(colours - skin).T) < _LIKE_SKIN
    middle = int(np.clip(round(portrait.points[8, 0]), 0, len(alike) - 1))
    left = right = middle
    while left > 0 and alike[left]:
        left -= 1
    while right < len(alike) - 1 and alike[right]:
        right += 1
    wide = (right - left) / 2.0
    if not _NARROW * face.unit < wide < 1.2 * face.unit:
        return float(middle), float(middle)
    return float(left), float(right)
