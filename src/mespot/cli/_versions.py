"""Versions of everything that decides a result, for --version, run.json and doctor."""

from __future__ import annotations

import platform
from importlib import metadata

from mespot._version import __version__

_DISTRIBUTIONS = (
    "numpy", "numba", "opencv-python-headless", "dlib-bin", "face_recognition_models", "av",
    "onnxruntime",
)  # fmt: skip


def versions() -> dict[str, str]:
    """Name -> version; "missing" where a distribution is not installed."""
    found = {"mespot": __version__, "python": platform.python_version()}
    for name in _DISTRIBUTIONS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "missing"
    return found
