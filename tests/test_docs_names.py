"""What the pages name exists; what docs/paper-to-code.md names is reached by a verb and used."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import mespot
from test_architecture import GRAPH, MODULES

CORE = Path(mespot.__file__).parent
ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PAPER = ROOT / "docs" / "paper-to-code.md"
# `file: Name`, `file: Name.attribute` or `file` in the last column.
CODE = re.compile(r"`([\w/-]+\.(?:py|toml))(?:: ([\w.]+))?`")
NAMES = sorted({m.groups() for m in CODE.finditer(PAPER.read_text("utf-8"))}, key=str)
PLUGINS = ("descriptors", "scorers", "datasets", "exports")


def reached(graph: dict[str, set[str]]) -> set[str]:
    """The modules that some verb imports, directly or not; plug-ins are found by name."""
    waiting = [
        name for name in graph if name.split(".")[:2] in [["mespot", p] for p in ("cli", *PLUGINS)]
    ]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += graph[name]
    return seen


def used_in(module: str, name: str, tree: ast.Module, here: bool) -> bool:
    """Whether a module's code refers to ``name`` of ``module``, outside its own definition.

    ``here``: the tree is that of the module itself.
    """
    aliases = {name} if here else set()
    packages: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if node.module == module and alias.name == name:
                    aliases.add(alias.asname or alias.name)
                elif f"{node.module}.{alias.name}" == module:
                    packages.add(alias.asname or alias.name)
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Name) and node.id in aliases:
            return True
        if (
            isinstance(node, ast.Attribute)
            and node.attr == name
            and isinstance(node.value, ast.Name)
            and node.value.id in packages
        ):
            return True
        if not (here and getattr(node, "name", None) == name):
            waiting += ast.iter_child_nodes(node)
    return False


REACHED = reached(GRAPH)
TREES = {name: ast.parse(MODULES[name].read_text("utf-8")) for name in sorted(REACHED)}


def test_the_page_names_something():
    assert len(NAMES) > 15


@pytest.mark.parametrize(("file", "name"), NAMES)
def test_what_the_paper_has_is_there_and_a_verb_reaches_it(file, name):
    assert (CORE / file).is_file(), f"{file} does not exist"
    if file.endswith(".toml"):
        return
    module = "mespot." + file.removesuffix(".py").replace("/", ".")
    assert module in REACHED, f"no verb reaches {module}"
    if name is None:
        return
    first, *attributes = name.split(".")
    body = TREES[module].body
    for part in (first, *attributes):
        found = [node for node in body if getattr(node, "name", None) == part]
        assert found, f"{file} defines no {part}"
        body = getattr(found[0], "body", [])
    assert any(used_in(module, first, t, here=n == module) for n, t in TREES.items()), (
        f"no code but its own refers to {module}.{first}"
    )
    for attribute in attributes:
        assert any(
            isinstance(node, ast.Attribute) and node.attr == attribute
            for tree in TREES.values()
            for node in ast.walk(tree)
        ), f"no code reads {name}"


def test_a_name_that_only_its_own_code_uses_is_not_used():
    """Three ways to be used, and three that are none."""
    used = ["from a.b import f\nf()", "from a.b import f as g\ng()", "from a import b\nb.f()"]
    unused = ["from a.b import f", "from a.c import f\nf()", "x.f()"]
    assert all(used_in("a.b", "f", ast.parse(code), here=False) for code in used)
    assert not any(used_in("a.b", "f", ast.parse(code), here=False) for code in unused)
    assert used_in("a.b", "f", ast.parse("def f(): pass\nPLUGIN = f"), here=True)
    assert not used_in("a.b", "f", ast.parse("def f():\n    return f()"), here=True)


def test_a_module_that_no_verb_imports_is_not_reached():
    graph = {"mespot.cli.spot": {"mespot.a"}, "mespot.a": set(), "mespot.b": {"mespot.a"}}
    assert reached(graph) == {"mespot.cli.spot", "mespot.a"}


PATHS = re.compile(r"(?<![\w/.-])((?:benchmarks|scripts|lab|tests)/[\w/-]+\.(?:py|sh|toml))")
MODULE_PATHS = re.compile(r"`(\w+/\w+\.py)(?:: \w+)?`")
TEST_FILES = re.compile(r"(?<![\w/])(test_[\w*]+\.py)")


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_that_a_page_names_exist(page):
    text = page.read_text("utf-8")
    missing = [name for name in PATHS.findall(text) if not (ROOT / name).is_file()]
    packages = (ROOT, ROOT / "lab", CORE, ROOT / "lab" / "src" / "mespot_lab")
    for name in MODULE_PATHS.findall(text):
        if not any((package / name).is_file() for package in packages):
            missing.append(name)
    for name in TEST_FILES.findall(text):
        if not any(list((ROOT / tests).glob(name)) for tests in ("tests", "lab/tests")):
            missing.append(name)
    assert not missing
