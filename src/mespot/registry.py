"""Plug-ins by name, and built from plain values.

A plug-in's name stands in recipes and on the command line. It comes from three places:

- a module of this package (``mespot.scorers.lstm`` holds ``PLUGIN = Lstm``);
- an entry point of an installed distribution (groups ``mespot.descriptors``, ``mespot.scorers``,
  ``mespot.datasets``, ``mespot.exports``);
- :func:`register`, for a class of one's own in one process.

Every plug-in is checked against its family's contract when it is loaded.
"""

from __future__ import annotations

import dataclasses
import logging
import pkgutil
import types
import typing
from collections.abc import Mapping, Sequence
from importlib import import_module, metadata
from typing import Any, Literal

from mespot import contracts
from mespot.errors import MespotError, UsageError, nearest

Family = Literal["descriptors", "scorers", "datasets", "exports"]
FAMILIES: tuple[Family, ...] = ("descriptors", "scorers", "datasets", "exports")

_LOG = logging.getLogger(__name__)
_registered: dict[str, dict[str, type]] = {family: {} for family in FAMILIES}
_FAMILY_OF_HINT: dict[Any, Family] = {
    contracts.Descriptor: "descriptors",
    contracts.Scorer: "scorers",
}


class UnknownPlugin(UsageError):
    """No plug-in of this name is known here."""


def register(family: Family, cls: type, name: str = "") -> None:
    """Give a class a name in this process, so that recipes and saved spotters can name it.

    ``name`` defaults to ``module:Class``. Raises UsageError if the class breaks its contract.
    """
    contracts.check(family, cls, name)
    _registered[family][name or default_name(cls)] = cls


def unregister(family: Family, cls: type) -> None:
    """Take back :func:`register`."""
    for name in [n for n, known in _registered[family].items() if known is cls]:
        del _registered[family][name]


def default_name(cls: type) -> str:
    """``module:Class``, the name of a class that was given none; the same in every process."""
    return f"{contracts.module_of(cls)}:{cls.__qualname__}"


def names(family: Family) -> list[str]:
    """Names of all plug-ins of a family, sorted."""
    return sorted({*_own(family), *_entry_points(family), *_registered[family]})


def plugin(family: Family, name: str) -> Any:
    """The plug-in's class.

    Raises UnknownPlugin, with the nearest known name, if there is none, UsageError for one that
    breaks its contract, MespotError for one whose module cannot be imported.
    """
    if name in _registered[family]:
        return _registered[family][name]
    if name in _own(family):
        cls = import_module(f"mespot.{family}.{name}").PLUGIN
    elif name in (points := _entry_points(family)):
        cls = _loaded(family, points[name])
    else:
        what = f"there is no {family[:-1]} {name!r}"
        if ":" in name:
            raise UnknownPlugin(
                f"{what} here: import its class and call mespot.register({family!r}, ...) first"
            )
        raise UnknownPlugin(f"{what}{nearest(name, names(family))}")
    contracts.check(family, cls, name)
    return cls


@typing.overload
def plugins(family: Literal["descriptors"]) -> dict[str, type[contracts.Descriptor]]: ...
@typing.overload
def plugins(family: Literal["scorers"]) -> dict[str, type[contracts.Scorer]]: ...
@typing.overload
def plugins(family: Literal["datasets"]) -> dict[str, type[contracts.Dataset]]: ...
@typing.overload
def plugins(family: Literal["exports"]) -> dict[str, type[contracts.Exporter]]: ...
def plugins(family: Family) -> Mapping[str, type]:
    """All plug-ins of a family that can be used, name -> class.

    A broken one, of another distribution, is left out; a logged warning says why.
    """
    found = {}
    for name in names(family):
        try:
            found[name] = plugin(family, name)
        except MespotError as error:
            _LOG.warning("%s %r is left out: %s", family[:-1], name, error)
    return found


def name_of(family: Family, plug_in: object) -> str:
    """The name of a plug-in object or class: the one it is found by, else ``module:Class``."""
    cls = plug_in if isinstance(plug_in, type) else type(plug_in)
    for name, known in _registered[family].items():
        if known is cls:
            return name
    module = cls.__module__.rpartition(".")
    if module[0] == f"mespot.{family}" and module[2] in _own(family):
        return module[2]
    for name, point in _entry_points(family).items():
        if point.value.replace(" ", "") == default_name(cls):
            return name
    return default_name(cls)


def distribution_of(family: Family, name: str) -> str:
    """``name version`` of the distribution that brings a plug-in; "" for this package's own."""
    point = _entry_points(family).get(name)
    if point is None or name in _own(family) or point.dist is None:
        return ""
    return f"{point.dist.name} {point.dist.version}"


def build(family: Family, section: Mapping[str, Any]) -> Any:
    """Make a plug-in from a recipe section: its ``name``, and the fields that are not at default.

    Raises UsageError for an unknown name, key or value.
    """
    values = dict(section)
    name = values.pop("name", None)
    if not name:
        raise UsageError(
            f"the recipe's section for {family} needs a name; known: " + ", ".join(names(family))
        )
    return from_values(plugin(family, str(name)), values, where=f"{family[:-1]} {name}")


def section_of(family: Family, plug_in: object, every: bool = False) -> dict[str, Any]:
    """A plug-in object as a recipe section: its name, and the fields that are not at default.

    ``every`` field is in it on request.
    """
    return {"name": name_of(family, plug_in), **to_values(plug_in, every)}


def from_values(cls: type, values: Mapping[str, Any], where: str) -> Any:
    """Build a frozen dataclass from plain values, checking every key and type.

    Lists become tuples, whole numbers become floats where a float is wanted, tables become plug-ins
    where a plug-in is wanted. Raises UsageError that names the key, the place, and the nearest
    known key or the expected type.
    """
    hints = typing.get_type_hints(cls)
    known = [f.name for f in dataclasses.fields(cls)]
    ready = {}
    for key, value in values.items():
        if key not in known:
            raise UsageError(f"{where}: no key {key!r}{nearest(key, known)}")
        ready[key] = _fit(value, hints[key], f"{where}: {key}")
    try:
        return cls(**ready)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{where}: {error}") from error


def to_values(item: object, every: bool = False) -> dict[str, Any]:
    """The fields of a dataclass as plain values, those at their default left out.

    None is left out too, since TOML has no such value. ``every`` field is in it on request. A whole
    number in a field of floats becomes a float, as reading it back would make it one: equal objects
    give equal texts.
    """
    found = {}
    hints = typing.get_type_hints(type(item))
    for field in dataclasses.fields(item):  # type: ignore[arg-type]
        value = _as_read(getattr(item, field.name), hints[field.name])
        default = field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        if every or (value != default and value is not None):
            found[field.name] = _plain(value)
    return found


def entry(family: Family, name: str) -> dict[str, Any]:
    """Name, first docstring line, fields with their defaults, and the distribution it came with."""
    cls = plugin(family, name)
    fields = {}
    for item in dataclasses.fields(cls):
        default = item.default
        if item.default_factory is not dataclasses.MISSING:
            default = item.default_factory()
        fields[item.name] = None if default is dataclasses.MISSING else _plain(default)
    line = (cls.__doc__ or "").strip().splitlines() or [""]
    entry = {"name": name, "description": line[0], "fields": fields}
    origin = distribution_of(family, name)
    return {**entry, "distribution": origin} if origin else entry


def _own(family: Family) -> list[str]:
    package = import_module(f"mespot.{family}")
    found = (m.name for m in pkgutil.iter_modules(package.__path__) if not m.name.startswith("_"))
    helpers: Sequence[str] = getattr(package, "HELPERS", ())
    return [name for name in found if name not in helpers]


def _entry_points(family: Family) -> dict[str, metadata.EntryPoint]:
    return {point.name: point for point in metadata.entry_points(group=f"mespot.{family}")}


def _loaded(family: Family, point: metadata.EntryPoint) -> type:
    origin = point.dist.name if point.dist is not None else point.value
    try:
        cls = point.load()
    except Exception as error:  # Whatever a stranger's module raises when it is imported.
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        raise MespotError(
            f"{family[:-1]} {point.name!r} of {origin} cannot be loaded ({what})"
        ) from error
    if not isinstance(cls, type):
        raise UsageError(f"{family[:-1]} {point.name!r} of {origin}: {point.value} is no class")
    return cls


def _as_read(value: Any, hint: Any) -> Any:
    """The value as reading it from a file would give it; as it is where that is refused."""
    try:
        return _fit(value, hint, "")
    except UsageError:
        return value


def _plain(value: Any) -> Any:
    """A field's value as TOML and JSON have it."""
    for kind, family in _FAMILY_OF_HINT.items():
        if dataclasses.is_dataclass(value) and isinstance(value, kind):
            return section_of(family, value)
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    return value


def _fit(value: Any, hint: Any, where: str) -> Any:
    """The value as the annotated type, or a UsageError."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if value is None:
            return None
        for option in (a for a in args if a is not type(None)):
            try:
                return _fit(value, option, where)
            except UsageError:
                continue
        raise UsageError(f"{where} = {value!r}: expected {_words(hint)}")
    if origin is tuple and isinstance(value, list | tuple):
        return tuple(_fit(v, args[0], where) for v in value)
    if origin is typing.Literal:
        if value not in args:
            raise UsageError(
                f"{where} = {value!r}: {nearest(str(value), [str(a) for a in args])[2:]}"
            )
        return value
    if hint in _FAMILY_OF_HINT:
        return _fit_plugin(value, _FAMILY_OF_HINT[hint], where)
    return _fit_plain(value, hint, origin, where)


def _fit_plain(value: Any, hint: Any, origin: Any, where: str) -> Any:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        if isinstance(value, Mapping):
            return value
        raise UsageError(f"{where} = {value!r}: expected a table")
    if origin is not None:
        raise UsageError(f"{where} = {value!r}: expected {_words(hint)}")
    if hint is Any or (isinstance(value, hint) and not (hint is int and isinstance(value, bool))):
        return value
    raise UsageError(f"{where} = {value!r}: expected {_words(hint)}")


def _fit_plugin(value: Any, family: Family, where: str) -> Any:
    if isinstance(value, Mapping):
        return build(family, value)
    contracts.check(family, value)
    return value


def _words(hint: Any) -> str:
    """A type as a message shows it: ``a number, 'learned' or 'paper'``."""
    args = typing.get_args(hint)
    if typing.get_origin(hint) is typing.Literal:
        return " or ".join(repr(a) for a in args)
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return " or ".join(_words(a) for a in args if a is not type(None))
    return {float: "a number", int: "a whole number", str: "a text", bool: "true or false"}.get(
        hint, getattr(hint, "__name__", str(hint))
    )
