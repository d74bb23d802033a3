"""The choices of alignment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Align:
    """How faces are found, followed, registered and cropped.

    Attributes
    ----------
    size : int
        Side of the crop in pixels, at least 32.
    points : {5, 17}
        Control points of the registration: dlib's 5 (local polynomials of first order), or 17 of
        its 68 (second order).
    register : {"face", "none"}
        What the crop follows: the face, or nothing: then it stays where the face was first found,
        to learn what registration is worth. The face is followed all the same, for ``found``.
    smoothing : int
        Frames of the zero-phase smoothing of the landmarks, odd; 1 turns it off.
    """

    size: int = 150
    points: Literal[5, 17] = 5
    register: Literal["face", "none"] = "face"
    smoothing: int = 5

    def __post_init__(self) -> None:
        if self.size < 32:
            raise ValueError(f"size {self.size}: a crop needs at least 32 pixels")
        if self.points not in (5, 17):
            raise ValueError(f"points {self.points}: there are 5 or 17")
        if self.register not in ("face", "none"):
            raise ValueError(f"register {self.register!r}: there are 'face' and 'none'")
        if self.smoothing < 1 or self.smoothing % 2 == 0:
            raise ValueError(f"smoothing {self.smoothing}: an odd number of frames is needed")
