"""A class that breaks its family's contract is refused in one line that names what is missing."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

import mespot
from mespot import Recipe
from mespot.contracts import (
    BaseDataset,
    BaseDescriptor,
    BaseExporter,
    BaseScorer,
    LearnedScorer,
    check,
)
from mespot.datasets._labelled import LabelledSet
from mespot.errors import UsageError


@dataclass
class Changeable(BaseDescriptor):
    """Not frozen."""

    def span_at(self, fps):
        return 1

    def describe(self, clip):
        raise NotImplementedError


@dataclass(frozen=True)
class TwoMethodsShort(BaseDescriptor):
    """Without describe."""

    def span_at(self, fps):
        return 1


@dataclass(frozen=True)
class WrongArguments(BaseDescriptor):
    """describe takes no clip."""

    def span_at(self, fps):
        return 1

    def describe(self):
        raise NotImplementedError


class Plain(BaseDescriptor):
    """No dataclass."""

    def span_at(self, fps):
        return 1

    def describe(self, clip):
        raise NotImplementedError


@pytest.mark.parametrize(
    ("cls", "text"),
    [
        (Changeable, "can be changed"),
        (TwoMethodsShort, r"lacks describe\(clip\)"),
        (WrongArguments, r"describe\(self\) does not take the arguments of describe\(clip\)"),
        (Plain, "is no dataclass"),
    ],
)
def test_broken_contracts_are_named(cls, text):
    with pytest.raises(UsageError, match=text):
        check("descriptors", cls)
    with pytest.raises(UsageError, match=text):
        mespot.register("descriptors", cls)
    with pytest.raises(UsageError, match=text):
        Recipe(descriptor=cls())


@dataclass(frozen=True)
class NoScore(BaseScorer):
    """Without score."""


@dataclass(frozen=True)
class ScoreOfRowsAlone(BaseScorer):
    """score takes no weights."""

    def score(self, series):
        return series


@dataclass(frozen=True)
class LearnsIsAMethod(BaseScorer):
    """fit is a number."""

    fit = 3

    def score(self, series, weights):
        return series


@dataclass(frozen=True)
class NoFit(LearnedScorer):
    """It learns, but does not say how."""

    def score(self, series, weights):
        return series


@dataclass(frozen=True)
class NoLoad(BaseDataset):
    """Without load."""

    citation = "A paper."
    licence = "Open."
    how_to_get = "Ask."


@dataclass(frozen=True)
class NoParse(LabelledSet):
    """A set with a sheet that it cannot read."""

    citation = "A paper."
    licence = "Open."
    how_to_get = "Ask."

    def recording_of(self, folder):
        return None


@dataclass(frozen=True)
class NoTexts(BaseDataset):
    """Without citation, licence and how_to_get."""

    def load(self, root):
        return []


@dataclass(frozen=True)
class EmptyLicence(BaseDataset):
    """With a licence that says nothing."""

    citation = "A paper."
    licence = " "
    how_to_get = "Ask."

    def load(self, root):
        return []


@dataclass(frozen=True)
class NoSuffix(BaseExporter):
    """Without suffix."""

    def write(self, path, sheet):
        return None


@dataclass(frozen=True)
class NoWrite(BaseExporter):
    """Without write."""

    suffix = ".x"


@pytest.mark.parametrize(
    ("family", "cls", "text"),
    [
        ("scorers", NoScore, r"lacks score\(series, weights\)"),
        (
            "scorers",
            ScoreOfRowsAlone,
            r"score\(self, series\) does not take the arguments of score",
        ),
        ("scorers", LearnsIsAMethod, "fit is no method"),
        ("scorers", NoFit, r"lacks fit\(series, truth, seed, quality\)"),
        ("datasets", NoLoad, r"lacks load\(root\)"),
        ("datasets", NoParse, r"lacks parse\(book\)"),
        ("datasets", NoTexts, "lacks citation"),
        ("datasets", EmptyLicence, "licence is empty"),
        ("exports", NoSuffix, "lacks suffix"),
        ("exports", NoWrite, r"lacks write\(path, sheet\)"),
    ],
)
def test_broken_contracts_of_every_family_are_named(family, cls, text):
    with pytest.raises(UsageError, match=text) as caught:
        check(family, cls, "mine")
    assert "\n" not in str(caught.value)
    assert f"'mine' ({__name__}:{cls.__name__})" in str(caught.value)
    with pytest.raises(UsageError, match=text):
        mespot.register(family, cls)
