"""The TCN by hand and by a slow loop, and what both networks must do alike."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from mespot import onnx_runtime
from mespot.decoding import Decode, candidates
from mespot.errors import MespotError, UsageError
from mespot_lab.networks import _pieces
from mespot_lab.networks.tcn import Tcn, TcnBuilt
from mespot_lab.networks.transformer import Transformer
from network_cases import kinds

torch = pytest.importorskip("torch", reason="training needs PyTorch")
pytest.importorskip("onnx", reason="training needs onnx")

from mespot_lab.networks import _network_torch, _ops_onnx  # noqa: E402

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
    """Weights that the network starts from, with biases that are not 0."""
    rng = np.random.default_rng(seed)
    built = scorer.built(30.0)
    start = built.initial(d, 3, rng)
    return built, {
        k: (v + rng.normal(0, 0.1, v.shape)).astype(np.float32) for k, v in start.items()
    }


def test_tcn_by_hand():
    built = TcnBuilt(2, (1, 2))
    assert built.reach == 3
    zero = np.zeros(2, np.float32)
    weights = {k: np.zeros_like(v) for k, v in built.initial(2, 1, np.random.default_rng()).items()}
    weights["in_w"] = np.eye(2, dtype=np.float32)
    # Levelled, a row (a, b) with a > b is (1, -1), and (0, 0) stays (0, 0).
    weights["before0_w"] = weights["before1_w"] = zero + 1
    # Tap by tap, first column to first column: 1, 2, 3 one row apart, then 10, 20, 30 two apart.
    for name, taps in (("conv0_w", (1, 2, 3)), ("conv1_w", (10, 20, 30))):
        weights[name][0::2, 0] = taps
    # The last levelling is by-passed: no gain, and a shift that the head hands on.
    weights["level_b"], weights["heads_w"] = zero + 5, np.array([[1], [0]], np.float32)
    x = np.zeros((7, 2), np.float32)
    x[1], x[5] = (4, -4), (1, -1)
    said = _network_torch.run(built, weights, False, x)
    assert said.tolist() == [[5.0]]
    # Now with the levelled rows themselves: after the first layer rows 0 … 4 stand for 1 … 5:
    # row 1: 4 + 2 = 6, rows 2 and 4 see row 1 to the left and row 5 to the right: 1 and 3,
    # row 3: 0, row 5: 1 + 2 = 3. So at row 3: 0 + 10 · 1 + 20 · 0 + 30 · 1 = 40.
    seen = {}

    class Watching(_network_torch.TorchOps):
        def add(self, a, b):
            seen[len(seen)] = (a + b)[0].numpy()
            return a + b

    built.forward(Watching({k: torch.from_numpy(v) for k, v in weights.items()}),
                  torch.from_numpy(x)[None])  # fmt: skip
    assert np.allclose(seen[0][:, 0], [6, 1, 0, 3, 3], atol=1e-3)
    assert np.allclose(seen[1], [[40, 0]], atol=1e-2)


def test_tcn_equals_a_slow_loop():
    built, w = started(Tcn(channels=6, reach_s=0.2))
    assert built.dilations == (1, 2, 4)
    x = np.random.default_rng(3).normal(size=(23, 4)).astype(np.float32)

    def levelled(row, name):
        centred = row - row.mean()
        return centred / np.sqrt((centred**2).mean() + 1e-5) * w[f"{name}_w"] + w[f"{name}_b"]

    rows = {t: x[t] @ w["in_w"] + w["in_b"] for t in range(23)}
    for i, dilation in enumerate(built.dilations):
        after = {}
        for t, row in rows.items():
            if t - dilation in rows and t + dilation in rows:
                total = w[f"conv{i}_b"].astype(np.float64)
                for k, at in enumerate((t - dilation, t, t + dilation)):
                    total = (
                        total
                        + levelled(rows[at], f"before{i}") @ w[f"conv{i}_w"][6 * k : 6 * k + 6]
                    )
                after[t] = row + np.maximum(total, 0)
        rows = after
    wanted = [levelled(row, "level") @ w["heads_w"] + w["heads_b"] for row in rows.values()]
    assert sorted(rows) == list(range(7, 16))
    assert np.allclose(_network_torch.run(built, w, False, x), wanted, rtol=0, atol=1e-4)


@pytest.mark.parametrize("scorer", QUICK.values(), ids=QUICK)
@pytest.mark.parametrize("sigmoid", [False, True])
def test_onnx_is_what_torch_computes_whatever_the_length(scorer, sigmoid):
    networks = [started(scorer, seed=s)[1] for s in range(2)]
    built = scorer.built(30.0)
    graph = np.frombuffer(_ops_onnx.graph(networks, built.forward, 4, sigmoid), np.uint8)
    for n in (1, 2, 77):
        x = np.random.default_rng(n).normal(size=(n + 2 * built.reach, 4)).astype(np.float32)
        mean = np.mean([_network_torch.run(built, w, False, x) for w in networks], axis=0)
        wanted = 1 / (1 + np.exp(-mean)) if sigmoid else mean
        assert np.allclose(onnx_runtime.run(graph, x), wanted, rtol=0, atol=1e-5)
        assert wanted.shape == (n, 3)
    assert np.ptp(mean) > 0.1


def test_later_rows_later_scores(case):
    scorer, weights = case
    series, _ = kinds(50)
    reach = int(weights["reach"])
    later = series.with_values(np.roll(series.values, 11, axis=0))
    scores, moved = (scorer.score(s, weights).values[:, 0] for s in (series, later))
    inside = slice(reach, len(scores) - reach - 11)
    assert np.allclose(moved[11:][inside], scores[inside], rtol=0, atol=1e-5)
    assert np.ptp(scores[inside]) > 0.3


def test_pieces_equal_the_whole(case, monkeypatch):
    scorer, weights = case
    series, _ = kinds(51)
    whole = scorer.heads(series, weights).values
    monkeypatch.setattr(_pieces, "_ROWS_AT_ONCE", 37)
    assert np.allclose(scorer.heads(series, weights).values, whole, rtol=0, atol=1e-5)


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


def test_calibrated_scores_are_in_the_same_order(recordings):
    series, truth = [s for s, _ in recordings], [t for _, t in recordings]
    plain = QUICK["tcn"].fit(series, truth, 1)
    weights = replace(QUICK["tcn"], calibrate=True).fit(series, truth, 1)
    new, expressions = kinds(53)
    raw = QUICK["tcn"].score(new, plain).values[:, 0]
    told = QUICK["tcn"].score(new, weights).values[:, 0]
    assert (np.diff(told[np.argsort(raw)]) >= 0).all()
    inside = np.zeros(len(new), bool)
    for e in expressions:
        inside[e.onset : e.offset + 1] |= e.kind == "micro"
    assert told.mean() == pytest.approx(inside.mean(), abs=0.03)


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
