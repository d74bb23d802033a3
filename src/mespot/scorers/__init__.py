"""PLUG-IN family: a scorer gives every row of a descriptor series one number.

A scorer is a frozen dataclass whose fields are its parameters, with two methods:

``fit(series, truth, seed, quality=None) -> dict[str, NDArray]``
    Learn from descriptor series and their expressions, one entry per recording. All kinds that
    are annotated are among them, macro-expressions and blinks included: a scorer that looks for
    micro-expressions alone takes those with ``kind == "micro"`` (as ``mespot.labels`` does) and
    nothing else. The result is a
    dictionary of plain arrays (``numpy.savez`` without pickle keeps it), the same to the bit for
    the same input and seed on the same machine. ``quality``, where given, maps a function
    ``series -> scores`` to a number, the higher the better, measured on recordings that are in no
    way part of the test; the scorer may call it while it learns and keeps the best it saw. ``fit``
    sees nothing else, and scorers without anything to learn return what they need of the seed.

``score(series, weights) -> FrameSeries``
    One finite float32 per row, shape (n, 1), rows in place. It grows with the belief that a
    micro-expression is there, and 0 or less is background: :mod:`mespot.decoding` makes no spot of
    it. ``score`` never sees the truth: its signature is the guard against leaks.

``learns`` (a ClassVar) is False for scorers that need no training: their ``fit`` takes empty lists.
``whole_series`` (a ClassVar, where there is one) is True where a score follows from the whole
series, such as one that is divided by the recording's own maximum. ``uses``, where there is one,
names the other scorers that this one is made of.

Rows that hold NaN or infinite values still get a score. Scorers take rows, not video, so that
descriptors are computed once and shared.
"""

HELPERS = ("checks", "lstm_onnx", "lstm_torch", "normalise", "ready_rows", "resample", "torch_training")
"""Modules of this package that are no plug-ins."""
