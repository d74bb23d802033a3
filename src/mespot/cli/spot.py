"""`mespot spot`: find candidate micro-expressions in videos."""

from __future__ import annotations

import json
import os
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import click

from mespot.cli import NOT_FOR
from mespot.errors import EXIT_DONE, EXIT_FAILURE, EXIT_SOME_FAILED, MespotError, UsageError
from mespot.load_ahead import load_ahead
from mespot.versions import versions

# What is needed once the last frame is in, and takes long to load.
_LATER = ("onnxruntime", "mespot.picture")


@click.command(epilog=NOT_FOR)
@click.argument("videos", nargs=-1, required=True, type=click.Path())
@click.option(
    "-o",
    "--out",
    required=True,
    type=click.Path(file_okay=False),
    metavar="DIR",
    help="Folder for events.csv, scores, pictures and run.json.",
)
@click.option(
    "--spotter",
    "spotter_path",
    type=click.Path(),
    metavar="DIR|RECIPE",
    help="A folder that `mespot train` wrote, or a recipe that needs no training.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="SECTION.KEY=VALUE",
    help="Change a setting of the recipe, such as decode.nms_s=0.5; may be repeated.",
)
@click.option("--fps", type=str, help="Frame rate of a folder of images, such as 25 or 30000/1001.")
@click.option("--force", is_flag=True, help="Spot even at an unsuitable frame rate.")
@click.option("--no-faces", is_flag=True, help="Leave face images out of the pictures.")
@click.option(
    "--overwrite",
    is_flag=True,
    help="Replace results of other recipes in DIR; what a person decided stays.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    videos: tuple[str, ...],
    out: str,
    spotter_path: str | None,
    settings: tuple[str, ...],
    **options: Any,
) -> int:
    """Find candidate micro-expressions in VIDEOS (files, or folders of images).

    Exit codes: 0 done (also with no spot), 2 usage, 3 some of several inputs failed, 4 unreadable
    input, 5 no usable face, 130 interrupted (run again to resume).
    """
    from mespot.results import ResultFolder

    rate = _rate(options["fps"])
    how = {
        "faces": not options["no_faces"],
        "fps": None if rate is None else str(rate),
        "force": options["force"],
    }
    spotter = _spotter(spotter_path).with_settings(settings)
    with ResultFolder(Path(out), spotter, versions()) as folder:
        folder.resume(options["overwrite"])
        _show_notes(folder)
        return _all(folder, videos, how, options["as_json"])


def _all(folder: Any, videos: tuple[str, ...], how: dict[str, Any], as_json: bool) -> int:
    """Spot all videos, report, and return the exit code."""
    from mespot.results import item_names

    failed: dict[str, str] = {}
    codes = []
    names = item_names(videos, folder.taken)
    for number, (path, name) in enumerate(zip(videos, names), start=1):
        try:
            line = _one(folder, path, name, how)
            codes.append(EXIT_DONE)
        except Exception as error:
            codes.append(error.exit_code if isinstance(error, MespotError) else EXIT_FAILURE)
            failed[name] = _told(path, error)
            line = f"failed: {failed[name]}"
        counter = f"[{number}/{len(videos)}] " if len(videos) > 1 else ""
        click.echo(f"{counter}{name}: {line}", err=True)
    _show_notes(folder)
    if stale := folder.stale:
        click.echo(
            f"note: {folder.folder} still holds results of another recipe, other weights or "
            f"another version for {', '.join(stale)}",
            err=True,
        )
    done = {n: folder.items[n] for n, code in zip(names, codes) if code == EXIT_DONE}
    _report(folder.folder, done, failed, as_json)
    if len(videos) > 1:
        click.echo(f"{len(done)} of {len(videos)} inputs done, {len(failed)} failed", err=True)
        return EXIT_SOME_FAILED if failed else EXIT_DONE
    return codes[0]


def _show_notes(folder: Any) -> None:
    for note in folder.take_notes():
        click.echo(f"note: {note}", err=True)


def _told(path: str, error: Exception) -> str:
    """One line about a failure; with MESPOT_DEBUG=1 an unexpected one is raised instead."""
    if isinstance(error, MespotError):
        return str(error)
    if os.environ.get("MESPOT_DEBUG") == "1":
        raise error
    if isinstance(error, OSError):
        return f"{path}: {error.strerror or error}"
    first = str(error).splitlines()[0] if str(error) else ""
    return f"{path}: unexpected {type(error).__name__}: {first}; MESPOT_DEBUG=1 shows where"


def _spotter(path: str | None) -> Any:
    from mespot.recipe import load_recipe, shipped
    from mespot.spotter import load_spotter, untrained

    if path is not None and (path in shipped() or path.endswith(".toml")):
        return untrained(load_recipe(path))
    return load_spotter(path)


def _one(folder: Any, path: str, name: str, how: dict[str, Any]) -> str:
    """Spot one video; the line that reports it."""
    from mespot.progress import FrameBar
    from mespot.results import input_digest

    digest = input_digest(path)
    if folder.finished(name, digest, how):
        count = len(folder.items[name]["spots"])
        return f"unchanged since it was finished, skipped ({count} spots)"
    folder.refuse_foreign(name)
    rate = None if how["fps"] is None else Fraction(how["fps"])
    with FrameBar(name) as bar:

        def on_frame(done: int, total: int | None) -> None:
            bar(done, total)
            if done == 1:
                load_ahead(_LATER)

        spotting = folder.spotter.spot(path, fps=rate, force=how["force"], progress=on_frame)
    folder.add(name, digest, spotting, how)
    _show_notes(folder)
    for note in spotting.notes:
        click.echo(f"{name}: note: {note}", err=True)
    lost = spotting.reading.frames_without_face
    tail = f", {lost} without a face" if lost else ""
    return f"{len(spotting.expressions)} spots in {spotting.reading.frames} frames{tail}"


def _rate(text: str | None) -> Fraction | None:
    if text is None:
        return None
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError) as error:
        raise UsageError(f"--fps {text!r}: write a number such as 25 or 30000/1001") from error
    if rate <= 0:
        raise UsageError(f"--fps {text!r}: must be positive")
    return rate


def _report(
    folder: Path, done: dict[str, dict[str, Any]], failed: dict[str, str], as_json: bool
) -> None:
    """The spots of the inputs that are done, on standard output."""
    if as_json:
        result = {"out": str(folder), "items": done, "failed": failed}
        json.dump(result, sys.stdout, indent=1)
        click.echo()
        return
    for name, item in done.items():
        for spot in item["spots"]:
            click.echo(
                f"{name}  {spot['onset_s']:8.3f}-{spot['offset_s']:.3f} s  "
                f"frames {spot['onset']}-{spot['offset']}  apex {spot['apex']}  "
                f"score {spot['score']:.3f}"
            )
    if done:
        click.echo(f"wrote {folder / 'events.csv'}", err=True)
