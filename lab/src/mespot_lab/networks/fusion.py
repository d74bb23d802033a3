"""Several scorers as one: the mean of their scores, each brought to one scale first.

A score means something else in every scorer: labels of an LSTM, a share of the recording's highest
peak, a distance. What they have in common is background, which is most of any recording. As score
normalisation in speaker recognition takes its scale from impostors (Auckenthaler, Carey and
Lloyd-Thomas 2000), the unit of every member is here the level that background seldom exceeds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mespot import contracts
from mespot.contracts import LearnedScorer, Quality, Scorer, Weights
from mespot.errors import MespotError, UsageError
from mespot.scorers.lstm import Lstm
from mespot.types import Expression, FrameSeries

# Seeds of members lie so far apart, since a member may use some that follow its own.
_SEEDS_APART = 1000
# What is so near a micro-expression is no background yet: curves rise before onset.
_MARGIN_S = 0.2
_BLOCK_S = 1.0


@dataclass(frozen=True)
class Fusion(LearnedScorer):
    """Mean of other scorers' scores, each divided by what its background reaches.

    A member learns as it would alone; then it scores the same training recordings. Its unit is the
    level that ``rate`` seconds of background per minute exceed, or ``floor`` times the median of
    its peaks over micro-expressions, whichever is higher: a member that hardly ever errs on what
    it has learned from would else be worth too much. Scores at or below 0 count as 0, so that 0 is
    still background and every member's order is kept.

    Parameters
    ----------
    members : tuple of scorers
        In recipes, tables of their names and fields.
    rate : float
        Seconds of background per minute, at most 30.
    floor : float
        Least unit, as a share of the median peak over micro-expressions.

    Raises
    ------
    UsageError
        If there is no member, a value is out of range, or a member is no scorer, a ceiling or
        another fusion.
    """

    members: tuple[Scorer, ...] = (
        Lstm(label="overlap", label_s=0.3),
        Lstm(label="apex", label_s=0.5),
    )
    rate: float = 1.0
    floor: float = 0.2

    def __post_init__(self) -> None:
        if not self.members:
            raise UsageError("scorer fusion: members is empty; list at least one scorer")
        if not 0 < self.rate <= 30:
            raise UsageError(f"scorer fusion: rate = {self.rate}: must be above 0 and at most 30")
        if not 0 < self.floor <= 1:
            raise UsageError(f"scorer fusion: floor = {self.floor}: must be above 0 and at most 1")
        for number, member in enumerate(self.members):
            if isinstance(member, type):
                raise UsageError(
                    f"scorer fusion: member {number}: write {member.__name__}(...), not the class"
                )
            contracts.check("scorers", member, f"member {number} of fusion")
            if member.is_ceiling or isinstance(member, Fusion):
                name = type(member).__name__
                raise UsageError(f"scorer fusion: member {number}: {name} cannot be a member")

    @property
    def whole_series(self) -> bool:
        """Whether any member's score depends on the whole recording."""
        return any(member.whole_series for member in self.members)

    @property
    def training_needs(self) -> tuple[str, ...]:
        """What the members need, each module once."""
        needs = (module for member in self.members for module in member.training_needs)
        return tuple(dict.fromkeys(needs))

    def parts(self) -> tuple[object, ...]:
        """The members."""
        return self.members

    def fit(
        self,
        series: Sequence[FrameSeries],
        truth: Sequence[Sequence[Expression]],
        seed: int,
        quality: Quality | None = None,
    ) -> Weights:
        """Learn every member, then its unit; see :class:`mespot.contracts.Scorer`.

        ``quality`` judges each member by itself.

        Returns
        -------
        dict of arrays
            Those of member k as ``m<k>.<name>``; ``unit``, one per member; ``width``, the number of
            columns; ``epoch``, the latest of those that have one.

        Raises
        ------
        UsageError
            If the series differ in columns, or no row is there.
        """
        width = _common_width(series)
        weights: dict[str, NDArray[Any]] = {"width": np.array(width, np.int64)}
        units, epochs = [], []
        for number, member in enumerate(self.members):
            own = self._fitted(member, (series, truth), seed + _SEEDS_APART * number, quality)
            curves = [member.score(s, own) for s in series]
            units.append(unit(curves, truth, self.rate, self.floor))
            epochs += [int(own["epoch"])] if "epoch" in own else []
            weights |= {f"m{number}.{name}": array for name, array in own.items()}
        weights["unit"] = np.array(units)
        if epochs:
            weights["epoch"] = np.array(max(epochs), np.int64)
        return weights

    def score(self, series: FrameSeries, weights: Mapping[str, NDArray[Any]]) -> FrameSeries:
        """Mean of max(score, 0) / unit of all members, (n, 1).

        Raises
        ------
        UsageError
            If the series has other columns than the weights were learned on.
        MespotError
            If the weights are not those of these members.
        """
        count = len(self.members)
        missing = [name for name in ("unit", "width") if name not in weights]
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
        for number, member in enumerate(self.members):
            prefix = f"m{number}."
            own = {k[len(prefix) :]: v for k, v in weights.items() if k.startswith(prefix)}
            curve = member.score(series, own).values[:, 0].astype(np.float64)
            total += np.maximum(curve, 0) / weights["unit"][number]
        mean = np.nan_to_num(total / count, posinf=0.0)
        return series.with_values(mean[:, None].astype(np.float32), ("score",))

    def _fitted(
        self,
        member: Scorer,
        recordings: tuple[Sequence[FrameSeries], Sequence[Sequence[Expression]]],
        seed: int,
        quality: Quality | None,
    ) -> Weights:
        """The weights of one member, learned as it would learn alone."""
        if not member.learns:
            return dict(member.fit([], [], seed))
        return dict(member.fit(*recordings, seed, quality=quality))


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
