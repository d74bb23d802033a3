"""``mespot cache``: what is kept of aligned crops and descriptor rows, and pruning it."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import click

from mespot.cache import LIMIT_VARIABLE, ROOT_VARIABLE, Cache, Entry, default_limit, default_root


def _finite(_ctx: click.Context, _param: click.Parameter, value: float | None) -> float | None:
    """The number; nan lies beside every bound, so that a range alone does not refuse it."""
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"{value} is no number of gigabytes; give one such as 10")
    return value


@click.command(short_help="Show or prune what is kept of crops and descriptor rows.")
@click.option(
    "--dir",
    "place",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help=f"Another cache than ${ROOT_VARIABLE} or this user's.",
)
@click.option(
    "--prune",
    "gigabytes",
    type=click.FloatRange(min=0),
    callback=_finite,
    metavar="GB",
    help="Keep so much, removing what was not used for longest; 0 removes everything.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(place: Path | None, gigabytes: float | None, as_json: bool) -> None:
    """Show where the cache is, what it holds and its bound; with --prune, make it smaller.

    It is pruned by itself whenever something is added: nothing has to be done here. Everything in
    it can be made again from the videos.
    """
    cache = Cache(place or default_root(), default_limit())
    removed = [] if gigabytes is None else cache.prune(int(gigabytes * 1e9))
    found = _figures(cache, cache.entries(), removed)
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    click.echo(f"{found['root']}  (at most {found['limit_bytes'] / 1e9:g} GB; {LIMIT_VARIABLE})")
    for kind, figures in found["kinds"].items():
        click.echo(f"{kind:<10}{figures['entries']:>8} entries {_size(figures['bytes']):>12}")
    click.echo(f"{'all':<10}{found['entries']:>8} entries {_size(found['bytes']):>12}")
    if gigabytes is not None:
        click.echo(f"removed {found['removed']} entries, {_size(found['removed_bytes'])}")


def _figures(cache: Cache, entries: list[Entry], removed: list[Entry]) -> dict[str, Any]:
    kinds: dict[str, dict[str, int]] = defaultdict(lambda: {"entries": 0, "bytes": 0})
    for entry in entries:
        kind = kinds[str(entry.meta.get("kind", "?"))]
        kind["entries"] += 1
        kind["bytes"] += entry.n_bytes
    return {
        "root": str(cache.root),
        "limit_bytes": cache.limit,
        "entries": len(entries),
        "bytes": sum(entry.n_bytes for entry in entries),
        "kinds": dict(sorted(kinds.items())),
        "removed": len(removed),
        "removed_bytes": sum(entry.n_bytes for entry in removed),
    }


def _size(n: int) -> str:
    return f"{n / 1e9:.2f} GB" if n >= 1e8 else f"{n / 1e6:.2f} MB"
