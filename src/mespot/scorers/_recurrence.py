"""The LSTM over all windows at once, forward and backward by hand, on a shared projection.

M-fold overlapping windows share their rows, and the input projection x · W depends on the row
alone. So every row is projected once, and at step t all windows read their row t from the
projection as one contiguous slice; backward, the same slices collect the gradient. Layout: gates
(4K) first, columns second, so that a slice is long contiguous rows. Values and gradients equal
those of ``torch.nn.LSTM`` run on every window by itself (tested).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def phases(projection: Tensor, stride: int) -> Tensor:
    """Projected rows (S, B, 4K) -> (4K, stride, S / stride · B): rows of one phase lie together.

    With windows every ``stride`` rows, step t reads rows t, t + stride, ...: all of one phase.
    S must be a multiple of ``stride``.
    """
    s, b, k4 = projection.shape
    shaped = projection.view(s // stride, stride, b, k4)
    return shaped.permute(3, 1, 0, 2).reshape(k4, stride, -1)


class Recurrence(torch.autograd.Function):
    """Hidden states of all windows at all M positions, (M, K, N), from the phased projection.

    Arguments: ``p`` (4K, stride, Q) from :func:`phases`, ``w`` (K, 4K) recurrent weights, gates in
    the order input, forget, cell, output; ``window`` M; ``batch`` B. N = windows per slice · B, the
    slice's number coming last.
    """

    @staticmethod
    def forward(ctx: Any, p: Tensor, w: Tensor, window: int, batch: int) -> Tensor:
        k4, stride, q = p.shape
        k = k4 // 4
        n = q - (window - 1) // stride * batch
        gates = p.new_empty(window, k4, n)
        cells, tanhs, hidden = (p.new_empty(window, k, n) for _ in range(3))
        wt = w.t().contiguous()
        for t in range(window):
            g = gates[t]
            at = _columns(t, stride, n, batch)
            if t:
                torch.addmm(p[:, t % stride, at], wt, hidden[t - 1], out=g)
            else:
                g.copy_(p[:, 0, at])
            g[: 2 * k].sigmoid_()
            g[2 * k : 3 * k].tanh_()
            g[3 * k :].sigmoid_()
            torch.mul(g[:k], g[2 * k : 3 * k], out=cells[t])
            if t:
                cells[t].addcmul_(g[k : 2 * k], cells[t - 1])
            torch.tanh(cells[t], out=tanhs[t])
            torch.mul(g[3 * k :], tanhs[t], out=hidden[t])
        ctx.save_for_backward(w.contiguous(), gates, cells, tanhs, hidden)
        ctx.shape = (p.shape, window, batch)
        return hidden

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None, None]:
        w, gates, cells, tanhs, hidden = ctx.saved_tensors
        shape, window, batch = ctx.shape
        k, n = hidden.shape[1:]
        grad_p = gates.new_zeros(shape)
        grad_w = torch.zeros_like(w)
        # d sigma = s (1 - s), d tanh = 1 - s^2, for all steps at once.
        slopes = gates * (1 - gates)
        u = gates[:, 2 * k : 3 * k]
        slopes[:, 2 * k : 3 * k] = 1 - u * u
        tanh_slopes = gates[:, 3 * k :] * (1 - tanhs * tanhs)
        grad_g = gates.new_empty(4 * k, n)
        grad_c = gates.new_zeros(k, n)
        grad_h = grads[0][window - 1].clone()
        for t in range(window - 1, -1, -1):
            g = gates[t]
            grad_c.addcmul_(grad_h, tanh_slopes[t])
            torch.mul(grad_c, g[2 * k : 3 * k], out=grad_g[:k])
            if t:
                torch.mul(grad_c, cells[t - 1], out=grad_g[k : 2 * k])
            else:
                grad_g[k : 2 * k] = 0
            torch.mul(grad_c, g[:k], out=grad_g[2 * k : 3 * k])
            torch.mul(grad_h, tanhs[t], out=grad_g[3 * k :])
            grad_g *= slopes[t]
            grad_p[:, t % shape[1], _columns(t, shape[1], n, batch)] += grad_g
            if t:
                grad_w.addmm_(hidden[t - 1], grad_g.t())
                torch.addmm(grads[0][t - 1], w, grad_g, out=grad_h)
                grad_c *= g[k : 2 * k]
        return grad_p, grad_w, None, None


def _columns(t: int, stride: int, n: int, batch: int) -> slice:
    """Where step t of all windows lies within its phase."""
    start = t // stride * batch
    return slice(start, start + n)


def window_scores(rows: Tensor, weights: dict[str, Tensor], window: int, stride: int = 1) -> Tensor:
    """Linear scores of all windows of B slices: rows (S, B, d) -> (M, windows, B).

    ``weights``: w_x (d, 4K), w_h (K, 4K), b (4K,), dense_w (K, 1), dense_b (1,), and, where hidden
    units are to be dropped, keep (M, K, N) to multiply them with.
    """
    s, b, d = rows.shape
    count = 1 + (s - window) // stride
    length = -(-((count - 1) * stride + window) // stride) * stride
    projection = torch.addmm(weights["b"], rows.reshape(s * b, d), weights["w_x"]).view(s, b, -1)
    if length > s:
        projection = torch.nn.functional.pad(projection, (0, 0, 0, 0, 0, length - s))
    p = phases(projection[:length], stride)
    hidden = Recurrence.apply(p, weights["w_h"], window, b)
    if "keep" in weights:
        hidden = hidden * weights["keep"]
    scores = torch.matmul(weights["dense_w"].t(), hidden)[:, 0] + weights["dense_b"]
    return scores[:, : count * b].reshape(window, count, b)
