"""Damaged, cut, lying and wrong files: what can be decoded is, the rest is counted or refused."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from mespot.video import file, open_video, packets
from videomaker import number_in, picture, plain_times, remux, write_numbered


def cut(path: Path, part: float) -> Path:
    """The file without its end."""
    data = path.read_bytes()
    target = path.with_name("cut" + path.suffix)
    target.write_bytes(data[: int(len(data) * part)])
    return target


def noisy_pictures(n: int) -> list[np.ndarray]:
    """Numbered pictures with noise, so that packets have weight throughout."""
    rng = np.random.default_rng(0)
    return [picture(i) + rng.integers(0, 12, (48, 64), dtype=np.uint8) for i in range(n)]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """150 frames as MP4 (index in front), MKV, TS and FLV."""
    from videomaker import write_video

    folder = tmp_path_factory.mktemp("sound")
    files = {}
    containers = {
        "mp4": {"movflags": "faststart"},
        "mkv": {"cluster_time_limit": "500"},  # a damaged MKV is read on from the next cluster
        "ts": {},
        "flv": {},
    }
    for suffix, container in containers.items():
        options = {"g": "25", "keyint_min": "25", "sc_threshold": "0", "crf": "10"}
        files[suffix] = write_video(
            folder / f"a.{suffix}", noisy_pictures(150), options=options, container=container
        )
    return files


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "flv"])
def test_truncated_file_gives_all_frames_before_the_cut(
    sound: dict[str, Path], suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = cut(sound[suffix], 0.6)
    results = []
    for threads in (1, 2, 7):
        monkeypatch.setattr(packets, "_THREADS", threads)
        video = open_video(path)
        assert (video.fps, video.variable_rate) == (25, False)
        frames = list(video)
        numbers = [number_in(f.image) for f in frames]
        report = video.report
        assert 60 < report.n_decoded < 120
        # Up to the damage all is there; only the packet that was cut through may be missing.
        assert numbers[: report.n_decoded - 4] == list(range(report.n_decoded - 4))
        assert report.decode_failures <= 3
        # A transport stream has no header that could tell.
        assert suffix == "ts" or any(note.startswith("the header says") for note in report.notes)
        results.append((numbers, report.source_times_s.tolist()))
    # Parallel decoding loses no frame that a single thread finds. Failures may differ by the cut
    # packet: FFmpeg's threads do not always report it.
    assert results[0] == results[1] == results[2]


def test_end_is_found_again_where_seeking_overshoots(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Key frame 148 stands between the damaged frame and the end; seek straight to it.
    options = {"g": "37", "keyint_min": "37", "sc_threshold": "0", "bf": "0"}
    path = write_numbered(tmp_path / "a.mp4", 150, options=options)
    broken = remux(path, tmp_path / "b.mp4", lambda i, d: b"\xff" * 20 if i == 145 else d)
    monkeypatch.setattr(packets, "_THREADS", 8)
    for tail_s in (20, Fraction(-4, 25)):
        monkeypatch.setattr(file, "_TAIL_S", tail_s)
        video = open_video(broken)
        sources = [round(f.time_s * 25) for f in video]
        assert sorted(set(sources)) == [i for i in range(150) if i != 145]


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_garbage_in_the_middle_stays_a_gap_in_time(sound: dict[str, Path], suffix: str) -> None:
    data = bytearray(sound[suffix].read_bytes())
    middle = len(data) // 2
    data[middle : middle + 1500] = np.random.default_rng(2).bytes(1500)
    path = sound[suffix].with_name("garbage." + suffix)
    path.write_bytes(data)
    video = open_video(path)
    assert video.fps == 25
    frames = list(video)
    report = video.report
    lost = report.n_grid - report.n_decoded
    assert report.n_grid == 150
    assert 0 < lost < 40
    assert int(report.in_gap.sum()) == lost
    assert any("gap" in note for note in report.notes)
    if suffix == "mp4":
        # MP4's index still knows every packet; the other demuxers never saw some of them.
        assert report.decode_failures >= lost
    # The first second, and the last two after fresh key frames, are untouched and in place.
    for k in (*range(25), *range(100, 150)):
        assert number_in(frames[k].image) == k
        assert frames[k].time_s == pytest.approx(k / 25, abs=1e-9)


def test_lost_packet_is_counted_once(tmp_path: Path) -> None:
    options = {"g": "10", "bf": "0"}
    path = write_numbered(tmp_path / "a.mp4", 40, options=options)
    broken = remux(path, tmp_path / "b.mp4", lambda i, d: b"\0" * len(d) if i == 25 else d)
    video = open_video(broken)
    shown = [number_in(f.image) for f in video]
    report = video.report
    assert report.n_decoded + report.decode_failures == 40
    assert report.decode_failures >= 1
    assert "could not be decoded" in report.notes[0]
    assert shown[:25] == list(range(25))
    assert shown[30:] == list(range(30, 40))
    assert report.in_gap[25]


def test_damaged_frame_is_shown_and_counted(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "a.mkv", 20, codec="mpeg4", size=(256, 192))
    broken = remux(path, tmp_path / "b.mkv", lambda i, d: d[: len(d) // 2] if i == 7 else d)
    video = open_video(broken)
    assert [f.source for f in video] == list(range(20))
    assert video.report.decode_failures == 1
    assert video.report.notes == ("1 frames were decoded with damage",)


def test_frames_that_an_edit_list_hides(tmp_path: Path) -> None:
    # Frames before time 0 are in the file and in its header's count, but not to be shown.
    stamps = list(range(-3, 17))
    path = write_numbered(
        tmp_path / "a.mp4", 20, stamps=stamps, time_base=Fraction(1, 25), options={"bf": "0"}
    )
    video = open_video(path)
    assert [number_in(f.image) for f in video] == list(range(3, 20))
    report = video.report
    assert (report.n_decoded, report.decode_failures, video.n_expected) == (17, 0, 17)
    assert report.source_times_s.tolist() == [i / 25 for i in range(17)]
    assert report.notes == ("the header says 20 frames, 17 were decoded",)


def test_last_packets_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_numbered(tmp_path / "a.mp4", 60, options={"bf": "0"})
    for broken in (59, 57):
        file = remux(
            path, tmp_path / f"{broken}.mp4", lambda i, d, at=broken: b"\xff" * 20 if i == at else d
        )
        for threads in (1, 8):
            monkeypatch.setattr(packets, "_THREADS", threads)
            video = open_video(file)
            shown = [number_in(f.image) for f in video]
            assert shown[:broken] == list(range(broken))
            assert video.report.n_decoded == 59
            assert video.report.decode_failures == 1


def test_header_that_lies_about_the_count(tmp_path: Path) -> None:
    # An AVI whose stream header claims 4000 frames.
    path = write_numbered(tmp_path / "a.avi", 20, codec="mjpeg", pix_fmt="yuvj420p")
    data = bytearray(path.read_bytes())
    at = data.index(b"strh") + 8 + 32
    assert int.from_bytes(data[at : at + 4], "little") == 20
    data[at : at + 4] = (4000).to_bytes(4, "little")
    path.write_bytes(data)
    video = open_video(path)
    assert len(list(video)) == video.report.n_decoded == video.n_expected == 20
    assert video.report.notes[0] == "the header says 4000 frames, 20 were decoded"
    assert video.report.notes[1] == "the header says 160.0 s, the frames end at 0.8 s"


def test_clock_that_starts_again(tmp_path: Path) -> None:
    # Two transport streams end to end: the second's clock goes back.
    a = write_numbered(tmp_path / "a.ts", 100, size=(64, 48))
    b = write_numbered(tmp_path / "b.ts", 100, size=(64, 48))
    both = tmp_path / "both.ts"
    both.write_bytes(a.read_bytes() + b.read_bytes())
    video = open_video(both)
    frames = list(video)
    assert (video.fps, video.n_expected) == (25, 200)
    assert (np.diff([f.time_s for f in frames]) > 0).all()
    assert [number_in(f.image) for f in frames] == [*range(100), *range(100)]
    np.testing.assert_allclose([f.time_s for f in frames], np.arange(200) / 25, atol=1e-6)
    assert any("timestamps jump" in note for note in video.report.notes)


def test_a_leap_of_hours_is_not_filled_with_frames(tmp_path: Path) -> None:
    # After the leap, four frames of pause stay four frames of pause.
    stamps = [*range(30), *range(10**6, 10**6 + 10), *range(10**6 + 14, 10**6 + 34)]
    path = write_numbered(tmp_path / "a.mkv", 60, stamps=stamps, time_base=Fraction(1, 25))
    video = open_video(path)
    frames = list(video)
    assert len(frames) == video.n_expected == 64
    assert [f.source for f in frames] == [*range(40), 39, 39, 40, 40, *range(40, 60)]
    assert any("timestamps jump" in note for note in video.report.notes)


def test_cut_start(sound: dict[str, Path], tmp_path: Path) -> None:
    data = sound["ts"].read_bytes()
    path = tmp_path / "late.ts"
    # Whole transport packets, from the middle of a group of pictures.
    path.write_bytes(data[188 * (len(data) // 188 // 3) :])
    video = open_video(path)
    frames = list(video)
    first = number_in(frames[0].image)
    assert first % 25 == 0
    assert frames[0].time_s == 0.0
    assert [number_in(f.image) for f in frames] == list(range(first, 150))


def test_nothing_is_printed(sound: dict[str, Path]) -> None:
    path = cut(sound["mp4"], 0.5)
    code = (
        "import sys\nfrom mespot.video import open_video\n"
        "print(sum(1 for _ in open_video(sys.argv[1])))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert int(done.stdout) > 40
    assert done.stderr == ""


def test_plain_loop_agrees_on_sound_files(sound: dict[str, Path]) -> None:
    for path in sound.values():
        video = open_video(path)
        assert [f.time_s for f in video] == [float(t) for t in plain_times(path)]
    assert av.logging.get_level() is None
