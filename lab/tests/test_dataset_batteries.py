"""Every licensed data set passes the battery, on a small twin with all irregularities in it."""

from __future__ import annotations

import pytest
from test_synthetic_sheets import plan_of

from mespot import registry, testing
from mespot_lab import sheets
from synthetic_face import blank_images


@pytest.mark.parametrize("name", sheets.NAMES)
def test_dataset(tmp_path, name):
    module, plan = sheets.sheet_module(name), plan_of(name, 5, subjects=3, recordings=2)
    blank_images(tmp_path, module, plan)
    sheets.write_marker(tmp_path, name, module.write_sheet(tmp_path, plan, True))
    found = testing.check_dataset(registry.plugin("datasets", name)(), tmp_path)
    assert len(found) == 6


def test_every_data_set_is_tested():
    ours = {
        n for n, cls in registry.plugins("datasets").items() if cls.__module__.startswith("mespot.")
    }
    assert ours - {"folder"} == set(sheets.NAMES)
