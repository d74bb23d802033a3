"""What the LSTM learns, what it keeps, what it refuses."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from mespot.decoding import Decode, decode, learn_threshold
from mespot.errors import MespotError, UsageError
from mespot.scorers.lstm import Lstm
from mespot.scorers.random import Random
from mespot.types import Counts, Expression, FrameSeries
from scorer_cases import apex_count, bumps

torch = pytest.importorskip("torch", reason="training needs PyTorch")
pytest.importorskip("onnx", reason="training needs onnx")

QUICK = Lstm(window=14, epochs=2, learning_rate=0.01, train_stride=2, batch=128)


@pytest.fixture(scope="module")
def recordings():
    return [bumps(seed) for seed in range(6)]


@pytest.fixture(scope="module")
def learned(recordings):
    return QUICK.fit([s for s, _ in recordings], [t for _, t in recordings], seed=1)


def f1_on_others(scorer, weights):
    """F1 on recordings not trained on, threshold from others again."""
    config = Decode()
    inner, test = [bumps(s) for s in (50, 51)], [bumps(s) for s in (60, 61, 62)]
    scores = [scorer.score(s, weights) for s, _ in inner]
    threshold = learn_threshold(scores, [t for _, t in inner], config, apex_count)
    spots = [decode(scorer.score(s, weights), config, threshold) for s, _ in test]
    return sum((apex_count(t, e) for (_, t), e in zip(test, spots)), Counts()).f1


@pytest.mark.parametrize("fields", [{}, {"loss": "bce"}, {"label": "apex"}], ids=str)
def test_bumps_are_told_from_noise(recordings, fields):
    scorer = replace(QUICK, epochs=30, **fields)
    weights = scorer.fit([s for s, _ in recordings], [t for _, t in recordings], seed=0)
    assert f1_on_others(scorer, weights) >= 0.9
    assert f1_on_others(Random(), {"seed": np.array(0)}) <= 0.5


def test_scores_approach_the_labels(recordings):
    scorer = replace(QUICK, epochs=30)
    weights = scorer.fit([s for s, _ in recordings], [t for _, t in recordings], seed=0)
    series, truth = bumps(70)
    scores = scorer.score(series, weights).values[:, 0]
    inside = np.zeros(series.n_frames, bool)
    for e in truth:
        inside[e.onset + 2 : e.offset - 1] = True
    assert scores[inside[series.centres]].mean() > 0.5
    assert abs(scores[~inside[series.centres]].mean()) < 0.15


def test_seed_decides_every_bit(recordings, learned):
    series, truth = [s for s, _ in recordings], [t for _, t in recordings]
    torch.manual_seed(99)
    np.random.seed(99)  # noqa: NPY002  the global generators must not matter
    again = QUICK.fit(series, truth, seed=1)
    assert learned.keys() == again.keys()
    for name, value in learned.items():
        assert value.dtype == again[name].dtype
        assert value.tobytes() == again[name].tobytes(), name
    assert not np.array_equal(QUICK.fit(series, truth, seed=2)["w_x"], learned["w_x"])
    dropping = replace(QUICK, dropout=0.3)
    assert np.array_equal(
        dropping.fit(series, truth, seed=1)["w_x"], dropping.fit(series, truth, seed=1)["w_x"]
    )


def test_training_leaves_torch_as_it_was(recordings):
    before = torch.get_num_threads()
    state = torch.get_rng_state()
    QUICK.fit([recordings[0][0]], [recordings[0][1]], seed=0)
    assert torch.get_num_threads() == before
    assert torch.equal(torch.get_rng_state(), state)


def test_the_best_epoch_is_kept(recordings):
    series, truth = [s for s, _ in recordings], [t for _, t in recordings]
    scorer = replace(QUICK, epochs=5)
    seen = []

    def quality(score, values=(0.1, 0.5, 0.3, 0.5, 0.2)):
        seen.append(score(series[0]).values.copy())
        return values[len(seen) - 1]

    weights = scorer.fit(series, truth, 0, quality)
    # Of the equal epochs 2 and 4 the earlier.
    assert int(weights["epoch"]) == 2
    assert len(seen) == 5
    assert not np.allclose(seen[1], seen[4], atol=1e-3)
    # What quality saw at that epoch is what the kept weights, and ONNX Runtime, give.
    assert np.allclose(scorer.score(series[0], weights).values, seen[1], rtol=0, atol=1e-5)
    # Looking on does not change what is learned.
    two = replace(QUICK, epochs=2).fit(series, truth, 0)
    assert np.array_equal(two["w_x"], weights["w_x"])


@pytest.mark.parametrize(
    ("qualities", "every", "kept"),
    [
        ((math.nan, math.nan, math.nan), 1, 3),
        ((math.nan, 0.0, math.nan), 1, 2),
        ((0.2, 0.1), 2, 2),
        ((0.1, 0.2), 2, 3),
    ],
)
def test_epochs_without_a_quality(recordings, qualities, every, kept):
    answers = iter(qualities)
    scorer = replace(QUICK, epochs=3, check_every=every)
    weights = scorer.fit([recordings[0][0]], [recordings[0][1]], 0, lambda _: next(answers))
    assert int(weights["epoch"]) == kept
    assert next(answers, None) is None


def test_without_quality_the_last_epoch(learned):
    assert int(learned["epoch"]) == QUICK.epochs


def test_window_and_radius_follow_the_rate(recordings):
    series, truth = recordings[0]
    fast = replace(series, fps=Fraction(60))
    scorer = replace(QUICK, window=None, window_s=0.5, epochs=1)
    assert int(scorer.fit([series], [truth], 0)["window"]) == 15
    weights = scorer.fit([fast], [truth], 0)
    assert (int(weights["window"]), int(weights["radius"])) == (30, 22)
    assert float(weights["rate"]) == 60


def test_recordings_shorter_than_the_window_are_learned_from(recordings):
    series, truth = recordings[0]
    n = truth[0].offset + 3
    short = replace(series, values=series.values[:n])
    scorer = replace(QUICK, window=n + 20, epochs=60, normalise=("zscore",))
    weights = scorer.fit([short], [truth[:1]], 0)
    scores = scorer.score(short, weights).values[:, 0]
    assert truth[0].onset <= short.centres[np.argmax(scores)] <= truth[0].offset
    # Rows too few for any window, or none, beside others do no harm.
    nothing = replace(series, values=series.values[:0])
    one = replace(series, values=series.values[:1])
    weights = QUICK.fit([nothing, series, one], [[], truth, []], 0)
    assert np.isfinite(weights["w_x"]).all()
    assert QUICK.score(nothing, weights).values.shape == (0, 1)
    assert QUICK.score(one, weights).values.shape == (1, 1)


def test_labels_of_other_kinds_teach_nothing(recordings):
    series, truth = recordings[0]
    macro = [Expression(e.onset, e.apex, e.offset, "macro") for e in truth]
    with pytest.raises(UsageError, match="no row of 1 training recordings has a positive label"):
        QUICK.fit([series], [macro], 0)


def test_refusals(recordings, learned):
    series, truth = recordings[0]
    wide = series.with_values(np.zeros((len(series), 7), np.float32))
    with pytest.raises(UsageError, match=r"different columns: \[6, 7\]"):
        QUICK.fit([series, wide], [truth, truth], 0)
    with pytest.raises(UsageError, match="30 to 60 rows a second"):
        QUICK.fit([series, replace(series, fps=Fraction(60))], [truth, truth], 0)
    with pytest.raises(UsageError, match="no training recording has a row"):
        QUICK.fit([], [], 0)
    with pytest.raises(UsageError, match="learned on rows of 6 columns, this series has 7"):
        QUICK.score(wide, learned)
    with pytest.raises(MespotError, match="of another scorer"):
        QUICK.score(series, {"seed": np.array(1)})
    with pytest.raises(MespotError, match="network cannot be loaded"):
        QUICK.score(series, {**learned, "onnx": np.zeros(9, np.uint8)})
    for fields in (
        {"units": 0},
        {"window": 0},
        {"dropout": 1.0},
        {"learning_rate": 0.0},
        {"epoch_share": 0.0},
    ):
        with pytest.raises(UsageError, match=next(iter(fields))):
            Lstm(**fields)


def test_rates_that_are_one_in_practice_are_one(recordings):
    series, truth = recordings[0]
    ntsc = replace(series, fps=Fraction(30000, 1001))
    assert int(QUICK.fit([series, ntsc], [truth, truth], 0)["window"]) == 14


def test_scoring_needs_no_torch(learned, recordings, tmp_path):
    series, _ = recordings[0]
    np.savez(tmp_path / "weights.npz", **learned)
    np.save(tmp_path / "rows.npy", series.values)
    code = (
        "import sys; sys.modules['torch'] = sys.modules['onnx'] = None\n"
        "from fractions import Fraction\n"
        "import numpy as np\n"
        "from mespot.scorers.lstm import Lstm\n"
        "from mespot.types import FrameSeries\n"
        "rows = np.load('rows.npy')\n"
        f"s = FrameSeries(rows, 0, 1, {series.span}, {series.n_frames}, Fraction(30))\n"
        "np.save('scores.npy', Lstm().score(s, np.load('weights.npz')).values)\n"
        "try:\n"
        "    Lstm().fit([s], [[]], 0)\n"
        "except Exception as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, text=True, check=True,
                          capture_output=True,
                          env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)})  # fmt: skip
    assert np.array_equal(np.load(tmp_path / "scores.npy"), QUICK.score(series, learned).values)
    assert "pip install 'mespot[train]'" in done.stdout


def test_memory_of_scoring_is_that_of_a_piece(learned):
    # 20 minutes at 30 fps: all windows at once would hold 36,000 × 14 × (4 · 20) floats, 160 MB.
    import tracemalloc

    n = 36_000
    series = FrameSeries(np.zeros((n, 6), np.float32), 0, 1, 5, n + 4, Fraction(30))
    pieces = []
    tracemalloc.start()
    QUICK._scores(series, _plain(learned), 14, lambda x: pieces.append(len(x)) or
                  np.zeros((len(x) - 13, 14), np.float32))  # fmt: skip
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert max(pieces) <= 2048 + 13
    assert peak < 5e6


def _plain(weights):
    from mespot.scorers.normalise import Normaliser

    return Normaliser(("difference", "zscore"), 11, weights["mean"], weights["std"])


def test_several_networks_score_the_mean_of_each(recordings):
    series, truth = [s for s, _ in recordings], [t for _, t in recordings]
    together = replace(QUICK, networks=3).fit(series, truth, seed=4)
    assert together["w_h"].shape == (60, 240)
    new, _ = bumps(71)
    alone = [QUICK.score(new, QUICK.fit(series, truth, seed)).values for seed in (4, 5, 6)]
    assert np.ptp(alone, axis=0).max() > 0.01
    assert np.allclose(QUICK.score(new, together).values, np.mean(alone, axis=0), atol=1e-6)


def test_noise_is_drawn_from_the_seed_and_only_in_training(recordings):
    series, truth = [s for s, _ in recordings], [t for _, t in recordings]
    noisy = replace(QUICK, noise=0.5)
    weights, again = noisy.fit(series, truth, seed=1), noisy.fit(series, truth, seed=1)
    plain = QUICK.fit(series, truth, seed=1)
    assert np.array_equal(weights["w_x"], again["w_x"])
    assert not np.array_equal(weights["w_x"], plain["w_x"])
    assert np.array_equal(weights["std"], plain["std"])
    new, _ = bumps(72)
    assert np.array_equal(noisy.score(new, weights).values, noisy.score(new, weights).values)
    with pytest.raises(UsageError, match="noise"):
        Lstm(noise=-0.1)
