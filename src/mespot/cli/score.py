"""``mespot score``: how well spots agree with the truth."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from mespot import metrics
from mespot.cli import _score_more as more
from mespot.cli._score_table import Scored, show
from mespot.exports import csv
from mespot.registry import names, plugin
from mespot.sheet import POINT, RecordingRow, Sheet
from mespot.types import KINDS
from mespot.verdicts import rejected_line, without_rejected

_FILE = click.Path(path_type=Path)


@click.command(short_help="Compare spots with the truth: TP, FP, FN, P, R, F1, false alarms.")
@click.argument("reference", type=_FILE)
@click.argument("estimate", type=_FILE)
@click.option(
    "--recordings",
    type=_FILE,
    metavar="RECORDINGS.csv",
    help="All recordings that were looked at, also those without events.",
)
@click.option("--protocol", type=click.Choice(metrics.PROTOCOLS), help="Default: both.")
@click.option("--k", type=float, default=0.5, show_default=True, help="IoU that megc asks for.")
@click.option("--kind", type=click.Choice(KINDS), help="Restrict both files to one kind.")
@click.option("--by", type=click.Choice(["subject", "recording"]), help="Counts of each, too.")
@click.option(
    "--bootstrap",
    type=click.IntRange(min=1),
    metavar="N",
    help="95 % intervals from N resamples of the subjects, such as 2000.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Of --bootstrap.")
@click.option(
    "--curves",
    type=_FILE,
    metavar="FILE.json",
    help="Write FROC, average precision, workload, ROC, timing, calibration. ESTIMATE should hold "
    "all peaks with their scores.",
)
@click.option(
    "--compat",
    type=click.Choice(list(metrics.COMPAT)),
    multiple=True,
    help="Also count as another scorer does, faults included; may be repeated.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON: protocol, kind, numbers.")
def command(reference: Path, estimate: Path, **options: Any) -> None:
    """Compare the spots in ESTIMATE with the truth in REFERENCE (both events.csv).

    apex: a spot is right if its apex lies in [onset, offset] of a true expression. megc: if their
    intervals overlap by IoU 0.5 (--k) or more. One to one in both. Counts are pooled over every
    recording of RECORDINGS.csv; "overall" is micro and macro together. A file without kinds
    holds micro-expressions. Events whose status is rejected are left out of both files.
    """
    more.check(options)
    path = options["recordings"]
    listed = None if path is None else csv.read_recording_rows(path)
    truth, spots = (_read(path, listed) for path in (reference, estimate))
    rows = _derived(truth, spots) if listed is None else listed
    _warn(rows, listed, {reference: truth, estimate: spots})
    scored = _scored(rows, truth, spots, options)
    tree, blocks = more.extras(scored, options)
    if options["curves"] is not None:
        notes, lines = more.write_curves(scored, options)
        blocks += lines
        for note in notes:
            _note(f"curves: {note}")
    if options["as_json"]:
        click.echo(json.dumps(tree, indent=2))
    else:
        click.echo("\n".join([_heading(rows, truth, spots), *show(scored), *blocks]))


def _scored(
    rows: Sequence[RecordingRow], truth: Sheet, spots: Sheet, options: dict[str, Any]
) -> Scored:
    """The counts of every recording under every protocol asked for."""
    kind, protocol = options["kind"], options["protocol"]
    kinds = _kinds(truth, spots) if kind is None else (kind,)
    per_recording = {
        name: metrics.by_recording(
            rows, truth.events, spots.events, metrics.Rule(name, options["k"]), kinds
        )
        for name in (metrics.PROTOCOLS if protocol is None else (protocol,))
    }
    if kind is not None:
        # Both files are read as if they held this kind alone, so that it is all there is.
        for found in per_recording.values():
            found.update((r, {metrics.OVERALL: c[kind], kind: c[kind]}) for r, c in found.items())
    return Scored(rows, truth.events, spots.events, kinds, per_recording)


def _read(path: Path, listed: Sequence[RecordingRow] | None) -> Sheet:
    """The events of a file but the rejected, read by the format of its suffix (else CSV)."""
    name = path.suffix[1:].lower()
    reader = plugin("exports", name if name in names("exports") else "csv")()
    sheet: Sheet = reader.read(path, listed)
    events, rejected = without_rejected(sheet.events)
    if rejected:
        _note(rejected_line(path, rejected, sum(map(len, sheet.events.values()))))
    return replace(sheet, events=events)


def _derived(*sheets: Sheet) -> list[RecordingRow]:
    """The recordings that occur in the files, of unknown length."""
    rows: dict[str, RecordingRow] = {}
    for sheet in sheets:
        for name, row in sheet.rows.items():
            if name not in rows or not rows[name].subject:
                rows[name] = row
    return list(rows.values())


def _kinds(*sheets: Sheet) -> tuple[str, ...]:
    """The kinds that get a line of their own: all that occur, if any file names kinds."""
    if not any(sheet.has_kinds for sheet in sheets):
        return ()
    return metrics.kinds_in(*(sheet.events for sheet in sheets))


def _warn(
    rows: Sequence[RecordingRow], listed: Sequence[RecordingRow] | None, sheets: dict[Path, Sheet]
) -> None:
    """Say on standard error what makes the numbers mean less than they seem to."""
    if listed is None:
        _note(
            "no --recordings: recordings without events are not counted, nor false alarms per "
            "minute; give the list of all recordings"
        )
    elif unknown := [r for r in rows if math.isnan(r.minutes)]:
        _note(
            f"false alarms per minute are unknown: recording {unknown[0].id!r} has no fps or "
            f"n_frames ({len(unknown)} of {len(rows)} recordings)"
        )
    for path, sheet in sheets.items():
        events = [e for found in sheet.events.values() for e in found]
        if events and not sheet.has_kinds:
            _note(f"{path} tells no kinds: its events are taken as micro")
        if open_ones := sum(e.attributes.get("kind") == "" for e in events):
            _note(
                f"{path}: {open_ones} of {len(events)} events tell no kind: they are counted as "
                "'other', not in 'overall'"
            )
        if points := sum(POINT in e.attributes for e in events):
            _note(
                f"{path}: {points} of {len(events)} events are an apex alone: an interval of one "
                "frame"
            )


def _note(text: str) -> None:
    click.echo(f"mespot: warning: {text}", err=True)


def _heading(rows: Sequence[RecordingRow], *sheets: Sheet) -> str:
    minutes = sum(r.minutes for r in rows)
    length = "" if math.isnan(minutes) else f", {minutes:.2f} minutes"
    silent = sum(not any(sheet.events.get(r.id) for sheet in sheets) for r in rows)
    return f"{len(rows)} recording{'' if len(rows) == 1 else 's'} ({silent} without events){length}"
