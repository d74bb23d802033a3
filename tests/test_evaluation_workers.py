"""Recordings and folds in several processes: the same rows, weights and figures as in one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evaluation_cases import CHANCE, QUICK, READ, plan_in, without_times
from mespot.evaluation.run import evaluate

pytest.importorskip("torch", reason="training needs PyTorch")
pytest.importorskip("onnx", reason="training needs onnx")


@pytest.mark.parametrize("recipe", [CHANCE, QUICK], ids=lambda r: r.name)
def test_workers_give_what_one_process_gives(tmp_path, recipe):
    plan = plan_in(tmp_path, (recipe,), ("default", "paper"))
    alone = evaluate(plan)
    READ.clear()
    other = tmp_path / "other"
    spread = evaluate(replace(plan, out=tmp_path / "spread", cache=(other, None), workers=2))
    assert [without_times(r) for r in alone] == [without_times(r) for r in spread]
    # With a cache of its own it described anew, and not in this process.
    assert READ == []
    assert other.is_dir()
