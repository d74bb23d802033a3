"""Rows for the battery: the toys of all scorers; few windows, so that training is short."""

from __future__ import annotations

from scorer_cases import bumps as rows

__all__ = ["FIELDS", "rows"]

FIELDS = {"positives": 40, "negatives": 60, "hard": 20}
