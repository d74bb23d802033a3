"""Lets the lab's benchmarks import the helpers of the core's (``benchmarks/``)."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))
