"""A data set by the name that people write, with its fields set from text."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from typing import Any

from mespot import registry
from mespot.contracts import Dataset
from mespot.errors import UsageError, nearest

# Names of papers and folders, letters and digits alone, and the data sets they may stand for.
_MEANT: dict[str, tuple[str, ...]] = {
    "casme": ("casme-ii", "casme-sq", "casme-cubed"),
    "casme2": ("casme-ii", "casme-sq"),
    "casmeii": ("casme-ii",),
    "casmesquared": ("casme-sq",),
    "casme3": ("casme-cubed",),
    "casmeiii": ("casme-cubed",),
    "samm": ("samm-lv",),
    "sammlongvideos": ("samm-lv",),
    "smic": ("smic-vis-e", "smic-hs-e"),
    "smice": ("smic-vis-e", "smic-hs-e"),
    "smicvis": ("smic-vis-e",),
    "smichs": ("smic-hs-e",),
}


def named(name: str, settings: Sequence[str] = ()) -> Dataset:
    """The data set ``name`` (with - or _); ``settings`` are texts such as ``frames=rawpic``.

    Raises UsageError for an unknown name or field, with the nearest known one.
    """
    # Names of other distributions' plug-ins may have either sign.
    known = {n.replace("_", "-"): n for n in registry.names("datasets")}
    wanted = name.replace("_", "-")
    if wanted not in known:
        raise UsageError(f"there is no data set {name!r}{_hint(name, wanted, list(known))}")
    values: dict[str, Any] = {"name": known[wanted]}
    for setting in settings:
        field, equals, text = setting.partition("=")
        if not equals or not field.strip():
            raise UsageError(f"--set {setting!r}: write FIELD=VALUE, such as frames=rawpic")
        values[field.strip()] = _value(text.strip())
    dataset: Dataset = registry.build("datasets", values)
    return dataset


def _hint(name: str, wanted: str, known: list[str]) -> str:
    """What was probably meant: by the names of the papers first, else the nearest name."""
    plain = name.lower().replace("²", "2").replace("³", "3")
    short = re.sub(r"[^a-z0-9]", "", plain)
    # Only CAS(ME)^2 is written with brackets or a power; CASME II is not.
    meant = ("casme-sq",) if short == "casme2" and re.search(r"[(^²]", name) else _MEANT.get(short)
    if meant is None:
        return nearest(wanted, known)
    return f"; did you mean {' or '.join(map(repr, meant))}?"


def _value(text: str) -> Any:
    """``true``, ``3`` or ``0.5`` as such; anything else as text."""
    try:
        return tomllib.loads(f"x = {text}")["x"]
    except tomllib.TOMLDecodeError:
        return text
