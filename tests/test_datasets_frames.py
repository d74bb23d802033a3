"""Folders of images: numbers, gaps and forms, and that the decoder counts the same way."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest

from mespot.datasets import _frames
from mespot.video import open_video
from mespot_lab.sheets import NAMES, sheet_module
from sheetmaker import images


def test_a_run_of_images(tmp_path):
    folder = images(tmp_path / "006_1", "006_1_%04d.jpg", range(1, 1201))
    (folder / "Thumbs.db").touch()
    (folder / "._006_1_0001.jpg").touch()
    (folder / "notes 77.txt").touch()
    run = _frames.image_run(folder)
    assert run == _frames.ImageRun(folder, 1, 1200, 1200, frozenset({4}))
    assert (run.n_frames, run.problems()) == (1200, [])
    assert _frames.image_run(tmp_path) is None


def test_gaps_and_doubles_are_told(tmp_path):
    folder = images(tmp_path / "a", "img%d.jpg", [3, 4, 7, 9, 11, 13, 15])
    (folder / "img0009.jpg").touch()
    run = _frames.image_run(folder)
    assert (run.first, run.last, run.count, run.n_frames) == (3, 15, 8, 13)
    assert run.gaps == ((4, 7), (7, 9), (9, 11), (11, 13), (13, 15))
    assert run.problems() == [
        f"{folder}: 6 image numbers missing (between 4-7, 7-9, 9-11, ...)",
        f"{folder}: two images have the number 9",
    ]


def test_runs_are_found_by_name_and_links_followed_once(tmp_path):
    real = images(tmp_path / "disk" / "s01" / "x_1", "i%d.png", (1, 2))
    root = tmp_path / "root"
    root.mkdir()
    (root / "s01").symlink_to(real.parent)
    (root / "again").symlink_to(root)
    images(root / "other", "i%d.png", (1, 2))
    runs = _frames.find_runs(root, lambda p: p.name if p.name.startswith("x_") else None)
    assert list(runs) == ["x_1"]
    assert [r.folder for r in runs["x_1"]] == [root / "s01" / "x_1"]


def test_of_several_forms_the_preferred_one_is_taken(tmp_path):
    for form in ("cropped", "rawpic", "odd"):
        images(tmp_path / form / "x", "i%d.png", (1, 2))
    images(tmp_path / "cropped" / "y", "i%d.png", (1,))
    every = _frames.find_runs(tmp_path, lambda p: p.name if p.name in "xy" else None)

    def chosen(names, wanted=""):
        layout, runs = _frames.choose_layout(every, names, wanted)
        return layout, {n: [r.folder.parent.name for r in found] for n, found in runs.items()}

    assert chosen(("rawpic", "cropped")) == ("rawpic", {"x": ["rawpic"]})
    assert chosen(("none", "Cropped")) == ("Cropped", {"x": ["cropped"], "y": ["cropped"]})
    assert chosen((), "odd") == ("odd", {"x": ["odd"]})
    assert chosen(("rawpic",), "absent") == ("absent", {})
    assert chosen(("none",)) == (
        "", {"x": ["cropped", "odd", "rawpic"], "y": ["cropped"]}
    )  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_the_decoder_opens_such_a_folder_in_the_order_of_its_numbers(tmp_path, name):
    # Frame i is grey 20 i; written backwards, over a change from 9 to 10 and from 99 to 100.
    module = sheet_module(name)
    planned = module.planned(0, 0, 12, ())
    planned = type(planned)(planned.subject, planned.name, 12, (), 94 if planned.first < 94 else
                            planned.first, planned.padding)  # fmt: skip
    for i in reversed(range(12)):
        path = tmp_path / module.frame_path(planned, i)
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((16, 16), 20 * i, np.uint8))
    video = open_video(path.parent, fps=module.SHAPE.fps)
    levels = [round(float(frame.image.mean()) / 20) for frame in video]
    assert levels == list(range(12))
    assert video.fps == Fraction(module.SHAPE.fps)
    run = _frames.image_run(path.parent)
    assert list(video.report.numbers) == list(range(run.first, run.last + 1))
