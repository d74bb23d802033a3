"""LSTM, TCN and transformer on the same rows: identities not trained on, paired by subject.

    python lab/benchmarks/compare_learners.py --test DIR --train DIR [DIR ...] [--work DIR]
        [--only ...]

Every DIR is what `mespot synth` writes. Recipes are the shipped ones, also changed, as in
`tcn@scorer.hard_weight=1,mirror=false`; three groups of subjects are each judged by weights learned
on the others. Crops are kept in --work (`compare_combinations.py`).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from compare_combinations import samples_of

from mespot.datasets.folder import Folder
from mespot.descriptors.region_flow import RegionFlow
from mespot.evaluation.cross_validation import CrossValidation, cross_validate, summary
from mespot.metrics import Rule, paired_bootstrap
from mespot.protocol import Sample, leave_subjects_out, pooled
from mespot.recipe import Recipe, load_recipe
from mespot.types import Counts

ROWS = RegionFlow()
_KEYS = ("f1_apex", "f1_megc", "false_alarms_per_minute", "recall_at_1_per_minute", "best_f1_apex")


def by_subject(samples: Sequence[Sample], judged: CrossValidation) -> dict[str, Counts]:
    """Counts by the apex rule of each subject."""
    found: dict[str, Counts] = {}
    for s in samples:
        counts = pooled([s], [judged.spots[s.id]], Rule("apex"))
        found[s.subject] = found.get(s.subject, Counts()) + counts
    return found


def recipe_of(text: str) -> Recipe:
    """A shipped recipe, with the settings after the @ changed."""
    name, _, changes = text.partition("@")
    return load_recipe(name).override(changes.split(",") if changes else [])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--test", type=Path, required=True)
    parser.add_argument("--train", type=Path, nargs="*", default=[])
    parser.add_argument("--work", type=Path, default=Path("combinations-work"))
    parser.add_argument("--only", nargs="+", default=["default", "tcn", "transformer"])
    args = parser.parse_args()
    test = samples_of(Folder().load(args.test), ROWS, args.work)
    also = [
        replace(r, id=f"{root.name}/{r.id}".replace("/", "_"))
        for root in args.train
        for r in Folder().load(root)
    ]
    more = samples_of(also, ROWS, args.work)
    print("| recipe |", " | ".join(_KEYS), "| F1 less the first's, 95 % | seconds |")
    first: dict[str, Counts] | None = None
    for name in args.only:
        begin = time.process_time()
        judged = cross_validate(recipe_of(name), test, leave_subjects_out(test, 3), also=more)
        f, counts = summary(test, judged), by_subject(test, judged)
        first = first or counts
        apart = paired_bootstrap(counts, first)
        spent = time.process_time() - begin
        print(f"| {name} |", " | ".join(f"{f[k]:.2f}" for k in _KEYS), f"| {apart} | {spent:.0f} |")


if __name__ == "__main__":
    main()
