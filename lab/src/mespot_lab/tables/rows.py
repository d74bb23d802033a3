"""The rows of the paper's Tables 1 and 2 as recipes, with floor, ceiling and our own beside.

The paper's figures stand on another cut of the data (docs/evaluation.md): they show the shape of
its tables and are never to be compared with ours number by number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mespot import registry
from mespot.contracts import Scorer
from mespot.errors import UsageError, nearest
from mespot.recipe import Recipe, load_recipe
from mespot.scorers.never import Never
from mespot.scorers.oracle import Oracle
from mespot.scorers.random import Random


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes
    ----------
    title : str
        As in the paper, where it is there.
    kind : {"method", "rival", "own", "floor", "ceiling"}
    recipe : Recipe
    paper : float or None
        The F1 that the paper prints.
    """

    title: str
    kind: str
    recipe: Recipe
    paper: float | None = None


# In the order of the paper's tables: title, descriptor, label, F1. A row of None is one that the
# paper leaves out.
_Spec = tuple[str, str, str, float | None]
_SMIC: tuple[_Spec, ...] = (
    ("HOG-TOP Apex LSTM", "hog_top", "apex", 0.38),
    ("HIGO-TOP Apex LSTM", "higo_top", "apex", 0.40),
    ("LBP-TOP Apex LSTM", "lbp_top", "apex", None),
    ("LBP-TOP Overlap LSTM", "lbp_top", "overlap", 0.41),
    ("HIGO-TOP Overlap LSTM", "higo_top", "overlap", 0.50),
    ("HOG-TOP Overlap LSTM", "hog_top", "overlap", 0.62),
)
_CASME: tuple[_Spec, ...] = (
    ("LBP-TOP Apex LSTM", "lbp_top", "apex", 0.69),
    ("HIGO-TOP Apex LSTM", "higo_top", "apex", 0.71),
    ("HOG-TOP Apex LSTM", "hog_top", "apex", 0.77),
    ("LBP-TOP Overlap LSTM", "lbp_top", "overlap", 0.80),
    ("HOG-TOP Overlap LSTM", "hog_top", "overlap", 0.84),
    ("HIGO-TOP Overlap LSTM", "higo_top", "overlap", 0.86),
)
# Title, recipe, F1.
_SMIC_RIVALS = (("LBP ChiSquare", "lbp-chi2", 0.29),)
_CASME_RIVALS = (("LBP ChiSquare", "lbp-chi2", 0.32), ("MDMD", "mdmd", 0.38))

# What the paper has no figure of: title, shipped recipe.
_OTHER_RIVALS = (
    ("LBP ChiSquare", "lbp-chi2"),
    ("MDMD", "mdmd"),
    ("Sliding windows, HOG-TOP, linear SVM", "svm-windows"),
    ("Patel 2015", "patel"),
    ("Xia 2016", "xia"),
    ("OF-FD", "of-fd"),
)
_OTHER_OWN = (
    ("region_flow TCN", "tcn"),
    ("region_flow transformer", "transformer"),
    ("region_flow fusion of two LSTMs", "fusion"),
)

TABLES: Mapping[str, tuple[str, str, tuple[_Spec, ...], Sequence[tuple[str, str, float]]]] = {
    "smic-vis-e": ("Table 1", "paper-smic", _SMIC, _SMIC_RIVALS),
    "casme-sq": ("Table 2", "paper-casme-sq", _CASME, _CASME_RIVALS),
}
"""Data set -> the paper's name of its table, the recipe of its rows, its rows, its rivals."""


def rows_of(
    dataset: str,
    difference: bool = False,
    settings: Sequence[str] = (),
    more: bool = False,
) -> list[Row]:
    """All rows of a data set's table.

    ``difference`` adds, below every row of the paper's method, the same with differences in time
    before ``zscore``. ``settings`` change every recipe, those of the scorer only the rows of the
    paper's method: mespot's default stays as it is shipped, floor and ceiling do not learn.
    ``more`` adds the other rivals and networks that are shipped, of which the paper has no figure.
    Raises UsageError for a data set without a table.
    """
    name = dataset.replace("_", "-")
    if name not in TABLES:
        raise UsageError(
            f"the paper has no table of {dataset!r}{nearest(name, list(TABLES))}; "
            "mespot evaluate judges single recipes on any data set"
        )
    _, base_name, specs, rivals = TABLES[name]
    base = load_recipe(base_name)
    rows = [Row(title, "rival", load_recipe(recipe), f1) for title, recipe, f1 in rivals]
    for title, descriptor, label, f1 in specs:
        rows.append(Row(title, "method", _method(base, title, descriptor, label), f1))
        if difference:
            changed = _method(base, f"{title}, difference", descriptor, label, difference=True)
            rows.append(Row(f"{title}, difference", "method", changed))
    rows.append(Row("region_flow LSTM (mespot's default)", "own", load_recipe("default")))
    if more:
        known = {row.title for row in rows}
        for kind, others in (("rival", _OTHER_RIVALS), ("own", _OTHER_OWN)):
            rows += [Row(t, kind, load_recipe(r)) for t, r in others if t not in known]
    rows += _bounds(base)
    return [_changed(row, settings) for row in rows]


def _changed(row: Row, settings: Sequence[str]) -> Row:
    if row.kind != "method":
        settings = [s for s in settings if not s.strip().startswith("scorer.")]
    return replace(row, recipe=row.recipe.override(settings))


def _method(
    base: Recipe, title: str, descriptor: str, label: str, difference: bool = False
) -> Recipe:
    """A recipe of the paper's with another descriptor and label; lengths stay."""
    fields = registry.to_values(base.descriptor)
    scorer = {**registry.section_of("scorers", base.scorer), "label": label}
    if difference:
        scorer["normalise"] = ["difference", "zscore"]
    return replace(
        base,
        name=_slug(title),
        description=f"{title}, as {base.name}",
        descriptor=registry.build("descriptors", {"name": descriptor, **fields}),
        scorer=registry.build("scorers", scorer),
    )


def _bounds(base: Recipe) -> list[Row]:
    """Floor and ceiling on the rows of the paper's recipe, decoded as its scores are."""

    def made(title: str, scorer: Scorer) -> Recipe:
        return replace(base, name=_slug(title), description=title, scorer=scorer)

    apex, overlap = Oracle(label="apex"), Oracle(label="overlap")
    return [
        Row("never (floor)", "floor", made("never", Never())),
        Row("random (chance)", "floor", made("random", Random())),
        Row("oracle, Apex labels (ceiling)", "ceiling", made("oracle apex", apex)),
        Row("oracle, Overlap labels (ceiling)", "ceiling", made("oracle overlap", overlap)),
    ]


def _slug(title: str) -> str:
    return "-".join(title.replace(",", " ").lower().split())
