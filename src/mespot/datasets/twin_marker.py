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
    """What the file says: whose twin it is, and the numbers to expect.

    ``by_labels`` are the numbers under other label sets than the default; ``n_frames`` the length
    of every recording.
    """

    twin_of: str
    counts: Mapping[str, int] = field(default_factory=dict)
    by_labels: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    n_frames: Mapping[str, int] = field(default_factory=dict)


def read_twin(root: Path) -> Twin | None:
    """The twin that ``root`` holds, or None for what may be the real data set.

    Raises UnreadableInput if the file is there and cannot be read.
    """
    path = root / TWIN_FILE
    if not path.is_file():
        return None
    try:
        tree = json.loads(path.read_text("utf-8"))
        return Twin(
            str(tree["twin_of"]),
            _numbers(tree["counts"]),
            {str(k): _numbers(v) for k, v in tree.get("counts_by_labels", {}).items()},
            _numbers(tree.get("n_frames", {})),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreadableInput(f"{path}: does not say whose twin this is ({error!r})") from error


def _numbers(tree: Mapping[str, int]) -> dict[str, int]:
    return {str(k): int(v) for k, v in tree.items()}
