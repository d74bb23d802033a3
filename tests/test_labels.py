"""Eq. 1 and Eq. 2 by hand and against the sums as they are written."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mespot.labels import apex_scores, label_scores, overlap_scores
from mespot.types import Expression, FrameSeries


def series(n_rows, span, first=0, step=1, fps=25):
    n_frames = first + max(n_rows - 1, 0) * step + span
    return FrameSeries(
        np.zeros((n_rows, 1), np.float32), first, step, span, n_frames, Fraction(fps)
    )


def test_overlap_by_hand():
    # L = 4; the expression holds frames 5-8. Rows 3 … 7 share 2, 3, 4, 3, 2 frames with it.
    labels = overlap_scores([Expression(5, 6, 8)], n_rows=10, span=4)
    assert labels.tolist() == [0, 0, 0, 0.5, 0.75, 1, 0.75, 0.5, 0, 0]
    assert labels.dtype == np.float32


def test_overlap_sums_l_terms_and_never_passes_one():
    # As printed, Eq. 1 has L + 1 terms and would give 10 / 9 here.
    assert overlap_scores([Expression(0, None, 30)], 5, span=9).tolist() == [1.0] * 5


def test_overlap_of_exactly_one_half_stays_and_less_goes():
    # L = 9 as for SMIC: 4 frames (median of its MEs is 10, the shortest 4) are 0.44, 5 are 0.56.
    assert not overlap_scores([Expression(10, 11, 13)], 30, span=9).any()
    labels = overlap_scores([Expression(10, 11, 14)], 30, span=9)
    assert np.flatnonzero(labels).tolist() == [6, 7, 8, 9, 10]
    assert labels.max() == np.float32(5 / 9)
    # An even L: 2 of 4 is exactly one half.
    assert np.flatnonzero(overlap_scores([Expression(4, 4, 5)], 10, span=4)).tolist() == [2, 3, 4]


def test_overlap_joins_the_frames_of_several_expressions():
    # Frames 2-3 and 3-5 share frame 3: the union is 2-5, not 2 + 3 frames.
    both = [Expression(2, 2, 3), Expression(3, 4, 5)]
    assert (
        overlap_scores(both, 8, 4).tolist() == overlap_scores([Expression(2, 3, 5)], 8, 4).tolist()
    )


def test_apex_by_hand():
    # L = 5: middles are 2 … 11; apex 6 is row 4's middle. Rows 2 and 6 hold it at their edge.
    labels = apex_scores([Expression(5, 6, 8)], n_rows=10, span=5)
    assert np.allclose(labels, [0, 0, 0.6, 0.8, 1, 0.8, 0.6, 0, 0, 0])


def test_apex_of_several_is_the_larger():
    labels = apex_scores([Expression(4, 4, 4), Expression(6, 6, 6)], n_rows=8, span=5)
    assert np.allclose(labels, [0.6, 0.8, 1, 0.8, 1, 0.8, 0.6, 0])


def test_apex_label_one_stands_where_decoding_puts_the_apex():
    for span in (1, 4, 5, 9, 22, 23):
        s = series(60, span)
        labels = label_scores(s, [Expression(30, 33, 40)], "apex")
        assert s.centres[np.argmax(labels)] == 33
        assert labels.max() == 1


def test_missing_apex_is_the_middle_rounded_down():
    assert Expression(10, None, 13).apex_or_middle == 11
    assert Expression(10, 12, 13).apex_or_middle == 12
    with_none = apex_scores([Expression(10, None, 13)], 20, 5)
    assert with_none.tolist() == apex_scores([Expression(10, 11, 13)], 20, 5).tolist()


@pytest.mark.parametrize("kind", ["macro", "blink", "other"])
@pytest.mark.parametrize("rule", [overlap_scores, apex_scores])
def test_other_kinds_are_background(rule, kind):
    assert not rule([Expression(5, 6, 20, kind)], 30, 5).any()
    assert rule([Expression(5, 6, 20, kind)], 30, 5, kinds=(kind,)).any()


def test_labels_of_their_own_length_stand_about_the_rows_middle():
    # Rows of 9 frames, labels of 0.2 s = 5 frames at 25 fps: row i's label covers i + 2 … i + 6.
    s = series(30, 9)
    labels = label_scores(s, [Expression(12, 13, 16)], label_s=0.2)
    assert np.argmax(labels) == 10
    assert labels[[8, 9, 10, 11, 12]] == pytest.approx([0.6, 0.8, 1, 0.8, 0.6])
    # Longer than the rows: the first rows' labels reach before the video.
    wide = label_scores(series(20, 3), [Expression(0, 0, 6)], label_s=0.28)
    assert wide[0] == np.float32(5 / 7)
    # At least one frame: only the row with the apex in its middle has a label.
    narrow = label_scores(s, [Expression(12, 13, 16)], "apex", label_s=0.01)
    assert np.flatnonzero(narrow).tolist() == [9]
    assert narrow[9] == 1
    assert np.argmax(wide) == 2


def test_no_rows_and_bad_numbers():
    assert overlap_scores([Expression(0, 0, 3)], 0, 9).shape == (0,)
    assert apex_scores([Expression(0, 0, 3)], 0, 9).shape == (0,)
    with pytest.raises(ValueError, match="span 0"):
        overlap_scores([], 5, 0)


@st.composite
def cases(draw):
    step, span = draw(st.integers(1, 4)), draw(st.integers(1, 12))
    first, n = draw(st.integers(0, 5)), draw(st.integers(0, 30))
    found = []
    for _ in range(draw(st.integers(0, 4))):
        onset = draw(st.integers(0, 60))
        offset = onset + draw(st.integers(0, 15))
        apex = draw(st.none() | st.integers(onset, offset))
        found.append(Expression(onset, apex, offset, draw(st.sampled_from(["micro", "macro"]))))
    return found, n, span, first, step


@settings(deadline=None)
@given(cases())
def test_both_equations_as_written(case):
    expressions, n, span, first, step = case
    micro = [e for e in expressions if e.kind == "micro"]
    overlap, apex = np.zeros(n), np.zeros(n)
    for i in range(n):
        begin = first + i * step
        frames = range(begin, begin + span)
        overlap[i] = sum(any(e.onset <= j <= e.offset for e in micro) for j in frames) / span
        for e in micro:
            if e.apex_or_middle in frames:
                middle = begin + (span - 1) // 2
                apex[i] = max(apex[i], 1 - abs(e.apex_or_middle - middle) / span)
    assert np.allclose(overlap_scores(*case), np.where(overlap >= 0.5, overlap, 0))
    assert np.allclose(apex_scores(*case), np.where(apex >= 0.5, apex, 0))
