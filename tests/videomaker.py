"""Makes odd little videos whose frames say in their pixels which frame they are.

A frame's number stands in it as 4 x 4 grey patches, one per bit, so that it survives lossy codecs,
rescaling and turning back upright.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

DARK, BRIGHT = 60, 200


def picture(number: int, width: int = 64, height: int = 48) -> NDArray[np.uint8]:
    """(height, width) uint8 with the number's lowest 16 bits as patches, bit 0 top left."""
    bits = np.array([BRIGHT if number >> bit & 1 else DARK for bit in range(16)], np.uint8)
    rows = np.arange(height) * 4 // height
    columns = np.arange(width) * 4 // width
    return bits.reshape(4, 4)[np.ix_(rows, columns)]


def number_in(image: NDArray[np.uint8]) -> int:
    """The number that ``picture`` drew; AssertionError if a patch is neither dark nor bright."""
    height, width = image.shape[:2]
    number = 0
    for bit in range(16):
        row, column = divmod(bit, 4)
        y, x = (2 * row + 1) * height // 8, (2 * column + 1) * width // 8
        value = float(image[y - 1 : y + 2, x - 1 : x + 2].mean())
        assert min(abs(value - DARK), abs(value - BRIGHT)) < 40, f"patch {bit} is {value:.0f}"
        number |= int(value > (DARK + BRIGHT) / 2) << bit
    return number


def write_video(  # noqa: PLR0913
    path: Path,
    images: Iterable[NDArray[np.uint8]],
    fps: Fraction | int = 25,
    *,
    stamps: Sequence[int] | None = None,
    time_base: Fraction | None = None,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    container: dict[str, str] | None = None,
    container_format: str | None = None,
    rotation: tuple[float, bool] | None = None,
    colour_range: int | None = None,
) -> Path:
    """Write grey (H, W) or colour (H, W, 3, RGB) images as a video.

    ``stamps`` are presentation times in ``time_base`` (default: frame number in 1 / fps);
    ``rotation`` is the display matrix: degrees counter-clockwise and horizontal mirror.
    """
    time_base = time_base or 1 / Fraction(fps)
    quiet = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    with av.open(str(path), "w", format=container_format, options=container or {}) as out:
        stream: Any = None
        for i, image in enumerate(images):
            if stream is None:
                stream = out.add_stream(codec, rate=Fraction(fps), options=quiet | (options or {}))
                stream.height, stream.width = image.shape[:2]
                stream.pix_fmt = pix_fmt
                stream.codec_context.time_base = time_base
                if colour_range is not None:
                    stream.codec_context.color_range = colour_range
                if rotation is not None:
                    stream.set_display_rotation(rotation[0], hflip=rotation[1])
            frame = as_frame(image, pix_fmt, colour_range)
            frame.pts = i if stamps is None else stamps[i]
            frame.time_base = time_base
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def as_frame(
    image: NDArray[np.uint8], pix_fmt: str, colour_range: int | None = None
) -> av.VideoFrame:
    """An encodable frame. Grey 0..255 becomes luma 16..235 unless the range is full."""
    source = "gray" if image.ndim == 2 else "rgb24"
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), source)
    if pix_fmt != source:
        frame = frame.reformat(format=pix_fmt, src_color_range=2, dst_color_range=colour_range or 1)
    if colour_range is not None:
        frame.color_range = colour_range
    return frame


def write_numbered(path: Path, n: int, fps: Fraction | int = 25, **how: Any) -> Path:
    """``write_video`` of the pictures 0..n-1."""
    size = how.pop("size", (64, 48))
    return write_video(path, (picture(i, *size) for i in range(n)), fps, **how)


def remux(source: Path, target: Path, change: Any) -> Path:
    """Copy a video's packets; ``change(i, bytes) -> bytes | None`` may alter or drop each."""
    with av.open(str(source)) as read, av.open(str(target), "w") as out:
        old = read.streams.video[0]
        new = out.add_stream_from_template(old)
        for i, packet in enumerate(p for p in read.demux(old) if p.size):
            data = change(i, bytes(packet))
            if data is None:
                continue
            copy = av.Packet(data)
            copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, packet.time_base
            copy.is_keyframe = packet.is_keyframe
            copy.stream = new
            out.mux(copy)
    return target


def plain_times(path: Path) -> list[Fraction]:
    """Times of all frames by the simplest loop there is, seconds from the first."""
    with av.open(str(path)) as read:
        stamps = [f.pts * f.time_base for f in read.decode(video=0)]
    return [s - stamps[0] for s in stamps]
