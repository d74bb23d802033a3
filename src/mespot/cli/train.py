"""`mespot train`: learn a spotter from recordings with truth."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mespot.cli import NOT_FOR
from mespot.errors import NoUsableFace, UnreadableInput, UsageError
from mespot.files import refuse_standing
from mespot.progress import FrameBar

if TYPE_CHECKING:
    from mespot.recipe import Recipe


@click.command(epilog=NOT_FOR)
@click.argument("recipe", default="default")
@click.option(
    "-o",
    "--out",
    required=True,
    type=click.Path(file_okay=False),
    metavar="DIR",
    help="Folder that becomes the spotter.",
)
@click.option("--overwrite", is_flag=True, help="Replace the spotter in DIR, its card included.")
@click.option(
    "--data",
    multiple=True,
    type=click.Path(),
    metavar="DIR",
    help="Folder with recordings.csv, events.csv and videos; may be repeated.",
)
@click.option(
    "--rows",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="In place of --data: rows of another tool (see docs/own-features.md).",
)
@click.option(
    "--also",
    multiple=True,
    type=click.Path(),
    metavar="DIR",
    help="As --data, but never judged on with --evaluate; may be repeated.",
)
@click.option(
    "--work",
    type=click.Path(file_okay=False),
    metavar="DIR",
    help="Keep descriptor rows here: a stopped run goes on, a second one is quick.",
)
@click.option(
    "--footage",
    multiple=True,
    type=click.Path(),
    metavar="VIDEO",
    help="Real video without known movements, to inject some into; may be repeated.",
)
@click.option(
    "--copies",
    default=8,
    show_default=True,
    type=click.IntRange(1),
    help="Differently injected copies of every --footage.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="SECTION.KEY=VALUE",
    help="Change a setting of the recipe; may be repeated.",
)
@click.option(
    "--evaluate", is_flag=True, help="Leave-one-subject-out first; its figures go into the card."
)
@click.option(
    "--folds",
    type=click.IntRange(2),
    metavar="N",
    help="With --evaluate: N groups of subjects instead of one subject at a time.",
)
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1))
@click.option(
    "--describe-training",
    default="",
    metavar="TEXT",
    help="A sentence for the card: where the data come from and under which licence.",
)
def command(recipe: str, out: str, **options: Any) -> int:
    """Learn a spotter by RECIPE (a shipped name or a TOML file) from recordings with truth.

    Epoch, threshold and, where the recipe has a section choose, decode values are chosen on
    subjects held out inside the training data. Needs the extra
    `train` (torch); the spotter that is written does not. `mespot synth` makes recordings to train
    on where there are none.
    """
    from mespot.evaluation.cross_validation import cross_validate, summary
    from mespot.evaluation.run import need_modules
    from mespot.protocol import learn, leave_one_subject_out, leave_subjects_out
    from mespot.recipe import load_recipe
    from mespot.spotter import FILES, Spotter

    if not options["overwrite"]:
        standing = (Path(out) / name for name in FILES)
        refuse_standing(standing, "choose another folder with -o, or --overwrite the spotter")
    chosen = load_recipe(recipe).override(options["settings"])
    need_modules(chosen)
    if options["rows"] is None:
        samples, also = _samples(chosen, options)
    else:
        chosen, samples = _row_samples(chosen, options)
        also = []
    subjects = len({s.subject for s in samples})
    click.echo(
        f"{len(samples)} recordings of {subjects} subjects, "
        f"{sum(s.minutes for s in samples):.1f} minutes",
        err=True,
    )
    measured: dict[str, Any] = {}
    if options["evaluate"]:
        n = options["folds"]
        folds = leave_subjects_out(samples, n) if n else leave_one_subject_out(samples)
        result = cross_validate(chosen, samples, folds, options["workers"], also)
        measured["folds"] = len(folds)
        measured |= summary(samples, result)
        click.echo(json.dumps(measured, indent=1))
    everything = [*samples, *(replace(s, lifelike=False) for s in also)]
    learned = learn(chosen, everything)
    card = _card(learned.recipe, everything, measured, options)
    Spotter(learned.recipe, learned.weights, card).save(out)
    decoded = [f"{name} {getattr(learned.recipe.decode, name)}" for name in chosen.choose]
    click.echo(
        f"wrote {out} (epoch {learned.epoch}, "
        + ", ".join([f"threshold {learned.threshold:.3f}", *decoded])
        + ")",
        err=True,
    )
    return 0


def _row_samples(recipe: Recipe, options: dict[str, Any]) -> tuple[Recipe, list[Any]]:
    """The recipe for the rows of another tool, and their samples."""
    from mespot.cli.evaluate import adapted, open_rows
    from mespot.rows import collect

    if options["data"] or options["also"] or options["footage"]:
        raise UsageError("--rows brings its own recordings: leave out --data, --also, --footage")
    folder = open_rows(options["rows"])
    changed = adapted([recipe], folder)[0]
    store = Path(options["work"]) if options["work"] else None
    samples, problems = collect(changed, folder.recordings, options["workers"], store=store)
    for line in problems:
        click.echo(f"left out: {line}", err=True)
    if not samples:
        raise UsageError("none of the recordings can be used")
    rates = {s.series.fps for s in samples}
    if changed.fps is None and len(rates) > 1:
        raise UsageError(
            f"{options['rows']}: recordings have {len(rates)} frame rates; bring the rows to one"
        )
    return changed, samples


def _samples(recipe: Any, options: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    """Samples to judge on and samples to learn from besides; recordings left out are named."""
    from mespot.datasets.folder import Folder
    from mespot.rows import collect
    from mespot.training import at_rate, injected_samples

    if not options["data"]:
        raise UsageError("nothing to learn from: give --data DIR (mespot synth makes one)")
    store = Path(options["work"]) if options["work"] else None
    groups, problems = [], []
    for roots in (options["data"], options["also"]):
        listed = [
            replace(r, id=f"{Path(root).name}/{r.id}")
            for root in roots
            for r in Folder().load(root)
        ]
        with FrameBar("describing", " recordings") as bar:
            samples, refused = collect(recipe, listed, options["workers"], bar, store)
        groups.append(samples)
        problems += refused
    for path in options["footage"]:
        try:
            groups[1] += injected_samples(recipe, path, options["copies"], recipe.seed)
        except (NoUsableFace, UnreadableInput) as error:
            problems.append(str(error))
    for line in problems:
        click.echo(f"left out: {line}", err=True)
    names = [s.id for group in groups for s in group]
    if len(set(names)) < len(names):
        raise UsageError("two of the folders have the same name: rename one, so that they differ")
    if not groups[0]:
        raise UsageError("none of the recordings can be used")
    if recipe.fps is None:
        fps = groups[0][0].series.fps
        groups = [[at_rate(s, fps) for s in group] for group in groups]
    return groups[0], groups[1]


def _card(
    recipe: Recipe, samples: Sequence[Any], measured: dict[str, Any], options: dict[str, Any]
) -> str:
    """What a user must know of the weights, in Markdown."""
    micro = sum(len(s.micro) for s in samples)
    lines = [
        f"# Spotter `{recipe.name}`",
        "",
        f"{recipe.description}.",
        "",
        "## Training data",
        "",
        options["describe_training"] or "Not told.",
        "",
        f"{len(samples)} recordings of {len({s.subject for s in samples})} subjects, "
        f"{sum(s.minutes for s in samples):.1f} minutes, {micro} micro-expressions.",
        "",
        "## Measured",
        "",
    ]
    if measured:
        lines += [
            "Subjects left out in turn, by `folds` groups, on the recordings of `--data`; epoch",
            "and threshold from inside.",
            "",
        ]
        lines += ["| figure | value |", "|---|---|"]
        lines += [f"| {name} | {_shown(value)} |" for name, value in measured.items()]
    else:
        lines.append("Nothing.")
    lines += [
        "",
        "## Limits",
        "",
        "Weights, epoch and threshold never saw the subject they were judged on; the recipe itself",
        "was chosen on the same data. Synthetic recordings say nothing of real faces.",
        "",
        NOT_FOR,
        "",
    ]
    return "\n".join(lines)


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return " to ".join(f"{v:.3f}" for v in value)
    return f"{value:.3f}" if isinstance(value, float) else str(value)
