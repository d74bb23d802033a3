"""What twin.json tells a loader: the same ids, numbers of frames and counts as the loader finds."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from mespot import registry
from mespot.files import write_text
from mespot.inspection import counts_of
from mespot.types import Expression
from mespot_lab import sheets
from mespot_lab.sheets import marker_of
from mespot_lab.twins import make_request, make_work, truth_of
from mespot_lab.twins.request import marker
from synthetic_face import blank_images, card

FACES = [card(i, 40.0) for i in range(3)]
# Small enough that the images can be there, though nothing is drawn.
SCALE = {"smic_vis_e": 0.1, "smic_hs_e": 0.1, "casme_ii": 0.05, "samm_lv": 0.003}


def undrawn(name, root, scale):
    """A twin whose images are not drawn, and what its marker says."""
    work = make_work(make_request(name, scale), FACES)
    truth = work.plan.module.write_sheet(root, work.plan.recordings)
    told = json.loads(json.dumps(marker(work, FACES, truth)))
    write_text(root / "twin.json", json.dumps(told))
    blank_images(root, work.plan.module, work.plan.recordings)
    return told


@pytest.mark.parametrize("name", sheets.NAMES)
def test_ids_frames_and_counts_are_those_that_the_loader_finds(name, tmp_path):
    told = undrawn(name, tmp_path, SCALE.get(name, 0.002))
    found = registry.plugin("datasets", name)().load(tmp_path)
    assert told["n_frames"] == {r.id: r.n_frames for r in found}
    assert told["counts"] == counts_of(found)
    assert ("counts_by_labels" in told) == (name == "casme_cubed")


def test_the_smaller_label_set_is_that_of_the_loader(tmp_path):
    told = undrawn("casme_cubed", tmp_path, 0.02)
    every, short = told["counts"], told["counts_by_labels"]["short"]
    found = counts_of(registry.plugin("datasets", "casme_cubed")(labels="short").load(tmp_path))
    others = found.pop("other")
    assert short == found
    assert short.keys() == every.keys()
    assert 0 < short["micro"] < every["micro"]
    assert every["micro"] - short["micro"] == others


def test_half_a_second_is_fifteen_frames():
    module = sheets.sheet_module("casme_cubed")
    events = [Expression(10, 12, 24, "micro"), Expression(40, 45, 55, "micro"),
              Expression(70, 75, 99, "macro")]  # fmt: skip
    plan = [module.planned(0, 0, 120, events)]
    facts = marker_of("casme-cubed", [*plan, replace(plan[0], name="b", expressions=())])
    assert facts == {
        "twin_of": "casme-cubed",
        "counts": {"recordings": 2, "subjects": 1, "micro": 2, "macro": 1},
        "counts_by_labels": {"short": {"recordings": 2, "subjects": 1, "micro": 1, "macro": 1}},
        "n_frames": {"spNO.1_a": 120, "b": 120},
    }


def test_the_truth_needs_no_folder():
    work = make_work(make_request("casme-sq", 0.01), FACES)
    assert len(truth_of(work)) == len(work.tasks)
