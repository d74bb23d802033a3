"""``mespot evaluate``: what recipes are worth on subjects they never saw."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mespot.cli import NOT_FOR
from mespot.errors import UnreadableInput, UsageError
from mespot.evaluation.fold import PROTOCOLS
from mespot.versions import TRAINING, versions

if TYPE_CHECKING:
    from mespot.evaluation.describe import EvaluationPlan
    from mespot.recipe import Recipe
    from mespot.rows_folder import RowsFolder
    from mespot.types import Recording

_WIDTHS = (30, 21, 8, 17, 9, 8, 12)
_HEAD = ("recipe", "protocol", "F1 apex", "95 %", "F1 megc", "FA/min", "recall@1/m")


def data_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that ``evaluate`` and ``tables`` share."""
    for option in (
        click.option(
            "--cache", "cache", type=click.Path(file_okay=False), metavar="DIR",
            help="Where aligned crops and descriptor rows are kept; default: mespot cache.",
        ),
        click.option(
            "--set", "settings", multiple=True, metavar="SECTION.KEY=VALUE",
            help="Change a setting of every recipe (tables: scorer.* of the paper's rows only).",
        ),
        click.option("--seed", type=click.IntRange(0), help="In place of the recipes' own."),
        click.option("--workers", default=2, show_default=True, type=click.IntRange(1)),
        click.option(
            "--field", "fields", multiple=True, metavar="FIELD=VALUE",
            help="A field of the data set (mespot datasets), such as frames=rawpic.",
        ),
        click.option(
            "-o", "--out", required=True, type=click.Path(file_okay=False, path_type=Path),
            metavar="DIR", help="Folder for the results; run again to go on after a stop.",
        ),
    ):  # fmt: skip
        command = option(command)
    return command


@click.command(short_help="Leave-one-subject-out, without leaks; resumable.", epilog=NOT_FOR)
@click.argument("recipes", nargs=-1, required=True, metavar="RECIPE...")
@click.option("--dataset", "name", help="Name of the data set (mespot datasets).")
@click.option("--root", type=click.Path(path_type=Path), help="Where it lies.")
@click.option(
    "--rows",
    "rows",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="In place of a data set: rows of another tool (see docs/own-features.md).",
)
@click.option(
    "--protocol",
    "protocols",
    multiple=True,
    type=click.Choice(PROTOCOLS),
    default=("default",),
    show_default=True,
    help="paper: best epoch on the test subject, the paper's threshold; optimistic. Repeatable.",
)
@data_options
def command(
    recipes: tuple[str, ...], name: str | None, root: Path | None, rows: Path | None, **options: Any
) -> None:
    """Judge each RECIPE (a shipped name or a TOML file) by leave-one-subject-out.

    Epoch, threshold and decode values are chosen on subjects held out inside the training side of
    every fold. One folder per fold; finished folds are kept when the same command runs again.

    With --rows DIR, the rows in DIR take the place of every recipe's descriptor. DIR holds
    recordings.csv (recording,subject,fps), events.csv and <recording>.npz or .csv.
    """
    from mespot.evaluation.run import evaluate

    chosen = [prepared(recipe, options) for recipe in recipes]
    if rows is not None:
        if name or root or options["fields"]:
            raise UsageError(
                "--rows brings its own recordings: leave out --dataset, --root, --field"
            )
        folder = open_rows(rows)
        chosen = adapted(chosen, folder)
        origin = {"root": str(rows.absolute()), "fields": [], "truth": folder.provenance()}
        data = LoadedData(list(folder.recordings), {"name": "rows", **origin})
    elif name and root:
        data = load(name, root, options["fields"])
    else:
        raise UsageError("what to evaluate on? Give --dataset NAME --root DIR, or --rows DIR")
    protocols = tuple(dict.fromkeys(options["protocols"]))
    results = evaluate(plan_of(chosen, data, protocols, options), log)
    click.echo("\n".join(show(results)))
    click.echo(f"results in {options['out']}", err=True)


def prepared(name_or_path: str, options: Mapping[str, Any]) -> Recipe:
    """A recipe with the settings of the command line."""
    from mespot.recipe import load_recipe

    settings = list(options["settings"])
    if options["seed"] is not None:
        settings.append(f"seed={options['seed']}")
    return load_recipe(name_or_path).override(settings)


@dataclass(frozen=True)
class LoadedData:
    """The recordings of a data set; ``origin`` says where they and their truth come from."""

    recordings: list[Recording]
    origin: dict[str, Any]


def load(name: str, root: Path, fields: Sequence[str]) -> LoadedData:
    """Load a data set by its name. Raises UnreadableInput, UsageError."""
    from mespot.datasets.named import named

    dataset = named(name, fields)
    origin = {"name": name, "root": str(root.absolute()), "fields": list(fields)}
    recordings = dataset.load(root)
    return LoadedData(recordings, {**origin, "truth": dataset.provenance(root)})


def open_rows(root: Path) -> RowsFolder:
    """A folder of rows. Prints a line for everything wrong with it, then raises UnreadableInput."""
    from mespot.rows_folder import examine

    folder, problems = examine(root)
    if folder is None:
        for line in problems[:-1]:
            log(line)
        raise UnreadableInput(problems[-1])
    for note in folder.notes:
        log(note)
    return folder


def adapted(recipes: Sequence[Recipe], folder: RowsFolder) -> list[Recipe]:
    """The recipes with a folder's rows as their descriptor; what else had to change is printed."""
    found = []
    for recipe in recipes:
        changed, notes = folder.adapt(recipe)
        for note in notes:
            log(note)
        found.append(changed)
    return found


def plan_of(
    recipes: Sequence[Recipe],
    data: LoadedData,
    protocols: tuple[str, ...],
    options: Mapping[str, Any],
) -> EvaluationPlan:
    """The evaluation that the command line asks for."""
    from mespot.cache import default_limit, default_root
    from mespot.evaluation.describe import EvaluationPlan

    place = Path(options["cache"]) if options["cache"] else default_root()
    return EvaluationPlan(
        tuple(recipes), tuple(data.recordings), options["out"], (place, default_limit()), protocols,
        options["workers"], data.origin, versions(TRAINING),
    )  # fmt: skip


def log(line: str) -> None:
    """A line of what is going on, on standard error."""
    click.echo(f"mespot: {line}", err=True)


def show(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """The table on standard output."""
    first = results[0]
    lines = [
        f"{first['dataset']}: {first['recordings']} recordings of {first['subjects']} subjects, "
        f"{_number(first['minutes'], 1)} minutes; micro-expressions, one fold per subject",
        _line(_HEAD),
    ]
    for r in results:
        low, high = (_number(end) for end in r["apex"]["f1_interval"])
        lines.append(
            _line(
                (r["recipe"], "paper (optimistic)" if r["optimistic"] else r["protocol"],
                 _number(r["apex"]["f1"]), f"[{low}, {high}]", _number(r["megc"]["f1"]),
                 _number(r["apex"]["false_alarms_per_minute"], 2),
                 _number(r["recall_at_1_per_minute"]))
            )
        )  # fmt: skip
    if any(r["optimistic"] for r in results):
        lines.append("optimistic: epochs and the like chosen by the test result; not comparable")
    return lines


def _number(value: float | None, digits: int = 3) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.{digits}f}"


def _line(cells: Sequence[str]) -> str:
    left = "".join(cell.ljust(width) for cell, width in zip(cells[:2], _WIDTHS[:2]))
    return left + "".join(cell.rjust(width) for cell, width in zip(cells[2:], _WIDTHS[2:]))
