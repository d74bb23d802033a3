"""Work in several processes: same results, same order; stopping and dying leave nothing behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time

import psutil
import pytest

from mespot.errors import MespotError
from mespot.runner import run_tasks


def work(shared, task):
    return shared + task, os.getpid()


def environment(_shared, _task):
    return os.environ.get("OMP_NUM_THREADS"), os.environ.get("MKL_NUM_THREADS")


def large(size, task):
    return bytes(size * task)


def unsendable(_shared, _task):
    return lambda: None


def unlucky(_shared, task):
    if task == 13:
        raise MespotError("13 is no lucky number")
    return task


def misbehave(shared, task):
    if task == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if task == "fail":
        # Not before the other is at work: it is what has to be ended.
        process_in(shared)
        raise MespotError("this task failed")
    if task == "wait":
        (shared / f"{os.getpid()}.pid").touch()
        time.sleep(60)
    with (shared / f"{task}.done").open("w"):
        return task


def process_in(folder):
    """The process that waits there, once there is one."""
    begin = time.monotonic()
    while time.monotonic() - begin < 30:
        for path in folder.glob("*.pid"):
            return int(path.stem)
        time.sleep(0.02)
    raise AssertionError("nobody came to wait")


def check_ended(folder, others):
    """The one that waited is gone, and so is every other process that was started since."""
    assert not psutil.pid_exists(process_in(folder))
    assert set(multiprocessing.active_children()) <= others


def test_one_process_and_several_give_the_same_in_order():
    alone = [r for r, _ in run_tasks(work, 10, list(range(8)))]
    spread = list(run_tasks(work, 10, list(range(8)), workers=2))
    assert alone == [r for r, _ in spread] == list(range(10, 18))
    assert {pid for _, pid in spread} & {os.getpid()} == set()


def test_workers_have_one_thread_each_and_this_process_keeps_its_own(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("MKL_NUM_THREADS", "3")
    assert list(run_tasks(environment, None, [1, 2], workers=2)) == [("1", "3")] * 2
    assert "OMP_NUM_THREADS" not in os.environ


def test_a_dead_worker_is_one_clear_line_and_ends_the_other(tmp_path):
    others = set(multiprocessing.active_children())
    with pytest.raises(MespotError, match=r"fewer --workers"):
        list(run_tasks(misbehave, tmp_path, ["a", "die"], workers=2))
    assert set(multiprocessing.active_children()) <= others


@pytest.mark.parametrize("times", range(10))
def test_stopping_amid_large_results_leaves_nothing_to_wait_for(times):
    """A worker that is ended half-way through sending leaves no thread that waits for the rest."""
    others = set(multiprocessing.active_children())
    threads = set(threading.enumerate())
    results = run_tasks(large, 10**8, [0, 1, 1], workers=2)
    assert next(results) == b""
    time.sleep(0.01 * times)
    begin = time.monotonic()
    results.close()
    assert time.monotonic() - begin < 4
    assert set(multiprocessing.active_children()) <= others
    assert set(threading.enumerate()) <= threads


def test_results_and_errors_that_cannot_be_sent_are_one_clear_line():
    with pytest.raises(MespotError, match="cannot send its result"):
        list(run_tasks(unsendable, None, [1, 2], workers=2))


def test_an_error_says_where_in_the_worker_it_arose():
    with pytest.raises(MespotError, match="no lucky number") as stopped:
        list(run_tasks(unlucky, None, [1, 13], workers=2))
    assert str(stopped.value) == "13 is no lucky number"
    assert "in unlucky" in stopped.value.__notes__[0]


def test_an_error_ends_the_others_at_once(tmp_path):
    others = set(multiprocessing.active_children())
    with pytest.raises(MespotError, match="this task failed"):
        list(run_tasks(misbehave, tmp_path, ["fail", "wait", "b"], workers=2))
    # The failed worker may have begun with b before this process hears of the failure.
    check_ended(tmp_path, others)
    assert not (tmp_path / "wait.done").exists()


def test_an_interruption_while_processes_start_ends_them(tmp_path, monkeypatch):
    kind = multiprocessing.get_context("spawn").Process
    start, begun = kind.start, []

    def interrupted(process):
        start(process)
        if not begun:
            os.kill(os.getpid(), signal.SIGINT)
        begun.append(process)

    monkeypatch.setattr(kind, "start", interrupted)
    if threading.current_thread() is not threading.main_thread():
        pytest.skip("only the main thread hears of Ctrl-C")
    others = set(multiprocessing.active_children())
    begin = time.monotonic()
    # A test runner's own processes may have been told to ignore it.
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            list(run_tasks(misbehave, tmp_path, ["wait", "wait"], workers=2))
    finally:
        signal.signal(signal.SIGINT, usual)
    # Not before both were started and known: then it ended them.
    assert len(begun) == 2
    assert time.monotonic() - begin < 30
    assert set(multiprocessing.active_children()) <= others


def test_no_longer_asking_ends_them_too(tmp_path):
    others = set(multiprocessing.active_children())
    results = run_tasks(misbehave, tmp_path, ["a", "wait", "wait"], workers=2)
    assert next(results) == "a"
    process_in(tmp_path)
    results.close()
    check_ended(tmp_path, others)
    assert [p.name for p in tmp_path.glob("*.done")] == ["a.done"]
