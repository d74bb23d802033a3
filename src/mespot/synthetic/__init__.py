"""Synthetic recordings with known truth: animated portraits, and injected micro-expressions.

``load_portraits`` -> ``make_script`` (what happens when) -> ``render`` (frames) ->
``write_dataset`` (MP4 files, events.csv, recordings.csv). ``inject`` puts micro-expressions into
real registered crops. Everything is decided by a seed.
"""

from __future__ import annotations

from mespot.synthetic.config import DIFFICULTIES, STANDARD, ScriptConfig, difficulty, still
from mespot.synthetic.inject import complete, draw_micros, inject, inject_random
from mespot.synthetic.portraits import Portrait, load_portraits
from mespot.synthetic.render import render, scene_of, to_bgr
from mespot.synthetic.script import Script, make_script
from mespot.synthetic.sheet import contact_sheet
from mespot.synthetic.write import DatasetRequest, render_recording, write_dataset

__all__ = [
    "DIFFICULTIES", "STANDARD", "DatasetRequest", "Portrait", "Script", "ScriptConfig", "complete",
    "contact_sheet", "difficulty", "draw_micros", "inject", "inject_random", "load_portraits",
    "make_script", "render", "render_recording", "scene_of", "still", "to_bgr", "write_dataset",
]  # fmt: skip
