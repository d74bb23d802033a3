"""The kernels' compilation: announced once, kept on disk, and never stale."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mespot.descriptors import _compiling

RUN = """
import numpy as np
from mespot.descriptors._slide import slide
from mespot.descriptors._compiling import announce_with
{}
slide(np.ones((4, 24), np.uint16), (0, 4), np.array([0, 3]), np.zeros((1, 24), np.int32),
      np.zeros((0, 0)), np.zeros((2, 1, 1, 3, 8), np.float32))
print(sum(slide.stats.cache_misses.values()))
"""


def run(cache, extra=""):
    """Standard output and error of one process that calls a kernel."""
    done = subprocess.run(
        [sys.executable, "-c", RUN.format(extra)],
        capture_output=True, text=True, check=True, env={"NUMBA_CACHE_DIR": str(cache)},
    )  # fmt: skip
    return done.stdout.strip(), done.stderr.strip()


@pytest.mark.slow
def test_the_first_run_tells_and_the_next_has_nothing_to_compile(tmp_path):
    assert run(tmp_path) == ("1", _compiling.MESSAGE)
    assert run(tmp_path) == ("0", "")


@pytest.mark.slow
def test_whoever_asks_gets_the_line(tmp_path):
    assert run(tmp_path / "a", "announce_with(lambda m: print('>', m))") == (
        f"> {_compiling.MESSAGE}\n1", ""
    )  # fmt: skip
    assert run(tmp_path / "b", "announce_with(None)") == ("1", "")


def test_a_change_of_any_kernel_file_counts(tmp_path):
    """numba by itself would look at the file of the outermost function only."""
    from mespot.descriptors._slide import slide

    stamp = _compiling._stamp(Path(_compiling.__file__).parent)
    assert slide._cache._cache_file._source_stamp == stamp
    names = {name for name, _, _ in stamp}
    assert {"_counting.py", "_octants.py", "_patterns.py", "_slide.py"} <= names
    for name in ("_a.py", "_b.py"):
        (tmp_path / name).write_text("x = 1\n")
    before = _compiling._stamp(tmp_path)
    (tmp_path / "_b.py").write_text("x = 12\n")
    assert _compiling._stamp(tmp_path) != before


def test_kernels_work_where_nothing_can_be_kept(monkeypatch):
    real = _compiling.njit

    def refusing(**options):
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return real(**options)

    monkeypatch.setattr(_compiling, "njit", refusing)
    monkeypatch.setattr(_compiling, "_tell", None)
    double = _compiling.kernel(lambda x: x + x)
    assert double(np.int64(21)) == 42


def test_the_line_stands_by_itself_beside_a_progress_bar(capsys):
    from tqdm import tqdm

    with tqdm(total=9, desc="clip", file=sys.stderr, mininterval=0, leave=False) as bar:
        bar.update(1)
        _compiling._print(_compiling.MESSAGE)
        bar.update(1)
    shown = capsys.readouterr().err
    before, after = shown.split(_compiling.MESSAGE)
    # The bar is wiped out and the cursor back at the line's start; the bar goes on a line below.
    assert "clip" in before
    assert before.endswith("\r")
    assert not before.rsplit("\r", 2)[-2].strip()
    assert after.startswith("\n")
    assert "clip" in after


@pytest.mark.slow
def test_a_descriptor_compiles_in_the_first_process_only(tmp_path):
    """All kernels that a description runs, not one alone, are kept."""
    code = """
import sys
from fractions import Fraction
import numpy as np
from mespot.descriptors.lbp_top import LbpTop
from mespot.types import FaceClip
n = 12
frames = np.random.default_rng(0).integers(0, 256, (n, 40, 40), np.uint8)
clip = FaceClip(frames, np.ones(n, bool), np.zeros((n, 5, 2), np.float32), np.arange(n) / 25,
                Fraction(25))
print(LbpTop(span=9).describe(clip).values.sum())
"""
    shown = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True,
            env={"NUMBA_CACHE_DIR": str(tmp_path)},
        )
        for _ in range(2)
    ]  # fmt: skip
    assert [done.stderr.strip() for done in shown] == [_compiling.MESSAGE, ""]
    assert shown[0].stdout == shown[1].stdout
