"""What a twin is made of: the request, and the tasks that follow from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from mespot.errors import UsageError, nearest
from mespot.synthetic.config import ScriptConfig, difficulty, overridden
from mespot.synthetic.portraits import Portrait
from mespot.synthetic.write import portraits_sha256
from mespot.version import __version__
from mespot_lab.sheets import NAMES, PlannedRecording, marker_of
from mespot_lab.twins.identities import Kinship, kinship
from mespot_lab.twins.numbers import Numbers, numbers_of
from mespot_lab.twins.plan import TwinPlan, make_plan
from mespot_lab.twins.task import TwinTask

JPEG_QUALITY = 95
# How much the distance between the eyes differs between recordings of one subject.
_SAME_SEAT = 0.02
# The people and rooms of the data sets: blinks at 30 frames/s have 6/15/108 frames (shortest,
# median, longest), and the mains of all laboratories 50 Hz.
AS_RECORDED = {"blink_s": 0.5, "blink_spread": 0.4, "blink_span_s": (0.2, 3.6), "mains_hz": 50.0}
# The data sets' frames are images straight from the camera: at the other difficulties, too.
_COMPRESSED = ("hard",)
_PLANNED = ("micro_per_minute", "micro_s")


@dataclass(frozen=True)
class TwinRequest:
    """A twin to be made.

    Attributes
    ----------
    like : str
        The data set, with underscores.
    scale : float
    seed : int
    level : str
        The difficulty's name.
    config : ScriptConfig
        Frame size and range of eye distances are those of the data set, blinks and mains as
        ``AS_RECORDED``, unless set otherwise. ``crf`` is that of a video which the frames have
        gone through before they are written as images; a factor of 0 leaves them as they are.
    quality : int
        Of the JPEGs.
    """

    like: str
    scale: float
    seed: int
    level: str
    config: ScriptConfig
    quality: int = JPEG_QUALITY

    @property
    def name(self) -> str:
        """The data set's name as people write it."""
        return self.like.replace("_", "-")


def make_request(
    like: str, scale: float = 1.0, seed: int = 0, level: str = "standard",
    values: Mapping[str, Any] | None = None, quality: int = JPEG_QUALITY,
) -> TwinRequest:  # fmt: skip
    """A request with the data set's own frame; ``values`` are fields of ``ScriptConfig``.

    Raises UsageError for an unknown data set, difficulty or field, for a field that the data set's
    numbers decide, and for a scale outside 0 to 1.
    """
    known = like.replace("-", "_")
    if known not in NAMES:
        names = [name.replace("_", "-") for name in NAMES]
        raise UsageError(f"no twin can be made of {like!r}{nearest(like, names)}")
    if not 0.0 < scale <= 1.0:
        raise UsageError(f"--scale {scale:g}: choose a number above 0 and up to 1")
    values, numbers = dict(values or {}), numbers_of(known)
    fixed = [name for name in values if name in _planned(numbers)]
    if fixed:
        raise UsageError(f"--set {fixed[0]}: in a twin of {like} this is decided by the data set")
    width, height = numbers.shape.size
    fields = {"width": width, "height": height, "eye_px": numbers.eye_px, **AS_RECORDED}
    if level not in _COMPRESSED:
        fields["crf"] = (0, 0)
    config = overridden(overridden(difficulty(level), fields), values)
    return TwinRequest(known, scale, seed, level, config, quality)


def _planned(numbers: Numbers) -> tuple[str, ...]:
    """Fields that have no meaning where the data set decides."""
    macro = ("macro_per_minute", "macro_s") if "macro" in numbers.shape.events else ()
    return (*_PLANNED, *macro)


@dataclass(frozen=True)
class Work:
    """A plan with its faces, as tasks in the plan's order."""

    request: TwinRequest
    plan: TwinPlan
    kinship: Kinship
    tasks: tuple[TwinTask, ...]


def make_work(request: TwinRequest, portraits: Sequence[Portrait]) -> Work:
    """The plan and the tasks of a request; the same arguments give the same ones.

    Raises UsageError without portraits or if the expressions do not fit the recordings.
    """
    if not portraits:
        raise UsageError("there is no portrait to animate")
    try:
        plan = make_plan(request.like, request.scale, request.seed, request.config)
    except ValueError as error:
        raise UsageError(str(error)) from error
    kin = kinship(portraits, plan.numbers.shape.subjects, request.seed)
    near, far = request.config.eye_px
    rng = np.random.default_rng([request.seed, 15])
    eyes = rng.uniform(near, far, plan.numbers.shape.subjects)
    # Whose blinks are labelled blinks at no other time.
    coded = {
        t.subject for t in plan.takes if any(e.kind == "blink" for e in t.recording.expressions)
    }
    base = replace(request.config, micro_per_minute=0.0)
    if "macro" in plan.numbers.shape.events:
        base = replace(base, macro_per_minute=0.0)
    tasks = []
    for take in plan.takes:
        eye = float(eyes[take.subject])
        own = replace(base, eye_px=(eye * (1 - _SAME_SEAT), eye * (1 + _SAME_SEAT)))
        if take.subject in coded:
            own = replace(own, blink_per_minute=0.0)
        identity = kin.identities[take.subject]
        tasks.append(TwinTask(request.like, take, identity, own, request.quality))
    return Work(request, plan, kin, tuple(tasks))


def marker(
    work: Work, portraits: Sequence[Portrait], truth: Sequence[PlannedRecording]
) -> dict[str, Any]:
    """What ``twin.json`` says. ``truth`` is what a reader of the sheet must find."""
    request, facts = work.request, marker_of(work.request.like, truth)
    n_frames = facts.pop("n_frames")
    people = dict.fromkeys(t.recording.subject for t in work.plan.takes)
    return {
        "what": "synthetic twin: no row and no frame of the real data set",
        **facts,
        "version": __version__,
        "seed": request.seed,
        "scale": request.scale,
        "difficulty": request.level,
        "config": asdict(request.config),
        "jpeg_quality": request.quality,
        "portraits": [p.id for p in portraits],
        "portraits_sha256": portraits_sha256(portraits),
        "subjects": {s: asdict(i) for s, i in zip(people, work.kinship.identities)},
        "subjects_sharing_a_portrait": work.kinship.sharing,
        "subjects_of_the_same_portraits": work.kinship.repeated,
        "n_frames": n_frames,
    }
