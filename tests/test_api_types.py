"""What the public interface gives to a type checker: mypy over typed_use.py finds no Any."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
USE = ROOT / "tests" / "typed_use.py"


@pytest.fixture(scope="module")
def lines():
    pytest.importorskip("mypy")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--no-incremental", "--strict", str(USE)],
        capture_output=True, text=True, check=False, cwd=ROOT,
        env={**os.environ, "MYPYPATH": str(ROOT / "src")},
    )  # fmt: skip
    return [line for line in done.stdout.splitlines() if USE.name in line]


def test_the_use_of_the_interface_is_well_typed(lines):
    assert not [line for line in lines if ": error:" in line]


def test_no_revealed_type_holds_any(lines):
    revealed = [line for line in lines if "Revealed type" in line]
    assert len(revealed) == USE.read_text("utf-8").count("\nreveal_type(")
    # numpy writes the shape of an array, and the type of its elements, with Any.
    arrays = re.compile(r"tuple\[(builtins\.)?Any, \.\.\.\]")
    assert not [line for line in revealed if "Any" in arrays.sub("", line)]
