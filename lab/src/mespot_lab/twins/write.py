"""A twin on disk: the real data set's folders and sheet, and beside them what the twin is.

``twin.json`` holds all settings, ``README.txt`` says what this is, ``truth/`` lists everything that
moves (also what the sheet is silent about), ``contact.png`` and ``preview.mp4`` are for looking.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mespot.datasets.twin_marker import TWIN_FILE
from mespot.errors import UnreadableInput, UsageError
from mespot.exports.csv import write_events, write_recordings
from mespot.files import atomic_path, write_text
from mespot.sheet import RecordingRow
from mespot.synthetic.portraits import Portrait
from mespot.types import Expression
from mespot_lab.sheets import PlannedRecording
from mespot_lab.twins.pool import run_tasks
from mespot_lab.twins.preview import contact, preview
from mespot_lab.twins.request import TwinRequest, Work, make_work, marker
from mespot_lab.twins.task import TwinTask

CONTACT, PREVIEW, TRUTH, README = "contact.png", "preview.mp4", "truth", "README.txt"


def truth_of(work: Work) -> tuple[PlannedRecording, ...]:
    """What a reader of the twin's sheet must find. Writes nothing that stays."""
    with tempfile.TemporaryDirectory() as folder:
        return work.plan.module.write_sheet(Path(folder), work.plan.recordings)


def write_twin(
    request: TwinRequest,
    portraits: Sequence[Portrait],
    out: Path,
    workers: int = 1,
    on_frames: Callable[[int, int], None] = lambda done, total: None,
    on_done: Callable[[str, bool], None] = lambda name, made: None,
) -> tuple[Work, tuple[PlannedRecording, ...]]:
    """Make a twin in the folder ``out``, or what is missing of it; returns its plan and truth.

    ``on_frames`` is called with the frames that are there and those planned, ``on_done`` with every
    recording and whether it was made now.

    Raises
    ------
    UsageError
        If the folder holds anything else, or a twin made with other settings.
    MespotError
        If something cannot be written.
    """
    work = make_work(request, portraits)
    truth = _claim(work, portraits, out)
    finished = [task.finished(out) for task in work.tasks]
    kept = 0
    for task, there in zip(work.tasks, finished):
        if there:
            kept += task.take.recording.n_frames
            on_done(task.take.recording.name, False)
    total = work.plan.n_frames
    left = [task for task, there in zip(work.tasks, finished) if not there]
    on_frames(kept, total)
    run_tasks(
        left, out, portraits, workers,
        (lambda n: on_frames(kept + n, total), lambda j: on_done(j.take.recording.name, True)),
    )  # fmt: skip
    if left or not (out / TRUTH / "events.csv").is_file():
        _write_truth(work, out)
    if left or not (out / CONTACT).is_file():
        contact(work, out, out / CONTACT)
    if left or not (out / PREVIEW).is_file():
        preview(work, out, out / PREVIEW)
    return work, truth


def _claim(work: Work, portraits: Sequence[Portrait], out: Path) -> tuple[PlannedRecording, ...]:
    """Write the sheet and ``twin.json``, or check that the folder was begun with this request."""
    path = out / TWIN_FILE
    if out.is_dir() and not path.is_file() and any(p.name[0] != "." for p in out.iterdir()):
        raise UsageError(f"{out}: is not empty and holds no twin; choose another folder")
    with tempfile.TemporaryDirectory() as folder:
        truth = work.plan.module.write_sheet(Path(folder), work.plan.recordings)
        settings = json.loads(json.dumps(marker(work, portraits, truth)))
        if path.is_file():
            _check(path, settings)
        for sheet in (p for p in Path(folder).rglob("*") if p.is_file()):
            to = out / sheet.relative_to(folder)
            # A sheet that is there stays: a new one would have other bytes, if only for its date.
            if not to.is_file():
                with atomic_path(to) as temporary:
                    shutil.copyfile(sheet, temporary)
    write_text(out / README, _readme(settings))
    if not path.is_file():
        write_text(path, json.dumps(settings, indent=1) + "\n")
    return truth


def _check(path: Path, settings: dict[str, Any]) -> None:
    try:
        begun = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UnreadableInput(f"{path}: cannot be read ({error})") from error
    for key, value in settings.items():
        if not isinstance(begun, dict) or begun.get(key) != value:
            raise UsageError(
                f"{path.parent}: holds a twin with another {key}; choose another folder or delete "
                "this one"
            )


def _readme(settings: dict[str, Any]) -> str:
    counts = ", ".join(f"{n} {name}" for name, n in settings["counts"].items())
    return f"""SYNTHETIC. This is a twin of {settings["twin_of"]}, not {settings["twin_of"]}.

Portraits were animated by mespot {settings["version"]} (mespot synth --like
{settings["twin_of"]}, scale {settings["scale"]:g}, seed {settings["seed"]}, difficulty
{settings["difficulty"]}). Folders and annotation sheet have the format of the real data set, so
that the same loader reads both. Nothing here was taken from it: no frame, no row of its sheet.

The sheet holds {counts}.
Its odd rows are meant: the real sheet has such rows.

truth/         everything that moves, also what the sheet leaves out, without odd rows
twin.json      all settings, and which portraits each subject stems from
contact.png    faces, and some expressions at onset, apex and offset
preview.mp4    some seconds of it

Whatever is measured on this must be called a result on the twin.
"""


def _write_truth(work: Work, out: Path) -> None:
    """``truth/events.csv`` and ``truth/recordings.csv``: what happens, by the scripts."""
    rows, events = [], {}
    for task in work.tasks:
        row, events[row.id] = _truth_of(work.request, task)
        rows.append(row)
    write_recordings(out / TRUTH / "recordings.csv", rows)
    write_events(out / TRUTH / "events.csv", events, rows)


def _truth_of(request: TwinRequest, task: TwinTask) -> tuple[RecordingRow, tuple[Expression, ...]]:
    """A recording and its expressions; its path is taken from the table, so that it holds when the
    twin is moved. ``crf`` stands there if its frames went through a video.
    """
    script, planned = task.script(), task.take.recording
    extra = {"crf": str(task.crf)} if any(request.config.crf) else {}
    row = RecordingRow(
        planned.name, planned.subject, f"../{task.folder.as_posix()}", script.fps,
        planned.n_frames, f"{request.name} twin", extra,
    )  # fmt: skip
    return row, script.expressions
