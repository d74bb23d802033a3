"""A spotter's folder: what is written comes back, damage is told, some recipes need no training."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from mespot.align.config import Align
from mespot.decoding import Decode
from mespot.descriptors.region_flow import RegionFlow
from mespot.errors import UnreadableInput, UsageError
from mespot.pipeline import check_rate
from mespot.recipe import Recipe
from mespot.results import item_names
from mespot.scorers.random import Random
from mespot.spotter import Spotter, load_spotter, on_every_frame, untrained
from mespot.types import FrameSeries
from moving_portrait import motion, portrait, portraits, render

RECIPE = Recipe(name="r", scorer=Random(), decode=Decode(nms_s=0.4))


def test_round_trip_keeps_every_bit(tmp_path):
    weights = {
        "mean": np.arange(5, dtype=np.float32) / 3,
        "threshold": np.array(0.123456789012345),
        "onnx": np.frombuffer(b"not really a network", np.uint8),
    }
    spotter = Spotter(RECIPE, weights, "# a card\n")
    spotter.save(tmp_path / "s")
    again = load_spotter(tmp_path / "s")
    assert again.recipe == RECIPE
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


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "x"))


@pytest.mark.parametrize("name", ["x", "threshold"])
def test_a_pickled_array_is_never_unpickled(tmp_path, name):
    """Object arrays can run anything when they are unpickled; here they would make a file."""
    folder, harm = tmp_path / "s", tmp_path / "harm"
    Spotter(RECIPE, {"x": np.ones(3), "threshold": np.array(0.5)}, "").save(folder)
    spoiled = np.array([Touch(harm)], dtype=object)
    np.savez(folder / "weights.npz", **{"x": np.ones(3), name: spoiled})
    with pytest.raises(UnreadableInput, match=r"weights\.npz: damaged"):
        load_spotter(folder)
    assert not harm.exists()
    # The file would do harm if it were.
    with np.load(folder / "weights.npz", allow_pickle=True) as stored:
        stored[name]
    assert harm.exists()


def test_recipes_that_learn_nothing_need_no_training():
    assert untrained(RECIPE).recipe.scorer.learns is False
    with pytest.raises(UsageError, match="must be trained first"):
        untrained(Recipe(name="x"))


def test_settings_are_checked_at_once():
    with pytest.raises(UsageError, match="did you mean 'nms_s'"):
        untrained(RECIPE).with_settings(("decode.nms=1",))
    changed = untrained(RECIPE).with_settings(("decode.nms_s=1",))
    assert changed.recipe.decode.nms_s == 1.0


@pytest.mark.parametrize("setting", ["scorer.units=3", "align.size=96", "seed=4"])
def test_what_weights_were_learned_with_cannot_be_changed(setting):
    learned = Spotter(Recipe(name="x"), {})
    assert learned.with_settings(("decode.nms_s=1",)).recipe.decode.nms_s == 1.0
    with pytest.raises(UsageError, match="without training anew"):
        learned.with_settings((setting,))


def test_what_is_no_recipe_or_no_weights_is_one_line():
    with pytest.raises(UsageError, match=r"recipe must be a Recipe, not str; mespot\.load_recipe"):
        Spotter("default", {})
    with pytest.raises(UsageError, match="weights must be a dictionary of arrays, not list"):
        Spotter(RECIPE, [np.ones(3)])


@pytest.fixture(scope="module")
def moving_face():
    """80 frames of a moving face."""
    image, points = portrait(portraits()[0])
    return [np.ascontiguousarray(frame) for frame in render(image, motion(points, 80))]


@pytest.mark.parametrize(
    ("dark", "told"),
    [([], None), ([(30, 45)], "1 time"), ([(20, 35), (50, 65)], "2 times")],
    ids=["never", "once", "twice"],
)
def test_how_often_the_face_was_lost_and_found_again(moving_face, dark, told):
    frames = list(moving_face)
    for a, b in dark:
        frames[a:b] = [np.zeros_like(frames[0])] * (b - a)
    recipe = replace(RECIPE, align=Align(size=96), descriptor=RegionFlow(), decode=Decode(0.5))
    spotting = untrained(recipe).spot(frames, fps=25)
    notes = [note for note in spotting.notes if "lost" in note]
    assert notes == ([] if told is None else [f"the face was lost and found again {told}"])
    assert spotting.reading.frames_without_face == int((~spotting.found).sum())
    assert spotting.reading.frames == 80
    assert bool(spotting.reading.frames_without_face) == bool(dark)


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
    alike = [tmp_path / f"{i}/a/v.mp4" for i in range(5)]
    assert item_names(alike) == ["a_v", "a_v_2", "a_v_3", "a_v_4", "a_v_5"]


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
