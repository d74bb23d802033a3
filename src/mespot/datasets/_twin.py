"""Synthetic twins of a data set: a file in their root says so, and how much they hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mespot.errors import UnreadableInput

TWIN_FILE = "twin.json"


@dataclass(frozen=True)
class Twin:
    """What the file tells: whose twin it is, and the numbers to expect."""

    twin_of: str
    counts: Mapping[str, int] = field(default_factory=dict)


def read_twin(root: Path) -> Twin | None:
    """The twin that ``root`` holds, or None for what may be the real data set.

    Raises UnreadableInput if the file is there and cannot be read.
    """
    path = root / TWIN_FILE
    if not path.is_file():
        return None
    try:
        tree = json.loads(path.read_text("utf-8"))
        return Twin(str(tree["twin_of"]), {str(k): int(v) for k, v in tree["counts"].items()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreadableInput(f"{path}: does not say whose twin this is ({error!r})") from error
