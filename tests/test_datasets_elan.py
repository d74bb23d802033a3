"""ELAN files: times in ms as frames, kinds by text and tier, and a folder that holds them."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mespot.datasets._elan import read_elan
from mespot.datasets.folder import Folder
from mespot.errors import UnreadableInput
from videomaker import write_numbered

RATES = [Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001), Fraction(60), Fraction(200)]


def eaf(path, **tiers):
    """Write annotations (begin, end, text) by tier; a begin of None has no time."""
    slots, body, n = [], [], 0
    for tier, items in tiers.items():
        rows = []
        for begin, end, text in items:
            n += 2
            for slot, time in ((n, begin), (n + 1, end)):
                value = "" if time is None else f' TIME_VALUE="{time}"'
                slots.append(f'<TIME_SLOT TIME_SLOT_ID="ts{slot}"{value}/>')
            rows.append(
                f'<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a{n}" TIME_SLOT_REF1="ts{n}" '
                f'TIME_SLOT_REF2="ts{n + 1}"><ANNOTATION_VALUE>{text}</ANNOTATION_VALUE>'
                "</ALIGNABLE_ANNOTATION></ANNOTATION>"
            )
        body.append(f'<TIER TIER_ID="{tier}">{"".join(rows)}</TIER>')
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?><ANNOTATION_DOCUMENT VERSION="3.0"><TIME_ORDER>'
        + "".join(slots) + "</TIME_ORDER>" + "".join(body) + "</ANNOTATION_DOCUMENT>",
        encoding="utf-8",
    )  # fmt: skip
    return path


def test_frames_kinds_and_apices(tmp_path):
    # At 25 frames/s frame i is shown from 40 i to 40 (i + 1) ms.
    path = eaf(
        tmp_path / "a.eaf",
        expressions=[(400, 800, "micro AU4"), (2000, 2041, "Macro"), (4001, 4039, "smile")],
        blinks_coder1=[(1000, 1120, "")],
        apex=[(560, 600, ""), (9000, 9040, "")],
    )
    found, problems = read_elan(path, Fraction(25))
    assert problems == []
    assert [(e.onset, e.apex, e.offset, e.kind) for e in found] == [
        (10, 14, 19, "micro"), (25, None, 27, "blink"), (50, None, 51, "macro"),
        (100, None, 100, "other"),
    ]  # fmt: skip
    assert found[0].attributes == {"tier": "expressions", "label": "micro AU4"}
    assert found[1].attributes == {"tier": "blinks_coder1"}


@given(st.sampled_from(RATES), st.integers(0, 200_000), st.integers(0, 500))
def test_times_rounded_inwards_give_the_same_frames(tmp_path_factory, fps, onset, more):
    offset = onset + more
    begin, end = ceil(onset * 1000 / fps), floor((offset + 1) * 1000 / fps)
    path = eaf(tmp_path_factory.getbasetemp() / "h.eaf", micro=[(begin, end, "")])
    ((found,), _) = read_elan(path, fps)
    assert (found.onset, found.offset) == (onset, offset)


def test_annotations_without_times_are_told(tmp_path):
    path = eaf(tmp_path / "a.eaf", micro=[(None, 50, "x"), (50, 50, "y"), (0, 40, "z")])
    found, problems = read_elan(path, Fraction(25))
    assert len(found) == 1
    assert problems == [
        f"{path}: annotation a2 ('x') on tier 'micro' has no interval in time",
        f"{path}: annotation a4 ('y') on tier 'micro' has no interval in time",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<ANNOTATION_DOCUMENT>", r"cannot be read as an ELAN file \(ParseError"),
        ("<html/>", r"is XML, but no ELAN file \(its root is <html>\)"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', r"cannot be read as an ELAN file \(Entities"),
    ],
)
def test_what_is_no_elan_file(tmp_path, text, message):
    path = tmp_path / "a.eaf"
    path.write_text(text)
    with pytest.raises(UnreadableInput, match=message) as caught:
        read_elan(path, Fraction(25))
    assert "\n" not in str(caught.value)
    with pytest.raises(UnreadableInput, match="no such file"):
        read_elan(tmp_path / "b.eaf", Fraction(25))


def test_a_folder_with_elan_files(tmp_path):
    (tmp_path / "recordings.csv").write_text(
        "recording,subject,path,fps,n_frames\na,s1,a.mp4,25,100\nb,s2,b.mp4,50,100\nc,s2,c.mp4,25,9\n"
    )
    for name, n, fps in (("a", 100, 25), ("b", 100, 50), ("c", 9, 25)):
        write_numbered(tmp_path / f"{name}.mp4", n, fps)
    eaf(tmp_path / "a.eaf", x=[(400, 800, "micro"), (3960, 4001, "micro")])
    eaf(tmp_path / "b.eaf", x=[(400, 800, "macro")])
    (problem,) = Folder().verify(tmp_path)
    assert problem == f"{tmp_path / 'a.eaf'}: offset 100 is past the last of 100 frames"
    with pytest.raises(UnreadableInput, match="offset 100"):
        Folder().load(tmp_path)
    eaf(tmp_path / "a.eaf", x=[(400, 800, "micro")])
    found = Folder().load(tmp_path)
    assert [[(e.onset, e.offset, e.kind) for e in r.expressions] for r in found] == [
        [(10, 19, "micro")], [(20, 39, "macro")], []
    ]  # fmt: skip
    assert dict(Folder().inspect(tmp_path).found) == {
        "recordings": 3, "subjects": 2, "micro": 1, "macro": 1,
    }  # fmt: skip
    # Our own table takes precedence.
    (tmp_path / "events.csv").write_text("recording,onset,offset\nb,1,2\n")
    assert [len(r.expressions) for r in Folder().load(tmp_path)] == [0, 1, 0]
