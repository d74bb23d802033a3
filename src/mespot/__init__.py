"""mespot finds candidate micro-expressions (MEs) in long face videos.

The public names are loaded on first use: ``import mespot`` imports neither torch nor OpenCV.

>>> import mespot
>>> result = mespot.spot("interview.mp4")  # doctest: +SKIP
>>> result.expressions                     # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from mespot.telemetry import switch_telemetry_off
from mespot.version import __version__

switch_telemetry_off()

# Name -> module. The stub __init__.pyi imports the same names for type checkers.
_HOME_OF = {
    **dict.fromkeys(("spot", "describe", "decode", "score", "train", "evaluate", "Score"), "api"),
    **dict.fromkeys(("Spotter", "Spotting", "load_spotter"), "spotter"),
    **dict.fromkeys(
        (
            "Expression", "Recording", "FaceClip", "FrameSeries", "FrameMap", "Rows", "Reading",
            "Fold", "Counts",
        ),
        "types",
    ),
    **dict.fromkeys(("MespotError", "UsageError", "UnreadableInput", "NoUsableFace"), "errors"),
    **dict.fromkeys(("Recipe", "load_recipe"), "recipe"),
    **dict.fromkeys(("plugins", "register"), "registry"),
    "Align": "align.config",
    "Decode": "decoding",
    "Sample": "protocol",
}  # fmt: skip

__all__ = ["__version__", *sorted(_HOME_OF)]


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        return getattr(import_module(f"mespot.{_HOME_OF[name]}"), name)
    raise AttributeError(f"module 'mespot' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
