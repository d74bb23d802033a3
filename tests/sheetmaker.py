"""Workbooks and folders of grey images for the tests of data sets."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path


def xlsx(path: Path, **sheets: list[list]) -> Path:
    """A workbook with these sheets; two underscores in a name stand for a blank."""
    import openpyxl

    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name.replace("__", " "))
        for row in rows:
            sheet.append(row)
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)
    return path


def xls(path: Path, **sheets: list[list]) -> Path:
    """The same in the older format."""
    import xlwt

    book = xlwt.Workbook()
    for name, rows in sheets.items():
        sheet = book.add_sheet(name.replace("__", " "))
        for i, row in enumerate(rows):
            for j, cell in enumerate(row):
                if cell is not None:
                    sheet.write(i, j, cell)
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(str(path))
    return path


def images(
    folder: Path, pattern: str, numbers: Iterable[int], size: tuple[int, int] = (640, 480)
) -> Path:
    """Grey images of ``size`` (w, h), named by ``pattern`` (``img%03d.jpg``)."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        (folder / (pattern % number)).write_bytes(grey(size))
    return folder


@cache
def grey(size: tuple[int, int]) -> bytes:
    """A grey JPEG of ``size`` (w, h)."""
    import cv2
    import numpy as np

    return cv2.imencode(".jpg", np.full(size[::-1], 90, np.uint8))[1].tobytes()


def told(expressions) -> list[tuple]:
    """(onset, apex, offset, kind, status) of expressions, for comparing with hand-worked ones."""
    return [(e.onset, e.apex, e.offset, e.kind, e.attributes.get("status")) for e in expressions]
