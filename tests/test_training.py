"""Cross-validation for `mespot train`: nobody is judged by weights that saw them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evaluation_cases import CHANCE, samples
from mespot.evaluation.cross_validation import cross_validate
from mespot.protocol import check_disjoint
from mespot.types import Fold


def test_a_subject_on_both_sides_is_refused_whatever_the_fold_was_told(tmp_path):
    """A fold without ``subject_of`` cannot tell; the samples can."""
    known = list(samples(tmp_path).values())
    leaking = Fold("b", ("a0", "a1", "b0"), ("b1",))
    with pytest.raises(ValueError, match="subject b is in train and in test"):
        cross_validate(CHANCE, known, [leaking])
    sound = Fold("b", ("a0", "a1", "c0"), ("b0", "b1"))
    assert cross_validate(CHANCE, known, [sound]).spots.keys() == {"b0", "b1"}


def test_samples_to_learn_from_besides_are_left_out_by_subject(tmp_path):
    known = list(samples(tmp_path).values())
    also = [replace(known[0], id="a0#1"), replace(known[2], id="b0#1")]
    assert cross_validate(CHANCE, known, also=also).spots.keys() == {s.id for s in known}


def test_the_same_recording_under_two_subjects_is_refused_too(tmp_path):
    a, *_, d = samples(tmp_path).values()
    check_disjoint([a], [d])
    check_disjoint([], [d])
    with pytest.raises(ValueError, match="recording d1 is in train and in test"):
        check_disjoint([a, replace(d, subject="x")], [d])
