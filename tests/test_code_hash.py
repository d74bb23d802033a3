"""Which code decides: words do not count, statements and imported modules do."""

from __future__ import annotations

import pytest

from mespot import _code


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A package of its own in place of mespot's files."""

    def write(**files):
        for name, text in files.items():
            path = tmp_path / f"{name.replace('__', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        _code._imports.cache_clear()
        _code._meaning.cache_clear()

    monkeypatch.setattr(_code, "_HERE", tmp_path)
    write(a="from mespot.b import f\n", b="import numpy\ndef f():\n    return 1\n", c="x = 1\n")
    yield write
    _code._imports.cache_clear()
    _code._meaning.cache_clear()


def test_words_do_not_count_and_statements_do(tree):
    before = _code.code_hash(["mespot.a"])
    tree(b='"""Words."""\nimport numpy\n\n# More.\ndef f():\n    """Even more."""\n    return 1\n')
    assert _code.code_hash(["mespot.a"]) == before
    tree(b='"""Others."""\nimport numpy\ndef f():\n    """And other ones."""\n    return (1)\n')
    assert _code.code_hash(["mespot.a"]) == before
    tree(b="import numpy\ndef f():\n    return 2\n")
    assert _code.code_hash(["mespot.a"]) != before


def test_only_what_is_imported_counts(tree):
    before = _code.code_hash(["mespot.a"])
    assert _code.closure(["mespot.a"]) == ["mespot.a", "mespot.b"]
    tree(c="x = 2\n")
    assert _code.code_hash(["mespot.a"]) == before
    tree(a="def g():\n    from mespot import c\n    from mespot.b import f\n")
    assert _code.closure(["mespot.a"]) == ["mespot.a", "mespot.b", "mespot.c"]


def test_circles_end(tree):
    tree(b="from mespot.a import g\n")
    assert _code.closure(["mespot.a"]) == ["mespot.a", "mespot.b"]


def test_libraries_count(monkeypatch):
    monkeypatch.setattr(_code, "_version", lambda name: "1")
    one = _code.code_hash(["mespot.types"], ["numpy"])
    monkeypatch.setattr(_code, "_version", lambda name: "2")
    assert _code.code_hash(["mespot.types"], ["numpy"]) != one


def test_the_code_of_rows_and_of_folds():
    aligning = _code.closure(["mespot.align.aligner", "mespot.video"])
    assert {"mespot.align.register", "mespot.video.file"} <= set(aligning)
    assert not any("descriptors" in name or "scorers" in name for name in aligning)
    folds = _code.closure(["mespot.evaluation.fold", "mespot.scorers.lstm"])
    assert {"mespot.scorers.lstm_torch", "mespot.decoding", "mespot.protocol"} <= set(folds)
    assert not any("align" in name or "cli" in name for name in folds)
