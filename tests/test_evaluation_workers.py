"""Folds in several processes: the same weights, scores and figures as in one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evaluation_cases import CHANCE, QUICK, plan_in, without_faces, without_times
from mespot.evaluation.run import evaluate

pytest.importorskip("torch", reason="training needs PyTorch")
pytest.importorskip("onnx", reason="training needs onnx")
pytest.importorskip("sklearn", reason="one of the scorers learns with scikit-learn")


@pytest.fixture
def described(monkeypatch):
    return without_faces(monkeypatch)


SVM = replace(QUICK, name="svm", scorer={"name": "svm_windows"})


@pytest.mark.parametrize("recipe", [CHANCE, QUICK, SVM], ids=lambda r: r.scorer["name"])
def test_workers_give_what_one_process_gives(tmp_path, described, recipe):
    plan = plan_in(tmp_path, (recipe,), ("default", "paper"))
    alone = evaluate(plan)
    # The rows are in the cache by now: worker processes do not see the toy's own describing.
    spread = evaluate(replace(plan, out=tmp_path / "spread", workers=2))
    assert [without_times(r) for r in alone] == [without_times(r) for r in spread]
