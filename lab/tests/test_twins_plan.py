"""What a twin holds: at full scale the published numbers, after the sheet's oddities."""

from __future__ import annotations

import statistics
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
import xlrd
from hypothesis import given, settings
from hypothesis import strategies as st

from mespot.inspection import RECORDING, Lengths, lengths
from mespot.synthetic import STANDARD
from mespot_lab import sheets
from mespot_lab.twins import irregularities, layout
from mespot_lab.twins.numbers import draw, match, numbers_of, onsets, scaled
from mespot_lab.twins.plan import make_plan


def read_back(plan, tmp_path):
    return plan.module.write_sheet(tmp_path, plan.recordings)


def by_kind(truth):
    found = {}
    for recording in truth:
        for e in recording.expressions:
            found.setdefault(e.kind, []).append((recording, e.n_frames))
    return found


def raw_rows(root):
    """All rows of a CAS(ME)^3 sheet as they stand there: (kind, onset, offset)."""
    book = xlrd.open_workbook(str(root / "annotation" / "part_A_v2.xls"))
    table, blinks = (book.sheet_by_name(name) for name in ("AU+Emotion", "eye blink"))
    assert table.row_values(0)[2:7] == ["Onset", "Apex", "Offset", "AU", "Expression type"]
    rows = [table.row_values(i) for i in range(1, table.nrows)]
    return [
        *((row[6].split("-")[0].lower(), row[2], row[4]) for row in rows),
        *(("blink", *blinks.row_values(i)[2:5:2]) for i in range(1, blinks.nrows)),
    ]


# Written out by hand from the table of the data sets: events, (min, median, max), recordings and
# subjects that hold them. None: not published. Events of CAS(ME)^3 are rows of its sheet.
TABLE = {
    "smic_vis_e": (76, 8, (30, 165, 300), {"micro": (76, (4, 10, 13), 71, None)}),
    "smic_hs_e": (157, 16, (120, 600, 1200), {"micro": (None, (11, 33, 58), 157, 16)}),
    "casme_sq": (
        98, 22, (659, 2304, 4374),
        {"micro": (57, (9, 14, 17), 33, 14), "macro": (300, (4, 35, 118), None, None)},
    ),
    "samm_lv": (
        147, 30, (500, 3000, 11770),
        {"micro": (159, (30, 78, 101), 79, 29), "macro": (343, (102, 223, 5176), None, None)},
    ),
    "casme_cubed": (
        pytest.approx(1300, rel=0.05), 98, None,
        {"micro": (860, None, None, None), "macro": (3346, None, None, None),
         "blink": (841, (6, 15, 108), None, 13)},
    ),
    "casme_ii": (255, 26, None, {"micro": (255, (24, 61, 141), 255, 26)}),
}  # fmt: skip


@pytest.mark.parametrize("name", sheets.NAMES)
def test_full_scale_is_the_published_table(name, tmp_path):
    recordings, subjects, recording_lengths, kinds = TABLE[name]
    truth = read_back(make_plan(name, 1.0, 7, STANDARD), tmp_path)
    assert len({r.subject for r in truth}) == subjects
    assert len({r.name for r in truth}) == len(truth)
    if recordings is not None:
        assert len(truth) == recordings
    if recording_lengths is not None:
        assert lengths(r.n_frames for r in truth) == recording_lengths
    found = by_kind(truth)
    assert found.keys() == kinds.keys()
    counts = Counter(e.kind for r in truth for e in r.expressions)
    if name == "casme_cubed":
        counts = Counter(kind for kind, _, _ in raw_rows(tmp_path))
    for kind, (count, spans, holding, people) in kinds.items():
        assert count is None or counts[kind] == count
        assert spans is None or lengths(n for _, n in found[kind]) == spans
        assert holding is None or len({r.name for r, _ in found[kind]}) == holding
        assert people is None or len({r.subject for r, _ in found[kind]}) == people


def test_what_the_table_does_not_say_in_numbers(tmp_path):
    smic = read_back(make_plan("smic_vis_e", 1.0, 1, STANDARD), tmp_path)
    assert Counter(len(r.expressions) for r in smic) == {0: 5, 1: 66, 2: 5}
    # CAS(ME)^2: 95 of 98 recordings have a label.
    casme = read_back(make_plan("casme_sq", 1.0, 1, STANDARD), tmp_path)
    assert sum(bool(r.expressions) for r in casme) == 95
    # CAS(ME)^3: about as many short micro-expressions as the smaller label set of the literature.
    cubed = read_back(make_plan("casme_cubed", 1.0, 1, STANDARD), tmp_path)
    short = [n for _, n in by_kind(cubed)["micro"] if n <= 15]
    assert len(short) == pytest.approx(277, rel=0.05)
    assert max(n for _, n in by_kind(cubed)["micro"]) <= 90


@pytest.mark.parametrize("seed", [0, 5])
def test_rows_that_cannot_be_are_among_those_of_the_sheet(seed, tmp_path):
    truth = read_back(make_plan("casme_cubed", 1.0, seed, STANDARD), tmp_path)
    rows = raw_rows(tmp_path)
    assert Counter(kind for kind, _, _ in rows) == {"micro": 860, "macro": 3346, "blink": 841}
    backwards = [(kind, b - a) for kind, a, b in rows if b < a]
    assert Counter(kind for kind, _ in backwards) == {"macro": 9, "micro": 1}
    assert min(n for _, n in backwards) == -2326
    assert [(k, b - a + 1) for k, a, b in rows if k != "macro" and b - a > 150] == [("micro", 3456)]
    # What remains for a reader: the 858 micro-expressions of the larger label set.
    assert {kind: len(of) for kind, of in by_kind(truth).items()} == {
        "micro": 858, "macro": 3337, "blink": 841,
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
def test_six_recordings_of_samm_have_other_padding(seed):
    plan = make_plan("samm_lv", 1.0, seed, STANDARD)
    first = [plan.module.frame_path(r, 0).stem.rsplit("_", 1)[1] for r in plan.recordings]
    assert Counter(first) == {"0001": 141, "00001": 6}


def test_a_seed_is_a_plan_and_data_sets_differ():
    one, same = (make_plan("casme_sq", 0.1, 4, STANDARD) for _ in range(2))
    assert one.takes == same.takes
    assert one.takes != make_plan("casme_sq", 0.1, 5, STANDARD).takes
    other = make_plan("smic_vis_e", 0.1, 4, STANDARD)
    assert not {t.seed for t in one.takes} & {t.seed for t in other.takes}
    assert len({t.seed for t in one.takes}) == len(one.takes)


@pytest.mark.parametrize("name", sheets.NAMES)
@settings(max_examples=10, deadline=None)
@given(scale=st.floats(0.0005, 1.0), seed=st.integers(0, 10**6))
def test_any_scale_can_be_planned(name, scale, seed):
    scale = min(scale, 0.05) if name == "casme_cubed" else scale
    plan = make_plan(name, scale, seed, STANDARD)
    full, numbers = numbers_of(name).shape, plan.numbers.shape
    assert len(plan.takes) == numbers.recordings <= full.recordings
    assert len({t.subject for t in plan.takes}) == numbers.subjects
    for take in plan.takes:
        events = take.recording.expressions
        assert all(e.onset >= 1 and e.onset < e.apex <= e.offset for e in events)
        assert all(a.offset < b.onset for a, b in pairwise(events))
    # As many frames as asked for, unless so few are that two recordings are more. SAMM-LV's lengths
    # are skewed: their mean lies about a third above the median.
    whole = full.recordings * full.lengths.get(RECORDING, numbers.lengths[RECORDING]).median
    if scale > 0.1:
        assert 0.9 < plan.n_frames / (scale * whole) < 1.45


def test_scale_by_hand():
    # CAS(ME)^2 at 0.09: sqrt is 0.3; recordings get 0.3 times as long (691 frames, above the 600
    # of 20 s) and 0.3 times as many; events 0.09 times as many, of their own lengths.
    shape = scaled(numbers_of("casme_sq"), 0.09).shape
    assert (shape.recordings, shape.subjects) == (29, 7)
    assert shape.events == {"micro": 5, "macro": 27}
    assert shape.lengths[RECORDING] == (198, 691, 1312)
    assert shape.lengths["macro"] == (4, 35, 118)
    # At 0.01 they would last 7.7 s: they are kept at 20 s, and there are fewer of them.
    shape = scaled(numbers_of("casme_sq"), 0.01).shape
    assert shape.lengths[RECORDING].median == 600
    assert shape.recordings == round(98 * 0.01 / (600 / 2304))
    # Recordings of SMIC are short already.
    assert scaled(numbers_of("smic_vis_e"), 0.1).shape.lengths[RECORDING] == (30, 165, 300)
    for wrong in (0.0, -1.0, 1.5, float("nan")):
        with pytest.raises(ValueError, match="a scale lies above 0"):
            scaled(numbers_of("casme_sq"), wrong)


@given(
    n=st.integers(0, 400), low=st.integers(1, 50), rise=st.integers(0, 60), top=st.integers(0, 900),
    skew=st.floats(0.5, 12.0), seed=st.integers(0, 99),
)  # fmt: skip
def test_drawn_lengths_have_the_statistics(n, low, rise, top, skew, seed):
    of = Lengths(low, low + rise, low + rise + top)
    found = draw(n, of, skew, np.random.default_rng(seed))
    assert len(found) == n
    assert found == sorted(found)
    if n:
        assert statistics.median(found) == of.median
    if n >= 3:
        assert (found[0], found[-1]) == (of.lowest, of.highest)


@given(data=st.data(), seed=st.integers(0, 99))
def test_matching_finds_a_way_if_there_is_one(data, seed):
    n = data.draw(st.integers(0, 12))
    needs = data.draw(st.lists(st.integers(1, 20), min_size=n, max_size=n))
    have = data.draw(st.lists(st.integers(1, 20), min_size=n, max_size=n))
    found = match(needs, have, np.random.default_rng(seed))
    # One fits if and only if the k-th longest of all is enough for the k-th greatest need.
    possible = all(a <= b for a, b in zip(sorted(needs), sorted(have)))
    assert (found is not None) == possible
    if found is not None:
        assert sorted(found) == sorted(have)
        assert all(need <= length for need, length in zip(needs, found))


@given(
    lengths=st.lists(st.integers(1, 30), min_size=1, max_size=8), room=st.integers(0, 200),
    gap=st.integers(1, 12), at_end=st.booleans(), seed=st.integers(0, 99),
)  # fmt: skip
def test_events_are_placed_apart(lengths, room, gap, at_end, seed):
    spaces = len(lengths) + (not at_end)
    n = sum(lengths) + room
    rng = np.random.default_rng(seed)
    if room < spaces:
        with pytest.raises(ValueError, match="do not fit"):
            onsets(lengths, n, gap, at_end, rng)
        return
    starts = onsets(lengths, n, gap, at_end, rng)
    ends = [s + m for s, m in zip(starts, lengths)]
    least = min(gap, room // spaces)
    assert starts[0] >= least >= 1
    assert all(b - a >= least for a, b in zip(ends, starts[1:]))
    assert ends[-1] == n if at_end else ends[-1] + least <= n


@pytest.mark.parametrize("name", ["casme_sq", "samm_lv"])
def test_odd_rows_are_foreseen(name, tmp_path):
    """What the dummies tell is what happens to the plan itself."""
    plan = make_plan(name, 1.0, 3, STANDARD)
    slots = [
        layout.Slot(t.subject, i, [e.kind for e in t.recording.expressions])
        for t, i in zip(plan.takes, _places(plan))
    ]
    odd = irregularities.odd_rows(plan.module, slots)
    seen = Counter()
    for planned, read, told in zip(plan.recordings, read_back(plan, tmp_path), odd):
        after = {e.onset: e for e in read.expressions}
        for k, event in enumerate(planned.expressions):
            shortened = after[event.onset].offset < event.offset
            assert shortened == (k in told.ends_at_apex)
            seen["shortened"] += shortened
            if k in told.past_end:
                assert event.offset == planned.n_frames - 1
                seen["past end"] += 1
        assert (0 in after) == told.whole
        seen["whole"] += told.whole
    wanted = {"casme_sq": {"shortened": 44}, "samm_lv": {"past end": 2, "whole": 2}}
    assert +seen == wanted[name]


def _places(plan):
    seen = Counter()
    for take in plan.takes:
        yield seen[take.subject]
        seen[take.subject] += 1


def test_blinks_are_labelled_for_thirteen_subjects():
    plan = make_plan("casme_cubed", 1.0, 2, STANDARD)
    coded = {
        t.subject for t in plan.takes if any(e.kind == "blink" for e in t.recording.expressions)
    }
    assert len(coded) == 13
    for take in plan.takes:
        for event in take.recording.expressions:
            if event.kind == "blink":
                assert event.attributes["action_units"] == "45"
                assert 0.5 < float(event.attributes["closure"]) <= 1.0
            else:
                assert float(event.attributes["amplitude_px"]) > 0
