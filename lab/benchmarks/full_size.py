"""Learning from LBP-TOP rows as many as all of CAS(ME)^2 has: memory and time, measured.

    python lab/benchmarks/full_size.py --work DIR [--epochs 2] [--json FILE]

The rows are random counts in the form of the cache (98 recordings of 2,551 rows, 11,328 columns of
16 bits: 5.7 GB on disk in DIR, removed at the end), since memory and time do not depend on what
they say. One fold is learned: 21 of 22 subjects, a fifth of them held out to choose by, the last to
test on. Memory is told in two parts: what the process holds itself, and pages of the mapped files,
which the system shares between processes and drops where others need room.
"""

from __future__ import annotations

import argparse
import shutil
import threading
import time
from fractions import Fraction
from pathlib import Path

import beside_core  # noqa: F401 - the next imports need it
import numpy as np
from _common import write

from mespot import packing
from mespot.protocol import Sample, inner_split
from mespot.recipe import load_recipe
from mespot.types import Expression, FrameSeries

RECORDINGS, ROWS, COLUMNS, SUBJECTS, SPAN = 98, 2551, 11_328, 22, 23


def make(folder: Path, seed: int) -> None:
    """One recording's packed rows."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 60, (ROWS, COLUMNS), np.uint16)
    folder.mkdir(parents=True)
    np.save(folder / "counts.npy", counts)
    np.save(folder / "sums.npy", np.full(COLUMNS, 8_000))


def sample(folder: Path, number: int) -> Sample:
    """It as a sample with one micro-expression; rows stay in the file."""
    n = ROWS + SPAN - 1
    rows = packing.load(folder, mapped=True)
    series = FrameSeries(rows, 0, 1, SPAN, n, Fraction(30))
    truth = (Expression(900, 907, 914),)
    return Sample(folder.name, f"s{number % SUBJECTS:02}", series, np.ones(n, bool), truth)


class Memory(threading.Thread):
    """The most that the process held, in bytes: ``own`` and ``mapped``, looked at every 0.1 s."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.own = self.mapped = 0

    def run(self) -> None:
        while True:
            kept = dict(
                line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines()
            )
            self.own = max(self.own, 1024 * int(kept["RssAnon"].split()[0]))
            self.mapped = max(self.mapped, 1024 * int(kept["RssFile"].split()[0]))
            time.sleep(0.1)


def main() -> None:
    """Make the rows, learn one fold, tell."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    place = args.work / "full-size-rows"
    try:
        for i in range(RECORDINGS):
            make(place / f"r{i:02}", i)
        write([learned(place, args.epochs)], "One fold at the size of CAS(ME)^2", args.json)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def learned(place: Path, epochs: int) -> dict[str, float]:
    """Figures of one fold."""
    samples = [sample(place / f"r{i:02}", i) for i in range(RECORDINGS)]
    training = [s for s in samples if s.subject != "s00"]
    fitted, held = inner_split(training, 0.2, 0)
    recipe = load_recipe("paper-casme-sq").override([f"scorer.epochs={epochs}"])
    scorer = recipe.override([f"scorer.check_every={epochs}"]).scorer
    memory, looks = Memory(), []
    memory.start()

    def quality(score) -> float:  # type: ignore[no-untyped-def]
        begin = time.process_time()
        for s in [*held, *(s for s in samples if s.subject == "s00")]:
            score(s.series)
        looks.append(time.process_time() - begin)
        return 0.0

    begin = time.process_time()
    scorer.fit([s.series for s in fitted], [s.truth for s in fitted], 0, quality=quality)
    return {
        "rows learned from": sum(len(s.series) for s in fitted), "epochs": epochs,
        "processor time of the fold, s": time.process_time() - begin,
        "of it a look, s": looks[0],
        "own memory, GB": memory.own / 1e9, "mapped files, GB": memory.mapped / 1e9,
    }  # fmt: skip


if __name__ == "__main__":
    main()
