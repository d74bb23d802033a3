"""``mespot list``: every plug-in and recipe, with what can be set."""

from __future__ import annotations

import json
from typing import Any

import click

from mespot import recipe, registry

_RECIPES = "recipes"


@click.command(short_help="List plug-ins and recipes, with their fields.")
@click.argument("family", required=False, type=click.Choice((*registry.FAMILIES, _RECIPES)))
@click.option("--json", "as_json", is_flag=True, help="Print JSON: family, entries, fields.")
def command(family: str | None, as_json: bool) -> None:
    """List what a recipe or the command line can name: plug-ins with their fields, and recipes.

    Without FAMILY, all of them. Fields are shown with their defaults.
    """
    families = (*registry.FAMILIES, _RECIPES) if family is None else (family,)
    found = {name: _entries(name) for name in families}
    for name, entries in found.items():
        for entry in entries:
            if "error" in entry:
                click.echo(f"mespot: warning: {name[:-1]} {entry['name']!r} cannot be used "
                           f"({entry['error']})", err=True)  # fmt: skip
    if as_json:
        click.echo(json.dumps(found, indent=2, default=str))
        return
    for number, (name, entries) in enumerate(found.items()):
        click.echo(("\n" if number else "") + name)
        for entry in entries:
            _print(entry)


def _entries(family: str) -> list[dict[str, Any]]:
    """Name, description and fields of each; one that fails has an ``error`` and no fields."""
    names = list(recipe.shipped()) if family == _RECIPES else registry.names(family)  # type: ignore[arg-type]
    entries = []
    for name in names:
        try:
            entries.append(_recipe(name) if family == _RECIPES else registry.entry(family, name))  # type: ignore[arg-type]
        except Exception as error:
            # One broken file must not hide the others; what breaks in it can be anything.
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            entries.append({"name": name, "description": "", "fields": {}, "error": reason})
    return entries


def _recipe(name: str) -> dict[str, Any]:
    """A recipe as an entry: its sections are its fields."""
    loaded = recipe.load_recipe(name)
    fields = recipe.to_values(loaded)
    description = " ".join(str(fields.pop("description", "")).split())
    fields.pop("name", None)
    return {"name": name, "description": description, "fields": fields}


def _print(entry: dict[str, Any]) -> None:
    """The name with its description, then its fields as they stand in a recipe."""
    click.echo(f"  {entry['name']:<16}{entry['description']}".rstrip())
    for key, value in entry["fields"].items():
        click.echo(f"      {key} = {json.dumps(value, default=str, ensure_ascii=False)}")
