"""Frames of a synthetic recording: a placed portrait moved by a script."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from mespot.synthetic.blink import Eye, Lids, paint
from mespot.synthetic.config import ScriptConfig
from mespot.synthetic.portraits import Portrait
from mespot.synthetic.sampling import enlarge, sample
from mespot.synthetic.scene import OVERSAMPLING, Scene, place
from mespot.synthetic.script import Script
from mespot.synthetic.warp import CELL, SHADE, Warp

Plane = NDArray[np.uint8]
BLACK = 16
NOISE_FIELDS, NOISE_SHIFT = 6, 64
_FULL_RANGE = np.clip(np.rint((np.arange(256) - BLACK) * 255.0 / 219.0), 0, 255).astype(np.uint8)


def scene_of(portrait: Portrait, config: ScriptConfig, seed: int) -> Scene:
    """Where ``render`` places the portrait: the landmarks in frame pixels before anything moves."""
    return place(portrait, config, np.random.default_rng([seed, 2]))


def render(
    portrait: Portrait, script: Script, config: ScriptConfig, seed: int, grey: bool = False
) -> Iterator[Plane]:
    """Frames as planar yuv420p (limited range, BT.601), (3 H / 2, W) uint8.

    With ``grey`` only their luma, (H, W). The same arguments give the same bytes. Raises ValueError
    if the face does not fit the frame.
    """
    painter = _Painter(scene_of(portrait, config, seed), script, config, seed)
    for i in range(script.n_frames):
        yield painter.frame(i, grey)


def to_bgr(frame: Plane) -> Plane:
    """A rendered frame as (H, W, 3) BGR, of full range."""
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_YUV2BGR_I420), dtype=np.uint8)


def to_grey(luma: Plane) -> Plane:
    """Rendered luma (H, W) as grey levels of full range."""
    return np.asarray(cv2.LUT(luma, _FULL_RANGE), dtype=np.uint8)


class _Painter:
    """Holds what does not change between frames."""

    def __init__(self, scene: Scene, script: Script, config: ScriptConfig, seed: int) -> None:
        self.scene, self.script, self.config = scene, script, config
        self.size = (config.width, config.height)
        self.warp = Warp(scene.points, scene.face, self.size)
        self.eyes = [Eye(scene.points, which) for which in (0, 1)]
        self.luma_home = _identity(self.size, OVERSAMPLING, (OVERSAMPLING - 1) / 2.0)
        # The plate's chroma plane has the frame's own size: its pixels are the map's units.
        self.chroma_home = _identity((self.size[0] // 2, self.size[1] // 2), 2.0, 0.5)
        self.rng = np.random.default_rng([seed, 3])
        self.noise = _noise_bank(config, self.rng) if config.noise else None
        nodes = self.warp.nodes
        self.across = (nodes[..., 0] / self.size[0] - 0.5).astype(np.float32)
        self.down = (nodes[..., 1] / self.size[1] - 0.5).astype(np.float32)

    def frame(self, i: int, grey: bool = False) -> Plane:
        """Frame i, (3 H / 2, W), or its luma alone. Frames must be asked for in order: the noise
        runs on.
        """
        script, (w, h) = self.script, self.size
        moved = self.warp.places(script.head[i], script.shake[i])
        amounts = {name: float(curve[i]) for name, curve in script.actions.items()}
        at, stretch = self.warp.act(moved, {k: v for k, v in amounts.items() if k[0] not in "57"})
        offset = at - self.warp.nodes
        luma_map = enlarge(offset * np.float32(OVERSAMPLING), (w, h))
        luma_map += self.luma_home
        planes = [(self.scene.luma, sample(self.scene.luma, luma_map), luma_map)]
        if not grey:
            chroma_map = enlarge(offset, (w // 2, h // 2))
            chroma_map += self.chroma_home
            planes.append((self.scene.chroma, sample(self.scene.chroma, chroma_map), chroma_map))
        for which, eye in enumerate(self.eyes):
            lids = self._lids(i, which, amounts)
            if not lids.neutral:
                self._paint_eye(eye, lids, at, planes)
        out = np.empty((h if grey else h * 3 // 2, w), dtype=np.uint8)
        gain = self._gain(i, stretch)
        self._expose(planes[0][1], gain, out[:h])
        if not grey:
            chroma = planes[1][1]
            if gain is not None:
                mean = float(gain.mean())
                chroma = np.asarray(
                    cv2.convertScaleAbs(chroma, alpha=mean, beta=128.0 * (1.0 - mean))
                )
            out[h:] = chroma.transpose(2, 0, 1).reshape(h // 2, w)
        return out

    def _lids(self, i: int, which: int, amounts: dict[str, float]) -> Lids:
        side, face = "RL"[which], self.scene.face
        lift, squeeze = amounts.get(f"5{side}", 0.0), amounts.get(f"7{side}", 0.0)
        scale = face.pixels_per_crop_pixel
        gaze = float(self.script.gaze[i]) * face.unit
        return Lids(float(self.script.closure[i]), lift * scale, squeeze * scale, gaze)

    def _paint_eye(
        self, eye: Eye, lids: Lids, at: NDArray[np.float32],
        planes: list[tuple[Plane, Plane, NDArray[np.float32]]],
    ) -> None:  # fmt: skip
        """Draw an eye into luma and, if it is there, chroma: (plate, picture, its map)."""
        left, top, right, bottom = eye.box()
        x, y = at[..., 0], at[..., 1]
        hit = (x > left - CELL) & (x < right + CELL) & (y > top - CELL) & (y < bottom + CELL)
        rows, columns = np.flatnonzero(hit.any(axis=1)), np.flatnonzero(hit.any(axis=0))
        if not len(rows):
            return
        r0, r1 = rows[0] * CELL, (rows[-1] + 1) * CELL
        c0, c1 = columns[0] * CELL, (columns[-1] + 1) * CELL
        k = np.float32(OVERSAMPLING)
        plate, luma, where = planes[0]
        q = (where[r0:r1, c0:c1] - (k - 1) / 2) / k
        paint(luma[r0:r1, c0:c1], plate, OVERSAMPLING, eye.layers(q, lids))
        half = slice(r0 // 2, r1 // 2), slice(c0 // 2, c1 // 2)
        for plate, chroma, where in planes[1:]:
            paint(chroma[half], plate, 1, eye.layers(where[half], lids))

    def _gain(self, i: int, stretch: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
        """(h, w) of the coarse grid: light, flicker, and skin that darkens where it folds."""
        config, light = self.config, self.script.light
        if not config.shading:
            stretch = None
        if not config.light and not light.depth and stretch is None:
            return None
        gain = np.ones(self.across.shape, dtype=np.float32)
        if config.light:
            level, across, down = light.gain[i].astype(np.float32)
            gain = gain + (level - np.float32(1.0)) + across * self.across + down * self.down
        if light.depth:
            wave = np.cos(light.phase[i] + light.rows * self.down[:, :1])
            gain = gain + np.float32(light.depth) * wave.astype(np.float32)
        if stretch is not None:
            gain = gain + np.clip(np.float32(SHADE * config.shading) * stretch, -0.15, 0.10)
        return gain

    def _expose(self, luma: Plane, gain: NDArray[np.float32] | None, out: Plane) -> None:
        """Light, noise and black level: scene luma (0 to 219) to the video's luma in ``out``."""
        if gain is not None:
            fine = enlarge(gain, self.size)
            luma = np.asarray(cv2.multiply(luma, fine, dtype=cv2.CV_8U), dtype=np.uint8)
        if self.noise is None:
            np.add(luma, np.uint8(BLACK), out=out)
            return
        field, dy, dx = self.rng.integers((NOISE_FIELDS, NOISE_SHIFT, NOISE_SHIFT))
        w, h = self.size
        cv2.add(luma, self.noise[field, dy : dy + h, dx : dx + w], dst=out, dtype=cv2.CV_8U)


def _identity(size: tuple[int, int], scale: float, shift: float) -> NDArray[np.float32]:
    x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    return (np.stack([x, y], axis=-1) * scale + shift).astype(np.float32)


def _noise_bank(config: ScriptConfig, rng: np.random.Generator) -> NDArray[np.int16]:
    """Fields of sensor noise plus the black level, larger than the frame: shifted windows of them
    do not repeat visibly. Slightly correlated between neighbours, as after demosaicing.
    """
    shape = (NOISE_FIELDS, config.height + NOISE_SHIFT, config.width + NOISE_SHIFT)
    white = rng.standard_normal(shape, dtype=np.float32)
    fields = np.stack([cv2.GaussianBlur(field, (0, 0), 0.5) for field in white])
    fields *= 1.6 * config.noise / fields.std()
    return np.rint(fields + BLACK).astype(np.int16)
