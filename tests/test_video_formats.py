"""Pixels: every format gives the same grey, every orientation stands upright, odd sizes work."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from mespot.video import open_video, source_frames
from mespot.video.pixels import Turn, grey
from videomaker import as_frame, number_in, picture, remux, write_numbered, write_video

LEVELS = np.repeat(np.array([[0, 30, 64, 128, 192, 225, 255, 255]], np.uint8), 48, axis=0)
LEVELS = np.repeat(LEVELS, 8, axis=1)

FORMATS = [
    ("libx264", "yuv420p", "mp4", {"crf": "4"}),
    ("libx264", "yuv422p", "mkv", {"crf": "4"}),
    ("libx264", "yuv444p", "mp4", {"crf": "4"}),
    ("libx264", "yuv420p10le", "mp4", {"crf": "4"}),
    ("libx265", "yuv420p", "mp4", {"crf": "4"}),
    ("libx265", "yuv420p10le", "mp4", {"crf": "4"}),
    ("libx264", "gray", "mp4", {"crf": "4"}),
    ("mjpeg", "yuvj420p", "avi", {"qmin": "1", "q": "1"}),
    ("mpeg4", "yuv420p", "avi", {"qmin": "1", "qmax": "2"}),
    ("ffv1", "yuva420p", "mkv", {}),
    ("ffv1", "gray", "mkv", {}),
    ("ffv1", "gray10le", "mkv", {}),
    ("ffv1", "gray16le", "mkv", {}),
    ("ffv1", "yuv444p12le", "mkv", {}),
    ("ffv1", "bgr0", "mkv", {}),
    ("png", "rgb24", "mov", {}),
    ("png", "rgba", "mov", {}),
    ("qtrle", "rgb24", "mov", {}),
    ("rawvideo", "nv12", "nut", {}),
    ("rawvideo", "yuyv422", "avi", {}),
]


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "suffix", "options"), FORMATS, ids=[f"{f[0]}-{f[1]}" for f in FORMATS]
)
def test_black_is_0_and_white_is_255_in_every_format(
    tmp_path: Path, codec: str, pix_fmt: str, suffix: str, options: dict[str, str]
) -> None:
    path = tmp_path / f"a.{suffix}"
    is_full = 2 if pix_fmt.startswith(("yuvj", "gray", "rgb", "bgr")) else None
    write_video(
        path, [LEVELS] * 3, codec=codec, pix_fmt=pix_fmt, options=options, colour_range=is_full
    )
    frames = list(open_video(path))
    assert len(frames) == 3
    for frame in frames:
        assert frame.image.shape == LEVELS.shape
        # The middle of each bar; lossy codecs may ring at the edges.
        np.testing.assert_allclose(frame.image[8:40, 3::8], LEVELS[8:40, 3::8], atol=3)
    coloured = source_frames(path, [1], colour=True)[1]
    np.testing.assert_allclose(coloured[8:40, 3::8].mean(axis=2), LEVELS[8:40, 3::8], atol=4)


def test_full_range_is_not_stretched(tmp_path: Path) -> None:
    for name, colour_range in (("full", 2), ("limited", 1)):
        path = tmp_path / f"{name}.mp4"
        write_video(path, [LEVELS] * 2, options={"crf": "4"}, colour_range=colour_range)
        image = next(iter(open_video(path))).image
        np.testing.assert_allclose(image[8:40, 3::8], LEVELS[8:40, 3::8], atol=3)


def plane_frame(pix_fmt: str, luma: np.ndarray, colour_range: int) -> av.VideoFrame:
    frame = av.VideoFrame(luma.shape[1], luma.shape[0], pix_fmt)
    frame.color_range = colour_range
    plane: Any = frame.planes[0]
    rows = np.zeros((luma.shape[0], plane.line_size), np.uint8)
    rows[:, : luma.shape[1]] = luma
    plane.update(rows.tobytes())
    return frame


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv444p", "gray"])
def test_all_256_levels(pix_fmt: str) -> None:
    luma = np.tile(np.arange(256, dtype=np.uint8), (16, 1))
    exact = [min(255, max(0, round(Fraction((y - 16) * 255, 219)))) for y in range(256)]
    for colour_range in (0, 1, 2):
        image = grey(plane_frame(pix_fmt, luma, colour_range)).whole
        is_limited = colour_range == 1 or (colour_range == 0 and pix_fmt != "gray")
        np.testing.assert_array_equal(image[7], exact if is_limited else np.arange(256))


def test_parts_of_the_luma_have_the_levels_of_the_whole() -> None:
    luma = np.random.default_rng(0).integers(0, 256, (40, 60), dtype=np.uint8)
    for colour_range in (1, 2):
        frame = plane_frame("yuv420p", luma, colour_range)
        picture = grey(frame)
        whole = picture.whole
        assert picture.shape == whole.shape == (40, 60)
        assert picture.whole is whole
        part = picture.levels(picture.raw[5:21, 7:50])
        np.testing.assert_array_equal(part, whole[5:21, 7:50])
        # The decoder's own memory is neither copied nor handed out to be written into.
        assert np.array_equal(picture.raw, luma)
        whole[:] = 0
        assert np.array_equal(grey(frame).raw, luma)


def test_more_than_8_bits_within_one_level() -> None:
    for level in range(256):
        frame = av.VideoFrame.from_ndarray(
            np.full((4, 4), level << 8 | level, np.uint16), "gray16le"
        )
        assert abs(int(grey(frame).whole[1, 1]) - level) <= (level not in (0, 255))


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "nv12", "yuv420p10le", "rgb24", "gray"])
@pytest.mark.parametrize("size", [(2, 2), (1, 1), (3, 5), (33, 47), (65, 31)])
def test_converted_by_either_way_alike(pix_fmt: str, size: tuple[int, int]) -> None:
    image = np.random.default_rng(1).integers(0, 256, size, dtype=np.uint8)
    frame = as_frame(image, pix_fmt)
    reference = frame.reformat(format="gray", dst_color_range=2).to_ndarray()
    result = grey(frame).whole
    assert result.shape == size
    np.testing.assert_allclose(result, reference, atol=1)


@pytest.mark.parametrize("size", [(64, 36), (50, 38), (16, 16), (322, 242)])
def test_sizes(tmp_path: Path, size: tuple[int, int]) -> None:
    video = open_video(write_numbered(tmp_path / "a.mp4", 4, size=size))
    assert (video.width, video.height) == size
    assert [number_in(f.image) for f in video] == [0, 1, 2, 3]


@pytest.mark.parametrize("size", [(51, 37), (17, 99), (2, 2), (1, 1)])
def test_odd_and_tiny_sizes(tmp_path: Path, size: tuple[int, int]) -> None:
    path = write_numbered(tmp_path / "a.mkv", 4, size=size, codec="ffv1", pix_fmt="yuv444p")
    frames = list(open_video(path))
    assert [f.image.shape for f in frames] == [size[::-1]] * 4
    for i, frame in enumerate(frames):
        np.testing.assert_allclose(frame.image, picture(i, *size), atol=1)


def test_interlaced(tmp_path: Path) -> None:
    options = {"flags": "+ilme+ildct", "x264-params": "tff=1"}
    video = open_video(write_numbered(tmp_path / "a.ts", 30, options=options))
    assert [number_in(f.image) for f in video] == list(range(30))


UPRIGHT = picture(0b0000_0001_0011_0101, 80, 48)
HELD = [
    # (degrees counter-clockwise, mirrored first), what the camera stores so that it is upright
    ((0, False), UPRIGHT),
    ((90, False), np.rot90(UPRIGHT, -1)),
    ((180, False), np.rot90(UPRIGHT, 2)),
    ((-90, False), np.rot90(UPRIGHT, 1)),
    ((0, True), UPRIGHT[:, ::-1]),
]


@pytest.mark.parametrize(("rotation", "stored"), HELD, ids=[str(h[0]) for h in HELD])
def test_turned_upright(tmp_path: Path, rotation: tuple[float, bool], stored: np.ndarray) -> None:
    path = tmp_path / "r.mp4"
    if not hasattr(av.video.stream.VideoStream, "set_display_rotation"):
        pytest.skip("this PyAV cannot write a display matrix")
    write_video(path, [np.ascontiguousarray(stored)] * 3, rotation=rotation, options={"crf": "4"})
    video = open_video(path)
    assert (video.width, video.height) == (80, 48)
    for frame in video:
        np.testing.assert_allclose(frame.image[6:42, 10:70:20], UPRIGHT[6:42, 10:70:20], atol=6)
        assert number_in(frame.image) == number_in(UPRIGHT)
        assert frame.image.flags.c_contiguous
    assert source_frames(path, [0], colour=True)[0].shape == (48, 80, 3)


def test_the_eight_turns_differ_and_are_what_the_matrix_says() -> None:
    image = np.arange(6, dtype=np.uint8).reshape(2, 3)
    seen = set()
    for transpose in (False, True):
        for x in (False, True):
            for y in (False, True):
                expected = image.T if transpose else image
                expected = expected[:: -1 if y else 1, :: -1 if x else 1]
                result = Turn(transpose, x, y)(image)
                np.testing.assert_array_equal(result, expected)
                seen.add(result.tobytes() + bytes(result.shape))
    assert len(seen) == 8


def test_frame_size_that_changes(tmp_path: Path) -> None:
    # Two raw streams of unlike size, end to end.
    a = write_numbered(tmp_path / "a.h264", 10, size=(64, 48), container_format="h264")
    b = write_numbered(tmp_path / "b.h264", 10, size=(128, 96), container_format="h264")
    both = tmp_path / "both.h264"
    both.write_bytes(a.read_bytes() + b.read_bytes())
    video = open_video(both, fps=Fraction(25))
    frames = list(video)
    assert {f.image.shape for f in frames} == {(48, 64)}
    assert [number_in(f.image) for f in frames] == [*range(10), *range(10)]
    sizes = [n for n in video.report.notes if "size changes" in n]
    assert sizes == ["the frame size changes at frame 10; rescaled to the first size"]


def test_hidden_vp8_frames_are_no_failures(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "a.webm", 40, codec="libvpx")

    def hide(i: int, data: bytes) -> bytes:
        # Bit 4 of the first byte says whether the frame is shown (RFC 6386, 9.1).
        return bytes([data[0] & ~0x10]) + data[1:] if i in (7, 21) else data

    video = open_video(remux(path, tmp_path / "hidden.webm", hide))
    frames = list(video)
    report = video.report
    assert (report.n_decoded, report.decode_failures, video.fps) == (38, 0, 25)
    kept = [i for i in range(40) if i not in (7, 21)]
    assert [number_in(frames[i].image) for i in kept] == kept
    assert np.flatnonzero(report.in_gap).tolist() == [7, 21]
