"""For looking at a twin: a sheet of its faces and expressions, and some seconds of video."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mespot.errors import UnreadableInput
from mespot.files import atomic_path
from mespot.synthetic.sheet import TILE, event_row, labelled
from mespot.synthetic.write import encode
from mespot.types import Expression
from mespot_lab.twins.request import Work
from mespot_lab.twins.task import TwinTask

Picture = NDArray[np.uint8]

FACES, EVENTS = 24, 8
_ACROSS, _DOWN, _SECONDS, _FPS = 3, 2, 8.0, 25.0
_TILE_WIDTH = 320


def contact(work: Work, root: Path, path: Path) -> None:
    """Write a PNG: one face per subject, then rows of onset, apex, offset and what changed."""
    chosen = _with_events(work, EVENTS)
    rows = []
    for task, event in chosen:
        apex = (event.onset + event.offset) // 2 if event.apex is None else event.apex
        frames = (event.onset, apex, event.offset)
        rows.append(event_row(event, frames, [_square(_frame(task, root, f)) for f in frames]))
    width = 4 * TILE
    faces = _faces(work, root, width)
    with atomic_path(path) as temporary:
        cv2.imwrite(str(temporary), np.vstack([faces, *rows]))


def preview(work: Work, root: Path, path: Path) -> None:
    """Write an MP4 of some seconds: recordings of different subjects around their expressions."""
    # Written in real time, at every n-th frame where the camera was fast.
    fps = float(work.plan.numbers.shape.fps)
    step = max(1, round(fps / _FPS))
    encode(path, _mosaic(work, root, step), Fraction(work.plan.numbers.shape.fps, step), 22)


def _mosaic(work: Work, root: Path, step: int) -> Iterator[Picture]:
    tasks = [*_with_events(work, _ACROSS * _DOWN)]
    fps = float(work.plan.numbers.shape.fps)
    for k in range(int(_SECONDS * fps / step)):
        tiles = []
        for task, event in tasks:
            last = task.take.recording.n_frames - 1
            first = max(0, min(event.onset - round(1.5 * fps), last - round(_SECONDS * fps)))
            at = min(first + k * step, last)
            words = f"twin of {work.request.name}  {task.take.recording.name}"
            on = next(
                (e for e in task.take.recording.expressions if e.onset <= at <= e.offset), None
            )
            tiles.append(_captioned(_frame(task, root, at), words, on))
        tiles += [np.zeros_like(tiles[0])] * (_ACROSS * _DOWN - len(tiles))
        rows = [np.hstack(tiles[i : i + _ACROSS]) for i in range(0, len(tiles), _ACROSS)]
        yield np.asarray(cv2.cvtColor(np.vstack(rows), cv2.COLOR_BGR2YUV_I420), dtype=np.uint8)


def _captioned(frame: Picture, words: str, event: Expression | None) -> Picture:
    # Even numbers of rows and columns: the video has half as many of colour.
    size = (_TILE_WIDTH, 2 * round(_TILE_WIDTH * frame.shape[0] / frame.shape[1] / 2))
    small = np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    if event is None:
        return labelled(small, words)
    units = event.attributes.get("action_units", "")
    small = labelled(small, f"{words}  {event.kind} {units}")
    small[:, :3] = small[:, -3:] = small[:2] = small[-2:] = (60, 200, 60)
    return small


def _with_events(work: Work, n: int) -> list[tuple[TwinTask, Expression]]:
    """Up to ``n`` recordings, each with a labelled expression: kinds take turns, then subjects.

    Where nothing is labelled, the first recording's middle stands in.
    """
    kinds = list(work.plan.numbers.shape.events)
    left = [task for task in work.tasks if task.take.recording.expressions]
    found: list[tuple[TwinTask, Expression]] = []
    while left and len(found) < n:
        wanted, seen = kinds[len(found) % len(kinds)], {task.take.subject for task, _ in found}
        task = min(left, key=lambda j: (not _of(j, wanted), j.take.subject in seen))
        left.remove(task)
        found.append((task, (_of(task, wanted) or task.take.recording.expressions)[0]))
    if not found:
        task = work.tasks[0]
        n_frames = task.take.recording.n_frames
        found.append((task, Expression(n_frames // 3, None, 2 * n_frames // 3, "other")))
    return found


def _of(task: TwinTask, kind: str) -> list[Expression]:
    return [e for e in task.take.recording.expressions if e.kind == kind]


def _faces(work: Work, root: Path, width: int) -> Picture:
    """The first frame of every subject's first recording, up to 24 of them."""
    firsts: dict[int, TwinTask] = {}
    for task in work.tasks:
        firsts.setdefault(task.take.subject, task)
    shown = list(firsts.values())[:FACES]
    side = width // 8
    tiles = [
        labelled(
            np.asarray(cv2.resize(_square(_frame(task, root, 0)), (side, side)), np.uint8),
            f"twin {task.take.recording.subject}",
        )
        for task in shown
    ]
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % 8)
    return np.vstack([np.hstack(tiles[i : i + 8]) for i in range(0, len(tiles), 8)])


def _frame(task: TwinTask, root: Path, i: int) -> Picture:
    path = root / task.path(i)
    try:
        picture = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    except (OSError, cv2.error) as error:
        raise UnreadableInput(f"{path}: cannot be read ({error})") from error
    if picture is None:
        raise UnreadableInput(f"{path}: is no image")
    return np.asarray(picture, dtype=np.uint8)


def _square(frame: Picture) -> Picture:
    """The middle of a frame as a tile of a contact sheet."""
    height, width = frame.shape[:2]
    left = max(0, (width - height) // 2)
    return np.asarray(cv2.resize(frame[:, left : left + height], (TILE, TILE)), dtype=np.uint8)
