"""Recipes: every choice of a run, as objects that are checked where they are made.

A recipe has the parts ``align``, ``descriptor``, ``scorer``, ``decode``, each a frozen dataclass.
``choose`` lists decode values of which ``mespot evaluate`` chooses on inner training subjects. TOML
files and ``--set`` are read and written here and nowhere else: a key that is left out has its
default, and a key that is not known is an error that names the nearest known one.

>>> from mespot.scorers.lstm import Lstm
>>> Recipe(scorer=Lstm(units=10), decode=Decode(threshold=0.7)).scorer.units
10
"""

from __future__ import annotations

import hashlib
import itertools
import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module, resources
from pathlib import Path
from typing import Any

from mespot import contracts, registry
from mespot.align.config import Align
from mespot.contracts import Descriptor, Scorer
from mespot.decoding import Decode
from mespot.errors import UnreadableInput, UsageError, nearest

PARTS = ("align", "descriptor", "scorer", "decode", "choose")
_NEVER_CHOSEN = ("threshold", "interval")
_MOST_CHOICES = 200


def _region_flow() -> Descriptor:
    made: Descriptor = registry.build("descriptors", {"name": "region_flow"})
    return made


def _lstm() -> Scorer:
    made: Scorer = registry.build("scorers", {"name": "lstm"})
    return made


@dataclass(frozen=True)
class Recipe:
    """All choices of a spotter.

    Parameters
    ----------
    name, description : str
        Not part of :attr:`hash`.
    fps : float or None
        Set only where the recipe fixes lengths in frames (the ``paper-*`` recipes): videos of
        another rate are then refused unless forced.
    seed : int
    mirror : bool
        Whether to learn from the mirror images of the training recordings as well.
    align : Align
    descriptor : Descriptor
    scorer : Scorer
    decode : Decode
    choose : mapping of a decode field to the values to choose from

    Raises
    ------
    UsageError
        If a part is no object of its kind, or a value is out of its range.
    """

    name: str = "unnamed"
    description: str = ""
    fps: float | None = None
    seed: int = 0
    mirror: bool = False
    align: Align = field(default_factory=Align)
    descriptor: Descriptor = field(default_factory=_region_flow)
    scorer: Scorer = field(default_factory=_lstm)
    decode: Decode = field(default_factory=Decode)
    choose: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for part, kind in (("align", Align), ("decode", Decode)):
            if not isinstance(getattr(self, part), kind):
                raise UsageError(
                    f"recipe {self.name}: {part} must be {kind.__name__}(...), "
                    f"not {type(getattr(self, part)).__name__}"
                )
        for part, family in (("descriptor", "descriptors"), ("scorer", "scorers")):
            value = getattr(self, part)
            if isinstance(value, type):
                raise UsageError(
                    f"recipe {self.name}: {part} must be an object, {value.__name__}(...), "
                    "not the class"
                )
            contracts.check(family, value)
        if self.mirror and not self.descriptor.can_mirror:
            raise UsageError(
                f"recipe {self.name}: mirror = true, but the descriptor "
                f"{registry.name_of('descriptors', self.descriptor)} cannot mirror its rows"
            )
        if self.choose:
            self.decode_options()
        choose = {name: tuple(values) for name, values in self.choose.items()}
        object.__setattr__(self, "choose", choose)

    @property
    def hash(self) -> str:
        """First 16 hex digits of the SHA-256 of all choices (name and description excluded)."""
        tree = to_values(self, every=True)
        choices = {k: v for k, v in tree.items() if k not in ("name", "description")}
        text = json.dumps(choices, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def override(self, settings: Iterable[str]) -> Recipe:
        """A recipe with ``part.key=value`` settings applied; values are read as TOML.

        Raises UsageError for a setting that is not understood.
        """
        settings = tuple(settings)
        if not settings:
            return self
        tree = to_values(self)
        for setting in settings:
            path, equals, text = setting.partition("=")
            keys = path.strip().split(".")
            if not equals or not keys[0] or len(keys) > 2:
                raise UsageError(f"--set {setting!r}: write it as section.key=value")
            at = tree
            if len(keys) == 2:
                if keys[0] not in PARTS:
                    raise UsageError(
                        f"--set {setting!r}: no section {keys[0]!r}{nearest(keys[0], PARTS)}"
                    )
                at = tree.setdefault(keys[0], {})
            at[keys[-1]] = _toml_value(text)
        return from_values(tree, where="recipe")

    def decode_options(self) -> list[Decode]:
        """The decode values to choose from: every combination of the lists in ``choose``, in order.

        Combinations that contradict each other (``min_s`` above ``max_s``) are left out. Without
        ``choose``, the recipe's own values. Raises UsageError for a key that is none of decode's,
        for one that is no matter of choice, and for too many combinations.
        """
        for name, values in self.choose.items():
            if name in _NEVER_CHOSEN:
                raise UsageError(f"choose: {name} is not chosen by figures; set it in decode")
            if not isinstance(values, list | tuple) or not values:
                raise UsageError(f"choose: {name} = {values!r}: write a list, such as [0.1, 0.2]")
            for value in values:
                registry.from_values(Decode, {name: value}, where="choose")
        combinations = list(itertools.product(*self.choose.values()))
        if len(combinations) > _MOST_CHOICES:
            raise UsageError(
                f"choose: {len(combinations)} combinations; at most {_MOST_CHOICES} make sense on "
                "a few inner subjects"
            )
        options, refused = [], None
        for combination in combinations:
            tree = {**registry.to_values(self.decode), **dict(zip(self.choose, combination))}
            try:
                options.append(registry.from_values(Decode, tree, where="decode"))
            except UsageError as error:
                refused = error
        if not options:
            assert refused is not None
            raise refused
        return options

    def chosen(self, decode: Decode) -> Recipe:
        """The recipe with these decode values and nothing left to choose."""
        return replace(self, decode=decode, choose={})


def to_values(recipe: Recipe, every: bool = False) -> dict[str, Any]:
    """Plain nested dictionary of a recipe, without values at their default and empty parts.

    ``every`` value is in it on request.
    """
    tree: dict[str, Any] = {"name": recipe.name}
    if recipe.description:
        tree["description"] = recipe.description
    if recipe.fps is not None:
        tree["fps"] = float(recipe.fps)
    tree["seed"] = recipe.seed
    if recipe.mirror:
        tree["mirror"] = True
    tree["align"] = registry.to_values(recipe.align, every)
    tree["descriptor"] = registry.section_of("descriptors", recipe.descriptor, every)
    tree["scorer"] = registry.section_of("scorers", recipe.scorer, every)
    tree["decode"] = registry.to_values(recipe.decode, every)
    tree["choose"] = {
        name: [_decode_value(name, value) for value in values]
        for name, values in recipe.choose.items()
    }
    return {k: v for k, v in tree.items() if v != {}}


def _decode_value(name: str, value: Any) -> Any:
    decode = registry.from_values(Decode, {name: value}, where="choose")
    return registry.to_values(decode, every=True)[name]


def from_values(tree: Mapping[str, Any], where: str) -> Recipe:
    """A recipe from plain values. Raises UsageError for an unknown key or value."""
    values = dict(tree)
    for part in ("align", "decode", "choose", "descriptor", "scorer"):
        if part in values and not isinstance(values[part], Mapping):
            raise UsageError(f"{where}: {part} = {values[part]!r}: expected a table")
    if "align" in values:
        values["align"] = registry.from_values(Align, values["align"], where="align")
    if "decode" in values:
        values["decode"] = registry.from_values(Decode, values["decode"], where="decode")
    for part, name in (("descriptor", "region_flow"), ("scorer", "lstm")):
        if part in values:
            values[part] = {"name": name, **values[part]}
    recipe: Recipe = registry.from_values(Recipe, values, where=where)
    return recipe


def dumps(recipe: Recipe) -> str:
    """The recipe as TOML; ``load_recipe`` of it gives an equal recipe."""
    import tomli_w

    return tomli_w.dumps(to_values(recipe))


def shipped() -> dict[str, Any]:
    """Names of the recipes that come with mespot and with installed plug-ins, and their files.

    A distribution offers the TOML files of a package by an entry point of the group
    ``mespot.recipes``, such as ``lab = "mespot_lab.recipes"``. One that cannot be imported is left
    out; ``mespot doctor`` reports it.
    """
    from importlib.metadata import entry_points

    packages = ["mespot.recipes", *(p.value for p in entry_points(group="mespot.recipes"))]
    found: dict[str, Any] = {}
    for package in packages:
        try:
            folder = resources.files(import_module(package))
        except Exception:  # Whatever a stranger's module raises when it is imported.
            continue
        for item in folder.iterdir():
            if item.name.endswith(".toml"):
                found.setdefault(item.name.removesuffix(".toml"), item)
    return dict(sorted(found.items()))


def load_recipe(name_or_path: str | Path) -> Recipe:
    """A shipped recipe by name, or any by the path of its TOML file.

    Raises UnreadableInput for a missing or broken file, UsageError for an unknown key or value.
    """
    path, known = Path(name_or_path), shipped()
    if str(name_or_path) in known:
        text = known[str(name_or_path)].read_text("utf-8")
    elif path.suffix == ".toml" or path.is_file():
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UnreadableInput(f"{path}: cannot read the recipe ({error})") from error
    else:
        raise UsageError(
            f"there is no recipe {str(name_or_path)!r}" + nearest(str(name_or_path), list(known))
        )
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UnreadableInput(f"{name_or_path}: not a TOML file ({error})") from error
    return from_values(tree, where=f"recipe {name_or_path}")


def _toml_value(text: str) -> Any:
    """``3``, ``0.5``, ``true``, ``[1, 2]`` as TOML; anything else as the bare string."""
    try:
        return tomllib.loads(f"x = {text.strip()}")["x"]
    except tomllib.TOMLDecodeError:
        return text.strip()
