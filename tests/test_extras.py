"""A module that is not installed: one line that names the extra, wherever it is needed."""

from __future__ import annotations

import sys
import tomllib
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from mespot import extras
from mespot.datasets.casme_sq import CasmeSq
from mespot.datasets.folder import Folder
from mespot.descriptors.lbp_top import LbpTop
from mespot.errors import MespotError, UnreadableInput
from mespot.scorers import checks
from mespot.types import FaceClip
from sheetmaker import xls, xlsx

PROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"


def without(monkeypatch, module):
    """As if a distribution was not installed, its submodules included."""
    for name in [n for n in sys.modules if n.partition(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)


def test_every_extra_of_the_table_installs_its_modules():
    listed = tomllib.loads(PROJECT.read_text())["project"]["optional-dependencies"]
    for extra, modules in extras.EXTRAS.items():
        names = [line.partition(">")[0] for line in listed[extra]]
        assert names == [{"sklearn": "scikit-learn"}.get(m, m) for m in modules]
    assert set(listed) == {*extras.EXTRAS, "dev"}


@pytest.mark.parametrize(
    ("module", "extra", "shown"),
    [
        (name, extra, "scikit-learn" if name == "sklearn" else name)
        for extra, names in extras.EXTRAS.items()
        for name in names
    ],
)
def test_need_names_the_module_and_the_command(monkeypatch, module, extra, shown):
    without(monkeypatch, module)
    for name in (module, f"{module}.part"):
        with pytest.raises(extras.MissingExtra) as error:
            extras.need(name, extra=extra, who="this")
        assert str(error.value) == f"this needs {shown}: pip install 'mespot[{extra}]'"


def test_need_does_not_hide_an_error_of_an_installed_module(monkeypatch, tmp_path):
    (tmp_path / "broken_one.py").write_text("import no_such_module_at_all\n")
    (tmp_path / "broken_two.py").write_text("raise ImportError('libfoo.so: no such file')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_module_at_all"):
        extras.need("broken_one", extra="paper", who="this")
    with pytest.raises(ImportError, match=r"libfoo\.so"):
        extras.need("broken_two", extra="paper", who="this")
    assert extras.need("json", extra="paper", who="this").dumps(1) == "1"


def test_a_sheet_without_its_reader(monkeypatch, tmp_path):
    new = xlsx(tmp_path / "CAS(ME)^2code_final.xlsx", s=[["x"]])
    old = xls(tmp_path / "old.xls", s=[["x"]])
    for module, path in (("openpyxl", new), ("xlrd", old)):
        without(monkeypatch, module)
        wanted = rf"^reading {path.name} needs {module}: pip install 'mespot\[datasets\]'$"
        wanted = wanted.replace("(ME)^", r"\(ME\)\^").replace(".x", r"\.x")
        with pytest.raises(extras.MissingExtra, match=wanted):
            CasmeSq().read_sheet(path)
    # The sheet is not called damaged, by load and inspect neither.
    with pytest.raises(extras.MissingExtra):
        CasmeSq(sheet=new.name).load(tmp_path)


def test_an_elan_file_without_its_reader(monkeypatch, tmp_path):
    (tmp_path / "recordings.csv").write_text("recording,subject,path,fps\na,s1,a.mp4,25\n")
    (tmp_path / "a.eaf").write_text("<ANNOTATION_DOCUMENT/>")
    without(monkeypatch, "defusedxml")
    with pytest.raises(extras.MissingExtra) as error:
        Folder().load(tmp_path)
    assert str(error.value) == (
        "reading an ELAN file needs defusedxml: pip install 'mespot[datasets]'"
    )
    # A folder of tables needs no extra.
    (tmp_path / "events.csv").write_text("recording,onset,offset\na,1,2\n")
    assert [len(r.expressions) for r in Folder().load(tmp_path)] == [1]


def test_a_damaged_workbook_is_still_unreadable(tmp_path):
    path = tmp_path / "a.xlsx"
    path.write_bytes(b"PK\x03\x04 and nothing else")
    with pytest.raises(UnreadableInput, match="cannot be read as a workbook"):
        CasmeSq().read_sheet(path)


def test_a_compiled_descriptor_without_numba(monkeypatch):
    without(monkeypatch, "numba")
    clip = FaceClip(
        np.zeros((12, 24, 24), np.uint8), np.ones(12, bool), np.zeros((12, 5, 2), np.float32),
        np.arange(12) / 25, Fraction(25),
    )  # fmt: skip
    with pytest.raises(
        extras.MissingExtra, match=r"^descriptor lbp_top needs numba: .*mespot\[paper\]'$"
    ):
        LbpTop(span=9).describe(clip)


@pytest.mark.parametrize("module", ["torch", "onnx"])
def test_training_without_its_modules(monkeypatch, module):
    # torch cannot be imported twice in one process: its entry alone is hidden.
    monkeypatch.setitem(sys.modules, module, None)
    with (
        pytest.raises(MespotError, match=rf"^scorer lstm: training needs {module}: .*\[train\]'$"),
        checks.training_needs("lstm"),
    ):
        pass
