"""What a plug-in must offer: one Protocol per family, and a base class with the defaults.

A plug-in is a frozen dataclass. Its fields are its parameters; they stand in recipes and count in
cache keys. Subclass the base of the family and write the methods that have no default:

=============== ====================== =====================================
family          base class             to write
=============== ====================== =====================================
``descriptors`` :class:`BaseDescriptor` ``span_at``, ``describe``
``scorers``     :class:`BaseScorer`     ``score`` (no training)
``scorers``     :class:`LearnedScorer`  ``fit``, ``score``
``datasets``    :class:`BaseDataset`    ``load``, and the texts of a data set
``exports``     :class:`BaseExporter`   ``write``, ``suffix``
=============== ====================== =====================================

A class that offers everything of the Protocol without the base class is a plug-in too.
:func:`check` refuses one that lacks something, in one line that names what is missing.
"""

from __future__ import annotations

import dataclasses
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

from numpy.typing import NDArray

from mespot.errors import UnreadableInput, UsageError
from mespot.inspection import Annotations, Inspection, counts_of, lengths_of
from mespot.sheet import RecordingRow, Sheet
from mespot.types import Expression, FaceClip, FrameSeries, Recording, Rows

Weights = dict[str, NDArray[Any]]
"""Learned arrays by name; ``numpy.savez`` without pickle keeps them."""
Score = Callable[[FrameSeries], FrameSeries]
"""From descriptor rows to one score per row."""
Quality = Callable[[Score], float]
"""How good a scoring function is on recordings held out inside; the higher the better."""


@runtime_checkable
class Descriptor(Protocol):
    """Gives one row of numbers at every position of a clip of registered face crops.

    Attributes
    ----------
    histogram_bins : int
        Above 0 where every so many columns are a histogram divided by its sum; such rows are kept
        in 16 bits a value. 0 for all other rows.
    can_mirror : bool
        Whether :meth:`mirror` works.
    """

    @property
    def histogram_bins(self) -> int: ...

    @property
    def can_mirror(self) -> bool: ...

    def span_at(self, fps: Fraction) -> int:
        """Frames L that one row covers at a frame rate."""

    def step_at(self, fps: Fraction) -> int:
        """Frames from one row to the next."""

    def column_names(self, fps: Fraction) -> tuple[str, ...]:
        """Names of the d columns, or an empty tuple where they have none."""

    def describe(self, clip: FaceClip) -> FrameSeries:
        """Rows of a clip of T frames: (max(0, 1 + (T - L) // step), d) float32.

        Row i follows from its own frames ``i * step`` to ``i * step + L - 1`` alone, so a video can
        come in pieces.
        """

    def mirror(self, series: FrameSeries) -> FrameSeries:
        """The rows that the mirrored video would give."""

    def read_rows(self, recording: Recording) -> Rows | None:
        """Rows that exist as a file, such as another tool's; None: describe the video."""

    def read_depends_on(self, recording: Recording) -> tuple[str, ...]:
        """What decides :meth:`read_rows` beside the file's content and the fields."""

    def parts(self) -> tuple[object, ...]:
        """Other plug-ins that this one is made of; their code counts in cache keys too."""


class BaseDescriptor:
    """The defaults of a descriptor: one row per frame, no names, no mirror image, no parts."""

    @property
    def histogram_bins(self) -> int:
        return 0

    @property
    def can_mirror(self) -> bool:
        return False

    def step_at(self, fps: Fraction) -> int:
        """Frames from one row to the next: 1."""
        return 1

    def column_names(self, fps: Fraction) -> tuple[str, ...]:
        """No names."""
        return ()

    def mirror(self, series: FrameSeries) -> FrameSeries:
        """Raise UsageError: this descriptor does not know the rows of the mirrored video."""
        raise UsageError(f"descriptor {type(self).__name__} cannot mirror its rows")

    def read_rows(self, recording: Recording) -> Rows | None:
        """None: rows come from the video."""
        return None

    def read_depends_on(self, recording: Recording) -> tuple[str, ...]:
        """Nothing."""
        return ()

    def parts(self) -> tuple[object, ...]:
        """No parts."""
        return ()


@runtime_checkable
class Scorer(Protocol):
    """Gives every row of a descriptor series one number.

    Attributes
    ----------
    learns : bool
        Whether :meth:`fit` learns from recordings. A scorer that does not gets empty lists.
    is_ceiling : bool
        True for a bound that scores a recording by its own truth (:meth:`score_truth`). It is never
        a method and cannot spot.
    whole_series : bool
        Whether a score depends on the whole recording, such as its maximum.
    training_needs : tuple of str
        Modules that :meth:`fit` imports beyond the core, such as ``("torch", "onnx")``.
    """

    learns: ClassVar[bool]
    is_ceiling: ClassVar[bool]

    @property
    def whole_series(self) -> bool: ...

    @property
    def training_needs(self) -> tuple[str, ...]: ...

    def fit(
        self,
        series: Sequence[FrameSeries],
        truth: Sequence[Sequence[Expression]],
        seed: int,
        quality: Quality | None = None,
    ) -> Weights:
        """Learn from descriptor rows and their expressions, one entry per recording.

        All annotated kinds are among the expressions, macro-expressions and blinks included. The
        result is the same to the bit for the same input and seed on the same machine. ``quality``
        judges a scoring function on recordings that are in no way part of the test; a scorer may
        call it while it learns and keep the best checkpoint.
        """

    def score(self, series: FrameSeries, weights: Mapping[str, NDArray[Any]]) -> FrameSeries:
        """One finite float32 per row, (n, 1), rows in place.

        The score grows with the belief that a micro-expression is there; 0 or less is background.
        A row that holds NaN or infinities still gets one. ``score`` never sees the truth.
        """

    def score_truth(self, series: FrameSeries, truth: Sequence[Expression]) -> FrameSeries:
        """Scores of a ceiling from the recording's own truth; used only where ``is_ceiling``."""

    def epoch_of(self, checkpoint: int) -> int:
        """The epoch of the n-th call of ``quality``, both from 1; -1 without epochs."""

    def parts(self) -> tuple[object, ...]:
        """Other plug-ins that this one is made of; their code counts in keys too."""


class BaseScorer:
    """The defaults of a scorer that learns nothing."""

    learns: ClassVar[bool] = False
    is_ceiling: ClassVar[bool] = False

    @property
    def whole_series(self) -> bool:
        """False: a row's score depends on rows near it. A class attribute may replace it."""
        return False

    @property
    def training_needs(self) -> tuple[str, ...]:
        """No further modules. A class attribute may replace it."""
        return ()

    def fit(
        self,
        series: Sequence[FrameSeries],
        truth: Sequence[Sequence[Expression]],
        seed: int,
        quality: Quality | None = None,
    ) -> Weights:
        """Nothing to learn: no arrays."""
        return {}

    def score_truth(self, series: FrameSeries, truth: Sequence[Expression]) -> FrameSeries:
        """Raise UsageError: only a ceiling scores by the truth."""
        raise UsageError(f"scorer {type(self).__name__} is no ceiling: it never sees the truth")

    def epoch_of(self, checkpoint: int) -> int:
        """-1: no epochs."""
        return -1

    def parts(self) -> tuple[object, ...]:
        """No parts."""
        return ()


class LearnedScorer(BaseScorer, ABC):
    """The defaults of a scorer that learns; it writes its own ``fit``."""

    learns: ClassVar[bool] = True

    @abstractmethod
    def fit(
        self,
        series: Sequence[FrameSeries],
        truth: Sequence[Sequence[Expression]],
        seed: int,
        quality: Quality | None = None,
    ) -> Weights:
        """To be written by every scorer that learns."""


@runtime_checkable
class Dataset(Protocol):
    """Reads the recordings of one data set from its own folders and sheets.

    Attributes
    ----------
    citation, licence, how_to_get : str
        How to cite it, what its licence allows, and where a user gets it.
    """

    citation: ClassVar[str]
    licence: ClassVar[str]
    how_to_get: ClassVar[str]

    def load(self, root: str | Path) -> list[Recording]:
        """Every recording under ``root`` with its expressions. Raises UnreadableInput."""

    def verify(self, root: str | Path) -> list[str]:
        """One line for everything that is wrong under ``root``; empty if all is well."""

    def inspect(self, root: str | Path) -> Inspection:
        """What was found under ``root``, with everything that ``verify`` reports."""

    def provenance(self, root: str | Path) -> dict[str, Any]:
        """Which truth was read: name, settings and hashes of its tables, as values for JSON."""

    def expected(self) -> dict[str, int]:
        """The published counts of the whole data set; empty where there are none."""

    def approximate(self) -> frozenset[str]:
        """Those of :meth:`expected` that are known only within 5 %."""

    def traps(self) -> dict[str, str]:
        """Known irregularities: code -> what the loader does about it."""

    def read_sheet(self, sheet: str | Path) -> Annotations | None:
        """The expressions of an annotation sheet alone; None for a set without such a sheet."""


class BaseDataset(ABC):
    """The defaults of a data set; it writes ``load`` and its three texts."""

    def verify(self, root: str | Path) -> list[str]:
        """What stops ``load``, as one line each."""
        try:
            self.load(root)
        except UnreadableInput as error:
            return [str(error)]
        return []

    @abstractmethod
    def load(self, root: str | Path) -> list[Recording]:
        """To be written by every data set."""

    def inspect(self, root: str | Path) -> Inspection:
        """Counts and lengths of what ``load`` gives, and the lines of ``verify``."""
        problems = tuple(self.verify(root))
        found = [] if problems else self.load(root)
        return Inspection(
            type(self).__name__, str(root), problems=problems, found=counts_of(found),
            lengths=lengths_of(found), readable=not problems,
        )  # fmt: skip

    def provenance(self, root: str | Path) -> dict[str, Any]:
        """The class, its fields and the root."""
        fields: dict[str, Any] = dataclasses.asdict(self) if dataclasses.is_dataclass(self) else {}
        return {"name": type(self).__name__, "settings": fields}

    def expected(self) -> dict[str, int]:
        """Nothing is published."""
        return {}

    def approximate(self) -> frozenset[str]:
        """Every published count is exact."""
        return frozenset()

    def traps(self) -> dict[str, str]:
        """No known irregularity."""
        return {}

    def read_sheet(self, sheet: str | Path) -> Annotations | None:
        """None: no annotation sheet of its own."""
        return None


@runtime_checkable
class Exporter(Protocol):
    """Writes events and recordings as a file of another program.

    Attributes
    ----------
    suffix : str
        Ending of its files, such as ``".eaf"``.
    one_recording : bool
        Whether a file holds one recording only.
    """

    suffix: ClassVar[str]
    one_recording: ClassVar[bool]

    def write(self, path: str | Path, sheet: Sheet) -> None:
        """Write the events, atomically."""

    def read(
        self, path: str | Path, recordings: Iterable[Recording | RecordingRow] | None = None
    ) -> Sheet:
        """Read such a file; UnreadableInput names line, column and value."""


class BaseExporter:
    """The defaults of an exporter; it writes ``write`` and ``suffix``."""

    one_recording: ClassVar[bool] = False

    def read(
        self, path: str | Path, recordings: Iterable[Recording | RecordingRow] | None = None
    ) -> Sheet:
        """Raise UsageError: this format is only written."""
        raise UsageError(f"{path}: {type(self).__name__} files are written, not read")


FAMILIES = {
    "descriptors": Descriptor,
    "scorers": Scorer,
    "datasets": Dataset,
    "exports": Exporter,
}
"""Family -> its Protocol."""
_BASES = {
    "descriptors": "BaseDescriptor",
    "scorers": "BaseScorer",
    "datasets": "BaseDataset",
    "exports": "BaseExporter",
}


def module_of(cls: type) -> str:
    """The module that a class is written in; that of a script is ``__main__`` in workers too."""
    return "__main__" if cls.__module__ == "__mp_main__" else cls.__module__


def members(family: str) -> list[str]:
    """Names of all attributes and methods that a plug-in of a family must have, sorted."""
    protocol: Any = FAMILIES[family]
    names = {n for n in vars(protocol) if not n.startswith("_")} | set(protocol.__annotations__)
    return sorted(names)


def check(family: str, plugin: object, name: str = "") -> None:
    """Raise UsageError, in one line, unless a class or an object keeps a family's contract.

    It must be a frozen dataclass (or an object of one) with every member of the Protocol, methods
    callable with the Protocol's arguments.
    """
    cls = plugin if isinstance(plugin, type) else type(plugin)
    what = f"{family[:-1]} {name!r}" if name else family[:-1]
    where = f"{what} ({cls.__module__}:{cls.__qualname__})"
    if not dataclasses.is_dataclass(cls):
        raise UsageError(f"{where}: is no dataclass; write @dataclass(frozen=True) above it")
    if not cls.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        raise UsageError(f"{where}: can be changed; write @dataclass(frozen=True) above it")
    fields = {f.name for f in dataclasses.fields(cls)}
    for member in sorted(getattr(cls, "__abstractmethods__", ())):
        raise UsageError(f"{where}: lacks {_shown(member, getattr(cls, member))}; write it")
    for member in members(family):
        wanted = vars(FAMILIES[family]).get(member)
        found = getattr(cls, member, None)
        if found is None and member not in fields and not hasattr(cls, member):
            raise UsageError(
                f"{where}: lacks {_shown(member, wanted)}; write it, or subclass "
                f"mespot.contracts.{_BASES[family]}, which has a default for most members"
            )
        if callable(wanted) and not isinstance(wanted, property):
            _check_method(where, member, wanted, found)
        if family == "datasets" and isinstance(found, str) and not found.strip():
            raise UsageError(f"{where}: {member} is empty; a data set names how to cite and get it")


def _check_method(where: str, member: str, wanted: Any, found: Any) -> None:
    if not callable(found):
        raise UsageError(f"{where}: {member} is no method; write {_shown(member, wanted)}")
    names = list(inspect.signature(wanted).parameters)[1:]
    try:
        inspect.signature(found).bind(*([None] * (len(names) + 1)))
    except TypeError:
        raise UsageError(
            f"{where}: {member}{inspect.signature(found)} does not take the arguments of "
            f"{_shown(member, wanted)}"
        ) from None
    except ValueError:
        return  # A built-in method shows no signature.


def _shown(member: str, wanted: object) -> str:
    if not callable(wanted):
        return member
    names = list(inspect.signature(wanted).parameters)[1:]
    return f"{member}({', '.join(names)})"
