"""Recipes: every choice of a run in one TOML file, checked key by key.

A recipe has the sections ``align``, ``descriptor``, ``scorer`` and ``decode``; ``descriptor`` and
``scorer`` name a plug-in and set its fields. A section ``choose`` lists decode values of which
``mespot evaluate`` chooses on inner training subjects. A key that is left out has its default; a
key that is not known is an error that names the nearest known one.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tomllib
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from mespot.errors import UnreadableInput, UsageError
from mespot.registry import nearest

SECTIONS = ("align", "descriptor", "scorer", "decode", "choose")


@dataclass(frozen=True)
class Recipe:
    """All choices of a spotter, as plain values.

    ``fps`` is set only where the recipe fixes lengths in frames (the ``paper-*`` recipes): videos
    of another rate are then refused unless forced. ``mirror`` asks to learn from the mirror images
    of the training recordings as well, where the descriptor can tell their rows.
    """

    name: str = "unnamed"
    description: str = ""
    fps: float | None = None
    seed: int = 0
    mirror: bool = False
    align: Mapping[str, Any] = field(default_factory=dict)
    descriptor: Mapping[str, Any] = field(default_factory=lambda: {"name": "region_flow"})
    scorer: Mapping[str, Any] = field(default_factory=lambda: {"name": "lstm"})
    decode: Mapping[str, Any] = field(default_factory=dict)
    choose: Mapping[str, Any] = field(default_factory=dict)

    @property
    def hash(self) -> str:
        """First 16 hex digits of the SHA-256 of the choices (name and description excluded)."""
        choices = {k: v for k, v in to_dict(self).items() if k not in ("name", "description")}
        text = json.dumps(choices, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def override(self, settings: Iterable[str]) -> Recipe:
        """A recipe with ``section.key=value`` settings applied; values are read as TOML."""
        tree = to_dict(self)
        for setting in settings:
            path, equals, text = setting.partition("=")
            keys = path.strip().split(".")
            if not equals or not keys[0] or len(keys) > 2:
                raise UsageError(f"--set {setting!r}: write it as section.key=value")
            at = tree
            if len(keys) == 2:
                if keys[0] not in SECTIONS:
                    raise UsageError(
                        f"--set {setting!r}: no section {keys[0]!r}"
                        + nearest(keys[0], list(SECTIONS))
                    )
                at = tree.setdefault(keys[0], {})
            at[keys[-1]] = _toml_value(text)
        return make_dataclass(Recipe, tree, where="recipe")


def to_dict(recipe: Recipe) -> dict[str, Any]:
    """Plain nested dictionary of a recipe, without entries that are empty, None or False."""
    tree = dataclasses.asdict(recipe)
    return {k: v for k, v in tree.items() if v not in (None, {}, "") and v is not False}


def dumps(recipe: Recipe) -> str:
    """The recipe as TOML; ``load_recipe`` of it gives an equal recipe."""
    import tomli_w

    return tomli_w.dumps(to_dict(recipe))


def shipped() -> list[str]:
    """Names of the recipes in the package."""
    folder = resources.files("mespot") / "recipes"
    return sorted(
        p.name.removesuffix(".toml") for p in folder.iterdir() if p.name.endswith(".toml")
    )


def load_recipe(name_or_path: str | Path) -> Recipe:
    """A shipped recipe by name, or any by the path of its TOML file.

    Raises UnreadableInput for a missing or broken file, UsageError for an unknown key or value.
    """
    path = Path(name_or_path)
    if str(name_or_path) in shipped():
        text = (resources.files("mespot") / "recipes" / f"{name_or_path}.toml").read_text("utf-8")
    elif path.suffix == ".toml" or path.is_file():
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UnreadableInput(f"{path}: cannot read the recipe ({error})") from error
    else:
        raise UsageError(
            f"there is no recipe {str(name_or_path)!r}" + nearest(str(name_or_path), shipped())
        )
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UnreadableInput(f"{name_or_path}: not a TOML file ({error})") from error
    return make_dataclass(Recipe, tree, where=f"recipe {name_or_path}")


def make_dataclass(cls: type, values: Mapping[str, Any], where: str) -> Any:
    """Build a frozen dataclass from plain values, checking every key and type.

    Lists become tuples, whole numbers become floats where a float is wanted. Raises UsageError that
    names the key, the place and the nearest known key or the expected type.
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
        raise UsageError(f"{where} = {value!r}: expected {hint}")
    if origin is tuple and isinstance(value, list | tuple):
        return tuple(_fit(v, args[0], where) for v in value)
    if origin is typing.Literal:
        if value not in args:
            raise UsageError(
                f"{where} = {value!r}: {nearest(str(value), [str(a) for a in args])[2:]}"
            )
        return value
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        if isinstance(value, Mapping):
            return value
        raise UsageError(f"{where} = {value!r}: expected a table")
    if hint is Any or (isinstance(value, hint) and not (hint is int and isinstance(value, bool))):
        return value
    raise UsageError(f"{where} = {value!r}: expected {getattr(hint, '__name__', hint)}")


def _toml_value(text: str) -> Any:
    """``3``, ``0.5``, ``true``, ``[1, 2]`` as TOML; anything else as the bare string."""
    try:
        return tomllib.loads(f"x = {text.strip()}")["x"]
    except tomllib.TOMLDecodeError:
        return text.strip()
