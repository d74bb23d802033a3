"""Compiling with numba: on first use, kept on disk, and announced.

numba is loaded by the first call of a compiled function, not by an import of the module that
defines it. numba keeps what it compiled beside the source, or in ``NUMBA_CACHE_DIR``, and compiles
again when the function's own file changes: put a kernel and the functions it calls in one file.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from threading import Timer
from typing import Any

from mespot.extras import need

MESSAGE = "mespot: compiling numeric kernels (once per machine, some seconds)"
# Reading a kept kernel takes a tenth of this, compiling one several times as long.
_PATIENCE_S = 1.0

_announced = False


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: compile a function when it is called, without the interpreter lock.

    A call raises MissingExtra if numba is not installed.
    """
    return _Kernel(function)


class _Kernel:
    """A function that its first call compiles; numba itself sees to further types."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._compiled: Callable[..., Any] | None = None

    def __call__(self, *args: Any) -> Any:
        if self._compiled is None:
            need("numba", extra="paper", who=self._function.__name__)
            self._compiled = _compiled(self._function, args)
        return self._compiled(*args)


def _compiled(function: Callable[..., Any], args: tuple[Any, ...]) -> Callable[..., Any]:
    """The function, compiled for arguments of these types or read from disk."""
    from numba import njit, typeof

    try:
        compiled = njit(nogil=True, cache=True)(function)
    except RuntimeError:
        # Neither the package's folder nor the user's can be written.
        compiled = njit(nogil=True)(function)
    timer = Timer(_PATIENCE_S, _announce)
    timer.daemon = True
    timer.start()
    try:
        compiled.compile(tuple(typeof(arg) for arg in args))
    finally:
        timer.cancel()
    return compiled


def _announce() -> None:
    """Print the line once per process; a progress bar goes on below it."""
    global _announced  # noqa: PLW0603
    if _announced:
        return
    _announced = True
    if "tqdm" in sys.modules:
        sys.modules["tqdm"].tqdm.write(MESSAGE, file=sys.stderr)
    else:
        print(MESSAGE, file=sys.stderr, flush=True)
