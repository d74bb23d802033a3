"""Which code decides: words do not count, statements and imported modules do."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field

import pytest

from mespot import code_hash
from mespot.contracts import LearnedScorer
from mespot.scorers.lstm import Lstm

CACHES = (code_hash._imports, code_hash._path, code_hash._root, code_hash._meaning)


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A package of its own, which mespot's files are no part of; call it to write modules."""

    def forget():
        for cached in CACHES:
            cached.cache_clear()

    def write(**files):
        for name, text in files.items():
            path = tmp_path / "pack" / f"{name.replace('__', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        forget()

    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "pack", raising=False)
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").write_text("")
    write(a="from pack.b import f\n", b="import numpy\ndef f():\n    return 1\n", c="x = 1\n")
    yield write
    forget()


def test_words_do_not_count_and_statements_do(tree):
    before = code_hash.code_hash(["pack.a"])
    tree(b='"""Words."""\nimport numpy\n\n# More.\ndef f():\n    """Even more."""\n    return 1\n')
    assert code_hash.code_hash(["pack.a"]) == before
    tree(b='"""Others."""\nimport numpy\ndef f():\n    """And other ones."""\n    return (1)\n')
    assert code_hash.code_hash(["pack.a"]) == before
    tree(b="import numpy\ndef f():\n    return 2\n")
    assert code_hash.code_hash(["pack.a"]) != before


def test_only_what_is_imported_counts(tree):
    before = code_hash.code_hash(["pack.a"])
    assert code_hash.closure(["pack.a"]) == ["pack.a", "pack.b"]
    tree(c="x = 2\n")
    assert code_hash.code_hash(["pack.a"]) == before
    tree(a="def g():\n    from pack import c\n    from pack.b import f\n")
    assert code_hash.closure(["pack.a"]) == ["pack.a", "pack.b", "pack.c"]


def test_circles_end(tree):
    tree(b="from pack.a import g\n")
    assert code_hash.closure(["pack.a"]) == ["pack.a", "pack.b"]


def test_libraries_count(monkeypatch):
    monkeypatch.setattr(code_hash, "_version", lambda name: "1")
    one = code_hash.code_hash(["mespot.types"], ["numpy"])
    monkeypatch.setattr(code_hash, "_version", lambda name: "2")
    assert code_hash.code_hash(["mespot.types"], ["numpy"]) != one


def test_the_code_of_rows_and_of_folds():
    aligning = code_hash.closure(["mespot.align.aligner", "mespot.video"])
    assert {"mespot.align.register", "mespot.video.file"} <= set(aligning)
    assert not any("descriptors" in name or "scorers" in name for name in aligning)
    folds = code_hash.closure(["mespot.evaluation.fold", "mespot.scorers.lstm"])
    assert {"mespot.scorers.lstm_torch", "mespot.decoding", "mespot.protocol"} <= set(folds)
    # A recipe holds the choices of alignment, but a fold aligns nothing.
    assert [name for name in folds if "align" in name] == ["mespot.align.config"]
    assert not any("cli" in name or "video" in name for name in folds)


def test_a_strangers_module_brings_what_it_imports_of_mespot(tree):
    tree(b="from mespot.windows import smooth\ndef f():\n    return smooth\n")
    assert {"pack.a", "pack.b", "mespot.windows"} <= set(code_hash.closure(["pack.a"]))
    tree(b="import pack.none\n")
    assert code_hash.closure(["pack.a", "no.such.module"]) == ["pack.a", "pack.b"]


def test_a_plug_in_counts_with_its_parts():
    @dataclass(frozen=True)
    class Both(LearnedScorer):
        one: Lstm = field(default_factory=Lstm)

        def fit(self, series, truth, seed, quality=None):
            return {}

        def score(self, series, weights):
            return series

        def parts(self):
            return (self.one,)

    assert code_hash.plugin_modules(Lstm()) == ("mespot.scorers.lstm",)
    assert code_hash.plugin_modules(Both()) == (__name__, "mespot.scorers.lstm")
    assert code_hash.plugin_libraries(Lstm()) == ()
