"""Timelines: what is drawn lies within the config's limits, and curves carry out the truth."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mespot.errors import UsageError
from mespot.synthetic import DIFFICULTIES, STANDARD, difficulty, make_script, still
from mespot.synthetic.actions import combined_peak
from mespot.synthetic.config import ScriptConfig
from mespot.synthetic.timing import GAP_S
from mespot.types import Expression

FPS = 30


@pytest.fixture(scope="module")
def long():
    return make_script(STANDARD, 5, FPS, 20 * 60 * FPS)


def flat(script):
    return [*script.actions.values(), script.closure, script.gaze, script.head, script.shake,
            script.light.gain, script.light.phase]  # fmt: skip


def test_a_seed_is_a_script():
    one, same, other = (make_script(STANDARD, seed, 25, 1500) for seed in (3, 3, 4))
    assert one.expressions == same.expressions != other.expressions
    assert one.actions.keys() == same.actions.keys()
    for a, b in zip(flat(one), flat(same)):
        assert a.tobytes() == b.tobytes()
    assert not np.array_equal(one.head, other.head)


def parts(script):
    """A script taken apart, in a form that is equal only if it is so to the bit."""
    kinds = {kind: [] for kind in ("micro", "macro", "blink", "other")}
    for e in script.expressions:
        kinds[e.kind].append((e.onset, e.apex, e.offset, dict(e.attributes)))
    curves = {"closure": script.closure, "gaze": script.gaze, "head": script.head,
              "shake": script.shake, "gain": script.light.gain}  # fmt: skip
    actions = {name: curve.tobytes() for name, curve in script.actions.items() if curve.any()}
    light = script.light
    return {
        **kinds, **{name: curve.tobytes() for name, curve in curves.items()}, "actions": actions,
        "flicker": (light.depth, light.phase.tobytes(), light.rows),
    }  # fmt: skip


GIVEN = [
    Expression(100, 110, 125, "micro", attributes={"action_units": "12", "amplitude_px": "2"}),
    Expression(300, 330, 400, "macro", attributes={"action_units": "4", "amplitude_px": "5"}),
]
# What is claimed: a field that is switched off takes these parts with it, and no other.
ALONE = {
    "blink_per_minute": {"blink", "closure"}, "gaze_per_minute": {"gaze"},
    "nod_per_minute": {"head"}, "head": {"head"}, "camera": {"shake"}, "light": {"gain"},
    "flicker": {"flicker"}, "tremor": {"actions"}, "noise": set(), "shading": set(),
    "crf": set(),
}  # fmt: skip
TIMELINE = ("micro_per_minute", "macro_per_minute", "speech_per_minute")


def changed(field, value, level, given_):
    """Parts of a script that are others with this field, and the two scripts."""
    config = DIFFICULTIES[level]
    if given_:
        config = replace(config, micro_per_minute=0.0)
    full = make_script(config, 2, 30, 1800, given_)
    less = make_script(replace(config, **{field: value}), 2, 30, 1800, given_)
    one, other = parts(full), parts(less)
    return {name for name in one if one[name] != other[name]}, full, less


@pytest.mark.parametrize("given_", [None, GIVEN], ids=["free", "given"])
@pytest.mark.parametrize("level", ["standard", "hard"])
@pytest.mark.parametrize("field", ALONE)
def test_switching_one_off_leaves_the_others(field, level, given_):
    found, full, less = changed(field, (0, 0) if field == "crf" else 0.0, level, given_)
    assert found == ALONE[field]
    if field != "nod_per_minute":
        for part in found & {"closure", "gaze", "head", "shake"}:
            assert not getattr(less, part).any()
            assert getattr(full, part).any()
    if field == "light":
        assert (less.light.gain == (1, 0, 0)).all()
    if field == "flicker":
        # The lamps still run on; their depth is 0.
        assert less.light.depth == 0
        assert np.array_equal(full.light.phase, less.light.phase)


def test_without_nods_the_head_drifts_as_before():
    _, full, less = changed("nod_per_minute", 0.0, "standard", None)
    still_there = (full.head == less.head).all(axis=1).mean()
    assert 0.2 < still_there < 0.95
    assert less.head.std() > 0


@pytest.mark.parametrize("given_", [None, GIVEN], ids=["free", "given"])
@pytest.mark.parametrize("field", TIMELINE)
def test_expressions_and_speech_share_a_timeline(field, given_):
    """What is not claimed: they move each other, but nothing beyond the face and who speaks."""
    found, full, less = changed(field, 0.0, "standard", given_)
    if given_ and field == "micro_per_minute":
        assert found == set()
        return
    assert {"macro", "other"} <= found
    # Blinks keep their frames.
    assert found <= {"micro", "macro", "other", "actions", "closure", "head"}
    if given_:
        event = slice(GIVEN[0].onset, GIVEN[0].offset + 1)
        assert np.array_equal(full.actions["12L"][event], less.actions["12L"][event])


def test_where_blinks_keep_off_micro_expressions_they_move_with_them():
    easy = DIFFICULTIES["easy"]
    less = replace(easy, micro_per_minute=0.0)
    pairs = [[parts(make_script(c, seed, 30, 1800)) for c in (easy, less)] for seed in range(4)]
    assert any(one["blink"] != other["blink"] for one, other in pairs)


def test_rates_and_sizes(long):
    by_kind = Counter(e.kind for e in long.expressions)
    wanted = {"micro": 140, "macro": 60, "blink": 160, "other": 24}
    for kind, count in wanted.items():
        assert by_kind[kind] == pytest.approx(count, abs=1), kind
    limits = {"micro": (0.2, 0.5, 0.8, 3.0), "macro": (0.7, 3.0, 3.0, 9.0)}
    for event in long.expressions:
        if event.kind in limits:
            shortest, longest, small, large = limits[event.kind]
            assert shortest <= event.n_frames / FPS <= longest
            assert small - 0.01 <= float(event.attributes["amplitude_px"]) <= large
            assert event.onset < event.apex < event.offset
    blinks = [e.n_frames / FPS for e in long.expressions if e.kind == "blink"]
    assert 0.25 < np.median(blinks) < 0.5


def test_faces_do_one_thing_at_a_time(long):
    for group in ("blink",), ("micro", "macro", "other"):
        events = [e for e in long.expressions if e.kind in group]
        for first, second in itertools.pairwise(events):
            assert second.onset - first.offset > GAP_S * FPS - 1


def test_easy_keeps_blinks_out_of_micro_expressions():
    script = make_script(DIFFICULTIES["easy"], 1, FPS, 20 * 60 * FPS)
    blinks = [e for e in script.expressions if e.kind == "blink"]
    assert len(blinks) > 100
    for event in (e for e in script.expressions if e.kind == "micro"):
        assert all(b.offset < event.onset or b.onset > event.offset for b in blinks)


def test_curves_carry_out_the_truth(long):
    faces = [e for e in long.expressions if e.kind in ("micro", "macro")]
    total = sum(np.abs(curve) for curve in long.actions.values())
    busy = np.zeros(long.n_frames, bool)
    for event in long.expressions:
        if event.kind != "blink":
            busy[event.onset : event.offset + 1] = True
    assert total[~busy].max() < 1e-9
    errors = []
    for event in faces:
        inside = total[event.onset : event.offset + 1]
        assert (inside > 0).all()
        assert event.onset + inside.argmax() == event.apex
        amounts = {name: float(curve[event.apex]) for name, curve in long.actions.items()}
        peak = combined_peak({name: a for name, a in amounts.items() if a})
        errors.append(peak / float(event.attributes["amplitude_px"]) - 1.0)
    assert np.max(np.abs(errors)) < 0.05
    blinking = np.zeros(long.n_frames, bool)
    for event in long.expressions:
        if event.kind == "blink":
            blinking[event.onset : event.offset + 1] = True
    np.testing.assert_array_equal(long.closure > 0, blinking)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 400), st.sampled_from([Fraction(25), 29.97, 100, 200]))
def test_every_event_lies_inside(seed, n_frames, fps):
    script = make_script(DIFFICULTIES["hard"], seed, fps, n_frames)
    assert all(e.onset > 0 and e.offset < n_frames for e in script.expressions)
    assert all(len(part) == n_frames and np.isfinite(part).all() for part in flat(script))


def test_still_means_still():
    script = make_script(still(STANDARD), 0, 30, 3000)
    assert {e.kind for e in script.expressions} == {"micro"}
    assert not script.head.any()
    assert not script.shake.any()
    assert not script.gaze.any()
    assert (script.light.gain == (1, 0, 0)).all()
    assert script.light.depth == 0


def test_wrong_settings():
    assert difficulty("hard").noise == 2.0
    with pytest.raises(UsageError, match="did you mean 'standard'"):
        difficulty("standart")
    for wrong in ({"noise": -1.0}, {"micro_px": (3.0, 1.0)}, {"width": 333}, {"crf": (1, 2, 3)}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            ScriptConfig(**wrong)
    with pytest.raises(ValueError, match="needs frames and a rate"):
        make_script(STANDARD, 0, 30, 0)
