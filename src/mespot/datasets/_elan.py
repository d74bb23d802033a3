"""Expressions from an ELAN file (.eaf), as coders make them: times in ms become frames.

The kind of an annotation follows from its text or from the name of its tier, where either begins
with or holds micro, macro or blink; everything else is ``other``. Annotations on a tier whose name
holds ``apex`` mark the apex of the expression that they lie in. An annotation from t0 to t1 ms
covers the frames that are shown in [t0, t1).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from math import ceil, floor
from pathlib import Path
from typing import Any

from mespot.errors import UnreadableInput
from mespot.extras import need
from mespot.types import Expression

_KINDS = ("micro", "macro", "blink")


def read_elan(path: str | Path, fps: Fraction) -> tuple[list[Expression], list[str]]:
    """The expressions of a file, by onset, and what could not be used, one line each.

    Raises UnreadableInput if the file is missing or no ELAN document.
    """
    path = Path(path)
    root = _document(path)
    times = {
        slot.get("TIME_SLOT_ID"): int(slot.get("TIME_VALUE"))
        for slot in root.iter("TIME_SLOT")
        if (slot.get("TIME_VALUE") or "").isdigit()
    }
    found: list[Expression] = []
    apices: list[int] = []
    problems: list[str] = []
    for tier in root.iter("TIER"):
        name = tier.get("TIER_ID") or ""
        for item in tier.iter("ALIGNABLE_ANNOTATION"):
            text = (item.findtext("ANNOTATION_VALUE") or "").strip()
            begin, end = (times.get(item.get(f"TIME_SLOT_REF{i}")) for i in (1, 2))
            if begin is None or end is None or end <= begin:
                problems.append(
                    f"{path}: annotation {item.get('ANNOTATION_ID')} ({text!r}) on tier {name!r} "
                    "has no interval in time"
                )
                continue
            onset, offset = floor(begin * fps / 1000), ceil(end * fps / 1000) - 1
            if "apex" in name.lower():
                apices.append(onset)
                continue
            attributes = {"tier": name, **({"label": text} if text else {})}
            found.append(
                Expression(onset, None, max(onset, offset), _kind(text, name), None, attributes)
            )
    with_apex = [_with_apex(e, apices) for e in found]
    return sorted(with_apex, key=lambda e: (e.onset, e.offset)), problems


def _document(path: Path) -> Any:
    """The root element of an ELAN document."""
    element_tree = need("defusedxml.ElementTree", extra="datasets", who="reading an ELAN file")
    try:
        root = element_tree.parse(path).getroot()
    except FileNotFoundError as error:
        raise UnreadableInput(f"{path}: no such file") from error
    except Exception as error:
        # Refused entities, damaged text, a folder: all of it is a file that cannot be read.
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        raise UnreadableInput(f"{path}: cannot be read as an ELAN file ({what})") from error
    if root.tag != "ANNOTATION_DOCUMENT":
        raise UnreadableInput(f"{path}: is XML, but no ELAN file (its root is <{root.tag}>)")
    return root


def _kind(text: str, tier: str) -> str:
    """By the text of the annotation, else by the name of its tier."""
    for kind in _KINDS:
        if text.lower().startswith(kind):
            return kind
    words = re.split(r"[^a-z]+", tier.lower())
    return next((k for k in _KINDS if any(w.startswith(k) for w in words)), "other")


def _with_apex(expression: Expression, apices: Iterable[int]) -> Expression:
    """The expression with the first apex that lies in it, if there is one."""
    inside = sorted(a for a in apices if expression.onset <= a <= expression.offset)
    return replace(expression, apex=inside[0]) if inside else expression
