"""``mespot datasets``: which data sets can be read, what is wrong with one, its truth as CSV."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from mespot import registry
from mespot.contracts import Dataset, Exporter
from mespot.datasets.named import named
from mespot.errors import EXIT_DONE, EXIT_FAILURE, UnreadableInput, UsageError
from mespot.files import refuse_standing, write_text
from mespot.inspection import Annotations, Inspection, lengths
from mespot.sheet import RecordingRow, Sheet
from mespot.types import KINDS, Recording

_OUT = click.option(
    "-o", "--out", required=True, type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the tables.",
)  # fmt: skip
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_SET = click.option(
    "--set", "settings", multiple=True, metavar="FIELD=VALUE",
    help="A field of the data set (mespot list datasets), such as frames=rawpic; repeatable.",
)  # fmt: skip
_OVERWRITE = click.option(
    "--overwrite", is_flag=True, help="Replace files that are there, decisions in them included."
)
_FORMAT = click.option(
    "--format", "file_format", default="csv", show_default=True, metavar="FORMAT",
    help="How the events are written (mespot list exports).",
)  # fmt: skip
_OTHER_FOLDER = "choose another folder with -o, or --overwrite it"
_COUNTS = ("recordings", "subjects", *KINDS[:3])


@click.group(invoke_without_command=True, short_help="List, verify and convert data sets.")
@_JSON
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """Which data sets mespot reads, how to get them, and how much each holds.

    mespot ships none of them: they are licensed by the laboratories that recorded them.
    """
    if context.invoked_subcommand is not None:
        return
    entries = _entries()
    if as_json:
        click.echo(json.dumps(entries, indent=2, ensure_ascii=False))
        return
    click.echo(f"{'name':<14}" + "".join(f"{c:>11}" for c in _COUNTS) + "  licence")
    for entry in entries:
        about = {c: "~" if c in entry["about"] else "" for c in _COUNTS}
        counts = "".join(f"{about[c]}{entry['expected'].get(c, '-')}".rjust(11) for c in _COUNTS)
        click.echo(f"{entry['name']:<14}{counts}  {entry['licence']}")
    click.echo(
        "\n~ about. How to get each, and what is read: mespot datasets --json, docs/datasets.md"
    )


@command.command("verify", short_help="Everything wrong with a data set on this disk, at once.")
@click.argument("name")
@click.argument("root", type=click.Path(path_type=Path))
@_SET
@_JSON
def verify_command(name: str, root: Path, settings: tuple[str, ...], as_json: bool) -> int:
    """Compare the data set NAME under ROOT with its sheet and with its published numbers.

    Exit code 0 without problems (known irregularities of the data set are none), 1 with problems,
    4 if nothing could be read.
    """
    dataset = named(name, settings)
    found = dataset.inspect(root)
    if as_json:
        click.echo(json.dumps(found.as_dict(), indent=2, ensure_ascii=False))
    elif found.readable:
        _print(found, dataset.traps())
    if not found.readable:
        raise UnreadableInput(found.problems[0])
    return EXIT_FAILURE if found.problems else EXIT_DONE


@command.command("export", short_help="Write the recordings and events of a data set.")
@click.argument("name")
@click.argument("root", type=click.Path(path_type=Path))
@_OUT
@_FORMAT
@_OVERWRITE
@_SET
@_JSON
def export_command(
    name: str, root: Path, out: Path, file_format: str, overwrite: bool,
    settings: tuple[str, ...], as_json: bool,
) -> None:  # fmt: skip
    """Write the recordings of the data set NAME under ROOT, and their true expressions.

    The folder gets recordings.csv, events.csv (or events of another --format) and source.json,
    which names the sheet that was read, with its hash. The column status of an event names what
    was repaired in its row. Without --overwrite, no file that is there is replaced.
    """
    from mespot.exports.csv import write_recordings

    exporter: Exporter = registry.build("exports", {"name": file_format})
    dataset = named(name, settings)
    recordings = dataset.load(root)
    sheets = _sheets(exporter, out, recordings)
    if not overwrite:
        refuse_standing([out / "recordings.csv", *sheets, out / "source.json"], _OTHER_FOLDER)
    write_recordings(out / "recordings.csv", recordings)
    for path, sheet in sheets.items():
        exporter.write(path, sheet)
    events = (
        f"{_number(len(sheets), 'file')} *{exporter.suffix}"
        if exporter.one_recording
        else next(iter(sheets))
    )
    source = dataset.provenance(root)
    write_text(out / "source.json", json.dumps(source, indent=2, ensure_ascii=False) + "\n")
    kinds = Counter(e.kind for r in recordings for e in r.expressions)
    if as_json:
        summary = {"recordings": len(recordings), "events": dict(kinds), "source": source}
        click.echo(json.dumps(summary, indent=2, ensure_ascii=False))
        return
    click.echo(f"{_number(len(recordings), 'recording')}: {_listing(kinds)}")
    click.echo(f"wrote {out / 'recordings.csv'}, {events} and {out / 'source.json'}")


def _sheets(exporter: Exporter, out: Path, recordings: Sequence[Recording]) -> dict[Path, Sheet]:
    """The files of events and what each holds: all recordings, or one where a file takes one."""
    if not exporter.one_recording:
        events = {r.id: r.expressions for r in recordings}
        return {out / f"events{exporter.suffix}": Sheet(events, tuple(recordings))}
    sheets = {}
    for recording in recordings:
        # Recordings of the data set `folder` may have any name.
        if Path(recording.id).name != recording.id:
            raise UsageError(f"recording {recording.id!r}: its name cannot be that of a file")
        events = {recording.id: recording.expressions}
        sheets[out / f"{recording.id}{exporter.suffix}"] = Sheet(events, (recording,))
    return sheets


@command.command("annotations", short_help="Convert an annotation sheet alone, without images.")
@click.argument("name")
@click.argument("sheet", type=click.Path(path_type=Path))
@_OUT
@_OVERWRITE
@_SET
@_JSON
def annotations_command(
    name: str, sheet: Path, out: Path, overwrite: bool, settings: tuple[str, ...], as_json: bool
) -> int:
    """Write what the SHEET of the data set NAME says: events.csv, recordings.csv, report.json.

    Frames are counted from the first image where the sheet gives its number, else from image 1.
    Exit code 1 if no known irregularity explains some rows; a warning names each.
    """
    from mespot.exports.csv import write_events, write_recordings

    if not overwrite:
        tables = [out / name for name in ("recordings.csv", "events.csv", "report.json")]
        refuse_standing(tables, _OTHER_FOLDER)
    dataset = named(name, settings)
    notes = dataset.read_sheet(sheet)
    if notes is None:
        raise UsageError(f"{name} has no annotation sheet of its own: its tables are events.csv")
    rows = [
        RecordingRow(r.id, r.subject, "", notes.fps, r.n_frames, notes.dataset)
        for r in notes.recordings.values()
    ]
    events = {r.id: notes.events.get(r.id, ()) for r in rows}
    known = dataset.traps()
    report = _report(notes, known, dataset.expected())
    write_recordings(out / "recordings.csv", rows)
    write_events(out / "events.csv", events, rows)
    write_text(out / "report.json", json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    if as_json:
        click.echo(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        click.echo(f"{notes.dataset}: {notes.variant}")
        click.echo(f"{_number(len(rows), 'recording')}: {_listing(report['events'])}")
        if report["not_listed"]:
            click.echo(
                f"{report['not_listed']} recordings of the whole data set are in no row and not in "
                "recordings.csv; mespot datasets export finds them by their images"
            )
        _print_traps(notes.traps, known)
        click.echo(f"wrote {out / 'recordings.csv'}, {out / 'events.csv'}, {out / 'report.json'}")
    for problem in notes.problems:
        click.echo(f"mespot: warning: {problem}", err=True)
    return EXIT_FAILURE if notes.problems else EXIT_DONE


def _entries() -> list[dict[str, Any]]:
    """What is known of every data set without having it; a warning names one that fails."""
    entries = []
    for name in registry.names("datasets"):
        try:
            entries.append(_entry(name))
        except Exception as error:
            # One broken plug-in must not hide the others; it can raise anything.
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            click.echo(f"mespot: warning: data set {name!r} cannot be used ({reason})", err=True)
    return entries


def _entry(name: str) -> dict[str, Any]:
    dataset: Dataset = registry.build("datasets", {"name": name})
    return {
        "name": name.replace("_", "-"),
        "description": registry.entry("datasets", name)["description"],
        "expected": dataset.expected(),
        "about": sorted(dataset.approximate()),
        "licence": dataset.licence,
        "citation": dataset.citation,
        "how_to_get": dataset.how_to_get,
        "traps": dataset.traps(),
    }


def _report(
    notes: Annotations, known: Mapping[str, str], expected: Mapping[str, int]
) -> dict[str, Any]:
    """report.json of a converted sheet."""
    every = [e for found in notes.events.values() for e in found]
    kinds = {k: [e.n_frames for e in every if e.kind == k] for k in KINDS}
    subjects = {r.subject for r in notes.recordings.values()}
    return {
        "dataset": notes.dataset,
        "sheet": notes.sheet.name,
        "sha256": notes.sha256,
        "variant": notes.variant,
        "frame_0": "the first image where the sheet gives its number, else image 1",
        "recordings": len(notes.recordings),
        # A sheet of expressions does not name the recordings without any.
        "not_listed": max(0, expected.get("recordings", 0) - len(notes.recordings)),
        "subjects": len(subjects),
        "rows": dict(notes.rows),
        "events": {k: len(found) for k, found in kinds.items() if found},
        "lengths": {k: lengths(found) for k, found in kinds.items() if found},
        "published": dict(expected),
        "traps": {c: {"rows": n, "what": known.get(c, "")} for c, n in notes.traps.items()},
        "dropped": [vars(d) for d in notes.dropped],
        "problems": list(notes.problems),
    }


def _print(found: Inspection, known: Mapping[str, str]) -> None:
    """The inspection for people."""
    click.echo(f"{found.dataset} in {found.root}")
    for label, text in (
        ("sheet", found.sheet), ("sha256", found.sha256), ("read", found.variant),
        ("images", found.layout),
    ):  # fmt: skip
        if text:
            click.echo(f"  {label:<8}{text}")
    if found.found:
        click.echo(f"\n{'':<24}{'found':>8}{'expected':>10}")
    for name in dict.fromkeys((*found.found, *found.expected)):
        click.echo(f"{name:<24}{found.found.get(name, 0):>8}{found.expected.get(name, '-'):>10}")
    for name, value in found.lengths.items():
        official = found.published.get(name)
        published = f", published {_triple(official)}" if official else ""
        click.echo(f"frames of a {name}: {_triple(value)}{published} (shortest/median/longest)")
    _print_traps(found.traps, known)
    _print_lines("dropped", [str(d) for d in found.dropped])
    _print_lines("problems", found.problems)
    if not found.problems:
        n = len(found.traps)
        click.echo(
            "\nNo problems."
            if not n
            else "\nNo new problems. 1 known irregularity was handled."
            if n == 1
            else f"\nNo new problems. {n} known irregularities were handled."
        )


def _print_traps(traps: Mapping[str, int], known: Mapping[str, str]) -> None:
    lines = [f"{code:<22}{n:>5}  {known.get(code, 'unknown')}" for code, n in traps.items()]
    _print_lines("known irregularities (rows or folders)", lines)


def _print_lines(heading: str, lines: Sequence[str]) -> None:
    if lines:
        click.echo(f"\n{heading}")
    for line in lines:
        click.echo(f"  {line}")


def _triple(values: Sequence[float]) -> str:
    return "/".join(f"{value:g}" for value in values)


def _listing(kinds: Mapping[str, int]) -> str:
    return ", ".join(f"{kinds[k]} {k}" for k in KINDS if kinds.get(k)) or "no expressions"


def _number(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"
