"""The part of ``mespot synth`` that makes a twin of a data set."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mespot.progress import FrameBar

if TYPE_CHECKING:
    from mespot.inspection import Lengths
    from mespot.synthetic.portraits import Portrait
    from mespot_lab.sheets import PlannedRecording
    from mespot_lab.twins import TwinRequest, Work


def make_twin(out: Path, options: Mapping[str, Any]) -> None:
    """``mespot synth --like``: plan a twin, compare it with the real data set, and make it.

    ``options`` are those of the verb. Raises UsageError for an unknown data set or setting.
    """
    from mespot.synthetic.config import settings_of
    from mespot.synthetic.portraits import load_portraits
    from mespot_lab.twins.request import JPEG_QUALITY, make_request

    request = make_request(
        options["like"],
        1.0 if options["scale"] is None else options["scale"],
        options["seed"],
        options["difficulty"],
        settings_of(options["settings"]),
        options["quality"] or JPEG_QUALITY,
    )
    faces = load_portraits(options["portraits"])
    make(request, faces, out, options["workers"] or os.cpu_count() or 1, options["dry_run"])


def make(
    request: TwinRequest, faces: Sequence[Portrait], out: Path, workers: int, dry_run: bool
) -> None:
    """Plan a twin, compare it with the real data set, and make it unless it is a dry run."""
    from mespot_lab.twins import make_work, truth_of, write_twin

    if dry_run:
        work = make_work(request, faces)
        _print(work, truth_of(work))
        click.echo(f"\n{work.plan.n_frames} frames; nothing was written")
        return
    with FrameBar("synth") as bar:
        work, truth = write_twin(request, faces, out, workers, bar, _report)
    _print(work, truth)
    click.echo(f"\n{work.plan.n_frames} frames in {out}: a twin, labelled so in twin.json")
    click.echo(f"check it: mespot datasets verify {request.name} {out}")


def _report(name: str, made: bool) -> None:
    """One line per recording, where there is no bar."""
    if not sys.stderr.isatty():
        click.echo(f"{name}: {'made' if made else 'kept'}", err=True)


def _print(work: Work, truth: Sequence[PlannedRecording]) -> None:
    """The twin's numbers beside those of the real data set, as far as these are published."""
    from mespot.inspection import RECORDING, lengths
    from mespot_lab.sheets import sheet_module

    request, real = work.request, sheet_module(work.request.like).SHAPE
    click.echo(
        f"twin of {request.name}, scale {request.scale:g}, seed {request.seed}, "
        f"{request.level} (synthetic)"
    )
    click.echo(f"{'':<12}{'twin':>8}{'real':>8}  frames, twin {'':<9}frames, real")
    every = [(e.kind, e.n_frames) for r in truth for e in r.expressions]
    for kind, known, found in (
        ("subjects", real.subjects, len({r.subject for r in truth})),
        ("recordings", real.recordings, len(truth)),
        *((k, real.events.get(k), sum(k == own for own, _ in every)) for k in _kinds(work)),
    ):
        key = RECORDING if kind == "recordings" else kind
        values = [r.n_frames for r in truth] if key == RECORDING else []
        values = values or [n for own, n in every if own == kind]
        told = _triple(lengths(values)), _triple(real.lengths.get(key))
        about = "~" if kind in real.about else ""
        click.echo(
            f"{kind:<12}{found:>8}{about + str(known or '-'):>8}  {told[0]:<22}{told[1]}".rstrip()
        )
    kin, n = work.kinship, len(work.kinship.identities)
    click.echo(f"{kin.sharing} of {n * (n - 1) // 2} pairs of subjects share a portrait")
    if kin.repeated:
        click.echo(
            "mespot: warning: some subjects stem from the same portraits, so that they are not "
            "independent of each other; give more with --portraits",
            err=True,
        )


def _kinds(work: Work) -> list[str]:
    return list(work.plan.numbers.shape.events)


def _triple(value: Lengths | None) -> str:
    return "" if value is None else "/".join(f"{v:g}" for v in value)
