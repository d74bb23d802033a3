"""The transformer's attention, as it learns and as it scores, by hand and by a slow loop."""

from __future__ import annotations

import numpy as np
import pytest

from mespot.errors import UsageError
from mespot_lab.networks.transformer import Transformer

torch = pytest.importorskip("torch", reason="training needs PyTorch")

from mespot_lab.networks.network_torch import (  # noqa: E402
    AttentionLayer,
    attention,
    attention_of_all_pairs,
)

both_forms = pytest.mark.parametrize("form", [attention, attention_of_all_pairs])


def attended(form, query, key, value, places):
    tensors = [torch.from_numpy(x.astype(np.float32))[None] for x in (query, key, value)]
    return form(*tensors, torch.from_numpy(places.astype(np.float32)))[0].numpy()


@both_forms
def test_without_a_question_the_mean_of_the_window(form):
    value = np.array([[3.0], [6.0], [9.0], [30.0]])
    got = attended(form, np.zeros((2, 1)), np.ones((4, 1)), value, np.ones((1, 1, 3)))
    assert np.allclose(got[:, 0], [6, 15])


@both_forms
def test_a_place_is_found_by_where_it_stands(form):
    value = np.arange(6.0)[:, None]
    places = np.array([[[0.0, 0.0, 50.0]]])
    # The question is the same everywhere; only the last place of the window answers it.
    got = attended(form, np.ones((4, 1)), np.zeros((6, 1)), value, places)
    assert np.allclose(got[:, 0], [2, 3, 4, 5])


@both_forms
def test_attention_equals_a_slow_loop(form):
    rng = np.random.default_rng(0)
    heads, size, width, n = 2, 3, 5, 9
    query, places = rng.normal(size=(n, 6)), rng.normal(size=(heads, size, width))
    key, value = rng.normal(size=(2, n + width - 1, 6))
    wanted = np.zeros((n, 6))
    for i in range(n):
        for h in range(heads):
            cols = slice(h * size, (h + 1) * size)
            level = np.array(
                [
                    query[i, cols] @ (key[i + r, cols] + places[h, :, r]) / np.sqrt(size)
                    for r in range(width)
                ]
            )
            share = np.exp(level) / np.exp(level).sum()
            wanted[i, cols] = sum(s * value[i + r, cols] for r, s in enumerate(share))
    assert np.allclose(attended(form, query, key, value, places), wanted, atol=1e-5)


@pytest.mark.parametrize(("n", "half"), [(1, 1), (3, 8), (40, 9)])
def test_a_layer_learns_and_scores_with_the_same_attention(n, half):
    module = Transformer(layers=1, dropout=0.0).module(4, 1, 30.0, 0)
    place = np.random.default_rng(1).normal(size=(4, 8, 2 * half + 1)).astype(np.float32)
    layer = AttentionLayer(module, 32, 4, place)
    x = torch.from_numpy(np.random.default_rng(2).normal(size=(2, n + 2 * half, 32)).astype("f4"))
    outputs, slopes = [], []
    for learning in (True, False):
        layer.train(learning)
        layer.zero_grad()
        out = layer.attend(x, half)
        (out**2).sum().backward()
        outputs.append(out.detach())
        slopes.append(
            torch.cat([p.grad.flatten() for p in layer.parameters() if p.grad is not None])
        )
    assert torch.allclose(*outputs, atol=1e-5)
    assert torch.allclose(*slopes, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize(
    ("layers", "window_s", "rate", "wanted"),
    [(2, 0.6, 30.0, 18), (3, 0.6, 60.0, 54), (1, 0.01, 30.0, 1)],
)
def test_lengths_follow_the_rate(layers, window_s, rate, wanted):
    scorer = Transformer(layers=layers, window_s=window_s)
    assert scorer.module(4, 1, rate, 0).receptive_field == wanted


def test_heads_must_divide_the_channels():
    with pytest.raises(UsageError, match="attention_heads = 5: must be a divisor of channels"):
        Transformer(attention_heads=5)
