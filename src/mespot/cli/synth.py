"""``mespot synth``: make synthetic recordings with known truth."""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import click

from mespot.cli._progress import FrameBar
from mespot.errors import UsageError
from mespot.types import Recording


@click.command(short_help="Make synthetic recordings with known truth.")
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--recordings", type=click.IntRange(1), default=None, help="How many; default one per portrait."
)
@click.option("--seconds", type=float, default=60.0, show_default=True, help="Length of each.")
@click.option(
    "--fps", default="30", show_default=True, help="Frames per second, such as 30000/1001."
)
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
def command(
    out: Path, recordings: int | None, seconds: float, fps: str, seed: int,
    portraits: Path | None, difficulty: str,
) -> None:  # fmt: skip
    """Animate portraits with micro-expressions and everything that is mistaken for them.

    OUT gets the videos (MP4), recordings.csv, events.csv (the truth) and run.json. A finished video
    is kept: run again to go on after an interruption, or with more --recordings to add some.
    """
    from mespot.synthetic.config import difficulty as config_of
    from mespot.synthetic.portraits import load_portraits
    from mespot.synthetic.write import Plan, write_dataset

    config, rate = config_of(difficulty), _rate(fps)
    if not math.isfinite(seconds) or not 1.0 <= seconds <= 36000.0:
        raise UsageError(f"--seconds {seconds:g}: choose 1 to 36000")
    faces = load_portraits(portraits)
    plan = Plan(recordings or len(faces), seconds, rate, seed, config)
    with FrameBar("synth", unit=" recordings") as bar:
        done = write_dataset(faces, out, plan, _reporter(bar, plan.n_recordings))
    kinds = Counter(e.kind for recording in done for e in recording.expressions)
    click.echo(
        f"{len(done)} recordings of {len({r.subject for r in done})} subjects, "
        f"{sum(r.minutes for r in done):.1f} min: "
        + ", ".join(f"{kinds[k]} {k}" for k in ("micro", "macro", "blink", "other"))
    )
    click.echo(f"truth: {out / 'events.csv'} and {out / 'recordings.csv'}")


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
