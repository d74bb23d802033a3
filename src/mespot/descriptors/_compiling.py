"""Compiling the kernels: once per machine, never from stale files, and not in silence.

numba keeps what it compiled on disk. Left alone, it looks at a function's own file only, so that a
kernel would go on running the old code of a helper in another file: here the sources of all
kernels count. Compiling takes seconds, so a process's first kernel that has to be compiled is
announced.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import njit
from numba.core import event

MESSAGE = "mespot: compiling the descriptors' kernels (once per machine, some seconds)"


def _print(message: str) -> None:
    """The line by itself, also where a progress bar stands: the bar goes on below it."""
    if "tqdm" in sys.modules:
        sys.modules["tqdm"].tqdm.write(message, file=sys.stderr)
    else:
        print(message, file=sys.stderr, flush=True)


_tell: Callable[[str], None] | None = _print


def announce_with(tell: Callable[[str], None] | None) -> None:
    """Set who gets the line that kernels are being compiled: standard error by default; or None."""
    global _tell  # noqa: PLW0603
    _tell = tell


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a function that Python calls: without the interpreter lock, kept on disk."""
    try:
        compiled = njit(nogil=True, cache=True)(function)
    except RuntimeError:
        # Neither the package's folder nor the user's can be written.
        return njit(nogil=True)(function)
    compiled._cache._cache_file._source_stamp = _stamp(Path(inspect.getfile(function)).parent)
    return compiled


def part(function: Callable[..., Any]) -> Any:
    """Compile a function that kernels call; it is kept on disk as part of them."""
    return njit(nogil=True)(function)


def _stamp(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Name, time of change and size of every file that a folder's kernels are made of."""
    files = sorted(folder.glob("_*.py"))
    return tuple((f.name, f.stat().st_mtime_ns, f.stat().st_size) for f in files)


class _Listener(event.Listener):
    """Tells once that a kernel of this package is being compiled."""

    def on_start(self, event: Any) -> None:
        global _tell
        module = event.data["dispatcher"].py_func.__module__
        if str(module).startswith(str(__package__)):
            tell, _tell = _tell, None
            if tell is not None:
                tell(MESSAGE)

    def on_end(self, event: Any) -> None:
        """Nothing to tell."""


event.register("numba:compile", _Listener())
