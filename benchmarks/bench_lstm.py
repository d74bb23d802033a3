"""How much the shared projection saves: seconds per training epoch and per scored row.

Prints a table for the row widths of the descriptors (region flow, HOG-/HIGO-TOP, LBP-TOP): training
by the shared projection and window by window (naive), at several training strides, one thread; then
scoring with ONNX Runtime. The naive form is timed on a slice and scaled by the number of windows,
and gives the same values to 1e-5 (checked here too).

    python benchmarks/bench_lstm.py [--rows 40000] [--quick]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from mespot import onnx_runtime
from mespot.scorers import lstm_onnx, lstm_torch
from mespot.scorers.lstm import Lstm
from mespot.scorers.lstm_torch import window_scores

WINDOW = 36
WIDTHS = {"region flow": 396, "HOG-/HIGO-TOP": 1536, "LBP-TOP": 11328}


def seconds(work: Callable[[], object], repeat: int = 2) -> float:
    """Shortest time of a few runs: other work on the machine only ever adds."""
    best = float("inf")
    for _ in range(repeat):
        begin = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - begin)
    return best


def naive_per_window(d: int, n_windows: int) -> float:
    """Seconds per window, forward and backward, of torch.nn.LSTM on the windows themselves."""
    lstm, dense = torch.nn.LSTM(d, 20, batch_first=True), torch.nn.Linear(20, 1)
    rows = torch.randn(n_windows + WINDOW - 1, d)
    windows = rows.unfold(0, WINDOW, 1).transpose(1, 2)

    def step() -> None:
        (dense(lstm(windows.contiguous())[0]) ** 2).mean().backward()

    return seconds(step) / n_windows


def equal_to_naive(d: int = 30, n: int = 80) -> float:
    """Largest difference of scores between the shared projection and torch.nn.LSTM."""
    start = lstm_torch.initial(d, 20, np.random.default_rng(0))
    weights = {k: torch.from_numpy(v) for k, v in start.items()}
    lstm = torch.nn.LSTM(d, 20, batch_first=True)
    rows = torch.randn(n, d)
    with torch.no_grad():
        lstm.weight_ih_l0.copy_(weights["w_x"].T)
        lstm.weight_hh_l0.copy_(weights["w_h"].T)
        lstm.bias_ih_l0.copy_(weights["b"])
        lstm.bias_hh_l0.zero_()
        hidden = lstm(rows.unfold(0, WINDOW, 1).transpose(1, 2))[0]
        theirs = (hidden @ weights["dense_w"])[..., 0].T
        ours = window_scores(rows[:, None], weights, WINDOW)[:, :, 0]
    return float((ours - theirs).abs().max())


def material(d: int, rows: int) -> lstm_torch.TrainingSet:
    """Recordings of 900 rows (30 s) with a positive row here and there."""
    rng = np.random.default_rng(0)
    block = rng.standard_normal((900, d)).astype(np.float32)
    labels = (rng.random(900) < 0.05).astype(np.float32)
    n = max(1, rows // 900)
    return lstm_torch.TrainingSet([block] * n, [labels] * n)


def scoring(d: int) -> float:
    """Seconds per row of a 10-minute recording at 30 frames per second, in slices."""
    start = lstm_torch.initial(d, 20, np.random.default_rng(0))
    graph = np.frombuffer(lstm_onnx.lstm_graph(start, WINDOW, False), np.uint8)
    rows: NDArray[np.float32] = np.zeros((2048 + WINDOW - 1, d), np.float32)
    onnx_runtime.run(graph, rows)
    return seconds(lambda: onnx_runtime.run(graph, rows), 3) / len(rows)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=40_000)
    parser.add_argument("--quick", action="store_true", help="an eighth of the rows, scaled up")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = options.rows // 8 if options.quick else options.rows
    factor = options.rows / (max(1, rows // 900) * 900)
    # The first gradient step of a process loads a good part of torch.
    lstm_torch.train_network(Lstm(epochs=1), material(4, 900), WINDOW, 0, None)
    print(f"shared = naive to {equal_to_naive():.1e}")
    print(f"{options.rows} rows, M = {WINDOW}, K = 20, one thread; seconds per epoch")
    print(f"{'descriptor':14} {'d':>6} {'stride':>6} {'shared':>8} {'naive':>8} {'factor':>7}")
    for name, d in WIDTHS.items():
        data = material(d, rows)
        naive = naive_per_window(d, 128 if d < 5000 else 32)
        for stride in (1, 5, 10):
            config = replace(Lstm(), train_stride=stride, epochs=1)
            run = seconds(
                lambda c=config, m=data: lstm_torch.train_network(c, m, WINDOW, 0, None), 1
            )
            ours, theirs = run * factor, naive * options.rows / stride
            print(f"{name:14} {d:6} {stride:6} {ours:8.2f} {theirs:8.2f} {theirs / ours:7.1f}",
                  flush=True)  # fmt: skip
    for name, d in WIDTHS.items():
        each = scoring(d)
        print(f"scoring {name:14} {each * 1e6:6.1f} us/row, 10 min at 30 fps {each * 18000:.2f} s")


if __name__ == "__main__":
    main()
