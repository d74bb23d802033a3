"""`mespot demo`: make a clip with known micro-expressions, spot it, show truth beside spots."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from mespot.cli import NOT_FOR
from mespot.files import refuse_standing
from mespot.types import Recording
from mespot.versions import versions


@click.command(epilog=NOT_FOR)
@click.option(
    "-o",
    "--out",
    default="demo-out",
    show_default=True,
    type=click.Path(file_okay=False),
    metavar="DIR",
)
@click.option("--seconds", default=24.0, show_default=True, type=click.FloatRange(5, 600))
@click.option("--seed", default=1, show_default=True)
def command(out: str, seconds: float, seed: int) -> int:
    """Make a synthetic clip with known micro-expressions and distractors, and spot it.

    The face is a photograph from an installed package, animated; the packaged spotter was not
    trained on it. What it scores here says nothing about real faces.
    """
    from mespot.exports.csv import write_events, write_recordings
    from mespot.metrics import Rule, match
    from mespot.results import ResultFolder, input_digest
    from mespot.spotter import load_spotter

    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    # The list of recordings shows that the clip and its truth are those of an earlier demo.
    if not (folder / "truth_recordings.csv").exists():
        mine = (folder / name for name in ("demo.mp4", "truth.csv"))
        refuse_standing(mine, "choose another folder with -o")
    click.echo(f"1. making a synthetic clip of {seconds:g} s ...", err=True)
    recording = make_clip(folder, seconds, seed)
    write_recordings(folder / "truth_recordings.csv", [recording])
    write_events(folder / "truth.csv", {recording.id: recording.expressions}, [recording])

    click.echo("2. spotting it ...", err=True)
    spotter = load_spotter()
    results = ResultFolder(folder, spotter, versions())
    spotting = spotter.spot(str(recording.source))
    how = {"faces": True, "fps": None, "force": False}
    results.add(
        "demo", input_digest(str(recording.source)), spotting, how, list(recording.expressions)
    )

    truth = [e for e in recording.expressions if e.kind == "micro"]
    pairs = dict(match(truth, spotting.expressions, Rule("apex")))
    _show(recording, truth, spotting, pairs)
    click.echo("\nOpen:")
    for name, what in (
        ("demo.mp4", "the clip"), ("demo.png", "score curve, spots and truth"),
        ("events.csv", "the spots"), ("truth.csv", "what really happens"),
        ("demo.scores.csv", "the score of every frame"),
    ):  # fmt: skip
        click.echo(f"  {folder / name}  {what}")
    click.echo("\nOn your own video:  mespot spot VIDEO -o out")
    return 0


def make_clip(folder: Path, seconds: float, seed: int) -> Recording:
    """Write the synthetic clip folder/demo.mp4, and return what happens in it."""
    from mespot.synthetic import STANDARD, load_portraits, render_recording

    config = replace(STANDARD, micro_per_minute=12.0, macro_per_minute=2.5)
    return render_recording(load_portraits(None)[0], folder, "demo", config, seed, seconds, 30)


def _show(recording: Any, truth: list[Any], spotting: Any, pairs: dict[int, int]) -> None:
    """Truth beside spots, in order of time."""
    fps = float(recording.fps)
    rows = []
    for i, event in enumerate(truth):
        spot = spotting.expressions[pairs[i]] if i in pairs else None
        rows.append((event.onset, event, spot))
    taken = set(pairs.values())
    rows += [(s.onset, None, s) for j, s in enumerate(spotting.expressions) if j not in taken]
    click.echo(f"\n{'known micro-expression':<44} spotted")
    for _, event, spot in sorted(rows, key=lambda r: r[0]):
        left = (
            "-"
            if event is None
            else (
                f"{event.onset / fps:6.2f}-{event.offset / fps:.2f} s  AU "
                f"{event.attributes.get('action_units', '?')}, "
                f"{event.attributes.get('amplitude_px', '?')} px"
            )
        )
        right = (
            "missed"
            if spot is None
            else (f"{spot.onset / fps:6.2f}-{spot.offset / fps:.2f} s  score {spot.score:.2f}")
        )
        click.echo(f"{left:<44} {right}{'' if event else '  (false alarm)'}")
    others = [e.kind for e in recording.expressions if e.kind != "micro"]
    listed = ", ".join(f"{others.count(k)} {k}" for k in sorted(set(others)))
    click.echo(f"distractors in the clip: {listed or 'none'}")
    wrong = len(spotting.expressions) - len(pairs)
    click.echo(f"{len(pairs)} of {len(truth)} found, {wrong} false alarms (one synthetic clip)")
