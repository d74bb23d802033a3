"""Where work runs: in this process or in several, with the same results in the same order."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")

_shared: Any = None


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
    also what a debugger wants. ``function`` must be importable (no lambda) for more than one.
    """
    if workers <= 1 or len(tasks) <= 1:
        for task in tasks:
            yield function(shared, task)
        return
    # Spawn, not fork: OpenMP and other libraries' threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _share, (shared,)) as pool:
        yield from pool.map(_call, [(function, task) for task in tasks])
