"""What every bench shares: medians with their spread, the machine, tables, JSON.

Figures that are compared must come from one run: `measure_in_turn` gives all contenders the same
load. Wall time counts what a user waits for; processor time does not see other programs.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from mespot.files import write_text

_ROOT = Path(__file__).resolve().parents[1]
_PACKAGES = ("numpy", "numba", "opencv-python-headless", "dlib-bin", "av", "onnxruntime", "torch",
             "scikit-image", "scipy")  # fmt: skip


class Timing(NamedTuple):
    """Seconds of one call over some repeats: wall time, and the median of the processor time.

    ``busy`` adds up all threads of the process, not its children.
    """

    median: float
    low: float
    high: float
    busy: float

    def per(self, n: float) -> Timing:
        """Seconds per item of a call that worked on n items."""
        return Timing(*(value / n for value in self))


def measure(fn: Callable[[], Any], repeats: int = 5) -> Timing:
    """Time a function after one call that does not count (compiling, caches, first touch)."""
    return measure_in_turn({"": fn}, repeats)[""]


def measure_in_turn(fns: Mapping[str, Callable[[], Any]], repeats: int = 5) -> dict[str, Timing]:
    """Time several functions, taking turns in every repeat, so that all see the same load."""
    for fn in fns.values():
        fn()
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in fns}
    for _ in range(repeats):
        for name, fn in fns.items():
            begin, busy = time.perf_counter(), time.process_time()
            fn()
            found[name].append((time.perf_counter() - begin, time.process_time() - busy))
    return {name: _timing(pairs) for name, pairs in found.items()}


def _timing(pairs: Sequence[tuple[float, float]]) -> Timing:
    wall = [pair[0] for pair in pairs]
    return Timing(median(wall), min(wall), max(wall), median(pair[1] for pair in pairs))


def machine() -> dict[str, Any]:
    """Where and when figures were measured: commit, processor, cores, load, date, versions."""
    return {
        "commit": _commit(),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": _versions(),
    }


def write(
    rows: Sequence[Mapping[str, Any]], title: str, json_path: str | Path | None = None
) -> None:
    """Print rows as a Markdown table and keep them, with the machine, in a JSON file.

    A file that is already there keeps its other tables: ``{"tables": {title: {machine, rows}}}``.
    """
    print(f"\n### {title}\n\n{table(rows)}\n", flush=True)
    if json_path is None:
        return
    path = Path(json_path)
    tree = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    tree.setdefault("tables", {})[title] = {"machine": machine(), "rows": [dict(r) for r in rows]}
    write_text(path, json.dumps(tree, indent=1) + "\n")


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as a Markdown table; the first row's keys are its head, floats get 3 digits."""
    if not rows:
        return "(no rows)"
    heads = list(rows[0])
    lines = [heads, ["---"] * len(heads)]
    lines += [[_cell(row.get(head, "")) for head in heads] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _commit() -> str:
    """Short name of the commit, with a + where the work tree differs from it."""
    try:
        words = ["git", "-C", str(_ROOT), "describe", "--always", "--dirty=+", "--exclude=*"]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
