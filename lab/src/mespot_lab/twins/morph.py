"""A face between two faces: shape and texture blended inside, hair and surroundings of one of them.

Both pictures are warped by thin-plate splines (Bookstein 1989) so that their landmarks fall on the
new shape. Inside the face they are blended band by band (Burt & Adelson 1983), so that no seam
shows; outside, the base alone stays. Smooth changes of proportions and of light make a new face
even of one portrait.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from mespot.align.crop import MIRROR_68
from mespot.synthetic.portraits import Portrait
from mespot.synthetic.sampling import enlarge, sample
from mespot.synthetic.scene import FaceFrame

Points = NDArray[np.float64]
Picture = NDArray[np.uint8]
Bands = list[NDArray[np.float32]]

_CELL = 8
_LEVELS = 6
# Nothing above the brows is taken from the donor: there may be hair. In eye distances.
_ABOVE_BROWS = 0.16


@dataclass(frozen=True)
class Change:
    """How a face is made another one's, beyond the blend.

    Attributes
    ----------
    shape : (7,) float64
        Standard normal: width of the jaw, length of the chin, size of the eyes, height of the
        brows, width of the nose, width of the mouth, fullness of the lips.
    light : (4,) float64
        Standard normal: slope of the light across and down, brightness, warmth.
    mirrored : bool
    """

    shape: Points
    light: Points
    mirrored: bool = False

    @classmethod
    def none(cls) -> Change:
        """Nothing is changed."""
        return cls(np.zeros(7), np.zeros(4))


def blend(
    base: Portrait, donor: Portrait | None, share: float, change: Change, name: str
) -> Portrait:
    """The portrait of a new person: ``share`` of the donor in shape and texture of the face.

    Without a donor, the base alone is changed.
    """
    target = base.points
    if donor is not None:
        target = target + share * (_similar(donor.points, base.points, donor.points) - base.points)
    target = _reshaped(target, change.shape)
    size = base.image.shape[1::-1]
    image = _warped(base.image, base.points, target, size)
    if donor is not None:
        other = _warped(donor.image, donor.points, target, size)
        inside = _mask(target, size)
        other = _coloured_as(other, image, inside > 0.6)
        image = _blended(image, other, share * inside)
    image = _relit(image, target, change.light)
    if change.mirrored:
        image = np.ascontiguousarray(image[:, ::-1])
        target = (np.array([size[0] - 1.0, 0.0]) + target * (-1.0, 1.0))[list(MIRROR_68)]
    return Portrait(name, image, target)


def _reshaped(points: Points, amounts: Points) -> Points:
    """Smooth changes of proportion, each a few per cent per unit, in the face's own axes."""
    if not amounts.any():
        return points
    face = FaceFrame.of(points)
    p = face.to_face(points)
    jaw, chin, eyes, brows, nose, mouth, lips = amounts
    low = np.clip((p[:, 1] - 0.2) / 1.5, 0.0, 1.0)
    middle = p[[27, 8], 0].mean()
    out = p.copy()
    out[:, 0] += 0.05 * jaw * low * (p[:, 0] - middle)
    out[:, 1] += 0.05 * chin * low * low * p[:, 1]
    for eye in (range(36, 42), range(42, 48)):
        centre = p[list(eye)].mean(axis=0)
        out[list(eye)] += 0.06 * eyes * (p[list(eye)] - centre)
    out[17:27, 1] -= 0.025 * brows
    out[31:36, 0] += 0.07 * nose * (p[31:36, 0] - p[33, 0])
    out[48:68, 0] += 0.06 * mouth * (p[48:68, 0] - p[[48, 54], 0].mean())
    out[48:68, 1] += 0.10 * lips * (p[48:68, 1] - p[[48, 54], 1].mean())
    return face.to_pixels(out)


def _warped(image: Picture, points: Points, target: Points, size: tuple[int, int]) -> Picture:
    """The image with its landmarks moved to ``target`` in a picture of ``size``.

    The edges of the picture follow the similarity between both sets of landmarks.
    """
    w, h = size
    along = np.linspace(0.0, 1.0, 7)
    rim = np.concatenate([
        np.stack([along * w, np.zeros(7)], 1), np.stack([along * w, np.full(7, h)], 1),
        np.stack([np.zeros(5), along[1:-1] * h], 1), np.stack([np.full(5, w), along[1:-1] * h], 1),
    ])  # fmt: skip
    if np.allclose(points, target):
        return image
    anchors = _similar(target, points, rim)
    spline = _Spline(np.concatenate([target, rim]), np.concatenate([points, anchors]))
    x = (np.arange(-(-w // _CELL)) + 0.5) * _CELL - 0.5
    y = (np.arange(-(-h // _CELL)) + 0.5) * _CELL - 0.5
    nodes = np.stack(np.meshgrid(x, y), axis=-1)
    coarse = spline(nodes.reshape(-1, 2)).reshape(nodes.shape).astype(np.float32)
    full = (nodes.shape[1] * _CELL, nodes.shape[0] * _CELL)
    # What is enlarged is the displacement: it goes on smoothly beyond the outermost nodes.
    where = enlarge(coarse - nodes.astype(np.float32), full)[:h, :w]
    where += np.stack(np.meshgrid(np.arange(w), np.arange(h)), axis=-1).astype(np.float32)
    return np.asarray(sample(image, where, fine=True), dtype=np.uint8)


def _similar(source: Points, to: Points, at: Points) -> Points:
    """The places ``at`` carried by the similarity that best takes ``source`` to ``to``."""
    a, b = source - source.mean(axis=0), to - to.mean(axis=0)
    za, zb = a[:, 0] + 1j * a[:, 1], b[:, 0] + 1j * b[:, 1]
    factor = np.vdot(za, zb) / np.vdot(za, za)
    z = (at - source.mean(axis=0)) @ np.array([1.0, 1j]) * factor
    return np.stack([z.real, z.imag], axis=1) + to.mean(axis=0)


class _Spline:
    """A thin-plate spline through control points, slightly smoothed."""

    def __init__(self, source: Points, to: Points) -> None:
        n = len(source)
        self.source, self.scale = source, float(np.ptp(source))
        kernel = self._kernel(source) + 1e-4 * np.eye(n)
        flat = np.hstack([np.ones((n, 1)), source / self.scale])
        system = np.block([[kernel, flat], [flat.T, np.zeros((3, 3))]])
        self.weights = np.linalg.solve(system, np.vstack([to, np.zeros((3, 2))]))

    def _kernel(self, at: Points) -> Points:
        square = ((at[:, None] - self.source[None]) ** 2).sum(axis=-1) / self.scale**2
        return np.asarray(square * np.log(np.maximum(square, 1e-12)))

    def __call__(self, at: Points) -> Points:
        flat = np.hstack([np.ones((len(at), 1)), at / self.scale])
        return np.asarray(np.hstack([self._kernel(at), flat]) @ self.weights)


def _mask(points: Points, size: tuple[int, int]) -> NDArray[np.float32]:
    """1 inside the face, falling smoothly to 0 just inside jaw and temples and above the brows."""
    face = FaceFrame.of(points)
    brows = face.to_face(points[17:27]) - [0.0, _ABOVE_BROWS]
    outline = np.concatenate([points[:17], face.to_pixels(brows)[::-1]])
    hull = cv2.convexHull(np.rint(outline).astype(np.int32))
    filled = np.zeros((size[1], size[0]), dtype=np.uint8)
    cv2.fillConvexPoly(filled, hull, 255)
    depth = cv2.distanceTransform(filled, cv2.DIST_L2, 5) / face.unit
    t = np.clip((depth - 0.02) / 0.30, 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t), dtype=np.float32)


def _coloured_as(image: Picture, model: Picture, where: NDArray[np.bool_]) -> Picture:
    """The image with mean and spread of its colours (Lab) inside as in the model's (Reinhard)."""
    a = cv2.cvtColor(image, cv2.COLOR_BGR2LAB).astype(np.float32)
    b = cv2.cvtColor(model, cv2.COLOR_BGR2LAB).astype(np.float32)
    spread = np.clip(b[where].std(axis=0) / np.maximum(a[where].std(axis=0), 1.0), 0.6, 1.6)
    a = (a - a[where].mean(axis=0)) * spread + b[where].mean(axis=0)
    matched = np.clip(np.rint(a), 0, 255).astype(np.uint8)
    return np.asarray(cv2.cvtColor(matched, cv2.COLOR_LAB2BGR), dtype=np.uint8)


def _blended(one: Picture, other: Picture, share: NDArray[np.float32]) -> Picture:
    """``share`` (h, w) of the other, band by band: coarse bands change over further."""
    a, b, shares = _bands(one), _bands(other), [share]
    for _ in range(_LEVELS):
        shares.append(np.asarray(cv2.pyrDown(shares[-1]), dtype=np.float32))
    mixed = [p + s[..., None] * (q - p) for p, q, s in zip(a, b, shares)]
    out = mixed[-1]
    for band in mixed[-2::-1]:
        out = band + cv2.pyrUp(out, dstsize=band.shape[1::-1])
    return np.clip(np.rint(out), 0, 255).astype(np.uint8)


def _bands(image: Picture) -> Bands:
    """Laplacian pyramid, finest first, with what remains at the end."""
    levels = [image.astype(np.float32)]
    for _ in range(_LEVELS):
        levels.append(np.asarray(cv2.pyrDown(levels[-1]), dtype=np.float32))
    fine = [
        level - cv2.pyrUp(smaller, dstsize=level.shape[1::-1])
        for level, smaller in pairwise(levels)
    ]
    return [*fine, levels[-1]]


def _relit(image: Picture, points: Points, light: Points) -> Picture:
    """Another slope, brightness and warmth of the light over the whole picture."""
    if not light.any():
        return image
    face = FaceFrame.of(points)
    h, w = image.shape[:2]
    across = (np.arange(w) - face.origin[0]) / face.unit
    down = (np.arange(h) - face.origin[1]) / face.unit
    slope = 0.05 * (light[0] * np.tanh(across)[None] + light[1] * np.tanh(down)[:, None])
    gain = np.exp(slope + 0.05 * light[2])[..., None]
    warmth = np.exp(0.025 * light[3] * np.array([-1.0, 0.0, 1.0]))
    return np.clip(np.rint(image * gain * warmth), 0, 255).astype(np.uint8)
