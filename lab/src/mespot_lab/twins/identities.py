"""As many different faces as a twin has subjects, of as many portraits as there are.

If there are enough, each subject is one portrait, and no two have anything in common. If not, the
remaining subjects are blends of pairs of a few portraits, each pair once: of two such subjects at
most one parent is the same, and no portrait that is itself a subject is a parent. If there are not
even pairs enough, portraits are used again with other proportions, light and mirrored; such
subjects are not independent of each other, and ``Kinship.repeated`` says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

from mespot.synthetic.portraits import Portrait
from mespot.synthetic.scene import FaceFrame
from mespot_lab.twins.morph import Change, blend
from mespot_lab.twins.shoulders import with_collar

SHARE = 0.5
_CHIP = 48


@dataclass(frozen=True)
class Identity:
    """How the face of one subject comes about.

    ``base`` lends hair and surroundings, ``donor`` half of the face's shape and texture. ``seed``
    decides on proportions and light; None leaves them.
    """

    base: str
    donor: str | None = None
    mirrored: bool = False
    seed: int | None = None

    @property
    def parents(self) -> tuple[str, ...]:
        """The portraits it stems from."""
        return (self.base,) if self.donor is None else (self.base, self.donor)


@dataclass(frozen=True)
class Kinship:
    """The identities of a twin's subjects, in order.

    ``sharing`` is the number of pairs of subjects with a portrait in common; ``repeated`` says
    that some have all of theirs in common.
    """

    identities: tuple[Identity, ...]

    @property
    def sharing(self) -> int:
        """Pairs of subjects that have a portrait in common."""
        sets = [set(i.parents) for i in self.identities]
        return sum(bool(a & b) for a, b in combinations(sets, 2))

    @property
    def repeated(self) -> bool:
        """Whether two subjects stem from the same portraits, or one from another's alone."""
        sets = [frozenset(i.parents) for i in self.identities]
        return any(a <= b or b <= a for a, b in combinations(sets, 2))


def kinship(portraits: Sequence[Portrait], n: int, seed: int) -> Kinship:
    """Identities for ``n`` subjects; the same arguments give the same ones.

    Raises ValueError without a portrait.
    """
    if not portraits:
        raise ValueError("there is no portrait to animate")
    rng = np.random.default_rng([seed, 13])
    order = [portraits[i] for i in rng.permutation(len(portraits))]
    if n <= len(order):
        return Kinship(tuple(Identity(p.id) for p in order[:n]))
    pool = _pool_size(len(order), n)
    if pool is None:
        return Kinship(tuple(_repeated(order, n, rng)))
    alone = len(order) - pool
    pairs = _pairs(order[alone:], n - alone)
    blends = _directed(pairs, rng)
    mixed = [*(Identity(p.id) for p in order[:alone]), *blends]
    return Kinship(tuple(mixed[i] for i in rng.permutation(n)))


def portrait_of(identity: Identity, portraits: Sequence[Portrait], name: str) -> Portrait:
    """The face of an identity, under a subject's name."""
    by_id = {p.id: p for p in portraits}
    change = Change.none()
    if identity.seed is not None:
        rng = np.random.default_rng([identity.seed, 14])
        change = Change(rng.standard_normal(7), rng.standard_normal(4), identity.mirrored)
    donor = None if identity.donor is None else by_id[identity.donor]
    return with_collar(blend(by_id[identity.base], donor, SHARE, change, name))


def _pool_size(portraits: int, n: int) -> int | None:
    """How many portraits to blend, the others being subjects themselves.

    The number with the fewest pairs of subjects that share a portrait: M blends of m portraits use
    each 2 M / m times, which makes M (2 M / m - 1) such pairs. None if there are not pairs enough.
    """
    found = {}
    for m in range(2, portraits + 1):
        blends = n - (portraits - m)
        if blends <= m * (m - 1) // 2:
            found[m] = blends * (2.0 * blends / m - 1.0)
    return min(found, key=lambda m: (found[m], m)) if found else None


def _pairs(pool: Sequence[Portrait], n: int) -> list[tuple[str, str]]:
    """``n`` pairs, the most alike first, no portrait in many more than the others."""
    looks = {p.id: _looks(p) for p in pool}
    ranked = sorted(
        combinations(sorted(looks), 2),
        key=lambda pair: float(np.linalg.norm(looks[pair[0]] - looks[pair[1]])),
    )
    used = dict.fromkeys(looks, 0)
    chosen: list[tuple[str, str]] = []
    limit = -(-2 * n // len(pool))
    while len(chosen) < n:
        for pair in ranked:
            if len(chosen) < n and pair not in chosen and max(used[p] for p in pair) < limit:
                chosen.append(pair)
                for p in pair:
                    used[p] += 1
        limit += 1
    return chosen


def _looks(portrait: Portrait) -> NDArray[np.float64]:
    """Colour and roughness of a face by place: like faces blend better."""
    face = FaceFrame.of(portrait.points)
    # The chip spans 2.4 eye distances, from just above the brows to the chin.
    across, down = face.axes * 2.4 / _CHIP
    corner = face.to_pixels(np.array([-1.2, -0.6]))
    matrix = np.stack([across, down, corner], axis=1)
    chip = cv2.warpAffine(
        portrait.image, matrix, (_CHIP, _CHIP), flags=cv2.INTER_AREA | cv2.WARP_INVERSE_MAP
    )
    lab = cv2.cvtColor(np.asarray(chip, np.uint8), cv2.COLOR_BGR2LAB).astype(np.float64)
    smooth = cv2.GaussianBlur(lab, (0, 0), 3.0)
    rough = cv2.GaussianBlur(np.abs(lab[..., 0] - smooth[..., 0]), (0, 0), 3.0)
    return np.concatenate([smooth[::4, ::4].ravel(), 4.0 * rough[::4, ::4].ravel()])


def _directed(pairs: Sequence[tuple[str, str]], rng: np.random.Generator) -> list[Identity]:
    """Base and donor of every pair: bases take turns; every second use as a base is mirrored."""
    based: dict[str, int] = {}
    out = []
    for pair in pairs:
        base, donor = sorted(pair, key=lambda p: based.get(p, 0))
        based[base] = based.get(base, 0) + 1
        out.append(Identity(base, donor, based[base] % 2 == 0, int(rng.integers(2**31))))
    return out


def _repeated(pool: Sequence[Portrait], n: int, rng: np.random.Generator) -> list[Identity]:
    """Portraits, then blends both ways round, then altered ones, over and over."""
    ids = [p.id for p in pool]
    blends = [(a, b) for a in ids for b in ids if a != b]
    out = [Identity(name) for name in ids]
    mirrored = True
    while len(out) < n:
        for base, donor in [*blends, *((name, None) for name in ids)]:
            out.append(Identity(base, donor, mirrored, int(rng.integers(2**31))))
        mirrored = not mirrored
    return out[:n]
