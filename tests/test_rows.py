"""From a video to a sample: the cache, kept crops and the video itself give the same bits."""

from __future__ import annotations

import errno
import pickle
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from mespot import _code, _footage, _truth, material, registry
from mespot.cache import Cache
from mespot.datasets.folder import Folder
from mespot.errors import MespotError, NoUsableFace, UnreadableInput, UsageError
from mespot.files import sha256
from mespot.pipeline import describe_video
from mespot.recipe import Recipe
from mespot.synthetic import Plan, STANDARD, load_portraits, write_dataset
from mespot.types import Expression, Recording
from mespot.video import open_video

FLOW = Recipe("flow", descriptor={"name": "region_flow"}, align={"size": 96})
HOG = Recipe("hog", descriptor={"name": "hog_top", "span": 9}, align={"size": 96})
LBP = Recipe("lbp", descriptor={"name": "lbp_top", "span": 9}, align={"size": 96})
SMALL = replace(STANDARD, width=320, height=240, eye_px=(46.0, 54.0), micro_per_minute=60.0)


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """One synthetic recording of three seconds."""
    pytest.importorskip("skimage")
    folder = tmp_path_factory.mktemp("video")
    write_dataset(load_portraits(None), folder, Plan(1, 3.0, Fraction(25), 5, SMALL))
    return Folder().load(folder)[0]


def same(one, other):
    a, b = one.series, other.series
    assert np.asarray(a.values).tobytes() == np.asarray(b.values).tobytes()
    assert (a.first, a.step, a.span, a.n_frames, a.fps, a.names) == (
        b.first, b.step, b.span, b.n_frames, b.fps, b.names,
    )  # fmt: skip
    assert np.array_equal(one.found, other.found)
    assert one.truth == other.truth
    assert (one.source_of is None) == (other.source_of is None)


@pytest.mark.parametrize("recipe", [FLOW, HOG, LBP], ids=lambda r: r.name)
def test_all_ways_give_the_same_bits(recording, recipe, tmp_path):
    straight = material.sample_of(recipe, recording)
    assert len(straight.series) > 40
    by_rows, by_crops = Cache(tmp_path / "rows"), Cache(tmp_path / "crops")
    same(straight, material.sample_of(recipe, recording, by_rows))
    same(straight, material.sample_of(recipe, recording, by_crops, keep_crops=True))
    kinds = [sorted(e.meta["kind"] for e in c.entries()) for c in (by_rows, by_crops)]
    assert kinds == [["digest", "rows"], ["crops", "digest", "rows"]]
    keys = material.keys_of(recipe, recording)
    for cache in (by_rows, by_crops):
        same(straight, material.load_sample(keys, recording, cache))
        same(straight, material.load_sample(keys, recording, cache, mapped=True))
    descriptor = registry.build("descriptors", recipe.descriptor)
    config = material._align_config(recipe)
    described = describe_video(str(recording.source), config, descriptor)
    assert straight.truth == tuple(described.to_grid(e) for e in recording.expressions)


def test_a_video_is_aligned_once_for_all_descriptors(recording, tmp_path, monkeypatch):
    cache, opened = Cache(tmp_path), []

    def noted(path, fps=None):
        opened.append(path)
        return open_video(path, fps=fps)

    monkeypatch.setattr(_footage, "open_video", noted)
    for recipe in (HOG, LBP, FLOW, HOG):
        material.make_rows(recipe, recording, cache, keep_crops=True)
    assert len(opened) == 1
    kinds = [e.meta["kind"] for e in cache.entries()]
    assert (kinds.count("crops"), kinds.count("rows")) == (1, 3)


def test_what_decides_is_in_the_key(recording, tmp_path, monkeypatch):
    base = material.keys_of(HOG, recording)
    assert material.keys_of(HOG, replace(recording, id="x", subject="y")) == base
    # Naming a default changes nothing; changing a value does.
    named = replace(HOG, descriptor={**HOG.descriptor, "overlap": 0.2})
    assert material.keys_of(named, recording) == base
    other = replace(HOG, descriptor={**HOG.descriptor, "overlap": 0.3})
    assert material.keys_of(other, recording).crops == base.crops
    assert material.keys_of(other, recording).rows != base.rows
    larger = replace(HOG, align={"size": 100})
    assert material.keys_of(larger, recording).crops != base.crops
    changed = tmp_path / "changed.mp4"
    changed.write_bytes(Path(str(recording.source)).read_bytes() + b"x")
    assert material.keys_of(HOG, replace(recording, source=str(changed))).crops != base.crops
    monkeypatch.setattr(material, "code_hash", lambda modules, _: str(modules[0]))
    assert material.keys_of(HOG, recording).crops != base.crops


def test_rows_that_were_pruned_are_missed_or_made_anew(recording, tmp_path):
    cache = Cache(tmp_path)
    keys = material.make_rows(FLOW, recording, cache)
    cache.prune(0)
    with pytest.raises(MespotError, match="MESPOT_CACHE_GB"):
        material.load_sample(keys, recording, cache)
    assert material.make_rows(FLOW, recording, cache) == keys
    assert len(material.load_sample(keys, recording, cache).series) > 40


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
    keys = material.make_rows(FLOW, recording, cache)
    straight = material.load_sample(keys, recording, cache)
    done = pruning(monkeypatch, cache, "rows", 1)
    sample, again = material.load_or_make(FLOW, keys, recording, cache, mapped)
    same(straight, sample)
    assert (len(done), again) == (1, True)
    same(straight, material.sample_of(FLOW, recording, cache))
    assert material.load_or_make(FLOW, keys, recording, cache)[1] is False


def test_rows_that_go_a_second_time_are_one_clear_line(recording, tmp_path, monkeypatch):
    cache = Cache(tmp_path)
    keys = material.make_rows(FLOW, recording, cache)
    made = material._described(FLOW, recording)
    monkeypatch.setattr(material, "_described", lambda *_: made)
    done = pruning(monkeypatch, cache, "rows", 99)
    with pytest.raises(MespotError, match="MESPOT_CACHE_GB"):
        material.load_or_make(FLOW, keys, recording, cache)
    assert len(done) >= 2


def test_crops_that_do_not_stay_are_done_without(recording, tmp_path, monkeypatch):
    cache = Cache(tmp_path)
    straight = material.sample_of(FLOW, recording)
    done = pruning(monkeypatch, cache, "crops", 99)
    same(straight, material.sample_of(FLOW, recording, cache, keep_crops=True))
    assert done


def test_the_code_that_decides_found_frames_and_pieces_is_in_the_key(recording, monkeypatch):
    base = material.keys_of(HOG, recording)
    meaning = _code._meaning
    for changed, part in (
        ("_making.py", "rows"),
        ("pipeline.py", "rows"),
        ("_footage.py", "crops"),
    ):

        def other(path, changed=changed):
            return "another" if path.name == changed else meaning(path)

        monkeypatch.setattr(_code, "_meaning", other)
        keys = material.keys_of(HOG, recording)
        assert keys.rows != base.rows, changed
        assert (keys.crops != base.crops) == (part == "crops"), changed


def test_how_the_video_was_read_is_kept_with_the_rows(recording, tmp_path):
    by_rows, by_crops = Cache(tmp_path / "rows"), Cache(tmp_path / "crops")
    keys, facts = material.rows_and_facts(FLOW, recording, by_rows)
    assert (facts["length"], facts["frames"], facts["fps"]) == (75, 75, "25")
    assert facts["fps_source"] == "timestamps"
    assert (facts["frames_without_face"], facts["decode_failures"], facts["faces"]) == (0, 0, 1)
    assert material.rows_and_facts(FLOW, recording, by_rows) == (keys, facts)
    assert material.rows_and_facts(FLOW, recording, by_crops, True) == (keys, facts)
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
        sample = material.sample_of(FLOW, shown, cache, keep_crops=keep)
        assert sample.series.fps == 25
        assert sample.series.n_frames == 40
        assert sample.truth == truth
        assert sample.in_source(truth[0]) == truth[0]
        assert not sample.found[9:12].all()
        assert sample.found[20:].all()
    slower = replace(shown, fps=Fraction(50))
    assert material.keys_of(FLOW, slower).crops != material.keys_of(FLOW, shown).crops


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
    _, facts = material.rows_and_facts(FLOW, shown, cache, keep)
    assert (facts["length"], facts["frames"], facts["decode_failures"]) == (40, 37, 3)
    sample = material.sample_of(FLOW, shown, cache)
    assert sample.series.n_frames == 37
    assert sample.truth == (Expression(18, 20, 25),)
    assert sample.in_source(sample.truth[0]) == truth[0]


def test_what_cannot_be_decoded_is_told_from_what_cannot_be_read(tmp_path, monkeypatch):
    path = tmp_path / "x.mp4"
    path.write_bytes(b"no video")
    recording = Recording("x", "s", Fraction(25), source=str(path))
    for keep in (False, True):
        with pytest.raises(_footage.Undecodable, match="not a video"):
            material.make_rows(FLOW, recording, Cache(tmp_path / "c"), keep)
    assert issubclass(_footage.Undecodable, UnreadableInput)
    usual = Path.open

    def failing(self, *args):
        if self == path:
            raise OSError(errno.EIO, "Input/output error")
        return usual(self, *args)

    # Its digest is known, so that only reading it again shows it.
    monkeypatch.setattr(Path, "open", failing)
    with pytest.raises(UnreadableInput, match="cannot be read") as stopped:
        material.make_rows(FLOW, recording, Cache(tmp_path / "c"))
    assert not isinstance(stopped.value, _footage.Undecodable)


def test_every_second_number_is_every_second_frame(recording, tmp_path):
    frames = [frame.image for frame in open_video(str(recording.source))][:40]
    folder = images(tmp_path / "x", range(1, 81, 2), frames)
    truth = (Expression(20, 22, 31),)
    shown = Recording("x", "s", Fraction(25), 79, source=str(folder), expressions=truth)
    sample = material.sample_of(FLOW, shown)
    assert sample.truth == (Expression(10, 11, 15),)
    assert sample.in_source(Expression(10, 11, 15)) == Expression(20, 22, 30)


def test_no_face_is_told_both_ways(tmp_path):
    folder = images(tmp_path / "images", range(40), [np.full((120, 160), 90, np.uint8)] * 40)
    recording = Recording("x", "s", Fraction(25), 40, source=str(folder))
    for keep in (False, True):
        with pytest.raises(NoUsableFace, match="no face found in 40 frames") as stopped:
            material.sample_of(FLOW, recording, Cache(tmp_path / "c"), keep_crops=keep)
        # Also where it comes from another process, its length is known.
        facts = pickle.loads(pickle.dumps(stopped.value)).facts
        assert (facts["length"], facts["frames_without_face"]) == (40, 40)


def test_a_recording_without_a_video_is_one_clear_line(tmp_path):
    bare = Recording("x", "s", Fraction(25), 40)
    with pytest.raises(UsageError, match="no video is named"):
        material.sample_of(FLOW, bare)
    with pytest.raises(UnreadableInput, match="no such file or folder"):
        material.keys_of(FLOW, replace(bare, source=str(tmp_path / "gone.mp4")))
    with pytest.raises(UsageError, match="fixes its lengths in frames at 30"):
        material.check(replace(HOG, fps=30.0), [bare])


@pytest.mark.parametrize(
    ("event", "expected"),
    [((1, 2, 3), (2, 3, 4)), ((0, None, 0), (0, None, 1)), ((2, 9, 9), (3, 5, 5))],
)
def test_truth_is_brought_to_the_grid(event, expected):
    """Grid frames 0 … 5 show file frames 0 0 1 2 3 5; frame 4 is never shown."""
    at = np.array([0, 0, 1, 2, 3, 5])
    moved = _truth.on_grid(Expression(*event), at, 6)
    assert (moved.onset, moved.apex, moved.offset) == expected
