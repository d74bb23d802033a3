"""Several scorers as one: the weighted mean of their scores, each brought to one scale first.

A score means something else in every scorer: labels of an LSTM, a share of the recording's highest
peak, a distance. What they have in common is background, which is most of any recording. As score
normalisation in speaker recognition takes its scale from impostors (Auckenthaler, Carey and
Lloyd-Thomas 2000), the unit of every member is here the level that background seldom exceeds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from mespot import registry
from mespot_lab.networks.several import columns_of
from mespot.errors import MespotError, UsageError
from mespot.types import Expression, FrameSeries

Score = Callable[[FrameSeries], FrameSeries]
Quality = Callable[[Score], float]
# Seeds of members lie so far apart, since a member may use some that follow its own.
_SEEDS_APART = 1000
# What is so near a micro-expression is no background yet: curves rise before onset.
_MARGIN_S = 0.2
_BLOCK_S = 1.0


@dataclass(frozen=True)
class Fusion:
    """Weighted mean of other scorers' scores, each divided by what its background reaches.

    A member learns as it would alone; then it scores the same training recordings. Its unit is the
    level that ``rate`` seconds of background per minute exceed, or ``floor`` times the median of
    its peaks over micro-expressions, whichever is higher: a member that hardly ever errs on what
    it has learned from would else be worth too much. Scores at or below 0 count as 0, so that 0 is
    still background and every member's order is kept.

    Parameters
    ----------
    members : tuple of tables
        Sections of scorers as in recipes. ``part`` (a number, from 0) gives a member the columns of
        that part of the descriptor ``several``, else it reads all; ``weight`` (1) is its own.
    rate : float
        Seconds of background per minute, at most 30.
    floor : float
        Least unit, as a share of the median peak over micro-expressions.

    Raises
    ------
    ValueError
        If there is no member, or a value is out of range.
    UsageError
        If a member's name or field is unknown, or it cannot be a member.
    """

    members: tuple[Mapping[str, Any], ...] = (
        {"name": "lstm", "label": "overlap", "label_s": 0.3},
        {"name": "lstm", "label": "apex", "label_s": 0.5},
    )
    rate: float = 1.0
    floor: float = 0.2

    learns: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not self.members:
            raise ValueError("members is empty: list at least one scorer, {name = ...}")
        if not 0 < self.rate <= 30:
            raise ValueError(f"rate {self.rate}: need more than 0 and at most 30 seconds")
        if not 0 < self.floor <= 1:
            raise ValueError(f"floor {self.floor}: need more than 0 and at most 1")
        for number, section in enumerate(self.members):
            name, part, weight = (section.get(key) for key in ("name", "part", "weight"))
            if name in ("fusion", "oracle"):
                raise ValueError(f"member {number}: {name} cannot be a member")
            if part is not None and not (type(part) is int and part >= 0):
                raise ValueError(f"member {number}: part {part!r}: need a number from 0")
            if weight is not None and not (type(weight) in (int, float) and 0 < weight < math.inf):
                raise ValueError(f"member {number}: weight {weight!r}: need a number above 0")
        self.scorers()

    @property
    def uses(self) -> tuple[str, ...]:
        """Names of the scorers that the scores come from."""
        return tuple(str(section.get("name", "")) for section in self.members)

    def scorers(self) -> list[Any]:
        """The members, built from their sections."""
        return [
            registry.build(
                "scorers", {k: v for k, v in section.items() if k not in ("part", "weight")}
            )
            for section in self.members
        ]

    def fit(
        self,
        series: Sequence[FrameSeries],
        truth: Sequence[Sequence[Expression]],
        seed: int,
        quality: Quality | None = None,
    ) -> dict[str, NDArray[Any]]:
        """Learn every member, then its unit; see :mod:`mespot.scorers` for the contract.

        ``quality`` judges each member by itself.

        Returns
        -------
        dict of arrays
            Those of member k as ``m<k>.<name>``; ``m<k>.columns`` (2,) where it reads from and to;
            ``unit`` and ``weight``, one per member; ``width``, the number of columns; ``epoch``,
            the latest of those that have one.

        Raises
        ------
        UsageError
            If the series differ in columns, a member's part is not among them, or no row is there.
        """
        width = _common_width(series)
        weights: dict[str, NDArray[Any]] = {"width": np.array(width, np.int64)}
        units, shares, epochs = [], [], []
        for number, (section, scorer) in enumerate(zip(self.members, self.scorers())):
            columns = _columns(number, section, next(s for s in series if len(s)))
            reader = _Reader(section.get("part"), columns)
            own = self._fitted(scorer, reader, (series, truth), seed + _SEEDS_APART * number,
                               quality)  # fmt: skip
            curves = [scorer.score(reader(s), own) for s in series]
            units.append(unit(curves, truth, self.rate, self.floor))
            shares.append(float(section.get("weight", 1.0)))
            epochs += [int(own["epoch"])] if "epoch" in own else []
            weights |= {f"m{number}.{name}": array for name, array in own.items()}
            weights[f"m{number}.columns"] = np.array((columns.start, columns.stop), np.int64)
        weights |= {"unit": np.array(units), "weight": np.array(shares)}
        if epochs:
            weights["epoch"] = np.array(max(epochs), np.int64)
        return weights

    def score(self, series: FrameSeries, weights: Mapping[str, NDArray[Any]]) -> FrameSeries:
        """Weighted mean of max(score, 0) / unit of all members, (n, 1).

        Raises
        ------
        UsageError
            If the series has other columns than the weights were learned on.
        MespotError
            If the weights are not those of these members.
        """
        count = len(self.members)
        needed = ["unit", "weight", "width", *(f"m{k}.columns" for k in range(count))]
        missing = [name for name in needed if name not in weights]
        if missing or len(weights["unit"]) != count:
            raise MespotError(
                "scorer fusion: these weights are of another scorer or of other members "
                f"({f'no {missing[0]!r}' if missing else 'another number'})"
            )
        width = int(weights["width"])
        if series.values.shape[1] != width:
            raise UsageError(
                f"scorer fusion: learned on rows of {width} columns, this series has "
                f"{series.values.shape[1]}; use the descriptor and fields it was trained with"
            )
        total = np.zeros(len(series))
        for number, (section, scorer) in enumerate(zip(self.members, self.scorers())):
            prefix = f"m{number}."
            own = {k[len(prefix) :]: v for k, v in weights.items() if k.startswith(prefix)}
            start, stop = own.pop("columns").tolist()
            rows = _Reader(section.get("part"), slice(start, stop))(series)
            curve = scorer.score(rows, own).values[:, 0].astype(np.float64)
            total += weights["weight"][number] * np.maximum(curve, 0) / weights["unit"][number]
        mean = np.nan_to_num(total / weights["weight"].sum(), posinf=0.0)
        return series.with_values(mean[:, None].astype(np.float32), ("score",))

    def _fitted(
        self,
        scorer: Any,
        reader: _Reader,
        material: tuple[Sequence[FrameSeries], Sequence[Sequence[Expression]]],
        seed: int,
        quality: Quality | None,
    ) -> dict[str, NDArray[Any]]:
        """What one member learns from its own columns."""
        if not getattr(scorer, "learns", True):
            return dict(scorer.fit([], [], seed))
        series, truth = material

        def judged(score: Score) -> float:
            assert quality is not None
            return quality(lambda whole: score(reader(whole)))

        own = None if quality is None else judged
        return dict(scorer.fit([reader(s) for s in series], truth, seed, quality=own))


class _Reader:
    """A member's columns of a series; the same series gives the same object every time."""

    def __init__(self, part: int | None, columns: slice) -> None:
        self._part, self._columns = part, columns
        # Members keep what they have made of a series by the object that it is.
        self._known: dict[int, tuple[FrameSeries, FrameSeries]] = {}

    def __call__(self, series: FrameSeries) -> FrameSeries:
        if self._part is None:
            return series
        if id(series) not in self._known:
            names = columns_of(series, self._part)[1]
            own = series.with_values(series.values[:, self._columns], names)
            self._known[id(series)] = (series, own)
        return self._known[id(series)][1]


def unit(
    curves: Sequence[FrameSeries],
    truth: Sequence[Sequence[Expression]],
    rate: float,
    floor: float,
) -> float:
    """What a score is divided by; 1 where there is no positive score at all.

    Background is every row whose middle frame is more than 0.2 s from all micro-expressions, in
    blocks of a second; the highest score of a block is its level. With n blocks, k = n · rate / 60
    rounded down may lie above the unit: it is the level of the block after the k highest. But it is
    at least ``floor`` times the median, over micro-expressions, of the highest score within them.
    """
    levels: list[float] = []
    peaks: list[float] = []
    for curve, expressions in zip(curves, truth, strict=True):
        values, at = curve.values[:, 0].astype(np.float64), curve.centres
        margin = _MARGIN_S * float(curve.fps)
        free = np.ones(len(values), bool)
        for e in (e for e in expressions if e.kind == "micro"):
            inside = (at >= e.onset) & (at <= e.offset)
            peaks += [float(values[inside].max())] if inside.any() else []
            free &= (at < e.onset - margin) | (at > e.offset + margin)
        if free.any():
            block = np.floor(at[free] / (_BLOCK_S * float(curve.fps)))
            begins = np.unique(block, return_index=True)[1]
            levels += np.maximum.reduceat(values[free], begins).tolist()
    levels.sort(reverse=True)
    allowed = math.floor(len(levels) * rate * _BLOCK_S / 60 + 1e-9)
    background = levels[allowed] if allowed < len(levels) else 0.0
    typical = float(np.median(peaks)) if peaks else 0.0
    found = max(background, floor * typical)
    return found if found > 0 else 1.0


def _common_width(series: Sequence[FrameSeries]) -> int:
    if not any(len(s) for s in series):
        raise UsageError("scorer fusion: no training recording has a row")
    widths = {s.values.shape[1] for s in series}
    if len(widths) > 1:
        raise UsageError(f"scorer fusion: training series have different columns: {sorted(widths)}")
    return widths.pop()


def _columns(number: int, section: Mapping[str, Any], series: FrameSeries) -> slice:
    part = section.get("part")
    if part is None:
        return slice(0, series.values.shape[1])
    columns, names = columns_of(series, part)
    if not names:
        raise UsageError(
            f"scorer fusion: member {number} reads part {part}, which the rows do not have; give "
            "the descriptor several that many parts, or leave part out to read all columns"
        )
    return columns


PLUGIN = Fusion
