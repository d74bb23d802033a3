"""Which code decides a result: a hash of some modules and of all of mespot that they import.

Comments, docstrings and layout do not count, so that what was computed stays good when only words
change. Versions of the libraries that compute are part of it.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable
from functools import lru_cache
from importlib import metadata
from pathlib import Path

_HERE = Path(__file__).parent


def code_hash(modules: Iterable[str], libraries: Iterable[str] = ()) -> str:
    """16 hex digits of the code of modules such as ``mespot.align.aligner`` and what they import.

    ``libraries`` are names of distributions; one that is not installed counts as missing.
    Packages on the way to a module (their ``__init__``) count only where they are imported as such.
    """
    digest = hashlib.sha256()
    for name in closure(modules):
        digest.update(f"{name} {_meaning(_path(name))}\n".encode())
    for library in sorted(libraries):
        digest.update(f"{library} {_version(library)}\n".encode())
    return digest.hexdigest()[:16]


def closure(modules: Iterable[str]) -> list[str]:
    """The modules and all of mespot that they import, directly or not, sorted."""
    waiting, seen = list(modules), set()
    while waiting:
        name = waiting.pop()
        if name in seen or name == "mespot":
            continue
        seen.add(name)
        waiting += _imports(name)
    return sorted(seen)


@lru_cache(maxsize=512)
def _imports(name: str) -> tuple[str, ...]:
    found = set()
    for node in ast.walk(ast.parse(_path(name).read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            parts = {f"{node.module}.{alias.name}" for alias in node.names}
            modules = {part for part in parts if _exists(part)}
            # Whatever is no module of its own is a name within the one it is imported from.
            found |= modules | ({node.module} if modules != parts else set())
    return tuple(sorted(name for name in found if _exists(name)))


def _exists(name: str) -> bool:
    return name.startswith("mespot.") and _path(name).is_file()


def _path(name: str) -> Path:
    place = _HERE.joinpath(*name.split(".")[1:])
    return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")


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
