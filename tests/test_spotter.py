"""A spotter's folder: what is written comes back, damage is told, some recipes need no training."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest

from mespot.errors import UnreadableInput, UsageError
from mespot.pipeline import check_rate
from mespot.recipe import Recipe
from mespot.results import item_names
from mespot.spotter import Spotter, load_spotter, on_every_frame, untrained
from mespot.types import FrameSeries

RECIPE = Recipe(name="r", scorer={"name": "random"}, decode={"nms_s": 0.4})


def test_round_trip_keeps_every_bit(tmp_path):
    weights = {
        "mean": np.arange(5, dtype=np.float32) / 3,
        "threshold": np.array(0.123456789012345),
        "onnx": np.frombuffer(b"not really a network", np.uint8),
    }
    spotter = Spotter(RECIPE, weights, "# a card\n")
    spotter.save(tmp_path / "s")
    again = load_spotter(tmp_path / "s")
    assert again.recipe.hash == RECIPE.hash
    assert again.card == "# a card\n"
    assert again.weights_hash == spotter.weights_hash
    assert sorted(p.name for p in (tmp_path / "s").iterdir()) == [
        "card.md", "network.onnx", "recipe.toml", "weights.npz", "weights.sha256",
    ]  # fmt: skip
    other = Spotter(RECIPE, {**weights, "threshold": np.array(0.2)}, "")
    assert other.weights_hash != spotter.weights_hash


def test_damage_is_one_line(tmp_path):
    with pytest.raises(UnreadableInput, match=r"recipe\.toml is missing"):
        load_spotter(tmp_path)
    Spotter(RECIPE, {"x": np.ones(3)}, "").save(tmp_path)
    whole = (tmp_path / "weights.npz").read_bytes()
    (tmp_path / "weights.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UnreadableInput, match="damaged"):
        load_spotter(tmp_path)


def test_pickled_arrays_are_refused(tmp_path):
    Spotter(RECIPE, {"x": np.ones(3)}, "").save(tmp_path)
    np.savez(tmp_path / "weights.npz", x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(UnreadableInput, match="damaged"):
        load_spotter(tmp_path)


def test_recipes_that_learn_nothing_need_no_training():
    assert untrained(RECIPE).scorer.learns is False
    with pytest.raises(UsageError, match="must be trained first"):
        untrained(Recipe(name="x"))


def test_settings_are_checked_at_once():
    with pytest.raises(UsageError, match="did you mean 'nms_s'"):
        untrained(RECIPE).with_settings(("decode.nms=1",))
    changed = untrained(RECIPE).with_settings(("decode.nms_s=1",))
    assert changed.decode_config.nms_s == 1.0


def test_what_the_first_frame_does_not_need_is_loaded_later():
    code = (
        "import sys, mespot.results; from mespot.spotter import load_spotter; load_spotter();"
        "later = {'matplotlib', 'onnxruntime', 'dlib', 'numba', 'torch', 'mespot.metrics'};"
        "print(sorted(later & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_the_packaged_spotter_runs_and_says_what_it_is():
    spotter = load_spotter()
    spotter.self_test()
    assert spotter.recipe.name == "default"
    for part in ("synthetic", "MIT", "No real micro-expression", "lie detection", "f1_apex"):
        assert part in spotter.card, part


@pytest.mark.parametrize(
    ("fps", "wanted", "force", "part"),
    [(10, None, False, "too slow"), (30, 25.0, False, "25 frames/s, the video has 30")],
)
def test_unsuitable_rates_are_refused(fps, wanted, force, part):
    with pytest.raises(UsageError, match=part):
        check_rate("v.mp4", Fraction(fps), wanted, force)
    assert check_rate("v.mp4", Fraction(fps), wanted, True)


def test_rates_that_suit():
    assert check_rate("v.mp4", Fraction(200), None, False) == []
    assert check_rate("v.mp4", Fraction(2997, 100), 30.0, False)[0].endswith("barely resolved")


def test_names_of_a_batch_do_not_clash(tmp_path):
    paths = [tmp_path / p for p in ("a/v.mp4", "b/v.mp4", "w.mov", "a/v.avi", "q/a_v_2.mp4")]
    assert item_names(paths) == ["a_v", "b_v", "w", "a_v_2", "q_a_v_2"]


def test_names_of_earlier_runs_are_kept_and_not_given_twice(tmp_path):
    first, second = tmp_path / "a/v.mp4", tmp_path / "b/v.mp4"
    taken = {"v": str(first.resolve())}
    assert item_names([second], taken) == ["b_v"]
    assert item_names([first, second], taken) == ["v", "b_v"]


def test_rows_of_every_third_frame_give_every_frame_a_score():
    rows = np.zeros((3, 1), np.float32)
    series = FrameSeries(rows, 1, 3, 5, 14, Fraction(200))
    assert series.centres.tolist() == [3, 6, 9]
    spread = on_every_frame(series, np.float32([0.1, 0.2, 0.3]))
    unknown = [np.nan] * 3
    known = [0.1, 0.1, 0.2, 0.2, 0.2, 0.3, 0.3]
    assert np.array_equal(spread, np.float32([*unknown, *known, *unknown, np.nan]), equal_nan=True)
