"""What a run tells of the cost of scoring."""

from __future__ import annotations

import pytest

from evaluation_cases import CHANCE, plan_in
from mespot.evaluation.run import evaluate


def test_a_fold_tells_what_scoring_took(tmp_path):
    plan = plan_in(tmp_path, (CHANCE,), ("default", "paper"))
    inside, paper = evaluate(plan)
    frames = {r.subject: 0 for r in plan.recordings}
    for r in plan.recordings:
        frames[r.subject] += r.n_frames
    for fold in inside["folds"]:
        assert fold["cost"]["frames"] == frames[fold["fold"]]
        assert fold["cost"]["seconds"] > 0
        # Chance keeps two numbers of eight bytes.
        assert fold["cost"]["weights_bytes"] == 16
    speeds = sorted(f["cost"]["frames"] / f["cost"]["seconds"] for f in inside["folds"])
    assert len(speeds) == 4
    assert inside["scoring_frames_per_s"] == pytest.approx((speeds[1] + speeds[2]) / 2)
    # The best epoch on the test subject is not kept, so that there is nothing to time or weigh.
    assert paper["scoring_frames_per_s"] is None
    assert paper["weights_bytes"] is None
