"""A data set by the name that people write, with its fields set from text."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from typing import Any

from mespot import registry
from mespot.errors import UsageError


def named(name: str, settings: Sequence[str] = ()) -> Any:
    """The data set ``name`` (with - or _); ``settings`` are texts such as ``frames=rawpic``.

    Raises UsageError for an unknown name or field, with the nearest known one.
    """
    known = [n.replace("_", "-") for n in registry.names("datasets")]
    wanted = name.replace("_", "-")
    if wanted not in known:
        raise UsageError(f"there is no data set {name!r}{nearest(wanted, known)}")
    values: dict[str, Any] = {"name": wanted.replace("-", "_")}
    for setting in settings:
        field, equals, text = setting.partition("=")
        if not equals or not field.strip():
            raise UsageError(f"--set {setting!r}: write FIELD=VALUE, such as frames=rawpic")
        values[field.strip()] = _value(text.strip())
    return registry.build("datasets", values)


def _value(text: str) -> Any:
    """``true``, ``3`` or ``0.5`` as such; anything else as text."""
    try:
        return tomllib.loads(f"x = {text}")["x"]
    except tomllib.TOMLDecodeError:
        return text
