"""Folders of images: order, gaps, and the folders that are refused."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from mespot.errors import UnreadableInput, UsageError
from mespot.video import open_video, source_frames
from videomaker import number_in, picture

FPS = Fraction(200)


def write_images(folder: Path, names: dict[str, int], size: tuple[int, int] = (64, 48)) -> Path:
    """Images by name, each holding a number."""
    folder.mkdir(exist_ok=True)
    for name, number in names.items():
        assert cv2.imwrite(str(folder / name), picture(number, *size))
    return folder


@pytest.mark.parametrize(
    "pattern",
    ["img_{}.jpg", "006_1_{:04d}.JPG", "{}.png", "img{:03d}.bmp", "a{}b.tif", "s1 {}.jpeg"],
)
def test_order_is_by_number(tmp_path: Path, pattern: str) -> None:
    folder = write_images(tmp_path / "x", {pattern.format(i): i for i in range(1, 121)})
    (folder / "Thumbs.db").write_bytes(b"x")
    (folder / ("._" + pattern.format(1))).write_bytes(b"a Mac's side file")
    video = open_video(folder, fps=FPS)
    assert (video.fps, video.fps_source, video.variable_rate) == (200, "given", False)
    assert (video.width, video.height, video.n_expected) == (64, 48, 120)
    frames = list(video)
    assert [number_in(f.image) for f in frames] == list(range(1, 121))
    assert [f.time_s for f in frames] == [i / 200 for i in range(120)]
    assert video.report.numbers.tolist() == list(range(1, 121))
    assert (video.report.notes, video.report.decode_failures) == ((), 0)
    assert [f.source for f in video] == list(range(120))


def test_missing_numbers_are_gaps(tmp_path: Path) -> None:
    # Absolute numbers as in SMIC; 559702..559704 and 559708 are missing.
    numbers = [n for n in range(559700, 559712) if n not in (559702, 559703, 559704, 559708)]
    folder = write_images(tmp_path / "x", {f"image{n}.jpg": n - 559700 for n in numbers})
    video = open_video(folder, fps=25)
    shown = [number_in(f.image) for f in video]
    assert shown == [0, 1, 1, 1, 5, 5, 6, 7, 7, 9, 10, 11]
    report = video.report
    assert video.n_expected == report.n_grid == 12
    assert report.n_decoded == 8
    assert np.flatnonzero(report.in_gap).tolist() == [2, 3, 4, 8]
    assert report.source_times_s.tolist() == [(n - 559700) / 25 for n in numbers]
    assert report.numbers.tolist() == numbers
    assert report.notes == (
        "4 image numbers are missing (between 559701-559705, 559707-559709)",
        "4 of 12 grid frames stand in a gap",
    )


def test_numbers_that_count_by_ten(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "x", {f"f{n}.png": n for n in (0, 10, 20, 40, 50)})
    video = open_video(folder, fps=30)
    assert [number_in(f.image) for f in video] == [0, 10, 20, 20, 40, 50]
    assert video.report.notes[0] == "image numbers count by 10"


def test_rate_must_be_given(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "x", {"1.png": 1, "2.png": 2})
    with pytest.raises(UsageError, match=r"x: .*--fps"):
        open_video(folder)
    assert len(list(open_video(folder, fps=25))) == 2


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "no images"),
        (["a.png", "b.png"], "not of one numbered sequence"),
        (["s1_1.png", "s1_2.png", "thumb.png"], "thumb.png"),
        (["img1.png", "img01.png"], "exactly one number"),
        (["img1.png", "img1.jpg", "img2.png"], "same number"),
        (["s1_1.png", "s1_2.png", "s2_1.png"], "exactly one number"),
        (["f1.png", "f2.png", "f999999.png"], "jump from 2 to 999999"),
    ],
)
def test_folders_that_are_no_sequence(tmp_path: Path, names: list[str], message: str) -> None:
    folder = write_images(tmp_path / "x", dict.fromkeys(names, 1))
    for fps in (Fraction(25), None):
        with pytest.raises(UnreadableInput, match=message) as caught:
            open_video(folder, fps=fps)
        assert str(folder) in str(caught.value)


def test_mixed_sizes(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "x", {f"{i}.png": i for i in range(5)})
    write_images(folder, {"3.png": 3}, size=(64, 50))
    with pytest.raises(UnreadableInput, match=r"3\.png: 64 x 50 pixels among images of 64 x 48"):
        list(open_video(folder, fps=25))


def test_damaged_images_are_gaps_and_counted(tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    folder = write_images(tmp_path / "x", {f"{i}.jpg": i for i in range(8)})
    (folder / "0.jpg").write_bytes(b"")
    (folder / "4.jpg").write_bytes(b"no image at all")
    whole = (folder / "6.jpg").read_bytes()
    (folder / "6.jpg").write_bytes(whole[: len(whole) * 9 // 10])
    video = open_video(folder, fps=25)
    frames = list(video)
    report = video.report
    # The first that can be read is at 0 s; one that was cut short is not shown either.
    assert report.n_decoded == 5
    assert report.numbers.tolist() == [1, 2, 3, 5, 7]
    assert report.decode_failures == 3
    assert [f.source for f in frames] == [0, 1, 2, 2, 3, 3, 4]
    assert np.flatnonzero(report.in_gap).tolist() == [3, 5]
    assert "4.jpg cannot be read" in report.notes
    # Places count what was decoded, as in Frame.source.
    images = source_frames(folder, [2, 3, 4])
    assert {i: number_in(image) for i, image in images.items()} == {2: 3, 3: 5, 4: 7}
    capfd.readouterr()
    for name in folder.iterdir():
        name.write_bytes(b"x")
    with pytest.raises(UnreadableInput, match="none of its 8 images"):
        open_video(folder, fps=25)


def test_kinds_of_images(tmp_path: Path) -> None:
    grey = picture(77)
    deep = grey.astype(np.uint16) * 257
    colour = np.dstack([grey] * 3)
    with_alpha = np.dstack([colour, np.full_like(grey, 128)])
    for name, image in {"deep": deep, "colour": colour, "alpha": with_alpha}.items():
        folder = tmp_path / name
        folder.mkdir()
        assert cv2.imwrite(str(folder / "1.png"), image)
        (frame,) = open_video(folder, fps=25)
        np.testing.assert_allclose(frame.image, grey, atol=1)
        assert frame.image.dtype == np.uint8
    red = np.zeros((48, 64, 3), np.uint8)
    red[..., 2] = 255
    folder = tmp_path / "red"
    folder.mkdir()
    assert cv2.imwrite(str(folder / "1.png"), red)
    assert source_frames(folder, [0], colour=True)[0][5, 5].tolist() == [0, 0, 255]
    assert source_frames(folder, [0])[0].shape == (48, 64)


def test_names_beyond_ascii(tmp_path: Path) -> None:
    folder = tmp_path / "Gesichter été"
    folder.mkdir()
    data = cv2.imencode(".png", picture(5))[1].tobytes()
    for i in (1, 2):
        (folder / f"Bild größer {i}.png").write_bytes(data)
    assert [number_in(f.image) for f in open_video(folder, fps=25)] == [5, 5]
