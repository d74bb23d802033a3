"""What a fold of the paper's table is spent on, and what the table would take at full size.

    python lab/benchmarks/fold_costs.py --dataset casme-sq --root DIR --cache DIR [--json FILE]

DIR is a data set or a twin of one. One fold of every row of the paper's method is run for a few
epochs, its parts timed apart, and brought to the recipe's epochs. From that follows the table at
another size (by default all of CAS(ME)^2): scaling and gradient steps grow with the training rows,
looks with the rows of the inner and the test subjects, and every subject is a fold. Rows that would
be too many to be held in memory at that size are read and scaled anew for every step here, too.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import beside_core  # noqa: F401 - the next imports need it
from _common import write

from mespot.cache import Cache, default_limit, default_root
from mespot.datasets.named import named
from mespot.evaluation.describe import EvaluationPlan, describe_all
from mespot.evaluation.fold import PROTOCOLS, run_fold
from mespot.evaluation.run import subject_folds
from mespot.protocol import Sample
from mespot.recipe import Recipe
from mespot.rows import load_rows
from mespot.scorers import lstm_torch, normalise, ready_rows
from mespot.scorers.lstm import Lstm
from mespot.types import Fold
from mespot_lab.tables.rows import rows_of

# All of CAS(ME)^2, and how many processes share the folds.
FRAMES, SUBJECTS, WORKERS = 250_000, 22, 2
EPOCHS = 10


@dataclass
class Parts:
    """Seconds of processor time of a fold, part by part."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        begin = time.process_time()
        try:
            yield
        finally:
            spent = time.process_time() - begin
            self.seconds[name] = self.seconds.get(name, 0.0) + spent

    def around(self, name: str, fn: Callable[..., Any]) -> Callable[..., Any]:
        """The function, its time noted."""

        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.timed(name):
                return fn(*args, **kwargs)

        return timed


def fold_parts(recipe: Recipe, samples: Mapping[str, Sample], fold: Fold, held: bool) -> Parts:
    """Run the fold with every part timed; ``held``: scaled rows stay in memory."""
    parts = Parts()
    kept = (normalise.fit_normaliser, lstm_torch.train_network, Lstm._judge, ready_rows.MOST_HELD)
    judge_of = Lstm._judge
    try:
        normalise.fit_normaliser = parts.around("scaling", kept[0])
        lstm_torch.train_network = parts.around("learning", kept[1])
        Lstm._judge = lambda *args: parts.around("looks", judge_of(*args))  # type: ignore[method-assign, assignment]
        if not held:
            ready_rows.MOST_HELD = 0
        with parts.timed("all"):
            run_fold(recipe, samples, fold, PROTOCOLS)
    finally:
        normalise.fit_normaliser, lstm_torch.train_network, Lstm._judge = kept[:3]  # type: ignore[method-assign]
        ready_rows.MOST_HELD = kept[3]
    return parts


def costs(recipe: Recipe, parts: Parts, times: float) -> dict[str, float]:
    """Seconds of the fold at the recipe's epochs, of which ``times`` as many as were run."""
    s = parts.seconds
    looks = s.get("looks", 0.0) * times
    steps = (s["learning"] - s.get("looks", 0.0)) * times
    return {
        "scaling": s["scaling"], "gradient steps": steps, "looks": looks,
        "rest": s["all"] - s["scaling"] - s["learning"],
    }  # fmt: skip


def row_of(
    recipe: Recipe, samples: Mapping[str, Sample], fold: Fold, frames: int, subjects: int
) -> tuple[dict[str, Any], float]:
    """A row of the table, and the hours of its folds at the size asked for."""
    width = next(iter(samples.values())).series.values.shape[1]
    held = frames * width <= ready_rows.MOST_HELD
    parts = fold_parts(recipe.override([f"scorer.epochs={EPOCHS}"]), samples, fold, held)
    each = costs(recipe, parts, recipe.scorer.epochs / EPOCHS)
    own = len({s.subject for s in samples.values()})
    learned_from = sum(len(s.series) for s in samples.values()) * (1 - 1 / own)
    whole = sum(each.values()) * frames * (1 - 1 / subjects) / learned_from
    row = (
        {"row": recipe.name, "columns": width, "rows held": "yes" if held else "no"}
        | {name: f"{seconds:.0f}" for name, seconds in each.items()}
        | {"fold, s": f"{sum(each.values()):.0f}", "a fold at full size, min": whole / 60}
    )
    return row, whole * subjects / WORKERS / 3600


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--dataset", default="casme-sq")
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=default_root())
    parser.add_argument("--frames", type=int, default=FRAMES, help="of the size asked for")
    parser.add_argument("--subjects", type=int, default=SUBJECTS)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    recordings = tuple(named(args.dataset, ()).load(args.root))
    recipes = [r.recipe for r in rows_of(args.dataset) if r.kind == "method"]
    place = (args.cache, default_limit())
    plan = EvaluationPlan(tuple(recipes), recordings, Path(), place, PROTOCOLS, 2)
    keys = describe_all(plan, print).keys
    fold = subject_folds(recordings)[0]
    cache, by_id = Cache(*plan.cache), {r.id: r for r in recordings}
    rows, hours = [], 0.0
    for recipe in recipes:
        samples = {
            name: Sample.of(by_id[name], load_rows(key, by_id[name], cache, mapped=True))
            for name, key in keys[recipe.hash].items()
        }
        row, more = row_of(recipe, samples, fold, args.frames, args.subjects)
        rows.append(row)
        hours += more
        print(row, flush=True)
    write(rows, "Paper's table: seconds of processor time of one fold", args.json)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    total = {
        "peak memory here, GB": peak, "frames": args.frames, "subjects": args.subjects,
        "table, hours on two cores": hours,
    }  # fmt: skip
    write([total], "Paper's table: extrapolated to full size", args.json)


if __name__ == "__main__":
    main()
