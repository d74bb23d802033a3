"""Sheets written for synthetic recordings: the loader finds again what the writer says it must."""

from __future__ import annotations

import random
import sys
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mespot import registry
from mespot.errors import MespotError, UnreadableInput
from mespot.types import Expression
from mespot_lab import sheets
from synthetic_face import blank_images

KINDS = {
    "smic_vis_e": ("micro",), "smic_hs_e": ("micro",), "casme_ii": ("micro",),
    "casme_sq": ("micro", "macro"), "samm_lv": ("micro", "macro"),
    "casme_cubed": ("micro", "macro", "blink"),
}  # fmt: skip
# Codes that a plan of this size meets with all oddities in it.
MET = {
    "smic_vis_e": {"second-me-first", "duplicate-row", "text-row", "non-micro-sheet"},
    "smic_hs_e": {"first-missing", "third-me-garbage", "second-me-first", "duplicate-row",
                  "text-row", "non-micro-sheet"},
    "casme_sq": {"offset-zero", "apex-zero", "offset-before-apex", "leading-zero",
                 "subject-order", "no-rows"},
    "samm_lv": {"fractional-frame", "apex-minus-one", "whole-recording", "past-end",
                "other-padding", "no-rows"},
    "casme_cubed": {"offset-before-onset", "micro-too-long", "filename-case", "first-image",
                    "no-rows"},
    "casme_ii": {"apex-slash", "first-image"},
}  # fmt: skip


def plan_of(name, seed, subjects=4, recordings=3, n_frames=150):
    """Random expressions that do not touch; one recording without any, if the set has such."""
    module, rng = sheets.sheet_module(name), random.Random(seed)
    plan = []
    for subject in range(subjects):
        for recording in range(recordings):
            found, at = [], rng.randint(2, 9)
            most = {"smic_vis_e": 2, "smic_hs_e": 3, "casme_ii": 1}.get(name, 4)
            idle = (subject, recording) == (0, 2) and name != "casme_ii"
            for _ in range(0 if idle else rng.randint(1, most)):
                length = rng.randint(8, 15)
                kind = rng.choice(KINDS[name])
                found.append(Expression(at, at + rng.randint(1, length - 1), at + length, kind))
                at += length + rng.randint(4, 15)
            plan.append(module.planned(subject, recording, n_frames, found))
    return plan


def frames(expressions):
    return [(e.onset, e.apex, e.offset, e.kind) for e in expressions]


@pytest.mark.parametrize("name", sheets.NAMES)
def test_a_whole_twin_is_read_back_and_all_oddities_met(tmp_path, name):
    module, plan = sheets.sheet_module(name), plan_of(name, 3)
    blank_images(tmp_path, module, plan)
    truth = module.write_sheet(tmp_path, plan, True)
    sheets.write_marker(tmp_path, name, truth)
    dataset = registry.plugin("datasets", name)()
    found = dataset.load(tmp_path)
    assert {r.id: frames(r.expressions) for r in found} == {
        r.name: frames(r.expressions) for r in truth
    }
    assert {(r.id, r.subject, r.n_frames) for r in found} == {
        (r.name, r.subject, r.n_frames) for r in plan
    }
    assert {r.dataset for r in found} == {f"{dataset.NAME} twin"}
    seen = dataset.inspect(tmp_path)
    assert seen.problems == ()
    assert set(seen.traps) == MET[name]
    assert set(module.IRREGULARITIES) <= set(seen.traps)


@pytest.mark.parametrize("name", sheets.NAMES)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), irregularities=st.booleans())
def test_the_sheet_alone_is_read_back(tmp_path_factory, name, seed, irregularities):
    root = tmp_path_factory.mktemp("twin")
    module = sheets.sheet_module(name)
    plan = [replace(r, first=1) if name.startswith("casme") else r for r in plan_of(name, seed)]
    truth = module.write_sheet(root, plan, irregularities)
    (path,) = (p for p in root.rglob("*") if p.is_file())
    notes = registry.plugin("datasets", name)().read_sheet(path)
    assert notes.problems == ()
    lost = {d.recording for d in notes.dropped if d.code == "first-missing"}
    for recording in truth:
        if recording.name in lost:
            assert recording.name not in notes.events
            continue
        want, got = frames(recording.expressions), frames(notes.events.get(recording.name, ()))
        if name == "samm_lv" and irregularities:
            # Only the images tell where a recording ends.
            last = recording.n_frames - 1
            got = [(a, p, min(b, last), k) for a, p, b, k in got]
        assert got == want
    if not irregularities:
        assert [frames(e for e in r.expressions) for r in truth] == [
            [(a, None if name.startswith("smic") else p, b, k) for a, p, b, k in
             frames(r.expressions)] for r in plan
        ]  # fmt: skip
        assert not set(notes.traps) - {"non-micro-sheet", "whole-recording"}
        assert notes.dropped == ()


def test_shares_of_oddities():
    # 147 recordings have 143 rows with fractions; 74 of them half as many.
    module = sheets.sheet_module("samm_lv")
    recordings = [
        module.planned(s, r, 900, [Expression(t, t + 5, t + 110, "macro") for t in (9, 300, 600)])
        for s in range(37) for r in range(2)
    ]  # fmt: skip
    from mespot_lab.sheets import rows as sheet_rows

    rows = sheet_rows.entries(recordings, ("macro",))
    chosen = sheet_rows.spoil(
        rows, "fractional-frame", module.IRREGULARITIES, len(recordings) / 147
    )
    assert len(chosen) == 72
    assert len({id(e) for e in chosen}) == 72
    places = [rows.index(e) for e in chosen]
    assert places == sorted(places)
    assert max(b - a for a, b in pairwise(places)) <= 4


def test_names_and_mistakes(tmp_path):
    assert sheets.sheet_module("casme-sq") is sheets.sheet_module("casme_sq")
    with pytest.raises(ValueError, match="no sheet writer 'casme_4'; known: smic_vis_e"):
        sheets.sheet_module("casme_4")
    with pytest.raises(ValueError, match="ends after frame 9"):
        sheets.PlannedRecording("s", "n", 10, (Expression(5, None, 10),))
    clips = sheets.sheet_module("casme_ii")
    with pytest.raises(ValueError, match="needs a micro-expression"):
        clips.write_sheet(tmp_path, [clips.planned(0, 0, 50, ())])
    smic = sheets.sheet_module("smic_vis_e")
    many = [Expression(i, None, i + 2) for i in (0, 5, 10)]
    with pytest.raises(ValueError, match="3 micro-expressions, at most 2 fit"):
        smic.write_sheet(tmp_path, [smic.planned(0, 0, 50, many)])


def test_a_damaged_marker_is_reported(tmp_path):
    (tmp_path / "twin.json").write_text("[]")
    dataset = registry.plugin("datasets", "casme_sq")()
    with pytest.raises(UnreadableInput, match="does not say whose twin this is"):
        dataset.load(tmp_path)
    assert len(dataset.verify(tmp_path)) == 1


@pytest.mark.parametrize(
    ("name", "module", "install"),
    [
        ("samm_lv", "openpyxl", "pip install 'mespot[datasets]'"),
        ("casme_cubed", "xlwt", "pip install mespot-lab"),
    ],
)
def test_a_missing_writer_of_workbooks_is_named(tmp_path, monkeypatch, name, module, install):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MespotError) as error:
        sheets.sheet_module(name).write_sheet(tmp_path, plan_of(name, 0))
    text = str(error.value)
    assert text.startswith("writing ")
    assert text.endswith(f" needs {module}: {install}")
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]
