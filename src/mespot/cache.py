"""Results of slow stages, kept under a hash of everything that decides them.

An entry is a folder of plain files named by its key. It is made under another name and renamed when
it is whole, so that a crash or a second process never shows half of one; of two processes that make
the same entry, the first wins and the second's is the same. The store has a bound: entries that
were not used for longest go first.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from mespot.errors import MespotError, UsageError
from mespot.files import sha256, write_text

ROOT_VARIABLE = "MESPOT_CACHE"
LIMIT_VARIABLE = "MESPOT_CACHE_GB"
DEFAULT_GB = 20.0
_META = "meta.json"
_UNFINISHED = ".part-"
_GOING = ".gone-"
# An unfinished entry that nobody has touched for so long was left by a crash.
_ABANDONED_S = 24 * 3600.0
_GONE = (FileNotFoundError, NotADirectoryError)

Loaded = TypeVar("Loaded")


@dataclass(frozen=True)
class Entry:
    """A finished entry: its folder, its description, its size in bytes, when it was last used."""

    key: str
    folder: Path
    meta: dict[str, Any]
    n_bytes: int
    used: float


def default_root() -> Path:
    """$MESPOT_CACHE, or the folder for caches of this user on this platform."""
    if chosen := os.environ.get(ROOT_VARIABLE):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
        return Path(base) / "mespot" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "mespot"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mespot"


def default_limit() -> int:
    """$MESPOT_CACHE_GB, else 20, in bytes. Raises UsageError if it is no positive number."""
    text = os.environ.get(LIMIT_VARIABLE, "")
    try:
        number = float(text) if text else DEFAULT_GB
    except ValueError:
        number = -1.0
    if not 0 < number < float("inf"):
        raise UsageError(f"{LIMIT_VARIABLE}={text}: must be a positive number of gigabytes")
    return int(number * 1e9)


def key_of(*parts: object) -> str:
    """32 hex digits that stand for these parts (as JSON takes them) and no others."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class Cache:
    """A store of entries under one folder.

    Parameters
    ----------
    root : path
        Made when it is first written to.
    limit : int or None
        Bytes that all entries together may take; None: no bound.
    """

    def __init__(self, root: str | Path, limit: int | None = None) -> None:
        self.root = Path(root)
        self.limit = limit

    def find(self, key: str) -> Path | None:
        """The folder of an entry, now counted as used; None if there is no whole one."""
        folder = self._place(key)
        if _read(folder) is None:
            return None
        try:
            os.utime(folder / _META)
        except OSError:
            return None
        return folder

    def meta(self, key: str) -> dict[str, Any] | None:
        """The description of an entry; None if there is no complete one."""
        entry = _read(self._place(key))
        return None if entry is None else entry.meta

    def read(self, key: str, load: Callable[[Path, dict[str, Any]], Loaded]) -> Loaded | None:
        """What ``load(folder, meta)`` makes of an entry; None if there is no whole one.

        An entry that another process removes while it is read counts as none. Files that ``load``
        has open, or mapped, stay as they are.
        """
        for _ in range(3):
            folder, meta = self.find(key), self.meta(key)
            if folder is None or meta is None:
                return None
            try:
                return load(folder, meta)
            except _GONE as error:
                gone = error
        # Gone each time, or whole and without a file that is looked for.
        if self.find(key) is None:
            return None
        raise gone

    @contextmanager
    def writing(self, key: str, kind: str, meta: dict[str, Any]) -> Iterator[Path]:
        """A folder to fill; it becomes the entry when the block ends without error.

        ``meta`` may be filled within the block too. Raises MespotError if the disk does not take
        it; then, and after any other error, nothing is left behind.
        """
        place = self._place(key)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            part = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=self.root))
        except OSError as error:
            raise MespotError(f"{self.root}: cannot keep results here ({error.strerror})") from None
        try:
            yield part
            sizes = {p.name: p.stat().st_size for p in sorted(part.iterdir())}
            description = {"kind": kind, "files": sizes, **meta}
            write_text(part / _META, json.dumps(description) + "\n")
            self._take_place(part, place)
        except OSError as error:
            raise MespotError(f"{place}: cannot be written ({error.strerror or error})") from error
        finally:
            shutil.rmtree(part, ignore_errors=True)
        if self.limit is not None:
            self.prune(self.limit, spare=key)

    def drop(self, key: str) -> None:
        """Remove an entry, whole or not."""
        self._remove(self._place(key))

    def entries(self) -> list[Entry]:
        """All whole entries, the one not used for longest first."""
        found = []
        for folder in self.root.glob("[0-9a-f][0-9a-f]/*"):
            entry = _read(folder)
            if entry is not None:
                found.append(entry)
        return sorted(found, key=lambda entry: entry.used)

    def prune(self, limit: int, spare: str = "") -> list[Entry]:
        """Remove entries, those not used for longest first, until ``limit`` bytes are kept.

        A limit of 0 leaves none. The entry ``spare`` stays. What crashes left behind goes too.
        Returns what was removed. A process that has an entry's files open keeps them until it
        closes them.
        """
        self._sweep()
        entries = self.entries()
        total = sum(entry.n_bytes for entry in entries)
        removed = []
        for entry in entries:
            if total <= limit:
                break
            if entry.key != spare:
                self._remove(entry.folder)
                total -= entry.n_bytes
                removed.append(entry)
        return removed

    def _place(self, key: str) -> Path:
        return self.root / key[:2] / key

    def _take_place(self, part: Path, place: Path) -> None:
        """Rename. A complete entry that is already there stays; a broken one is replaced."""
        part.chmod(0o755)
        for _ in range(3):
            try:
                part.rename(place)
                return
            except OSError:
                if not place.is_dir():
                    raise
            if _read(place) is not None:
                return
            self._remove(place)
        raise MespotError(f"{place}: cannot be replaced; delete it")

    def _remove(self, folder: Path) -> None:
        """Take an entry out of sight at once, then delete it."""
        gone = self.root / f"{_GOING}{folder.name}-{os.getpid()}-{time.monotonic_ns()}"
        try:
            folder.rename(gone)
        except OSError:
            return  # Someone else was faster.
        shutil.rmtree(gone, ignore_errors=True)

    def _sweep(self) -> None:
        """Delete what crashes left behind."""
        for left in [*self.root.glob(f"{_UNFINISHED}*"), *self.root.glob(f"{_GOING}*")]:
            try:
                old = time.time() - left.stat().st_mtime > _ABANDONED_S
            except OSError:
                continue
            if old or left.name.startswith(_GOING):
                shutil.rmtree(left, ignore_errors=True)


def _read(folder: Path) -> Entry | None:
    """The entry in a folder, or None unless every file is there with all its bytes."""
    try:
        meta = json.loads((folder / _META).read_text("utf-8"))
        if any((folder / name).stat().st_size != size for name, size in meta["files"].items()):
            return None
        own = (folder / _META).stat()
        n_bytes = sum(meta["files"].values()) + own.st_size
        return Entry(folder.name, folder, meta, n_bytes, own.st_mtime)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def digest_of(source: str | Path, cache: Cache | None = None) -> str:
    """SHA-256 of a file's or folder's content.

    With a cache, a source whose names, sizes and times of change are as they were is not read
    again: data sets of images take minutes to read.
    """
    if cache is None:
        return sha256(source)
    path = Path(source).resolve()
    key = key_of("digest", str(path), _stamp(path))
    known = cache.read(key, lambda _, meta: str(meta["sha256"]))
    if known is not None:
        return known
    found = sha256(path)
    with cache.writing(key, "digest", {"sha256": found}):
        pass
    return found


def _stamp(path: Path) -> str:
    """Hash of the names, sizes and times of change of a file or of all files in a folder."""
    digest = hashlib.sha256()
    for item in [path] if path.is_file() else sorted(path.rglob("*")):
        state = item.stat()
        digest.update(f"{item.name}\0{state.st_size}\0{state.st_mtime_ns}\n".encode())
    return digest.hexdigest()
