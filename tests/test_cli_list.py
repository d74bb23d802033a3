"""``mespot list``: every plug-in, and one broken file does not hide the others."""

from __future__ import annotations

import json

import pytest

import mespot.exports
from mespot import recipe, registry
from mespot.cli import run


def listed(capsys, *args, code=0):
    assert run(["list", *args]) == code
    return capsys.readouterr()


def test_all_families_with_every_plugin(capsys):
    tree = json.loads(listed(capsys, "--json").out)
    assert list(tree) == [*registry.FAMILIES, "recipes"]
    for family in registry.FAMILIES:
        assert [entry["name"] for entry in tree[family]] == registry.names(family)
    assert [entry["name"] for entry in tree["recipes"]] == list(recipe.shipped())


def test_an_entry_tells_description_and_fields(capsys):
    tree = json.loads(listed(capsys, "exports", "--json").out)
    assert list(tree) == ["exports"]
    assert {
        "name": "json",
        "fields": {"indent": 1},
        "description": "One JSON file with the recordings and their events; unknown is null.",
    } in tree["exports"]


def test_text_has_a_line_for_each_plugin_and_field(capsys):
    lines = listed(capsys, "datasets").out.splitlines()
    assert lines[0] == "datasets"
    at = next(i for i, line in enumerate(lines) if line.split()[:1] == ["folder"])
    assert lines[at].endswith("Videos with recordings.csv and events.csv in one folder.")
    assert lines[at + 1].strip() == 'recordings = "recordings.csv"'
    heads = [line for line in listed(capsys).out.splitlines() if line and line[0] != " "]
    assert heads == [*registry.FAMILIES, "recipes"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import no_such_library", "ModuleNotFoundError: No module named 'no_such_library'"),
        ("raise SystemError('two\\nlines')", "SystemError: two"),
        ("x =", "SyntaxError: invalid syntax"),
        ("x = 1", "AttributeError: module 'mespot.exports.broken' has no attribute 'PLUGIN'"),
        (
            "class PLUGIN: pass",
            "UsageError: export 'broken' (mespot.exports.broken:PLUGIN): is no dataclass",
        ),
    ],
    ids=["import", "raise", "syntax", "no plug-in", "no dataclass"],
)
def test_a_broken_plugin_does_not_hide_the_others(capsys, tmp_path, monkeypatch, text, reason):
    (tmp_path / "broken.py").write_text(text + "\n")
    monkeypatch.setattr(mespot.exports, "__path__", [*mespot.exports.__path__, str(tmp_path)])
    monkeypatch.delitem(__import__("sys").modules, "mespot.exports.broken", raising=False)
    out, err = listed(capsys, "--json")
    entries = {entry["name"]: entry for entry in json.loads(out)["exports"]}
    assert entries["broken"]["error"].startswith(reason)
    assert entries["broken"]["fields"] == {}
    assert "error" not in entries["csv"]
    assert err.startswith(f"mespot: warning: export 'broken' cannot be used ({reason}")
    assert err.count("\n") == 1
    monkeypatch.delitem(__import__("sys").modules, "mespot.exports.broken", raising=False)
    out, _ = listed(capsys, "exports")
    assert "  broken\n" in out
    assert "Comma-separated table" in out


def test_an_unknown_family(capsys):
    out, err = listed(capsys, "scorer", code=2)
    assert out == ""
    assert "'scorer' is not one of 'descriptors', 'scorers', 'datasets', 'exports'" in err
