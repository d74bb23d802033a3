"""What each choice of the default recipe is worth: one at a time is taken out or changed.

    python lab/benchmarks/ablation.py --dataset smic-vis-e --root DIR -o OUT [--subjects s1 s2 s3]

DIR is a data set or a twin of one (`mespot synth --twin`). Every variant goes through the
leave-one-subject-out of `mespot evaluate`, so that epoch and threshold are chosen inside and a
stopped run goes on where it was. The threshold rules are read off the default's own score curves:
they need no learning. Writes OUT/ablation.md and OUT/ablation.json.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import beside_core  # noqa: F401 - the next imports need it
from _common import machine, table
from page import origin

from mespot.cache import Cache, default_limit, default_root
from mespot.datasets.named import named
from mespot.decoding import decode
from mespot.evaluation import fold_folder
from mespot.evaluation.describe import EvaluationPlan, describe_all
from mespot.evaluation.run import evaluate, subject_folds
from mespot.files import write_text
from mespot.metrics import Rule, bootstrap, of_kind
from mespot.protocol import Sample, pooled
from mespot.recipe import Recipe, load_recipe
from mespot.rows import load_rows
from mespot.types import Counts, Expression, FrameSeries, Recording

# Name of the variant, what is different, the settings that make it so.
VARIANTS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("default", "nothing", ()),
    ("no-registration", "alignment: the crop stays where the face was first found",
     ("align.register=none",)),
    ("no-smoothing", "alignment: landmarks are not smoothed", ("align.smoothing=1",)),
    ("relative-to-nose", "head motion: the nose's shift instead of a robust fit",
     ("descriptor.relative_to=nose",)),
    ("smoothed-scores", "scores smoothed over 0.1 s", ("decode.smooth_s=0.1",)),
    ("merge-nms", "merge rule: the paper's peaks, intervals of the row's span",
     ("scorer.merge=nms", "decode.interval=span")),
    ("window-0.6", "window M of 0.6 s (1.2)", ("scorer.window_s=0.6",)),
    ("window-2.4", "window M of 2.4 s (1.2)", ("scorer.window_s=2.4",)),
    ("label-apex", "labels: Apex over 0.5 s (Overlap over 0.3 s)",
     ("scorer.label=apex", "scorer.label_s=0.5")),
    ("label-span", "labels: Overlap over 0.7 s, about the row's span", ("scorer.label_s=0.7",)),
    ("no-regularisation", "learning: no dropout, no noise",
     ("scorer.dropout=0.0", "scorer.noise=0.0")),
    ("one-network", "one network (two)", ("scorer.networks=1",)),
    ("not-mirrored", "learning without mirror images", ("mirror=false",)),
)  # fmt: skip
# Read off the default's curves: what is different, and decode settings in place of the learned.
THRESHOLDS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("threshold-paper", "threshold rule: the paper's, per video", {"threshold": "paper"}),
    ("threshold-fixed", "threshold rule: fixed at 0.5", {"threshold": 0.5}),
)
_FIGURES = ("f1", "precision", "recall", "false_alarms_per_minute")


def variants(names: Sequence[str], settings: Sequence[str]) -> list[Recipe]:
    """The default and the variants that are asked for, ``settings`` in all of them."""
    base = load_recipe("default").override(settings)
    chosen = [v for v in VARIANTS if not names or v[0] in (*names, "default")]
    return [replace(base.override(changed), name=name) for name, _, changed in chosen]


def result_row(result: Mapping[str, Any], told: str) -> dict[str, Any]:
    """A row of the table from what `mespot evaluate` found."""
    apex = result["apex"]
    return _row(result["recipe"], told, apex, tuple(apex["f1_interval"]), result["megc"]["f1"])


def threshold_rows(plan: EvaluationPlan, recipe: Recipe) -> list[dict[str, Any]]:
    """The threshold rules on the curves of the default's folds."""
    keys = describe_all(replace(plan, recipes=(recipe,)), lambda _line: None).keys
    cache, by_id = Cache(*plan.cache), {r.id: r for r in plan.recordings}
    samples = {
        name: Sample.of(by_id[name], load_rows(key, by_id[name], cache, mapped=True))
        for name, key in keys[recipe.hash].items()
    }
    curves: dict[str, FrameSeries] = {}
    for fold in subject_folds(plan.recordings):
        folder = fold_folder.folder_of(plan.out, recipe.name, "default", fold.name)
        for name, kept in fold_folder.read_scores(folder / "scores.npz").items():
            curves[name] = samples[name].series.with_values(kept["scores"][:, None])
    rows = []
    for name, told, changed in THRESHOLDS:
        config = replace(recipe.decode, **changed)
        spots = {n: decode(curve, config, None, samples[n].found) for n, curve in curves.items()}
        apex, megc = (_by_subject(plan.recordings, samples, spots, r) for r in ("apex", "megc"))
        total, f1 = sum(apex, Counts()), sum(megc, Counts()).f1
        shown = {key: getattr(total, key) for key in _FIGURES}
        rows.append(_row(name, told, shown, bootstrap(apex), f1))
    return rows


def _by_subject(
    recordings: Sequence[Recording],
    samples: Mapping[str, Sample],
    spots: Mapping[str, Sequence[Expression]],
    rule: str,
) -> list[Counts]:
    """Counts of each subject; a recording that could not be used counts as without a spot."""
    found: dict[str, Counts] = {}
    for r in recordings:
        if r.id in samples:
            counts = pooled([samples[r.id]], [spots[r.id]], Rule(rule))
        else:
            counts = Counts(fn=len(of_kind(r.expressions, "micro")), minutes=r.minutes)
        found[r.subject] = found.get(r.subject, Counts()) + counts
    return list(found.values())


def _row(
    name: str, told: str, apex: Mapping[str, Any], interval: tuple[Any, Any], megc: Any
) -> dict[str, Any]:
    low, high = (_shown(end) for end in interval)
    return {
        "variant": name, "what is different": told, "F1 apex": _shown(apex["f1"]),
        "95 %": f"{low} .. {high}", "precision": _shown(apex["precision"]),
        "recall": _shown(apex["recall"]), "F1 megc": _shown(megc),
        "false alarms/min": _shown(apex["false_alarms_per_minute"]),
    }  # fmt: skip


def _shown(value: float | None) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.2f}"


def report(
    plan: EvaluationPlan, rows: Sequence[Mapping[str, Any]], settings: Sequence[str], results: Any
) -> str:
    """The table as Markdown, and both forms on disk."""
    here, n = machine(), len(plan.recordings)
    subjects = len({r.subject for r in plan.recordings})
    head = (
        f"{n} recordings of {subjects} subjects of {fold_folder.shown(plan.label)}, one fold each."
    )
    if settings:
        head += f" In all rows: {', '.join(f'`{s}`' for s in settings)}."
    text = f"{head} {origin(here)}\n\n{table(rows)}\n"
    shown, synthetic = fold_folder.shown(plan.label), fold_folder.is_synthetic(plan.label)
    tree = {"dataset": shown, "synthetic": synthetic,
            "subjects": subjects, "recordings": n, "settings": list(settings), "machine": here,
            "rows": list(rows), "results": results}  # fmt: skip
    write_text(plan.out / "ablation.json", json.dumps(tree, indent=1) + "\n")
    write_text(plan.out / "ablation.md", text)
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--dataset", required=True, help="name of the data set (mespot datasets)")
    parser.add_argument("--root", type=Path, required=True, help="where it lies")
    parser.add_argument("-o", "--out", type=Path, required=True, help="results; run again to go on")
    parser.add_argument("--subjects", nargs="+", help="these alone, at least three; default: all")
    parser.add_argument("--only", nargs="+", default=[], help="these variants and the default")
    parser.add_argument("--set", dest="settings", action="append", default=[],
                        metavar="SECTION.KEY=VALUE", help="in all rows")  # fmt: skip
    parser.add_argument("--cache", type=Path, default=default_root())
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    recordings = [
        r for r in named(args.dataset, ()).load(args.root)
        if not args.subjects or r.subject in args.subjects
    ]  # fmt: skip
    recipes = variants(args.only, args.settings)
    place = (args.cache, default_limit())
    plan = EvaluationPlan(
        tuple(recipes), tuple(recordings), args.out, place, ("default",), args.workers
    )
    results = evaluate(plan, lambda line: print(line, flush=True))
    told = {name: text for name, text, _ in VARIANTS}
    rows = [result_row(result, told[result["recipe"]]) for result in results]
    rows += threshold_rows(plan, recipes[0])
    print(report(plan, rows, args.settings, results))


if __name__ == "__main__":
    main()
