"""Rows of other tools: their place, frames without a face, mirror images, and what is refused."""

from __future__ import annotations

import zipfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from mespot.cache import Cache
from mespot.descriptors.rows import ExternalRows, frames_found
from mespot.errors import NoUsableFace, UnreadableInput, UsageError
from mespot.recipe import Recipe, from_values, to_values
from mespot.row_files import read_row_file
from mespot.rows import rows_of
from mespot.scorers.lstm import Lstm
from mespot.types import FaceClip, FrameSeries, Recording


def recording(path: Path, n_frames: int | None = None, fps: float = 25) -> Recording:
    return Recording("r", "s", Fraction(fps), n_frames, source=str(path))


def table(path: Path, text: str) -> Path:
    path.write_text(text.strip().replace(" ", "") + "\n")
    return path


def npz(path: Path, **arrays: object) -> Path:
    arrays = {"rows": np.arange(12.0).reshape(6, 2), "fps": 25, "first": 0, **arrays}
    np.savez(path, **{k: v for k, v in arrays.items() if v is not None})
    return path


# Where rows stand.


def test_a_plain_table_has_one_row_per_frame(tmp_path):
    rows = ExternalRows().read_rows(recording(table(tmp_path / "a.csv", "x,y\n1,2\n3,4\n5,6")))
    assert rows.series.values.tolist() == [[1, 2], [3, 4], [5, 6]]
    assert rows.series.names == ("x", "y")
    assert (rows.series.first, rows.series.step, rows.series.span) == (0, 1, 1)
    assert rows.series.n_frames == 3 == rows.reading.length
    assert rows.found.tolist() == [True] * 3
    assert rows.frames.is_identity


def test_frames_that_are_left_out_are_lost(tmp_path):
    path = table(tmp_path / "a.csv", "frame,time_s,x\n2,0.08,1\n3,0.12,2\n6,0.24,3")
    rows = ExternalRows().read_rows(recording(path, n_frames=9))
    assert (rows.series.first, rows.series.n_frames) == (2, 9)
    assert rows.series.names == ("x",)
    assert rows.series.values[[0, 1, 4], 0].tolist() == [1, 2, 3]
    assert np.isnan(rows.series.values[[2, 3], 0]).all()
    # Frames 0, 1, 7 and 8 have no row: nothing says that they are lost.
    assert np.flatnonzero(~rows.found).tolist() == [4, 5]


def test_rows_every_few_frames_that_look_at_several(tmp_path):
    path = table(tmp_path / "a.csv", "frame,x\n0,1\n4,2\n8,3")
    rows = ExternalRows(span=6, step=4).read_rows(recording(path))
    assert rows.series.n_frames == 14
    assert rows.series.centres.tolist() == [2, 6, 10]


@pytest.mark.parametrize("cell", ["", "nan", "NaN"])
def test_a_row_with_an_unknown_cell_saw_no_face(tmp_path, cell):
    path = table(tmp_path / "a.csv", f"x,y\n1,2\n3,{cell}\n5,6")
    rows = ExternalRows().read_rows(recording(path))
    assert rows.found.tolist() == [True, False, True]
    assert np.isnan(rows.series.values[1]).all()


def test_a_row_of_empty_cells_keeps_its_frame(tmp_path):
    rows = ExternalRows().read_rows(recording(table(tmp_path / "a.csv", "x,y\n,\n3,4\n5,6\n\n")))
    assert rows.found.tolist() == [False, True, True]


def test_openface_counts_from_one_and_says_where_the_face_is(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(
        "frame, face_id, timestamp, confidence, success, AU01_r, AU12_r\n"
        "1, 0, 0.000, 0.98, 1, 0.10, 0.20\n"
        "2, 0, 0.040, 0.02, 0, 9.90, 9.90\n"
        "3, 0, 0.080, 0.97, 1, 0.30, 0.40\n"
    )
    rows = ExternalRows().read_rows(recording(path))
    assert rows.series.names == ("AU01_r", "AU12_r")
    assert rows.series.first == 0
    assert rows.found.tolist() == [True, False, True]
    assert np.allclose(rows.series.values[[0, 2]], [[0.1, 0.2], [0.3, 0.4]])
    with pytest.raises(UnreadableInput, match="end with frame 3, but the recording has 3"):
        ExternalRows(first_frame=0).read_rows(recording(path, n_frames=3))


def test_semicolons_bring_decimal_commas(tmp_path):
    rows = ExternalRows().read_rows(recording(table(tmp_path / "a.csv", "x;y\n0,5;1,25\n2;3")))
    assert rows.series.values.tolist() == [[0.5, 1.25], [2, 3]]


def test_an_npz_says_where_its_rows_stand(tmp_path):
    path = npz(
        tmp_path / "a.npz", first=3, step=2, span=4, n_frames=20, names=np.array(["x", "y"]),
        found=np.array([1, 1, 0, 1, 1, 1]), fps="30000/1001",
    )  # fmt: skip
    rows = ExternalRows(span=4, step=2).read_rows(recording(path, fps=Fraction(30000, 1001)))
    s = rows.series
    assert (s.first, s.step, s.span, s.n_frames, s.fps) == (3, 2, 4, 20, Fraction(30000, 1001))
    assert s.names == ("x", "y")
    # Rows stand at 3, 5, 7, ... and look at 4 frames each: that at 7 shares all its frames.
    assert np.flatnonzero(~rows.found).tolist() == [8]
    assert not s.all_found(rows.found)[2]


def test_one_lost_frame_is_found_again_from_the_rows_that_touch_it():
    """Every row that looks at frame 7 saw no face; that gives back exactly frame 7."""
    values = np.zeros((16, 1), np.float32)
    series = FrameSeries(values, 0, 1, 5, 20, Fraction(25))
    truth = np.ones(20, bool)
    truth[7] = False
    assert frames_found(series, series.all_found(truth)).tolist() == truth.tolist()


@pytest.mark.parametrize("seed", range(20))
def test_no_row_without_a_face_counts_as_found(seed):
    rng = np.random.default_rng(seed)
    n, step, span = int(rng.integers(1, 30)), int(rng.integers(1, 5)), int(rng.integers(1, 7))
    first = int(rng.integers(0, 4))
    end = first + (n - 1) * step + span + int(rng.integers(0, 3))
    series = FrameSeries(np.zeros((n, 1), np.float32), first, step, span, end, Fraction(25))
    saw = rng.random(n) < 0.8
    found = frames_found(series, saw)
    assert not (series.all_found(found) & ~saw).any()
    if span <= step:
        assert (series.all_found(found) == saw).all()


# Columns and their mirror images.


MIRROR = ExternalRows(
    columns=("l", "r", "x"), mirrored=("r", "l", "x"), signs=(1, 1, -1)
)  # fmt: skip


def test_columns_are_chosen_and_ordered_by_name(tmp_path):
    path = table(tmp_path / "a.csv", "x,extra,r,l\n1,9,2,3")
    rows = MIRROR.read_rows(recording(path))
    assert rows.series.values.tolist() == [[3, 2, 1]]
    assert rows.series.names == ("l", "r", "x")


def test_mirrored_columns_change_places_and_signs(tmp_path):
    series = MIRROR.read_rows(recording(table(tmp_path / "a.csv", "l,r,x\n1,2,3"))).series
    assert MIRROR.can_mirror
    assert MIRROR.mirror(series).values.tolist() == [[2, 1, -3]]
    assert MIRROR.mirror(MIRROR.mirror(series)).values.tolist() == [[1, 2, 3]]


def test_columns_csv_fills_the_fields(tmp_path):
    path = table(tmp_path / "columns.csv", "column,mirror,sign\nl,r,\nr,l,1\nx,,-1")
    assert ExternalRows.from_columns(path) == MIRROR
    chosen = ExternalRows.from_columns(table(tmp_path / "some.csv", "column\nl\nr"))
    assert chosen == ExternalRows(columns=("l", "r"))
    assert not chosen.can_mirror


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"mirrored": ("b", "c", "a")}, "mirroring twice"),
        ({"mirrored": ("b", "a", "d")}, "which is no column"),
        ({"mirrored": ("b", "a")}, "2 columns for 3"),
        ({"mirrored": ("b", "a", "c"), "signs": (1, -1, 1)}, "mirroring twice"),
        ({"mirrored": ("b", "a", "c"), "signs": (1, 1, 2)}, "1 or -1"),
        ({"signs": (1, 1, 1)}, "signs need"),
        ({"span": 0}, "at least 1"),
        ({"columns": ("a", "a")}, "twice"),
    ],
)
def test_fields_that_contradict_each_other_are_refused(fields, message):
    with pytest.raises(UsageError, match=message):
        ExternalRows(**{"columns": ("a", "b", "c"), **fields})


def test_without_columns_nothing_is_mirrored(tmp_path):
    rows = ExternalRows().read_rows(recording(table(tmp_path / "a.csv", "l,r\n1,2")))
    with pytest.raises(UsageError, match="how to mirror is not known"):
        ExternalRows().mirror(rows.series)
    with pytest.raises(UsageError, match="cannot mirror"):
        Recipe(mirror=True, descriptor=ExternalRows())


def test_a_recipe_keeps_it_whole():
    recipe = Recipe(descriptor=MIRROR, mirror=True, scorer=Lstm())
    again = from_values(to_values(recipe), where="test")
    assert again.descriptor == MIRROR
    assert again.hash == recipe.hash
    assert hash(MIRROR) == hash(again.descriptor)


def test_no_rows_are_made_from_a_video():
    frames, found = np.zeros((4, 8, 8), np.uint8), np.ones(4, bool)
    clip = FaceClip(frames, found, np.zeros((4, 1, 2), np.float32), np.arange(4.0), Fraction(25))
    with pytest.raises(UsageError, match="makes none from a video"):
        ExternalRows().describe(clip)


# By way of the cache.


def test_the_cache_gives_the_same_rows(tmp_path):
    path = table(tmp_path / "a.csv", "frame,x\n2,1\n3,\n4,3")
    recipe, cache = Recipe(descriptor=ExternalRows()), Cache(tmp_path / "cache")
    for _ in range(2):
        rows = rows_of(recipe, recording(path, 9), cache)
        assert np.array_equal(rows.series.values, [[1], [np.nan], [3]], equal_nan=True)
        assert np.flatnonzero(~rows.found).tolist() == [3]
    # Another rate or length of the same file is not answered from the cache.
    assert rows_of(recipe, recording(path, 7, fps=50), cache).series.fps == 50
    assert rows_of(recipe, recording(path, 7), cache).series.n_frames == 7


def test_rows_that_never_saw_a_face_are_no_usable_face(tmp_path):
    path = table(tmp_path / "a.csv", "found,x\n0,1\n0,2")
    with pytest.raises(NoUsableFace, match="no face stays in view"):
        rows_of(Recipe(descriptor=ExternalRows()), recording(path))


@pytest.mark.parametrize("cached", [False, True])
def test_the_rate_of_a_recipe_in_frames_is_checked(tmp_path, cached):
    path = table(tmp_path / "a.csv", "x\n1\n2")
    recipe = Recipe(descriptor=ExternalRows(), fps=100.0)
    with pytest.raises(UsageError, match="100 frames/s"):
        rows_of(recipe, recording(path), Cache(tmp_path / "c") if cached else None)


# Faults.


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x,y\n1,2\n3\n", "line 3: 1 cells, but the header has 2"),
        ("x,y\n1,2,3\n", "line 2: 3 cells, but the header has 2"),
        ("x,y\n1,2\n\n3,4\n", "line 3: 0 cells"),
        ("x,y\n1,2\n3,abc\n", "line 3, column y: 'abc' is not a number"),
        ("x,y\n1,2\n3,1.2.3\n", "line 3, column y: '1.2.3' is not a number"),
        ("x,y\n1,#N/A\n", "line 2, column y: '#N/A' is not a number"),
        ("x,y\n1,inf\n", "row 0, column y: the value is infinite or too large"),
        ("x,y\n1,2\n1e300,2\n", "row 1, column x: the value is infinite or too large"),
        ("frame,x\n0,1\n0,2\n", "line 3, column frame: 0 stands twice"),
        ("frame,face_id,x\n0,0,1\n1,0,2\n1,1,3\n", "line 4, column frame: 1 stands twice"),
        ("frame,x\n0,1\n5,2\n5,3\n", "line 4, column frame: 5 stands twice"),
        ("frame,x\n1,1\n0,2\n", "line 3, column frame: 0 follows a later frame"),
        ("frame,x\n-1,1\n0,2\n", "line 2, column frame: -1 is before the first frame, 0"),
        ("frame,x,success,confidence\n0,1,1,1\n", "0 is before the first frame, 1"),
        ("frame,x\n0.5,1\n", "line 2, column frame: 0.5 is not a whole frame number"),
        ("frame,x\n,1\n", "line 2, column frame: nan is not a whole frame number"),
        ("frame,x\n0,1\n1,2\n900000000,3\n", "one of them is wrong"),
        ("x,x\n1,2\n", "two columns are called 'x'"),
        (",x\n0,2\n", "column 1 has no name"),
        ("frame\n0\n1\n", "holds no rows"),
        ("x,y\n", "holds no rows"),
        ("", "is empty"),
    ],
)
def test_a_broken_table_is_refused_in_one_line(tmp_path, text, message):
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(UnreadableInput) as caught:
        ExternalRows().read_rows(recording(path))
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_table_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"x,y\n\xff\xfe,1\n")
    with pytest.raises(UnreadableInput, match="cannot be read as a table"):
        read_row_file(path)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"rows": np.array([[1, None]], object)}, "pickled"),
        ({"names": np.array(["x", None], object)}, "pickled"),
        ({"fps": np.array({"rate": 25}, object)}, "pickled"),
        ({"rows": None}, "'rows' is missing"),
        ({"rows": np.arange(3.0)}, r"'rows' is \(3,\) float64"),
        ({"rows": np.array([["a"]])}, "'rows' is"),
        ({"rows": np.zeros((0, 2))}, "holds no rows"),
        ({"rows": np.array([[np.inf, 0]])}, "row 0, column 0: the value is infinite"),
        ({"first": -1}, "first is -1"),
        ({"first": -5.0}, "first is -5.0"),
        ({"first": np.array([-2])}, "first is -2"),
        ({"first": 0.5}, "first is 0.5"),
        ({"step": 0}, "step is 0"),
        ({"span": np.array([1, 2])}, "span is"),
        ({"fps": 0}, "fps must be"),
        ({"fps": "fast"}, "fps must be"),
        ({"fps": np.nan}, "fps must be"),
        ({"fps": 30}, "30 frames/s, but recording 'r' is listed with 25"),
        ({"fps": 24}, "24 frames/s, but recording 'r' is listed with 25"),
        ({"fps": "25025/1000"}, "25.025 frames/s, but recording 'r' is listed with 25"),
        ({"names": np.array(["x"])}, "'names' must be 2 texts"),
        ({"names": np.array(["x", "x"])}, "two columns are called 'x'"),
        ({"found": np.ones(5)}, "'found' must be 6 values"),
        ({"span": 3}, "span of 3 frames, the recipe says 1"),
        ({"step": 2}, "step of 2 frames, the recipe says 1"),
        ({"n_frames": 5}, "end with frame 5, but the recording has 5"),
    ],
)
def test_a_broken_npz_is_refused_in_one_line(tmp_path, arrays, message):
    path = npz(tmp_path / "a.npz", **arrays)
    with pytest.raises(UnreadableInput, match=message) as caught:
        ExternalRows().read_rows(recording(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("shape", ["text", "cut", "other zip"])
def test_a_damaged_npz_is_refused(tmp_path, shape):
    path = npz(tmp_path / "a.npz")
    if shape == "text":
        path.write_text("frame,x\n0,1\n")
    elif shape == "cut":
        path.write_bytes(path.read_bytes()[:300])
    else:
        with zipfile.ZipFile(path, "w") as other:
            other.writestr("note.txt", "hello")
    with pytest.raises(UnreadableInput, match=r"a\.npz"):
        read_row_file(path)


def test_missing_files_are_named(tmp_path):
    for name in ("a.npz", "a.csv"):
        with pytest.raises(UnreadableInput, match="no such file"):
            ExternalRows().read_rows(recording(tmp_path / name))
    with pytest.raises(UsageError, match=r"end in \.npz or \.csv"):
        ExternalRows().read_rows(recording(tmp_path / "a.mp4"))
    with pytest.raises(UsageError, match="no file of rows is named"):
        ExternalRows().read_rows(Recording("r", "s", Fraction(25)))


def test_missing_columns_are_named(tmp_path):
    wanted = ExternalRows(columns=("x", "y", "z"))
    with pytest.raises(UnreadableInput, match=r"no column 'y' \(and 1 more\)"):
        wanted.read_rows(recording(table(tmp_path / "a.csv", "x,w\n1,2")))
    with pytest.raises(UnreadableInput, match="2 columns without names, not 3"):
        wanted.read_rows(recording(npz(tmp_path / "a.npz")))
