"""Nothing leaves the machine: no socket, no name look-up, nothing of another program under HOME."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from mespot.synthetic import STANDARD, load_portraits, render_recording

LIBRARY = """
import sys
import mespot
result = mespot.load_spotter().spot(sys.argv[1])
assert len(result.scores)
"""
CLI = """
import sys
from mespot.cli import run
code = run(["spot", sys.argv[1], "-o", sys.argv[2]])
assert "numba" not in sys.modules, "numba was loaded"
sys.exit(code)
"""
SELF_TEST = "import mespot; mespot.load_spotter().self_test()"
RUNTIME_FIRST = """
import sys, types, warnings
# A stand-in for the runtime, so that this test starts no telemetry itself.
sys.modules["onnxruntime"] = types.ModuleType("onnxruntime")
with warnings.catch_warnings(record=True) as heard:
    warnings.simplefilter("always")
    from mespot.onnx_runtime import load_runtime
    load_runtime()
assert any("before mespot" in str(w.message) for w in heard), [str(w.message) for w in heard]
"""


SMALL = replace(STANDARD, width=320, height=240, eye_px=(48.0, 50.0))

needs_strace = pytest.mark.skipif(
    shutil.which("strace") is None, reason="strace is not on this machine"
)


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("clip")
    render_recording(load_portraits(None)[0], folder, "face", SMALL, 2, 3.0, Fraction(30))
    return folder / "face.mp4"


def trace(code: str, clip: Path, folder: Path, **more: str) -> tuple[str, list[Path]]:
    """Run code under strace with a fresh HOME: its network calls, and the files left under HOME."""
    home, log = folder / "home", folder / "trace.txt"
    home.mkdir()
    keep = ("PATH", "PYTHONPATH", "OPENBLAS_CORETYPE", "LD_LIBRARY_PATH")
    env = {name: os.environ[name] for name in keep if name in os.environ}
    done = subprocess.run(
        ["strace", "-f", "-qq", "-e", "trace=network", "-o", str(log),
         sys.executable, "-c", code, str(clip), str(folder / "out")],
        env={**env, "HOME": str(home), **more}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return log.read_text(errors="replace"), [p for p in home.rglob("*") if p.is_file()]


@needs_strace
@pytest.mark.parametrize("code", [CLI, LIBRARY, SELF_TEST], ids=["cli", "library", "self-test"])
def test_no_socket_and_nothing_foreign_under_home(code, clip, tmp_path):
    calls, left = trace(code, clip, tmp_path)
    assert "AF_INET" not in calls
    assert not [p for p in left if "onnx" in str(p).lower()]


@needs_strace
def test_a_users_value_of_the_switch_does_not_turn_it_on(clip, tmp_path):
    calls, left = trace(SELF_TEST, clip, tmp_path, ORT_DISABLE_TELEMETRY="0")
    assert "AF_INET" not in calls
    assert not [p for p in left if "onnx" in str(p).lower()]


def test_a_runtime_that_was_imported_before_is_reported():
    env = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run(
        [sys.executable, "-c", RUNTIME_FIRST], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_spotting_does_not_load_numba(clip, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", CLI, str(clip), str(tmp_path / "out")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
