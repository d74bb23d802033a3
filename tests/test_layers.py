"""The package's order: a file imports only from files above it, and importing it stays light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import mespot

SRC = Path(mespot.__file__).parent
# From the bottom up; a module may import from its own layer and from those before it.
ORDER = [
    "_version", "errors", "compiling", "types", "registry", "files", "cache", "recipe", "_ahead",
    "_prefetch", "_interrupts", "video", "align", "descriptors", "pipeline", "labels", "windows",
    "scorers", "decode", "exports", "metrics", "datasets", "synthetic", "protocol", "runner",
    "material", "spotter", "training", "evaluation", "picture", "results", "cli",
]  # fmt: skip
# Small parts of a layer that stand beside it at the top of the package.
PART_OF = {
    "_matching": "metrics", "_threshold": "decode", "_intervals": "decode", "_packing": "cache",
    "_code": "cache", "_footage": "pipeline", "_making": "pipeline", "_truth": "material",
}  # fmt: skip
# The registry is a recipe's means of finding plug-ins: it builds them when it is called.
ALLOWED = {("registry", "recipe")}


def layer_of(name: str) -> str:
    return PART_OF.get(name, name)


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("mespot"):
            parts = node.module.split(".")
            found |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
    return found


@pytest.mark.parametrize("path", sorted(SRC.rglob("*.py")), ids=lambda p: str(p.relative_to(SRC)))
def test_imports_point_upwards(path):
    layer = layer_of(path.relative_to(SRC).parts[0].removesuffix(".py"))
    if layer == "__init__":
        return
    assert layer in ORDER, f"{layer} has no place in the order"
    for name in imported(path):
        target = layer_of(name)
        if target in ORDER and (layer, target) not in ALLOWED:
            assert ORDER.index(target) <= ORDER.index(layer), f"{layer} imports {target}"


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
