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
    blocks = re.findall(r"^```(python|sh|toml)\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)
    assert [language for language, _ in blocks].count("sh") == 3
    for language, text in blocks:
        if language == "toml":
            (tmp_path / "brows.toml").write_text(text)
            continue
        if language == "python":
            exec(compile(text, str(PAGE), "exec"), {})
            continue
        for line in text.splitlines():
            words = shlex.split(line)
            assert words[0] == "mespot"
            assert run(words[1:]) == 0, (line, capsys.readouterr().err)
    found = []
    for out in ("results", "results-python"):
        figures = json.loads((tmp_path / out / "brows" / "default" / "metrics.json").read_text())
        found.append(figures["apex"])
        assert figures["recordings"] == 8
        # The made movements are plain to see.
        assert figures["apex"]["f1"] > 0.7
    assert found[0] == found[1]
