"""One writer per folder, in this process and in others; nothing stale after kill -9."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys
import threading

import pytest

from mespot import locks
from mespot.cli import run
from mespot.errors import UsageError
from mespot.locks import FolderLock
from mespot.results import ResultFolder
from mespot.spotter import load_spotter
from verdict_cases import HOW, VERSIONS, rows, spotting, without_pictures

HOLD = (
    "import sys, time\n"
    "from mespot.locks import FolderLock\n"
    "lock = FolderLock(sys.argv[1]); lock.acquire()\n"
    "print('held', flush=True); time.sleep(600)\n"
)


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock of tmp_path/out."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "out")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_second_spot_is_refused_at_once_until_the_first_is_killed(holder, tmp_path, capsys):
    command = ["spot", str(tmp_path / "none.mp4"), "-o", str(tmp_path / "out")]
    assert run(command) == 2
    told = capsys.readouterr().err
    assert f"another mespot is writing into {tmp_path / 'out'}; wait for it" in told
    assert len(told.splitlines()) == 1
    holder.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
    holder.wait()
    assert (tmp_path / "out" / locks.NAME).is_file()
    assert run(command) == 4
    assert run(command) == 4


def test_the_library_is_refused_too(holder, tmp_path):
    folder = ResultFolder(tmp_path / "out", load_spotter(), VERSIONS)
    with pytest.raises(UsageError, match="another mespot"):
        folder.add("a", "d", spotting("a.mp4"), HOW)
    assert list((tmp_path / "out").iterdir()) == [tmp_path / "out" / locks.NAME]


def test_one_process_holds_it_once(tmp_path):
    with FolderLock(tmp_path) as lock:
        lock.acquire()
        with pytest.raises(UsageError):
            FolderLock(tmp_path).acquire()
        FolderLock(tmp_path / "other").acquire()
    FolderLock(tmp_path).acquire()


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS])
def test_without_locks_it_goes_on_with_a_note(tmp_path, monkeypatch, code):
    def none(handle):
        raise OSError(code, "no")

    monkeypatch.setattr(locks, "_take", none)
    with FolderLock(tmp_path) as lock:
        assert "has no locks" in lock.note


def test_a_place_that_cannot_be_a_folder_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be written to"):
        FolderLock(tmp_path / "file").acquire()


def test_writers_that_wait_for_each_other_lose_nothing(tmp_path, monkeypatch):
    without_pictures(monkeypatch)
    spotter, refused = load_spotter(), []

    def write(name):
        while True:
            try:
                with ResultFolder(tmp_path, spotter, VERSIONS) as folder:
                    folder.add(name, "d", spotting(f"{name}.mp4"), HOW)
                return
            except UsageError as error:
                refused.append(error)

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcdef"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted({r["recording"] for r in rows(tmp_path)}) == list("abcdef")
    assert len(rows(tmp_path)) == 18
