"""The picture of a spotted video: its strip shows the right frames, and no face unless wanted."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from mespot import picture
from mespot.spotter import Spotting
from mespot.types import Expression
from mespot.video import open_video
from videomaker import write_video


@pytest.fixture
def spotting(tmp_path: Path) -> Spotting:
    """A clip whose frame k is uniformly 2 k grey, with two spots."""
    shades = [np.full((48, 64), 2 * k, np.uint8) for k in range(90)]
    path = write_video(tmp_path / "a.mkv", shades, 30, codec="ffv1", pix_fmt="gray")
    video = open_video(path)
    for _ in video:
        pass
    spots = [Expression(10, 15, 20, score=0.9), Expression(70, None, 80, score=0.8)]
    n, report = 90, video.report
    return Spotting(
        path=str(path), fps=Fraction(30), expressions=spots, scores=np.zeros(n, np.float32),
        found=np.ones(n, bool), times_s=report.source_times_s, threshold=0.5,
        landmarks=np.full((n, 5, 2), np.nan, np.float32), stamps=report.stamps,
    )  # fmt: skip


@pytest.mark.parametrize("sought", [True, False])
def test_the_strip_shows_onset_and_apex(spotting: Spotting, sought: bool) -> None:
    if not sought:
        spotting = replace(spotting, stamps=spotting.stamps[:0])
    pairs = picture._strip(spotting, spotting.expressions)
    # Without an apex, the middle of the spot stands in.
    shown = [float(image[20:90, 20:90].mean()) / 2 for pair in pairs for image in pair]
    assert shown == pytest.approx([10, 15, 70, 75], abs=0.1)
    assert all(image.shape == (110, 110, 3) for pair in pairs for image in pair)


def test_without_faces_the_video_is_not_opened(
    spotting: Spotting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = {}
    for faces in (True, False):
        picture.draw(spotting, tmp_path / "a.png", faces=faces)
        sizes[faces] = cv2.imread(str(tmp_path / "a.png")).shape
        monkeypatch.setattr(picture, "source_frames", None)
    assert sizes[True][1] == sizes[False][1] == 1320
    assert sizes[True][0] > sizes[False][0]
    picture.draw(replace(spotting, expressions=[]), tmp_path / "b.png")
    assert cv2.imread(str(tmp_path / "b.png")).shape == sizes[False]
