"""Every name in docs/paper-to-code.md exists, and a verb reaches it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import mespot
from test_architecture import GRAPH, MODULES

CORE = Path(mespot.__file__).parent
PAGE = Path(__file__).resolve().parents[1] / "docs" / "paper-to-code.md"
# `file: Name`, `file: Name.attribute` or `file` in the last column.
CODE = re.compile(r"`([\w/-]+\.(?:py|toml))(?:: ([\w.]+))?`")
NAMES = sorted({m.groups() for m in CODE.finditer(PAGE.read_text("utf-8"))}, key=str)


def reached() -> set[str]:
    """The modules that some verb imports, directly or not, imports inside functions included."""
    waiting = [name for name in MODULES if name.startswith("mespot.cli.")]
    # Plug-ins are found by name.
    waiting += [
        name for name in MODULES
        if name.startswith(("mespot.descriptors.", "mespot.scorers.", "mespot.datasets."))
    ]  # fmt: skip
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += GRAPH[name]
    return seen


REACHED = reached()


def used_names() -> dict[str, set[str]]:
    """Name -> modules of production code that mention it, other than by defining it."""
    found: dict[str, set[str]] = {}
    for module, path in MODULES.items():
        if module not in REACHED:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Name):
                found.setdefault(node.id, set()).add(module)
            elif isinstance(node, ast.Attribute):
                found.setdefault(node.attr, set()).add(module)
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    found.setdefault(alias.name, set()).add(module)
    return found


USED = used_names()


def test_the_page_names_something():
    assert len(NAMES) > 15


@pytest.mark.parametrize(("file", "name"), NAMES)
def test_the_name_is_there_and_reached(file, name):
    path = CORE / file
    assert path.is_file(), f"{file} does not exist"
    if file.endswith(".toml"):
        return
    module = "mespot." + file.removesuffix(".py").replace("/", ".")
    assert module in REACHED, f"no verb reaches {module}"
    if name is None:
        return
    body = ast.parse(path.read_text("utf-8")).body
    for part in name.split("."):
        found = [n for n in body if getattr(n, "name", None) == part]
        assert found, f"{file} defines no {part}"
        body = getattr(found[0], "body", [])
        assert USED.get(part), f"nothing uses {part}"
