"""Rows for the scorers' battery: those of ``of_fd``, whose descriptor is the same."""

from __future__ import annotations

from rows_of_fd import rows

__all__ = ["rows"]
