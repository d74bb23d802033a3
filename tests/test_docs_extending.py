"""The examples of docs/extending.md are plug-ins that pass their batteries and work together."""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import mespot
from mespot import testing

PAGE = Path(__file__).resolve().parents[1] / "docs" / "extending.md"
NAMES = ("block_motion", "moving_z", "my_json")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The modules of the page, each in the file that its first line names."""
    home = tmp_path_factory.mktemp("written")
    blocks = re.findall(r"```python\n# (\w+)\.py\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    for name, text in blocks:
        (home / f"{name}.py").write_text(text)
    assert [name for name, _ in blocks] == list(NAMES)
    sys.path.insert(0, str(home))
    yield {name: importlib.import_module(name) for name in NAMES}
    sys.path.remove(str(home))
    for name in NAMES:
        del sys.modules[name]


def test_they_pass_their_batteries(written, tmp_path):
    testing.check_descriptor(written["block_motion"].BlockMotion())
    testing.check_scorer(written["moving_z"].MovingZ())
    entry = {
        "id": "a", "subject": "s1", "fps": "25", "n_frames": 90, "video": "a.mp4",
        "expressions": [{"onset": 3, "apex": 5, "offset": 9}],
    }  # fmt: skip
    (tmp_path / "recordings.json").write_text(json.dumps([entry]))
    assert len(testing.check_dataset(written["my_json"].MyJson(), tmp_path)) == 1


def test_they_spot_together(written):
    recipe = mespot.Recipe(
        name="block-motion",
        descriptor=written["block_motion"].BlockMotion(),
        scorer=written["moving_z"].MovingZ(),
        decode=mespot.Decode(threshold=3.0),
    )
    with pytest.raises(mespot.NoUsableFace):
        mespot.spot(np.zeros((40, 120, 160), np.uint8), spotter=recipe, fps=25)
