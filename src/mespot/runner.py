"""Where work runs: in this process or in several, with the same results in the same order."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, TypeVar

from mespot.errors import MespotError
from mespot.interrupts import block_interrupts

Task = TypeVar("Task")
Result = TypeVar("Result")

_shared: Any = None
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


def _share(value: Any) -> None:
    global _shared  # noqa: PLW0603 - one value per worker process, set once when it starts
    _shared = value


def _call(job: tuple[Callable[[Any, Any], Any], Any]) -> Any:
    function, task = job
    return function(_shared, task)


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
    # Spawn, not fork: OpenMP and other libraries' threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, _share, (shared,))
    try:
        with _environment(), block_interrupts():
            # Processes are started as jobs come in, with the environment of that moment.
            jobs = [pool.submit(_call, (function, task)) for task in tasks]
        yield from _in_order(jobs)
    except BaseException:
        _end(pool)
        raise
    pool.shutdown()


def _in_order(jobs: list[Future[Any]]) -> Iterator[Any]:
    """The results, each job forgotten once its result is out."""
    jobs.reverse()
    while jobs:
        try:
            yield jobs.pop().result()
        except BrokenProcessPool as error:
            raise MespotError(
                "a worker process was ended from outside (not enough memory?); run again with "
                "fewer --workers, finished items are kept"
            ) from error


def _end(pool: ProcessPoolExecutor) -> None:
    """Drop the jobs in waiting and end the workers, without waiting for the jobs in work."""
    processes = list((pool._processes or {}).values())
    pool.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.terminate()
    for process in processes:
        process.join(5)


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
