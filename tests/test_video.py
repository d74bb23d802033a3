"""Frames and times of sound files: exact, in order, streamed, and mapped onto the grid."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from mespot import video as video_module
from mespot.errors import UsageError
from mespot.prefetch import prefetch
from mespot.video import open_video, source_frames
from mespot.video.packets import opened
from videomaker import number_in, picture, plain_times, write_numbered, write_video

SHARED = Path(__file__).resolve().parents[2] / "shared" / "videos"
CLIPS = [
    ("WolfgangLanger_Pexels.mp4", Fraction(24000, 1001), False),
    ("single_face.mp4", Fraction(30), False),
    ("no_face.mp4", Fraction(24), False),
    ("face_noface.mov", Fraction(24), True),
    ("noface_face.mov", Fraction(24), True),
]
RATES = [Fraction(24000, 1001), 25, Fraction(30000, 1001), 30, Fraction(60000, 1001), 100, 200]


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize("fps", RATES, ids=str)
def test_constant_rates(tmp_path: Path, fps: Fraction, suffix: str) -> None:
    n = 130
    path = write_numbered(tmp_path / f"a.{suffix}", n, fps)
    video = open_video(path)
    assert (video.fps, video.fps_source, video.variable_rate) == (fps, "timestamps", False)
    assert (video.width, video.height, video.n_expected) == (64, 48, n)
    frames = list(video)
    # One to one, in order of presentation although x264 writes B-frames.
    assert [number_in(f.image) for f in frames] == list(range(n))
    assert [f.source for f in frames] == list(range(n))
    # MP4 stores these rates exactly, MKV milliseconds, TS 1/90000 s.
    tick = {"mp4": 0.0, "mkv": 0.001, "ts": 1 / 90000}[suffix]
    times = np.array([f.time_s for f in frames])
    exact = np.array([float(i / Fraction(fps)) for i in range(n)])
    if tick == 0:
        np.testing.assert_array_equal(times, exact)
    np.testing.assert_allclose(times, exact, rtol=0, atol=tick)
    report = video.report
    assert (report.n_decoded, report.n_grid, report.decode_failures) == (n, n, 0)
    np.testing.assert_array_equal(report.source_times_s, [float(t) for t in plain_times(path)])
    np.testing.assert_array_equal(report.source_of, np.arange(n))
    assert not report.in_gap.any()
    assert report.notes == ()


def test_image_is_grey_contiguous_and_its_own(tmp_path: Path) -> None:
    frames = list(open_video(write_numbered(tmp_path / "a.mp4", 5)))
    for frame in frames:
        assert frame.image.shape == (48, 64)
        assert frame.image.dtype == np.uint8
        assert frame.image.flags.c_contiguous
        assert frame.image.flags.writeable
        assert type(frame.time_s) is float
        assert type(frame.source) is int
    frames[0].image[:] = 0
    assert [number_in(f.image) for f in frames[1:]] == [1, 2, 3, 4]


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_variable_rate_maps_to_the_nearest_frame(tmp_path: Path, suffix: str) -> None:
    rng = np.random.default_rng(3)
    steps = np.concatenate([np.full(40, 40), np.full(30, 33), rng.integers(20, 90, 30)])
    rng.shuffle(steps)
    steps = np.concatenate([np.full(60, 40), steps])
    stamps = [0, *np.cumsum(steps).tolist()]
    path = write_numbered(
        tmp_path / f"v.{suffix}", len(stamps), stamps=stamps, time_base=Fraction(1, 1000)
    )
    video = open_video(path)
    assert (video.fps, video.variable_rate) == (25, True)
    assert video.fps_source == "median timestamp distance"
    frames = list(video)
    report = video.report
    np.testing.assert_array_equal(report.source_times_s, np.array(stamps) / 1000)
    assert len(frames) == report.n_grid == video.n_expected == round(stamps[-1] / 40) + 1
    for k, frame in enumerate(frames):
        distances = [abs(s - 40 * k) for s in stamps]
        nearest = int(np.argmin(distances))
        # The picture itself says which decoded frame it is.
        assert number_in(frame.image) == frame.source == report.source_of[k] == nearest
        assert frame.time_s == stamps[nearest] / 1000
        assert report.in_gap[k] == (distances[nearest] > 30)


def test_stills_in_the_stream_are_gaps_in_the_grid(tmp_path: Path) -> None:
    # 25 frames/s with frames 10..12 and 30 never written.
    stamps = [i for i in range(60) if i not in (10, 11, 12, 30)]
    path = write_numbered(tmp_path / "d.mp4", len(stamps), stamps=stamps, time_base=Fraction(1, 25))
    video = open_video(path)
    assert (video.fps, video.variable_rate) == (25, False)
    shown = [number_in(f.image) for f in video]
    # 11 lies midway between 9 and 13: the earlier one.
    assert shown[8:15] == [8, 9, 9, 9, 10, 10, 11]
    assert len(shown) == 60
    assert np.flatnonzero(video.report.in_gap).tolist() == [10, 11, 12, 30]
    assert video.report.notes == ("4 of 60 grid frames stand in a gap",)


def test_first_frame_is_at_zero_whatever_the_container_says(tmp_path: Path) -> None:
    stamps = [i + 90 for i in range(20)]
    path = write_numbered(tmp_path / "o.mkv", 20, stamps=stamps, time_base=Fraction(1, 25))
    video = open_video(path)
    assert [f.time_s for f in video] == [i / 25 for i in range(20)]


def test_iterating_again_and_report(tmp_path: Path) -> None:
    video = open_video(write_numbered(tmp_path / "a.mp4", 12))
    with pytest.raises(RuntimeError, match="iteration to the end"):
        _ = video.report
    for frame in video:
        if frame.source == 3:
            break
    with pytest.raises(RuntimeError, match="iteration to the end"):
        _ = video.report
    first, second = list(video), list(video)
    assert [(f.time_s, f.source) for f in first] == [(f.time_s, f.source) for f in second]
    assert all(np.array_equal(a.image, b.image) for a, b in zip(first, second))
    assert video.report.n_decoded == 12
    # Two iterations at once do not disturb each other.
    assert [(a.source, b.source) for a, b in zip(video, video)] == [(i, i) for i in range(12)]


def test_given_rate_overrules_the_timestamps(tmp_path: Path) -> None:
    # A high-speed camera's file that plays at 25 but was taken at 200 frames/s.
    path = write_numbered(tmp_path / "a.mp4", 30, 25)
    video = open_video(path, fps=Fraction(200))
    assert (video.fps, video.fps_source) == (200, "given")
    frames = list(video)
    assert [f.time_s for f in frames] == [i / 200 for i in range(30)]
    assert [number_in(f.image) for f in frames] == list(range(30))
    for wrong in (0, -3, 1001, Fraction(1, 2), float("nan"), float("inf"), "x"):
        with pytest.raises(UsageError, match="fps"):
            open_video(path, fps=wrong)  # type: ignore[arg-type]


def test_rate_from_the_header_where_there_are_no_timestamps(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "a.h264", 40, 50, container_format="h264")
    video = open_video(path)
    assert (video.fps, video.fps_source, video.variable_rate) == (50, "header", False)
    frames = list(video)
    assert [number_in(f.image) for f in frames] == list(range(40))
    assert [f.time_s for f in frames] == [i / 50 for i in range(40)]


def test_times_of_h264_with_b_frames_in_avi(tmp_path: Path) -> None:
    # AVI has no presentation times: the packets' are in decoding order.
    video = open_video(write_numbered(tmp_path / "a.avi", 60, 30))
    frames = list(video)
    assert [number_in(f.image) for f in frames] == list(range(60))
    np.testing.assert_allclose([f.time_s for f in frames], np.arange(60) / 30, atol=1e-12)
    assert (video.fps, video.report.decode_failures) == (30, 0)


def test_rates_out_of_range_are_refused_with_the_way_out(tmp_path: Path) -> None:
    slow = write_numbered(
        tmp_path / "s.mp4", 5, stamps=[0, 9, 18, 27, 36], time_base=Fraction(1, 3)
    )
    with pytest.raises(UsageError, match=r"s\.mp4: .*0\.333.* --fps"):
        open_video(slow)
    assert open_video(slow, fps=Fraction(25)).fps == 25


def test_one_frame(tmp_path: Path) -> None:
    video = open_video(write_numbered(tmp_path / "a.mp4", 1, 25))
    assert [(number_in(f.image), f.time_s) for f in video] == [(0, 0.0)]
    assert (video.fps, video.report.n_grid) == (25, 1)


def test_memory_stays_bounded(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "a.mp4", 600, 25)
    for stream, most in ((open_video(path), 3), (prefetch(open_video(path), depth=4), 9)):
        alive: list[weakref.ref[np.ndarray]] = []
        peak = n = 0
        for frame in stream:
            n += 1
            alive = [r for r in alive if r() is not None] + [weakref.ref(frame.image)]
            peak = max(peak, len(alive))
        assert n == 600
        assert peak <= most
        del frame
        gc.collect()
        assert not [r for r in alive if r() is not None]


def test_prefetch_of_a_video(tmp_path: Path) -> None:
    video = open_video(write_numbered(tmp_path / "a.mp4", 50, 25))
    assert [number_in(f.image) for f in prefetch(video, 4)] == list(range(50))
    assert video.report.n_decoded == 50
    for frame in prefetch(video, 2):
        if frame.source == 10:
            break
    assert [f.source for f in prefetch(video, 2)] == list(range(50))


def test_source_frames(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "a.mp4", 60, 25)
    images = source_frames(path, [41, 3, 3, 59, 1000])
    assert {i: number_in(image) for i, image in images.items()} == {3: 3, 41: 41, 59: 59}
    assert images[3].shape == (48, 64)
    assert source_frames(path, []) == {}
    for frame in open_video(path):
        if frame.source in images:
            np.testing.assert_array_equal(frame.image, images[frame.source])


def test_source_frames_in_colour(tmp_path: Path) -> None:
    red = np.zeros((48, 64, 3), np.uint8)
    red[..., 0] = 250
    path = write_video(tmp_path / "c.mp4", [red] * 3, pix_fmt="yuv444p")
    image = source_frames(path, [1], colour=True)[1]
    assert image.shape == (48, 64, 3)
    # Blue, green, red.
    np.testing.assert_allclose(image.mean(axis=(0, 1)), [0, 0, 250], atol=8)


def test_importing_the_module_is_light() -> None:
    code = (
        "import sys, mespot.video; "
        "print([m for m in ('av', 'cv2', 'torch', 'numba') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_public_names() -> None:
    for name in ("Frame", "Video", "VideoReport", "open_video", "source_frames"):
        assert getattr(video_module, name).__doc__


@pytest.mark.parametrize(("name", "fps", "is_variable"), CLIPS)
def test_shared_clips_against_a_plain_loop(name: str, fps: Fraction, is_variable: bool) -> None:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{path} is not here")
    times = plain_times(path)
    video = open_video(path)
    assert (video.fps, video.variable_rate) == (fps, is_variable)
    sources = [f.source for f in video]
    report = video.report
    assert report.n_decoded == len(times)
    np.testing.assert_array_equal(report.source_times_s, [float(t) for t in times])
    nearest = [
        min(range(len(times)), key=lambda i: abs(times[i] - k / fps)) for k in range(len(sources))
    ]
    assert sources == nearest == report.source_of.tolist()
    assert report.decode_failures == 0
    if name == "no_face.mp4":
        assert report.n_decoded == 95
        assert report.notes == ("the header says 98 frames, 95 were decoded",)
    if not is_variable:
        assert sources == list(range(len(times)))


def test_picture_numbers_are_read_back() -> None:
    # The tool that all content checks lean on.
    for number in (0, 1, 2, 255, 4660, 65535):
        assert number_in(picture(number)) == number
        assert number_in(picture(number, 23, 17)) == number
    with pytest.raises(AssertionError):
        number_in(np.full((48, 64), 130, np.uint8))


def test_little_work_is_done_by_one_thread(tmp_path: Path) -> None:
    wanted = {("h264", (640, 480)): 1, ("h264", (1280, 720)): 0, ("mpeg4", (64, 48)): 0}
    for (name, size), threads in wanted.items():
        codec = "libx264" if name == "h264" else name
        path = write_numbered(tmp_path / f"{name}{size[0]}.mp4", 2, 25, size=size, codec=codec)
        with opened(path) as (_, stream):
            assert stream.codec_context.thread_count == threads
        with opened(path, threads=3) as (_, stream):
            assert stream.codec_context.thread_count == 3
