"""What stands in the way in a twin as in its data set: blinks, mains, compression."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mespot.synthetic import STANDARD, make_script
from mespot.synthetic.twins import make_order

LEVELS = ("easy", "standard", "hard")


def blink_lengths(config, fps, minutes=30):
    """Seconds of the blinks of many recordings of five minutes."""
    quiet = replace(config, micro_per_minute=0.0)
    scripts = [make_script(quiet, seed, fps, 300 * fps) for seed in range(minutes // 5)]
    return np.array([e.n_frames / fps for s in scripts for e in s.expressions if e.kind == "blink"])


@pytest.mark.parametrize(("like", "fps"), [("casme-sq", 30), ("smic-vis-e", 25)])
@pytest.mark.parametrize("level", LEVELS)
def test_blinks_are_as_long_as_those_of_the_data_sets(like, fps, level):
    """At 30 frames/s they have 6/15/108 frames: shortest, median, longest."""
    found = blink_lengths(make_order(like, level=level).config, fps, 60)
    assert len(found) > 300
    assert 0.45 <= np.median(found) <= 0.55
    assert found.min() >= 0.2
    assert found.max() <= 3.6
    assert found.max() > 1.2
    assert 0.01 < (found > 0.9).mean() < 0.2
    assert ((found >= 0.3) & (found <= 0.9)).mean() > 0.7


def test_blinks_of_other_recordings_are_shorter():
    found = blink_lengths(STANDARD, 30)
    assert 0.3 < np.median(found) < 0.4
    assert found.max() <= 0.7


def frequency(light, fps):
    """Cycles per second of the lamps."""
    return float(np.diff(light.phase).mean() * fps / (2.0 * np.pi))


def test_mains_have_fifty_hertz_in_twins():
    config = make_order("samm-lv").config
    assert config.mains_hz == 50.0
    # Grids are off by some thousandths at most.
    for seed in range(12):
        light = make_script(config, seed, 200, 400).light
        assert frequency(light, 200) == pytest.approx(100.0, rel=2e-3)
        assert light.depth > 0
    sixty = make_order("samm-lv", values={"mains_hz": 60}).config
    assert frequency(make_script(sixty, 0, 200, 400).light, 200) == pytest.approx(120.0, rel=2e-3)


def test_mains_are_drawn_elsewhere_and_change_nothing_else():
    drawn = [make_script(STANDARD, seed, 200, 400) for seed in range(12)]
    rates = {round(frequency(script.light, 200)) for script in drawn}
    assert rates == {100, 120}
    for seed, script in enumerate(drawn):
        fixed = make_script(replace(STANDARD, mains_hz=50.0), seed, 200, 400)
        assert fixed.expressions == script.expressions
        assert fixed.light.depth == script.light.depth
        assert np.array_equal(fixed.light.gain, script.light.gain)
        if round(frequency(script.light, 200)) == 100:
            assert np.array_equal(fixed.light.phase, script.light.phase)
            assert fixed.light.rows == script.light.rows
