"""The stages of alignment, each as points that a face should carry along: what is measured."""

from __future__ import annotations

import sys
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from mespot.align import Align, concatenate, crop
from mespot.align.aligner import Aligner
from mespot.align.detect import propose
from mespot.align.face_tracker import chip_at, tracker_view
from mespot.align.landmarks import _predictor, measure
from mespot.align.register import basis
from mespot.align.track import Tracker, chip_from_crop
from moving_portrait import timed

FPS = 25
GRID = np.stack(np.meshgrid(np.linspace(0.1, 0.9, 9), np.linspace(0.1, 0.9, 9)), -1).reshape(-1, 2)
Frames = list[NDArray[np.uint8]]


def haar_box(frames: Frames, first: NDArray) -> NDArray:
    """The Viola-Jones box nearest to the face: its corners."""
    out = []
    for frame in frames:
        boxes = propose(frame, 0.15)
        away = [np.hypot(*(np.array([x, y]) + side / 2 - first.mean(0))) for x, y, side in boxes]
        x, y, side = boxes[int(np.argmin(away))] if boxes else (np.nan,) * 3
        out.append([(x, y), (x + side, y), (x, y + side), (x + side, y + side)])
    return np.array(out)


def dlib_raw(frames: Frames, first: NDArray) -> NDArray:
    """dlib's detector and 5-point predictor on every frame, as they are."""
    import dlib

    detector, out = dlib.get_frontal_face_detector(), []
    for frame in frames:
        boxes = detector(frame)
        shape = _predictor(5)(frame, boxes[0]) if boxes else None
        out.append([(p.x, p.y) for p in shape.parts()] if shape else [(np.nan, np.nan)] * 5)
    return np.array(out, dtype=float)


def dlib_refined(frames: Frames, first: NDArray) -> NDArray:
    """Our sub-pixel reading of the same model, each frame starting from the one before."""
    out = [first]
    for frame in frames:
        out.append(measure(frame, out[-1])[0])
    return np.array(out[1:])


def chained_klt(frames: Frames, first: NDArray) -> NDArray:
    """Plain Lucas-Kanade from frame to frame, every track by itself."""
    x, y, w, h = cv2.boundingRect(
        (first.mean(0) + 1.6 * (first - first.mean(0))).astype(np.float32)
    )
    mask = np.zeros_like(frames[0])
    mask[y : y + h, x : x + w] = 255
    points = cv2.goodFeaturesToTrack(frames[0], 60, 0.01, 6, mask=mask)
    out = [points]
    for before, after in pairwise(frames):
        points, _, _ = cv2.calcOpticalFlowPyrLK(before, after, points, None, winSize=(15, 15))
        out.append(points)
    return np.array(out)[:, :, 0].astype(float)


def chained_similarity(frames: Frames, first: NDArray) -> NDArray:
    """One similarity fitted to the chained tracks; the grid goes with it."""
    tracks = chained_klt(frames, first)
    grid = crop.apply(crop.crop_to_source(first), GRID)
    return np.array([crop.apply(crop.fit_similarity(tracks[0], t), grid) for t in tracks])


def anchored_similarity(frames: Frames, first: NDArray) -> NDArray:
    """Our tracker: robust similarity to tracks from the keyframe; the grid goes with it."""
    to_source = chip_at(first)
    tracker = Tracker(tracker_view(frames[0], to_source), to_source)
    grid = chip_from_crop(GRID)
    out = [crop.apply(to_source, grid)]
    for frame in frames[1:]:
        tracker.step(tracker_view(frame, tracker.to_source))
        out.append(crop.apply(tracker.to_source, grid))
    return np.array(out)


def final(frames: Frames, first: NDArray, smoothing: int = 5) -> NDArray:
    """The whole: where the crop's pixels are taken from."""
    clip = concatenate(Aligner(Align(smoothing=smoothing), Fraction(FPS)).clips(timed(frames)))
    return basis(crop.MEAN_5, GRID) @ clip.landmarks.astype(float)


STAGES: dict[str, Callable[[Frames, NDArray], NDArray]] = {
    "Viola-Jones box": haar_box,
    "dlib 5 points, raw": dlib_raw,
    "dlib 5 points, sub-pixel": dlib_refined,
    "KLT tracks, chained": chained_klt,
    "similarity, chained tracks": chained_similarity,
    "similarity, anchored tracks": anchored_similarity,
    "final map, unsmoothed": lambda frames, first: final(frames, first, 1),
    "final map": final,
}
