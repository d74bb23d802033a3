"""Descriptor x label x differencing, on synthetic recordings of identities not trained on.

    python lab/benchmarks/compare_combinations.py --test DIR --train DIR [DIR ...] -o FILE.md

Every DIR is what `mespot synth` writes. Subjects are cut into groups; each group is judged by
weights learned on the other groups' recordings of all DIRs; epoch and threshold are chosen inside.
Mirrored samples are learned from too. With --soft, HOG-TOP shares every vote between the two
nearest orientations.
Floors (`never`, `random`) and the ceiling (`oracle`: the labels themselves) are decoded alike.
Crops and rows are kept in --work, so that a stopped run resumes.
"""

from __future__ import annotations

import argparse
import json
import pickle
import time
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from mespot.align import Align, align, concatenate
from mespot.contracts import Descriptor
from mespot.datasets.folder import Folder
from mespot.decoding import Decode, candidates, decode, learn_threshold
from mespot.descriptors.higo_top import HigoTop
from mespot.descriptors.hog_top import HogTop
from mespot.descriptors.lbp_top import LbpTop
from mespot.descriptors.region_flow import RegionFlow
from mespot.evaluation.cross_validation import CrossValidation, cross_validate, summary
from mespot.metrics import Rule, count
from mespot.protocol import Sample, leave_subjects_out, score_samples
from mespot.recipe import Recipe
from mespot.scorers.lstm import Lstm
from mespot.scorers.never import Never
from mespot.scorers.oracle import Oracle
from mespot.scorers.random import Random
from mespot.types import FaceClip, Recording
from mespot.video import open_video

# The paper's descriptors at the length nearest a micro-expression's here (0.3 s), as in its L = 9.
DESCRIPTORS: dict[str, Descriptor] = {
    "region_flow": RegionFlow(),
    "hog_top": HogTop(span_s=0.3),
    "higo_top": HigoTop(span_s=0.3),
    "lbp_top": LbpTop(span_s=0.3),
}
# In place of hog_top, if --soft is given.
SOFT = HogTop(span_s=0.3, voting="soft")
HEAD = (
    "| descriptor | label | differenced | F1 apex | F1 IoU | false alarms/min "
    "| recall at 1/min | best F1 apex | best F1 IoU |"
)


def clip_of(recording: Recording, work: Path) -> FaceClip:
    """Registered crops of a recording, kept on disk."""
    path = work / "clips" / f"{recording.id}.pkl"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        video = open_video(str(recording.source))
        clip = concatenate(align(video, Align(), video.fps))
        path.write_bytes(pickle.dumps(clip, protocol=4))
    return pickle.loads(path.read_bytes())


def samples_of(recordings: list[Recording], descriptor: Descriptor, work: Path) -> list[Sample]:
    """Rows of every recording for one descriptor."""
    out = []
    for recording in recordings:
        clip = clip_of(recording, work)
        series = descriptor.describe(clip)
        out.append(
            Sample(recording.id, recording.subject, series, clip.found, recording.expressions)
        )
    return out


def settings(
    epochs: int, only: list[str], soft: bool = False
) -> Iterator[tuple[str, str, bool, Recipe]]:
    """All combinations of these descriptors as recipes."""
    for name, plain in DESCRIPTORS.items():
        if name not in only:
            continue
        descriptor = SOFT if soft and name == "hog_top" else plain
        for label in ("overlap", "apex"):
            for differenced in (False, True):
                scorer = Lstm(
                    label=label,
                    normalise=("difference", "zscore") if differenced else ("zscore",),
                    epochs=epochs,
                    check_every=4,
                    train_stride=8,
                    schedule="cosine",
                    label_s=0.3 if label == "overlap" else 0.5,
                    dropout=0.3,
                    noise=0.4,
                )
                yield (
                    name,
                    label,
                    differenced,
                    Recipe(name, descriptor=descriptor, scorer=scorer, mirror=True),
                )


def bounds(samples: list[Sample]) -> dict[str, dict]:
    """Figures of the floors and of the ceiling; the random curve's threshold is its best one."""
    config = Decode()
    found = {}
    bounds = {"never": Never(), "random": Random(), "oracle": Oracle("overlap", 0.3)}
    for name, scorer in bounds.items():
        recipe = Recipe(name, scorer=scorer)
        scores = score_samples(recipe, scorer.fit([], [], 0), samples)
        threshold = learn_threshold(
            scores, [s.micro for s in samples], config, lambda r, e: count(r, e, Rule("apex"))
        )
        spots = {s.id: decode(c, config, threshold, s.found) for s, c in zip(samples, scores)}
        peaks = {s.id: candidates(c, config, s.found) for s, c in zip(samples, scores)}
        found[name] = summary(samples, CrossValidation(spots, peaks))
    return found


def line(cells: tuple, f: dict) -> str:
    keys = (
        "f1_apex",
        "f1_megc",
        "false_alarms_per_minute",
        "recall_at_1_per_minute",
        "best_f1_apex",
        "best_f1_megc",
    )
    return "| " + " | ".join([*map(str, cells), *(f"{f[k]:.2f}" for k in keys)]) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--test", type=Path, required=True)
    parser.add_argument("--train", type=Path, nargs="*", default=[])
    parser.add_argument("--work", type=Path, default=Path("combinations-work"))
    parser.add_argument("--groups", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--only", nargs="+", choices=DESCRIPTORS, default=list(DESCRIPTORS))
    parser.add_argument("--soft", action="store_true")
    parser.add_argument("-o", "--out", type=Path, required=True)
    args = parser.parse_args()
    test = Folder().load(args.test)
    extra = [
        replace(r, id=f"{root.name}/{r.id}".replace("/", "_"))
        for root in args.train
        for r in Folder().load(root)
    ]
    choices = [str(args.test), *map(str, args.train), args.groups, args.epochs, args.soft]
    done_path = args.work / f"done-{zlib.crc32(repr(choices).encode()):08x}.json"
    args.work.mkdir(parents=True, exist_ok=True)
    done = json.loads(done_path.read_text()) if done_path.is_file() else {}
    held: tuple[str, list[Sample], list[Sample]] = ("", [], [])
    lines = [HEAD, "|" + "---|" * 9]
    for name, label, differenced, recipe in settings(args.epochs, args.only, args.soft):
        key = f"{name} {label} {differenced}"
        if key not in done:
            if held[0] != name:
                rows = (samples_of(r, recipe.descriptor, args.work) for r in (test, extra))
                held = (name, *rows)
            begin = time.perf_counter()
            judged = cross_validate(
                recipe, held[1], leave_subjects_out(held[1], args.groups), also=held[2]
            )
            done[key] = summary(held[1], judged)
            done[key]["seconds"] = time.perf_counter() - begin
            done_path.write_text(json.dumps(done, indent=1))
        lines.append(line((name, label, "yes" if differenced else "no"), done[key]))
        print(lines[-1], f"{done[key]['seconds']:.0f} s", flush=True)
    rows = held[1] or samples_of(test, DESCRIPTORS["region_flow"], args.work)
    for name, f in bounds(rows).items():
        lines.append(line((name, "-", "-"), f))
        print(lines[-1], flush=True)
    args.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
