"""Samples made for learning: injected footage, and recordings brought to one rate."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from mespot.align import align, concatenate
from mespot.protocol import Sample
from mespot.recipe import Recipe
from mespot.scorers.resample import ratio, resampled
from mespot.synthetic import STANDARD, inject_random
from mespot.types import FrameSeries
from mespot.video import open_video


def injected_samples(recipe: Recipe, path: str | Path, copies: int, seed: int) -> list[Sample]:
    """Samples of real footage: its registered crops with micro-expressions injected by warping.

    The footage itself has no known movement, so every copy teaches both what a micro-expression on
    a really moving face looks like and what is none. The subject is the file's stem.
    """
    # Denser than life, so that clips of a few seconds teach something.
    config_of_truth = replace(STANDARD, micro_per_minute=20.0)
    video = open_video(path)
    clip = concatenate(align(video, recipe.align, video.fps))
    name = Path(path).stem
    samples = []
    for number in range(copies):
        changed, truth = inject_random(clip, seed + number, config_of_truth)
        series = recipe.descriptor.describe(changed)
        if len(series):
            samples.append(
                Sample(f"{name}#{number}", name, series, clip.found, tuple(truth), lifelike=False)
            )
    return samples


def at_rate(sample: Sample, fps: Fraction) -> Sample:
    """The sample with its rows and truth at another rate, to learn from several rates at once."""
    factor = ratio(float(fps), float(sample.series.fps))
    if factor == 1:
        return sample
    rows = resampled(sample.series.values, factor)
    span = max(1, round(sample.series.span * factor))
    first = max(0, round(float(sample.series.centres[0]) * factor) - (span - 1) // 2)
    n_frames = first + len(rows) + span
    series = FrameSeries(rows, first, 1, span, n_frames, fps, sample.series.names)
    nearest = np.minimum((np.arange(n_frames) / factor).astype(int), len(sample.found) - 1)
    truth = []
    for e in sample.truth:
        onset, offset = round(e.onset * factor), round(e.offset * factor)
        apex = None if e.apex is None else round(e.apex * factor)
        truth.append(replace(e, onset=onset, apex=apex, offset=offset))
    return replace(sample, series=series, found=sample.found[nearest], truth=tuple(truth))
