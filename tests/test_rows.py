"""From a video to a sample: the cache, kept crops and the video itself give the same bits."""

from __future__ import annotations

import errno
import io
import pickle
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from mespot import code_hash, packing, rows
from mespot.align.config import Align
from mespot.cache import Cache
from mespot.datasets.folder import Folder
from mespot.descriptors.hog_top import HogTop
from mespot.descriptors.lbp_top import LbpTop
from mespot.descriptors.region_flow import RegionFlow
from mespot.errors import MespotError, NoUsableFace, UnreadableInput, UsageError
from mespot.files import sha256
from mespot.pipeline import describe_video
from mespot.protocol import Sample
from mespot.recipe import Recipe
from mespot.synthetic import STANDARD, DatasetRequest, load_portraits, write_dataset
from mespot.types import Expression, FrameMap, Recording
from mespot.video import open_video

FLOW = Recipe("flow", descriptor=RegionFlow(), align=Align(size=96))
HOG = Recipe("hog", descriptor=HogTop(span=9), align=Align(size=96))
LBP = Recipe("lbp", descriptor=LbpTop(span=9), align=Align(size=96))
SMALL = replace(STANDARD, width=320, height=240, eye_px=(46.0, 54.0), micro_per_minute=60.0)


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """One synthetic recording of three seconds."""
    pytest.importorskip("skimage")
    folder = tmp_path_factory.mktemp("video")
    write_dataset(load_portraits(None), folder, DatasetRequest(1, 3.0, Fraction(25), 5, SMALL))
    return Folder().load(folder)[0]


def same(one, other):
    a, b = one.series, other.series
    assert np.asarray(a.values).tobytes() == np.asarray(b.values).tobytes()
    assert (a.first, a.step, a.span, a.n_frames, a.fps, a.names) == (
        b.first, b.step, b.span, b.n_frames, b.fps, b.names,
    )  # fmt: skip
    assert np.array_equal(one.found, other.found)
    assert np.array_equal(one.frames.source_of, other.frames.source_of)
    assert one.reading == other.reading


@pytest.mark.parametrize("recipe", [FLOW, HOG, LBP], ids=lambda r: r.name)
def test_all_ways_give_the_same_bits(recording, recipe, tmp_path):
    straight = rows.rows_of(recipe, recording)
    assert len(straight.series) > 40
    by_rows, by_crops = Cache(tmp_path / "rows"), Cache(tmp_path / "crops")
    same(straight, rows.rows_of(recipe, recording, by_rows))
    same(straight, rows.rows_of(recipe, recording, by_crops, keep_crops=True))
    kinds = [sorted(e.meta["kind"] for e in c.entries()) for c in (by_rows, by_crops)]
    assert kinds == [["digest", "rows"], ["crops", "digest", "rows"]]
    keys = rows.keys_of(recipe, recording)
    for cache in (by_rows, by_crops):
        same(straight, rows.load_rows(keys, recording, cache))
        same(straight, rows.load_rows(keys, recording, cache, mapped=True))
    described = describe_video(
        recording.source, recipe.align, recipe.descriptor, video=open_video(recording.source)
    )
    assert described.series.values.tobytes() == straight.series.values.tobytes()
    frames = FrameMap(described.report.source_of)
    sample = rows.sample_of(recipe, recording)
    assert sample.truth == tuple(frames.to_grid(e) for e in recording.expressions)
    assert sample.truth == Sample.of(recording, straight).truth


def backing(array):
    """The array's own kind and those of all that it is a view of."""
    kinds = set()
    while array is not None:
        kinds.add(type(array))
        array = getattr(array, "base", None)
    return kinds


@pytest.mark.parametrize("recipe", [FLOW, LBP], ids=lambda r: r.name)
def test_rows_are_read_from_the_disk_as_needed_only_where_that_is_asked(
    recording, recipe, tmp_path
):
    cache = Cache(tmp_path)
    keys, _ = rows.make_rows(recipe, recording, cache)
    for values in (
        rows.load_rows(keys, recording, cache).series.values,
        rows.rows_of(recipe, recording, cache).series.values,
        rows.load_or_make(recipe, keys, recording, cache)[0].series.values,
    ):
        assert type(values) is np.ndarray
        assert np.memmap not in backing(values)
    for values in (
        rows.load_rows(keys, recording, cache, mapped=True).series.values,
        rows.rows_of(recipe, recording, cache, mapped=True).series.values,
        rows.load_or_make(recipe, keys, recording, cache, mapped=True)[0].series.values,
    ):
        counts = values.counts if isinstance(values, packing.PackedRows) else values
        assert np.memmap in backing(counts)


def harmful(size):
    """An .npy file of so many bytes that makes the folder ``harm`` when it is unpickled."""
    stream = io.BytesIO()
    header = {"descr": "|O", "fortran_order": False, "shape": (1,)}
    np.lib.format.write_array_header_1_0(stream, header)
    stream.write(b"cos\nmkdir\n(Vharm\ntR.")
    return stream.getvalue().ljust(size, b"\0")


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize("name", ["found.npy", "source_of.npy", "rows.npy"])
def test_a_pickled_array_in_the_cache_is_never_unpickled(
    recording, tmp_path, monkeypatch, name, mapped
):
    """Its size is that of the sound file, so that the entry looks whole."""
    monkeypatch.chdir(tmp_path)
    cache = Cache(tmp_path / "cache")
    keys, _ = rows.make_rows(FLOW, recording, cache)
    path = cache.find(keys.rows) / name
    path.write_bytes(harmful(path.stat().st_size))
    assert cache.find(keys.rows) is not None
    spoiled = path.read_bytes()
    straight = rows.rows_of(FLOW, recording)
    found, again = rows.load_or_make(FLOW, keys, recording, cache, mapped)
    assert again
    same(straight, found)
    assert not Path("harm").exists()
    # The file would do harm if it were unpickled.
    with suppress(AttributeError):
        np.load(io.BytesIO(spoiled), allow_pickle=True)
    assert Path("harm").exists()


def test_a_video_is_aligned_once_for_all_descriptors(recording, tmp_path, monkeypatch):
    cache, opened = Cache(tmp_path), []

    def noted(path, fps=None):
        opened.append(path)
        return open_video(path, fps=fps)

    monkeypatch.setattr(rows, "open_video", noted)
    for recipe in (HOG, LBP, FLOW, HOG):
        rows.make_rows(recipe, recording, cache, keep_crops=True)
    assert len(opened) == 1
    kinds = [e.meta["kind"] for e in cache.entries()]
    assert (kinds.count("crops"), kinds.count("rows")) == (1, 3)


def test_what_decides_is_in_the_key(recording, tmp_path, monkeypatch):
    base = rows.keys_of(HOG, recording)
    assert rows.keys_of(HOG, replace(recording, id="x", subject="y")) == base
    # Naming a default changes nothing; changing a value does.
    named = replace(HOG, descriptor=HogTop(span=9, overlap=0.2))
    assert rows.keys_of(named, recording) == base
    other = replace(HOG, descriptor=HogTop(span=9, overlap=0.3))
    assert rows.keys_of(other, recording).crops == base.crops
    assert rows.keys_of(other, recording).rows != base.rows
    larger = replace(HOG, align=Align(size=100))
    assert rows.keys_of(larger, recording).crops != base.crops
    changed = tmp_path / "changed.mp4"
    changed.write_bytes(Path(str(recording.source)).read_bytes() + b"x")
    assert rows.keys_of(HOG, replace(recording, source=str(changed))).crops != base.crops
    monkeypatch.setattr(rows, "code_hash", lambda modules, _: str(modules[0]))
    assert rows.keys_of(HOG, recording).crops != base.crops


def test_rows_that_were_pruned_are_missed_or_made_anew(recording, tmp_path):
    cache = Cache(tmp_path)
    keys, _ = rows.make_rows(FLOW, recording, cache)
    cache.prune(0)
    with pytest.raises(MespotError, match="MESPOT_CACHE_GB"):
        rows.load_rows(keys, recording, cache)
    assert rows.make_rows(FLOW, recording, cache)[0] == keys
    assert len(rows.load_rows(keys, recording, cache).series) > 40


def pruning(monkeypatch, cache, kind, times):
    """Let another process prune an entry between finding and reading it, so often."""
    find, done = Cache.find, []

    def found(self, key):
        folder, meta = find(self, key), self.meta(key)
        if folder is not None and meta["kind"] == kind and len(done) < times:
            done.append(key)
            cache.drop(key)
        return folder

    monkeypatch.setattr(Cache, "find", found)
    return done


@pytest.mark.parametrize("mapped", [False, True])
def test_rows_that_go_between_finding_and_reading_are_made_anew(
    recording, tmp_path, monkeypatch, mapped
):
    cache = Cache(tmp_path)
    keys, _ = rows.make_rows(FLOW, recording, cache)
    straight = rows.load_rows(keys, recording, cache)
    done = pruning(monkeypatch, cache, "rows", 1)
    found, again = rows.load_or_make(FLOW, keys, recording, cache, mapped)
    same(straight, found)
    assert (len(done), again) == (1, True)
    same(straight, rows.rows_of(FLOW, recording, cache))
    assert rows.load_or_make(FLOW, keys, recording, cache)[1] is False


def test_rows_of_another_content_are_never_taken_for_those_that_went(recording, tmp_path):
    """The video is replaced after its keys were made, and the rows are pruned."""
    video = tmp_path / "v.mp4"
    for first, second in ((b"", b"\0"), (b"\0", b"")):
        bytes_of = Path(str(recording.source)).read_bytes()
        video.write_bytes(bytes_of + first)
        shown, cache = replace(recording, source=str(video)), Cache(tmp_path / f"c{len(first)}")
        keys, _ = rows.make_rows(FLOW, shown, cache)
        cache.prune(0)
        video.write_bytes(bytes_of + second)
        with pytest.raises(rows.RowsGone):
            rows.load_or_make(FLOW, keys, shown, cache)


@pytest.mark.parametrize("keep", [False, True])
def test_a_rate_that_does_not_suit_is_refused_whatever_is_kept(recording, tmp_path, keep):
    with pytest.raises(UsageError, match="fixes its lengths in frames at 60"):
        rows.rows_of(replace(FLOW, fps=60.0), recording, Cache(tmp_path), keep_crops=keep)


def test_rows_that_go_a_second_time_are_one_clear_line(recording, tmp_path, monkeypatch):
    cache = Cache(tmp_path)
    keys, _ = rows.make_rows(FLOW, recording, cache)
    done = pruning(monkeypatch, cache, "rows", 99)
    with pytest.raises(MespotError, match="MESPOT_CACHE_GB"):
        rows.load_or_make(FLOW, keys, recording, cache)
    assert len(done) >= 2


def test_crops_that_do_not_stay_are_done_without(recording, tmp_path, monkeypatch):
    cache = Cache(tmp_path)
    straight = rows.rows_of(FLOW, recording)
    done = pruning(monkeypatch, cache, "crops", 99)
    same(straight, rows.rows_of(FLOW, recording, cache, keep_crops=True))
    assert done


def test_the_code_that_decides_found_frames_and_pieces_is_in_the_key(recording, monkeypatch):
    base = rows.keys_of(HOG, recording)
    meaning = code_hash._meaning
    for changed, part in (
        ("stream.py", "both"),
        ("packing.py", "rows"),
        ("hog_top.py", "rows"),
        ("pipeline.py", "both"),
        ("aligner.py", "both"),
    ):

        def other(path, changed=changed):
            return "another" if path.name == changed else meaning(path)

        monkeypatch.setattr(code_hash, "_meaning", other)
        keys = rows.keys_of(HOG, recording)
        assert keys.rows != base.rows, changed
        assert (keys.crops != base.crops) == (part == "both"), changed


def test_how_the_video_was_read_is_kept_with_the_rows(recording, tmp_path):
    by_rows, by_crops = Cache(tmp_path / "rows"), Cache(tmp_path / "crops")
    keys, reading = rows.make_rows(FLOW, recording, by_rows)
    assert (reading.length, reading.frames, reading.fps) == (75, 75, "25")
    assert reading.fps_source == "timestamps"
    assert (reading.frames_without_face, reading.decode_failures, reading.faces) == (0, 0, 1)
    assert rows.make_rows(FLOW, recording, by_rows) == (keys, reading)
    assert rows.make_rows(FLOW, recording, by_crops, keep_crops=True) == (keys, reading)
    assert keys.content == sha256(str(recording.source))


def images(folder, numbers, frames):
    folder.mkdir()
    for number, frame in zip(numbers, frames):
        assert cv2.imwrite(str(folder / f"img{number:03d}.png"), frame)
    return folder


def test_frames_of_a_folder_are_the_numbers_of_its_images(recording, tmp_path):
    """Images 101 … 140 without 110 to 112: frame 20 of the truth is image 121."""
    frames = [frame.image for frame in open_video(str(recording.source))][:40]
    kept = [k for k in range(40) if not 9 <= k < 12]
    folder = images(tmp_path / "x", [101 + k for k in kept], [frames[k] for k in kept])
    truth = (Expression(20, 22, 27),)
    shown = Recording("x", "s", Fraction(25), 40, source=str(folder), expressions=truth)
    for cache, keep in ((None, False), (Cache(tmp_path / "c"), True)):
        sample = Sample.of(shown, rows.rows_of(FLOW, shown, cache, keep_crops=keep))
        assert sample.series.fps == 25
        assert sample.series.n_frames == 40
        assert sample.truth == truth
        assert sample.in_source(truth[0]) == truth[0]
        assert not sample.found[9:12].all()
        assert sample.found[20:].all()
    slower = replace(shown, fps=Fraction(50))
    assert rows.keys_of(FLOW, slower).crops != rows.keys_of(FLOW, shown).crops


@pytest.mark.parametrize("keep", [False, True])
def test_an_image_that_cannot_be_read_moves_no_other(recording, tmp_path, keep):
    """Frame 20 of the truth is the image numbered 121, whether or not 101 can be read."""
    frames = [frame.image for frame in open_video(str(recording.source))][:40]
    folder = images(tmp_path / "x", [101 + k for k in range(40)], frames)
    for number in (101, 102, 140):
        (folder / f"img{number}.png").write_bytes(b"damaged")
    truth = (Expression(20, 22, 27),)
    shown = Recording("x", "s", Fraction(25), 40, source=str(folder), expressions=truth)
    cache = Cache(tmp_path / "c")
    _, reading = rows.make_rows(FLOW, shown, cache, keep)
    assert (reading.length, reading.frames, reading.decode_failures) == (40, 37, 3)
    sample = rows.sample_of(FLOW, shown, cache)
    assert sample.series.n_frames == 37
    assert sample.truth == (Expression(18, 20, 25),)
    assert sample.in_source(sample.truth[0]) == truth[0]


def test_what_cannot_be_decoded_is_told_from_what_cannot_be_read(tmp_path, monkeypatch):
    path = tmp_path / "x.mp4"
    path.write_bytes(b"no video")
    recording = Recording("x", "s", Fraction(25), source=str(path))
    for keep in (False, True):
        with pytest.raises(rows.Undecodable, match="not a video"):
            rows.make_rows(FLOW, recording, Cache(tmp_path / "c"), keep)
    assert issubclass(rows.Undecodable, UnreadableInput)
    usual = Path.open

    def failing(self, *args):
        if self == path:
            raise OSError(errno.EIO, "Input/output error")
        return usual(self, *args)

    # Its digest is known, so that only reading it again shows it.
    monkeypatch.setattr(Path, "open", failing)
    with pytest.raises(UnreadableInput, match="cannot be read") as stopped:
        rows.make_rows(FLOW, recording, Cache(tmp_path / "c"))
    assert not isinstance(stopped.value, rows.Undecodable)


def test_every_second_number_is_every_second_frame(recording, tmp_path):
    frames = [frame.image for frame in open_video(str(recording.source))][:40]
    folder = images(tmp_path / "x", range(1, 81, 2), frames)
    truth = (Expression(20, 22, 31),)
    shown = Recording("x", "s", Fraction(25), 79, source=str(folder), expressions=truth)
    sample = rows.sample_of(FLOW, shown)
    assert sample.truth == (Expression(10, 11, 15),)
    assert sample.in_source(Expression(10, 11, 15)) == Expression(20, 22, 30)


def test_no_face_is_told_both_ways(tmp_path):
    folder = images(tmp_path / "images", range(40), [np.full((120, 160), 90, np.uint8)] * 40)
    recording = Recording("x", "s", Fraction(25), 40, source=str(folder))
    for keep in (False, True):
        with pytest.raises(NoUsableFace, match="no face found in 40 frames") as stopped:
            rows.rows_of(FLOW, recording, Cache(tmp_path / "c"), keep_crops=keep)
        # Also where it comes from another process, its length is known.
        reading = pickle.loads(pickle.dumps(stopped.value)).reading
        assert (reading.length, reading.frames_without_face) == (40, 40)


def test_a_recording_without_a_video_is_one_clear_line(tmp_path):
    bare = Recording("x", "s", Fraction(25), 40)
    with pytest.raises(UsageError, match="no video is named"):
        rows.sample_of(FLOW, bare)
    with pytest.raises(UnreadableInput, match="no such file or folder"):
        rows.keys_of(FLOW, replace(bare, source=str(tmp_path / "gone.mp4")))
    with pytest.raises(UsageError, match="fixes its lengths in frames at 30"):
        rows.check(replace(HOG, fps=30.0), [bare])
