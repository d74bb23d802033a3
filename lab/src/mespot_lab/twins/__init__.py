"""Twins: synthetic data sets with the numbers, folders and sheet of a real one.

``make_order`` (what is wanted) -> ``make_work`` (which recordings, whose faces) -> ``write_twin``
(frames, sheet, truth). Which numbers: ``numbers``, ``scale``. What happens when: ``layout``,
``lengths``, ``quirks``, ``plan``. Whose faces: ``identities``, ``morph``. On disk: ``job``,
``pool``, ``write``, ``preview``.
"""

from __future__ import annotations

from mespot_lab.twins.order import Order, Work, make_order, make_work
from mespot_lab.twins.write import truth_of, write_twin

__all__ = ["Order", "Work", "make_order", "make_work", "truth_of", "write_twin"]
