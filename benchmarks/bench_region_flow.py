"""What each quality of `region_flow` costs, and how much of a known small movement it finds.

    python benchmarks/bench_region_flow.py [--json FILE]

Every region of a textured crop is moved by one pixel along a smooth window; the gain is the
displacement found over the one that happened, averaged over the region's window. The time is that
of one flow with its pooling, per frame. Rivals in the same run: the flow of the whole crop by
OpenCV's own medium preset, and by Farnebäck.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from _common import measure, write

from mespot.descriptors.region_flow import RegionFlow
from mespot.descriptors.regions import region_weights, regions

SIZE = 150
QUALITIES = ("coarse", "fast", "fine")


def textured(seed: int) -> np.ndarray:
    """A smooth random texture with structure at the scale of skin and features."""
    noise = np.random.default_rng(seed).normal(size=(SIZE, SIZE)).astype(np.float32)
    blurred = cv2.GaussianBlur(noise, (0, 0), 2.5)
    return 128 + 45 * blurred / blurred.std()


def moved(image: np.ndarray, window: np.ndarray, by: tuple[float, float]) -> np.ndarray:
    """The image with its content displaced by ``by`` pixels along a window."""
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    maps = (np.float32(x - by[0] * window), np.float32(y - by[1] * window))
    out = cv2.remap(image, *maps, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    return np.uint8(np.clip(np.rint(out), 0, 255))


def gains(quality: str) -> np.ndarray:
    """Found over true displacement, one per region, axis and texture."""
    flow = RegionFlow(quality=quality, relative_to="nose", soft_px=0)
    at = (np.arange(SIZE) + 0.5) / SIZE
    found = []
    for number, (x, y, dx, dy) in enumerate(regions().values()):
        across, down = (at[None] - x) / (2.2 * dx), (at[:, None] - y) / (2.2 * dy)
        window = np.exp(-0.5 * across**2 - 0.5 * down**2)
        true = region_weights(SIZE)[number] @ window.ravel()
        for seed in range(3):
            image = textured(seed)
            pair = np.stack([moved(image, window, (0, 0)), moved(image, window, (1, -1))])
            motion = flow._motion(pair, 1).reshape(-1, 2)[number]
            found += [motion[0] / true, -motion[1] / true]
    return np.array(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    still = np.ones((SIZE, SIZE))
    clip = np.stack([moved(textured(9), still, (0.1 * i, 0.05 * i)) for i in range(40)])
    rows = []
    for quality in QUALITIES:
        flow, gain = RegionFlow(quality=quality), gains(quality)
        each = measure(lambda flow=flow: flow._motion(clip, 5)).per(35)
        rows.append({
            "flow": f"region_flow, {quality}", "ms": round(each.median * 1e3, 3),
            "gain, median": round(float(np.median(gain)), 2),
            "gain, lowest tenth": round(float(np.percentile(gain, 10)), 2),
        })  # fmt: skip
    medium = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    farneback = (None, 0.5, 3, 15, 3, 5, 1.2, 0)
    rivals = {
        "DIS of the whole crop, medium": lambda a, b: medium.calc(a, b, None),
        "Farnebäck of the whole crop": lambda a, b: cv2.calcOpticalFlowFarneback(a, b, *farneback),
    }
    for name, rival in rivals.items():
        each = measure(lambda rival=rival: [rival(a, b) for a, b in zip(clip[:-5], clip[5:])]).per(
            35
        )
        rows.append({"flow": name, "ms": round(each.median * 1e3, 3)})
    write(rows, "Flow of facial regions", args.json)


if __name__ == "__main__":
    main()
