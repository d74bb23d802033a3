"""Writing files so that a crash, a full disk or Ctrl-C never leaves half of one."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mespot.errors import UsageError


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its place when the block ends without error.

    The temporary name keeps the suffix, since encoders and plotters choose the format by it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text atomically, with "\\n" line ends."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def refuse_standing(paths: Iterable[str | Path], remedy: str) -> None:
    """Raise UsageError if a file of another origin is where one is to be written.

    ``remedy`` says what the user can do, such as "choose another folder with -o".
    """
    for path in paths:
        if Path(path).exists():
            raise UsageError(f"{path}: is there already; {remedy}")


def sha256(path: str | Path) -> str:
    """SHA-256 of a file, or of the names and contents of a folder's files, as hex digits."""
    path = Path(path)
    digest = hashlib.sha256()
    inside = (p for p in path.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    for item in [path] if path.is_file() else sorted(inside):
        if item != path:
            digest.update(str(item.relative_to(path)).encode())
        with item.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
