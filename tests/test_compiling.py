"""Compiling with numba: on first use, kept on disk, announced once."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from mespot.compiling import MESSAGE, kernel
from mespot.errors import MespotError

DESCRIBE = """
import sys
from fractions import Fraction
import numpy as np
from mespot.descriptors.lbp_top import LbpTop
from mespot.types import FaceClip
n = 12
frames = np.random.default_rng(0).integers(0, 256, (n, 40, 40), np.uint8)
clip = FaceClip(frames, np.ones(n, bool), np.zeros((n, 5, 2), np.float32), np.arange(n) / 25,
                Fraction(25))
descriptor = LbpTop(span=9)
assert "numba" not in sys.modules
print(descriptor.describe(clip).values.sum())
"""


def run(code, cache):
    """Standard output and error of one process."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={**os.environ, "NUMBA_CACHE_DIR": str(cache)},
    )  # fmt: skip
    return done.stdout.strip(), done.stderr.strip()


def total(values):
    """What the tests below compile."""
    result = 0
    for value in values:
        result += value
    return result


@pytest.mark.slow
def test_a_descriptor_compiles_in_the_first_process_only(tmp_path):
    first, second = run(DESCRIBE, tmp_path), run(DESCRIBE, tmp_path)
    assert first[1] == MESSAGE
    assert second == (first[0], "")


@pytest.mark.slow
def test_the_line_stands_by_itself_beside_a_progress_bar(tmp_path):
    bar = "from tqdm import tqdm\nbar = tqdm(total=9, desc='clip', mininterval=0, leave=False)\n"
    _, shown = run(bar + "bar.update(1)\n" + DESCRIBE + "bar.update(1)\nbar.close()\n", tmp_path)
    before, after = shown.split(MESSAGE)
    # The bar is wiped out before the line and goes on below it.
    assert "clip" in before
    assert not before.splitlines()[-1].strip() or before.endswith(("\r", "\n"))
    assert after.startswith("\n")


def test_a_kernel_is_compiled_for_every_type():
    compiled = kernel(total)
    assert compiled(np.arange(5)) == 10
    assert compiled(np.float32([0.5, 1])) == 1.5
    assert compiled(np.arange(7)) == 21


def test_kernels_work_where_nothing_can_be_kept():
    """Code without a file has no place on disk."""
    scope = {}
    exec("def double(x):\n    return x + x\n", scope)
    assert kernel(scope["double"])(np.int64(21)) == 42


def test_without_numba_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(MespotError, match=r"total needs numba: pip install 'mespot\[paper\]'"):
        kernel(total)(np.arange(5))
