"""Uses the whole public interface; tests/test_api_types.py reads the types that mypy finds."""

from __future__ import annotations

import numpy as np

import mespot
from mespot.descriptors.region_flow import RegionFlow
from mespot.scorers.lstm import Lstm
from mespot.scorers.never import Never

recipe = mespot.Recipe(
    "typed",
    align=mespot.Align(size=150),
    descriptor=RegionFlow(distances_s=(0.17,)),
    scorer=Lstm(units=20),
    decode=mespot.Decode(threshold=0.7),
)
reveal_type(recipe.align)  # type: ignore[name-defined]  # noqa: F821
reveal_type(recipe.descriptor)  # type: ignore[name-defined]  # noqa: F821
reveal_type(recipe.decode.threshold)  # type: ignore[name-defined]  # noqa: F821
spotter = mespot.load_spotter()
reveal_type(spotter)  # type: ignore[name-defined]  # noqa: F821
reveal_type(spotter.recipe)  # type: ignore[name-defined]  # noqa: F821
frames = np.zeros((10, 48, 64), np.uint8)
result = mespot.spot(frames, spotter=spotter, fps=30, progress=lambda done, total: None)
reveal_type(result)  # type: ignore[name-defined]  # noqa: F821
reveal_type(result.expressions)  # type: ignore[name-defined]  # noqa: F821
reveal_type(result.scores)  # type: ignore[name-defined]  # noqa: F821
reveal_type(result.reading.frames)  # type: ignore[name-defined]  # noqa: F821
reveal_type(result.expressions[0].apex)  # type: ignore[name-defined]  # noqa: F821
rows = mespot.describe("clip.mp4", RegionFlow())
reveal_type(rows)  # type: ignore[name-defined]  # noqa: F821
reveal_type(rows.values)  # type: ignore[name-defined]  # noqa: F821
reveal_type(mespot.decode(rows, mespot.Decode()))  # type: ignore[name-defined]  # noqa: F821
score = mespot.score({"a": result.expressions}, "events.csv")
reveal_type(score.overall.f1)  # type: ignore[name-defined]  # noqa: F821
reveal_type(score.by_recording)  # type: ignore[name-defined]  # noqa: F821
recordings = [mespot.Recording("a", "s", rows.fps, expressions=tuple(result.expressions))]
reveal_type(mespot.train(recipe, recordings))  # type: ignore[name-defined]  # noqa: F821
reveal_type(mespot.Recipe(scorer=Never()).hash)  # type: ignore[name-defined]  # noqa: F821
reveal_type(mespot.load_recipe("default"))  # type: ignore[name-defined]  # noqa: F821
reveal_type(mespot.FrameMap.identity(3).source_of)  # type: ignore[name-defined]  # noqa: F821
