"""The folder that `mespot spot` writes: files per video, and files for the whole batch.

    events.csv            all spots of all videos
    recordings.csv        all videos that were read, with length and rate
    <stem>.scores.csv     frame,time_s,score,found for every decoded frame
    <stem>.png            score curve, threshold, spots, lost face, onset and apex frames
    run.json              what made them: versions, recipe, weights, inputs
    .mespot.lock          held while a run writes; empty

A video counts as finished when run.json lists it with the same hashes of video, recipe and weights;
then it is skipped. All files are written atomically and run.json last, so a stop at any moment
costs no more than the video in work.

events.csv and recordings.csv belong to a person as much as to mespot: every writing merges into
what stands there (:mod:`mespot.verdicts`). run.json knows what was written into them; what differs
is a person's and stays. A picture or a score file of another origin is never replaced. A result
leaves only when a new one takes its place: where a video has changed and can no longer be spotted,
its old result stays and the run reports the failure.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from mespot.errors import UnreadableInput, UsageError
from mespot.exports.csv import (
    EventRow,
    event_rows,
    read_event_rows,
    read_recording_rows,
    recording_rows,
    recording_text,
    write_event_rows,
    write_recordings,
)
from mespot.files import refuse_standing, sha256, write_text
from mespot.locks import FolderLock
from mespot.recipe import to_values
from mespot.sheet import RecordingRow
from mespot.spotter import Spotter, Spotting
from mespot.types import Expression, Reading, Recording
from mespot.verdicts import UNSEEN, merge, merge_recordings

FORMAT = 1
_PARTS = ("onset", "apex", "offset")
# What a file of nothing but a byte order mark, separators and line ends is made of.
_BLANK = b"\xef\xbb\xbf,;\t\r\n "
_SCORES_HEADER = "frame,time_s,score,found\n"
_REMEDY = "; mend it, or move it away to have it written anew"


def item_names(paths: Sequence[str | Path], taken: Mapping[str, str] | None = None) -> list[str]:
    """A name for every input: its stem; where stems clash, the parent folder's name in front.

    ``taken`` (name -> resolved path) are names that earlier runs gave away: an input keeps its own.
    """
    used = dict(taken or {})
    owner = {path: name for name, path in used.items()}
    resolved = [Path(p).resolve() for p in paths]
    stems = [p.name if p.is_dir() else p.stem for p in resolved]
    names = []
    for path, stem in zip(resolved, stems):
        name = owner.get(str(path))
        if name is None:
            plain = stem or "root"
            clashes = stems.count(stem) > 1 or plain in used
            name = base = f"{path.parent.name}_{plain}" if clashes else plain
            number = 2
            while name in used:
                name, number = f"{base}_{number}", number + 1
        used[name] = str(path)
        names.append(name)
    return names


@dataclass
class ResultFolder:
    """The state of a result folder, which has one writer at a time; a context manager.

    Attributes
    ----------
    items : dict of name to what run.json holds of a finished video
        Results of another recipe, other weights or another version, which ``overwrite`` lets stand
        until new ones replace them, carry theirs as ``key``.
    notes : list of str
        What the user should know, one line each; ``take_notes`` empties it.
    """

    folder: Path
    spotter: Spotter
    versions: dict[str, str]
    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = FolderLock(self.folder)
        self._open = False
        # What was written into events.csv, per item: the spots of before that a person judged,
        # moved or deleted included.
        self._offered: dict[str, list[dict[str, Any]]] = {}
        # What was written into recordings.csv.
        self._listed: list[RecordingRow] = []

    def __enter__(self) -> ResultFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let others write into the folder."""
        self._lock.release()
        self._open = False

    def take_notes(self) -> list[str]:
        """The notes since the last call."""
        taken, self.notes = self.notes, []
        return taken

    @property
    def key(self) -> dict[str, str]:
        """What, beside the video itself, decides a result."""
        return {
            "recipe_sha256_16": self.spotter.recipe.hash,
            "weights_sha256": self.spotter.weights_hash,
            "mespot": self.versions["mespot"],
        }

    def resume(self, overwrite: bool = False) -> None:
        """Lock the folder, take over its finished items, and bring events.csv up to date.

        Raises UsageError where another process writes into the folder, or where it holds results of
        another recipe, other weights or another version and ``overwrite`` is not set;
        UnreadableInput where run.json or a table cannot be read. Nothing has changed then.
        """
        self._lock.acquire()
        if self._lock.note:
            self.notes.append(self._lock.note)
        try:
            self._take_over(overwrite)
            _listed(self._recordings_path)
            self._write_events()
        except BaseException:
            self.close()
            raise
        self._open = True

    def _take_over(self, overwrite: bool) -> None:
        """Read run.json."""
        path = self.folder / "run.json"
        if not path.is_file():
            return
        try:
            stored = json.loads(path.read_text("utf-8"))
            known = stored["format"] == FORMAT
            same = known and stored["key"] == self.key
            if known:
                items = {
                    name: _owned(item, stored["key"], self.key)
                    for name, item in stored["items"].items()
                }
                offered = {name: item["spots"] for name, item in items.items()}
                offered |= stored.get("offered", {})
                _rows_of(offered)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UnreadableInput(
                f"{path}: damaged ({error}); delete it or choose another folder with -o"
            ) from error
        if not same and not overwrite:
            raise UsageError(
                f"{self.folder}: holds results of another recipe, other weights or another version "
                "of mespot; choose another folder with -o, or --overwrite them"
            )
        if known:
            self.items, self._offered = items, offered
            self._listed = self._recording_rows()

    @property
    def stale(self) -> list[str]:
        """Names of the items whose results are of another recipe, other weights or version."""
        return [name for name, item in self.items.items() if "key" in item]

    @property
    def taken(self) -> dict[str, str]:
        """Names of the items and the resolved paths of their inputs."""
        return {name: item["path"] for name, item in self.items.items()}

    def finished(self, name: str, digest: str, how: dict[str, Any]) -> bool:
        """Whether this video is done in the same way (``how``), with all its files still there."""
        item = self.items.get(name)
        return (
            item is not None
            and "key" not in item
            and item["input_sha256"] == digest
            and item["how"] == how
            and all((self.folder / f"{name}.{end}").is_file() for end in ("scores.csv", "png"))
        )

    def refuse_foreign(self, name: str) -> None:
        """Raise UsageError if a file that mespot did not write has the name of a new result file.

        A stopped run leaves at most a score file, or a picture with its score file.
        """
        scores, picture = (self.folder / f"{name}.{end}" for end in ("scores.csv", "png"))
        if name not in self.items and not _is_scores(scores):
            refuse_standing([scores, picture], "choose another folder with -o")

    def add(
        self,
        name: str,
        digest: str,
        spotting: Spotting,
        how: dict[str, Any],
        truth: list[Expression] | None = None,
    ) -> None:
        """Write one video's files, then the batch's files with it in.

        ``how`` are the choices of the run beside recipe and weights: ``faces`` (whether pictures
        may show them), ``fps`` and ``force``. ``truth`` is drawn into the picture where known.
        Without an earlier ``resume``, results that stand in the folder may be overwritten.

        Raises UnreadableInput or OSError where a table can meanwhile not be read or written. The
        result is kept in run.json then, and comes into the table with the next run. Raises
        UsageError as :meth:`refuse_foreign`.
        """
        if not self._open:
            self.resume(overwrite=True)
        self.refuse_foreign(name)
        # Loading the plotting library takes longer than spotting some seconds of video.
        from mespot.picture import draw

        write_text(self.folder / f"{name}.scores.csv", scores_csv(spotting))
        draw(spotting, self.folder / f"{name}.png", faces=how["faces"], truth=truth)
        self.items[name] = {
            "path": str(Path(spotting.path).resolve()),
            "input_sha256": digest,
            "how": how,
            **_reading(spotting.reading),
            "fps_exact": str(spotting.fps),
            "threshold": spotting.threshold,
            "notes": spotting.notes,
            "spots": [
                {
                    **{k: v for k, v in asdict(e).items() if k != "attributes"},
                    "onset_s": float(spotting.times_s[e.onset]),
                    "apex_s": None if e.apex is None else float(spotting.times_s[e.apex]),
                    "offset_s": float(spotting.times_s[e.offset]),
                }
                for e in spotting.expressions
            ],
        }
        try:
            self._write_events(spotted=name)
        finally:
            try:
                self._write_recordings()
            finally:
                self._write_run()

    def _write_events(self, spotted: str | None = None) -> None:
        """Merge the spots of all items into events.csv; ``spotted`` is the item that is new."""
        path = self.folder / "events.csv"
        columns, standing = _standing(path)
        if not standing:
            # Deleted or emptied: that is no verdict on any spot.
            self._offered = {}
        if not self.items:
            if standing:
                self.notes.append(
                    f"{path}: {_counted(len(standing))} kept that mespot did not write"
                )
            return
        fresh = _rows_of({name: item["spots"] for name, item in self.items.items()})
        offered = _rows_of(self._offered)
        merged = merge(standing, [o.row for o in offered], [f.row for f in fresh])
        if columns is None or [r.cells for r in merged.rows] != [r.cells for r in standing]:
            write_event_rows(path, merged.rows, columns or ())
        spent = {id(row) for row in merged.spent}
        now = {name: list(item["spots"]) for name, item in self.items.items()}
        for spot in offered:
            if id(spot.row) in spent and spot.written not in now[spot.name]:
                now[spot.name].append(spot.written)
        self._offered = now
        kept = 0 if spotted is None else _count(merged.kept, spotted)
        if kept:
            self.notes.append(
                f"{spotted}: {_counted(kept)} of events.csv kept that a person decided, changed or "
                "added"
            )

    @property
    def _recordings_path(self) -> Path:
        return self.folder / "recordings.csv"

    def _recording_rows(self) -> list[RecordingRow]:
        """What recordings.csv has to say of the items."""
        recordings = [
            Recording(
                recording_text(name), "", Fraction(item["fps_exact"]), item["frames"],
                source=item["path"],
            )
            for name, item in self.items.items()
        ]  # fmt: skip
        return recording_rows(self._recordings_path, recordings)

    def _write_recordings(self) -> None:
        """Merge the items into recordings.csv."""
        fresh, standing = self._recording_rows(), _listed(self._recordings_path)
        merged = merge_recordings(standing, self._listed, fresh)
        if merged != standing:
            write_recordings(self._recordings_path, merged)
        self._listed = fresh

    def _write_run(self) -> None:
        recipe = self.spotter.recipe
        offered = {name: self._offered.get(name, []) for name in self.items}
        differing = {n: spots for n, spots in offered.items() if spots != self.items[n]["spots"]}
        run = {
            "format": FORMAT,
            "key": self.key,
            "versions": self.versions,
            "recipe": to_values(recipe),
            "seed": recipe.seed,
            "items": self.items,
            **({"offered": differing} if differing else {}),
        }
        write_text(self.folder / "run.json", json.dumps(run, indent=1) + "\n")


@dataclass(frozen=True)
class _Spot:
    """A spot of an item as run.json holds it, and as a line of events.csv."""

    name: str
    written: dict[str, Any]
    row: EventRow


def _rows_of(spots: Mapping[str, list[dict[str, Any]]]) -> list[_Spot]:
    """The spots of all items in order, each with its line."""
    return [
        _Spot(name, spot, row)
        for name, found in spots.items()
        for spot, row in zip(found, _lines(name, found), strict=True)
    ]


def _lines(name: str, spots: list[dict[str, Any]]) -> list[EventRow]:
    times = {spot[part]: spot[f"{part}_s"] for spot in spots for part in _PARTS}
    return event_rows({name: [_expression(spot) for spot in spots]}, (), {name: times})


def _expression(spot: dict[str, Any]) -> Expression:
    return Expression(
        spot["onset"], spot["apex"], spot["offset"], spot["kind"], spot["score"],
        {"status": UNSEEN},
    )  # fmt: skip


def _owned(item: dict[str, Any], key: dict[str, str], now: dict[str, str]) -> dict[str, Any]:
    """The item, with the key it was made under where this is not the present one."""
    own = item.get("key", key)
    plain = {k: v for k, v in item.items() if k != "key"}
    return plain if own == now else {**plain, "key": own}


def _standing(path: Path) -> tuple[tuple[str, ...] | None, list[EventRow]]:
    """Columns and lines of the events.csv that stands there; None and none of a missing one.

    Raises UnreadableInput with what to do.
    """
    try:
        if not path.exists() or not path.read_bytes().strip(_BLANK):
            return None, []
        return read_event_rows(path)
    except OSError as error:
        raise UnreadableInput(f"{path}: cannot be read ({error.strerror}){_REMEDY}") from error
    except UnreadableInput as error:
        raise UnreadableInput(f"{error}{_REMEDY}") from error


def _listed(path: Path) -> list[RecordingRow]:
    """The rows of the recordings.csv that stands there; none of a missing or empty one.

    Raises UnreadableInput with what to do.
    """
    try:
        if not path.exists() or not path.read_bytes().strip(_BLANK):
            return []
        return read_recording_rows(path, name_all=True)
    except OSError as error:
        raise UnreadableInput(f"{path}: cannot be read ({error.strerror}){_REMEDY}") from error
    except UnreadableInput as error:
        raise UnreadableInput(f"{error}{_REMEDY}") from error


def _is_scores(path: Path) -> bool:
    """Whether the file begins as :func:`scores_csv` does."""
    try:
        return path.read_bytes().startswith(_SCORES_HEADER.encode())
    except OSError:
        return False


def _count(rows: Sequence[EventRow], name: str) -> int:
    """How many rows are of the item."""
    text = recording_text(name)
    return sum(row.recording == text for row in rows)


def _counted(number: int) -> str:
    return f"{number} row{'' if number == 1 else 's'}"


def _reading(reading: Reading) -> dict[str, Any]:
    """How the video was read, as run.json has it."""
    names = ("frames", "fps_source", "frames_without_face", "decode_failures", "faces")
    return {"fps": float(Fraction(reading.fps)), **{n: getattr(reading, n) for n in names}}


def scores_csv(spotting: Spotting) -> str:
    """``frame,time_s,score,found`` for every decoded frame; an empty score is unknown."""
    text = io.StringIO()
    text.write(_SCORES_HEADER)
    rows = zip(spotting.times_s.tolist(), spotting.scores.tolist(), spotting.found.tolist())
    for frame, (time_s, score, found) in enumerate(rows):
        shown = "" if np.isnan(score) else f"{score:.6f}"
        text.write(f"{frame},{time_s:.6f},{shown},{int(found)}\n")
    return text.getvalue()


def input_digest(path: str | Path) -> str:
    """SHA-256 of the input; UnreadableInput where it cannot be read."""
    if not Path(path).exists():
        raise UnreadableInput(f"{path}: no such file or folder")
    try:
        return sha256(path)
    except OSError as error:
        raise UnreadableInput(f"{path}: cannot be read ({error.strerror})") from error
