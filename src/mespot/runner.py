"""Where work runs: in this process or in several, with the same results in the same order.

Every worker has a pipe of its own, and this process alone reads results and ends workers. So a
worker that is ended half-way through a large result is a closed pipe, and no thread waits for it.
"""

from __future__ import annotations

import multiprocessing
import os
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from mespot.errors import MespotError
from mespot.interrupts import block_interrupts

Task = TypeVar("Task")
Result = TypeVar("Result")

_PATIENCE_S = 5
_FOR_WORKERS = {
    # Several workers that each start a thread per core only stand in each other's way.
    **dict.fromkeys(
        (
            "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS",
            "OPENCV_FOR_THREADS_NUM",
        ),
        "1",
    ),
    # glibc gives large arrays back to the system at once and asks for them again at the next
    # gradient step, page by page: a tenth of the time of LBP-TOP. Let it keep them.
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(1 << 34),
}  # fmt: skip


@dataclass(frozen=True)
class _Outcome:
    """What a worker sends for a task: its result, or the error that it raised."""

    result: Any = None
    error: BaseException | None = None


@dataclass
class _Worker:
    """A process, this end of its pipe, and the number of its task; -1: it is idle."""

    process: BaseProcess
    pipe: Connection
    number: int = -1


def run_tasks(
    function: Callable[[Any, Task], Result], shared: Any, tasks: Sequence[Task], workers: int = 1
) -> Iterator[Result]:
    """``function(shared, task)`` for every task, in order, in ``workers`` processes.

    ``shared`` goes to every process once. With one worker everything runs in this process, which is
    also what a debugger wants. ``function`` must be importable (no lambda) for more than one, and
    has one thread for matrix products there. Stopping (Ctrl-C, an error, or no longer asking for
    results) ends the workers at once: what a task has to keep it writes atomically itself.

    Raises MespotError if a worker was ended from outside, mostly for want of memory.
    """
    workers = min(workers, len(tasks))
    if workers <= 1:
        for task in tasks:
            yield function(shared, task)
        return
    started: list[_Worker] = []
    try:
        with _environment(), block_interrupts():
            for _ in range(workers):
                started.append(_start(function, shared))
        yield from _in_order(started, tasks)
        for worker in started:
            worker.pipe.close()
            worker.process.join(_PATIENCE_S)
    finally:
        _end(started)


def _start(function: Callable[[Any, Any], Any], shared: Any) -> _Worker:
    # Spawn, not fork: OpenMP and other libraries' threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, function, shared), daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, ours)


def _work(pipe: Connection, function: Callable[[Any, Any], Any], shared: Any) -> None:
    """In a worker: tasks in, outcomes out, until the other end is closed."""
    while True:
        try:
            task = pipe.recv()
        except EOFError:
            return
        try:
            outcome = _Outcome(function(shared, task))
        except Exception as error:
            error.add_note(f"In a worker process:\n{traceback.format_exc()}")
            outcome = _Outcome(error=error)
        try:
            pipe.send(outcome)
        except OSError:
            return
        except Exception as error:
            text = f"a worker process cannot send its result ({type(error).__name__}: {error})"
            pipe.send(_Outcome(error=MespotError(text)))


def _in_order(workers: Sequence[_Worker], tasks: Sequence[Any]) -> Iterator[Any]:
    """The results in the order of the tasks; each is forgotten once it is out."""
    waiting = deque(enumerate(tasks))
    done: dict[int, _Outcome] = {}
    for number in range(len(tasks)):
        while number not in done:
            try:
                _go_on(workers, waiting, done)
            except (EOFError, ConnectionError) as error:
                raise MespotError(
                    "a worker process was ended from outside (not enough memory?); run again with "
                    "fewer --workers, finished items are kept"
                ) from error
        outcome = done.pop(number)
        if outcome.error is not None:
            raise outcome.error
        yield outcome.result
        del outcome


def _go_on(
    workers: Sequence[_Worker], waiting: deque[tuple[int, Any]], done: dict[int, _Outcome]
) -> None:
    """Give idle workers a task each, then wait until one has done its own."""
    for worker in workers:
        if worker.number < 0 and waiting:
            worker.number, task = waiting.popleft()
            worker.pipe.send(task)
    ready = wait([w.pipe for w in workers if w.number >= 0])
    for worker in workers:
        if worker.pipe in ready:
            done[worker.number] = worker.pipe.recv()
            worker.number = -1


def _end(workers: Sequence[_Worker]) -> None:
    """End the workers without waiting for the tasks in work; none is left when this returns."""
    for worker in workers:
        worker.process.terminate()
    for worker in workers:
        worker.process.join(_PATIENCE_S)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()
        worker.pipe.close()


@contextmanager
def _environment() -> Iterator[None]:
    """The environment for child processes; what the user has set stays."""
    ours = {name: value for name, value in _FOR_WORKERS.items() if name not in os.environ}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            os.environ.pop(name, None)
