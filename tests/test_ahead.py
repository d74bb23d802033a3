"""Loading ahead: modules are there afterwards, failures are left to whoever imports them."""

from __future__ import annotations

import sys

from mespot.load_ahead import load_ahead


def test_modules_are_loaded_and_one_that_fails_does_not_keep_the_next_from_it(
    tmp_path, monkeypatch, capfd
):
    for name, text in (("ahead_a", "x = 1"), ("ahead_b", "1 / 0"), ("ahead_c", "x = 3")):
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    thread = load_ahead(["ahead_a", "ahead_b", "ahead_none", "ahead_c"])
    thread.join(20)
    assert not thread.is_alive()
    assert sys.modules["ahead_a"].x == 1
    assert "ahead_b" not in sys.modules
    assert sys.modules["ahead_c"].x == 3
    assert capfd.readouterr() == ("", "")


def test_the_interpreter_waits_for_it():
    thread = load_ahead([])
    assert not thread.daemon
    thread.join(20)
