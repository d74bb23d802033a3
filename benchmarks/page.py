"""The page of all benchmarks: tables from the JSON files of a run, put into the page's text.

    python benchmarks/page.py bench-out [--page docs/benchmarks.md] [--out FILE]

Between ``<!-- table: TITLE -->`` and ``<!-- end -->`` the page gets the table that a bench wrote
under that title, with commit, machine and date; ``<!-- goals -->`` gets the goals, worked out from
the same files; ``<!-- text: NAME -->`` a text file of the folder. What the folder has no figures
for stays as it is.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from _common import table

from mespot.files import write_text

Tables = Mapping[str, Mapping[str, Any]]

PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"
_BLOCK = re.compile(r"<!-- (table|text|goals)(?:: ([^\n]*?))? -->\n.*?<!-- end -->", re.DOTALL)
_SPEED, _RIVALS = "Descriptors: speed", "Descriptors: rivals"
_ALIGNING, _START = "Alignment: speed of one thread", "End to end: start"
_SMALL = "End to end: 640 x 480, H.264, 30 frames/s"
_LABORATORY = "End to end: 2040 x 1088, H.264, 200 frames/s"
_NAMES = {"lbp_top": "LBP-TOP", "hog_top": "HOG-TOP", "higo_top": "HIGO-TOP"}
_NUMPY, _LOOP = "numpy, cumulative sums", "compiled loop per window"


class Goal(NamedTuple):
    """A figure of one table's row that is to be at least, or at most, so large."""

    what: str
    title: str
    row: Mapping[str, Any]
    column: str
    wanted: float
    at_most: bool = False


def goals() -> list[Goal]:
    """What is meant to be reached on two cores of a server."""
    return [*_descriptor_goals(), *_video_goals()]


def _pair(what: str, title: str, row: Mapping[str, Any], column: str, *wanted: float) -> list[Goal]:
    """A goal and a further one; at most so large where the further one is the smaller."""
    at_most = len(wanted) == 2 and wanted[1] < wanted[0]
    labels = ("", ", further goal")[: len(wanted)]
    return [
        Goal(what + label, title, row, column, value, at_most)
        for label, value in zip(labels, wanted, strict=True)
    ]


def _descriptor_goals() -> list[Goal]:
    found = []
    for name, wanted in (
        ("lbp_top", (15_000, 20_000)),
        ("hog_top", (12_000, 25_000)),
        ("higo_top", (20_000, 50_000)),
    ):
        row = {"descriptor": name, "L": 9}
        found += _pair(f"{_NAMES[name]}: positions/s", _SPEED, row, "positions/s", *wanted)
    for name, label in _NAMES.items():
        row = {"descriptor": name, "L": 23}
        found.append(Goal(f"{label}: cost at L = 23 over L = 9", _SPEED, row, "cost over L = 9",
                          1.15, at_most=True))  # fmt: skip
    for span, least in ((9, 40), (23, 120)):
        row = {"descriptor": "lbp_top", "L": span}
        found += [
            Goal(f"LBP-TOP, L = {span}: times as fast as {way}", _RIVALS, row | {"way": way},
                 "times ours", factor)
            for way, factor in ((_NUMPY, 10), (_LOOP, least))
        ]  # fmt: skip
    return found


def _video_goals() -> list[Goal]:
    crop, spot = {"what": "align + crop, 640 x 480"}, {"video": "640 x 480, 10 min"}
    return [
        *_pair("Align + crop, 640 x 480: frames/s", _ALIGNING, crop, "frames/s, processor",
               400, 1_000),
        *_pair("Align + crop: times as fast as dlib's detector + 68 points per frame", _ALIGNING,
               crop, "times as fast as per-frame dlib", 30),
        *_pair("`mespot spot`, 640 x 480, 10 minutes: frames/s", _SMALL, spot, "frames/s",
               500, 1_000),
        *_pair("`mespot spot`, 2040 x 1088 at 200 frames/s, 30 s: times real time", _LABORATORY,
               {"video": "2040 x 1088, 30 s"}, "times real time", 1, 3),
        *_pair("`mespot spot`: seconds to the first frame", _START, {"frames": 60},
               "first frame, s", 1.5, 0.7),
    ]  # fmt: skip


def goal_rows(tables: Tables) -> list[dict[str, Any]]:
    """Goal, wanted, measured, reached or not; goals without a measurement are left out."""
    rows = []
    for goal in goals():
        for row in tables.get(goal.title, {}).get("rows", ()):
            if all(row.get(key) == value for key, value in goal.row.items()):
                value = float(row[goal.column])
                reached = value <= goal.wanted if goal.at_most else value >= goal.wanted
                rows.append({
                    "goal": goal.what,
                    "wanted": f"{'at most' if goal.at_most else 'at least'} {goal.wanted:,}",
                    "measured": value, "reached": "yes" if reached else "**no**",
                })  # fmt: skip
    return rows


def origin(machine: Mapping[str, Any]) -> str:
    """One line on where and when a table was measured."""
    commit, date = str(machine["commit"]).rstrip("+"), str(machine["date"])[:10]
    changed = " with changes" if str(machine["commit"]).endswith("+") else ""
    return f"Commit {commit}{changed}, {machine['cores']}-core {machine['cpu']}, {date}."


def load(folder: Path) -> dict[str, Mapping[str, Any]]:
    """Title -> {machine, rows} of all JSON files of a folder."""
    found: dict[str, Mapping[str, Any]] = {}
    for path in sorted(folder.glob("*.json")):
        found |= json.loads(path.read_text("utf-8"))["tables"]
    return found


def fill(page: str, tables: Tables, folder: Path) -> str:
    """The page with the tables, goals and texts of the folder in their places."""

    def block(match: re.Match[str]) -> str:
        kind, name = match.groups()
        text = folder / f"{name}.txt"
        if kind == "goals" and _SPEED in tables:
            inner = table(goal_rows(tables))
        elif kind == "table" and name in tables:
            inner = table(tables[name]["rows"]) + f"\n\n{origin(tables[name]['machine'])}"
        elif kind == "text" and text.is_file():
            inner = f"```\n{text.read_text('utf-8').strip()}\n```"
        else:
            return match.group()
        head = match.group().split("\n", 1)[0]
        return f"{head}\n\n{inner}\n\n<!-- end -->"

    return _BLOCK.sub(block, page)


def main() -> None:
    """Fill the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="with the JSON files of a run")
    parser.add_argument("--page", type=Path, default=PAGE, help="the text that gets the tables")
    parser.add_argument("--out", type=Path, help="where to write it; else into the folder")
    args = parser.parse_args()
    out = args.out or args.folder / "benchmarks.md"
    write_text(out, fill(args.page.read_text("utf-8"), load(args.folder), args.folder))
    print(f"tables are in {out}")


if __name__ == "__main__":
    main()
