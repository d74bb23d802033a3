"""PLUG-IN family: a scorer gives every row of a descriptor series one number.

See :class:`mespot.contracts.Scorer`. Scorers take rows, not video, so descriptors are computed once
and shared. ``fit`` sees the training side alone and ``score`` never sees the truth: the signatures
are the guard against leaks.
"""

HELPERS = (
    "checks", "lstm_onnx", "lstm_torch", "normalise", "ready_rows", "resample", "torch_training",
)  # fmt: skip
"""Modules of this package that are no plug-ins."""
