"""KLT tracks of the rigid parts of the face, anchored to a keyframe (Tomasi & Kanade 1991).

Everything happens in a *chip*: the face resampled upright, at a fixed size, by the motion found so
far. Corners are chosen once, in the keyframe's chip. Each later frame is resampled by the motion of
the frame before it, and the corners are followed from the keyframe's chip into that one, and back.
What is left to find is one frame's motion, so that neither rotation nor scale disturbs the
windows; and the same pixels are the reference all the time, so that errors do not add up as they
do in a chain from frame to frame. One similarity is then fitted to all tracks robustly: a brow or a
lid that moves on its own is an outlier, not head motion.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from mespot.align import crop
from mespot.align.crop import MEAN_68, Similarity
from mespot.align.view import SOFTNESS, View, blurred

# The chip: EYES pixels between the eye centres, their middle 48.2 pixels down, the crop's (0, 0) at
# ORIGIN, SIZE (x, y) in all. It reaches a window beyond the corners that may be used.
EYES = 50.0
SIDE = EYES * crop.SIDE_IN_EYE_DISTANCES
ORIGIN = (7.0, 48.2 - SIDE * crop.EYES_AT[1])
SIZE = (124, 88)

MAX_TRACKS = 50
QUALITY = 0.003
# The processor takes eight pixels of a row at a time.
WINDOW = (16, 16)
WINDOW_BACK = (11, 11)
# Tracks are sought at the chip's own resolution first. If the chip then moved by more than REACH of
# its pixels, or fewer tracks agree than in the frame before (by this share), coarser levels follow.
LEVELS = 2
REACH = 1.5
FEWER = 0.1
STOP = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 15, 0.01)
STOP_BACK = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 5, 0.03)
# Evening out the light: surroundings in pixels of the chip at a quarter of its size, grey levels of
# one deviation, and the deviation in grey levels below which a patch is taken as flat (noise is not
# blown up).
SURROUNDINGS = (7, 7)
CONTRAST = 40.0
FLAT = 20.0
# Chip pixels. A track is consistent if keyframe -> frame -> keyframe comes back this near. That is
# only asked where less than this share of all tracks agrees without it.
BACK_AND_FORTH = 0.5
TRUSTED = 0.9
# Tukey's constant in units of the residuals' spread, and the smallest spread that is believed.
TUKEY = 4.0
LEAST_SPREAD = 0.05
# Rounds from nothing, and after a round with the weights of the frame before.
ROUNDS = 3
ROUNDS_AFTER = 1
# Chip pixels (2 % of the eyes' distance) within which a track agrees with the head's motion.
AGREE = 1.0
# No head grows or shrinks by more (natural logarithm) from one frame to the next.
GROWTH = 0.2
BROW_WEIGHT = 0.2
LEAST_TRACKS = 10


@dataclass(frozen=True)
class Motion:
    """Where the chip lies in a frame.

    ``to_source`` takes chip pixels to source pixels; ``consistent`` is the share of the keyframe's
    corners, by worth, that agree with it; ``spread`` their median residual in chip pixels.
    """

    to_source: Similarity
    consistent: float
    spread: float


def chip_from_crop(points: NDArray) -> NDArray[np.float64]:
    """Crop fractions -> chip pixels, (n, 2)."""
    return points * SIDE + np.array(ORIGIN)


def _worth() -> NDArray[np.float32]:
    """(height, width) worth of a corner by its place in the chip: 0 not used, 1 rigid.

    Rigid are forehead, upper cheeks, nose and the corners of the eyes. Brows count little; the
    openings of the eyes, and all from the mouth down, count nothing.
    """
    raised = MEAN_68[17:27] - [0.0, 0.2]
    temples = MEAN_68[[16, 15, 14, 2, 1, 0]]
    hull = np.r_[raised, temples]
    hull[:, 0] = 0.5 + (hull[:, 0] - 0.5) * 0.88
    hull[:, 1] = np.minimum(hull[:, 1], MEAN_68[33, 1] + 0.03)
    worth = np.zeros(SIZE[::-1], np.float32)
    cv2.fillPoly(worth, [_pixels(hull)], 1.0)
    for brow in (MEAN_68[17:22], MEAN_68[22:27]):
        cv2.polylines(worth, [_pixels(brow)], False, BROW_WEIGHT, thickness=9)
    for eye in (MEAN_68[36:42], MEAN_68[42:48]):
        opening = eye.mean(0) + (eye - eye.mean(0)) * [1.0, 1.8]
        cv2.fillPoly(worth, [_pixels(opening)], 0.0)
    return worth


def _pixels(points: NDArray) -> NDArray[np.int32]:
    return np.rint(chip_from_crop(points)).astype(np.int32)


WORTH = _worth()


def _surroundings(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means over the surroundings at a quarter of the chip's size: they vary slowly anyway."""
    half = cv2.resize(values, (SIZE[0] // 2, SIZE[1] // 2), interpolation=cv2.INTER_AREA)
    quarter = cv2.resize(half, (SIZE[0] // 4, SIZE[1] // 4), interpolation=cv2.INTER_AREA)
    means: NDArray[np.float32] = cv2.boxFilter(quarter, -1, SURROUNDINGS)
    return means


def chip(view: View, to_source: Similarity) -> NDArray[np.uint8]:
    """The face in ``view`` resampled into the chip that lies at ``to_source``, light evened out.

    Tracking takes a corner's grey levels as constant. Lamps flicker, and faces turn in their light;
    hence every pixel is set in relation to the mean and the deviation of its surroundings.
    """
    grey = cv2.warpAffine(
        view.image, view.matrix(to_source), SIZE,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    # The view is reduced by whole numbers; the rest of the softness costs less in the chip.
    shrunk = (view.step / crop.scale_of(to_source)) ** 2
    exact = blurred(grey, SOFTNESS * (1 - shrunk)).astype(np.float32)
    mean, square = _surroundings(exact), _surroundings(exact * exact)
    deviation = np.sqrt(np.maximum(square - mean * mean, 0.0)) + np.float32(FLAT)
    gain = np.float32(CONTRAST) / deviation
    exact *= cv2.resize(gain, SIZE, interpolation=cv2.INTER_LINEAR)
    middle = cv2.resize(np.float32(128) - mean * gain, SIZE, interpolation=cv2.INTER_LINEAR)
    even: NDArray[np.uint8] = cv2.add(exact, middle, dtype=cv2.CV_8U)
    return even


class _Fit(NamedTuple):
    """How the chip moved; ``reach`` is by how much at most, the rest as in ``Motion``."""

    shift: Similarity
    agree: float
    spread: float
    reach: float


class Tracker:
    """Follows one face from a keyframe on."""

    def __init__(self, view: View, to_source: Similarity) -> None:
        """``view`` of the keyframe, with the face's chip at ``to_source``."""
        self.key = chip(view, to_source)
        self.to_source = to_source
        found = cv2.goodFeaturesToTrack(
            self.key,
            MAX_TRACKS,
            QUALITY,
            0.1 * EYES,
            mask=(WORTH > 0).astype(np.uint8),
            blockSize=5,
        )
        self.corners = np.zeros((0, 1, 2), np.float32) if found is None else found
        at = self.corners[:, 0].astype(int)
        self.worth = WORTH[at[:, 1], at[:, 0]].astype(np.float64)
        self._all_worth = float(self.worth.sum())
        self._agreed = 1.0
        # Biweights of the frame before, if it had all corners: what moved on its own still does.
        self._weights: NDArray[np.float64] | None = None

    def step(self, view: View) -> Motion | None:
        """Find the face in the view of the next frame; None if too few tracks agree."""
        if len(self.corners) < LEAST_TRACKS:
            return None
        now = chip(view, self.to_source)
        found = self._fit(now, 0)
        if found is None or found.reach > REACH or found.agree < self._agreed - FEWER:
            self._weights = None
            found = self._fit(now, LEVELS)
        if found is None or abs(math.log(crop.scale_of(found.shift))) > GROWTH:
            return None
        self._agreed = found.agree
        self.to_source = crop.compose(self.to_source, found.shift)
        return Motion(self.to_source, found.agree, found.spread)

    def _fit(self, now: NDArray[np.uint8], levels: int) -> _Fit | None:
        """The similarity that most tracks from the keyframe's chip to chip ``now`` agree with."""
        after, there, _ = cv2.calcOpticalFlowPyrLK(
            self.key, now, self.corners, None, winSize=WINDOW, maxLevel=levels, criteria=STOP
        )
        ok = there[:, 0] > 0
        found = self._similarity(after, ok)
        if found is None or found.agree >= TRUSTED:
            return found
        self._weights = None
        return self._similarity(after, ok & self._leads_back(now, after))

    def _similarity(self, after: NDArray[np.float32], ok: NDArray[np.bool_]) -> _Fit | None:
        """The similarity from the corners to where they are in ``after`` (n, 1, 2), where ok."""
        before, after, worth, known = self.corners[:, 0], after[:, 0], self.worth, self._weights
        whole = bool(ok.all())
        if not whole:
            if np.count_nonzero(ok) < LEAST_TRACKS:
                return None
            before, after, worth, known = before[ok], after[ok], worth[ok], None
        shift, weights, residual, spread = robust_similarity(before, after, worth, known)
        self._weights = weights if whole else None
        agree = float(worth @ (residual < AGREE)) / self._all_worth
        return _Fit(shift, agree, spread, _reach(shift))

    def _leads_back(self, now: NDArray[np.uint8], after: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which of the points (n, 1, 2) in chip ``now`` lead back to their corners."""
        back, again, _ = cv2.calcOpticalFlowPyrLK(
            now, self.key, after, self.corners.copy(), winSize=WINDOW_BACK, maxLevel=0,
            criteria=STOP_BACK, flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
        )  # fmt: skip
        back -= self.corners
        near = np.abs(back, out=back) < BACK_AND_FORTH
        return near[:, 0, 0] & near[:, 0, 1] & (again[:, 0] > 0)


_STILL: Similarity = np.eye(2, 3)


def _reach(shift: Similarity) -> float:
    """By how much a similarity moves that corner of the chip which it moves most, per axis."""
    return max(map(abs, crop.bounds(shift - _STILL, (0.0, 0.0, *SIZE))))


def robust_similarity(
    source: NDArray, target: NDArray, worth: NDArray, known: NDArray | None = None
) -> tuple[Similarity, NDArray[np.float64], NDArray[np.float64], float]:
    """Similarity by iteratively re-weighted least squares with Tukey's biweight.

    ``source``, ``target`` (n, 2), ``worth`` (n,) what all weights are multiplied with; ``known``
    (n,) biweights to start with, by default those about the median shift. Gives the similarity,
    the biweights (n,) in [0, 1], how far every point is from it (n,), and the median of that a
    round before.
    """
    a, b = crop.as_complex(source), crop.as_complex(target)
    product, apart = a.conj() * b, b - a
    # All sums over points that a round needs come of one product with its weights.
    terms = np.empty((8, len(a)))
    terms[0] = 1.0
    terms[1], terms[2], terms[3], terms[4] = a.real, a.imag, b.real, b.imag
    terms[5], terms[6], terms[7] = terms[1] ** 2 + terms[2] ** 2, product.real, product.imag
    terms *= worth
    if known is None:
        # The start is a pure shift by the median: half of the tracks may be wrong.
        residual = np.abs(apart - complex(_median(apart.real), _median(apart.imag)))
        rounds = ROUNDS
    else:
        w, t = _least_squares(terms @ known)
        residual = np.abs(w * a + (t - b))
        rounds = ROUNDS_AFTER
    for _ in range(rounds):
        weights, spread = _biweights(residual)
        w, t = _least_squares(terms @ weights)
        np.multiply(a, w, out=product)
        product -= b
        product += t
        np.abs(product, out=residual)
    similarity = np.array([[w.real, -w.imag, t.real], [w.imag, w.real, t.imag]])
    return similarity, weights, residual, spread


def _biweights(residual: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Tukey's biweights of residuals, and their median, which is taken for their spread."""
    spread = max(_median(residual), LEAST_SPREAD)
    weights = residual * (1 / (TUKEY * spread))
    np.minimum(weights, 1.0, out=weights)
    weights *= weights
    np.subtract(1.0, weights, out=weights)
    weights *= weights
    return weights, spread


def _least_squares(sums: NDArray[np.float64]) -> tuple[complex, complex]:
    """Factor and shift from the weighted sums of 1, a, b, |a|^2 and conj(a) b."""
    total, ax, ay, bx, by, square, px, py = sums.tolist()
    mean_a, mean_b = complex(ax, ay) / total, complex(bx, by) / total
    variance = square / total - mean_a.real**2 - mean_a.imag**2
    w = (complex(px, py) / total - mean_a.conjugate() * mean_b) / variance
    return w, mean_b - w * mean_a


def _median(values: NDArray) -> float:
    """The (upper) median; several times as fast as numpy's on so few values."""
    middle = len(values) // 2
    ordered = values.copy()
    ordered.partition(middle)
    return float(ordered[middle])
