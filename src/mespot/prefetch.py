"""Let a producer run ahead of its consumer in a thread of its own, by a bounded number of items."""

from __future__ import annotations

import atexit
import queue
import threading
import weakref
from collections.abc import Generator, Iterable
from typing import Any, Generic, TypeVar

T = TypeVar("T")

_WAIT_S = 0.05


def prefetch(iterable: Iterable[T], depth: int = 8) -> Generator[T, None, None]:
    """Iterate ``iterable`` in a background thread, at most ``depth`` items ahead.

    The thread starts with the first item asked for. An exception of the producer is raised here, at
    the item where it arose. Stopping early (``break``, ``close``, an exception in the consumer)
    ends the thread and closes the producer, if it is a generator, in that thread. Of the producer's
    items, ``depth`` wait in the queue, one is in the producer's hands and one in the consumer's.

    Raises
    ------
    ValueError
        If ``depth`` is below 1.
    """
    if depth < 1:
        raise ValueError(f"depth must be at least 1, not {depth}")
    return _consume(iterable, depth)


def prefetch_batches(iterable: Iterable[T], size: int, depth: int = 2) -> Generator[T, None, None]:
    """As ``prefetch``, but ``size`` items change hands at a time.

    Handing over costs some ten microseconds and a switch of threads, which matters where an item
    itself takes no more than some hundred. An exception of the producer comes after all good items.

    Raises
    ------
    ValueError
        If ``depth`` or ``size`` is below 1.
    """
    if size < 1:
        raise ValueError(f"size must be at least 1, not {size}")
    return _flat(prefetch(_batches(iterable, size), depth))


def _flat(batches: Generator[list[T], None, None]) -> Generator[T, None, None]:
    try:
        for batch in batches:
            batch.reverse()
            while batch:
                yield batch.pop()
    finally:
        batches.close()


def _batches(iterable: Iterable[T], size: int) -> Generator[list[T], None, None]:
    iterator: Any = iter(iterable)
    batch: list[T] = []
    failure: BaseException | None = None
    try:
        while True:
            try:
                batch.append(next(iterator))
            except StopIteration:
                break
            except BaseException as error:
                failure = error
                break
            if len(batch) == size:
                # The consumer empties this list, so that it keeps no item alive.
                yield batch
                batch = []
        if batch:
            yield batch
        if failure is not None:
            raise failure
    finally:
        if hasattr(iterator, "close"):
            iterator.close()


def _consume(iterable: Iterable[T], depth: int) -> Generator[T, None, None]:
    pump = _Pump(iterable, depth)
    try:
        while True:
            kind, value = pump.items.get()
            if kind == "end":
                return
            if kind == "error":
                raise value
            yield value
            # Nothing here may hold on to an item that the consumer has let go.
            del value
    finally:
        pump.stop()


class _Pump(Generic[T]):
    """The thread and its queue; ``stop`` may be called at any time, more than once."""

    def __init__(self, iterable: Iterable[T], depth: int) -> None:
        self.items: queue.Queue[tuple[str, Any]] = queue.Queue(depth)
        self._iterable: Iterable[T] | None = iterable
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mespot-prefetch", daemon=True)
        _running.add(self)
        self._thread.start()

    def _run(self) -> None:
        iterable, self._iterable = self._iterable, None
        assert iterable is not None
        iterator: Any = None
        last: tuple[str, Any] = ("end", None)
        try:
            iterator = iter(iterable)
            for item in iterator:
                if not self._put(("item", item)):
                    break
                del item
        except BaseException as error:  # whatever it is, it belongs to the consumer
            last = ("error", error)
        finally:
            try:
                if hasattr(iterator, "close"):
                    iterator.close()
            except BaseException as error:
                last = ("error", error)
            self._put(last)

    def _put(self, message: tuple[str, Any]) -> bool:
        """Queue a message; False if the consumer has gone meanwhile."""
        while not self._stopped.is_set():
            try:
                self.items.put(message, timeout=_WAIT_S)
                return True
            except queue.Full:
                continue
        return False

    def stop(self, timeout_s: float | None = None) -> None:
        """Tell the thread to end, and wait for it."""
        self._stopped.set()
        while True:
            try:
                self.items.get_nowait()
            except queue.Empty:
                break
        if self._thread is not threading.current_thread():
            self._thread.join(timeout_s)
        _running.discard(self)


_running: weakref.WeakSet[_Pump[Any]] = weakref.WeakSet()


@atexit.register
def _stop_all() -> None:
    """End threads of consumers that never finished, before the interpreter takes itself apart."""
    for pump in list(_running):
        pump.stop(timeout_s=5.0)
