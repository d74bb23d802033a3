"""Patel 2015: motion summed up while its direction lasts; blinks and the whole face are dropped."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from region_rows_cases import REGIONS, at_rest, move, rows_of, tent
from rows_patel import rows

from mespot.decoding import Decode, decode
from mespot.descriptors.region_flow import RegionFlow
from mespot.descriptors.regions import regions
from mespot.errors import UsageError
from mespot.recipe import load_recipe
from mespot.types import FrameSeries
from mespot_lab.rivals.patel import GROUPS, MovementRules, Patel, movements
from test_descriptors_region_flow import bump, clip_of, moved, textured

# One frame a stretch: the rows' motion is that from frame to frame.
FINE = RegionFlow(distances_s=(1 / 30,), stretches=1, soft_px=0)
CHIN = ["chin_left", "chin_right", "chin_middle"]
BROW = ["brow_inner_left", "brow_middle_left"]
EXACT = {"distance_s": 1 / 30, "trim": 0.0, "agree": 1}


def scored(places, opening, scorer=None, flow=FINE, fps=30):
    """Score at every frame; frames without a row hold NaN."""
    result = (scorer or Patel(**EXACT)).score(rows_of(places, opening, flow, fps), {})
    curve = np.full(len(places), np.nan)
    curve[result.centres] = result.values[:, 0]
    return curve


def test_a_group_out_and_back_makes_a_roof_over_onset_apex_and_offset():
    places, opening = at_rest(80)
    move(places, CHIN, tent(80, 30, 36, 42), (1.08, -1.44))  # 1.8 px
    series = rows_of(places, opening, FINE)
    result = Patel(**EXACT).score(series, {})
    curve = np.full(80, np.nan)
    curve[result.centres] = result.values[:, 0]
    # A row's motion is that to the next frame: out in frames 30 to 35, back in 36 to 41.
    assert curve[36] == np.nanmax(curve) == pytest.approx(1.8, abs=1e-5)
    assert curve[[30, 33, 41]] == pytest.approx([0.9, 1.35, 0.9], abs=1e-5)
    assert np.nanmax(curve[1:30]) == 0
    assert np.nanmax(curve[42:79]) == 0
    config = Decode(threshold=0.5, level=0.5)
    spots = decode(result, config)
    assert [(s.onset, s.apex, s.offset) for s in spots] == [(30, 36, 41)]
    # Two groups must agree; the chin is alone.
    two = Patel(**{**EXACT, "agree": 2})
    assert np.nanmax(scored(places, opening, two)) == pytest.approx(0.9, abs=1e-5)
    # A lip corner is half of two groups.
    places, opening = at_rest(80)
    move(places, ["lip_corner_left"], tent(80, 30, 36, 42), (1.08, -1.44))
    assert scored(places, opening, two)[36] == pytest.approx(0.9, abs=1e-5)


def test_trim_cuts_slow_beginnings_and_ends():
    places, opening = at_rest(80)
    # A tenth of the way in four frames, the rest in four more; back the same.
    out = np.interp(np.arange(80), [30, 34, 38, 42, 46], [0, 0.1, 1, 0.1, 0])
    move(places, CHIN, out, (0, 2.0))
    config = Decode(threshold=0.5, level=0.5)

    def spot(trim):
        scorer = Patel(**{**EXACT, "trim": trim})
        (found,) = decode(scorer.score(rows_of(places, opening, FINE), {}), config)
        return found.onset, found.apex, found.offset

    assert spot(0.0) == (30, 38, 45)
    assert spot(0.2) == (34, 38, 41)


def test_what_stays_lasts_or_goes_on_is_dropped():
    frames = np.arange(120)
    for curve in (
        np.interp(frames, [40, 45], [0, 1]),  # does not come back
        np.interp(frames, [40, 45, 60, 65], [0, 1, 1, 0]),  # rests for half a second
        np.interp(frames, [40, 52, 64], [0, 1, 0]),  # 0.8 s
        np.abs(np.sin(np.pi * np.clip(frames - 30, 0, 60) / 10)),  # out and back six times
    ):
        places, opening = at_rest(120)
        move(places, CHIN, curve, (0.0, -2.0))
        assert np.nanmax(scored(places, opening)) == 0
    # Out 2 px, back 1.5: the lesser, less the difference.
    places, opening = at_rest(120)
    move(places, CHIN, np.interp(frames, [40, 46, 52], [0, 1, 0.25]), (0.0, -2.0))
    assert scored(places, opening)[46] == pytest.approx(1.5 - 0.5, abs=1e-5)
    # 0.5 px more in the same direction, two frames later, take that much off.
    move(places, CHIN, np.interp(frames, [54, 58], [0, -0.25]), (0.0, -2.0))
    assert scored(places, opening)[46] == pytest.approx(1.5 - 0.5 - 0.5, abs=1e-5)


def test_a_blink_is_dropped_and_the_mouth_in_it_is_not():
    places, opening = at_rest(80)
    up = tent(80, 30, 34, 39)
    move(places, BROW, up, (0, 1.5))
    assert scored(places, opening)[34] == pytest.approx(1.5, abs=1e-5)
    # Shut and open within the movement, 0.5 a frame.
    opening -= np.interp(np.arange(80), [31, 33, 35], [0, 1, 0])[:, None]
    assert np.nanmax(scored(places, opening)) == 0
    assert scored(places, opening, Patel(**EXACT, blink=0))[34] == pytest.approx(1.5, abs=1e-5)
    move(places, CHIN, up, (0, 0.8))
    assert np.nanmax(scored(places, opening)) == pytest.approx(0.8, abs=1e-5)


def test_a_shift_of_the_whole_face_is_dropped():
    up = tent(80, 30, 36, 42)
    places, opening = at_rest(80)
    move(places, REGIONS, up, (0.9, -1.2))
    assert np.nanmax(scored(places, opening)) == 0
    assert np.nanmax(scored(places, opening, Patel(**EXACT, whole=1.0))) == pytest.approx(1.5, 1e-5)
    # 15 of 32 regions are less than half of the face, 17 are more.
    for count, expected in ((15, 1.5), (17, 0.0)):
        places, opening = at_rest(80)
        move(places, REGIONS[-count:], up, (0.9, -1.2))
        assert np.nanmax(scored(places, opening)) == pytest.approx(expected, abs=1e-5)


RULES = MovementRules(0.05, 0.3, 3, 6, 2, 30, 0.1)


def first_reaching(velocity, run, way, part):
    done = 0.0
    for t in run:
        done += float(velocity[t] @ way)
        if done >= part * float(way @ way) - 1e-9:
            return t
    raise AssertionError("a run does not reach its own end")


def slow(velocity, rules):
    """Step by step in plain Python."""
    runs, current = [], None
    for t, v in enumerate(velocity):
        if np.hypot(*v) < rules.still:
            current = None
        elif current and float(np.dot(v, velocity[t - 1])) > 0:
            current.append(t)
        else:
            current = [t]
            runs.append(current)
    runs = [(r, np.sum([velocity[t] for t in r], axis=0)) for r in runs]
    runs = [(r, s) for r, s in runs if np.hypot(*s) >= rules.least]
    found = []
    for i in range(len(runs) - 1):
        (out, a), (back, b) = runs[i], runs[i + 1]
        rise, fall = np.hypot(*a), -float(b @ a) / np.hypot(*a)
        if back[0] - out[-1] - 1 > rules.hold or fall <= 0:
            continue
        beside = [0.0]
        if i and out[0] - runs[i - 1][0][-1] - 1 < rules.quiet:
            beside.append(np.hypot(*runs[i - 1][1]))
        if i + 2 < len(runs) and runs[i + 2][0][0] - back[-1] - 1 < rules.quiet:
            beside.append(np.hypot(*runs[i + 2][1]))
        size = min(rise, fall) - abs(rise - fall) - max(beside)
        onset = first_reaching(velocity, out, a, rules.trim)
        offset = first_reaching(velocity, back, b, 1 - rules.trim)
        if size > 0 and rules.shortest <= offset - onset + 1 <= rules.longest:
            found.append((onset, (out[-1] + back[0] + 1) // 2, offset, size))
    return found


def wavering(seed, n=400):
    rng = np.random.default_rng(seed)
    smooth = np.apply_along_axis(np.convolve, 0, rng.normal(size=(n, 2)), np.ones(5) / 5, "same")
    return smooth * (np.abs(np.sin(np.arange(n) / 17)) > 0.6)[:, None]


def told(found):
    return [(m.onset, m.apex, m.offset) for m in found]


def test_fast_equals_slow():
    total = 0
    for seed in range(24):
        velocity = wavering(seed)
        found, expected = list(movements(velocity, RULES)), slow(velocity, RULES)
        assert told(found) == [e[:3] for e in expected]
        assert [m.size for m in found] == pytest.approx([e[3] for e in expected])
        total += len(found)
    assert total > 20


@given(st.integers(0, 10_000))
def test_a_quarter_turn_and_a_larger_scale_find_the_same(seed):
    velocity = wavering(seed, 150)
    found = list(movements(velocity, RULES))
    turned = list(movements(velocity[:, ::-1] * (-1, 1), RULES))
    assert told(turned) == told(found)
    twice = replace(RULES, still=2 * RULES.still, least=2 * RULES.least)
    double = list(movements(2 * velocity, twice))
    assert told(double) == told(found)
    assert [m.size for m in double] == pytest.approx([2 * m.size for m in found])
    for a, b in zip(found, turned, strict=True):
        assert b.direction == pytest.approx((-a.direction[1], a.direction[0]))


def test_decoded_spots_are_the_expressions():
    series, truth = rows(3)
    scores = Patel(agree=1).score(series, {})
    spots = decode(scores, Decode(threshold=0.4, level=0.5))
    assert len(spots) == len(truth) == 4
    for spot, event in zip(spots, truth, strict=True):
        assert event.onset <= spot.apex <= event.offset
        shared = min(spot.offset, event.offset) - max(spot.onset, event.onset) + 1
        joined = max(spot.offset, event.offset) - min(spot.onset, event.onset) + 1
        assert shared / joined >= 0.5


@pytest.mark.parametrize(("fps", "scale"), [(30, 1), (60, 2), (200, 20 / 3)])
def test_longer_stretches_and_other_rates_put_the_apex_where_it_is(fps, scale):
    n = round(120 * scale)
    places, opening = at_rest(n)
    apex = round(48 * scale)
    move(places, CHIN, tent(n, round(42 * scale), apex, round(54 * scale)), (0, -2.0))
    flow = RegionFlow(distances_s=(0.17,), stretches=1, soft_px=0)
    curve = scored(places, opening, Patel(agree=1), flow, fps)
    assert abs(int(np.nanargmax(curve)) - apex) <= max(1, flow.step_at(Fraction(fps)))
    # Smoothed over 0.17 s, a tent of 2 x 0.2 s loses about a fifth of its height.
    assert 1.4 < np.nanmax(curve) < 1.8


def test_flow_of_pixels_peaks_where_they_turn():
    image, window = textured(8), bump("lip_corner_left")
    up = tent(50, 19, 25, 31)
    clip = clip_of([moved(image, 0 * window, -2.0 * a * window) for a in up])
    flow = RegionFlow(distances_s=(0.17,), stretches=1, soft_px=0)
    scores = Patel().score(flow.describe(clip), {})
    peak = int(np.argmax(scores.values[:, 0]))
    assert abs(int(scores.centres[peak]) - 25) <= 1
    assert scores.values[peak, 0] > 0.3
    assert (scores.values[:, 0] > 0).sum() <= 16


def test_rows_without_a_number_count_as_rest():
    series, _ = rows(2)
    broken = series.values.copy()
    broken[60:63] = np.nan
    quiet = series.values.copy()
    quiet[60:63] = 0
    a = Patel().score(replace(series, values=broken), {}).values
    b = Patel().score(replace(series, values=quiet), {}).values
    assert not a[60:63].any()
    assert np.array_equal(np.delete(a, range(60, 63)), np.delete(b, range(60, 63)))
    assert a.any()


def test_groups_are_of_known_regions_and_both_sides():
    for names in GROUPS:
        assert set(names) <= set(regions())
        mirrored = tuple(
            n.replace("_left", "_R").replace("_right", "_left").replace("_R", "_right")
            for n in names
        )
        assert any(set(mirrored) == set(other) for other in GROUPS)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"agree": 99}, "agree"),
        ({"min_s": 0.7}, "min_s"),
        ({"trim": 0.5}, "trim"),
        ({"edge": 0.0}, "edge"),
        ({"hold_s": -1.0}, "hold_s"),
        ({"least_px": 0.0}, "least_px"),
    ],
)
def test_fields_out_of_range(fields, told):
    with pytest.raises(UsageError, match=told):
        Patel(**fields)


def test_the_recipe_reads_onset_and_offset_back():
    recipe = load_recipe("patel")
    assert recipe.decode.level == Patel().edge


def test_rows_of_another_descriptor_are_refused():
    other = FrameSeries(np.zeros((9, 2), np.float32), 0, 1, 5, 20, Fraction(30), ("a", "b"))
    with pytest.raises(UsageError, match="region_flow"):
        Patel().score(other, {})
