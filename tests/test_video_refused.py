"""Files that are no video that can be read: one line that says what is wrong, and no more."""

from __future__ import annotations

import os
import socket
import time
import wave
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from mespot.errors import UnreadableInput, UsageError
from mespot.video import file, open_video, source_frames
from videomaker import remux, write_numbered

ENCRYPT = {
    "encryption_scheme": "cenc-aes-ctr",
    "encryption_key": "00112233445566778899aabbccddeeff",
    "encryption_kid": "0123456789abcdef0123456789abcdef",
}


def refused(path: Path) -> str:
    """The one line with which a file is refused."""
    with pytest.raises(UnreadableInput) as caught:
        open_video(path)
    text = str(caught.value)
    assert str(path) in text
    assert "\n" not in text
    with pytest.raises(UnreadableInput):
        source_frames(path, [0])
    return text


def test_missing_empty_and_no_video(tmp_path: Path) -> None:
    assert "no such file" in refused(tmp_path / "gone.mp4")
    empty = tmp_path / "empty.mp4"
    empty.touch()
    assert "empty (0 bytes)" in refused(empty)
    text = tmp_path / "text.mp4"
    text.write_text("not a video\n" * 100)
    assert "not a video" in refused(text)
    garbage = tmp_path / "garbage.mkv"
    garbage.write_bytes(np.random.default_rng(0).bytes(4000))
    assert "not a video" in refused(garbage)
    picture_file = tmp_path / "a.png"
    picture_file.write_bytes(b"\x89PNG")
    assert "single image" in refused(picture_file)
    with wave.open(str(tmp_path / "a.wav"), "wb") as sound_file:
        sound_file.setparams((1, 2, 8000, 0, "NONE", ""))
        sound_file.writeframes(bytes(16000))
    assert "no video, only audio" in refused(tmp_path / "a.wav")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    assert "not a regular file" in refused(tmp_path / "pipe.mp4")


def test_encrypted(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "a.mp4", 10, container=ENCRYPT)
    assert "encrypted" in refused(path)


def test_codec_that_nobody_knows(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "a.avi", 10, codec="mpeg4")
    path.write_bytes(path.read_bytes().replace(b"FMP4", b"ZQ9X").replace(b"fmp4", b"ZQ9X"))
    assert "codec" in refused(path)


def test_not_one_frame_decodes(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "a.mp4", 10)
    broken = remux(path, tmp_path / "b.mp4", lambda i, d: b"\xff" * len(d))
    assert "not a single frame" in refused(broken)


def test_playlist_cannot_reach_out(tmp_path: Path) -> None:
    path = tmp_path / "a.m3u8"
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/x.ts"
        path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{url}\n#EXT-X-ENDLIST\n")
        refused(path)
        with pytest.raises(TimeoutError):
            server.accept()


def test_session_description_does_not_listen(tmp_path: Path) -> None:
    path = tmp_path / "a.sdp"
    lines = "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
    path.write_text(lines + "m=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n")
    begin = time.monotonic()
    refused(path)
    assert time.monotonic() - begin < 5


def test_names_that_look_like_urls_are_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_numbered(tmp_path / "made.mp4", 3).rename(tmp_path / "http:été 1%.mp4")
    assert len(list(open_video("http:été 1%.mp4"))) == 3


def test_unknown_rate_asks_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_numbered(tmp_path / "a.h264", 5, container_format="h264")
    scan = file._Scan.__init__

    def without_hints(self: object, container: object, stream: object) -> None:
        scan(self, container, stream)  # type: ignore[arg-type]
        self.hints = []  # type: ignore[attr-defined]

    monkeypatch.setattr(file._Scan, "__init__", without_hints)
    with pytest.raises(UsageError, match="--fps"):
        open_video(path)
    assert len(list(open_video(path, fps=Fraction(25)))) == 5


def test_index_at_the_end_and_cut_off(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "a.mp4", 50)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 7 // 10])
    assert "cut off before its index" in refused(path)
