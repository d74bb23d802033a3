"""OF-FD: regions that go out and come back score by how far, all else scores nothing."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from region_rows_cases import REGIONS, at_rest, move, rows_of, tent
from rows_of_fd import FLOW, rows

from mespot.decoding import decode
from mespot.descriptors.region_flow import RegionFlow
from mespot.errors import UsageError
from mespot.recipe import load_recipe
from mespot.types import FrameSeries
from mespot_lab.rivals.of_fd import OfFd
from test_descriptors_region_flow import bump, clip_of, moved, textured

MOUTH = ["lip_corner_left", "lip_upper_left", "lip_lower_middle"]
BROWS = ["brow_inner_left", "brow_middle_left", "brow_outer_left"]


def scored(places, opening, scorer=None, flow=FLOW, fps=30):
    """Score at every frame; frames without a row hold NaN."""
    series = rows_of(places, opening, flow, fps)
    result = (scorer or OfFd()).score(series, {})
    curve = np.full(len(places), np.nan)
    curve[result.centres] = result.values[:, 0]
    return curve


def test_a_region_out_and_back_scores_its_way_where_it_is():
    places, opening = at_rest(80)
    up = tent(80, 30, 35, 41)
    move(places, ["lip_corner_left"], up, (1.2, -1.6))  # 2 px at the apex
    curve = scored(places, opening, OfFd(agree=1))
    # k = 5 frames: a side that is back at rest 5 or 10 frames away leaves the whole height.
    assert curve[35] == pytest.approx(2, abs=1e-5)
    assert curve[25:46] == pytest.approx(2 * up[25:46], abs=1e-5)
    assert np.nanargmax(curve) == 35
    assert np.nanmax(curve[10:29]) < 1e-5
    assert np.nanmax(curve[42:70]) < 1e-5
    # One region of the three that must agree.
    assert scored(places, opening)[35] == pytest.approx(2 / 3, abs=1e-5)
    move(places, ["lip_upper_left", "brow_inner_left"], up, (0, 1))
    assert scored(places, opening)[35] == pytest.approx((2 + 1 + 1) / 3, abs=1e-5)


def test_what_does_not_come_back_is_none():
    places, opening = at_rest(90)
    move(places, MOUTH, np.interp(np.arange(90), [40, 45], [0, 1]), (0, -3))
    assert np.nanmax(scored(places, opening)) < 1e-5
    # Half of the way back: height 1.5 above the near side, less the 1.5 that are left.
    places, opening = at_rest(90)
    move(places, MOUTH, np.interp(np.arange(90), [40, 45, 50], [0, 1, 0.5]), (0, -3))
    assert np.nanmax(scored(places, opening)) < 1e-5
    assert scored(places, opening, OfFd(drift=0))[45] == pytest.approx(1.5, abs=1e-5)


def test_a_shift_of_the_whole_face_is_none():
    places, opening = at_rest(80)
    move(places, REGIONS, tent(80, 30, 35, 40), (1.0, -1.5))
    assert np.nanmax(scored(places, opening)) < 1e-5
    # The same shift twice as large in three regions: what they do beyond the face's is left.
    move(places, MOUTH, tent(80, 30, 35, 40), (1.0, -1.5))
    way = float(np.hypot(1.0, 1.5))
    assert scored(places, opening)[35] == pytest.approx(2 * way - way, abs=1e-5)


def test_brows_do_not_count_in_a_blink_and_the_mouth_does():
    up = tent(80, 30, 35, 40)
    places, opening = at_rest(80)
    opening -= up[:, None]
    move(places, BROWS, up, (0, 1.5))
    # From where a stretch sees less than 0.3 of the lids' way on, brows would count again.
    assert np.nanmax(scored(places, opening)[31:40]) < 1e-5
    assert scored(places, opening, OfFd(blink=0))[35] == pytest.approx(1.5, abs=1e-5)
    # One eye alone is a wink or a brow before it: no blink.
    opening[:, 0] = 0
    assert scored(places, opening)[35] == pytest.approx(1.5, abs=1e-5)
    places, opening = at_rest(80)
    opening -= up[:, None]
    move(places, MOUTH, up, (0, 1.5))
    assert scored(places, opening)[35] == pytest.approx(1.5, abs=1e-5)


def slow(series: FrameSeries, scorer: OfFd) -> np.ndarray:
    """One row, one region at a time, with a library's eigenvectors."""
    stretches = 2 * FLOW.stretches
    out = []
    for row in series.values.astype(np.float64):
        cells = dict(zip(FLOW.column_names(series.fps), row))
        k = FLOW.distances(series.fps)[0]
        when = [f"{b * k}..{b * k + k}" for b in range(-FLOW.stretches, FLOW.stretches)]
        heights, ends = [], []
        for region in REGIONS:
            steps = [np.array([cells[f"{region} {w} x"], cells[f"{region} {w} y"]]) for w in when]
            place = {0: np.zeros(2)}
            for m in range(FLOW.stretches):
                place[m + 1] = place[m] + steps[FLOW.stretches + m]
                place[-m - 1] = place[-m] - steps[FLOW.stretches - 1 - m]
            ends.append((place[-FLOW.stretches] + place[FLOW.stretches]) / 2)
            if region not in scorer.regions:
                continue
            axis = np.linalg.eigh(sum(np.outer(s, s) for s in steps))[1][:, -1]
            best = 0.0
            for sign in (1, -1):
                u = {m: sign * float(p @ axis) for m, p in place.items()}
                before = max(-u[m] for m in u if m < 0)
                after = max(-u[m] for m in u if m > 0)
                best = max(best, min(before, after))
            left = abs(float((place[stretches // 2] - place[-stretches // 2]) @ axis))
            eyes = [max(abs(cells[f"eye_opening_{side} {w}"]) for w in when[1:3])
                    for side in ("left", "right")]  # fmt: skip
            blink = region.startswith("brow") and min(eyes) > scorer.blink
            heights.append(0 if blink else max(best - scorer.drift * left, 0))
        common = np.median(ends, axis=0)
        top = np.mean(sorted(heights)[-scorer.agree :])
        out.append(max(top - scorer.whole * np.hypot(*common), 0))
    return np.array(out)


@pytest.mark.parametrize("seed", range(2))
def test_fast_equals_slow(seed):
    series, _ = rows(seed)
    rng = np.random.default_rng(seed)
    noisy = series.values + rng.normal(0, 0.15, series.values.shape).astype(np.float32)
    series = replace(series, values=noisy[::4], n_frames=10_000)
    scorer = OfFd(drift=0.4, whole=0.3)
    expected = slow(series, scorer)
    assert (expected > 0).sum() > 20
    assert scorer.score(series, {}).values[:, 0] == pytest.approx(expected, abs=1e-5)


def test_decoded_spots_are_the_expressions():
    series, truth = rows(3)
    config = replace(load_recipe("of-fd").decode, threshold=0.5)
    spots = decode(OfFd().score(series, {}), config)
    assert len(spots) == len(truth) == 4
    for spot, event in zip(spots, truth, strict=True):
        assert abs(spot.apex - event.apex) <= 1
        shared = min(spot.offset, event.offset) - max(spot.onset, event.onset) + 1
        joined = max(spot.offset, event.offset) - min(spot.onset, event.onset) + 1
        assert shared / joined >= 0.5


def test_a_row_tells_of_itself_alone_and_needs_no_names():
    series, _ = rows(1)
    whole = OfFd().score(series, {}).values
    piece = replace(series, values=series.values[50:57], first=50)
    assert np.array_equal(OfFd().score(piece, {}).values, whole[50:57])
    nameless = replace(series, names=())
    assert np.array_equal(OfFd().score(nameless, {}).values, whole)
    broken = series.values.copy()
    broken[60, 3] = np.nan
    scores = OfFd().score(replace(series, values=broken), {}).values
    assert scores[60] == 0
    assert np.array_equal(np.delete(scores, 60), np.delete(whole, 60))


def test_of_several_distances_the_nearest_is_used():
    places, opening = at_rest(80)
    move(places, MOUTH, tent(80, 30, 35, 40), (0, -1.5))
    both = RegionFlow(distances_s=(0.1, 0.17), soft_px=0)
    one = RegionFlow(distances_s=(0.1,), soft_px=0)
    near = OfFd(distance_s=0.1)
    a, b = scored(places, opening, near, both), scored(places, opening, near, one)
    assert np.array_equal(a[10:70], b[10:70])
    a, b = scored(places, opening, OfFd(), both), scored(places, opening, OfFd(), FLOW)
    assert np.array_equal(a[10:70], b[10:70])
    assert not np.array_equal(a[10:70], scored(places, opening, near, both)[10:70])


def test_the_same_movement_at_200_frames_a_second():
    places, opening = at_rest(400)
    move(places, MOUTH, tent(400, 200, 233, 273), (0, -1.5))
    curve = scored(places, opening, fps=200)
    assert abs(int(np.nanargmax(curve)) - 233) <= 3
    assert np.nanmax(curve) == pytest.approx(1.5, abs=0.15)


def test_flow_of_pixels_peaks_where_they_turn():
    image, window = textured(8), bump("lip_corner_left")
    up = tent(41, 15, 20, 25)
    clip = clip_of([moved(image, 0 * window, -2.0 * a * window) for a in up])
    flow = replace(FLOW, relative_to="nose")
    scores = OfFd(agree=1).score(flow.describe(clip), {})
    peak = int(np.argmax(scores.values[:, 0]))
    assert abs(int(scores.centres[peak]) - 20) <= 1
    # Averaged over its window the region moves 1.7 px; the flow finds about three quarters.
    assert 0.9 < scores.values[peak, 0] < 1.8
    shifted = clip_of([moved(image, 0 * window + a, 0 * window - 2 * a) for a in up])
    still = OfFd().score(flow.describe(shifted), {}).values
    assert still.max() < 0.15


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"regions": ("ear_left",)}, "ear_left"),
        ({"agree": 0}, "agree"),
        ({"agree": 14}, "agree"),
        ({"drift": -1.0}, "drift"),
        ({"distance_s": 0.0}, "distance_s"),
    ],
)
def test_fields_out_of_range(fields, told):
    with pytest.raises(UsageError, match=told):
        OfFd(**fields)


def test_rows_of_another_descriptor_are_refused():
    other = FrameSeries(np.zeros((9, 2), np.float32), 0, 1, 5, 20, Fraction(30), ("a", "b"))
    for series in (other, replace(other, names=())):
        with pytest.raises(UsageError, match="region_flow"):
            OfFd().score(series, {})
