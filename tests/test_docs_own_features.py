"""Every command and every program of docs/own-features.md runs, in order, in one folder."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from mespot.cli import run

PAGE = Path(__file__).resolve().parents[1] / "docs" / "own-features.md"


def test_the_page_runs_from_top_to_bottom(tmp_path, monkeypatch, capsys):
    pytest.importorskip("torch", reason="learning needs the extra train")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```(python|sh)\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)
    assert [language for language, _ in blocks].count("sh") == 3
    for language, text in blocks:
        if language == "python":
            exec(compile(text, str(PAGE), "exec"), {})
            continue
        for line in text.splitlines():
            words = shlex.split(line)
            assert words[0] == "mespot"
            assert run(words[1:]) == 0, (line, capsys.readouterr().err)
    # The made movements are plain to see: both ways of evaluating find most of them.
    for out, recipe in (("results", "default"), ("results-python", "brows")):
        figures = json.loads((tmp_path / out / recipe / "default" / "metrics.json").read_text())
        assert figures["recordings"] == 8
        assert figures["apex"]["f1"] > 0.7
    assert "spots.csv" in capsys.readouterr().err
