"""How precisely, how steadily and how fast faces are aligned, stage by stage.

    python benchmarks/bench_alignment.py [--json FILE] [--quick]

Portraits are moved by known amounts, get noise of 2 grey levels and go through H.264. Every stage's
points are taken back onto the portrait by the true motion; what then still moves is error, given in
pixels of a 150-pixel crop. *Jitter* is the RMS move from frame to frame, *error* the RMS distance
from the mean place. Speed is in frames per second of processor time on one thread.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from mespot.align import AlignConfig, concatenate, crop
from mespot.align.aligner import Aligner
from mespot.align.detect import propose
from mespot.align.follow import chip_at, tracker_view
from mespot.align.landmarks import _predictor, measure
from mespot.align.register import basis
from mespot.align.track import Tracker, chip_from_crop
from moving_portrait import (
    StillFrame,
    jitter,
    motion,
    portrait,
    portraits,
    recode,
    render,
    rigid_error,
    stillness,
    timed,
    wander,
)  # fmt: skip

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
    clip = concatenate(
        Aligner(AlignConfig(smoothing=smoothing), Fraction(FPS)).clips(timed(frames))
    )
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


def precision(faces: list[Path], n: int) -> dict[str, dict[str, float]]:
    """RMS over the faces, per stage: jitter on still faces, jitter and error on moving ones."""
    sums: dict[str, list[list[float]]] = {name: [] for name in STAGES}
    for path in faces:
        image, points = portrait(path)
        clips = {
            "still": stillness(points, n), "moving": motion(points, n), "uncoded": motion(points, n)
        }  # fmt: skip
        rows: dict[str, list[float]] = {name: [] for name in STAGES}
        for kind, motions in clips.items():
            noisy = render(image, motions)
            frames = list(noisy) if kind == "uncoded" else list(recode(noisy))
            first = crop.apply(motions[0], points)
            unit = crop.scale_of(crop.crop_to_source(first)) / 150
            for name, stage in STAGES.items():
                error = wander(stage(frames, first), motions, unit)
                error = error[np.isfinite(error).all(axis=(1, 2))]
                rows[name] += [jitter(error), rigid_error(error)]
        for name, row in rows.items():
            sums[name].append(row)
    keys = ("still_jitter", "still_error", "moving_jitter", "moving_error", "uncoded_jitter",
            "uncoded_error")  # fmt: skip
    return {
        name: dict(zip(keys, np.sqrt(np.mean(np.square(rows), axis=0)).tolist()))
        | {"moving_error_worst": float(np.max([r[3] for r in rows])),
           "still_jitter_worst": float(np.max([r[0] for r in rows]))}
        for name, rows in sums.items()
    }  # fmt: skip


def drift(path: Path, seconds: float) -> dict[str, float]:
    """A slowly moving head for minutes: how far the crop is off at the end."""
    image, points = portrait(path)
    n = int(seconds * FPS)
    motions = motion(points, n)
    aligner = Aligner(AlignConfig(), Fraction(FPS))

    def frames() -> Iterator[StillFrame]:
        yield from timed(render(image, motions))

    landmarks = np.concatenate([c.landmarks for c in aligner.clips(frames())]).astype(float)
    unit = crop.scale_of(crop.crop_to_source(landmarks[0])) / 150
    error = wander(basis(crop.MEAN_5, GRID) @ landmarks, motions, unit)
    means = np.array(
        [error[i : i + 10 * FPS].mean(0) for i in range(0, n - 10 * FPS + 1, 10 * FPS)]
    )
    away = np.sqrt(((means - means[0]) ** 2).sum(-1).mean(-1))
    third = n // 3
    late = error[2 * third :].mean(0) - error[third : 2 * third].mean(0)
    return {
        "seconds": seconds, "first_10_s_error": rigid_error(error[: 10 * FPS]),
        "last_10_s_error": rigid_error(error[-10 * FPS :]), "last_10_s_from_first": float(away[-1]),
        "largest_10_s_from_first": float(away.max()),
        "last_third_from_second_third": float(np.sqrt((late**2).sum(-1).mean())),
        "keyframes": aligner.notes.keyframes,
    }  # fmt: skip


def speed(path: Path, n: int) -> dict[str, float]:
    """Frames per second of processor time, by the frames' size; and without any face."""
    image, points = portrait(path)
    base = list(recode(render(image, motion(points, n))))
    out = {}
    for name, factor in (("320x240", 0.5), ("640x480", 1.0), ("1280x960", 2.0), ("2560x1920", 4.0)):
        frames = [cv2.resize(f, None, fx=factor, fy=factor) for f in base]
        out[name] = _rate(frames)
    # The same pictures upside down hold no face but as much to look at.
    out["640x480, no face"] = _rate([np.ascontiguousarray(f[::-1]) for f in base])
    return out


def _rate(frames: Frames) -> float:
    best = 0.0
    for _ in range(3):
        start = time.process_time()
        for _clip in Aligner(AlignConfig(), Fraction(FPS)).clips(timed(frames)):
            pass
        best = max(best, len(frames) / (time.process_time() - start))
    return best


def report(results: dict) -> str:
    """The figures as tables."""
    heads = (("still", "moving", "moving", "no codec", "no codec"),
             ("jitter", "jitter", "error", "jitter", "error"))  # fmt: skip
    lines = [f"{title:28} " + " ".join(f"{h:>8}" for h in head)
             for title, head in zip(("crop pixels, RMS", ""), heads)]  # fmt: skip
    keys = ("still_jitter", "moving_jitter", "moving_error", "uncoded_jitter", "uncoded_error")
    for name, row in results["precision"].items():
        lines.append(f"{name:28} " + " ".join(f"{row[k]:8.3f}" for k in keys))
    worst = results["precision"]["final map"]
    lines.append(f"worst face, final map: still jitter {worst['still_jitter_worst']:.3f}, "
                 f"moving error {worst['moving_error_worst']:.3f}")  # fmt: skip
    lines.append("")
    lines += [f"drift: {k} {v:.3f}" for k, v in results["drift"].items()]
    lines.append("")
    lines += [f"{k:20} {v:6.0f} frames/s" for k, v in results["speed"].items()]
    return "\n".join(lines)


def main() -> None:
    """Run everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--quick", action="store_true", help="fewer faces, shorter drift")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    faces = portraits()[:: 11 if options.quick else 6]
    results = {
        "precision": precision(faces, 50 if options.quick else 60),
        "drift": drift(faces[0], 30 if options.quick else 180),
        "speed": speed(faces[0], 100),
    }
    print(report(results))
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
