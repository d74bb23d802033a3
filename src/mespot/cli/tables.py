"""``mespot tables``: the paper's tables, row for row, on a data set or its synthetic twin."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from mespot.cli import NOT_FOR
from mespot.cli.evaluate import data_options, load, need_torch, plan_of, say
from mespot.errors import UsageError


@click.command(short_help="The paper's Table 1 or 2, leak-free beside optimistic.", epilog=NOT_FOR)
@click.option("--dataset", "name", required=True, help="smic-vis-e (Table 1), casme-sq (Table 2).")
@click.option("--root", type=click.Path(path_type=Path), help="Where the data set lies.")
@click.option("--twin", type=click.Path(path_type=Path), help="Where its synthetic twin lies.")
@click.option(
    "--difference",
    is_flag=True,
    help="Each row also on differences in time of its descriptor, which tell less of who it is.",
)
@click.option(
    "--more",
    is_flag=True,
    help="Also the other rivals and networks that mespot ships, of which the paper has no figure.",
)
@data_options
def command(name: str, root: Path | None, twin: Path | None, **options: Any) -> None:
    """Evaluate every row of the paper's table, and floor, ceiling and mespot's default beside.

    Writes table.md, table.csv and table.png into the folder, and every fold of every row as mespot
    evaluate does. Run the same command again after a stop: finished folds are kept.
    """
    from mespot.evaluation.paired import ahead
    from mespot.evaluation.rows import TABLES, rows_of
    from mespot.evaluation.run import evaluate
    from mespot.evaluation.table import markdown, table_of, write

    settings = list(options["settings"])
    if options["seed"] is not None:
        settings.append(f"seed={options['seed']}")
    rows = rows_of(name, options["difference"], settings, options["more"])
    need_torch()
    recordings = _load(name, root, twin, options["fields"])
    recipes = [row.recipe for row in rows if row.recipe is not None]
    say(
        f"{len(recipes)} rows; not yet: "
        + (", ".join(row.title for row in rows if row.recipe is None) or "none")
    )
    results = evaluate(plan_of(recipes, recordings, ("default", "paper"), options), say)
    heading = f"{TABLES[name.replace('_', '-')][0]} of Tran et al. 2019"
    table = table_of(heading, rows, results)
    f1 = {line.row.title: line.f1 for line in table.lines}
    table = replace(table, ahead=ahead(options["out"], rows, f1))
    paths = write(table, options["out"], results[0]["dataset"])
    click.echo(markdown(table), nl=False)
    say(f"wrote {', '.join(map(str, paths))}")


def _load(name: str, root: Path | None, twin: Path | None, fields: tuple[str, ...]) -> list[Any]:
    """The recordings of either; UsageError unless exactly one is named and is what it is said."""
    if (root is None) == (twin is None):
        raise UsageError("give either --root (the data set) or --twin (its synthetic twin)")
    place = root or twin
    assert place is not None
    recordings = load(name, place, fields)
    if twin is not None and recordings and not recordings[0].dataset.endswith(" twin"):
        raise UsageError(f"{twin}: holds no twin.json, so it is no twin; use --root for real data")
    return recordings
