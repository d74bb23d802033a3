"""Frames found again by their timestamps: the same as decoding everything gives, or not taken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mespot.video import open_video, seek, source_frames
from videomaker import number_in, write_numbered

SHARED = Path(__file__).resolve().parents[2] / "shared" / "videos"
KINDS = [
    ("mp4", {}), ("mkv", {}), ("ts", {}), ("mov", {"codec": "mpeg4"}), ("avi", {}),
    ("flv", {"options": {"bf": "0"}}), ("mp4", {"options": {"x264-params": "open-gop=1"}}),
    ("mkv", {"codec": "mjpeg", "pix_fmt": "yuvj420p"}),
]  # fmt: skip


@pytest.mark.parametrize(("suffix", "how"), KINDS, ids=str)
def test_frames_that_are_sought_are_those_that_decoding_gives(
    tmp_path: Path, suffix: str, how: dict
) -> None:
    how = {"options": {}, **how}
    options = how["options"] | ({"g": "20"} if how.get("codec") != "mjpeg" else {})
    path = write_numbered(tmp_path / f"a.{suffix}", 130, 25, **(how | {"options": options}))
    video = open_video(path)
    whole = {f.source: f.image.copy() for f in video}
    stamps = video.report.stamps
    # What is made up for AVI does not tell frames apart.
    assert len(stamps) == (0 if suffix == "avi" else 130)
    for places in ([0], [129], [64, 65, 3, 19, 20, 21, 99], range(130)):
        found = source_frames(path, places, stamps=stamps)
        assert sorted(found) == sorted(places)
        for place in places:
            np.testing.assert_array_equal(found[place], whole[place])


def test_seeking_does_not_decode_what_comes_before(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "a.mp4", 300, 25, options={"g": "25"})
    video = open_video(path)
    for _ in video:
        pass
    decoded = []
    plain = seek.decoded_frames

    def noted(*args: object) -> object:
        for frame in plain(*args):
            decoded.append(frame.pts)
            yield frame

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seek, "decoded_frames", noted)
        found = source_frames(path, [290, 297], stamps=video.report.stamps)
    assert {i: number_in(image) for i, image in found.items()} == {290: 290, 297: 297}
    assert len(decoded) < 40


def test_wrong_or_missing_stamps_do_not_give_wrong_frames(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "a.mp4", 60, 25, options={"g": "20"})
    video = open_video(path)
    for _ in video:
        pass
    stamps = video.report.stamps
    for wrong in (stamps + 1, stamps[:0], stamps + 10**9, stamps * 0 - 5):
        found = source_frames(path, [7, 41], stamps=wrong)
        assert {i: number_in(image) for i, image in found.items()} == {7: 7, 41: 41}
    assert list(source_frames(path, [7, 99], stamps=stamps)) == [7]


@pytest.mark.parametrize(
    "name", ["WolfgangLanger_Pexels.mp4", "single_face.mp4", "no_face.mp4", "face_noface.mov"]
)
def test_real_clips_in_colour(name: str) -> None:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{path} is not here")
    video = open_video(path)
    for _ in video:
        pass
    stamps = video.report.stamps
    places = sorted({0, 5, 40, 71, len(stamps) - 1})
    expected = source_frames(path, places, colour=True)
    found = source_frames(path, places, colour=True, stamps=stamps)
    assert sorted(found) == sorted(expected) == places
    for place in places:
        np.testing.assert_array_equal(found[place], expected[place])


@pytest.mark.parametrize("rotation", [(90, False), (180, False), (0, True)])
def test_sought_frames_are_upright(tmp_path: Path, rotation: tuple[int, bool]) -> None:
    path = write_numbered(tmp_path / "r.mp4", 40, 25, rotation=rotation, options={"g": "10"})
    video = open_video(path)
    whole = {f.source: f.image for f in video}
    found = source_frames(path, [3, 37], stamps=video.report.stamps)
    for place in (3, 37):
        np.testing.assert_array_equal(found[place], whole[place])
