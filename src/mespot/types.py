"""The values that everything else speaks in: frozen, validated, numpy only.

Frames are integers, 0-based; ``onset`` and ``offset`` are inclusive. A name ending in ``_s`` is in
seconds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

KINDS = ("micro", "macro", "blink", "other")


@dataclass(frozen=True)
class Expression:
    """A facial movement from onset to offset: truth and prediction are one type.

    Parameters
    ----------
    onset, offset : int
        First and last frame of the movement, inclusive.
    apex : int or None
        Frame of the strongest movement, within [onset, offset]; None where it was not annotated.
    kind : {"micro", "macro", "blink", "other"}
    score : float or None
        How strongly a spotter holds it to be one; None for truth.
    attributes : mapping of str to str
        Anything else that came with it (AU string, coder, status ...).

    Raises
    ------
    ValueError
        If the frames are not in order, negative, or the kind is unknown.
    """

    onset: int
    apex: int | None
    offset: int
    kind: str = "micro"
    score: float | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("onset", "apex", "offset"):
            value = getattr(self, name)
            if value is None and name == "apex":
                continue
            if isinstance(value, bool) or not isinstance(value, int | np.integer):
                raise ValueError(f"{name} must be a whole frame number, not {value!r}")
            object.__setattr__(self, name, int(value))
        if self.onset < 0:
            raise ValueError(
                f"onset {self.onset} is before the first frame (frame numbers start at 0)"
            )
        if self.offset < self.onset:
            raise ValueError(f"offset {self.offset} is before onset {self.onset}")
        if self.apex is not None and not self.onset <= self.apex <= self.offset:
            raise ValueError(f"apex {self.apex} is outside [{self.onset}, {self.offset}]")
        if self.kind not in KINDS:
            raise ValueError(f"kind {self.kind!r} is none of {', '.join(KINDS)}")
        if self.score is not None and not math.isfinite(self.score):
            raise ValueError(f"score {self.score!r} is not a finite number")

    @property
    def n_frames(self) -> int:
        """Length in frames, onset and offset included."""
        return self.offset - self.onset + 1

    @property
    def apex_or_middle(self) -> int:
        """The apex, or the middle of the interval (rounded down) where it was not annotated."""
        return (self.onset + self.offset) // 2 if self.apex is None else self.apex


@dataclass(frozen=True)
class Recording:
    """One video of one subject and what is known to happen in it; holds no pixels.

    ``source`` is a path (video file or folder of images) or None where only the truth is at hand.
    ``fps`` is exact; ``n_frames`` may be None where it is not known without decoding.
    """

    id: str
    subject: str
    fps: Fraction
    n_frames: int | None = None
    dataset: str = ""
    source: str | None = None
    expressions: tuple[Expression, ...] = ()

    def __post_init__(self) -> None:
        if not self.id:
            raise ValueError("a recording needs an id")
        object.__setattr__(self, "fps", Fraction(self.fps))
        if self.fps <= 0:
            raise ValueError(f"recording {self.id}: fps must be positive, not {self.fps}")
        if self.n_frames is not None and self.n_frames < 0:
            raise ValueError(f"recording {self.id}: n_frames must not be negative")
        object.__setattr__(self, "expressions", tuple(self.expressions))

    @property
    def minutes(self) -> float:
        """Length in minutes; NaN where the number of frames is unknown."""
        return math.nan if self.n_frames is None else float(self.n_frames / self.fps) / 60.0


@dataclass(frozen=True)
class FaceClip:
    """Registered face crops of consecutive frames; a frame without a face stays in, marked.

    Attributes
    ----------
    frames : (T, H, W) uint8
        Where no face was found, the last crop before it (or zeros) is held.
    found : (T,) bool
    landmarks : (T, K, 2) float32
        Control points x, y in source pixels; NaN where no face was found.
    times_s : (T,) float64
        Seconds from the first frame of the video.
    fps : Fraction
        Rate of the uniform grid that the frames stand on.
    """

    frames: NDArray[np.uint8]
    found: NDArray[np.bool_]
    landmarks: NDArray[np.float32]
    times_s: NDArray[np.float64]
    fps: Fraction

    def __post_init__(self) -> None:
        n = len(self.frames)
        if self.frames.ndim != 3 or self.frames.dtype != np.uint8:
            raise ValueError(
                f"frames must be (T, H, W) uint8, not {self.frames.shape} {self.frames.dtype}"
            )
        if self.landmarks.ndim != 3 or self.landmarks.shape[2] != 2:
            raise ValueError(f"landmarks must be (T, K, 2), not {self.landmarks.shape}")
        for name in ("found", "landmarks", "times_s"):
            if len(getattr(self, name)) != n:
                raise ValueError(f"{name} has {len(getattr(self, name))} entries for {n} frames")
        if self.found.dtype != np.bool_:
            raise ValueError(f"found must be bool, not {self.found.dtype}")
        object.__setattr__(self, "fps", Fraction(self.fps))

    def __len__(self) -> int:
        return len(self.frames)


@dataclass(frozen=True)
class FrameSeries:
    """Rows of numbers along a video: a descriptor (d columns) or a score curve (d = 1).

    Row i covers the frames ``first + i * step`` to ``first + i * step + span - 1``.

    Attributes
    ----------
    values : (n, d) float32
    first, step, span : int
        In frames.
    n_frames : int
        Length of the video the rows stand on, in frames.
    fps : Fraction
    names : tuple of d str, or empty
    """

    values: NDArray[np.float32]
    first: int
    step: int
    span: int
    n_frames: int
    fps: Fraction
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.values.ndim != 2:
            raise ValueError(f"values must be (n, d), not {self.values.shape}")
        if self.step < 1 or self.span < 1 or self.first < 0:
            raise ValueError(
                f"first {self.first}, step {self.step}, span {self.span}: need >= 0, 1, 1"
            )
        n = len(self.values)
        if n and self.first + (n - 1) * self.step + self.span > self.n_frames:
            raise ValueError(
                f"{n} rows of span {self.span} from frame {self.first} by {self.step} "
                f"end past the last of {self.n_frames} frames"
            )
        if self.names and len(self.names) != self.values.shape[1]:
            raise ValueError(f"{len(self.names)} names for {self.values.shape[1]} columns")
        object.__setattr__(self, "fps", Fraction(self.fps))

    def __len__(self) -> int:
        return len(self.values)

    @property
    def centres(self) -> NDArray[np.int64]:
        """(n,) the middle frame of every row: i + (span - 1) / 2, rounded down (paper, LSTM)."""
        return self.first + np.arange(len(self.values)) * self.step + (self.span - 1) // 2

    def all_found(self, found: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """(n,) whether the face was followed in every frame of each row.

        ``found`` is (n_frames,). A row that touches a lost frame shows a crop that was held, or the
        jump after it: it says nothing about the face.
        """
        if found.shape != (self.n_frames,):
            raise ValueError(f"found must be ({self.n_frames},), not {found.shape}")
        lost = np.concatenate([[0], np.cumsum(~found)])
        starts = self.first + np.arange(len(self.values)) * self.step
        return np.asarray(lost[starts + self.span] == lost[starts])

    def with_values(self, values: NDArray[np.float32], names: tuple[str, ...] = ()) -> FrameSeries:
        """The same rows with other values, (n, d') float32."""
        return FrameSeries(values, self.first, self.step, self.span, self.n_frames, self.fps, names)


@dataclass(frozen=True)
class FrameMap:
    """Between a recording's own frames and the uniform grid that its rows stand on.

    Truth, spots and files count the recording's frames (decoded frames of a video file, image
    numbers of a folder); alignment, rows and scores count grid frames.

    Attributes
    ----------
    source_of : (n_grid,) int64
        The recording's frame at every grid frame; never decreasing.
    """

    source_of: NDArray[np.int64]

    @classmethod
    def identity(cls, n_grid: int) -> FrameMap:
        """The map of a recording whose frames are the grid's."""
        return cls(np.arange(n_grid, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.source_of)

    @property
    def is_identity(self) -> bool:
        """Whether both count alike."""
        return bool(np.array_equal(self.source_of, np.arange(len(self.source_of))))

    def to_source(self, expression: Expression) -> Expression:
        """The expression in the recording's frames instead of grid frames."""
        at = self.source_of
        apex = None if expression.apex is None else int(at[expression.apex])
        onset, offset = int(at[expression.onset]), int(at[expression.offset])
        return replace(expression, onset=onset, apex=apex, offset=offset)

    def to_grid(self, expression: Expression) -> Expression:
        """The expression in grid frames instead of the recording's, clipped to the grid."""
        at, last = self.source_of, len(self.source_of) - 1
        onset = min(int(np.searchsorted(at, expression.onset, "left")), last)
        offset = max(onset, min(int(np.searchsorted(at, expression.offset, "right")) - 1, last))
        apex = expression.apex
        if apex is not None:
            apex = min(max(int(np.searchsorted(at, apex, "left")), onset), offset)
        return replace(expression, onset=onset, apex=apex, offset=offset)


@dataclass(frozen=True)
class Reading:
    """How a recording was read; stands in ``run.json``.

    Attributes
    ----------
    length : int
        Frames as the truth counts them. ``frames``: frames that were decoded. Both differ where
        images are missing.
    fps, fps_source : str
        Exact rate, and where it comes from.
    frames_without_face, decode_failures : int
    faces : int
        The largest number of faces in one searched frame.
    notes : tuple of str
        Remarks worth showing to the user.
    """

    length: int = 0
    frames: int = 0
    fps: str = ""
    fps_source: str = ""
    frames_without_face: int = 0
    decode_failures: int = 0
    faces: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rows:
    """The descriptor rows of a recording, without its truth.

    Attributes
    ----------
    series : FrameSeries
    found : (n_grid,) bool
        Whether the face was followed in each grid frame.
    frames : FrameMap
        Between the recording's frames and the grid's.
    reading : Reading
    """

    series: FrameSeries
    found: NDArray[np.bool_]
    frames: FrameMap
    reading: Reading = Reading()


@dataclass(frozen=True)
class Fold:
    """Which recordings a model learns from and which it is judged on.

    Raises
    ------
    ValueError
        If a recording or, where ``subject_of`` is given, a subject stands on both sides.
    """

    name: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    subject_of: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        both = set(self.train) & set(self.test)
        if both:
            raise ValueError(f"fold {self.name}: {sorted(both)[0]} is in train and in test")
        subjects = [
            {self.subject_of[r] for r in side if r in self.subject_of}
            for side in (self.train, self.test)
        ]
        if subjects[0] & subjects[1]:
            shared = sorted(subjects[0] & subjects[1])[0]
            raise ValueError(f"fold {self.name}: subject {shared} is in train and in test")


@dataclass(frozen=True)
class Counts:
    """True positives, false positives and false negatives over some minutes of video.

    Counts add with ``+``; every rate is derived, so that pooling is adding. A rate of 0/0 is NaN.
    """

    tp: int = 0
    fp: int = 0
    fn: int = 0
    minutes: float = 0.0

    def __post_init__(self) -> None:
        if min(self.tp, self.fp, self.fn) < 0 or self.minutes < 0:
            raise ValueError(f"counts cannot be negative: {self}")

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.tp + other.tp, self.fp + other.fp, self.fn + other.fn, self.minutes + other.minutes
        )

    @property
    def precision(self) -> float:
        return _ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float:
        return _ratio(self.tp, self.tp + self.fn)

    @property
    def f1(self) -> float:
        return _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def false_alarms_per_minute(self) -> float:
        return _ratio(self.fp, self.minutes)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan
