"""mespot finds candidate micro-expressions (MEs) in long face videos.

The public names are loaded on first use: ``import mespot`` imports neither torch nor OpenCV.

>>> import mespot
>>> spotter = mespot.load_spotter()          # the packaged default
>>> result = spotter.spot("interview.mp4")   # doctest: +SKIP
>>> result.expressions                       # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from mespot.telemetry import switch_telemetry_off
from mespot.version import __version__

switch_telemetry_off()

_HOME_OF = {
    "Expression": "types",
    "Recording": "types",
    "FaceClip": "types",
    "FrameSeries": "types",
    "Fold": "types",
    "Counts": "types",
    "MespotError": "errors",
    "Recipe": "recipe",
    "load_recipe": "recipe",
    "Spotter": "spotter",
    "load_spotter": "spotter",
    "plugins": "registry",
}

__all__ = ["__version__", *sorted(_HOME_OF)]


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        return getattr(import_module(f"mespot.{_HOME_OF[name]}"), name)
    raise AttributeError(f"module 'mespot' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
