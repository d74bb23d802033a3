"""One writer per folder: a lock that the operating system drops when its process ends.

The lock is held on an open file (``flock``; on Windows a locked byte), not by a file's being there.
So nothing stale stays behind, however the process ended.
"""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from types import TracebackType

from mespot.errors import UsageError

NAME = ".mespot.lock"

_HELD_BY_OTHERS = {errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK, errno.EDEADLK}
_NO_LOCKING = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}

if sys.platform == "win32":
    import msvcrt

    def _take(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _take(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


class FolderLock:
    """The right to write into a folder; a context manager.

    The empty file ``.mespot.lock`` stays in the folder: deleting it could let in two writers.

    Attributes
    ----------
    folder : Path
    note : str
        Empty, or why the folder is written to without a lock.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.note = ""
        self._handle: int | None = None

    def acquire(self) -> None:
        """Take the lock, at once; making the folder where it is missing.

        Raises UsageError where another writer holds the lock, or the folder cannot be written to.
        """
        if self._handle is not None:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            handle = _opened(self.folder / NAME)
        except OSError as error:
            raise UsageError(
                f"{self.folder}: cannot be written to ({error.strerror}); "
                "choose another folder with -o"
            ) from error
        try:
            _take(handle)
        except OSError as error:
            os.close(handle)
            if error.errno in _NO_LOCKING:
                self.note = (
                    f"{self.folder}: this file system has no locks; "
                    "let only one mespot at a time write into it"
                )
                return
            if error.errno in _HELD_BY_OTHERS:
                raise UsageError(
                    f"another mespot is writing into {self.folder}; wait for it, "
                    "or choose another folder with -o"
                ) from error
            raise UsageError(
                f"{self.folder}: cannot be locked ({error.strerror}); choose another folder with -o"
            ) from error
        self._handle = handle

    def release(self) -> None:
        """Let others write. The operating system does the same when the process ends."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def __enter__(self) -> FolderLock:
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


def _opened(path: Path) -> int:
    """A handle of the lock file. Another user's file may be readable only; that will do."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except PermissionError:
        return os.open(path, os.O_RDONLY)
