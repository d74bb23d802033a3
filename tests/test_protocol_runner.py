"""Work in several processes: same results, same order; stopping and dying leave nothing behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import ProcessPoolExecutor

import psutil
import pytest

from mespot.errors import MespotError
from mespot.runner import run_tasks


def work(shared, task):
    return shared + task, os.getpid()


def environment(_shared, _task):
    return os.environ.get("OMP_NUM_THREADS"), os.environ.get("MKL_NUM_THREADS")


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


def test_a_dead_worker_is_one_clear_line(tmp_path):
    with pytest.raises(MespotError, match=r"fewer --workers"):
        list(run_tasks(misbehave, tmp_path, ["a", "die"], workers=2))


def test_an_error_ends_the_others_at_once(tmp_path):
    others = set(multiprocessing.active_children())
    with pytest.raises(MespotError, match="this task failed"):
        list(run_tasks(misbehave, tmp_path, ["fail", "wait", "b"], workers=2))
    # The failed worker may have begun with b before this process hears of the failure.
    check_ended(tmp_path, others)
    assert not (tmp_path / "wait.done").exists()


def test_an_interruption_while_processes_start_ends_them(tmp_path, monkeypatch):
    pools = []
    submit = ProcessPoolExecutor.submit

    def interrupted(pool, *args):
        future = submit(pool, *args)
        if not pools:
            os.kill(os.getpid(), signal.SIGINT)
        pools.append(pool)
        return future

    monkeypatch.setattr(ProcessPoolExecutor, "submit", interrupted)
    if threading.current_thread() is not threading.main_thread():
        pytest.skip("only the main thread hears of Ctrl-C")
    # A dead worker's pool of another test may still be going down.
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
    assert len(pools) == 2
    assert time.monotonic() - begin < 30
    # The executor's own thread reaps them too, so that their end may be noted a little late.
    while set(multiprocessing.active_children()) - others and time.monotonic() - begin < 30:
        time.sleep(0.05)
    assert set(multiprocessing.active_children()) <= others


def test_no_longer_asking_ends_them_too(tmp_path):
    others = set(multiprocessing.active_children())
    results = run_tasks(misbehave, tmp_path, ["a", "wait", "wait"], workers=2)
    assert next(results) == "a"
    process_in(tmp_path)
    results.close()
    check_ended(tmp_path, others)
    assert [p.name for p in tmp_path.glob("*.done")] == ["a.done"]
