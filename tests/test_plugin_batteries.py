"""Every plug-in that is installed passes its family's battery."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from mespot import registry, testing
from mespot.contracts import BaseDataset, BaseDescriptor, BaseExporter, BaseScorer
from mespot.datasets.folder import Folder
from mespot.errors import UnreadableInput
from mespot.exports.json import Json
from mespot.files import write_text
from mespot.sheet import Sheet
from mespot.types import Expression, FrameSeries, Recording
from scorer_cases import fields_for, rows_for

FEW = {"epochs", "window"}


def small_scorer(name):
    """The scorer with fields that keep its training short."""
    cls = registry.plugin("scorers", name)
    own = fields_for(name)
    if own is None:
        fields = {f.name for f in dataclasses.fields(cls)}
        own = {"epochs": 1, "window": 14} if fields >= FEW else {}
    scorer = cls(**own)
    for module in scorer.training_needs:
        pytest.importorskip(module)
    return scorer


# The descriptor of rows from elsewhere describes nothing; tests register some of their own.
DESCRIPTORS = [n for n in registry.names("descriptors") if n != "rows" and ":" not in n]


@pytest.mark.parametrize("name", DESCRIPTORS)
def test_descriptors(name):
    testing.check_descriptor(registry.plugin("descriptors", name)())


@pytest.mark.parametrize("name", [n for n in registry.names("scorers") if ":" not in n])
def test_scorers(name):
    testing.check_scorer(small_scorer(name), lambda seed: rows_for(name, seed))


@pytest.mark.parametrize("name", registry.names("exports"))
def test_exports(name):
    testing.check_exporter(registry.plugin("exports", name)())


def test_folders(tmp_path):
    (tmp_path / "recordings.csv").write_text(
        "recording,subject,path,fps,n_frames\na,s1,a.mp4,25,90\nb,s2,b.mp4,25,80\n"
    )
    (tmp_path / "events.csv").write_text(
        "recording,onset,apex,offset,kind\na,3,5,9,micro\na,20,,40,macro\n"
    )
    recordings = testing.check_dataset(Folder(), tmp_path)
    assert [r.id for r in recordings] == ["a", "b"]
    assert [len(r.expressions) for r in recordings] == [2, 0]


@dataclasses.dataclass(frozen=True)
class Good(BaseDescriptor):
    """The mean of every frame."""

    def span_at(self, fps):
        return 1

    def describe(self, clip):
        values = clip.frames.mean(axis=(1, 2), dtype=np.float64).astype(np.float32)[:, None]
        return FrameSeries(values, 0, 1, 1, len(clip), clip.fps)


@dataclasses.dataclass(frozen=True)
class LooksAtOthers(Good):
    """The mean of every frame, less that of the whole clip: rows of a piece differ."""

    def describe(self, clip):
        series = super().describe(clip)
        return series.with_values(series.values - series.values.mean())


@dataclasses.dataclass(frozen=True)
class WrongNames(Good):
    """Two names for one column."""

    def column_names(self, fps):
        return ("a", "b")


@dataclasses.dataclass(frozen=True)
class Doubles(Good):
    """float64 rows."""

    def describe(self, clip):
        series = super().describe(clip)
        return series.with_values(series.values.astype(np.float64))


@dataclasses.dataclass(frozen=True)
class Sides(Good):
    """The mean of the left and of the right half of every frame."""

    can_mirror: ClassVar[bool] = True

    def describe(self, clip):
        halves = np.split(clip.frames.astype(np.float32), 2, axis=2)
        values = np.stack([half.mean(axis=(1, 2)) for half in halves], axis=1)
        return FrameSeries(values, 0, 1, 1, len(clip), clip.fps)

    def mirror(self, series):
        return series.with_values(series.values[:, ::-1].copy())


@dataclasses.dataclass(frozen=True)
class NoMirror(Sides):
    """Rows of the left half stay on the left."""

    def mirror(self, series):
        return series


@dataclasses.dataclass(frozen=True)
class MirrorsOnce(Sides):
    """A mirror that grows."""

    def mirror(self, series):
        return series.with_values(series.values[:, ::-1] * 2)


@dataclasses.dataclass(frozen=True)
class Writes(Good):
    """Takes the mean off the frames themselves."""

    def describe(self, clip):
        series = super().describe(clip)
        clip.frames[:] = 0
        return series


@dataclasses.dataclass(frozen=True)
class Divides(Good):
    """A quotient that a black frame breaks."""

    def describe(self, clip):
        series = super().describe(clip)
        with np.errstate(divide="ignore"):
            return series.with_values(1 / series.values)


@dataclasses.dataclass(frozen=True)
class Breaks(Good):
    """Needs at least one frame."""

    def describe(self, clip):
        series = super().describe(clip)
        return series if len(clip) else series.with_values(np.zeros((0, 9), np.float32))


@dataclasses.dataclass(frozen=True)
class Drifts(Good):
    """Another value at every call."""

    calls: ClassVar[list[int]] = []

    def describe(self, clip):
        self.calls.append(1)
        series = super().describe(clip)
        return series.with_values(series.values + len(self.calls))


@dataclasses.dataclass(frozen=True)
class HalfFrames(Good):
    """A span that is no whole number."""

    def span_at(self, fps):
        return fps / 2


@dataclasses.dataclass(frozen=True)
class Undescribed(Good):
    __doc__ = ""


@dataclasses.dataclass(frozen=True)
class OfASet(Good):
    """A field that no recipe can hold."""

    regions: object = frozenset((1, 2))


@pytest.mark.parametrize("plug_in", [Good(), Sides()], ids=lambda d: type(d).__name__)
def test_good_descriptors_pass(plug_in):
    testing.check_descriptor(plug_in)


@pytest.mark.parametrize(
    ("plug_in", "text"),
    [
        (LooksAtOthers(), "own 1 frames"), (WrongNames(), "2 column names"),
        (Doubles(), "float64"), (NoMirror(), "not those of the mirrored clip"),
        (MirrorsOnce(), "twice"), (Writes(), "changes the clip"), (Divides(), "no number"),
        (Breaks(), "0 frames gives another number of columns"), (Drifts(), "a second call"),
        (HalfFrames(), "no whole number"), (Undescribed(), "no docstring"),
        (OfASet(regions=frozenset((3,))), "no recipe can hold"),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_faulty_descriptors_are_found(plug_in, text):
    with pytest.raises(AssertionError, match=text):
        testing.check_descriptor(plug_in)


@dataclasses.dataclass(frozen=True)
class Level(BaseScorer):
    """The mean of every row."""

    def score(self, series, weights):
        values = np.nan_to_num(np.asarray(series.values), posinf=0, neginf=0)
        return series.with_values(values.mean(axis=1, keepdims=True).astype(np.float32))


@dataclasses.dataclass(frozen=True)
class Lies(Level):
    """The mean of every row less that of the first, which claims to be local."""

    def score(self, series, weights):
        scores = super().score(series, weights)
        return scores.with_values(scores.values - scores.values[:1])


@dataclasses.dataclass(frozen=True)
class Holes(Level):
    """NaN where a row is NaN."""

    def score(self, series, weights):
        return series.with_values(series.values.mean(axis=1, keepdims=True).astype(np.float32))


@dataclasses.dataclass(frozen=True)
class Forgets(Level):
    """A row too few."""

    def score(self, series, weights):
        scores = super().score(series, weights)
        return FrameSeries(scores.values[1:], 0, 1, 5, series.n_frames, Fraction(30))


@dataclasses.dataclass(frozen=True)
class LooksAhead(Level):
    """The mean of every row less that of the last, which claims to be local."""

    def score(self, series, weights):
        scores = super().score(series, weights)
        return scores.with_values(scores.values - scores.values[-1:])


@dataclasses.dataclass(frozen=True)
class Whole(Lies):
    """The same, and it says so."""

    whole_series: ClassVar[bool] = True


@dataclasses.dataclass(frozen=True)
class Cleans(Level):
    """Writes into the rows."""

    def score(self, series, weights):
        series.values[:] = np.nan_to_num(series.values) + 1
        return super().score(series, weights)


@dataclasses.dataclass(frozen=True)
class Moves(Level):
    """Scores a frame later than its rows."""

    def score(self, series, weights):
        return dataclasses.replace(super().score(series, weights), n_frames=series.n_frames + 1)


@dataclasses.dataclass(frozen=True)
class Learns(Level):
    """Learns the mean of its rows, and more."""

    learns: ClassVar[bool] = True

    def fit(self, series, truth, seed, quality=None):
        mean = np.mean([s.values.mean() for s in series])
        return {"mean": np.asarray(mean, np.float64), **self.more()}

    def more(self):
        return {}


@dataclasses.dataclass(frozen=True)
class Dice(Learns):
    """Learns by chance."""

    def more(self):
        return {"chance": np.random.default_rng().normal(size=3)}


@dataclasses.dataclass(frozen=True)
class Pickled(Learns):
    """Keeps objects."""

    def more(self):
        return {"names": np.array(["a", None], dtype=object)}


@dataclasses.dataclass(frozen=True)
class Lists(Learns):
    """Keeps lists."""

    def more(self):
        return {"names": [1, 2]}


@dataclasses.dataclass(frozen=True)
class SeesTruth(Level):
    """No ceiling, but scores by the truth."""

    def score_truth(self, series, truth):
        return series.with_values(np.zeros((len(series), 1), np.float32))


@pytest.mark.parametrize("plug_in", [Level(), Whole(), Learns()], ids=lambda s: type(s).__name__)
def test_good_scorers_pass(plug_in):
    testing.check_scorer(plug_in)


@pytest.mark.parametrize(
    ("plug_in", "text"),
    [
        (Lies(), "whole_series = True"), (LooksAhead(), "whole_series = True"),
        (Holes(), "no finite number"), (Forgets(), "scores are"), (Cleans(), "changes the rows"),
        (Moves(), "another n_frames"), (Dice(), "other weights 'chance'"),
        (Pickled(), "'names' need pickle"), (Lists(), "'names' are no array"),
        (SeesTruth(), "no ceiling"),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_faulty_scorers_are_found(plug_in, text):
    with pytest.raises(AssertionError, match=text):
        testing.check_scorer(plug_in)


@dataclasses.dataclass(frozen=True)
class Fixed(BaseDataset):
    """Two recordings that are always there."""

    citation: ClassVar[str] = "None."
    licence: ClassVar[str] = "None."
    how_to_get: ClassVar[str] = "Ask."

    def load(self, root):
        if not Path(root).is_dir():
            raise UnreadableInput(f"{root}: no such folder")
        return self.recordings()

    def recordings(self):
        events = (Expression(3, 5, 9), Expression(20, None, 40, "macro"))
        return [Recording(name, f"s{name}", Fraction(25), 90, "", None, events) for name in "ab"]


@dataclasses.dataclass(frozen=True)
class Twice(Fixed):
    """One id for both."""

    def recordings(self):
        return [dataclasses.replace(r, id="a") for r in super().recordings()]


@dataclasses.dataclass(frozen=True)
class Long(Fixed):
    """Events past the end."""

    def recordings(self):
        return [dataclasses.replace(r, n_frames=30) for r in super().recordings()]


@dataclasses.dataclass(frozen=True)
class Anywhere(Fixed):
    """Loads what is not there."""

    def load(self, root):
        return self.recordings()


@dataclasses.dataclass(frozen=True)
class Crashes(Fixed):
    """Another error than one that the command line shows."""

    def load(self, root):
        next(Path(root).iterdir(), None)
        return self.recordings()


@dataclasses.dataclass(frozen=True)
class Disagrees(Fixed):
    """inspect finds a problem that verify does not."""

    def inspect(self, root):
        return dataclasses.replace(super().inspect(root), problems=("one",))


@dataclasses.dataclass(frozen=True)
class Miscounts(Fixed):
    """inspect counts other events."""

    def inspect(self, root):
        found = super().inspect(root)
        return dataclasses.replace(found, found={**found.found, "micro": 7})


@dataclasses.dataclass(frozen=True)
class NoValues(Fixed):
    """provenance holds an object."""

    def provenance(self, root):
        return {"root": Path(root)}


def test_a_good_dataset_passes(tmp_path):
    assert len(testing.check_dataset(Fixed(), tmp_path)) == 2


@pytest.mark.parametrize(
    ("plug_in", "text"),
    [
        (Twice(), "the same id"), (Long(), "past the last frame"), (Anywhere(), "missing folder"),
        (Crashes(), "not FileNotFoundError"), (Disagrees(), "different problems"),
        (Miscounts(), "counts 7 of 2 micro"), (NoValues(), "not plain JSON"),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_faulty_datasets_are_found(plug_in, text, tmp_path):
    with pytest.raises(AssertionError, match=text):
        testing.check_dataset(plug_in, tmp_path)


@dataclasses.dataclass(frozen=True)
class Frames(BaseExporter):
    """A line of frames per event; only written."""

    suffix: ClassVar[str] = ".frames"

    def write(self, path, sheet):
        lines = [f"{e.onset} {e.offset}" for found in sheet.events.values() for e in found]
        write_text(path, "\n".join(lines))


@dataclasses.dataclass(frozen=True)
class Litters(Frames):
    """Leaves its temporary file."""

    def write(self, path, sheet):
        super().write(path, sheet)
        super().write(f"{path}.tmp", sheet)


@dataclasses.dataclass(frozen=True)
class Shifts(Json):
    """Frames from 1 in the file, which reading forgets."""

    def write(self, path, sheet):
        events = {
            name: [dataclasses.replace(e, offset=e.offset + 1) for e in found]
            for name, found in sheet.events.items()
        }
        super().write(path, dataclasses.replace(sheet, events=events))


@dataclasses.dataclass(frozen=True)
class Trusting(Json):
    """Takes any file for one of its own."""

    def read(self, path, recordings=None):
        try:
            return super().read(path, recordings)
        except UnreadableInput:
            return Sheet({})


@dataclasses.dataclass(frozen=True)
class NoDot(Frames):
    """A suffix without a dot."""

    suffix: ClassVar[str] = "frames"


def test_a_format_that_is_only_written_passes():
    testing.check_exporter(Frames(), reads=False)


@pytest.mark.parametrize(
    ("plug_in", "reads", "text"),
    [
        (Litters(), False, "other files"), (Shifts(), True, "offset is read back"),
        (Trusting(), True, "damaged file"), (NoDot(), False, "no ending"),
        (Json(), False, "read must refuse"),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_faulty_exports_are_found(plug_in, reads, text):
    with pytest.raises(AssertionError, match=text):
        testing.check_exporter(plug_in, reads)
