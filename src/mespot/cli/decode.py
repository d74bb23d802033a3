"""``mespot decode``: spots from score curves that are there already."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import click

from mespot.cli import NOT_FOR
from mespot.errors import UsageError
from mespot.files import refuse_standing

if TYPE_CHECKING:
    from mespot.decoding import Decode
    from mespot.score_files import Scores
    from mespot.types import Expression


@click.command(short_help="Spots from score curves that are there already.", epilog=NOT_FOR)
@click.argument("scores", nargs=-1, required=True, type=click.Path(), metavar="SCORES.csv...")
@click.option("--fps", metavar="RATE", help="Frames per second, such as 25 or 30000/1001.")
@click.option("--threshold", metavar="X|paper", help="What a peak must reach to be a spot.")
@click.option(
    "--span", type=click.IntRange(1), help="Frames that each score looks at, for interval=span."
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="decode.KEY=VALUE",
    help="Change a setting of the decoder, such as decode.nms_s=0.5; may be repeated.",
)
@click.option(
    "-o", "--out", type=click.Path(dir_okay=False), metavar="EVENTS.csv", help="Write the spots."
)
@click.option("--overwrite", is_flag=True, help="Replace EVENTS.csv, decisions in it included.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    scores: tuple[str, ...], settings: tuple[str, ...], out: str | None, **options: Any
) -> None:
    """Decode score curves into spots: SCORES.csv of another tool, or of a result folder.

    Columns: frame,score and, where known, found, time_s, recording. Frames count from 0. A
    <stem>.scores.csv that `mespot spot` wrote is decoded as it was then, as far as no option says
    otherwise. Compare the spots with a truth by `mespot score TRUTH.csv EVENTS.csv`.
    """
    from mespot.score_files import read_scores

    if out is not None and not options["overwrite"]:
        refuse_standing([out], "choose another file, or --overwrite it")
    rate = _rate(options["fps"])
    curves = [s for path in scores for s in read_scores(path, rate, options["span"])]
    names = [s.recording for s in curves]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(
            f"two score curves are of recording {twice!r}; rename a file, or write the recordings "
            "into a column recording"
        )
    configs = [_config(s.decode, settings, options["threshold"]) for s in curves]
    spots = [s.spots(config) for s, config in zip(curves, configs)]
    if out is not None:
        _write(out, curves, spots)
    if options["as_json"]:
        trees = [_tree(*one) for one in zip(curves, configs, spots)]
        click.echo(json.dumps({"out": out, "items": dict(zip(names, trees))}, indent=1))
    else:
        for curve, found in zip(curves, spots):
            for spot in found:
                click.echo(_line(curve, spot))
    for curve, found in zip(curves, spots):
        number = f"{len(found)} spot{'' if len(found) == 1 else 's'}"
        click.echo(f"{curve.recording}: {number} in {curve.n_frames} frames", err=True)
    if out is not None:
        click.echo(f"wrote {out}", err=True)


def _rate(text: str | None) -> Fraction | None:
    if text is None:
        return None
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if rate <= 0:
        raise UsageError(f"--fps {text!r}: write a number such as 25 or 30000/1001")
    return rate


def _config(config: Decode, settings: tuple[str, ...], threshold: str | None) -> Decode:
    """The decode settings with those of the command line."""
    from mespot.recipe import Recipe

    for setting in settings:
        if not setting.strip().startswith("decode."):
            raise UsageError(f"--set {setting}: only decode.* has a say in decoding")
    if settings:
        config = Recipe(decode=config).override(settings).decode
    if threshold is None or threshold == "paper":
        return config if threshold is None else replace(config, threshold="paper")
    try:
        return replace(config, threshold=float(threshold))
    except ValueError:
        raise UsageError(f"--threshold {threshold!r}: write a number or 'paper'") from None


def _write(out: str, curves: list[Scores], spots: list[list[Expression]]) -> None:
    """events.csv as ``mespot spot`` writes it: every spot waits for a person's verdict."""
    from mespot.exports.csv import write_events
    from mespot.verdicts import UNSEEN

    unseen = {"status": UNSEEN}
    events = {
        curve.recording: [replace(e, attributes=unseen) for e in found]
        for curve, found in zip(curves, spots)
    }
    times = {
        curve.recording: {
            f: curve.time_s(f) for e in found for f in (e.onset, e.apex_or_middle, e.offset)
        }
        for curve, found in zip(curves, spots)
    }
    write_events(out, events, (), times)


def _tree(curve: Scores, config: Decode, spots: list[Expression]) -> dict[str, Any]:
    threshold = config.threshold_for(curve.series, curve.threshold, curve.found)
    return {
        "frames": curve.n_frames,
        "fps": float(curve.series.fps),
        "threshold": threshold,
        "decode": asdict(config),
        "spots": [
            {
                "onset": e.onset, "apex": e.apex, "offset": e.offset, "kind": e.kind,
                "score": e.score, "onset_s": curve.time_s(e.onset),
                "apex_s": curve.time_s(e.apex_or_middle), "offset_s": curve.time_s(e.offset),
            }
            for e in spots
        ],
    }  # fmt: skip


def _line(curve: Scores, spot: Expression) -> str:
    return (
        f"{curve.recording}  {curve.time_s(spot.onset):8.3f}-{curve.time_s(spot.offset):.3f} s  "
        f"frames {spot.onset}-{spot.offset}  apex {spot.apex}  score {spot.score:.3f}"
    )
