"""Plug-ins of another distribution, and plain objects, go through the whole chain."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

import mespot
from mespot import Decode, Recipe, Spotter, registry, testing
from mespot.cache import Cache
from mespot.code_hash import plugin_hash
from mespot.errors import UsageError
from mespot.evaluation import figures as figures_types
from mespot.rows import keys_of
from mespot.scorers.lstm import Lstm
from mespot.scorers.random import Random
from mespot.synthetic import STANDARD, load_portraits, render_recording

HERE = Path(__file__).parent / "outside_plugin"
SMALL = replace(STANDARD, width=320, height=240, eye_px=(48.0, 50.0), micro_per_minute=40.0)


@pytest.fixture(scope="module")
def outside():
    """The stranger's module, imported from its folder: not installed."""
    sys.path.insert(0, str(HERE))
    yield importlib.import_module("outside_plugin")
    sys.path.remove(str(HERE))
    del sys.modules["outside_plugin"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Three subjects with a short video each, and the stranger's JSON beside."""
    root = tmp_path_factory.mktemp("data")
    entries = []
    faces = load_portraits(None)
    for number in range(3):
        made = render_recording(
            faces[number % len(faces)], root, f"r{number}", SMALL, number, 5.0, Fraction(30)
        )
        entries.append({
            "id": f"r{number}", "subject": f"s{number}", "fps": "30", "n_frames": 150,
            "video": f"r{number}.mp4",
            "expressions": [
                {"onset": e.onset, "apex": e.apex, "offset": e.offset}
                for e in made.expressions if e.kind == "micro"
            ],
        })  # fmt: skip
    (root / "recordings.json").write_text(json.dumps(entries))
    return root


def test_the_batteries_take_them(outside, data):
    testing.check_descriptor(outside.BlockMotion())
    testing.check_scorer(outside.MovingZ())
    assert len(testing.check_dataset(outside.MyJson(), data)) == 3
    testing.check_exporter(outside.Lines())


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """A fresh environment that has the stranger's distribution beside what is installed here."""
    # Not imported: setuptools puts its own distutils in the way of others.
    absent = [n for n in ("pip", "setuptools") if importlib.util.find_spec(n) is None]
    if absent:
        pytest.skip(f"{' and '.join(absent)} not installed")
    home = tmp_path_factory.mktemp("environment")
    copy = home / "source"
    shutil.copytree(HERE, copy)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home / "venv")], check=True)
    binary = home / "venv" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    site = subprocess.run(
        [str(binary), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    core = Path(mespot.__file__).parents[1]
    # addsitedir also follows the .pth files there: packages that are installed as editable.
    here = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})"
    (Path(site) / "here.pth").write_text(f"{core}\n{here}\n")
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation",
         "--no-index", "--target", site, str(copy)],
        check=True, capture_output=True,
    )  # fmt: skip
    return str(binary)


def run(python, *args, **more):
    return subprocess.run(
        [python, "-m", "mespot", *map(str, args)],
        capture_output=True, text=True, check=False, **more,
    )  # fmt: skip


def test_an_installed_distribution_is_found_and_evaluated(python, data, tmp_path):
    listed = json.loads(run(python, "list", "--json").stdout)
    (entry,) = [e for e in listed["descriptors"] if e["name"] == "block_motion"]
    assert entry["distribution"] == "outside-plugin 1.2"
    assert entry["fields"] == {"blocks": 6}
    errors = {e["name"]: e["error"] for e in listed["scorers"] if "error" in e}
    assert errors.keys() == {"broken", "absent", "no_class"}
    assert "lacks epoch_of(checkpoint)" in errors["broken"]
    assert "No module named 'outside_no_such_module'" in errors["absent"]
    assert "outside_plugin:NUMBER is no class" in errors["no_class"]
    assert {"moving_z", "lstm"} <= {e["name"] for e in listed["scorers"]} - errors.keys()
    assert "default" in {e["name"] for e in listed["recipes"]}

    recipe = tmp_path / "mine.toml"
    recipe.write_text(
        'name = "mine"\n[descriptor]\nname = "block_motion"\nblocks = 4\n'
        '[scorer]\nname = "moving_z"\n'
    )
    out = tmp_path / "out"
    done = run(
        python, "evaluate", recipe, "--dataset", "my-json", "--root", data, "-o", out,
        "--workers", "2", "--cache", tmp_path / "cache",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    results = json.loads((out / "results.json").read_text())["results"]
    assert results[0]["recipe"] == "mine"
    assert len(results[0]["folds"]) == 3
    assert (out / "mine" / "recipe.toml").read_text().count("block_motion") == 1

    exported = run(
        python, "datasets", "export", "my-json", data, "-o", tmp_path / "e", "--format", "lines"
    )
    assert exported.returncode == 0, exported.stderr
    assert list((tmp_path / "e").glob("*.lines"))

    low = [*recipe.read_text().splitlines(), "[decode]", "threshold = 2.0"]
    recipe.write_text("\n".join(low))
    spotted = run(python, "spot", data / "r0.mp4", "-o", tmp_path / "s", "--spotter", recipe)
    assert spotted.returncode == 0, spotted.stderr
    assert (tmp_path / "s" / "events.csv").is_file()


def test_broken_ones_are_reported_and_do_no_harm(python):
    doctor = run(python, "doctor", "--json")
    assert doctor.returncode == 1
    findings = json.loads(doctor.stdout)["findings"]
    problems = {f["check"]: f["text"] for f in findings if f["state"] == "problem"}
    assert problems.keys() == {
        "scorer 'broken'", "scorer 'absent'", "scorer 'no_class'", "mespot.recipes 'gone'",
        "mespot.verbs 'lost'",
    }  # fmt: skip
    assert all("outside-plugin 1.2" in text for text in problems.values())
    shown = run(python, "--help")
    assert shown.returncode == 0
    assert "Cannot be loaded" in shown.stdout
    for verb, why in (("lost", "outside_no_such_module"), ("number", "is no click command")):
        called = run(python, verb, "x", "--y")
        assert called.returncode == 1
        assert called.stderr.startswith(f"mespot: verb {verb!r} cannot be loaded")
        assert why in called.stderr
        assert len(called.stderr.strip().splitlines()) == 1
    code = "import mespot; print(sorted(mespot.plugins('scorers')))"
    usable = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    assert "moving_z" in usable.stdout
    assert "broken" not in usable.stdout
    assert "scorer 'broken' is left out" in usable.stderr


def test_it_is_trained_and_saved_and_read_where_it_is_installed(python, data, tmp_path):
    recipe = tmp_path / "mine.toml"
    recipe.write_text('name = "mine"\ndescriptor = {name = "block_motion"}\n'
                      'scorer = {name = "moving_z"}\n')  # fmt: skip
    exported = run(python, "datasets", "export", "my-json", data, "-o", data)
    assert exported.returncode == 0, exported.stderr
    trained = run(python, "train", recipe, "--data", data, "-o", tmp_path / "spotter")
    assert trained.returncode == 0, trained.stderr
    spotted = run(
        python, "spot", data / "r0.mp4", "--spotter", tmp_path / "spotter", "-o", tmp_path / "s"
    )
    assert spotted.returncode == 0, spotted.stderr
    # Here it is not installed.
    elsewhere = run(
        sys.executable, "spot", data / "r0.mp4", "--spotter", tmp_path / "spotter", "-o",
        tmp_path / "t", env={**os.environ, "PYTHONPATH": str(Path(mespot.__file__).parents[1])},
    )  # fmt: skip
    assert elsewhere.returncode == 2
    (line,) = elsewhere.stderr.strip().splitlines()
    assert "there is no descriptor 'block_motion'" in line
    assert line.endswith("or install the package that brings it")


def test_a_plug_in_of_an_unknown_name_is_refused_in_one_line(python, data, tmp_path):
    recipe = tmp_path / "other.toml"
    recipe.write_text('[descriptor]\nname = "block_moton"\n')
    done = run(python, "spot", data / "r0.mp4", "-o", tmp_path / "s", "--spotter", recipe)
    assert done.returncode == 2
    assert "did you mean 'block_motion'" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_plain_objects_are_trained_saved_loaded_and_evaluated(outside, data, tmp_path):
    pytest.importorskip("torch")
    pytest.importorskip("onnx")
    recordings = outside.MyJson().load(data)
    recipe = Recipe(
        "mine",
        descriptor=outside.BlockMotion(blocks=3),
        scorer=Lstm(epochs=1, units=3, window=10),
        decode=Decode(min_s=0.1),
    )
    spotter = mespot.train(recipe, recordings)
    spotter.save(tmp_path / "spotter")
    with pytest.raises(UsageError, match="outside_plugin:BlockMotion") as caught:
        mespot.load_spotter(tmp_path / "spotter")
    assert "call mespot.register('descriptors', ...) first; or install" in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "spotter"))
    assert "\n" not in str(caught.value)
    mespot.register("descriptors", outside.BlockMotion)
    try:
        loaded = mespot.load_spotter(tmp_path / "spotter")
    finally:
        registry.unregister("descriptors", outside.BlockMotion)
    assert loaded.recipe.descriptor == outside.BlockMotion(blocks=3)
    assert loaded.weights_hash == spotter.weights_hash
    result = mespot.spot(data / "r0.mp4", spotter=loaded)
    assert len(result.scores) == 150


def test_a_scorer_that_learns_nothing_is_trained_for_its_threshold(outside, data, tmp_path):
    recipe = Recipe("z", descriptor=outside.BlockMotion(), scorer=outside.MovingZ())
    heard, lines = [], []
    spotter = mespot.train(
        recipe, outside.MyJson().load(data), cache=tmp_path / "cache", log=lines.append,
        progress=lambda done, total: heard.append((done, total)),
    )  # fmt: skip
    assert heard == [(1, 3), (2, 3), (3, 3)]
    assert lines == []
    threshold = float(spotter.weights["threshold"])
    spotted = mespot.spot(data / "r0.mp4", spotter=spotter)
    assert spotted.threshold == threshold
    again = Spotter(replace(recipe, decode=Decode(threshold=threshold)), {})
    assert mespot.spot(data / "r0.mp4", spotter=again).expressions == spotted.expressions


@pytest.fixture(scope="module")
def evaluated(outside, data, tmp_path_factory):
    """Figures of two plain objects, by two processes."""
    home = tmp_path_factory.mktemp("evaluated")
    untrained = Recipe("z", descriptor=outside.BlockMotion(), scorer=outside.MovingZ())
    (figures,) = mespot.evaluate(
        untrained, (outside.MyJson(), data), home / "out", cache=home / "cache", workers=2
    )
    return home, untrained, figures


def test_plain_objects_are_evaluated_by_two_processes(outside, data, evaluated, tmp_path):
    home, recipe, figures = evaluated
    assert figures["recipe"] == "z"
    assert figures["recordings"] == 3
    assert len(figures["folds"]) == 3
    run = json.loads((home / "out" / "run.json").read_text())
    assert run["dataset"]["name"] == "outside_plugin:MyJson"
    assert "torch" in run["versions"]
    recordings = outside.MyJson().load(data)
    (one,) = mespot.evaluate(recipe, recordings, tmp_path / "out", cache=home / "cache")
    for rule in ("apex", "megc"):
        assert one[rule] == figures[rule]


def test_figures_have_the_fields_of_their_type(evaluated):
    figures = evaluated[2]
    assert figures.keys() == figures_types.EvaluationFigures.__annotations__.keys()
    assert figures["apex"].keys() == figures_types.RuleFigures.__annotations__.keys()
    assert figures["folds"][0].keys() == figures_types.FoldFigures.__annotations__.keys()
    assert figures["folds"][0]["cost"].keys() == figures_types.ScoringCost.__annotations__.keys()


def test_a_registered_name_is_known_to_no_worker_and_needs_not_be(outside, data, tmp_path):
    mespot.register("descriptors", outside.BlockMotion, "mine")
    try:
        recipe = Recipe("z", descriptor=outside.BlockMotion(), scorer=outside.MovingZ())
        (figures,) = mespot.evaluate(
            recipe, (outside.MyJson(), data), tmp_path / "out", cache=tmp_path / "c", workers=2
        )
    finally:
        registry.unregister("descriptors", outside.BlockMotion)
    assert len(figures["folds"]) == 3
    assert 'name = "mine"' in (tmp_path / "out" / "z" / "recipe.toml").read_text()


SCRIPT = """
import json, sys
from dataclasses import dataclass
import mespot
from mespot.contracts import BaseScorer
from outside_plugin import BlockMotion, MyJson

@dataclass(frozen=True)
class Blocks(BlockMotion):
    "The stranger's rows."

@dataclass(frozen=True)
class Mean(BaseScorer):
    "The mean of a row."

    def score(self, series, weights):
        return series.with_values(series.values.mean(axis=1, keepdims=True))

if __name__ == "__main__":
    recipe = mespot.Recipe("s", descriptor=Blocks(), scorer=Mean())
    data, out, cache, workers = sys.argv[1:]
    try:
        (figures,) = mespot.evaluate(
            recipe, (MyJson(), data), out, cache=cache, workers=int(workers)
        )
    except mespot.UsageError as error:
        sys.exit(f"{error}")
    print(json.dumps(figures["apex"]))
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory, data):
    """Run SCRIPT, from a file or typed in, with a number of workers."""
    home = tmp_path_factory.mktemp("script")
    cache = home / "cache"
    (home / "script.py").write_text(SCRIPT)
    paths = [str(Path(mespot.__file__).parents[1]), str(HERE)]

    def run(workers, typed=False):
        command = [sys.executable, "-" if typed else str(home / "script.py"), str(data)]
        out = home / f"out{workers}{typed}"
        return subprocess.run(
            [*command, str(out), str(cache), str(workers)],
            capture_output=True, text=True, check=False, input=SCRIPT if typed else None,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )  # fmt: skip

    run.rows = lambda: len([*cache.rglob("source_of.npy")])
    return run


def test_classes_of_a_script_run_in_several_processes(script):
    two = script(2)
    assert two.returncode == 0, two.stderr
    assert script.rows() == 3
    one = script(1)
    assert one.returncode == 0, one.stderr
    assert json.loads(one.stdout) == json.loads(two.stdout)
    # The rows that workers have made are found again.
    assert script.rows() == 3


def test_classes_that_were_typed_in_run_in_one_process(script):
    two = script(2, typed=True)
    assert two.returncode == 1
    (line,) = two.stderr.strip().splitlines()
    assert line.startswith("recipe s: Blocks was written in this session")
    assert "workers=1" in line
    assert script(1, typed=True).stdout == script(1).stdout


def test_keys_follow_fields_and_code(outside, data, tmp_path, monkeypatch):
    recording = outside.MyJson().load(data)[0]
    cache = Cache(tmp_path / "cache")

    def key(descriptor):
        return keys_of(Recipe("x", descriptor=descriptor), recording, cache).rows

    six = key(outside.BlockMotion())
    assert key(outside.BlockMotion(blocks=6)) == six
    assert key(outside.BlockMotion(blocks=5)) != six
    from mespot import code_hash

    changed = tmp_path / "outside_plugin.py"
    changed.write_text((HERE / "outside_plugin.py").read_text().replace("np.abs(", "2 * np.abs("))
    code_hash._path.cache_clear()
    code_hash._root.cache_clear()
    monkeypatch.setattr(outside, "__file__", str(changed))
    assert key(outside.BlockMotion()) != six
    monkeypatch.undo()
    code_hash._path.cache_clear()
    code_hash._root.cache_clear()
    assert key(outside.BlockMotion()) == six
    monkeypatch.setattr(code_hash, "plugin_libraries", lambda _: ("pip",))
    assert key(outside.BlockMotion()) != six


def test_keys_of_folds_follow_the_scorer(outside, evaluated, tmp_path):
    def code(scorer):
        return plugin_hash(scorer, ("mespot.evaluation.fold",), ("numpy",))

    stored = json.loads(
        (evaluated[0] / "out" / "z" / "default" / "fold-s0" / "fold.json").read_text()
    )
    assert stored["key"]["recipe"] == evaluated[1].hash
    assert code(outside.MovingZ()) == code(outside.MovingZ(memory_s=3))
    assert code(outside.MovingZ()) != code(Random())
    assert replace(evaluated[1], scorer=outside.MovingZ(memory_s=3)).hash != evaluated[1].hash
