"""A result folder without video or face: spottings made by hand, and rows of its events.csv."""

from __future__ import annotations

import csv
from fractions import Fraction

import numpy as np

from mespot import picture
from mespot.files import write_text
from mespot.results import ResultFolder
from mespot.spotter import Spotting, load_spotter
from mespot.types import Expression, Reading

VERSIONS = {"mespot": "0"}
HOW = {"faces": False, "fps": None, "force": False}
FIRST = [(10, 13, 16, 0.8123456), (40, 44, 49, 0.7), (80, 83, 86, 0.6)]


def spotting(path, spots=FIRST, n=120):
    """A spotting of ``n`` frames at 30 per second with the given (onset, apex, offset, score)."""
    return Spotting(
        str(path), Fraction(30), [Expression(a, b, c, "micro", s) for a, b, c, s in spots],
        np.zeros(n, np.float32), np.ones(n, bool), np.arange(n) / 30, 0.5,
        np.zeros((n, 68, 2), np.float32), reading=Reading(n, n, "30"),
    )  # fmt: skip


def without_pictures(monkeypatch):
    monkeypatch.setattr(picture, "draw", lambda s, path, **_: write_text(path, ""))


def spot(out, spots=FIRST, name="a", versions=VERSIONS, digest="d"):
    """One run over one recording; the notes."""
    with ResultFolder(out, load_spotter(), versions) as folder:
        folder.resume(overwrite=True)
        folder.add(name, digest, spotting(f"{name}.mp4", spots), HOW)
        return folder.take_notes()


def resume(out, versions=VERSIONS):
    with ResultFolder(out, load_spotter(), versions) as folder:
        folder.resume()
        return folder.take_notes()


def rows(out):
    with (out / "events.csv").open(newline="", encoding="utf-8-sig") as stream:
        return list(csv.DictReader(stream))


def edit(out, change, delimiter=",", bom=False):
    """Let ``change(rows)`` return the rows to write, as a person does in a spreadsheet."""
    changed = change(rows(out))
    columns = list(dict.fromkeys(c for row in changed for c in row))
    encoding = "utf-8-sig" if bom else "utf-8"
    with (out / "events.csv").open("w", newline="", encoding=encoding) as stream:
        writer = csv.DictWriter(stream, columns, restval="", delimiter=delimiter)
        writer.writeheader()
        writer.writerows(changed)
