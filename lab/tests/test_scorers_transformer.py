"""The transformer's attention by hand and by a slow loop."""

from __future__ import annotations

import numpy as np
import pytest

from mespot.errors import UsageError
from mespot_lab.networks.transformer import Transformer

torch = pytest.importorskip("torch", reason="training needs PyTorch")

from mespot_lab.networks.network_torch import attention  # noqa: E402


def attended(query, key, value, places):
    tensors = [torch.from_numpy(x.astype(np.float32))[None] for x in (query, key, value)]
    return attention(*tensors, torch.from_numpy(places.astype(np.float32)))[0].numpy()


def test_without_a_question_the_mean_of_the_window():
    value = np.array([[3.0], [6.0], [9.0], [30.0]])
    got = attended(np.zeros((2, 1)), np.ones((4, 1)), value, np.ones((1, 1, 3)))
    assert np.allclose(got[:, 0], [6, 15])


def test_a_place_is_found_by_where_it_stands():
    value = np.arange(6.0)[:, None]
    places = np.array([[[0.0, 0.0, 50.0]]])
    # The question is the same everywhere; only the last place of the window answers it.
    got = attended(np.ones((4, 1)), np.zeros((6, 1)), value, places)
    assert np.allclose(got[:, 0], [2, 3, 4, 5])


def test_attention_equals_a_slow_loop():
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
    assert np.allclose(attended(query, key, value, places), wanted, atol=1e-5)


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
