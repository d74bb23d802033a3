"""Annotation sheets and folder layouts of real data sets, written for synthetic recordings.

A twin is a synthetic data set on disk in exactly the layout of a real one, the odd rows of its
sheet included, so that one loader reads both. This package writes the sheet and says where each
frame goes; it draws nothing and holds no row of a real sheet. One module per data set, named as its
loader in ``mespot.datasets``, each with

``SHAPE : Shape``
    Rate, frame size, grey or colour, and the numbers of the real data set.
``IRREGULARITIES : mapping of str to int``
    Named oddities and the number of rows that have them in a whole sheet; a sheet of fewer
    recordings gets its share, at least one where a row is fit for it.
``planned(subject, recording, n_frames, expressions) -> PlannedRecording``
    The recording of the ``subject``-th person (both counted from 0), named in the set's own way.
``frame_path(recording, i) -> Path``
    Where frame ``i`` (from 0) of a recording goes, relative to the root of the data set.
``write_sheet(root, plan, irregularities=True) -> tuple of PlannedRecording``
    Write the sheet under ``root``. Returns the plan as a reader of the sheet must find it: some
    oddities lose what is not known any more (an offset, an apex).
``impossible(plan) -> mapping of kind to int``
    Rows that the sheet adds although they cannot be; a reader drops them again.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from mespot.datasets.twin_marker import TWIN_FILE
from mespot.files import write_text
from mespot.inspection import Shape
from mespot.types import Expression

NAMES = ("smic_vis_e", "smic_hs_e", "casme_sq", "samm_lv", "casme_cubed", "casme_ii")
# Further label sets of a data set by name, each with its longest micro-expression in seconds: the
# loader takes longer ones for something else.
LABEL_SETS: Mapping[str, Mapping[str, float]] = {"casme_cubed": {"short": 0.5}}


@dataclass(frozen=True)
class PlannedRecording:
    """A recording to be written: what the loader must find again.

    ``subject`` and ``name`` are what the loader gives as subject and id. ``expressions`` are in
    frames from 0. ``first`` is the number in the name of the first image, ``padding`` the number
    of digits where a recording has another than its data set.
    """

    subject: str
    name: str
    n_frames: int
    expressions: tuple[Expression, ...] = ()
    first: int = 1
    padding: int = 0

    def __post_init__(self) -> None:
        ordered = sorted(self.expressions, key=lambda e: (e.onset, e.offset))
        object.__setattr__(self, "expressions", tuple(ordered))
        if any(e.offset >= self.n_frames for e in ordered):
            raise ValueError(f"{self.name}: an expression ends after frame {self.n_frames - 1}")


Plan = Sequence[PlannedRecording]
"""All recordings of a sheet."""


class SheetModule(Protocol):
    """What every module of this package offers."""

    SHAPE: Shape
    IRREGULARITIES: Mapping[str, int]

    @staticmethod
    def planned(
        subject: int, recording: int, n_frames: int, expressions: Sequence[Expression]
    ) -> PlannedRecording: ...

    @staticmethod
    def frame_path(recording: PlannedRecording, i: int) -> Path: ...

    @staticmethod
    def write_sheet(
        root: Path, plan: Plan, irregularities: bool = True
    ) -> tuple[PlannedRecording, ...]: ...

    @staticmethod
    def impossible(plan: Plan) -> Mapping[str, int]: ...


def nothing_impossible(plan: Plan) -> Mapping[str, int]:
    """The ``impossible`` of most sheets: no row is added that cannot be."""
    return {}


def sheet_module(name: str) -> SheetModule:
    """The module of a data set, by its name with ``-`` or ``_``. Raises ValueError."""
    known = name.replace("-", "_")
    if known not in NAMES:
        raise ValueError(f"there is no sheet writer {name!r}; known: {', '.join(NAMES)}")
    module: SheetModule = import_module(f"mespot_lab.sheets.{known}")  # type: ignore[assignment]
    return module


def write_marker(root: Path, name: str, plan: Plan) -> None:
    """Mark a folder as a twin, so that its loader names it so and expects the plan's numbers.

    ``plan`` is what ``write_sheet`` returned.
    """
    write_text(Path(root) / TWIN_FILE, json.dumps(marker_of(name, plan), indent=1) + "\n")


def marker_of(name: str, plan: Plan) -> dict[str, Any]:
    """What the marker of a twin says to its loader. ``plan`` is what ``write_sheet`` returned.

    ``twin_of``; ``counts`` of recordings, subjects and expressions by kind, as they are read;
    ``counts_by_labels``, the same by name of a further label set, where the data set has one;
    ``n_frames``, the frames of every recording by its id.
    """
    known = name.replace("-", "_")
    facts: dict[str, Any] = {"twin_of": known.replace("_", "-"), "counts": _counts(plan)}
    if known in LABEL_SETS:
        fps = sheet_module(known).SHAPE.fps
        facts["counts_by_labels"] = {
            label: _counts(plan, longest_s * float(fps))
            for label, longest_s in LABEL_SETS[known].items()
        }
    return {**facts, "n_frames": {r.name: r.n_frames for r in plan}}


def _counts(plan: Plan, longest_micro: float = math.inf) -> dict[str, int]:
    """Numbers of a plan; micro-expressions of more than so many frames are left out."""
    events: dict[str, int] = {}
    for e in (e for r in plan for e in r.expressions):
        counted = e.kind != "micro" or e.n_frames <= longest_micro
        events[e.kind] = events.get(e.kind, 0) + counted
    return {"recordings": len(plan), "subjects": len({r.subject for r in plan}), **events}
