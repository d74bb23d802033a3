"""Which code decides a result: a hash of some modules and of what they import of their package.

Comments, docstrings and layout do not count, so that what was computed stays good when only words
change. Versions of the libraries that compute are part of it.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib import metadata
from pathlib import Path

from mespot.contracts import Descriptor, Scorer


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
    parts = plug_in.parts() if isinstance(plug_in, Descriptor | Scorer) else ()
    own = type(plug_in).__module__
    return (own, *(name for part in parts for name in plugin_modules(part)))


def plugin_libraries(plug_in: object) -> tuple[str, ...]:
    """The distributions, other than mespot's own, that a plug-in's modules belong to."""
    tops = {name.partition(".")[0] for name in plugin_modules(plug_in)} - {"mespot"}
    return tuple(sorted({d for top in tops for d in _owners().get(top, ())}))


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
