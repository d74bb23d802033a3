"""Rows for the battery: the toys of all scorers, and few stumps."""

from __future__ import annotations

from scorer_cases import bumps as rows

__all__ = ["FIELDS", "rows"]

FIELDS = {"rounds": 5, "rounds_choices": (), "positives": 60, "negatives": 100}
