"""The house: imports point downwards, nothing goes in circles, private modules stay private.

Imports inside functions and under ``TYPE_CHECKING`` count like all others.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import mespot

CORE = Path(mespot.__file__).parent
LAB = Path(__file__).resolve().parents[1] / "lab" / "src" / "mespot_lab"
# From the bottom up. A module imports from its own layer and from those below it.
LAYERS = [
    "version", "telemetry", "errors", "extras", "onnx_runtime", "compiling", "types", "files",
    "locks", "weights", "packing", "prefetch", "interrupts", "load_ahead", "matching", "labels",
    "row_files", "windows", "thresholds", "progress", "versions", "recipes", "sheet", "inspection",
    "contracts", "registry", "code_hash", "cache",
    "runner", "video", "align", "descriptors", "scorers", "decoding", "recipe",
    "metrics", "exports", "verdicts", "score_files", "rows_folder", "datasets", "synthetic",
    "pipeline", "protocol", "rows",
    "training", "evaluation", "spotter", "picture", "results", "api", "testing", "cli", "__main__",
]  # fmt: skip


def modules(root: Path) -> dict[str, Path]:
    """Dotted name -> file of all modules below a package's folder."""
    found = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules(CORE) | (modules(LAB) if LAB.is_dir() else {})


def imports(name: str) -> set[str]:
    """The modules of the project that a module imports, wherever in its text."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(MODULES[name].read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert not node.level, f"{name}: write imports in full"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found.add(whole if whole in MODULES else node.module)
    return {n for n in found if n in MODULES and n != name}


GRAPH = {name: imports(name) for name in MODULES}


def layer(name: str) -> str:
    return name.split(".")[1] if "." in name else name


def circles() -> list[list[str]]:
    """Strongly connected parts of the import graph with more than one module (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in sorted(GRAPH[name]):
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            part = []
            while not part or part[-1] != name:
                part.append(stack.pop())
            if len(part) > 1:
                found.append(sorted(part))

    sys.setrecursionlimit(10_000)
    for name in GRAPH:
        if name not in index:
            visit(name)
    return found


def test_nothing_goes_in_circles():
    assert circles() == []


@pytest.mark.parametrize("name", [n for n in MODULES if n.startswith("mespot.")])
def test_imports_point_downwards(name):
    assert layer(name) in LAYERS, f"{layer(name)} has no place in the order"
    for other in GRAPH[name]:
        if other == "mespot":
            continue
        assert LAYERS.index(layer(other)) <= LAYERS.index(layer(name)), f"{name} imports {other}"


@pytest.mark.parametrize("name", sorted(MODULES))
def test_private_modules_and_names_stay_in_their_package(name):
    package = name if MODULES[name].name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(MODULES[name].read_text("utf-8"))):
        if not isinstance(node, ast.ImportFrom) or not node.module:
            continue
        if not node.module.startswith(("mespot", "mespot_lab")):
            continue
        for alias in node.names:
            parts = [*node.module.split("."), alias.name]
            private = [i for i, p in enumerate(parts) if p[0] == "_" and not p.startswith("__")]
            if private:
                owner = ".".join(parts[: private[0]])
                assert package == owner, f"{name} imports {'.'.join(parts)}"


def test_the_core_does_not_know_the_lab():
    for name, used in GRAPH.items():
        if not name.startswith("mespot_lab"):
            assert not [u for u in used if u.startswith("mespot_lab")], name


def test_importing_mespot_is_light():
    code = (
        "import sys, mespot, mespot.types, mespot.recipe;"
        "heavy = {'torch', 'cv2', 'numba', 'av', 'dlib', 'matplotlib', 'onnxruntime'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_public_names_resolve():
    for name in mespot.__all__:
        assert getattr(mespot, name) is not None
    with pytest.raises(AttributeError, match="nothing_such"):
        _ = mespot.nothing_such
