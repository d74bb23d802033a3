"""Region flow: known motions of single regions must come out where and as large as they are."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import cv2
import numpy as np
import pytest

from mespot.descriptors.region_flow import RegionFlow
from mespot.descriptors.regions import anchors, region_weights, regions, without_head
from mespot.descriptors.stream import describe_stream
from mespot.types import FaceClip

FPS = Fraction(30)
SIZE = 150


def textured(seed: int = 0) -> np.ndarray:
    """A smooth random texture with structure at the scale of skin and features."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(SIZE, SIZE)).astype(np.float32)
    blurred = cv2.GaussianBlur(noise, (0, 0), 2.5)
    return 128 + 45 * blurred / blurred.std()


def moved(image: np.ndarray, dx: np.ndarray, dy: np.ndarray) -> np.ndarray:
    """The image with every pixel's content displaced by (dx, dy)."""
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    out = cv2.remap(
        image,
        (x - dx).astype(np.float32),
        (y - dy).astype(np.float32),
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT,
    )
    return np.clip(np.rint(out), 0, 255).astype(np.uint8)


def clip_of(frames: list[np.ndarray]) -> FaceClip:
    n = len(frames)
    return FaceClip(
        np.stack(frames),
        np.ones(n, bool),
        np.zeros((n, 5, 2), np.float32),
        np.arange(n) / 30.0,
        FPS,
    )


def bump(name: str) -> np.ndarray:
    """A smooth window over a region, 1 at its centre and wide enough to cover it."""
    x, y, dx, dy = regions()[name]
    at = (np.arange(SIZE) + 0.5) / SIZE
    wide = 2.2
    return np.exp(
        -0.5 * ((at[None] - x) / (wide * dx)) ** 2 - 0.5 * ((at[:, None] - y) / (wide * dy)) ** 2
    )


@pytest.mark.parametrize("relative_to", ["head", "nose"])
def test_a_single_moving_region_is_told_apart(relative_to):
    name = "lip_corner_left"
    image, window = textured(), bump(name)
    flow = RegionFlow(distances_s=(0.1,), stretches=1, soft_px=0, relative_to=relative_to)
    k = flow.distances(FPS)[0]
    assert k == 3
    still = moved(image, 0 * window, 0 * window)
    risen = moved(image, 1.0 * window, -2.0 * window)
    series = flow.describe(clip_of([still] * 4 + [risen] * 3))
    assert len(series) == 1
    columns = dict(zip(series.names, series.values[0]))
    expected = region_weights(SIZE)[list(regions()).index(name)] @ window.ravel()
    # The flow finds about three quarters of so small and narrow a movement.
    assert columns[f"{name} 0..3 x"] == pytest.approx(0.8 * expected, abs=0.25)
    assert columns[f"{name} 0..3 y"] == pytest.approx(-1.7 * expected, abs=0.45)
    assert abs(columns[f"{name} -3..0 y"]) < 0.02
    for far in ("brow_inner_right", "lid_upper_left", "glabella"):
        assert abs(columns[f"{far} 0..3 y"]) < 0.2


def test_motion_of_the_whole_crop_drops_out():
    image = textured(1)
    ones = np.ones((SIZE, SIZE))
    frames = [moved(image, 0.4 * t * ones, -0.25 * t * ones) for t in range(7)]
    series = RegionFlow(distances_s=(0.1,), stretches=1, soft_px=0).describe(clip_of(frames))
    moving = [i for i, name in enumerate(series.names) if "eye_opening" not in name]
    # Regions at the crop's edge see content enter; those inside must stay within a fifth of the
    # 1.2 px that the crop moved.
    inside = [i for i in moving if series.names[i].split()[0].startswith(("lid", "nose", "cheek"))]
    assert np.abs(series.values[:, inside]).max() < 0.24


def test_eye_opening_falls_when_the_eye_is_covered():
    image = textured(2)
    closed = image.copy()
    x, y, _, _ = regions()["lid_upper_left"]
    closed[
        int((y - 0.03) * SIZE) : int((y + 0.09) * SIZE),
        int((x - 0.1) * SIZE) : int((x + 0.1) * SIZE),
    ] = 128
    frames = [np.uint8(np.clip(f, 0, 255)) for f in [image] * 4 + [closed] * 3]
    series = RegionFlow(distances_s=(0.1,), stretches=1).describe(clip_of(frames))
    columns = dict(zip(series.names, series.values[0]))
    assert columns["eye_opening_left 0..3"] < -0.5
    assert abs(columns["eye_opening_right 0..3"]) < 0.05
    assert columns["eye_opening_left -3..0"] == 0


def test_regions_are_mirrored_and_sum_to_one():
    weights = region_weights(37).reshape(-1, 37, 37)
    assert np.allclose(weights.sum(axis=(1, 2)), 1, atol=1e-5)
    names = [*regions(), *anchors()]
    for name in names:
        if name.endswith("_left"):
            other = weights[names.index(name.replace("_left", "_right"))]
            assert np.allclose(weights[names.index(name)], other[:, ::-1], atol=1e-5), name
    assert names[-1] == "nose"


def test_stream_equals_whole_to_the_bit():
    image, window = textured(3), bump("brow_inner_left")
    frames = [moved(image, 0 * window, -np.sin(t / 3) * window) for t in range(40)]
    clip = clip_of(frames)
    flow = RegionFlow()
    whole = flow.describe(clip)
    assert len(whole) == 40 - flow.span_at(FPS) + 1
    cuts = [0, 3, 4, 19, 40]
    parts = [
        FaceClip(clip.frames[a:b], clip.found[a:b], clip.landmarks[a:b], clip.times_s[a:b], FPS)
        for a, b in pairwise(cuts)
    ]
    streamed = describe_stream(flow, parts)
    assert np.array_equal(streamed.values, whole.values)
    assert streamed.n_frames == whole.n_frames == 40


def test_soft_scale_is_linear_for_small_and_logarithmic_for_large():
    image, window = textured(4), bump("chin_middle")
    still = moved(image, 0 * window, 0 * window)
    frames = [still] * 4 + [moved(image, 0 * window, -3 * window)] * 3
    hard = RegionFlow(distances_s=(0.1,), stretches=1, soft_px=0).describe(clip_of(frames)).values
    soft = RegionFlow(distances_s=(0.1,), stretches=1, soft_px=1).describe(clip_of(frames)).values
    names = RegionFlow(distances_s=(0.1,), stretches=1).column_names(FPS)
    motion = [i for i, name in enumerate(names) if "eye" not in name.split()[0]]
    assert np.allclose(soft[:, motion], np.arcsinh(hard[:, motion]), atol=1e-6)


def test_rates_scale_the_distances():
    flow = RegionFlow(distances_s=(0.1, 0.2))
    assert flow.distances(Fraction(25)) == [2, 5]
    assert flow.distances(Fraction(200)) == [21, 39]
    assert RegionFlow(distances_s=(0.001, 0.002)).distances(Fraction(25)) == [1]
    assert flow.span_at(Fraction(25)) == 4 * 5 + 1


def test_a_movement_stands_in_the_stretch_in_which_it_happens():
    name, image = "lip_corner_left", textured(6)
    window = bump(name)
    still, risen = moved(image, 0 * window, 0 * window), moved(image, 0 * window, -2.0 * window)
    flow = RegionFlow(distances_s=(0.1,), stretches=2, soft_px=0)
    # Frames 0..12 make one row with its middle at 6; the lip is up from frame 9 to 11.
    series = flow.describe(clip_of([still] * 9 + [risen] * 3 + [still]))
    assert (len(series), series.span, int(series.centres[0])) == (1, 13, 6)
    columns = dict(zip(series.names, series.values[0]))
    seen = [columns[f"{name} {when} y"] for when in ("-6..-3", "-3..0", "0..3", "3..6")]
    assert np.abs(seen[:2]).max() < 0.02
    assert seen[2] < -1.0
    assert seen[3] == pytest.approx(-seen[2], rel=0.1)


def test_rows_at_high_rates_are_those_of_every_third_frame():
    image, window = textured(7), bump("chin_middle")
    fast = [moved(image, 0 * window, -1.5 * np.sin(t / 20) * window) for t in range(160)]
    at_200 = replace(clip_of(fast), fps=Fraction(200))
    flow = RegionFlow(distances_s=(0.09,))
    assert (flow.step_at(Fraction(200)), flow.distances(Fraction(200))) == (3, [18])
    series = flow.describe(at_200)
    thinned = replace(clip_of(fast[::3]), fps=Fraction(200, 3))
    assert np.array_equal(series.values, flow.describe(thinned).values)
    assert series.step == 3
    assert [int(c) for c in series.centres[:2]] == [36, 39]
    assert len(series) == 1 + (160 - 73) // 3
    pieces = [
        FaceClip(at_200.frames[a:b], at_200.found[a:b], at_200.landmarks[a:b],
                 at_200.times_s[a:b], at_200.fps)
        for a, b in pairwise([0, 50, 101, 160])
    ]  # fmt: skip
    assert np.array_equal(describe_stream(flow, pieces).values, series.values)


def test_mirror_equals_describing_the_mirrored_crops():
    image, window = textured(5), bump("brow_inner_left")
    frames = [moved(image, 0.5 * t * window, -0.4 * t * window) for t in range(7)]
    flow = RegionFlow(distances_s=(0.1,), stretches=1)
    rows = flow.mirror(flow.describe(clip_of(frames))).values
    mirrored = flow.describe(clip_of([np.ascontiguousarray(f[:, ::-1]) for f in frames])).values
    # DIS scans from the left, so that mirrored images give slightly other flow.
    assert np.corrcoef(rows.ravel(), mirrored.ravel())[0, 1] > 0.98
    assert np.abs(rows).max() > 0.5
    there_and_back = flow.mirror(flow.mirror(flow.describe(clip_of(frames)))).values
    assert np.array_equal(there_and_back, flow.describe(clip_of(frames)).values)


def test_turning_scaling_and_nodding_heads_are_removed_and_muscles_are_not():
    """Motions worked out by hand: any mix of the head's modes vanishes, a region's own stays."""
    windows = np.array([w[:2] for w in (*regions().values(), *anchors().values())])
    x, y = windows[:, 0] - 0.5, windows[:, 1] - 0.51
    depth = 1 - 4 * x**2 - 2.4 * y**2
    head = np.stack([0.7 - 0.9 * y + 1.5 * depth, -0.4 + 0.9 * x + 0.8 * y - 0.6 * depth], axis=1)
    muscle = np.zeros_like(head)
    lip = list(regions()).index("lip_corner_left")
    muscle[lip] = (-0.8, -1.1)
    left = without_head(np.float32([head, head + muscle]))
    assert np.abs(left[0]).max() < 0.01
    assert left[1][lip] == pytest.approx((-0.8, -1.1), abs=0.05)
    others = np.delete(left[1], lip, axis=0)
    assert np.abs(others).max() < 0.06
