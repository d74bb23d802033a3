"""A folder of videos with the two tables: loading, and everything wrong at once."""

from __future__ import annotations

import hashlib
from fractions import Fraction

import pytest

from mespot import registry
from mespot.contracts import Dataset
from mespot.datasets import folder
from mespot.errors import UnreadableInput
from mespot.types import Expression, Recording
from videomaker import write_numbered

LISTED = "recording,subject,path,fps,n_frames\na,s1,a.mp4,30000/1001,100\nb,s2,b,25,3\n"
EVENTS = "recording,onset,apex,offset,kind,AU\na,10,12,15,micro,4\na,50,,99,macro,\n"


@pytest.fixture
def root(tmp_path):
    (tmp_path / "recordings.csv").write_text(LISTED)
    (tmp_path / "events.csv").write_text(EVENTS)
    write_numbered(tmp_path / "a.mp4", 100, Fraction(30000, 1001))
    (tmp_path / "b").mkdir()
    for number in (1, 2, 3):
        (tmp_path / "b" / f"b2_img{number:03}.jpg").touch()
    return tmp_path


def test_it_loads_every_recording_with_its_truth(root):
    truth = (Expression(10, 12, 15, "micro", None, {"AU": "4"}),
             Expression(50, None, 99, "macro", None, {"AU": ""}))  # fmt: skip
    assert folder.Folder().load(root) == [
        Recording("a", "s1", Fraction(30000, 1001), 100, "folder", str(root / "a.mp4"), truth),
        Recording("b", "s2", Fraction(25), 3, "folder", str(root / "b")),
    ]
    assert folder.Folder().verify(root) == []


def test_tables_of_other_names(root):
    (root / "recordings.csv").rename(root / "list.csv")
    (root / "events.csv").rename(root / "coder_1.csv")
    found = folder.Folder(recordings="list.csv", events="coder_1.csv").load(root)
    assert [len(r.expressions) for r in found] == [2, 0]


def test_everything_wrong_is_told_at_once(root):
    (root / "recordings.csv").write_text(
        LISTED + "c,,c.mp4,25,10\nd,s3,d.mp4,x,10\nd,s3,d.mp4,25,10\ne,s3,,25,10\n"
    )
    (root / "events.csv").write_text(EVENTS + "a,90,,100,micro,\nz,1,,2,micro,\nb,1.5,,2,micro,\n")
    (root / "b" / "b2_img002.jpg").rename(root / "b" / "b2_img005.jpg")
    (root / "b" / "b2_img009.jpg").touch()
    (root / "b" / "notes.txt").touch()
    table, events = root / "recordings.csv", root / "events.csv"
    assert folder.Folder().verify(root) == [
        f"{table}, line 5, column fps: 'x' is not a frame rate such as 25 or 30000/1001",
        f"{table}, line 6, column recording: 'd' is listed twice",
        f"{events}, line 4: offset 100 is past the end of recording 'a', whose 100 frames are 0 to "
        "99",
        f"{events}, line 5, column recording: 'z' is not among the listed recordings",
        f"{events}, line 6, column onset: '1.5' is not a whole frame number",
        f"{table}: recording 'c' has no subject",
        f"{table}: recording 'd' has neither fps nor a video",
        f"{root / 'b'}: image number 3 follows 1 (and 2 more gaps)",
        f"{root / 'b'}: 4 images, but n_frames is 3",
        f"{root / 'c.mp4'}: no such video (recording 'c')",
        "recording 'e' has no path",
    ]
    with pytest.raises(UnreadableInput, match=r"line 5, column fps: .* \(and 6 more problems\)"):
        folder.Folder().load(root)


def test_videos_that_are_not_as_listed_are_told(root):
    path = root / "a.mp4"
    write_numbered(path, 90, 25)
    assert folder.Folder().verify(root) == [
        f"{path}: 25 frames/s, but fps is listed as 29.97",
        f"{path}: 90 frames, but n_frames is listed as 100",
    ]
    path.write_bytes(b"junk!")
    (problem,) = folder.Folder().verify(root)
    assert str(path) in problem
    # 29.97 is what 30000/1001 is written as.
    write_numbered(path, 100, Fraction(30000, 1001))
    (root / "recordings.csv").write_text(LISTED.replace("30000/1001", "29.97"))
    assert folder.Folder().verify(root) == []


def test_what_results_keep_of_the_truth(root):
    known = folder.Folder().provenance(root)
    assert known["sha256"] == {
        name: hashlib.sha256((root / name).read_bytes()).hexdigest()
        for name in ("recordings.csv", "events.csv")
    }


def test_a_missing_folder_or_table(root):
    assert folder.Folder().verify(root / "no") == [f"{root / 'no'}: no such folder"]
    (root / "events.csv").unlink()
    assert folder.Folder().verify(root) == [f"{root / 'events.csv'}: no such file"]
    (root / "recordings.csv").unlink()
    (problem,) = folder.Folder().verify(root)
    assert problem.startswith(f"{root / 'recordings.csv'}: no such file. Put into one folder:")


@pytest.mark.parametrize("name", registry.names("datasets"))
def test_every_data_set_keeps_the_contract(tmp_path, name):
    dataset = registry.build("datasets", {"name": name})
    assert isinstance(dataset, Dataset)
    assert all(text.strip() for text in (dataset.citation, dataset.licence, dataset.how_to_get))
    assert dataset.approximate() <= set(dataset.expected())
    assert all(isinstance(text, str) and text for text in dataset.traps().values())
    problems = dataset.verify(tmp_path / "nowhere")
    assert problems
    assert all(isinstance(p, str) and "\n" not in p for p in problems)
    with pytest.raises(UnreadableInput):
        dataset.load(tmp_path / "nowhere")
    assert not dataset.inspect(tmp_path / "nowhere").readable
