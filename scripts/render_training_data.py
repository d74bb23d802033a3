"""Render the recordings that the packaged spotter is trained and judged on; resumes if stopped.

    python scripts/render_training_data.py PORTRAITS OUT [PART]

PORTRAITS holds the 22 portraits with landmarks.json. OUT/standard (two recordings of each identity,
as rich in movements as `mespot synth` makes them) is what leave-one-identity-out is judged on; the
others are denser, for learning only. PART names one of them, to render several at a time.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from mespot.synthetic import STANDARD, DatasetRequest, difficulty, load_portraits, write_dataset

DENSE = replace(
    STANDARD, micro_per_minute=18.0, macro_per_minute=4.0, blink_per_minute=10.0,
    speech_per_minute=1.6, nod_per_minute=3.0,
)  # fmt: skip
HARD = replace(
    difficulty("hard"), micro_per_minute=18.0, macro_per_minute=5.0, blink_per_minute=12.0,
    speech_per_minute=2.2, nod_per_minute=3.0, micro_px=(0.8, 3.0), crf=(20, 28),
)  # fmt: skip
# name -> every second portrait from here (None: all), recordings, seed, what happens
SETS = {
    "standard": (None, 44, 7, STANDARD),
    "dense0": (0, 33, 101, DENSE),
    "dense1": (1, 33, 102, DENSE),
    "dense2": (0, 33, 103, DENSE),
    "dense3": (1, 33, 104, DENSE),
    "hard": (None, 33, 302, HARD),
}


def main() -> None:
    portraits, out = load_portraits(Path(sys.argv[1])), Path(sys.argv[2])
    for name in sys.argv[3:] or SETS:
        half, count, seed, config = SETS[name]
        chosen = portraits if half is None else portraits[half::2]
        plan = DatasetRequest(count, 30.0, Fraction(30), seed, config)
        write_dataset(chosen, out / name, plan, lambda r, _made: print(r.id, flush=True))


if __name__ == "__main__":
    main()
