"""Scripts around given expressions, and that those without any stay what they were."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mespot.errors import UsageError
from mespot.synthetic import STANDARD, make_script, render, still
from mespot.synthetic.config import overridden, settings_of
from mespot.synthetic.render import to_bgr, to_grey
from mespot.synthetic.timing import GAP_S
from mespot.types import Expression
from synthetic_face import SMALL, card

EVENT = Expression(100, 110, 125, "micro", attributes={"action_units": "12", "amplitude_px": "2"})
LONG = Expression(
    300, 330, 500, "macro", attributes={"action_units": "4", "amplitude_px": "5"}
)  # fmt: skip
BLINK = Expression(600, 604, 612, "blink", attributes={"action_units": "45", "closure": "1.00"})


def test_recordings_of_earlier_versions_are_made_again():
    """A trained spotter depends on it: drawn once, and not to be drawn otherwise."""
    script = make_script(STANDARD, 3, 30, 900)
    assert [(e.onset, e.apex, e.offset, e.kind, e.attributes["action_units"])
            for e in script.expressions] == GOLDEN  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), mingle=st.booleans())
def test_given_expressions_take_place_and_others_keep_off(seed, mingle):
    busy = replace(
        STANDARD, micro_per_minute=0.0, macro_per_minute=6.0, speech_per_minute=6.0,
        blink_per_minute=20.0, mingle=mingle,
    )  # fmt: skip
    given_ = [EVENT, LONG, BLINK]
    script = make_script(busy, seed, 30, 1800, given_)
    assert set(map(id, given_)) <= set(map(id, script.expressions))
    gap = round(GAP_S * 30)
    for event in script.expressions:
        if event in given_:
            continue
        kept_off = given_ if event.kind != "blink" else [BLINK] if mingle else [EVENT, BLINK]
        assert event.kind != "micro"
        for other in kept_off:
            assert event.offset + gap < other.onset or other.offset + gap < event.onset
    # The curves carry out what is given: the lip corners move between onset and offset and peak at
    # the apex, unless something else moves them then.
    alone = make_script(still(busy), seed, 30, 1800, given_)
    assert alone.expressions == (EVENT, LONG, BLINK)
    for name, event in (("12L", EVENT), ("12R", EVENT), ("4L", LONG)):
        moving = np.flatnonzero(alone.actions[name])
        assert (moving[0], moving[-1]) == (event.onset, event.offset)
        assert alone.actions[name].argmax() == event.apex
    closed = np.flatnonzero(alone.closure)
    assert (closed[0], closed[-1], alone.closure.argmax()) == (600, 612, 604)


def test_nothing_is_squeezed_in_where_there_is_no_room():
    whole = replace(LONG, onset=1, offset=118, apex=50)
    script = make_script(replace(STANDARD, blink_per_minute=0.0), 1, 30, 120, [whole])
    assert script.expressions == (whole,)


def test_luma_alone_is_that_of_the_whole_frame():
    script = make_script(replace(SMALL, blink_per_minute=60.0), 5, 25, 40)
    assert script.closure.any()
    both = zip(render(card(), script, SMALL, 5), render(card(), script, SMALL, 5, grey=True))
    for full, luma in both:
        assert np.array_equal(full[: SMALL.height], luma)
        # Grey of full range is what the eye sees of the colours.
        grey = to_bgr(full).astype(float) @ [0.114, 0.587, 0.299]
        assert np.abs(grey - to_grey(luma)).mean() < 1.0
    assert to_grey(np.array([[16, 235, 0, 126]], np.uint8)).tolist() == [[0, 255, 0, 128]]


def test_levels_by_name():
    changed = overridden(STANDARD, settings_of(["noise=0", "micro_px=[1, 2]", "mingle = false"]))
    assert changed == replace(STANDARD, noise=0.0, micro_px=(1.0, 2.0), mingle=False)
    for wrong, message in (
        (["nois=0"], "did you mean 'noise'"), (["noise"], "write NAME=VALUE"),
        (["noise=-1"], "must not be negative"), (["noise=much"], "write NAME=VALUE"),
        (["micro_px=[3, 1]"], "lowest, highest"), (["width=101"], "multiples of 8"),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=message):
            overridden(STANDARD, settings_of(wrong))


GOLDEN = [
    (112, 115, 119, "blink", "45"),
    (201, None, 242, "other", "speech"),
    (272, 274, 278, "blink", "45"),
    (294, 299, 307, "micro", "1+2"),
    (342, 345, 349, "blink", "45"),
    (399, 418, 466, "macro", "12"),
    (498, 501, 506, "blink", "45"),
    (529, 538, 575, "macro", "6+12"),
    (646, 655, 660, "micro", "2L"),
    (805, 807, 812, "micro", "7"),
]
