"""Plug-ins by name: one file is one plug-in, its module name is its name.

A plug-in package (``descriptors``, ``scorers``, ``datasets``, ``exports``) holds one module per
plug-in, and the module's ``PLUGIN`` is a frozen dataclass whose fields are the parameters. Modules
whose name begins with an underscore are shared helpers.
"""

from __future__ import annotations

import dataclasses
import difflib
import pkgutil
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from mespot.errors import UsageError

FAMILIES = ("descriptors", "scorers", "datasets", "exports")


def names(family: str) -> list[str]:
    """Names of all plug-ins of a family, sorted."""
    package = import_module(f"mespot.{family}")
    return sorted(m.name for m in pkgutil.iter_modules(package.__path__) if m.name[0] != "_")


def plugin(family: str, name: str) -> Any:
    """The plug-in's dataclass. Raises UsageError, with the nearest known name, if there is none."""
    if name not in names(family):
        raise UsageError(f"there is no {family[:-1]} {name!r}{nearest(name, names(family))}")
    return import_module(f"mespot.{family}.{name}").PLUGIN


def plugins(family: str) -> dict[str, Any]:
    """All plug-ins of a family, name -> dataclass."""
    return {name: plugin(family, name) for name in names(family)}


def describe(family: str, name: str) -> dict[str, Any]:
    """Name, first docstring line and fields with their defaults: what ``mespot list`` prints."""
    cls = plugin(family, name)
    fields = {}
    for item in dataclasses.fields(cls):
        default = item.default
        if item.default_factory is not dataclasses.MISSING:
            default = item.default_factory()
        fields[item.name] = None if default is dataclasses.MISSING else default
    line = (cls.__doc__ or "").strip().splitlines()[0]
    return {"name": name, "description": line, "fields": fields}


def build(family: str, section: Mapping[str, Any]) -> Any:
    """Make a plug-in from a recipe section: its ``name`` and the fields not left at default."""
    from mespot.recipe import make_dataclass

    values = dict(section)
    name = values.pop("name", None)
    if not name:
        raise UsageError(
            f"the recipe's section for {family} needs a name; known: " + ", ".join(names(family))
        )
    return make_dataclass(plugin(family, name), values, where=f"{family[:-1]} {name}")


def nearest(word: str, known: list[str]) -> str:
    """A hint for an unknown word: the nearest known one, or all of them."""
    close = difflib.get_close_matches(word, known, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known: {', '.join(known)}"
