"""Several descriptors side by side: rows of all parts about the same frame."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mespot import material, registry
from mespot.descriptors.stream import describe_stream
from mespot.descriptors.hog_top import HogTop
from mespot.descriptors.region_flow import RegionFlow
from mespot_lab.networks.several import Several, columns_of
from mespot.errors import UsageError
from mespot.recipe import Recipe, load_recipe
from mespot.types import FaceClip, FrameSeries, Recording
from test_descriptors_region_flow import bump, clip_of, moved, textured

FLOW = {"name": "region_flow", "distances_s": [0.1], "stretches": 1}
HOG = {"name": "hog_top", "grid": [2, 2], "span": 6}


@dataclass(frozen=True)
class Told:
    """A descriptor that tells the first, middle and last frame that a row looks at."""

    span: int
    step: int

    def span_at(self, fps):
        return self.span

    def step_at(self, fps):
        return self.step

    def column_names(self, fps):
        return ("first", "middle", "last")

    def describe(self, clip):
        at = np.arange(0, len(clip) - self.span + 1, self.step)
        seen = clip.frames[:, 0, 0].astype(np.float32)
        middle = seen[at + (self.span - 1) // 2]
        values = np.stack([seen[at], middle, seen[at + self.span - 1]], axis=1)
        return FrameSeries(values, 0, self.step, self.span, len(clip), clip.fps)


def numbered(n):
    """Frames that hold their own number."""
    frames = np.arange(n, dtype=np.uint8)[:, None, None] * np.ones((1, 2, 2), np.uint8)
    zeros = np.zeros((n, 5, 2), np.float32)
    return FaceClip(frames, np.ones(n, bool), zeros, np.arange(n) / 30, Fraction(30))


def of_toys(monkeypatch, *toys):
    """``several`` of toy descriptors."""
    by_name = {f"toy{i}": toy for i, toy in enumerate(toys)}
    monkeypatch.setattr(registry, "build", lambda _family, section: by_name[section["name"]])
    return Several(tuple({"name": name} for name in by_name))


def pieces(clip, cuts):
    return [
        FaceClip(
            clip.frames[a:b], clip.found[a:b], clip.landmarks[a:b], clip.times_s[a:b], clip.fps
        )
        for a, b in pairwise([0, *cuts, len(clip)])
    ]


def test_parts_stand_about_the_same_middle(monkeypatch):
    """Worked out by hand: spans 4 and 7, steps 1 and 3, 12 frames: rows begin at 0 and 3."""
    both = of_toys(monkeypatch, Told(4, 1), Told(7, 3))
    series = both.describe(numbered(12))
    assert (series.first, series.step, series.span, series.n_frames) == (0, 3, 7, 12)
    assert series.centres.tolist() == [3, 6]
    assert series.values.tolist() == [[2, 3, 5, 0, 3, 6], [5, 6, 8, 3, 6, 9]]
    assert series.names[:2] == ("0/toy0/first", "0/toy0/middle")
    assert series.names[3:] == ("1/toy1/first", "1/toy1/middle", "1/toy1/last")


def test_steps_that_do_not_divide_each_other(monkeypatch):
    """Steps 2 and 3: the second row of the first part begins between two rows of its own."""
    both = of_toys(monkeypatch, Told(3, 2), Told(5, 3))
    series = both.describe(numbered(15))
    assert series.centres.tolist() == [2, 5, 8, 11]
    assert series.values[:, 1].tolist() == series.values[:, 4].tolist() == [2, 5, 8, 11]
    assert series.values[:, 0].tolist() == [1, 4, 7, 10]


@given(
    n=st.integers(0, 60), spans=st.lists(st.integers(1, 9), min_size=1, max_size=3),
    steps=st.lists(st.integers(1, 6), min_size=3, max_size=3),
    cuts=st.lists(st.integers(0, 60), max_size=4),
)  # fmt: skip
def test_any_spans_and_steps_and_pieces(n, spans, steps, cuts):
    with pytest.MonkeyPatch.context() as monkeypatch:
        toys = [Told(span, step) for span, step in zip(spans, steps)]
        several = of_toys(monkeypatch, *toys)
        clip = numbered(n)
        series = several.describe(clip)
        assert len(series) == max(0, 1 + (n - series.span) // series.step)
        for number, toy in enumerate(toys):
            columns, names = columns_of(series, number)
            first, middle, last = series.values[:, columns].T
            assert names == ("first", "middle", "last")
            assert (middle == series.centres).all()
            assert (last - first == toy.span - 1).all()
            begin = np.arange(len(series)) * series.step
            assert (first >= begin).all()
            assert (last < begin + series.span).all()
        inside = sorted(min(cut, n) for cut in cuts)
        streamed = describe_stream(several, pieces(clip, inside))
        assert np.array_equal(streamed.values, series.values)
        assert (streamed.n_frames, streamed.names) == (n, series.names)


def moving(n, fps):
    image, window = textured(3), bump("brow_inner_left")
    frames = [moved(image, 0 * window, -np.sin(t / 7) * window) for t in range(n)]
    return replace(clip_of(frames), fps=Fraction(fps))


@pytest.mark.parametrize("fps", [30, 200])
def test_each_row_is_what_its_part_gives_of_its_own_frames(fps):
    """Slow oracle: every part describes every row's frames by themselves."""
    clip = moving(70 if fps == 200 else 14, fps)
    several = Several((FLOW, HOG))
    series = several.describe(clip)
    assert series.step == (3 if fps == 200 else 1)
    assert len(series) > 3
    for number, part in enumerate((RegionFlow((0.1,), 1), HogTop((2, 2), span=6))):
        columns, names = columns_of(series, number)
        assert names == part.column_names(clip.fps)
        length = part.span_at(clip.fps)
        for row, centre in enumerate(series.centres):
            start = int(centre) - (length - 1) // 2
            (alone,) = part.describe(pieces(clip, [start, start + length])[1]).values
            assert np.array_equal(series.values[row, columns], alone), (number, row)
    streamed = describe_stream(several, pieces(clip, [3, 4, 9]))
    assert np.array_equal(streamed.values, series.values)
    assert streamed.names == several.column_names(clip.fps)


def test_mirrored_where_every_part_can(monkeypatch):
    finer = {**FLOW, "quality": "coarse"}
    both, clip = Several((FLOW, finer)), moving(9, 30)
    series = both.describe(clip)
    rows = both.mirror(series)
    assert rows.names == series.names
    for number, part in enumerate((RegionFlow((0.1,), 1), RegionFlow((0.1,), 1, quality="coarse"))):
        columns, _ = columns_of(series, number)
        assert np.array_equal(rows.values[:, columns], part.mirror(part.describe(clip)).values)
    assert not np.array_equal(rows.values, series.values)
    with pytest.raises(ValueError, match="no columns of part 0"):
        both.mirror(series.with_values(series.values))
    assert not hasattr(of_toys(monkeypatch, Told(3, 1)), "mirror")


def test_what_cannot_be_side_by_side_is_refused():
    for section, told in (
        ({"parts": []}, "at least one"),
        ({"parts": [{"name": "several"}]}, "cannot be a part of itself"),
        ({"parts": [{"name": "region_flaw"}]}, "did you mean 'region_flow'"),
        ({"parts": [{"name": "hog_top", "grids": 3}]}, "did you mean 'grid'"),
        ({"parts": ["hog_top"]}, "expected a table"),
    ):
        with pytest.raises(UsageError, match=told):
            registry.build("descriptors", {"name": "several", **section})


def test_recipes_set_parts_and_the_cache_tells_them_apart(tmp_path, monkeypatch):
    """Rows are kept under the fields of all parts and the code of each."""
    path = tmp_path / "both.toml"
    path.write_text('[descriptor]\nname = "several"\nparts = [{name = "region_flow"}]\n')
    one = load_recipe(path)
    two = one.override(['descriptor.parts=[{name = "region_flow", stretches = 1}]'])
    video = tmp_path / "a.mp4"
    video.write_bytes(b"frames")
    recording = Recording("a", "s", Fraction(30), source=str(video))
    keys = [material.keys_of(recipe, recording).rows for recipe in (one, two)]
    assert keys[0] != keys[1]
    asked = []
    monkeypatch.setattr(material, "code_hash", lambda names, _: asked.append(set(names)) or "x")
    material.keys_of(Recipe(descriptor={"name": "several"}), recording)
    described = {f"mespot.descriptors.{name}" for name in ("several", "region_flow", "hog_top")}
    assert described <= asked[-1]
