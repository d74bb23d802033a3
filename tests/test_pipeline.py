"""Video to rows in three threads and in pieces: the same as one after the other, and tidy."""

from __future__ import annotations

import threading
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from mespot import pipeline
from mespot.align import Align, align, concatenate
from mespot.descriptors.region_flow import RegionFlow
from mespot.errors import NoUsableFace
from mespot.pipeline import describe_video
from mespot.video import open_video
from moving_portrait import motion, portrait, portraits, render
from videomaker import write_video


@pytest.fixture(scope="module")
def face(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """70 frames of a moving face, of which five in the middle are black."""
    image, points = portrait(portraits()[0])
    frames = list(render(image, motion(points, 70)))
    frames[30:35] = [np.zeros_like(frames[0])] * 5
    return write_video(tmp_path_factory.mktemp("clips") / "a.mp4", frames, 25)


def threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name == "mespot-prefetch"]


@pytest.mark.parametrize(("fps", "chunk"), [(None, 20), (None, 64), (Fraction(200), 90)])
def test_threads_and_pieces_change_nothing(
    face: Path, fps: Fraction | None, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    descriptor = RegionFlow(distances_s=(0.03,) if fps else (0.12,), stretches=1)
    video = open_video(face, fps=fps)
    clip = concatenate(align(video, Align(), video.fps))
    whole = descriptor.describe(clip)
    monkeypatch.setattr(pipeline, "_CHUNK", chunk)
    monkeypatch.setattr(pipeline, "_BATCH", 3)
    before = cv2.getNumThreads()
    seen: list[int] = []
    described = describe_video(
        face, Align(), descriptor, video=open_video(face, fps=fps), on_frame=seen.append
    )
    np.testing.assert_array_equal(described.series.values, whole.values)
    assert (described.series.step, described.series.span) == (whole.step, whole.span)
    np.testing.assert_array_equal(described.found, clip.found)
    np.testing.assert_array_equal(described.landmarks, clip.landmarks)
    assert sum(b - a + 1 for a, b in described.notes.spans) == clip.found.sum() < 70
    assert seen == list(range(1, 71))
    assert described.report.n_decoded == 70
    assert cv2.getNumThreads() == before
    assert not threads()


@pytest.mark.parametrize("at", [1, 33, 70])
def test_stopping_leaves_no_thread_behind(face: Path, at: int) -> None:
    def stop(number: int) -> None:
        if number == at:
            raise KeyboardInterrupt

    before = cv2.getNumThreads()
    with pytest.raises(KeyboardInterrupt):
        describe_video(face, Align(), RegionFlow(), video=open_video(face), on_frame=stop)
    assert not threads()
    assert cv2.getNumThreads() == before


def test_an_error_of_the_descriptor_ends_the_threads(face: Path) -> None:
    class Broken(RegionFlow):
        def describe(self, clip: object) -> object:  # type: ignore[override]
            raise LookupError("no such flow")

    with pytest.raises(LookupError, match="no such flow"):
        describe_video(face, Align(), Broken(), video=open_video(face))
    assert not threads()


def test_no_face_is_told(tmp_path: Path) -> None:
    path = write_video(tmp_path / "g.mp4", [np.full((96, 96), 90, np.uint8)] * 30, 25)
    with pytest.raises(NoUsableFace, match="no face found in 30 frames"):
        describe_video(path, Align(), RegionFlow(), video=open_video(path))
    assert not threads()
