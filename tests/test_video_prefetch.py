"""prefetch: the same items in the same order, bounded, and no thread left behind."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
import time
import weakref
from collections.abc import Iterator

import pytest

from mespot.prefetch import prefetch, prefetch_batches


def threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name == "mespot-prefetch"]


@pytest.mark.parametrize("depth", [1, 2, 8, 1000])
def test_items_arrive_once_and_in_order(depth: int) -> None:
    assert list(prefetch(iter(range(500)), depth)) == list(range(500))
    assert list(prefetch([], depth)) == []
    assert list(prefetch([None, None], depth)) == [None, None]
    assert not threads()


def test_producer_stays_within_depth() -> None:
    made = 0

    def produce() -> Iterator[int]:
        nonlocal made
        for i in range(100):
            made += 1
            yield i

    stream = prefetch(produce(), depth=3)
    for taken in range(1, 20):
        next(stream)
        time.sleep(0.01)
        # Three in the queue, one in the producer's hands.
        assert made <= taken + 4
    assert made > 20, "the producer never ran ahead"
    stream.close()
    assert not threads()


def test_producer_runs_beside_the_consumer() -> None:
    def produce() -> Iterator[int]:
        for i in range(10):
            time.sleep(0.03)
            yield i

    start = time.perf_counter()
    for _ in prefetch(produce(), depth=4):
        time.sleep(0.03)
    # One after the other would take 0.6 s.
    assert time.perf_counter() - start < 0.5


def test_exception_carries_over_after_the_good_items() -> None:
    def produce() -> Iterator[int]:
        yield 1
        yield 2
        raise LookupError("third")

    stream = prefetch(produce(), depth=5)
    assert [next(stream), next(stream)] == [1, 2]
    with pytest.raises(LookupError, match="third") as caught:
        next(stream)
    assert "produce" in [entry.name for entry in caught.traceback]
    assert not threads()


def test_exception_of_iter_itself() -> None:
    with pytest.raises(TypeError, match="not iterable"):
        next(prefetch(5))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="depth"):
        prefetch([1], depth=0)


@pytest.mark.parametrize("depth", [1, 4])
def test_stopping_early_closes_the_producer(depth: int) -> None:
    closed_in: list[str] = []

    def produce() -> Iterator[int]:
        try:
            yield from range(10**9)
        finally:
            closed_in.append(threading.current_thread().name)

    for item in prefetch(produce(), depth):
        if item == 5:
            break
    assert closed_in == ["mespot-prefetch"]

    def consume() -> None:
        for _ in prefetch(produce(), depth):
            raise KeyError("consumer")

    with pytest.raises(KeyError):
        consume()
    assert len(closed_in) == 2
    assert not threads()


def test_never_started_makes_no_thread() -> None:
    stream = prefetch(iter([1]))
    assert not threads()
    stream.close()


def test_interpreter_exits_with_an_open_prefetch() -> None:
    code = textwrap.dedent(
        """
        import itertools
        from mespot.prefetch import prefetch, prefetch_batches
        kept = [prefetch(itertools.count(), 2) for _ in range(3)]
        print([next(stream) for stream in kept])
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=False
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "[0, 0, 0]", "")


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_batches_change_nothing_but_who_waits(size: int) -> None:
    assert list(prefetch_batches(iter(range(100)), size)) == list(range(100))
    assert list(prefetch_batches([], size)) == []
    assert not threads()
    with pytest.raises(ValueError, match="size"):
        prefetch_batches([1], 0)


def test_an_error_comes_after_all_good_items_of_its_batch() -> None:
    closed = []

    def produce() -> Iterator[int]:
        try:
            yield from range(5)
            raise LookupError("sixth")
        finally:
            closed.append(threading.current_thread().name)

    stream = prefetch_batches(produce(), 4)
    assert [next(stream) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(LookupError, match="sixth"):
        next(stream)
    assert closed == ["mespot-prefetch"]
    assert not threads()


def test_stopping_within_a_batch_closes_the_producer() -> None:
    closed = []

    def produce() -> Iterator[int]:
        try:
            yield from range(10**9)
        finally:
            closed.append(threading.current_thread().name)

    stream = prefetch_batches(produce(), 4)
    assert [next(stream) for _ in range(6)] == list(range(6))
    stream.close()
    assert closed == ["mespot-prefetch"]
    assert not threads()


def test_batches_let_go_of_what_was_taken() -> None:
    class Item:
        pass

    alive: list[weakref.ref[Item]] = []

    def produce() -> Iterator[Item]:
        for _ in range(60):
            item = Item()
            alive.append(weakref.ref(item))
            yield item
            del item

    stream = prefetch_batches(produce(), 4, depth=2)
    for _ in stream:
        # Two batches wait, one is in the producer's hands, and one is being emptied.
        assert sum(ref() is not None for ref in alive) <= 16
    del _
    assert not any(ref() is not None for ref in alive)
