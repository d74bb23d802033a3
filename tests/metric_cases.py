"""Events, recordings and strategies that the tests of the metrics share."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import strategies as st

from mespot.metrics import Rule
from mespot.types import Expression, Recording

APEX, MEGC = Rule("apex"), Rule("megc")

rules = st.sampled_from([APEX, MEGC, Rule("megc", 0.3), Rule("megc", 1.0)])


def event(onset, offset, apex=None, kind="micro", score=None, **attributes):
    return Expression(onset, apex, offset, kind, score, attributes)


def recording(name, subject="s", seconds=60, fps=30):
    return Recording(name, subject, Fraction(fps), seconds * fps)


def tallies(counts):
    return counts.tp, counts.fp, counts.fn


@st.composite
def events(draw, last=40, at_most=8, kinds=("micro", "macro"), scored=False):
    found = []
    for _ in range(draw(st.integers(0, at_most))):
        onset = draw(st.integers(0, last))
        offset = onset + draw(st.integers(0, 12))
        apex = draw(st.none() | st.integers(onset, offset))
        # Few different scores, so that ties are common.
        score = draw(st.integers(0, 6)) / 8 if scored else None
        found.append(event(onset, offset, apex, draw(st.sampled_from(kinds)), score))
    return found


@st.composite
def judged(draw, at_most=3, **of_events):
    """Recordings of one second or more, their truth and their scored spots."""
    n = draw(st.integers(1, at_most))
    recordings = [
        recording(str(i), f"s{i}", draw(st.integers(2, 4)), draw(st.sampled_from([27, 60])))
        for i in range(n)
    ]
    truth = {str(i): draw(events(**of_events)) for i in range(n)}
    spots = {str(i): draw(events(scored=True, **of_events)) for i in range(n)}
    return recordings, truth, spots


def at_least(spots, threshold):
    return {name: [e for e in found if e.score >= threshold] for name, found in spots.items()}


def levels(spots):
    return sorted({e.score for found in spots.values() for e in found}, reverse=True)
