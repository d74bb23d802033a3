"""Every plug-in that is installed passes its family's battery."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

import numpy as np
import pytest

from mespot import registry, testing
from mespot.contracts import BaseDescriptor, BaseScorer
from mespot.types import FrameSeries
from scorer_cases import fields_for, rows_for

FEW = {"epochs", "window"}


def small_scorer(name):
    """The scorer with fields that keep its training short."""
    cls = registry.plugin("scorers", name)
    own = fields_for(name)
    if own is None:
        fields = {f.name for f in dataclasses.fields(cls)}
        own = {"epochs": 1, "window": 14} if fields >= FEW else {}
    scorer = cls(**own)
    for module in scorer.training_needs:
        pytest.importorskip(module)
    return scorer


# The descriptor of rows from elsewhere describes nothing; tests register some of their own.
DESCRIPTORS = [n for n in registry.names("descriptors") if n != "rows" and ":" not in n]


@pytest.mark.parametrize("name", DESCRIPTORS)
def test_descriptors(name):
    testing.check_descriptor(registry.plugin("descriptors", name)())


@pytest.mark.parametrize("name", registry.names("scorers"))
def test_scorers(name):
    testing.check_scorer(small_scorer(name), lambda seed: rows_for(name, seed))


@pytest.mark.parametrize("name", registry.names("exports"))
def test_exports(name):
    testing.check_exporter(registry.plugin("exports", name)())


@dataclasses.dataclass(frozen=True)
class Good(BaseDescriptor):
    """The mean of every frame."""

    def span_at(self, fps):
        return 1

    def describe(self, clip):
        values = clip.frames.mean(axis=(1, 2), dtype=np.float64).astype(np.float32)[:, None]
        return FrameSeries(values, 0, 1, 1, len(clip), clip.fps)


@dataclasses.dataclass(frozen=True)
class LooksAtOthers(Good):
    """The mean of every frame, less that of the whole clip: rows of a piece differ."""

    def describe(self, clip):
        series = super().describe(clip)
        return series.with_values(series.values - series.values.mean())


@dataclasses.dataclass(frozen=True)
class WrongNames(Good):
    """Two names for one column."""

    def column_names(self, fps):
        return ("a", "b")


@dataclasses.dataclass(frozen=True)
class Doubles(Good):
    """float64 rows."""

    def describe(self, clip):
        series = super().describe(clip)
        return series.with_values(series.values.astype(np.float64))


def test_a_good_descriptor_passes():
    testing.check_descriptor(Good())


@pytest.mark.parametrize(
    ("plug_in", "text"),
    [(LooksAtOthers(), "own 1 frames"), (WrongNames(), "2 column names"), (Doubles(), "float64")],
)
def test_faulty_descriptors_are_found(plug_in, text):
    with pytest.raises(AssertionError, match=text):
        testing.check_descriptor(plug_in)


@dataclasses.dataclass(frozen=True)
class Level(BaseScorer):
    """The mean of every row."""

    def score(self, series, weights):
        values = np.nan_to_num(np.asarray(series.values), posinf=0, neginf=0)
        return series.with_values(values.mean(axis=1, keepdims=True).astype(np.float32))


@dataclasses.dataclass(frozen=True)
class Lies(Level):
    """The mean of every row less that of the first, which claims to be local."""

    def score(self, series, weights):
        scores = super().score(series, weights)
        return scores.with_values(scores.values - scores.values[:1])


@dataclasses.dataclass(frozen=True)
class Holes(Level):
    """NaN where a row is NaN."""

    def score(self, series, weights):
        return series.with_values(series.values.mean(axis=1, keepdims=True).astype(np.float32))


@dataclasses.dataclass(frozen=True)
class Forgets(Level):
    """A row too few."""

    def score(self, series, weights):
        scores = super().score(series, weights)
        return FrameSeries(scores.values[1:], 0, 1, 5, series.n_frames, Fraction(30))


def test_a_good_scorer_passes():
    testing.check_scorer(Level())


@pytest.mark.parametrize(
    ("plug_in", "text"),
    [(Lies(), "whole_series = True"), (Holes(), "no finite number"), (Forgets(), "scores are")],
)
def test_faulty_scorers_are_found(plug_in, text):
    with pytest.raises(AssertionError, match=text):
        testing.check_scorer(plug_in)
