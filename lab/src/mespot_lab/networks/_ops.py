"""The few operations that the small networks are written in, once for learning and for ONNX.

A network's ``forward`` speaks to an ``Ops``: :mod:`mespot_lab.networks._ops_torch` computes, and
:mod:`mespot_lab.networks._ops_onnx` writes the same operations down as a graph. So what is exported is
what was learned. Time is the last axis but one, columns the last. Nothing is padded: an operation
that looks ``k`` rows to either side gives 2 k rows fewer, and rows before the beginning and after
the end are put there once, before the network (:func:`mespot_lab.networks._pieces.rows_around`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class Ops(Protocol):
    """Weights are named; ``linear`` reads NAME_w (a, b) and NAME_b (b,), and so on."""

    def linear(self, x: Any, name: str) -> Any:
        """x · NAME_w + NAME_b at every row."""

    def inner(self, x: Any, left: int, right: int) -> Any:
        """The rows without the first ``left`` and the last ``right``."""

    def beside(self, parts: Sequence[Any]) -> Any:
        """Columns of several side by side."""

    def add(self, x: Any, y: Any) -> Any:
        """The sum."""

    def relu(self, x: Any) -> Any:
        """max(x, 0)."""

    def levelled(self, x: Any, name: str) -> Any:
        """Layer normalisation (Ba et al. 2016) of every row, times NAME_w plus NAME_b."""

    def dropped(self, x: Any) -> Any:
        """While learning, columns are dropped at random, the same ones in all rows of a slice."""

    def attended(self, query: Any, key: Any, value: Any, name: str, heads: int) -> Any:
        """Every row's mean of the values around it, weighted by softmax over the rows around.

        ``query`` (n, C), ``key`` and ``value`` (n + W - 1, C): row i looks at rows i … i + W - 1 of
        these. NAME (heads, C / heads, W) are the keys of the W relative positions; query · (key +
        position) / sqrt(C / heads) is what softmax is taken of.
        """
