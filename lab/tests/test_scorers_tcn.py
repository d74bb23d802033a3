"""The TCN by hand and by a slow loop, and what both networks must do alike."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from network_cases import kinds

from mespot import onnx_runtime
from mespot.decoding import Decode, candidates
from mespot.errors import MespotError, UsageError
from mespot_lab.networks import slices
from mespot_lab.networks.tcn import Tcn
from mespot_lab.networks.transformer import Transformer

torch = pytest.importorskip("torch", reason="training needs PyTorch")
pytest.importorskip("onnx", reason="training needs onnx")

from mespot_lab.networks import network_torch  # noqa: E402

QUICK = {
    "tcn": Tcn(channels=12, epochs=16, slice_rows=60, batch=360, noise=0.1, dropout=0.0),
    "transformer": Transformer(
        channels=12, attention_heads=2, epochs=16, slice_rows=60, batch=360, noise=0.1, dropout=0.0
    ),
}


@pytest.fixture(scope="module")
def recordings():
    return [kinds(seed) for seed in range(6)]


@pytest.fixture(scope="module", params=QUICK)
def case(request, recordings):
    scorer = QUICK[request.param]
    return scorer, scorer.fit([s for s, _ in recordings], [t for _, t in recordings], seed=1)


def started(scorer, d=4, seed=0):
    """The network as it starts, with biases that are not 0."""
    module = scorer.module(d, 3, 30.0, seed)
    with torch.no_grad():
        for value in module.parameters():
            noise = module.rng.normal(0, 0.1, value.shape).astype(np.float32)
            value.add_(torch.from_numpy(noise))
    return module


def test_tcn_by_hand():
    module = network_torch.TcnModule(2, 1, 2, (1, 2), 0, 0.0)
    assert module.receptive_field == 3
    with torch.no_grad():
        for value in module.parameters():
            value.zero_()
        module.first.weight.copy_(torch.eye(2))
        # Normalised, a row (a, b) with a > b is (1, -1), and (0, 0) stays (0, 0).
        for norm in module.norms:
            norm.weight.fill_(1)
        # First column to first column, tap by tap: 1, 2, 3 one row apart, 10, 20, 30 two apart.
        for convolution, taps in zip(module.convolutions, ((1, 2, 3), (10, 20, 30))):
            convolution.weight[0, 0] = torch.tensor(taps, dtype=torch.float32)
        # The last layer norm is by-passed: no gain, and a shift that the head hands on.
        module.last_norm.bias.fill_(5)
        module.last.weight.copy_(torch.tensor([[1.0, 0.0]]))
    x = np.zeros((7, 2), np.float32)
    x[1], x[5] = (4, -4), (1, -1)
    seen = []
    module.last_norm.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    module.convolutions[1].register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    assert network_torch.run(module, x).tolist() == [[5.0]]
    # After the first layer rows 0 … 4 stand for 1 … 5. Row 1: 4 + 2 = 6; rows 2 and 4 see row 1 to
    # the left and row 5 to the right: 1 and 3; row 3: 0; row 5: 1 + 2 = 3. The second layer gets
    # them normalised: the sign of the first column. At row 3: 0 + 10 · 1 + 20 · 0 + 30 · 1 = 40.
    assert np.allclose(np.sign(seen[0][0, 0].numpy()), [1, 1, 0, 1, 1], atol=1e-2)
    assert np.allclose(seen[1][0].numpy(), [[40, 0]], atol=1e-2)


def test_tcn_equals_a_slow_loop():
    module = started(Tcn(channels=6, receptive_field_s=0.2))
    assert module.receptive_field == 1 + 2 + 4
    w = {k: v.detach().numpy().astype(np.float64) for k, v in module.named_parameters()}
    x = np.random.default_rng(3).normal(size=(23, 4)).astype(np.float32)

    def normalised(row, name):
        centred = row - row.mean()
        return (
            centred / np.sqrt((centred**2).mean() + 1e-5) * w[f"{name}.weight"] + w[f"{name}.bias"]
        )

    rows = {t: w["first.weight"] @ x[t] + w["first.bias"] for t in range(23)}
    for i, dilation in enumerate((1, 2, 4)):
        after = {}
        for t, row in rows.items():
            if t - dilation in rows and t + dilation in rows:
                total = w[f"convolutions.{i}.bias"].copy()
                for k, at in enumerate((t - dilation, t, t + dilation)):
                    total += w[f"convolutions.{i}.weight"][:, :, k] @ normalised(
                        rows[at], f"norms.{i}"
                    )
                after[t] = row + np.maximum(total, 0)
        rows = after
    wanted = [w["last.weight"] @ normalised(r, "last_norm") + w["last.bias"] for r in rows.values()]
    assert sorted(rows) == list(range(7, 16))
    assert np.allclose(network_torch.run(module, x), wanted, rtol=0, atol=1e-4)


@pytest.mark.parametrize("scorer", QUICK.values(), ids=QUICK)
def test_onnx_is_what_torch_computes_whatever_the_length(scorer):
    modules = [started(scorer, seed=s) for s in range(2)]
    graph = np.frombuffer(network_torch.export(modules, 4), np.uint8)
    reach = modules[0].receptive_field
    for n in (1, 2, 5, 77):
        x = np.random.default_rng(n).normal(size=(n + 2 * reach, 4)).astype(np.float32)
        mean = np.mean([network_torch.run(m, x) for m in modules], axis=0)
        assert np.allclose(onnx_runtime.run(graph, x), mean, rtol=0, atol=1e-5)
        assert mean.shape == (n, 3)
    assert np.ptp(mean) > 0.1


@pytest.mark.parametrize("scorer", QUICK.values(), ids=QUICK)
def test_the_same_weights_give_the_same_file(scorer):
    first, second = (network_torch.export([started(scorer)], 4) for _ in range(2))
    assert first == second
    assert network_torch.export([started(scorer, seed=1)], 4) != first


@pytest.mark.parametrize("name", QUICK)
def test_another_process_exports_the_same_file(name, tmp_path):
    code = (
        "import sys\n"
        "from mespot_lab.networks import network_torch\n"
        "from test_scorers_tcn import QUICK, started\n"
        "sys.stdout.buffer.write(network_torch.export([started(QUICK[sys.argv[1]])], 4))"
    )
    found = [str(Path(__file__).parent), *(path for path in sys.path if path)]
    done = subprocess.run(
        [sys.executable, "-c", code, name],
        capture_output=True, check=False, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(found), "PYTHONHASHSEED": "7"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout == network_torch.export([started(QUICK[name])], 4)


def test_dropout_is_for_learning_alone():
    scorer = replace(QUICK["tcn"], dropout=0.5)
    module = started(scorer)
    x = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    assert np.array_equal(network_torch.run(module, x), network_torch.run(module, x))
    module.train()
    some = [module(torch.from_numpy(x)[None]).detach().numpy() for _ in range(2)]
    assert not np.allclose(*some)


def test_scoring_needs_no_torch(case, tmp_path):
    scorer, weights = case
    series, _ = kinds(50)
    np.savez(tmp_path / "w.npz", allow_pickle=False, **weights)
    np.save(tmp_path / "x.npy", series.values)
    code = (
        "import sys\n"
        "sys.modules['torch'] = None\n"
        "from fractions import Fraction\n"
        "import numpy as np\n"
        "from mespot import registry\n"
        "from mespot.types import FrameSeries\n"
        "folder, name = sys.argv[1:]\n"
        "x = np.load(folder + '/x.npy')\n"
        "series = FrameSeries(x, 0, 1, 1, len(x), Fraction(30))\n"
        "weights = dict(np.load(folder + '/w.npz'))\n"
        "scorer = registry.plugin('scorers', name)()\n"
        "np.save(folder + '/y.npy', scorer.score(series, weights).values)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), scorer.called],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert np.array_equal(np.load(tmp_path / "y.npy"), scorer.score(series, weights).values)


def test_the_same_seed_learns_the_same_to_the_bit(recordings):
    series, truth = [s for s, _ in recordings[:3]], [t for _, t in recordings[:3]]
    scorer = replace(QUICK["transformer"], epochs=2, dropout=0.3, networks=2)
    one, two = (scorer.fit(series, truth, 5) for _ in range(2))
    assert all(one[name].tobytes() == two[name].tobytes() for name in one)


@pytest.mark.parametrize("name", QUICK)
def test_learning_leaves_the_process_as_it_was(recordings, name):
    """Torch's own generator and number of threads belong to the caller."""
    series, truth = recordings[0]
    scorer = replace(QUICK[name], epochs=1, dropout=0.3)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    scorer.fit([series], [truth], 0)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads


def test_epochs_of_checkpoints():
    scorer = Tcn(epochs=5, check_every=2, networks=2)
    assert [scorer.epoch_of(k) for k in range(1, 7)] == [2, 4, 5, 2, 4, 5]


def test_later_rows_later_scores(case):
    scorer, weights = case
    series, _ = kinds(50)
    reach = int(weights["receptive_field"])
    later = series.with_values(np.roll(series.values, 11, axis=0))
    scores, moved = (scorer.score(s, weights).values[:, 0] for s in (series, later))
    inside = slice(reach, len(scores) - reach - 11)
    assert np.allclose(moved[11:][inside], scores[inside], rtol=0, atol=1e-5)
    assert np.ptp(scores[inside]) > 0.3


def test_pieces_equal_the_whole(case, monkeypatch):
    scorer, weights = case
    series, _ = kinds(51)
    whole = scorer.heads(series, weights).values
    monkeypatch.setattr(slices, "_ROWS_AT_ONCE", 37)
    assert np.allclose(scorer.heads(series, weights).values, whole, rtol=0, atol=1e-6)


def test_heads_tell_the_kinds_apart(case):
    """Movements differ in length alone: each head is highest within its own kind."""
    scorer, weights = case
    levels = {
        (head, kind): [] for head in ("micro", "macro") for kind in ("micro", "macro", "rest")
    }
    for seed in (60, 61, 62):
        series, truth = kinds(seed)
        said = scorer.heads(series, weights)
        assert said.names == ("micro", "macro", "blink")
        rest = np.ones(len(series), bool)
        for e in truth:
            rest[max(e.onset - 12, 0) : e.offset + 13] = False
        for i, head in enumerate(("micro", "macro")):
            levels[head, "rest"].append(said.values[rest, i].mean())
            for e in truth:
                if e.kind in ("micro", "macro"):
                    levels[head, e.kind].append(said.values[e.apex - 2 : e.apex + 3, i].mean())
    mean = {k: np.mean(v) for k, v in levels.items()}
    assert mean["micro", "micro"] > 0.5
    assert max(mean["micro", "macro"], abs(mean["micro", "rest"])) < 0.35
    assert mean["macro", "macro"] > 0.5
    assert max(mean["macro", "micro"], abs(mean["macro", "rest"])) < 0.35


def test_the_highest_peaks_are_the_micro_expressions(case):
    scorer, weights = case
    hits = 0
    for seed in range(70, 75):
        series, truth = kinds(seed)
        peaks = candidates(scorer.score(series, weights), Decode(nms_s=0.3))
        highest = sorted(peaks, key=lambda e: -(e.score or 0))[:2]
        micro = [e for e in truth if e.kind == "micro"]
        hits += sum(any(m.onset <= p.apex <= m.offset for p in highest) for m in micro)
    assert hits >= 8


def test_what_the_judge_sees_is_what_is_kept(recordings):
    series, truth = [s for s, _ in recordings[:3]], [t for _, t in recordings[:3]]
    scorer, seen = replace(QUICK["tcn"], epochs=4, check_every=1), []

    def quality(score, values=(0.1, 0.5, 0.5, 0.2)):
        seen.append(score(series[0]).values.copy())
        return values[len(seen) - 1]

    weights = scorer.fit(series, truth, 0, quality)
    assert (int(weights["epoch"]), len(seen)) == (2, 4)
    assert np.allclose(scorer.score(series[0], weights).values, seen[1], rtol=0, atol=1e-5)
    assert not np.allclose(seen[1], seen[3], atol=1e-3)


@pytest.mark.parametrize("name", QUICK)
def test_a_judge_changes_nothing_of_what_is_learned(recordings, name):
    """Judging switches dropout off and must leave it on after; nothing random may be drawn."""
    series, truth = [s for s, _ in recordings[:3]], [t for _, t in recordings[:3]]
    scorer, later = replace(QUICK[name], epochs=4, check_every=1, dropout=0.4), count()
    judged = scorer.fit(series, truth, 0, lambda score: score(series[0]).n_frames + next(later))
    alone = scorer.fit(series, truth, 0)
    assert int(judged["epoch"]) == 4
    assert all(judged[name].tobytes() == alone[name].tobytes() for name in alone)
    without = replace(scorer, dropout=0.0).fit(series, truth, 0)
    assert without["onnx"].tobytes() != alone["onnx"].tobytes()


@pytest.mark.parametrize("name", QUICK)
def test_each_of_several_networks_keeps_its_own_best_epoch(recordings, name):
    series, truth = [s for s, _ in recordings[:3]], [t for _, t in recordings[:3]]
    scorer, seen = replace(QUICK[name], epochs=3, check_every=2, networks=2, dropout=0.3), []

    def quality(score, values=(0.1, 0.9, 0.8, 0.1)):
        seen.append(score(series[0]).values.copy())
        return values[len(seen) - 1]

    weights = scorer.fit(series, truth, 0, quality)
    assert [scorer.epoch_of(k + 1) for k in range(len(seen))] == [2, 3, 2, 3]
    assert int(weights["epoch"]) == 3
    mean = (seen[1] + seen[2]) / 2
    assert np.allclose(scorer.score(series[0], weights).values, mean, rtol=0, atol=1e-5)
    # The second network is the one that a single network learns from the next seed.
    alone = replace(scorer, networks=1, epochs=3).fit(series, truth, 1, lambda score: 0.0)
    assert np.allclose(scorer.score(series[0], alone).values, seen[2], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("values", "epoch"),
    [((float("nan"), 0.3, 0.3, 0.2), 2), ((0.3, float("nan"), 0.1, 0.1), 1)],
)
def test_a_number_is_better_than_nothing_to_judge_by(recordings, values, epoch):
    series, truth = recordings[0]
    left = iter(values)
    scorer = replace(QUICK["tcn"], epochs=4, check_every=1)
    assert int(scorer.fit([series], [truth], 0, lambda score: next(left))["epoch"]) == epoch


def test_rows_at_twice_the_rate_score_alike(case):
    scorer, weights = case
    series, _ = kinds(52)
    values = np.repeat(series.values, 2, axis=0)
    fast = replace(series, values=values, n_frames=2 * series.n_frames, fps=Fraction(60))
    scores = scorer.score(series, weights).values[:, 0]
    back = scorer.score(fast, weights).values[::2, 0]
    # Not the same: of more rows each is first averaged with its neighbours.
    assert np.corrcoef(back, scores)[0, 1] > 0.9
    assert np.corrcoef(back[6:], scores[:-6])[0, 1] < 0.6


def test_other_kinds_alone_teach_nothing(recordings):
    series, truth = recordings[0]
    with pytest.raises(UsageError, match="scorer tcn: no row of 1 training"):
        QUICK["tcn"].fit([series], [[e for e in truth if e.kind != "micro"]], 0)


def test_refusals(case):
    scorer, weights = case
    series, _ = kinds(0)
    with pytest.raises(UsageError, match="learned on rows of 5 columns, this series has 4"):
        scorer.score(series.with_values(series.values[:, :4]), weights)
    with pytest.raises(MespotError, match="of another scorer"):
        scorer.score(series, {"seed": np.array(1)})
    for fields in ({"channels": 0}, {"dropout": 1.0}, {"noise": -1.0}, {"hard_weight": 0.0}):
        with pytest.raises(UsageError, match=next(iter(fields))):
            replace(scorer, **fields)
