"""Contact sheets: onset, apex, offset of each event side by side, and what moved, amplified."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from mespot.errors import UnreadableInput
from mespot.files import atomic_path
from mespot.types import Expression

AMPLIFY = 8
TILE = 240
Picture = NDArray[np.uint8]


def contact_sheet(
    video: Path,
    events: Sequence[Expression],
    path: Path,
    box: tuple[int, int, int, int] | None = None,
) -> None:
    """Write a PNG with one row per event: onset, apex, offset, and 8 times apex minus onset.

    Grey in the last column means no change. ``box`` (left, top, right, bottom) in frame pixels cuts
    out the face. An event without an apex shows its middle frame.

    Raises UnreadableInput if the video cannot be read or ends before an event.
    """
    rows = []
    wanted = [(e.onset, (e.onset + e.offset) // 2 if e.apex is None else e.apex, e.offset)
              for e in events]  # fmt: skip
    frames = _frames(Path(video), {frame for row in wanted for frame in row})
    for event, row in zip(events, wanted):
        rows.append(event_row(event, row, [_cut(frames[frame], box) for frame in row]))
    if not rows:
        raise ValueError("a contact sheet needs at least one event")
    with atomic_path(path) as temporary:
        cv2.imwrite(str(temporary), np.vstack(rows))


def event_row(
    event: Expression, frames: tuple[int, int, int], pictures: Sequence[Picture]
) -> Picture:
    """Pictures of onset, apex and offset side by side, named, and what the apex changed."""
    tiles = list(pictures)
    change = AMPLIFY * (tiles[1].astype(np.int16) - tiles[0].astype(np.int16)) + 128
    tiles.append(np.clip(change, 0, 255).astype(np.uint8))
    text = event.attributes.get("action_units", "")
    size = event.attributes.get("amplitude_px", "")
    label = f"{event.kind} {text}" + (f" {size}px" if size else "")
    names = (
        f"{label} {frames[0]}", f"apex {frames[1]}", f"offset {frames[2]}", f"x{AMPLIFY}"
    )  # fmt: skip
    return np.hstack([labelled(tile, name) for tile, name in zip(tiles, names)])


def _frames(video: Path, wanted: set[int]) -> dict[int, Picture]:
    found: dict[int, Picture] = {}
    try:
        with av.open(str(video)) as container:
            for i, frame in enumerate(container.decode(video=0)):
                if i in wanted:
                    found[i] = np.asarray(frame.to_ndarray(format="bgr24"), dtype=np.uint8)
                if len(found) == len(wanted):
                    break
    except (OSError, av.error.FFmpegError) as error:
        raise UnreadableInput(f"{video}: cannot be read ({error})") from error
    missing = wanted - set(found)
    if missing:
        raise UnreadableInput(f"{video}: ends before frame {min(missing)}")
    return found


def _cut(frame: Picture, box: tuple[int, int, int, int] | None) -> Picture:
    if box is not None:
        left, top, right, bottom = box
        frame = frame[max(top, 0) : bottom, max(left, 0) : right]
    scale = TILE / frame.shape[0]
    return np.asarray(cv2.resize(frame, None, fx=scale, fy=scale), dtype=np.uint8)


def labelled(tile: Picture, text: str) -> Picture:
    """The picture with white words in its upper left corner."""
    tile = np.ascontiguousarray(tile)
    for colour, width in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(tile, text, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.4, colour, width, cv2.LINE_AA)
    return tile
