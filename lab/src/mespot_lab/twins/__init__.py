"""Twins: synthetic data sets with the numbers, folders and sheet of a real one.

``make_request`` (what is wanted) -> ``make_work`` (which recordings, whose faces) -> ``write_twin``
(frames, sheet, truth). Which numbers: ``numbers``. What happens when: ``layout``,
``irregularities``, ``plan``. Whose faces: ``identities``, ``morph``, ``shoulders``. On disk:
``task``, ``pool``, ``write``, ``preview``.
"""

from __future__ import annotations

from mespot_lab.twins.request import TwinRequest, Work, make_request, make_work
from mespot_lab.twins.write import truth_of, write_twin

__all__ = ["TwinRequest", "Work", "make_request", "make_work", "truth_of", "write_twin"]
