"""`mespot tables`: the paper's rows, in its order, with what is ours and what is optimistic."""

from __future__ import annotations

import csv
from dataclasses import replace

import pytest

from evaluation_cases import recordings, without_faces
from mespot import registry
from mespot.cli import run
from mespot.cli.evaluate import LoadedData
from mespot.errors import UsageError
from mespot.recipe import Recipe, load_recipe, shipped
from mespot.scorers.lstm import Lstm
from mespot_lab.tables import rows as rows_module
from mespot_lab.tables.rows import Row, rows_of
from mespot_lab.tables.table import COLUMNS, Line, Table, as_csv, markdown, table_of

PAPER_1 = {
    "LBP ChiSquare": 0.29, "HOG-TOP Apex LSTM": 0.38, "HIGO-TOP Apex LSTM": 0.4,
    "LBP-TOP Overlap LSTM": 0.41, "HIGO-TOP Overlap LSTM": 0.5, "HOG-TOP Overlap LSTM": 0.62,
}  # fmt: skip
PAPER_2 = {
    "LBP ChiSquare": 0.32, "MDMD": 0.38, "LBP-TOP Apex LSTM": 0.69, "HIGO-TOP Apex LSTM": 0.71,
    "HOG-TOP Apex LSTM": 0.77, "LBP-TOP Overlap LSTM": 0.80, "HOG-TOP Overlap LSTM": 0.84,
    "HIGO-TOP Overlap LSTM": 0.86,
}  # fmt: skip


@pytest.mark.parametrize(("name", "printed"), [("smic-vis-e", PAPER_1), ("casme_sq", PAPER_2)])
def test_the_papers_rows_in_its_order(name, printed):
    rows = rows_of(name)
    assert {r.title: r.paper for r in rows if r.paper is not None} == printed
    assert [r.title for r in rows if r.paper is not None] == list(printed)
    assert len({r.recipe.name for r in rows}) == len(rows)
    extra = [r.title for r in rows if r.paper is None]
    omitted = ["LBP-TOP Apex LSTM"] if name == "smic-vis-e" else []
    assert extra[: len(omitted)] == omitted
    kinds = [r.kind for r in rows if r.title in extra[len(omitted) :]]
    assert kinds == ["own", "floor", "floor", "ceiling", "ceiling"]


@pytest.mark.parametrize("name", ["smic-vis-e", "casme-sq"])
def test_more_rows_are_every_shipped_recipe_once(name):
    fewer, more = rows_of(name), rows_of(name, more=True)
    assert [r for r in more if r in fewer] == fewer
    assert len({r.title for r in more}) == len(more)
    names = [r.recipe.name for r in more]
    assert len(set(names)) == len(names)
    assert {n for n in shipped() if not n.startswith("paper-")} <= set(names)


@pytest.mark.parametrize(("name", "length", "fps"), [("smic-vis-e", 9, 25), ("casme-sq", 23, 30)])
def test_every_row_is_what_it_is_called(name, length, fps):
    for row in rows_of(name):
        if row.kind != "method":
            continue
        descriptor, label = row.title.split()[:2]
        found = registry.name_of("descriptors", row.recipe.descriptor)
        assert found == descriptor.lower().replace("-", "_")
        assert row.recipe.scorer.label == label.lower()
        assert row.recipe.descriptor.span == length
        assert row.recipe.fps == fps
        assert row.recipe.scorer.epochs == 150
        assert row.recipe.scorer.normalise == ("zscore",)
        assert row.recipe.decode.threshold == "paper"


def test_difference_adds_a_row_below_each():
    plain, both = rows_of("smic-vis-e"), rows_of("smic-vis-e", difference=True)
    methods = [r for r in both if r.kind == "method"]
    assert [r.title for r in methods[::2]] == [r.title for r in plain if r.kind == "method"]
    for row, differenced in zip(methods[::2], methods[1::2], strict=True):
        assert differenced.title == f"{row.title}, difference"
        steps = ("difference", "zscore")
        assert differenced.recipe.scorer == replace(row.recipe.scorer, normalise=steps)
        assert differenced.paper is None


def test_settings_reach_every_recipe_and_those_of_the_scorer_the_papers_method():
    epochs = {"method": 7, "own": load_recipe("default").scorer.epochs}
    for row in rows_of("casme-sq", settings=["seed=4", "scorer.epochs=7"]):
        assert row.recipe.seed == 4
        if row.kind in epochs:
            assert row.recipe.scorer.epochs == epochs[row.kind]
    with pytest.raises(UsageError, match="no section 'scoer'"):
        rows_of("casme-sq", settings=["scoer.epochs=7"])


def test_no_table_of_other_sets():
    with pytest.raises(UsageError, match="did you mean 'casme-sq'"):
        rows_of("casme-sqq")


def result(recipe, protocol, f1, synthetic=True):
    apex = {"f1": f1, "f1_interval": [0.1, None], "tp": 3, "fn": 4}
    return {
        "recipe": recipe, "protocol": protocol, "optimistic": protocol == "paper",
        "dataset": "smic-vis-e twin (synthetic)" if synthetic else "smic-vis-e",
        "synthetic": synthetic, "recordings": 9, "subjects": 3, "minutes": 2.5,
        "apex": {**apex, "false_alarms_per_minute": 1.25}, "megc": {"f1": None},
        "scoring_frames_per_s": 123456.7, "weights_bytes": 98765,
    }  # fmt: skip


def example(synthetic=True):
    rows = [Row("Rival", "rival", Recipe("r"), 0.3), Row("Method", "method", Recipe("m"), 0.62)]
    results = [
        result(name, protocol, f1, synthetic)
        for name, figures in (("m", (0.4444, 0.7)), ("r", (None, 0.2)))
        for protocol, f1 in zip(("default", "paper"), figures)
    ]
    return table_of("Table 1", rows, results)


def test_the_table_by_hand():
    text = markdown(example())
    assert "| Rival | 0.30 | 0.20 | - | 0.10 to - | - | 1.25 | 120,000 | 99 |" in text
    assert "| Method | 0.62 | 0.70 | 0.44 | 0.10 to - | - | 1.25 | 120,000 | 99 |" in text
    assert "SYNTHETIC: smic-vis-e twin (synthetic)" in text
    assert "9 recordings of 3 subjects, 2.5 minutes, 7 micro-expressions" in text
    assert "(optimistic)" in COLUMNS[2]
    assert "another cut of the data" in COLUMNS[1]
    rows = list(csv.DictReader(as_csv(example(), "smic-vis-e twin (synthetic)").splitlines()))
    assert [r["f1_apex"] for r in rows] == ["", "0.4444"]
    assert rows[1]["f1_apex"] == "0.4444"
    assert rows[1]["f1_apex_optimistic"] == "0.7"
    assert rows[1]["f1_megc"] == ""
    assert rows[1]["f1_printed_in_paper_other_data"] == "0.62"
    assert {r["dataset"] for r in rows} == {"smic-vis-e twin (synthetic)"}
    assert "SYNTHETIC" not in markdown(example(synthetic=False))


def test_the_picture_shows_what_is_known(tmp_path):
    import cv2

    from mespot_lab.tables.plot import draw

    draw(example(), tmp_path / "table.png")
    full = cv2.imread(str(tmp_path / "table.png"))
    assert full.shape[1] > 900
    # Without the optimistic figure its colour is in the legend alone.
    less = Table("t", [replace(line, optimistic=None) for line in example().lines], [])
    draw(less, tmp_path / "less.png")
    orange = [
        (abs(cv2.imread(str(tmp_path / name)).astype(int) - (0x2B, 0x78, 0xC9)).sum(2) < 30).sum()
        for name in ("table.png", "less.png")
    ]
    assert orange[0] > 1.5 * orange[1] > 0
    draw(Table("t", [Line(Row("x", "rival", Recipe("x")))], []), tmp_path / "bare.png")


@pytest.fixture
def twin(tmp_path, monkeypatch):
    """Toys that pass for a twin of SMIC-VIS-E."""
    pytest.importorskip("torch", reason="training needs PyTorch")
    pytest.importorskip("onnx", reason="training needs onnx")
    monkeypatch.setenv("MESPOT_CACHE", str(tmp_path / "cache"))
    without_faces(monkeypatch)
    given = [replace(r, dataset="smic-vis-e twin") for r in recordings(tmp_path / "data", "abc")]
    monkeypatch.setattr("mespot_lab.tables.verb.load", lambda *_: LoadedData(given, {}))
    return given


def command(tmp_path, *more):
    return ["tables", "--dataset", "smic-vis-e", "-o", str(tmp_path / "out"), "--workers", "1",
            "--set", "seed=1", *more]  # fmt: skip


def quick(monkeypatch):
    """The rows with two epochs where there are epochs."""
    original = rows_module.rows_of

    def shorter(*args):
        changed = []
        for row in original(*args):
            recipe = row.recipe
            if isinstance(recipe.scorer, Lstm):
                scorer = replace(recipe.scorer, epochs=2, check_every=1, networks=1)
                recipe = replace(recipe, scorer=scorer)
            # The toys' rows have no mirror images.
            recipe = replace(recipe, mirror=False)
            changed.append(replace(row, recipe=recipe))
        return changed

    monkeypatch.setattr(rows_module, "rows_of", shorter)


def test_the_whole_table_of_a_twin(tmp_path, twin, monkeypatch, capsys):
    quick(monkeypatch)
    assert run(command(tmp_path, "--twin", str(tmp_path / "data"))) == 0
    shown = capsys.readouterr()
    text = (tmp_path / "out" / "table.md").read_text()
    assert shown.out == text
    assert text.startswith("# Table 1 of Tran et al. 2019: smic-vis-e twin (synthetic)")
    rows = list(csv.DictReader((tmp_path / "out" / "table.csv").read_text().splitlines()))
    by_title = {r["method"]: r for r in rows}
    assert len(rows) == 12
    assert float(by_title["never (floor)"]["f1_apex"]) == 0
    assert float(by_title["oracle, Overlap labels (ceiling)"]["f1_apex"]) > 0.9
    assert (tmp_path / "out" / "table.png").stat().st_size > 10_000
    assert (tmp_path / "out" / "hog-top-overlap-lstm" / "paper" / "fold-a" / "fold.json").is_file()
    assert run(command(tmp_path, "--twin", str(tmp_path / "data"))) == 0
    again = capsys.readouterr()
    assert again.out == text
    n = 3 * len(rows)
    assert f"{n} folds, {n} of them finished before" in again.err


def test_root_and_twin_are_told_apart(tmp_path, twin, monkeypatch, capsys):
    assert run(command(tmp_path)) == 2
    assert "either --root" in capsys.readouterr().err
    assert run(command(tmp_path, "--root", "x", "--twin", "x")) == 2
    real = [replace(r, dataset="smic-vis-e") for r in twin]
    monkeypatch.setattr("mespot_lab.tables.verb.load", lambda *_: LoadedData(real, {}))
    assert run(command(tmp_path, "--twin", str(tmp_path / "data"))) == 2
    assert "holds no twin.json" in capsys.readouterr().err
    assert run(command(tmp_path, "--root", "x", "--scale", "0.1")) == 2
    assert "--scale is for a twin to be made" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_twin_that_is_not_there_is_made_first(tmp_path, twin, monkeypatch, capsys):
    made = []

    def make(request, faces, place, workers, dry_run):
        print("planned")
        made.append((request.name, request.scale, request.seed, place, workers, dry_run))
        raise UsageError("enough seen")

    monkeypatch.setattr("mespot_lab.twins.verb.make", make)
    assert run(command(tmp_path, "--twin", "--scale", "0.1")) == 2
    # Results alone go to standard output.
    assert capsys.readouterr().out == ""
    assert run(command(tmp_path, "--twin", str(tmp_path / "new"))) == 2
    # One that a stopped run began is gone on with.
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "twin.json").touch()
    assert run(command(tmp_path, "--twin", str(tmp_path / "new"), "--scale", "0.2")) == 2
    assert made.pop() == ("smic-vis-e", 0.2, 0, tmp_path / "new", 1, False)
    assert made == [
        ("smic-vis-e", 0.1, 0, tmp_path / "out" / "twin", 1, False),
        ("smic-vis-e", 1.0, 0, tmp_path / "new", 1, False),
    ]
