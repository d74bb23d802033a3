"""What the alignment compiles, against dlib and slow loops."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from mespot.align import compiled, forest, landmarks
from mespot.align.landmarks import ALL, MARGIN, MODEL_FILES, PAIRS, SIDE, model_path
from mespot.align.robust import _median
from mespot.errors import MespotError
from moving_portrait import portrait, portraits


def texture(seed: int, blur: float = 2.0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=(SIDE, SIDE))
    smooth = cv2.GaussianBlur(noise, (0, 0), blur)
    return np.clip(128 + 50 * smooth / smooth.std(), 0, 255).astype(np.uint8)


def test_the_median_is_the_upper_one() -> None:
    rng = np.random.default_rng(5)
    for n in (1, 2, 9, 50):
        values = rng.integers(0, 20, n).astype(float)
        assert _median(values) == sorted(values)[n // 2]


@pytest.mark.parametrize("n_points", [5, 17])
def test_points_are_dlibs(n_points: int) -> None:
    """Every point of every box, on faces, off them, beyond the picture and in noise."""
    import dlib

    predictor = dlib.shape_predictor(str(model_path(MODEL_FILES[n_points])))
    model = landmarks._forest(n_points)
    image, points = portrait(portraits()[0])
    side = SIDE + 2 * MARGIN
    rng = np.random.default_rng(4)
    x, y = points.mean(axis=0)
    for turn in range(12):
        half = rng.uniform(1.5, 4) * np.ptp(points[:, 0]) / 2
        matrix = np.array([[side / 2 / half, 0, side / 2], [0, side / 2 / half, side / 2]])
        matrix[:, 2] -= side / 2 / half * (np.array([x, y]) + rng.normal(0, 20, 2))
        face = cv2.warpAffine(image, matrix, (side, side))
        if turn % 4 == 3:
            face = rng.integers(0, 256, face.shape).astype(np.uint8)
        corner = rng.integers(-40, 100, (len(ALL), 2))
        boxes = np.concatenate([corner, corner + rng.integers(80, 250, (len(ALL), 1))], axis=1)
        got = forest.points(model, face, boxes)
        for box, found in zip(boxes.tolist(), got):
            shape = predictor(face, dlib.rectangle(*box))
            assert found.tolist() == [[p.x, p.y] for p in shape.parts()]


def test_one_box_or_several_give_the_same_points() -> None:
    face = texture(6)
    face = cv2.resize(face, (SIDE + 2 * MARGIN,) * 2)
    both = landmarks._points(face, PAIRS[0], 5)
    each = [landmarks._points(face, [offset], 5)[0] for offset in PAIRS[0]]
    assert np.array_equal(both, each)


@pytest.mark.parametrize("damage", ["empty", "text", "cut", "longer", "zeros within"])
def test_other_files_are_no_models(damage: str, tmp_path: Path) -> None:
    data = model_path(MODEL_FILES[5]).read_bytes()
    half = len(data) // 2
    kept = {
        "empty": b"", "text": b"no model\n" * 100, "cut": data[:half], "longer": data + b"\x01\x01",
        "zeros within": data[:half] + bytes(50) + data[half + 50 :],
    }  # fmt: skip
    path = tmp_path / "model.dat"
    path.write_bytes(kept[damage])
    with pytest.raises(MespotError, match="not a landmark model"):
        forest.load(path)


def test_compiling_is_announced_once() -> None:
    code = (
        "from mespot.align.compiled import _Listener\n"
        "class E: data = {'dispatcher': type('D', (), {'py_func': _Listener.on_start})}\n"
        "listener = _Listener()\n"
        "listener.on_start(E); listener.on_start(E)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == compiled.MESSAGE + "\n"
