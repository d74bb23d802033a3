"""``mespot synth``: make synthetic recordings with known truth, or a twin of a data set."""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from importlib import metadata
from pathlib import Path
from typing import Any

import click

from mespot.errors import UsageError
from mespot.progress import FrameBar
from mespot.types import Recording

_FOR_TWINS = ("scale", "workers", "quality", "dry_run")
_NOT_FOR_TWINS = ("recordings", "seconds", "fps")


@click.command(short_help="Make synthetic recordings with known truth, or a twin of a data set.")
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--recordings", type=click.IntRange(1), default=None, help="How many; default one per portrait."
)
@click.option("--seconds", type=float, default=None, help="Length of each; default 60.")
@click.option("--fps", default=None, help="Frames per second, such as 30000/1001; default 30.")
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Decides everything; the same seed gives the same frames.",
)
@click.option(
    "--portraits",
    type=click.Path(path_type=Path),
    default=None,
    help="Folder of face photographs, perhaps with landmarks.json; default: photographs "
    "that come with matplotlib and scikit-image.",
)
@click.option(
    "--difficulty",
    default="standard",
    show_default=True,
    help="easy, standard or hard: sizes of movements and levels of nuisances.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="A level or rate of the difficulty, such as noise=0 or micro_px=[1.0, 2.0]; repeatable.",
)
@click.option(
    "--like",
    metavar="DATASET",
    default=None,
    help="Make a twin: smic-vis-e, smic-hs-e, casme-sq, samm-lv, casme-cubed or casme-ii.",
)
@click.option("--scale", type=float, default=None, help="Of a twin: its size; default 1, the real.")
@click.option(
    "--workers", type=click.IntRange(1), default=None,
    help="Of a twin: processes that draw; default one per core.",
)  # fmt: skip
@click.option(
    "--jpeg-quality", "quality", type=click.IntRange(30, 100), default=None,
    help="Of a twin: of its images; default 95.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Of a twin: report its numbers, make nothing.")
def command(out: Path, **options: Any) -> None:
    """Animate portraits with micro-expressions and everything that is mistaken for them.

    OUT gets the videos (MP4), recordings.csv, events.csv (the truth) and run.json. A finished video
    is kept: run again to go on after an interruption, or with more --recordings to add some.

    With --like, OUT gets a twin of a data set: as many subjects, recordings and expressions, as
    long, in the same folders and the same sheet, all of it synthetic.
    """
    if options["like"] is not None:
        _twin(out, options)
    else:
        _videos(out, options)


def _twin(out: Path, options: dict[str, Any]) -> None:
    """Hand over to the distribution that makes twins: an entry point of ``mespot.twins``."""
    _refuse(options, _NOT_FOR_TWINS, "with --like the data set decides")
    points = list(metadata.entry_points(group="mespot.twins"))
    if not points:
        raise UsageError("mespot synth --like needs mespot-lab: pip install mespot-lab")
    points[0].load()(out, options)


def _videos(out: Path, options: dict[str, Any]) -> None:
    from mespot.synthetic.config import difficulty, overridden, settings_of
    from mespot.synthetic.portraits import load_portraits
    from mespot.synthetic.write import DatasetRequest, write_dataset

    _refuse(options, _FOR_TWINS, "is for twins: add --like DATASET")
    config = overridden(difficulty(options["difficulty"]), settings_of(options["settings"]))
    rate = _rate(options["fps"] or "30")
    seconds = 60.0 if options["seconds"] is None else options["seconds"]
    if not math.isfinite(seconds) or not 1.0 <= seconds <= 36000.0:
        raise UsageError(f"--seconds {seconds:g}: choose 1 to 36000")
    faces = load_portraits(options["portraits"])
    plan = DatasetRequest(
        options["recordings"] or len(faces), seconds, rate, options["seed"], config
    )
    with FrameBar("synth", unit=" recordings") as bar:
        done = write_dataset(faces, out, plan, _reporter(bar, plan.n_recordings))
    kinds = Counter(e.kind for recording in done for e in recording.expressions)
    click.echo(
        f"{len(done)} recordings of {len({r.subject for r in done})} subjects, "
        f"{sum(r.minutes for r in done):.1f} min: "
        + ", ".join(f"{kinds[k]} {k}" for k in ("micro", "macro", "blink", "other"))
    )
    click.echo(f"truth: {out / 'events.csv'} and {out / 'recordings.csv'}")


def _refuse(options: dict[str, Any], names: tuple[str, ...], why: str) -> None:
    """Options that are given although they mean nothing here."""
    for name in names:
        if options[name] not in (None, False):
            shown = {"quality": "jpeg-quality"}.get(name, name.replace("_", "-"))
            raise UsageError(f"--{shown}: {why}")


def _rate(text: str) -> Fraction:
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 5 <= rate <= 1000 or rate.denominator > 1001:
        raise UsageError(f"--fps {text!r}: write a rate from 5 to 1000, such as 25 or 30000/1001")
    return rate


def _reporter(bar: FrameBar, total: int) -> Callable[[Recording, bool], None]:
    """Moves the bar on a terminal; one line per recording elsewhere. Both on standard error."""
    finished = 0

    def report(recording: Recording, made: bool) -> None:
        nonlocal finished
        finished += 1
        bar(finished, total)
        if not sys.stderr.isatty():
            click.echo(f"{recording.id}: {'made' if made else 'kept'}", err=True)

    return report
