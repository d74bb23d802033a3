"""Load modules in a thread of its own while the processor has idle moments, before they are needed.

An `import` is what it was before: it finds the module loaded, or waits for the rest of it.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Sequence
from contextlib import suppress


def load_ahead(modules: Sequence[str]) -> threading.Thread:
    """Begin to import these modules, one after the other, and come back at once.

    One that cannot be imported is passed over: whoever imports it later meets the error there. The
    interpreter waits for the thread before it ends, since a half-loaded library may not be torn
    down.
    """
    thread = threading.Thread(target=_load, args=(tuple(modules),), name="mespot-load-ahead")
    thread.start()
    return thread


def _load(modules: tuple[str, ...]) -> None:
    for name in modules:
        with suppress(Exception):
            importlib.import_module(name)
