"""What several tests need: shared material where it is, and a spotter that learns nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared_videos() -> Path:
    """The folder of real clips; the test is skipped where it is absent."""
    folder = SHARED / "videos"
    if not folder.is_dir():
        pytest.skip("the shared clips are not on this machine")
    return folder


# A busy machine is no failure.
settings.register_profile("mespot", deadline=None)
settings.load_profile("mespot")
