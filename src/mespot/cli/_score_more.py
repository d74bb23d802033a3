"""What ``mespot score`` gives when asked for more than the table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mespot import files, metrics
from mespot.cli._score_table import Scored, rate, show_groups
from mespot.errors import UsageError
from mespot.types import Counts

RATES = ("precision", "recall", "f1", "false_alarms_per_minute")
_SHORT = {"f1": "F1", "false_alarms_per_minute": "FA/min"}

_CURVES_START = b'{"format": "mespot-curves"'

Tree = dict[str, Any]


def check(options: dict[str, Any]) -> None:
    """Raise UsageError for options that mean nothing, and for a file that is not to be replaced."""
    curves: Path | None = options["curves"]
    if curves is not None and curves.is_file() and not _holds_curves(curves):
        files.refuse_standing([curves], "choose another file for --curves")
    try:
        metrics.Rule("megc", options["k"])
    except ValueError as error:
        raise UsageError(f"--k: {error}") from error


def extras(scored: Scored, options: dict[str, Any]) -> tuple[Tree, list[str]]:
    """The JSON tree with all that was asked for, and the lines below the main table."""
    tree: Tree = {p: _plain(kinds) for p, kinds in scored.pooled.items()}
    lines: list[str] = []
    if options["by"] is not None:
        groups = scored.per_recording
        if options["by"] == "subject":
            _need_subjects(scored, "--by subject")
            groups = scored.per_subject
        tree[f"by_{options['by']}"] = {
            p: {name: _plain(kinds) for name, kinds in found.items()} for p, found in groups.items()
        }
        lines += show_groups(options["by"], groups)
    if options["bootstrap"] is not None:
        _need_subjects(scored, "--bootstrap")
        lines += _intervals(scored, options["bootstrap"], options["seed"], tree)
    if options["compat"]:
        tree["compat"] = {name: _compat(scored, name, options) for name in options["compat"]}
        lines += [line for name in options["compat"] for line in _told(name, tree["compat"][name])]
    return tree, lines


def _plain(by_kind: dict[str, Counts]) -> Tree:
    return {kind: metrics.as_dict(counts) for kind, counts in by_kind.items()}


def _need_subjects(scored: Scored, what: str) -> None:
    if scored.without_subject:
        raise UsageError(
            f"{what}: recording {scored.without_subject[0]!r} has no subject; name it in the "
            "column subject of the recordings or the events"
        )


def _intervals(scored: Scored, n: int, seed: int, tree: Tree) -> list[str]:
    """Add ``<rate>_interval`` to the tree; the lines that show them."""
    n_subjects = len({r.subject for r in scored.rows})
    lines = ["", f"95 % intervals from {n} resamples of {n_subjects} subjects, seed {seed}"]
    if n_subjects < 2:
        lines[-1] += ": one subject tells nothing of others"
    for protocol, found in scored.per_subject.items():
        for kind, counts in scored.pooled[protocol].items():
            per_subject = [row[kind] for row in found.values()]
            shown = []
            for name in RATES:
                ends = metrics.bootstrap(per_subject, name, n=n, seed=seed)
                tree[protocol][kind][f"{name}_interval"] = metrics.plain(list(ends))
                value, low, high = map(rate, (getattr(counts, name), *ends))
                shown.append(f"{_SHORT.get(name, name)} {value} [{low}, {high}]")
            lines.append(f"{protocol:<9}{kind:<8}  " + "  ".join(shown))
    return lines


def _compat(scored: Scored, name: str, options: dict[str, Any]) -> Tree:
    """The other scorer's figures by kind, flagged."""
    figures: Tree = {"faults": metrics.FAULTS[name]}
    kinds = (metrics.OVERALL, *scored.kinds)
    for kind in kinds:
        within = metrics.OVERALL_KINDS if kind == metrics.OVERALL else (kind,)
        if kind == metrics.OVERALL and options["kind"] is not None:
            within = (options["kind"],)
        sides = [
            {r: [e for e in found if e.kind in within] for r, found in events.items()}
            for events in (scored.truth, scored.spots)
        ]
        try:
            found = metrics.COMPAT[name](scored.rows, *sides, k=options["k"])
        except ValueError as error:
            raise UsageError(f"--compat {name}: {error}") from error
        figures[kind] = metrics.plain(found)
    return figures


def _holds_curves(path: Path) -> bool:
    try:
        return path.read_bytes().startswith(_CURVES_START)
    except OSError:
        return False


def _told(name: str, figures: Tree) -> list[str]:
    """The lines of one compat mode; its faults stand above its figures."""
    lines = ["", f"compat {name}: NOT comparable with the table above: it {figures['faults']}"]
    for kind, found in figures.items():
        if kind != "faults":
            shown = [f"{key} {v if isinstance(v, int) else rate(v)}" for key, v in found.items()]
            lines.append(f"{name:<12} {kind:<8}  " + "  ".join(shown))
    return lines


def write_curves(scored: Scored, options: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Write the curves; the notes on what is not in it, and the lines that sum it up.

    Raises UsageError if the file cannot be written.
    """
    path: Path = options["curves"]
    kind = options["kind"]
    kinds = (metrics.OVERALL, *scored.kinds) if kind is None else (kind,)
    protocols = tuple(scored.pooled)
    tree = metrics.evaluate_curves(
        scored.rows, scored.truth, scored.spots, protocols, kinds, options["k"]
    )
    whole = {"format": "mespot-curves", "version": 1, **tree}
    try:
        files.write_text(path, json.dumps(whole, allow_nan=False) + "\n")
    except OSError as error:
        raise UsageError(f"--curves {path}: cannot be written ({error.strerror})") from error
    lines = ["", f"curves over all thresholds: {path}"]
    for protocol in protocols:
        for name in kinds:
            found = tree[protocol][name]
            at_one = (found["recall_at"] or {}).get("1")
            lines.append(
                f"{protocol:<9}{name:<8}  recall at 1 FA/min {rate(at_one)}  "
                f"average precision {rate(found['average_precision'])}"
            )
    for name in kinds:
        watched = (tree["workload"][name] or {}).get("watched_for", {})
        shown = "  ".join(f"{float(s):.0%} seen in {rate(w)}" for s, w in watched.items())
        lines.append(f"{'video':<9}{name:<8}  {shown or 'workload -'}")
    return tree["notes"], lines
