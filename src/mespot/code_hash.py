"""Which code decides a result: a hash of some modules and of what they import of their package.

Comments, docstrings and layout do not count, so that what was computed stays good when only words
change. Versions of the libraries that compute are part of it.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from mespot.contracts import Descriptor, Scorer, module_of


def code_hash(modules: Iterable[str], libraries: Iterable[str] = ()) -> str:
    """16 hex digits of the code of modules such as ``mespot.align.aligner`` and what they import.

    Of every module, the imports from its own top-level package and from ``mespot`` are followed.
    ``libraries`` are names of distributions; one that is not installed counts as missing. Packages
    on the way to a module (their ``__init__``) count only where they are imported as such.
    """
    digest = hashlib.sha256()
    for name in closure(modules):
        path = _path(name)
        assert path is not None
        digest.update(f"{name} {_meaning(path)}\n".encode())
    for library in sorted(libraries):
        digest.update(f"{library} {_version(library)}\n".encode())
    return digest.hexdigest()[:16]


def plugin_modules(plug_in: object) -> tuple[str, ...]:
    """The modules that a plug-in object and the parts it is made of are written in."""
    return tuple(module_of(cls) for cls in _classes(plug_in))


def _classes(plug_in: object) -> list[type]:
    """The class of a plug-in object, and those of the parts it is made of."""
    parts = plug_in.parts() if isinstance(plug_in, Descriptor | Scorer) else ()
    return [type(plug_in), *(cls for part in parts for cls in _classes(part))]


def plugin_libraries(plug_in: object) -> tuple[str, ...]:
    """The distributions, other than mespot's own, that a plug-in's modules belong to."""
    tops = {name.partition(".")[0] for name in plugin_modules(plug_in)} - {"mespot"}
    return tuple(sorted({d for top in tops for d in _owners().get(top, ())}))


def plugin_hash(plug_in: object, modules: Iterable[str], libraries: Iterable[str]) -> str:
    """As :func:`code_hash`, with the code and the distributions of a plug-in and its parts.

    The code of a class without a source file, typed into an interpreter or a notebook, counts as it
    was compiled, with the functions, classes and plain values of its module that it names.
    """
    digest = code_hash(
        (*plugin_modules(plug_in), *modules), (*libraries, *plugin_libraries(plug_in))
    )
    typed = _Typed()
    for cls in _classes(plug_in):
        typed.add(cls)
    return digest + typed.digest


def without_module(plug_in: object) -> str:
    """The first class of a plug-in that another process cannot import; "" if there is none."""
    for cls in _classes(plug_in):
        if "<locals>" in cls.__qualname__ or not _exists(module_of(cls)):
            return cls.__qualname__
    return ""


class _Typed:
    """Collects compiled code of classes and functions whose modules have no source file."""

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._kept: list[object] = []
        self._lines: list[str] = []

    @property
    def digest(self) -> str:
        """16 hex digits; nothing where all code has a source file."""
        if not self._lines:
            return ""
        return hashlib.sha256("\n".join(self._lines).encode()).hexdigest()[:16]

    def add(self, item: object) -> None:
        """Add a class or function, and what it names, unless a source file holds it."""
        # Ids are compared while the objects live.
        if id(item) in self._seen:
            return
        self._seen.add(id(item))
        self._kept.append(item)
        if isinstance(item, type):
            if not _exists(module_of(item)):
                self._class(item)
        elif isinstance(item, FunctionType):
            if not _exists(item.__module__ or ""):
                self._function(item)
        elif not isinstance(item, ModuleType):
            for inner in _wrapped(item):
                self.add(inner)

    def _class(self, cls: type) -> None:
        self._lines.append(f"class {cls.__qualname__}")
        for base in cls.__bases__:
            self.add(base)
        for name, value in sorted(vars(cls).items()):
            if name not in _OF_EVERY_CLASS:
                self._value(name, value)

    def _function(self, function: FunctionType) -> None:
        self._lines.append(f"def {function.__qualname__}")
        self._code(function.__code__)
        for name, value in (("defaults", function.__defaults__), ("", function.__kwdefaults__)):
            self._value(name, value)
        for cell in function.__closure__ or ():
            with suppress(ValueError):  # An empty cell.
                self._value("cell", cell.cell_contents)
        for name in sorted(_names(function.__code__)):
            if name in function.__globals__:
                self._value(name, function.__globals__[name])

    def _code(self, code: CodeType) -> None:
        self._lines.append(f"{code.co_code.hex()} {code.co_names} {code.co_varnames}")
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                self._code(constant)
            else:
                self._value("", constant)

    def _value(self, name: str, value: Any) -> None:
        if isinstance(value, np.ndarray):
            self._lines.append(f"{name} {value.dtype} {value.shape} {value.tobytes().hex()}")
        elif isinstance(value, frozenset | set):
            self._lines.append(f"{name} {sorted(map(repr, value))}")
        elif isinstance(value, _PLAIN):
            self._lines.append(f"{name} {value!r}")
        self.add(value)


_PLAIN = (bool, int, float, complex, str, bytes, tuple, list, dict, type(None))
_OF_EVERY_CLASS = frozenset((
    "__module__", "__dict__", "__weakref__", "__doc__", "__annotations__", "__dataclass_fields__",
    "__dataclass_params__", "__firstlineno__", "__static_attributes__", "__abstractmethods__",
    "_abc_impl", "__parameters__", "__orig_bases__", "__protocol_attrs__", "__annotate_func__",
    "__annotations_cache__", "__conditional_annotations__",
))  # fmt: skip


def _names(code: CodeType) -> set[str]:
    """The global names that a function and those inside it may use."""
    inner = (c for c in code.co_consts if isinstance(c, CodeType))
    return set(code.co_names).union(*(_names(c) for c in inner))


def _wrapped(item: object) -> Iterator[object]:
    """The functions inside a property, a static or class method, or another wrapper."""
    for name in ("fget", "__func__", "__wrapped__", "func"):
        inner = getattr(item, name, None)
        if isinstance(inner, FunctionType):
            yield inner


@lru_cache(maxsize=1)
def _owners() -> Mapping[str, list[str]]:
    """The distributions of every top-level package; looking through them all takes a while."""
    return metadata.packages_distributions()


def closure(modules: Iterable[str]) -> list[str]:
    """The modules and all of their package and of mespot that they import, directly or not, sorted.

    A module without a source file, such as one typed into an interpreter, is left out.
    """
    waiting, seen = list(modules), set()
    while waiting:
        name = waiting.pop()
        if name in seen or name == "mespot" or not _exists(name):
            continue
        seen.add(name)
        waiting += _imports(name)
    return sorted(seen)


@lru_cache(maxsize=512)
def _imports(name: str) -> tuple[str, ...]:
    path = _path(name)
    assert path is not None
    tops = {"mespot", name.partition(".")[0]}
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            parts = {f"{node.module}.{alias.name}" for alias in node.names}
            modules = {part for part in parts if part.partition(".")[0] in tops and _exists(part)}
            # Whatever is no module of its own is a name within the one it is imported from.
            found |= modules | ({node.module} if modules != parts else set())
    return tuple(sorted(n for n in found if n.partition(".")[0] in tops and _exists(n)))


def _exists(name: str) -> bool:
    return _path(name) is not None


@lru_cache(maxsize=1024)
def _path(name: str) -> Path | None:
    """The source file of a module, found without importing it; None if there is none."""
    top, _, rest = name.partition(".")
    root = _root(top)
    if root is None:
        return None
    place = root.joinpath(*rest.split(".")) if rest else root
    for path in (place / "__init__.py", place.with_suffix(".py")):
        if path.is_file():
            return path
    return None


@lru_cache(maxsize=64)
def _root(top: str) -> Path | None:
    """The folder of a top-level package, or the path of a module without its suffix."""
    module = sys.modules.get(top)
    file = getattr(module, "__file__", None)
    if file is None:
        try:
            spec = importlib.util.find_spec(top)
        except (ImportError, ValueError):
            return None
        file = None if spec is None else spec.origin
    if file is None or not str(file).endswith(".py"):
        return None
    path = Path(file)
    return path.parent if path.name == "__init__.py" else path.with_suffix("")


@lru_cache(maxsize=512)
def _meaning(path: Path) -> str:
    """The syntax tree without docstrings."""
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            value = body[0].value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                body[:1] = [] if len(body) > 1 else [ast.Pass()]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


@lru_cache(maxsize=64)
def _version(library: str) -> str:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return "missing"
