"""One face through a video: detection, tracks that carry, landmarks that anchor, loss.

The landmarks of a frame are the reference landmarks, kept in the tracker's chip, moved by the
tracked similarity. dlib looks now and then; the difference between what it sees and the reference
goes into the reference as a slow running mean, a little with every frame, so that its jitter does
not show while the tracks cannot drift away from the face.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from mespot.align import crop
from mespot.align.config import Align
from mespot.align.detect import find_faces
from mespot.align.landmarks import PAIRS, measure
from mespot.align.track import EYES, SIZE, Motion, Tracker, chip_from_crop
from mespot.align.view import Picture, View, view_within

# Seconds between two looks of the landmark model, which hold the tracks in place; five times as
# many while nearly all tracks agree, and the model with them. A look enters the running mean of all
# with the share ANCHOR_S / MEMORY_S.
ANCHOR_S, MEMORY_S = 0.4, 8.0
# Seconds between two searches for a face while none is followed.
DETECT_S = 0.2
# dlib's unrest (landmarks.measure) is about 1 on faces, up to 5 on turned ones, 6 to 40 where
# something covers the face, above 25 elsewhere. Below the first number a look is believed, below
# the second a detected face is taken up, above the third a look speaks against a face.
CLEAR_UNREST = 5.0
START_UNREST = 10.0
FACE_UNREST = 18.0
# Eye distances by which dlib and the tracks may differ before one of them must be wrong.
FACE_APART = 0.25
# From where on a lasting difference means that the head has turned, and what is then believed.
TURNED, TURNED_FULL, TURNED_GAIN = 0.02, 0.05, 0.6
# Share of consistent tracks below which a new keyframe is due, and below which dlib looks at once.
RENEW = 0.5
WEAK = 0.35
# Share of consistent tracks from which on, while dlib agrees, only every so many-th look is taken.
CALM, CALM_STEP = 0.8, 5
# A face is given up after this many bad looks in a row.
BAD_LOOKS = 3


@dataclass
class _Hold:
    """The face that is followed."""

    tracker: Tracker
    reference: NDArray[np.float64]  # (K, 2) chip pixels
    creep: NDArray[np.float64]  # (K, 2) chip pixels that go into the reference with every frame
    creep_frames: int  # so many frames more
    looks: int
    apart: float  # how far dlib and the reference were apart at the last look, in eye distances
    next_look: int  # frames until the next
    bad: int


class FaceTracker:
    """Gives the landmarks of every frame, one after the other.

    ``faces`` is the largest number of faces seen in one frame, ``keyframes`` counts the keyframes,
    ``segment`` the uninterrupted holds of a face.
    """

    def __init__(self, config: Align, fps: Fraction) -> None:
        self.config = config
        self.anchor_frames = max(2, round(ANCHOR_S * fps))
        self.detect_frames = max(1, round(DETECT_S * fps))
        self.gain = min(1.0, ANCHOR_S / MEMORY_S)
        self.faces = 0
        self.keyframes = 0
        self.segment = 0
        self._hold: _Hold | None = None
        self._until_search = 0
        self._eager = 0

    def step(self, image: Picture) -> NDArray[np.float64] | None:
        """(K, 2) landmarks in source pixels of the face in the next frame, None without a face."""
        if self._hold is not None:
            landmarks = self._follow(self._hold, image)
            if landmarks is not None:
                return landmarks
            self._hold = None
            self._until_search = 0
            self._eager = 2 * self.detect_frames
        return self._search(image)

    def _search(self, image: Picture) -> NDArray[np.float64] | None:
        if self._until_search > 0:
            self._until_search -= 1
            return None
        # Just after a loss the face may be back at once (a flash, a cut): every frame is searched.
        self._eager = max(0, self._eager - 1)
        self._until_search = 0 if self._eager else self.detect_frames - 1
        whole = image if isinstance(image, np.ndarray) else image.whole
        faces = find_faces(whole)
        self.faces = max(self.faces, len(faces))
        for face in faces:
            landmarks = face.landmarks(self.config.points)
            # The first look starts from an upright mean face, the next two from what it found.
            seen = []
            for _ in range(3):
                landmarks, unrest = measure(image, landmarks)
                seen.append(landmarks)
            if unrest < START_UNREST and _in_frame(landmarks, image):
                self.segment += 1
                self._hold = self._take(image, (seen[1] + seen[2]) / 2)
                return self._landmarks(self._hold)
        return None

    def _take(self, image: Picture, landmarks: NDArray) -> _Hold:
        """Hold a face from this frame on."""
        self.keyframes += 1
        to_source = chip_at(landmarks)
        tracker = Tracker(tracker_view(image, to_source), to_source)
        reference = crop.apply(crop.invert(to_source), landmarks)
        still = np.zeros_like(reference)
        return _Hold(tracker, reference, still, 0, 0, 0.0, self.anchor_frames, 0)

    def _follow(self, hold: _Hold, image: Picture) -> NDArray[np.float64] | None:
        """Landmarks in the next frame; None if the face is lost."""
        motion = hold.tracker.step(tracker_view(image, hold.tracker.to_source))
        if motion is None:
            return None
        if hold.creep_frames:
            hold.reference = hold.reference + hold.creep
            hold.creep_frames -= 1
        landmarks = self._landmarks(hold)
        if not _in_frame(landmarks, image):
            return None
        hold.next_look -= 1
        if motion.consistent < CALM:
            hold.next_look = min(hold.next_look, self.anchor_frames)
        if motion.consistent < WEAK:
            hold.next_look = min(hold.next_look, self.anchor_frames // 4)
        if hold.next_look <= 0:
            return self._look(hold, image, motion, landmarks)
        return landmarks

    def _look(
        self, hold: _Hold, image: Picture, motion: Motion, landmarks: NDArray
    ) -> NDArray[np.float64] | None:
        """Compare with dlib; correct the reference, renew the keyframe, or give the face up."""
        hold.next_look = self.anchor_frames
        seen, unrest = measure(image, landmarks, PAIRS[hold.looks % 2])
        to_chip = crop.invert(hold.tracker.to_source)
        difference = crop.apply(to_chip, seen) - hold.reference
        apart = float(np.median(np.hypot(*difference.T))) / EYES
        if unrest > FACE_UNREST or apart > FACE_APART:
            hold.bad += 1
            hold.next_look = max(1, self.anchor_frames // 4)
            weak = motion.consistent < WEAK
            return None if weak or hold.bad >= BAD_LOOKS else landmarks
        hold.bad = 0
        if unrest < CLEAR_UNREST:
            if motion.consistent >= CALM and apart < TURNED:
                hold.next_look = CALM_STEP * self.anchor_frames
            self._correct(hold, difference, apart)
            if motion.consistent < RENEW:
                self._renew(hold, image, landmarks)
        return landmarks

    def _correct(self, hold: _Hold, difference: NDArray, apart: float) -> None:
        """Let the reference creep towards what dlib saw."""
        hold.looks += 1
        # A blink moves dlib's points in one look, a turn of the head in all that follow.
        lasting = min(apart, hold.apart)
        turned = np.clip((lasting - TURNED) / (TURNED_FULL - TURNED), 0, 1)
        hold.apart = apart
        if turned > 0:
            hold.next_look = max(1, self.anchor_frames // 2)
        hold.creep_frames = hold.next_look
        gain = max(self.gain, TURNED_GAIN * float(turned))
        hold.creep = gain / hold.creep_frames * difference

    def _renew(self, hold: _Hold, image: Picture, landmarks: NDArray) -> None:
        """Make this frame the keyframe; the landmarks and what they creep by carry over."""
        goal = crop.apply(hold.tracker.to_source, hold.reference + hold.creep)
        fresh = self._take(image, landmarks)
        hold.tracker, hold.reference = fresh.tracker, fresh.reference
        hold.creep = crop.apply(crop.invert(fresh.tracker.to_source), goal) - fresh.reference

    def _landmarks(self, hold: _Hold) -> NDArray[np.float64]:
        return crop.apply(hold.tracker.to_source, hold.reference)


def chip_at(landmarks: NDArray) -> crop.Similarity:
    """The chip's place in the source for a face with these landmarks."""
    mean = chip_from_crop(crop.control_points(len(landmarks)))
    return crop.fit_similarity(mean, landmarks)


def tracker_view(image: Picture, to_source: crop.Similarity) -> View:
    """What the tracker needs of a frame; what it blurs besides it blurs in its chip."""
    box = crop.bounds(to_source, (0.0, 0.0, *SIZE))
    return view_within(image, box, math.floor(crop.scale_of(to_source)))


_EYES_AND_NOSE = tuple((crop.MEAN_5 @ [1, 1j]).tolist())


def _in_frame(landmarks: NDArray, image: Picture) -> bool:
    """Whether the eyes and the nose are inside the image."""
    height, width = image.shape
    # They lie among the landmarks, which are mostly all inside.
    if landmarks.min() >= 0 and (landmarks < (width, height)).all():
        return True
    (a, _, x), (b, _, y) = crop.crop_to_source(landmarks).tolist()
    for point in _EYES_AND_NOSE:
        at = complex(a, b) * point
        if not (0 <= at.real + x < width and 0 <= at.imag + y < height):
            return False
    return True
