"""Folds with the lab's scorers: what a checkpoint is, and the same figures from several workers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evaluation_cases import LSTM, QUICK, RECIPE, plan_in, samples, without_times
from mespot.evaluation.fold import run_fold
from mespot.evaluation.run import evaluate
from mespot.protocol import learn, leave_one_subject_out
from mespot_lab.networks.fusion import Fusion
from mespot_lab.rivals.svm_windows import SvmWindows

pytest.importorskip("torch", reason="training needs PyTorch")
pytest.importorskip("onnx", reason="training needs onnx")
pytest.importorskip("sklearn", reason="svm_windows needs scikit-learn")

SVM = SvmWindows(window_s=0.4, scales=(1.0,), c_choices=(1e-6, 1e-3, 0.1))
MEMBER = replace(LSTM, epochs=3)


@pytest.mark.parametrize(
    ("scorer", "checkpoints", "epochs"),
    [(SVM, 3, {-1}), (Fusion(members=(MEMBER, MEMBER)), 6, {1, 2, 3})],
    ids=["svm", "fusion"],
)
def test_a_checkpoint_is_no_epoch_where_the_scorer_has_none(tmp_path, scorer, checkpoints, epochs):
    """The SVM offers its C, the fusion both members' epochs, one after the other."""
    data = samples(tmp_path)
    fold = leave_one_subject_out(list(data.values()))[0]
    recipe = replace(RECIPE, scorer=scorer)
    seen = []
    learn(recipe, [data[name] for name in fold.train], watch=seen.append)
    assert len(seen) == checkpoints
    inside, paper = run_fold(recipe, data, fold)
    assert paper.provenance["epoch"] == -1
    assert 1 <= paper.provenance["checkpoint"] <= checkpoints
    assert inside.provenance["checkpoint"] is None
    assert inside.provenance["epoch"] in epochs


def test_workers_give_what_one_process_gives(tmp_path):
    svm = replace(QUICK, name="svm", scorer=SvmWindows())
    plan = plan_in(tmp_path, (svm,), ("default", "paper"))
    alone = evaluate(plan)
    spread = evaluate(replace(plan, out=tmp_path / "spread", workers=2))
    assert [without_times(r) for r in alone] == [without_times(r) for r in spread]
