"""Starting processes so that Ctrl-C leaves none behind that nobody knows of."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def block_interrupts() -> Iterator[None]:
    """Processes started meanwhile never hear of Ctrl-C, this one when all of them are there.

    An interruption half-way would leave a process that nobody knows of. Blocking the signal is
    inherited by processes, but does not keep it from this one, which may have other threads.
    """
    heard: list[int] = []
    usual = signal.getsignal(signal.SIGINT)
    held = callable(usual) and threading.current_thread() is threading.main_thread()
    if held:
        signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    masks = hasattr(signal, "pthread_sigmask")
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if masks else set()
    try:
        yield
    finally:
        if masks:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if held:
            signal.signal(signal.SIGINT, usual)
    if heard:
        raise KeyboardInterrupt
