"""Compiling what OpenCV and numpy take too many calls for; every file compiles its own helpers.

Compiling takes seconds, so a process's first function that has to be compiled is announced.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from numba import njit
from numba.core import event

MESSAGE = "mespot: compiling the alignment (once per machine, some seconds)"


def compiled(function: Callable[..., Any]) -> Any:
    """Compiled without the interpreter lock, and kept on disk where that can be written.

    numba looks at a function's own file to see whether what it kept is stale: a helper must stand
    in the file of those that call it. Sums may be taken in another order (which lets the processor
    add several numbers at once), but always in the same.
    """
    options = {"nogil": True, "fastmath": {"reassoc", "nsz", "contract"}}
    return _kept(function, options)


def compiled_exact(function: Callable[..., Any]) -> Any:
    """As ``compiled``, with arithmetic in the order that is written."""
    return _kept(function, {"nogil": True})


def _kept(function: Callable[..., Any], options: dict[str, Any]) -> Any:
    try:
        return njit(cache=True, **options)(function)
    except RuntimeError:
        # Neither the package's folder nor the user's can be written.
        return njit(**options)(function)


class _Listener(event.Listener):
    """Tells once, on standard error, that a function of this package is being compiled."""

    told = False

    def on_start(self, event: Any) -> None:
        module = str(event.data["dispatcher"].py_func.__module__)
        if self.told or not module.startswith(str(__package__)):
            return
        self.told = True
        if "tqdm" in sys.modules:
            sys.modules["tqdm"].tqdm.write(MESSAGE, file=sys.stderr)
        else:
            print(MESSAGE, file=sys.stderr, flush=True)

    def on_end(self, event: Any) -> None:
        """Nothing to tell."""


event.register("numba:compile", _Listener())
