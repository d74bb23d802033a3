"""Packets and frames out of an open container, going on after damage, and counted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
from av.error import FFmpegError

from mespot.errors import UnreadableInput

_MAX_READ_ERRORS = 100

# Decoder threads. None: one where a frame has no more pixels than this, since decoding takes less
# time than what is done with it afterwards; else as many as the machine has.
_THREADS: int | None = None
_LITTLE_WORK = {"h264": 500_000}


class Count:
    """Packets sent that should give a frame, their newest timestamp, and read errors."""

    def __init__(self) -> None:
        self.sent = 0
        self.newest: int | None = None
        self.read_errors = 0


@contextmanager
def opened(path: Path, threads: int | None = None) -> Iterator[tuple[Any, Any]]:
    """Container and best video stream; FFmpeg's errors as one-line UnreadableInput."""
    try:
        # The absolute path cannot be mistaken for a URL, and a playlist cannot reach the network.
        container = av.open(str(path.absolute()), options={"protocol_whitelist": "file"})
    except FFmpegError as error:
        raise UnreadableInput(f"{path}: cannot be opened ({_reason(error)})") from error
    with container:
        stream: Any = container.streams.best("video")
        if stream is None or stream.disposition.value & av.stream.Disposition.attached_pic:
            raise UnreadableInput(f"{path}: holds no video, only {_kinds(container)}")
        if stream.codec_context is None:
            raise UnreadableInput(f"{path}: its video codec is not known to this decoder")
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = _threads(stream) if threads is None else threads
        yield container, stream


def _threads(stream: Any) -> int:
    if _THREADS is not None:
        return _THREADS
    is_little = stream.width * stream.height <= _LITTLE_WORK.get(stream.codec_context.name, 0)
    return 1 if is_little else 0


def _reason(error: FFmpegError) -> str:
    if isinstance(error, av.error.InvalidDataError | av.error.EOFError):
        return "it is not a video, or it was cut off before its index was written"
    return (error.strerror or type(error).__name__).lower()


def _kinds(container: Any) -> str:
    kinds = sorted({s.type for s in container.streams if s.type != "video"})
    return ", ".join(kinds) or "a still picture"


def packets(container: Any, stream: Any, count: Count) -> Iterator[av.Packet]:
    """All packets with data, going on after read errors."""
    while True:
        try:
            for packet in container.demux(stream):
                if packet.size:
                    yield packet
            return
        except FFmpegError:
            count.read_errors += 1
            if count.read_errors >= _MAX_READ_ERRORS:
                return


def is_shown(packet: av.Packet, codec: str) -> bool:
    """Whether a frame should come of a packet: edit lists and VP8 have some that are not shown."""
    if codec == "vp8" and not memoryview(packet)[0] & 0x10:  # RFC 6386, 9.1: show_frame
        return False
    return not packet.is_discard


def decoded_frames(container: Any, stream: Any, count: Count) -> Iterator[av.VideoFrame]:
    """Decoded frames, going on after failures."""
    codec = stream.codec_context.name
    for packet in packets(container, stream, count):
        if is_shown(packet, codec):
            count.sent += 1
            if packet.pts is not None:
                count.newest = max(packet.pts, packet.pts if count.newest is None else count.newest)
        try:
            decoded = packet.decode()
        except FFmpegError:
            continue
        yield from decoded
    try:
        decoded = stream.codec_context.decode(None)
    except FFmpegError:
        return
    yield from decoded
