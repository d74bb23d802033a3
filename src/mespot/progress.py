"""A progress bar on a terminal; in a pipe or a log, nothing: the line per file is enough."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any


class FrameBar:
    """Counts frames; call it with the number read and the number expected (or None)."""

    def __init__(self, name: str, unit: str = " frames") -> None:
        self._name, self._unit = name, unit
        self._bar: Any = None

    def __enter__(self) -> FrameBar:
        return self

    def __call__(self, done: int, total: int | None = None) -> None:
        if not sys.stderr.isatty():
            return
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(total=total, desc=self._name, unit=self._unit, leave=False)
        self._bar.update(done - self._bar.n)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()
