"""A video file through PyAV: which stream, its timestamps without decoding, and its frames.

Decoding goes on after damage; lost frames are counted. The number of decoder threads
does not change what comes of a sound file, nor where a truncated one ends.
"""

from __future__ import annotations

from array import array
from collections.abc import Container, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from mespot.errors import UnreadableInput, UsageError
from mespot.video.grid import MAX_GAP_S, MIN_FPS, Decoded, Grid, Tally, find_grid
from mespot.video.packets import Count, decoded_frames, is_shown, opened, packets
from mespot.video.pixels import Luma, Turn, bgr, grey, turn_of

# A timestamp that goes back by more than this starts a new clock; by less, it stands still.
_MAX_BACKSTEP_S = 1

# How far before the end the second decoding of a damaged end starts.
_TAIL_S = 20


class VideoFile:
    """One video file; opening it reads all packets (no decoding) and decodes the first frame.

    Raises
    ------
    UnreadableInput
        If it is missing, empty, no video, encrypted, or yields not a single frame.
    UsageError
        If the rate is not given and cannot be found.
    """

    def __init__(self, path: Path, fps: Fraction | None = None) -> None:
        self.path = path
        with opened(path) as (container, stream):
            scan = _Scan(container, stream)
        if scan.is_encrypted:
            raise UnreadableInput(f"{path}: is encrypted; decrypt it first")
        self._clock = scan.clock
        self._header_frames, self._header_s = scan.header_frames, scan.header_s
        self._turn, self.width, self.height = self._first()
        if fps is not None:
            self.grid = Grid(fps, "given", n_expected=scan.n_packets or None)
        else:
            self.grid = self._find_grid(scan)
        # Without a clock (or against it) frames come at the grid's rate, one after the other.
        self._by_count = fps is not None or not self._clock

    def _first(self) -> tuple[Turn, int, int]:
        """How the first frame is turned, and its width and height once it is upright."""
        with opened(self.path, threads=1) as (container, stream):
            frame = next(decoded_frames(container, stream, Count()), None)
            if frame is None:
                raise UnreadableInput(f"{self.path}: not a single frame could be decoded")
            turn = turn_of(frame)
            height, width = grey(frame).shape
        return (turn, height, width) if turn.transpose else (turn, width, height)

    def _find_grid(self, scan: _Scan) -> Grid:
        if self._clock:
            try:
                grid = find_grid(scan.ticks(), scan.time_base, scan.hints)
            except UsageError as error:
                raise UsageError(f"{self.path}: {error}") from error
            return replace(grid, n_expected=(grid.n_expected or 0) + scan.n_joints)
        if not scan.hints:
            raise UsageError(f"{self.path}: has no frame rate; give it with --fps")
        return Grid(scan.hints[0], "header", n_expected=scan.n_packets or None)

    def frames(
        self, tally: Tally, wanted: Container[int] | None = None, colour: bool = False
    ) -> Iterator[Decoded]:
        """All frames in order of presentation; those not in ``wanted`` come without pixels."""
        count = Count()
        clock = _Clock(self.grid.fps, tally)
        n_damaged = place = 0
        time = Fraction(0)
        with opened(self.path) as (container, stream):
            for frame in self._all(container, stream, count):
                if self._by_count:
                    time = place / self.grid.fps
                else:
                    time = clock(getattr(frame, self._clock), frame.time_base or stream.time_base)
                image = None
                if wanted is None or place in wanted:
                    image = self._pixels(frame, colour, tally, place)
                n_damaged += bool(frame.is_corrupt)
                stamp = frame.pts if self._clock == "pts" else None
                del frame
                yield Decoded(image, time, place, stamp)
                place += 1
        self._conclude(tally, count, n_damaged, place, time)

    def _pixels(
        self, frame: av.VideoFrame, colour: bool, tally: Tally, place: int
    ) -> Luma | NDArray[np.uint8]:
        luma = None if colour else grey(frame)
        if luma is not None and self._turn == Turn() and luma.shape == (self.height, self.width):
            return luma
        image = self._turn(bgr(frame) if luma is None else luma.whole)
        if image.shape[:2] != (self.height, self.width):
            text = f"the frame size changes at frame {place}; rescaled to the first size"
            tally.note(text, kind="size")
            image = np.asarray(cv2.resize(image, (self.width, self.height)), np.uint8)
        return image if colour else Luma(image)

    def _conclude(
        self, tally: Tally, count: Count, n_damaged: int, n_decoded: int, last: Fraction
    ) -> None:
        """Count and remark on what was not as it should be, after the last frame."""
        n_lost = max(0, count.sent - n_decoded)
        tally.failures += n_lost + n_damaged + count.read_errors
        if n_lost:
            tally.note(f"{n_lost} frames could not be decoded")
        if n_damaged:
            tally.note(f"{n_damaged} frames were decoded with damage")
        if count.read_errors:
            tally.note(f"{count.read_errors} read errors in the file")
        if self._header_frames and self._header_frames != n_decoded:
            tally.note(f"the header says {self._header_frames} frames, {n_decoded} were decoded")
        end = float(last + 1 / self.grid.fps)
        if not self._by_count and self._header_s - end > max(1.0, 0.02 * end):
            tally.note(f"the header says {self._header_s:.1f} s, the frames end at {end:.1f} s")

    def _all(self, container: Any, stream: Any, count: Count) -> Iterator[av.VideoFrame]:
        """Every frame that can be decoded.

        When frame-parallel decoding fails while it is being flushed, the frames still in flight are
        gone, more of them the more threads there are; a single thread decodes the end once more.
        """
        last: int | None = None
        for frame in decoded_frames(container, stream, count):
            last = frame.pts
            yield frame
        if self._clock == "pts" and last is not None and count.newest not in (None, last):
            yield from self._after(last)

    def _after(self, last: int) -> Iterator[av.VideoFrame]:
        """Frames later than a timestamp, by one thread; from shortly before it if seeking works."""
        for is_from_start in (False, True):
            with opened(self.path, threads=1) as (container, stream):
                if not is_from_start:
                    try:
                        container.seek(last - round(_TAIL_S / stream.time_base), stream=stream)
                    except FFmpegError:
                        continue
                before = is_from_start
                for frame in decoded_frames(container, stream, Count()):
                    if frame.pts is None:
                        continue
                    if frame.pts > last and not before:
                        break  # it sought too far
                    before = True
                    if frame.pts > last:
                        last = frame.pts
                        yield frame
                if before:
                    return


class _Scan:
    """What all packets of a stream show without decoding."""

    def __init__(self, container: Any, stream: Any) -> None:
        codec = stream.codec_context.name
        # AVI stores no presentation times; for these codecs the ones made up for it are in the
        # order of decoding. The decoding times that frames carry out of the decoder are in order.
        reorders = container.format.name == "avi" and codec in ("h264", "hevc")
        stamps = {"pts": array("q"), "dts": array("q")}
        breaks = {"pts": [0], "dts": [0]}
        self.is_encrypted = False
        self.n_packets = 0
        before: int | None = None
        for packet in packets(container, stream, Count()):
            if not self.n_packets and packet.has_sidedata("encryption_info"):
                self.is_encrypted = True
                break
            if not is_shown(packet, codec):
                continue
            self.n_packets += 1
            goes_back = before is not None and packet.dts is not None and packet.dts < before
            before = packet.dts if packet.dts is not None else before
            for name, values in stamps.items():
                if goes_back:
                    breaks[name].append(len(values))
                value = getattr(packet, name)
                if value is not None:
                    values.append(value)
        named = "dts" if reorders or not stamps["pts"] else "pts"
        self.clock = named if stamps[named] else ""
        self._stamps, self._breaks = stamps[named], breaks[named]
        self.n_joints = 0
        self.time_base: Fraction = stream.time_base
        self.header_frames = int(stream.frames or 0)
        duration = stream.duration * stream.time_base if stream.duration else None
        self.header_s = float(duration or Fraction(container.duration or 0, av.time_base))
        rates = (stream.guessed_rate, stream.average_rate, stream.base_rate)
        self.hints = [Fraction(rate) for rate in rates if rate and rate >= MIN_FPS]

    def ticks(self) -> NDArray[np.int64]:
        """(n,) increasing timestamps from 0; clocks that were set anew are joined end to end."""
        values = np.frombuffer(self._stamps, np.int64)
        parts = [np.unique(part) for part in np.split(values, self._breaks[1:])]
        distances = np.concatenate([np.diff(part) for part in parts])
        kept = distances[distances * float(self.time_base) <= MAX_GAP_S]
        self.n_joints = len(parts) - 1 + len(distances) - len(kept)
        return np.concatenate([[0], np.cumsum(kept)]).astype(np.int64)


class _Clock:
    """Timestamps to exact seconds from the first frame, never decreasing."""

    def __init__(self, fps: Fraction, tally: Tally) -> None:
        self._period = 1 / fps
        self._tally = tally
        self._shift: Fraction | None = None
        self._last = Fraction(0)

    def __call__(self, stamp: int | None, time_base: Fraction) -> Fraction:
        if stamp is None:
            if self._shift is not None:
                self._last += self._period
            return self._last
        time = stamp * time_base
        if self._shift is None:
            self._shift = time - self._last
        time -= self._shift
        ahead = time - self._last
        if ahead < -_MAX_BACKSTEP_S or ahead > MAX_GAP_S:
            self._tally.note("timestamps jump; time goes on from the frame before the jump")
            self._shift += ahead - self._period
            time = self._last + self._period
        self._last = max(self._last, time)
        return self._last
