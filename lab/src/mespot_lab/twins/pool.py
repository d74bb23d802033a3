"""Tasks in several processes: frames are counted as they come; a stop leaves nothing behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2

from mespot.errors import MespotError
from mespot.interrupts import block_interrupts
from mespot.synthetic.portraits import Portrait
from mespot_lab.twins.identities import portrait_of
from mespot_lab.twins.task import Stopped, TwinTask

# One thread per process: several would only wait for each other.
_SINGLE = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
_POLL_S = 0.3
_WATCH_S = 1.0

Frames = Callable[[int], None]
Done = Callable[[TwinTask], None]

_worker: dict[str, Any] = {}


def run_tasks(
    tasks: Sequence[TwinTask], root: Path, portraits: Sequence[Portrait], workers: int,
    told: tuple[Frames, Done],
) -> None:  # fmt: skip
    """Make all recordings. ``told`` are called with the number of frames made since the start of
    this call, and with every finished task.

    Raises MespotError if a recording cannot be written or a process died. After an interruption or
    an error, recordings that were not finished leave nothing behind.
    """
    frames, done = told
    if workers <= 1 or len(tasks) <= 1:
        made, faces = 0, _Faces(portraits)

        def tick() -> bool:
            nonlocal made
            made += 1
            frames(made)
            return True

        for task in tasks:
            task.make(root, faces.of(task), tick)
            done(task)
        return
    _in_processes(tasks, (root, portraits), min(workers, len(tasks)), told)


def _in_processes(
    tasks: Sequence[TwinTask], shared: tuple[Path, Sequence[Portrait]], workers: int,
    told: tuple[Frames, Done],
) -> None:  # fmt: skip
    # Spawn, not fork: the threads of libraries do not survive a fork.
    context = multiprocessing.get_context("spawn")
    counter, stop = context.Value("q", 0), context.Event()
    with (
        _single_threaded(),
        ProcessPoolExecutor(workers, context, _start, (*shared, counter, stop)) as pool,
    ):
        # The longest first, so that none is left to one process at the end.
        order = sorted(tasks, key=lambda task: -task.take.recording.n_frames)
        left: dict[Future[None], TwinTask] = {}
        # From here on: an interruption while processes start must stop them as well.
        try:
            with block_interrupts():
                left.update({pool.submit(_make, task): task for task in order})
            while left:
                finished, _ = wait(left, _POLL_S, FIRST_COMPLETED)
                told[0](int(counter.value))
                for future in finished:
                    task = left.pop(future)
                    future.result()
                    told[1](task)
        except BrokenProcessPool as error:
            raise MespotError(
                "a process that drew frames has died, perhaps for want of memory; run again to go "
                "on, with fewer --workers"
            ) from error
        finally:
            stop.set()
            for future in left:
                future.cancel()


@contextmanager
def _single_threaded() -> Iterator[None]:
    """Processes started meanwhile use one thread each."""
    before = {name: os.environ.get(name) for name in _SINGLE}
    os.environ.update(dict.fromkeys(_SINGLE, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _start(root: Path, portraits: Sequence[Portrait], counter: Any, stop: Any) -> None:
    """In every process: Ctrl-C is the parent's affair, which sets the event."""
    # Where it could not be kept from them before.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    parent = os.getppid()
    _worker.update(root=root, faces=_Faces(portraits), counter=counter, stop=stop, parent=parent)
    threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()


def _leave_with(parent: int) -> None:
    """End this process when its parent is gone and it has nothing in hand: nobody else would."""
    while os.getppid() == parent or _worker.get("busy"):
        time.sleep(_WATCH_S)
    os._exit(1)


def _make(task: TwinTask) -> None:
    counter, stop, parent = _worker["counter"], _worker["stop"], _worker["parent"]

    def tick() -> bool:
        with counter.get_lock():
            counter.value += 1
        return not stop.is_set() and os.getppid() == parent

    if stop.is_set():
        return
    _worker["busy"] = True
    try:
        task.make(_worker["root"], _worker["faces"].of(task), tick)
    except Stopped:
        # Whoever asked for that knows, or is gone.
        pass
    finally:
        _worker["busy"] = False


class _Faces:
    """The portraits of subjects, each blended once as long as its recordings follow each other."""

    def __init__(self, portraits: Sequence[Portrait]) -> None:
        self.portraits = portraits
        self.last: tuple[str, Portrait] | None = None

    def of(self, task: TwinTask) -> Portrait:
        """The face of a recording."""
        subject = task.take.recording.subject
        if self.last is None or self.last[0] != subject:
            self.last = (subject, portrait_of(task.identity, self.portraits, subject))
        return self.last[1]
