"""The store: whole entries or none, two processes at once, a bound, the oldest use first."""

from __future__ import annotations

import json
import multiprocessing
import os
import time

import numpy as np
import pytest

from mespot.cache import Cache, default_limit, default_root, digest_of, key_of
from mespot.cli import run
from mespot.errors import MespotError, UsageError


def put(cache, name, n=1000, value=0):
    key = key_of(name)
    with cache.writing(key, "rows", {"name": name}) as folder:
        np.save(folder / "a.npy", np.full(n, value, np.uint8))
    return key


def test_what_is_written_is_found(tmp_path):
    cache = Cache(tmp_path / "c")
    assert cache.find(key_of("x")) is None
    assert not (tmp_path / "c").exists()  # Looking makes nothing.
    key = put(cache, "x", 10, 7)
    folder = cache.find(key)
    assert np.load(folder / "a.npy").tolist() == [7] * 10
    assert cache.meta(key)["name"] == "x"
    assert cache.meta(key)["kind"] == "rows"
    (entry,) = cache.entries()
    sizes = [(folder / name).stat().st_size for name in ("a.npy", "meta.json")]
    assert (entry.key, entry.n_bytes) == (key, sum(sizes))
    cache.drop(key)
    assert cache.find(key) is None
    assert [p.name for p in (tmp_path / "c").iterdir()] == [key[:2]]


def test_keys_tell_contents_and_types_apart():
    keys = {key_of(*parts) for parts in (("a",), ("a", 1), ("a", "1"), ({"b": 1},), ({"b": 2},))}
    assert len(keys) == 5
    assert key_of({"a": 1, "b": 2}) == key_of({"b": 2, "a": 1})


def test_an_error_leaves_nothing_behind(tmp_path):
    cache = Cache(tmp_path)

    def stopped():
        with cache.writing(key_of("x"), "rows", {}) as folder:
            (folder / "a").write_bytes(b"half")
            raise KeyError("stopped")

    with pytest.raises(KeyError):
        stopped()
    assert cache.find(key_of("x")) is None
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


@pytest.mark.parametrize("damage", ["short", "missing", "meta"])
def test_a_broken_entry_is_none_and_is_made_anew(tmp_path, damage):
    cache = Cache(tmp_path)
    key = put(cache, "x")
    folder = cache.find(key)
    if damage == "short":
        (folder / "a.npy").write_bytes(b"short")
    elif damage == "missing":
        (folder / "a.npy").unlink()
    else:
        (folder / "meta.json").write_text("{")
    assert cache.find(key) is None
    assert cache.meta(key) is None
    assert cache.entries() == []
    put(cache, "x", 5, 3)
    assert np.load(cache.find(key) / "a.npy").tolist() == [3] * 5


def test_of_two_writers_the_first_stays(tmp_path):
    cache = Cache(tmp_path)
    key = key_of("x")
    with cache.writing(key, "rows", {}) as outer:
        (outer / "a").write_bytes(b"outer")
        with cache.writing(key, "rows", {}) as inner:
            (inner / "a").write_bytes(b"inner")
    assert (cache.find(key) / "a").read_bytes() == b"inner"
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def each(cache):
    """Bytes of an entry of :func:`put`, all of which have names of one letter."""
    (size,) = {entry.n_bytes for entry in cache.entries()}
    return size


def test_the_least_recently_used_goes_first(tmp_path):
    cache = Cache(tmp_path)
    keys = [put(cache, name) for name in "abcd"]
    for age, key in enumerate(keys):
        os.utime(cache._place(key) / "meta.json", (1000 + age, 1000 + age))
    cache.find(keys[0])  # Now a is the one used last.
    removed = cache.prune(2 * each(cache))
    assert [entry.key for entry in removed] == [keys[1], keys[2]]
    # Looked at without ``find``, which would count as use and change the order.
    assert [cache.meta(key) is not None for key in keys] == [True, False, False, True]
    assert [e.key for e in cache.prune(0)] == [keys[3], keys[0]]


def test_the_bound_holds_but_never_removes_what_was_just_made(tmp_path):
    put(Cache(tmp_path), "a")
    cache = Cache(tmp_path, limit=5 * each(Cache(tmp_path)) // 2)
    for name in "abcdef":
        put(cache, name)
        assert cache.find(key_of(name)) is not None
        assert sum(e.n_bytes for e in cache.entries()) <= cache.limit
    assert len(cache.entries()) == 2
    put(cache, "large", 9000)
    assert [e.meta["name"] for e in cache.entries()] == ["large"]


def test_digests_count_as_used_and_go_like_others(tmp_path):
    """They hold no file but what is told of them, which takes its place too."""
    cache, source = Cache(tmp_path / "c"), tmp_path / "video"
    source.write_bytes(b"frames")
    digest_of(source, cache)
    put(cache, "x")
    entries = {e.meta["kind"]: e for e in cache.entries()}
    size = (entries["digest"].folder / "meta.json").stat().st_size
    assert entries["digest"].n_bytes == size > 0
    for age, kind in enumerate(("digest", "rows")):
        os.utime(entries[kind].folder / "meta.json", (1000 + age, 1000 + age))
    digest_of(source, cache)
    assert [e.meta["kind"] for e in cache.entries()] == ["rows", "digest"]
    assert [e.meta["kind"] for e in cache.prune(size)] == ["rows"]
    assert [e.meta["kind"] for e in cache.prune(0)] == ["digest"]
    assert cache.entries() == []


def test_an_entry_that_goes_while_it_is_read_is_none(tmp_path):
    cache = Cache(tmp_path)
    key, tries = put(cache, "x", 10, 7), []

    def read(folder, meta):
        assert meta["name"] == "x"
        return np.load(folder / "a.npy").tolist()

    def pruned(folder, meta):
        tries.append(folder)
        cache.prune(0)
        return read(folder, meta)

    def made_anew(folder, meta):
        if not tries:
            pruned_and_made(folder)
        return read(folder, meta)

    def pruned_and_made(folder):
        tries.append(folder)
        cache.prune(0)
        put(cache, "x", 10, 8)
        raise FileNotFoundError(folder)

    assert cache.read(key, read) == [7] * 10
    assert cache.read(key, pruned) is None
    assert len(tries) == 1
    assert cache.read(key, read) is None
    put(cache, "x", 10, 7)
    tries.clear()
    assert cache.read(key, made_anew) == [8] * 10


def test_a_file_that_an_entry_never_had_is_an_error(tmp_path):
    cache = Cache(tmp_path)
    key = put(cache, "x")
    with pytest.raises(FileNotFoundError):
        cache.read(key, lambda folder, _: (folder / "b.npy").read_bytes())


def test_what_a_crash_left_is_swept_when_it_is_old(tmp_path):
    cache = Cache(tmp_path)
    put(cache, "x")
    old, new = tmp_path / ".part-old", tmp_path / ".part-new"
    for folder in (old, new):
        folder.mkdir()
    os.utime(old, (time.time() - 2 * 86400,) * 2)
    cache.prune(10**9)
    assert (old.exists(), new.exists()) == (False, True)


def hammer(root, seed, queue):
    """Write and read the same few entries as fast as possible, while the bound removes some."""
    cache, rng, wrong, found = Cache(root, limit=40_000), np.random.default_rng(seed), 0, 0
    for _ in range(150):
        name = int(rng.integers(0, 8))
        key = key_of("entry", name)
        # Nothing is caught: one that the other removes meanwhile has to be as good as none.
        values = cache.read(key, slowly)
        if values is None:
            put_named(cache, key, name)
        else:
            found += 1
            wrong += not (len(values) == 10_000 and (values == name).all())
    queue.put((wrong, found))


def slowly(folder, _):
    """Leave the other process time to remove an entry between finding and opening it."""
    time.sleep(0.01)
    return np.load(folder / "a.npy")


def put_named(cache, key, name):
    with cache.writing(key, "rows", {"name": name}) as folder:
        values = np.lib.format.open_memmap(folder / "a.npy", "w+", np.uint8, (10_000,))
        for a in range(0, 10_000, 1000):
            values[a : a + 1000] = name


def test_two_processes_at_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    workers = [context.Process(target=hammer, args=(tmp_path, seed, queue)) for seed in (1, 2)]
    for worker in workers:
        worker.start()
    results = [queue.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join(30)
        assert worker.exitcode == 0
    assert [wrong for wrong, _ in results] == [0, 0]
    assert min(found for _, found in results) > 10
    entries = Cache(tmp_path).entries()
    assert 1 <= len(entries) <= 4
    for entry in entries:
        assert (np.load(entry.folder / "a.npy") == entry.meta["name"]).all()


def test_a_place_that_cannot_be_written_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    cache = Cache(tmp_path / "file" / "c")
    with pytest.raises(MespotError, match="cannot keep results here"):
        put(cache, "x")


def test_place_and_bound_follow_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("MESPOT_CACHE", str(tmp_path / "mine"))
    assert default_root() == tmp_path / "mine"
    monkeypatch.delenv("MESPOT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setattr("sys.platform", "linux")
    assert default_root() == tmp_path / "xdg" / "mespot"
    monkeypatch.setenv("MESPOT_CACHE_GB", "0.5")
    assert default_limit() == 500_000_000
    monkeypatch.setenv("MESPOT_CACHE_GB", "much")
    with pytest.raises(UsageError, match="MESPOT_CACHE_GB=much"):
        default_limit()


def test_digests_follow_content_and_are_not_read_twice(tmp_path, monkeypatch):
    cache, source = Cache(tmp_path / "c"), tmp_path / "images"
    source.mkdir()
    (source / "1.png").write_bytes(b"one")
    first = digest_of(source, cache)
    assert first == digest_of(source)
    reads = []
    monkeypatch.setattr("mespot.cache.sha256", lambda path: reads.append(path) or "anew")
    assert digest_of(source, cache) == first
    assert reads == []
    (source / "1.png").write_bytes(b"two")
    os.utime(source / "1.png", ns=(1, 1))
    assert digest_of(source, cache) == "anew"


def test_the_verb_shows_and_prunes(tmp_path, capsys):
    cache = Cache(tmp_path)
    for name in "abc":
        put(cache, name)
    size = each(cache)
    assert run(["cache", "--dir", str(tmp_path), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["kinds"] == {"rows": {"entries": 3, "bytes": 3 * size}}
    assert run(["cache", "--dir", str(tmp_path), "--prune", str(2.5 * size / 1e9)]) == 0
    assert "removed 1 entries" in capsys.readouterr().out
    assert len(cache.entries()) == 2
    assert run(["cache", "--dir", str(tmp_path), "--prune", "0"]) == 0
    assert cache.entries() == []


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "-1", "much"])
def test_a_bound_that_is_no_number_is_refused_and_removes_nothing(tmp_path, capsys, number):
    put(Cache(tmp_path), "a")
    assert run(["cache", "--dir", str(tmp_path), "--prune", number]) == 2
    assert "--prune" in capsys.readouterr().err
    assert len(Cache(tmp_path).entries()) == 1
