"""Toy recordings as rows of the descriptor ``several``: each of two parts tells of the MEs."""

from __future__ import annotations

from scorer_cases import bumps

_SHORT = {"name": "lstm", "epochs": 1, "window": 14}
FIELDS = {
    "members": ({**_SHORT, "part": 0}, {**_SHORT, "part": 1, "label": "apex", "weight": 2}),
}


def rows(seed):
    """Columns 0 and 1 of the toy and one that tells nothing; column 2 and two that tell nothing."""
    series, truth = bumps(seed)
    names = ("0/a/x", "0/a/y", "0/a/z", "1/b/x", "1/b/y", "1/b/z")
    return series.with_values(series.values[:, [0, 1, 3, 2, 4, 5]], names), truth
