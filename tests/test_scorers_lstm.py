"""The LSTM on a shared projection is the LSTM on every window, forward, backward and in ONNX."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mespot import onnx_runtime
from mespot.scorers import lstm_onnx
from mespot.windows import cut, merge_mean

torch = pytest.importorskip("torch", reason="training needs PyTorch")
pytest.importorskip("onnx", reason="training needs onnx")

from mespot.scorers import lstm_torch  # noqa: E402
from mespot.scorers.lstm import Lstm  # noqa: E402
from mespot.scorers.lstm_torch import window_scores  # noqa: E402

CASES = [
    # d, units, M, stride, rows, slices
    (7, 20, 35, 1, 60, 2),
    (7, 5, 6, 1, 20, 3),
    (3, 4, 7, 3, 23, 1),
    (3, 4, 7, 10, 40, 2),
    (5, 3, 9, 5, 9, 2),
    (2, 3, 1, 2, 5, 2),
]


def naive(weights, d, units):
    """torch's own LSTM and dense layer with our weights; its second bias stays 0."""
    lstm, dense = torch.nn.LSTM(d, units, batch_first=True), torch.nn.Linear(units, 1)
    with torch.no_grad():
        lstm.weight_ih_l0.copy_(weights["w_x"].T)
        lstm.weight_hh_l0.copy_(weights["w_h"].T)
        lstm.bias_ih_l0.copy_(weights["b"])
        lstm.bias_hh_l0.zero_()
        dense.weight.copy_(weights["dense_w"].T)
        dense.bias.copy_(weights["dense_b"])
    return lstm, dense


def random_weights(d, units, seed=0):
    rng = np.random.default_rng(seed)
    start = lstm_torch.initial(d, units, rng)
    return {k: torch.from_numpy(v + rng.normal(0, 0.3, v.shape).astype(np.float32)).requires_grad_()
            for k, v in start.items()}  # fmt: skip


@pytest.mark.parametrize(("d", "units", "window", "stride", "n", "slices"), CASES)
def test_values_and_gradients_equal_the_lstm_of_every_window(d, units, window, stride, n, slices):
    weights = random_weights(d, units)
    lstm, dense = naive(weights, d, units)
    rng = np.random.default_rng(1)
    rows = torch.from_numpy(rng.normal(size=(n, slices, d)).astype(np.float32))
    ours = window_scores(rows, weights, window, stride)
    starts = range(0, n - window + 1, stride)
    each = torch.stack([rows[a : a + window, b] for a in starts for b in range(slices)])
    theirs = dense(lstm(each)[0])[..., 0].view(len(starts), slices, window).permute(2, 0, 1)
    assert ours.shape == (window, len(starts), slices)
    assert torch.allclose(ours, theirs, rtol=0, atol=1e-5)
    assert ours.std() > 0.05
    target = torch.from_numpy(rng.normal(size=ours.shape).astype(np.float32))
    ((ours - target) ** 2).mean().backward()
    ((theirs - target) ** 2).mean().backward()
    for name, gradient in {
        "w_x": lstm.weight_ih_l0.grad.T,
        "w_h": lstm.weight_hh_l0.grad.T,
        "b": lstm.bias_ih_l0.grad,
        "dense_w": dense.weight.grad.T,
        "dense_b": dense.bias.grad,
    }.items():
        assert torch.allclose(weights[name].grad, gradient, rtol=0, atol=1e-5), name
        if window > 1 or name != "w_h":
            assert gradient.abs().max() > 1e-3, name


def test_gradient_equals_finite_differences():
    weights = {k: v.detach().double().requires_grad_() for k, v in random_weights(3, 2).items()}
    rows = torch.from_numpy(np.random.default_rng(2).normal(size=(11, 2, 3)))
    names = list(weights)

    def scores(*values):
        return window_scores(rows, dict(zip(names, values)), 4, 3)

    assert torch.autograd.gradcheck(scores, tuple(weights[k] for k in names))


@pytest.mark.parametrize("sigmoid", [False, True])
@pytest.mark.parametrize(("d", "units", "window"), [(7, 20, 35), (3, 4, 2), (3, 4, 1)])
def test_onnx_equals_torch(d, units, window, sigmoid):
    weights = {k: v.detach().numpy() for k, v in random_weights(d, units).items()}
    graph = np.frombuffer(lstm_onnx.lstm_graph(weights, window, sigmoid), np.uint8)
    for n in (window, window + 1, 200):
        rows = np.random.default_rng(n).normal(size=(n, d)).astype(np.float32)
        ours = onnx_runtime.run(graph, rows)
        assert ours.shape == (n - window + 1, window)
        assert np.allclose(
            ours, lstm_torch.run_network(weights, window, sigmoid, rows), rtol=0, atol=1e-5
        )
    assert lstm_onnx.lstm_graph(weights, window, sigmoid) == graph.tobytes()


def test_the_packed_network_is_small():
    weights = {k: v.detach().numpy() for k, v in random_weights(100, 20).items()}
    assert len(lstm_onnx.lstm_graph(weights, 35, False)) < 100_000


def test_scores_are_the_merged_windows_of_the_naive_lstm():
    from scorer_cases import bumps

    series, truth = bumps(0, n=120)
    scorer = Lstm(window=12, epochs=1, normalise=())
    weights = scorer.fit([series], [truth], seed=3)
    lstm, dense = naive({k: torch.from_numpy(weights[k]) for k in
                         ("w_x", "w_h", "b", "dense_w", "dense_b")}, 6, 20)  # fmt: skip
    with torch.no_grad():
        windows = torch.from_numpy(cut(series.values, 12).copy())
        expected = merge_mean(dense(lstm(windows)[0])[..., 0].numpy(), 120)
    assert np.allclose(scorer.score(series, weights).values[:, 0], expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("merge", ["mean", "nms"])
def test_slices_give_what_the_whole_gives(merge, monkeypatch):
    from scorer_cases import bumps

    series, truth = bumps(0)
    weights = Lstm(window=12, epochs=1).fit([series], [truth], seed=0)
    scorer = Lstm(merge=merge)
    whole = scorer.score(series, weights).values
    for at_once in (12, 50):
        monkeypatch.setattr("mespot.scorers.lstm._WINDOWS_AT_ONCE", at_once)
        assert np.allclose(scorer.score(series, weights).values, whole, rtol=0, atol=1e-5)


def test_a_short_recording_scores_as_the_start_of_a_longer_window():
    from scorer_cases import bumps

    series, truth = bumps(0)
    scorer = Lstm(window=30, epochs=1, normalise=("zscore",))
    weights = scorer.fit([series], [truth], seed=0)
    short = replace(series, values=series.values[:8])
    rows = (series.values[:30] - weights["mean"]) / weights["std"]
    expected = onnx_runtime.run(weights["onnx"], rows.astype(np.float32))[0, :8]
    assert np.allclose(scorer.score(short, weights).values[:, 0], expected, rtol=0, atol=1e-5)


def test_keras_start():
    start = lstm_torch.initial(50, 20, np.random.default_rng(0))
    assert np.allclose(start["w_h"] @ start["w_h"].T, np.eye(20), atol=1e-5)
    assert start["b"].tolist() == [0] * 20 + [1] * 20 + [0] * 40
    limit = np.sqrt(6 / (50 + 80))
    assert 0.95 * limit < np.abs(start["w_x"]).max() <= limit
    assert {k: v.shape for k, v in start.items()} == {
        "w_x": (50, 80), "w_h": (20, 80), "b": (80,), "dense_w": (20, 1), "dense_b": (1,),
    }  # fmt: skip


def test_every_training_window_holds_its_own_rows_and_labels():
    # Rows that are their own number let every slice be traced; padded rows count for nothing.
    lengths = [100, 37, 6, 1]
    training_set = lstm_torch.TrainingSet(
        [np.arange(n, dtype=np.float32)[:, None] + 1000 * r for r, n in enumerate(lengths)],
        [np.arange(n, dtype=np.float32) + 1000 * r for r, n in enumerate(lengths)],
    )
    config = Lstm(train_stride=3, batch=40)
    seen = set()
    rng = np.random.default_rng(0)
    for _ in range(12):
        for rows, labels, valid in lstm_torch._batches(config, training_set, 10, rng):
            assert torch.equal(rows[..., 0], labels)
            assert (len(rows) - 10) % 3 == 0
            for b in range(rows.shape[1]):
                real = rows[valid[:, b] > 0, b, 0]
                assert torch.equal(real, torch.arange(len(real)) + real[0])
                recording = int(real[0]) // 1000
                assert int(real[-1]) % 1000 < lengths[recording]
                seen.update(real.int().tolist())
    assert seen == {1000 * r + i for r, n in enumerate(lengths) for i in range(n)}


def test_windows_start_at_every_row_as_epochs_go_by():
    training_set = lstm_torch.TrainingSet(
        [np.arange(500, dtype=np.float32)[:, None]], [np.zeros(500, np.float32)]
    )
    config = Lstm(train_stride=4)
    rng = np.random.default_rng(0)
    starts = set()
    for _ in range(20):
        epoch = [rows[0, :, 0] for rows, _, _ in lstm_torch._batches(config, training_set, 10, rng)]
        starts.add(int(torch.cat(epoch).min()))
    assert starts == {0, 1, 2, 3}


def test_an_epoch_takes_its_share_of_the_slices_other_ones_each_time():
    # Slices of 40 windows: 25 in 1,009 rows, of which a third is 9.
    training_set = lstm_torch.TrainingSet(
        [np.arange(1009, dtype=np.float32)[:, None]], [np.zeros(1009, np.float32)]
    )
    rng = np.random.default_rng(0)
    config = Lstm(train_stride=1, epoch_share=1 / 3, batch=80)
    epochs = []
    for _ in range(30):
        batches = list(lstm_torch._batches(config, training_set, 10, rng))
        epochs.append({int(a) for rows, _, _ in batches for a in rows[0, :, 0]})
    assert {len(e) for e in epochs} == {9}
    assert set.union(*epochs) == set(range(0, 1000, 40))
    assert len({frozenset(e) for e in epochs}) > 1


def test_batches_that_take_turns_in_one_place_are_the_same():
    draw = np.random.default_rng(1)
    rows = [draw.normal(size=(n, 3)).astype(np.float32) for n in (100, 137, 90, 1)]
    training_set = lstm_torch.TrainingSet(rows, [v[:, 0] for v in rows])
    config = Lstm(train_stride=3, batch=10)

    def batches(*room):
        return lstm_torch._batches(config, training_set, 10, np.random.default_rng(0), *room)

    together = batches(lstm_torch._Room())
    held = []
    for plain, shared in zip(batches(), together, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(plain, shared, strict=True))
        held.append(shared[0])
    # All are still held, so that arrays of their own could not stand in one place.
    assert len({rows.data_ptr() for rows in held}) < len(held)


@pytest.mark.parametrize("loss", ["mse", "bce"])
def test_padded_rows_count_for_nothing(loss):
    rng = np.random.default_rng(0)
    weights = random_weights(3, 4)
    config = Lstm(loss=loss, train_stride=1)
    rows = torch.from_numpy(rng.normal(size=(10, 1, 3)).astype(np.float32))
    labels = torch.from_numpy(rng.random((10, 1)).astype(np.float32))
    valid = (torch.arange(10) < 7).float()[:, None]

    def of(tail):
        changed = torch.cat([rows[:7], tail])
        target = torch.cat([labels[:7], tail[:, :, 0].sigmoid()])
        return lstm_torch._loss(config, weights, (changed, target, valid), 7, rng)

    one, other = of(rows[7:]), of(rows[7:] * 5 + 2)
    assert torch.allclose(one, other, atol=1e-7)
    # And the mean is over what is real: 7 + 6 + 5 + 4 of 4 x 7 positions.
    scores = window_scores(rows, weights, 7)[:, :, 0].T
    real = torch.tensor([[w + t < 7 for t in range(7)] for w in range(4)])
    target = labels[:, 0].unfold(0, 7, 1)
    weight = 1 + (config.positive_weight - 1) * target
    if loss == "mse":
        each = (scores - target) ** 2
    else:
        p = scores.sigmoid()
        each = -(target * p.log() + (1 - target) * (1 - p).log())
    assert torch.allclose(one, (weight * each)[real].sum() / 22, atol=1e-5)
