"""MDMD: curve, score and spots worked out by hand."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from test_descriptors_main_direction import around, clip_of, moved, texture

from mespot.decoding import decode
from mespot.errors import UsageError
from mespot.recipe import load_recipe
from mespot.spotter import untrained
from mespot.types import FrameSeries
from mespot_lab.rivals.mdmd import MainDirection, Mdmd


def rows(values, span=25, fps=30, step=1, names=()):
    values = np.asarray(values, np.float32)
    n_frames = (len(values) - 1) * step + span
    return FrameSeries(values, 0, step, span, n_frames, Fraction(fps), names)


def slow_scores(values, k, top):
    n, m = len(values), k - 1
    d = [sum(sorted(map(float, row))[-top:]) / top for row in values]
    r = {i: d[i] - (d[i - m] + d[i + m]) / 2 for i in range(m, n - m)}
    mean, highest = sum(r.values()) / len(r), max(r.values())
    return [max((r[i] - mean) / (highest - mean), 0) if i in r else 0 for i in range(n)]


@pytest.mark.parametrize(("span", "top"), [(25, 12), (5, 1), (21, 36)])
def test_scores_equal_a_slow_loop(span, top):
    values = np.random.default_rng(span).normal(0, 1, (90, 36))
    fast = Mdmd(top=top).score(rows(values, span), {}).values[:, 0]
    assert np.allclose(fast, slow_scores(np.float32(values), (span - 1) // 2, top), atol=1e-6)
    assert fast.max() == 1


def test_one_block_that_stands_out_by_hand():
    # d is 0 but for 2 at row 30: 24 in one of 12 blocks. r(30) = 2, r(19) = r(41) = -1, the others
    # 0, so that their mean over the 61 - 22 = 39 rows that have one is 0.
    values = np.zeros((61, 36), np.float32)
    values[30, 7] = 24
    assert Mdmd().score(rows(values), {}).values[:, 0].tolist() == [0.0] * 30 + [1] + [0.0] * 30


def test_rows_below_their_neighbours_count_in_the_mean():
    # Besides, d = 1.2 at row 50 of 61. Rows 11 to 49 have an r: 2 at 30, -1 at 19 and 41, -0.6 at
    # 39 (half of what lies 11 rows on), 0 elsewhere; their mean is -0.6 / 39. Row 50 has none.
    values = np.zeros((61, 36), np.float32)
    values[30, 7], values[50, 8] = 24, 14.4
    scores = Mdmd().score(rows(values), {}).values[:, 0]
    calm = (0.6 / 39) / (2 + 0.6 / 39)
    expected = np.full(61, calm)
    expected[[19, 39, 41]], expected[:11], expected[50:], expected[30] = 0, 0, 0, 1
    assert scores.tolist() == pytest.approx(expected.tolist(), abs=1e-6)


def test_a_patch_that_moves_for_ten_frames_is_spotted_there():
    image, window = texture(), around(1, 4)
    rise = np.sin(np.pi * np.arange(1, 11) / 11)
    still = moved(image, 0 * window, 0 * window)
    noise = np.random.default_rng(0).normal(0, 1, (90, *still.shape))
    frames = [still.astype(float)] * 90
    for t, share in enumerate(rise):
        frames[40 + t] = moved(image, 0 * window, -2.5 * share * window).astype(float)
    clip = clip_of(np.clip(np.array(frames) + noise, 0, 255))
    spotter = untrained(load_recipe("mdmd"))
    scores = spotter.recipe.scorer.score(spotter.recipe.descriptor.describe(clip), spotter.weights)
    assert int(scores.centres[scores.values.argmax()]) in range(43, 47)
    best = max(decode(scores, spotter.recipe.decode), key=lambda spot: spot.score)
    assert best.score == 1
    assert abs(best.onset - 40) <= 2
    assert abs(best.offset - 49) <= 2


def test_the_recipe_asks_for_runs_of_7_to_16_frames():
    spotter = untrained(load_recipe("mdmd"))
    assert isinstance(spotter.recipe.descriptor, MainDirection)
    for fps, kept in ((30, (7, 16)), (200, (47, 106))):
        lengths = []
        for length in range(3, 130):
            values = np.zeros((400, 1), np.float32)
            values[100 : 100 + length] = 0.5
            values[100 + length // 2] = 0.6
            spots = decode(rows(values, 1, fps), spotter.recipe.decode)
            lengths += [length] if spots else []
        assert (min(lengths), max(lengths)) == kept
        assert lengths == list(range(kept[0], kept[1] + 1))


def test_rows_without_a_face_are_left_out_of_mean_and_maximum():
    values = np.random.default_rng(6).normal(0, 1, (100, 36)).astype(np.float32)
    values[60:] = np.nan
    with_lost = Mdmd().score(rows(values), {}).values
    assert np.array_equal(with_lost[:60], Mdmd().score(rows(values[:60]), {}).values)
    assert not with_lost[60:].any()


def test_flat_and_short_recordings_score_nothing():
    for n in range(23):
        values = np.random.default_rng(n).normal(0, 1, (n, 36))
        assert not Mdmd().score(rows(values), {}).values.any()
    assert not Mdmd().score(rows(np.ones((60, 36))), {}).values.any()


def test_rows_of_another_descriptor_are_refused():
    with pytest.raises(UsageError, match="main_direction"):
        Mdmd().score(rows(np.ones((60, 1)), names=("chi2 y0 x0",)), {})
    with pytest.raises(UsageError, match="top"):
        Mdmd(top=0)
