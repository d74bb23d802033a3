"""Values as text cells and back; cells that a spreadsheet would run as a formula."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from mespot.errors import UnreadableInput

_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_WHOLE = re.compile(r"([+-]?[0-9]{1,15})(\.0*)?")
_RATE = re.compile(r"[0-9]{1,12}(\.[0-9]{0,12}|/[0-9]{1,12})?")
# Also the full-width forms, which some localised spreadsheets take for the plain ones.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")


def neutralise(text: str) -> str:
    """A cell that no spreadsheet runs: a formula's first sign gets an apostrophe in front.

    Plain numbers stay. Cells that already begin with apostrophes and such a sign get one more, so
    that :func:`restore` is the exact inverse.
    """
    if _FORMULA.match(text) and not _NUMBER.fullmatch(text):
        return "'" + text
    return text


def restore(text: str) -> str:
    """The cell as it was before :func:`neutralise`."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def to_text(value: object) -> str:
    """A value as a cell: None is empty, a float reads back equal, a Fraction is a rate."""
    if value is None:
        return ""
    if isinstance(value, Fraction):
        return _rate_text(value)
    if isinstance(value, float):
        return repr(float(value))
    # File names that are no valid UTF-8 reach us with lone surrogates, which cannot be written.
    return str(value).encode("utf-8", "backslashreplace").decode("utf-8")


def seconds(value: float | None) -> float | None:
    """A time to the microsecond, as it is written; None where it is not known."""
    return None if value is None or not math.isfinite(value) else round(float(value), 6)


def _rate_text(rate: Fraction) -> str:
    """``25``, ``29.97`` or ``30000/1001``: whatever is exact."""
    if rate.denominator == 1:
        return str(rate.numerator)
    if 10**6 % rate.denominator == 0:
        whole, rest = divmod(rate, 1)
        return f"{whole}.{int(rest * 10**6):06d}".rstrip("0")
    return f"{rate.numerator}/{rate.denominator}"


@dataclass
class Cells:
    """The cells of one row, read one by one; what is wrong is noted in ``problems``.

    ``where`` names file and line. With ``decimal_comma`` (semicolon-separated tables) ``0,5`` is
    0.5.
    """

    where: str
    cells: Mapping[str, str]
    problems: list[str] = field(default_factory=list)
    decimal_comma: bool = False

    def text(self, column: str) -> str:
        """The cell without surrounding blanks; empty if the column is not there."""
        return self.cells.get(column, "").strip()

    def whole(self, column: str) -> int | None:
        """A whole number (``12`` or ``12.0``), None for an empty cell or one noted as wrong."""
        text = self.text(column)
        found = _WHOLE.fullmatch(text)
        if text and not found:
            self.wrong(column, "is not a whole frame number")
        return int(found[1]) if found else None

    def number(self, column: str) -> float | None:
        """A finite number, None for an empty cell or one noted as wrong."""
        text = self._decimal(column)
        if not text:
            return None
        value = float(text) if _NUMBER.fullmatch(text) else math.nan
        if math.isfinite(value):
            return value
        self.wrong(column, "is not a number")
        return None

    def rate(self, column: str) -> Fraction | None:
        """A frame rate, exact: ``25``, ``29.97`` or ``30000/1001``."""
        text = self._decimal(column)
        if not text:
            return None
        try:
            value = Fraction(text) if _RATE.fullmatch(text) else Fraction(0)
        except ZeroDivisionError:
            value = Fraction(0)
        if not value:
            self.wrong(column, "is not a frame rate such as 25 or 30000/1001")
        return value or None

    def wrong(self, column: str, what: str) -> None:
        """Note that a cell is wrong, with its place and value."""
        value = self.text(column)
        shown = repr(value if len(value) <= 60 else value[:57] + "...") + " " if value else ""
        self.problems.append(f"{self.where}, column {column}: {shown}{what}")

    def _decimal(self, column: str) -> str:
        text = self.text(column)
        return text.replace(",", ".") if self.decimal_comma and text.count(",") == 1 else text


def refuse(problems: list[str]) -> None:
    """Raise UnreadableInput with the first problem and the number of the others, if any."""
    if problems:
        more = len(problems) - 1
        rest = f" (and {more} more problem{'s' if more > 1 else ''})" if more else ""
        raise UnreadableInput(problems[0] + rest)
