"""Classes without a source file, as in a notebook: their compiled code decides their keys."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from mespot.code_hash import code_hash, plugin_hash, without_module
from mespot.contracts import check
from mespot.descriptors.region_flow import RegionFlow

TEXT = '''
from dataclasses import dataclass
import numpy as np
from mespot.contracts import BaseDescriptor
from mespot.types import FrameSeries

SCALE = 2.0
TABLE = np.arange(3)
KINDS = frozenset(("a", "b", "c"))
unused = 1

def helper(x):
    return x * SCALE

def decorated(function):
    def inner(*args):
        return function(*args) + 1
    inner.__wrapped__ = function
    return inner

@decorated
def wrapped(x):
    return x + 3

class Base(BaseDescriptor):
    @property
    def shift(self):
        return 4

    @staticmethod
    def power(x):
        return x**5

@dataclass(frozen=True)
class Typed(Base):
    """Words."""

    size: int = 6

    def span_at(self, fps, least=7):
        return 1

    def describe(self, clip):
        values = [[helper(wrapped(f.mean())) + TABLE[0] + (8 if "a" in KINDS else 0)] for f in clip.frames]
        return FrameSeries(np.array(values, np.float32), 0, 1, 1, len(clip), clip.fps)
'''  # noqa: E501


@pytest.fixture
def typed(monkeypatch):
    """An object of the class in a module that no file holds, with some of its text changed."""

    def make(*changes, **fields):
        text = TEXT
        for old, new in changes:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        module = ModuleType("typed_here")
        monkeypatch.setitem(sys.modules, "typed_here", module)
        exec(compile(text, "<cell>", "exec"), vars(module))
        return module.Typed(**fields)

    return make


def digest(plug_in):
    return plugin_hash(plug_in, ("mespot.types",), ("numpy",))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("f.mean()", "f.max()"),
        ("x * SCALE", "x / SCALE"),
        ("SCALE = 2.0", "SCALE = 2.5"),
        ("np.arange(3)", "np.arange(4)"),
        ('("a", "b", "c")', '("a", "b")'),
        ("return x + 3", "return x + 4"),
        ("(*args) + 1", "(*args) + 2"),
        ("return 4", "return 5"),
        ("x**5", "x**6"),
        ("least=7", "least=8"),
        ("(8 if", "(9 if"),
        ("size: int = 6", "size: int = 5"),
    ],
)
def test_whatever_the_class_uses_counts(typed, old, new):
    assert digest(typed((old, new))) != digest(typed())


def test_nothing_else_counts(typed):
    before = digest(typed())
    assert digest(typed()) == before
    assert digest(typed(size=3)) == before
    assert digest(typed(("unused = 1", "unused = 2"))) == before
    assert digest(typed(("unused = 1", "# A note."))) == before
    assert digest(typed(("def helper", "\n\ndef helper"))) == before
    check("descriptors", typed())


def test_code_in_files_has_the_digest_of_its_modules(typed):
    by_file = code_hash(("mespot.descriptors.region_flow", "mespot.types"), ("numpy",))
    assert digest(RegionFlow()) == by_file
    assert digest(typed()).startswith(code_hash(("mespot.types",), ("numpy",)))
    assert len(digest(typed())) == 2 * len(by_file)


def test_what_other_processes_cannot_import(typed):
    assert without_module(RegionFlow()) == ""
    assert without_module(typed()) == "Typed"

    class Local(RegionFlow):
        pass

    assert without_module(Local()).endswith("<locals>.Local")
