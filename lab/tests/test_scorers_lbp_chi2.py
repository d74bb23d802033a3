"""LBP feature difference contrast: curve, score and spots worked out by hand."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from test_descriptors_lbp_difference import SIZE, clip_of, dots

from mespot.decoding import decode
from mespot.errors import UsageError
from mespot.recipe import load_recipe
from mespot.spotter import untrained
from mespot.types import FrameSeries
from mespot_lab.rivals.curves import contrast, share_of_maximum, strongest
from mespot_lab.rivals.lbp_chi2 import LbpChi2, LbpDifference


def rows(values, span=9, fps=25, step=1, names=()):
    values = np.asarray(values, np.float32)
    n_frames = (len(values) - 1) * step + span
    return FrameSeries(values, 0, step, span, n_frames, Fraction(fps), names)


def slow_scores(values, k, top):
    n = len(values)
    f = [sum(sorted(map(float, row))[-top:]) / top for row in values]
    c = {i: max(f[i] - (f[i - k] + f[i + k]) / 2, 0.0) for i in range(k, n - k)}
    mean, highest = sum(c.values()) / len(c), max(c.values())
    return [max((c[i] - mean) / (highest - mean), 0) if i in c else 0 for i in range(n)]


@pytest.mark.parametrize(("span", "top"), [(9, 12), (3, 1), (21, 36)])
def test_scores_equal_a_slow_loop(span, top):
    values = np.random.default_rng(span).gamma(1, 1, (80, 36))
    fast = LbpChi2(top=top).score(rows(values, span), {}).values[:, 0]
    assert np.allclose(fast, slow_scores(np.float32(values), (span - 1) // 2, top), atol=1e-6)
    assert fast.max() == 1


def test_a_texture_that_flashes_up_in_one_block():
    # Dots in frame 30 alone, k = 4. F is d1 / 12 at 30 (they are in the middle), d2 / 12 at 26 and
    # 34 (at an end), 0 elsewhere. C(30) = (d1 - d2) / 12; C(26) = (d2 - d1 / 2) / 12, here below 0
    # but for q^2 terms, and all other C are at most 0.
    frames = np.full((61, SIZE, SIZE), 100, np.uint8)
    n, pixels = dots(frames[30], 1, 4)
    q, half = n / pixels, n / pixels / 2
    d1, d2 = q * q / (2 - q) + q, half * half / (2 - half) + half
    series = LbpDifference().describe(clip_of(frames))
    f = strongest(series.values, 12)
    c = contrast(f, 4)
    at = {int(frame): row for row, frame in enumerate(series.centres)}
    assert f[at[30]] == pytest.approx(d1 / 12, rel=1e-5)
    assert f[at[26]] == f[at[34]] == pytest.approx(d2 / 12, rel=1e-5)
    assert c[at[30]] == pytest.approx((d1 - d2) / 12, rel=1e-5)
    assert c[at[26]] == pytest.approx((d2 - d1 / 2) / 12, abs=1e-7)
    assert np.isnan(c[:4]).all()
    assert np.isnan(c[-4:]).all()
    scores = LbpChi2().score(series, {})
    assert int(scores.centres[scores.values.argmax()]) == 30
    assert scores.values.max() == 1
    spots = decode(scores, untrained(load_recipe("lbp-chi2")).recipe.decode)
    assert [(s.onset, s.apex, s.offset) for s in spots] == [(26, 30, 34)]


def test_threshold_on_the_score_is_the_published_threshold_on_the_contrast():
    values = np.random.default_rng(5).gamma(1, 1, (200, 36)).astype(np.float32)
    curve = contrast(strongest(values, 12), 4)
    known = np.maximum(curve[np.isfinite(curve)], 0)
    published = known.mean() + 0.15 * (known.max() - known.mean())
    above = np.nan_to_num(curve, nan=-1) >= published
    assert 0 < above.sum() < 100
    assert np.array_equal(LbpChi2().score(rows(values), {}).values[:, 0] >= 0.15, above)


def test_rows_without_a_face_are_left_out_of_mean_and_maximum():
    values = np.random.default_rng(6).gamma(1, 1, (100, 36)).astype(np.float32)
    values[60:] = np.nan
    with_lost = LbpChi2().score(rows(values), {}).values
    assert np.array_equal(with_lost[:60], LbpChi2().score(rows(values[:60]), {}).values)
    assert not with_lost[60:].any()


def test_rows_at_a_distance_keep_the_time():
    values = np.zeros((60, 36), np.float32)
    values[30] = 1
    # A span of 21 frames, k = 10; with rows every second frame k is 5 rows.
    scores = LbpChi2().score(rows(values, span=21, step=2), {}).values[:, 0]
    assert np.flatnonzero(scores).tolist() == [30]
    values[[25, 35]] = 2
    assert np.flatnonzero(LbpChi2().score(rows(values, 21, step=2), {}).values).tolist() == [25, 35]


def test_flat_and_short_recordings_score_nothing():
    for n in range(12):
        assert not LbpChi2().score(rows(np.ones((n, 36))), {}).values[:, 0].any()
    flat = np.full((100, 36), 0.1) + np.random.default_rng(0).normal(0, 1e-13, (100, 36))
    assert not LbpChi2().score(rows(np.float32(flat)), {}).values.any()


def test_share_of_maximum_by_hand():
    # mean of (0, 0, 1, 3) is 1, maximum 3: (c - 1) / 2.
    curve = np.array([0, np.nan, 0, 1, 3.0])
    assert share_of_maximum(curve).tolist() == [0, 0, 0, 0, 1]
    assert share_of_maximum(np.array([0, 0, 2, 4.0])).tolist() == pytest.approx([0, 0, 0.2, 1])
    assert not share_of_maximum(np.full(3, np.nan)).any()


def test_strongest_takes_all_where_there_are_fewer():
    assert strongest(np.float32([[1, 2, 6]]), 12).tolist() == [3]
    assert strongest(np.float32([[1, 2, 6]]), 2).tolist() == [4]
    assert np.isnan(strongest(np.float32([[1, np.inf, 6]]), 2)).all()


def test_rows_of_another_descriptor_are_refused():
    with pytest.raises(UsageError, match="lbp_difference"):
        LbpChi2().score(rows(np.ones((20, 1)), names=("undone y0 x0",)), {})
    with pytest.raises(UsageError, match="top"):
        LbpChi2(top=0)
