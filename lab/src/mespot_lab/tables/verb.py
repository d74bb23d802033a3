"""``mespot tables``: the paper's tables, row for row, on a data set or its synthetic twin."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from mespot.cli import NOT_FOR
from mespot.cli.evaluate import LoadedData, data_options, load, log, plan_of
from mespot.errors import UsageError

_BESIDE = Path("OUT/twin")


@click.command(short_help="The paper's Table 1 or 2, leak-free beside optimistic.", epilog=NOT_FOR)
@click.option("--dataset", "name", required=True, help="smic-vis-e (Table 1), casme-sq (Table 2).")
@click.option("--root", type=click.Path(path_type=Path), help="Where the data set lies.")
@click.option(
    "--twin",
    type=click.Path(path_type=Path),
    is_flag=False,
    flag_value=_BESIDE,
    help="Its synthetic twin: where it lies or, if nothing is there or with the two options below, "
    "is to be made; without a folder, OUT/twin.",
)
@click.option(
    "--portraits",
    type=click.Path(path_type=Path),
    help="Of a twin to be made: folder of face photographs, as for mespot synth.",
)
@click.option("--scale", type=float, help="Of a twin to be made: its size; default 1, the real.")
@click.option(
    "--difference",
    is_flag=True,
    help="Each row also on differences in time of its descriptor, which show less of who it is.",
)
@click.option(
    "--more",
    is_flag=True,
    help="Also the other rivals and networks that mespot ships, of which the paper has no figure.",
)
@data_options
def command(name: str, root: Path | None, twin: Path | None, **options: Any) -> None:
    """Evaluate every row of the paper's table, and floor, ceiling and mespot's default beside.

    With --twin a licence is not needed: the twin is made first, where it is not there yet.

    Writes table.md, table.csv and table.png into the folder, and every fold of every row as mespot
    evaluate does. Run the same command again after a stop: finished folds are kept.
    """
    from mespot.evaluation.run import evaluate
    from mespot_lab.tables.paired import ahead
    from mespot_lab.tables.plot import write
    from mespot_lab.tables.rows import TABLES, rows_of
    from mespot_lab.tables.table import markdown, table_of

    settings = list(options["settings"])
    if options["seed"] is not None:
        settings.append(f"seed={options['seed']}")
    rows = rows_of(name, options["difference"], settings, options["more"])
    data = _load(name, root, twin, options)
    recipes = [row.recipe for row in rows]
    log(f"{len(recipes)} rows")
    results = evaluate(plan_of(recipes, data, ("default", "paper"), options), log)
    heading = f"{TABLES[name.replace('_', '-')][0]} of Tran et al. 2019"
    table = table_of(heading, rows, results)
    f1 = {line.row.title: line.f1 for line in table.lines}
    table = replace(table, ahead=ahead(options["out"], rows, f1))
    paths = write(table, options["out"], results[0]["dataset"])
    click.echo(markdown(table), nl=False)
    log(f"wrote {', '.join(map(str, paths))}")


def _load(name: str, root: Path | None, twin: Path | None, options: dict[str, Any]) -> LoadedData:
    """The recordings of either; UsageError unless exactly one is named and is what it is said."""
    if (root is None) == (twin is None):
        raise UsageError("give either --root (the data set) or --twin (its synthetic twin)")
    if root is not None:
        for option in ("portraits", "scale"):
            if options[option] is not None:
                raise UsageError(f"--{option} is for a twin to be made, not for --root")
        return load(name, root, options["fields"])
    assert twin is not None
    place = options["out"] / "twin" if twin == _BESIDE else twin
    # Named with what it is to be made of, or not there: one that was begun goes on.
    asked = any(options[name] is not None for name in ("portraits", "scale"))
    if asked or twin == _BESIDE or not place.exists() or not any(place.iterdir()):
        _make(name, place, options)
    data = load(name, place, options["fields"])
    if data.recordings and not data.recordings[0].dataset.endswith(" twin"):
        raise UsageError(f"{place}: holds no twin.json, so it is no twin; use --root for real data")
    return data


def _make(name: str, place: Path, options: dict[str, Any]) -> None:
    """Make the twin, or what a stopped run has left to make of it."""
    from mespot.synthetic.portraits import load_portraits
    from mespot_lab.twins.request import make_request
    from mespot_lab.twins.verb import make

    request = make_request(name, 1.0 if options["scale"] is None else options["scale"])
    faces = load_portraits(options["portraits"])
    with redirect_stdout(sys.stderr):
        make(request, faces, place, options["workers"], False)
