"""How precisely, how steadily and how fast faces are aligned, stage by stage.

    python benchmarks/bench_alignment.py [--json FILE] [--plots DIR] [--quick] [--speed-only]

Portraits are moved by known amounts, get noise of 2 grey levels and go through H.264. Every stage's
points are taken back onto the portrait by the true motion; what then still moves is error, given in
pixels of a 150-pixel crop. *Jitter* is the RMS move from frame to frame, *error* the RMS distance
from the mean place.

Speed is of one thread, in frames per second of processor time, which other programs disturb less
than wall time. All that is compared takes turns in one run: alignment with crop on portraits and on
the real clips at hand, dlib's detector with its 68 points on every frame as papers commonly
preprocess, and the two optical flows that descriptors are commonly made of.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from _common import Timing, measure_in_turn, write
from _stages import FPS, GRID, STAGES, Frames

from mespot.align import Align, crop
from mespot.align.aligner import Aligner
from mespot.align.landmarks import MODEL_FILES, model_path
from mespot.align.register import basis
from mespot.video import open_video
from moving_portrait import (
    SHARED,
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

# Frames of a recording of CAS(ME)^2, on average: finding the face at first costs as much as some
# thirty frames, which counts for more in shorter ones.
LONG = 2550
CLIPS = ("single_face.mp4", "WolfgangLanger_Pexels.mp4", "face_noface.mov", "no_face.mp4")


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


def precision_rows(found: dict[str, dict[str, float]]) -> list[dict[str, Any]]:
    """As a table."""
    heads = {
        "still, H.264: jitter": "still_jitter", "moving, H.264: jitter": "moving_jitter",
        "error": "moving_error", "moving, no codec: jitter": "uncoded_jitter",
        "error ": "uncoded_error", "worst face: still jitter": "still_jitter_worst",
        "moving error": "moving_error_worst",
    }  # fmt: skip
    return [
        {"stage": name} | {head: f"{row[key]:.3f}" for head, key in heads.items()}
        for name, row in found.items()
    ]


def drift(path: Path, seconds: float) -> dict[str, float]:
    """A slowly moving head for minutes: how far the crop is off at the end."""
    image, points = portrait(path)
    n = int(seconds * FPS)
    motions = motion(points, n)
    aligner = Aligner(Align(), Fraction(FPS))

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
        "seconds": seconds, "first 10 s: error": rigid_error(error[: 10 * FPS]),
        "last 10 s: error": rigid_error(error[-10 * FPS :]),
        "last from first 10 s": float(away[-1]), "any from first 10 s": float(away.max()),
        "last third from second": float(np.sqrt((late**2).sum(-1).mean())),
        "keyframes": aligner.notes.keyframes,
    }  # fmt: skip


def aligned(frames: list[Any], fps: Fraction) -> None:
    """Alignment with crop of frames that are decoded."""
    for _ in Aligner(Align(), fps).clips(frames):
        pass


def detected(frames: Frames) -> None:
    """What a usual preprocessing does: dlib's detector and 68 points on every frame."""
    detector, predictor = _dlib_models()
    for frame in frames:
        for box in detector(frame):
            predictor(frame, box)


@cache
def _dlib_models() -> tuple[Any, Any]:
    """Loaded once: loading is not what is compared."""
    import dlib

    points = dlib.shape_predictor(str(model_path(MODEL_FILES[17])))
    return dlib.get_frontal_face_detector(), points


def tv_l1(crops: np.ndarray) -> None:
    """TV-L1 between consecutive crops, as in scikit-image."""
    from skimage.registration import optical_flow_tvl1

    for before, after in pairwise(crops):
        optical_flow_tvl1(before, after)


def dis(crops: np.ndarray) -> None:
    """DIS between consecutive crops, OpenCV's medium preset."""
    flow_of = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    for before, after in pairwise(crops):
        flow_of.calc(before, after, None)


def speed(path: Path, repeats: int) -> list[dict[str, Any]]:
    """Milliseconds of processor time per frame, and how many times the usual preprocessing's."""
    image, points = portrait(path)
    ahead = list(recode(render(image, motion(points, LONG // 3))))
    base = ahead[:100]
    clip = next(Aligner(Align(), Fraction(FPS)).clips(timed(base)))
    few, pairs = base[::10], clip.frames[:4]
    # The same pictures upside down hold no face but as much to look at.
    plain = {
        "align + crop, 640 x 480": ahead + ahead[::-1] + ahead,
        "align + crop, 640 x 480, 100 frames": base,
        "align + crop, 320 x 240": [cv2.resize(f, None, fx=0.5, fy=0.5) for f in base],
        "align + crop, 1280 x 960": [cv2.resize(f, None, fx=2, fy=2) for f in base],
        "align + crop, 2560 x 1920": [cv2.resize(f, None, fx=4, fy=4) for f in base],
        "align + crop, 640 x 480, no face": [np.ascontiguousarray(f[::-1]) for f in base],
    }
    jobs: dict[str, tuple[int, Callable[[], None]]] = {
        name: (len(frames), lambda f=frames: aligned(list(timed(f)), Fraction(FPS)))
        for name, frames in plain.items()
    }
    for name in CLIPS:
        if (SHARED / "videos" / name).is_file():
            video = open_video(SHARED / "videos" / name)
            frames = [frame for _, frame in zip(range(300), video)]
            size = f"{video.width} x {video.height}"
            jobs[f"align + crop, real clip {name}, {size}"] = (
                len(frames), lambda f=frames, fps=video.fps: aligned(f, fps)
            )  # fmt: skip
    jobs["dlib detector + 68 points per frame, 640 x 480"] = (len(few), lambda: detected(few))
    jobs["TV-L1 flow of a crop (scikit-image)"] = (len(pairs) - 1, lambda: tv_l1(pairs))
    jobs["DIS flow of a crop (OpenCV, medium)"] = (len(base) - 1, lambda: dis(clip.frames))
    found = measure_in_turn({name: job for name, (_, job) in jobs.items()}, repeats)
    each = {name: found[name].per(jobs[name][0]) for name in jobs}
    usual = each["dlib detector + 68 points per frame, 640 x 480"]
    return [_speed_row(name, timing, usual) for name, timing in each.items()]


def _speed_row(name: str, each: Timing, usual: Timing) -> dict[str, Any]:
    return {
        "what": name, "ms a frame, processor": f"{1e3 * each.busy:.2f}",
        "frames/s, processor": 1 / each.busy, "ms, wall": f"{1e3 * each.median:.2f}",
        "fastest .. slowest": f"{1e3 * each.low:.2f} .. {1e3 * each.high:.2f}",
        "times as fast as per-frame dlib": f"{usual.busy / each.busy:.1f}",
    }  # fmt: skip


def plot_speed(rows: list[dict[str, Any]], folder: Path) -> None:
    """Milliseconds of all contenders as bars."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    axes = figure.subplots()
    names = [row["what"] for row in rows][::-1]
    axes.barh(names, [float(row["ms a frame, processor"]) for row in rows][::-1], color="#2b5d8a")
    axes.set_xscale("log")
    axes.set_xlabel("ms of processor time per frame (logarithmic)")
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / "alignment_speed.png", dpi=110)


def main() -> None:
    """Run everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--plots", type=Path, help="also draw them into this folder")
    parser.add_argument("--quick", action="store_true", help="fewer faces, shorter drift")
    parser.add_argument("--speed-only", action="store_true", help="leave precision and drift out")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    faces = portraits()[:: 11 if options.quick else 6]
    if not options.speed_only:
        found = precision(faces, 50 if options.quick else 60)
        write(precision_rows(found), "Alignment: precision, crop pixels, RMS", options.json)
        rows = [drift(faces[0], 30 if options.quick else 180)]
        write(rows, "Alignment: drift, crop pixels, RMS", options.json)
    rows = speed(faces[0], 3 if options.quick else 5)
    write(rows, "Alignment: speed of one thread", options.json)
    if options.plots:
        plot_speed(rows, options.plots)


if __name__ == "__main__":
    main()
