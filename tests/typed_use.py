"""Uses the whole public interface; tests/test_api_types.py reads the types that mypy finds."""

from __future__ import annotations

from typing import reveal_type

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
reveal_type(recipe.align)
reveal_type(recipe.descriptor)
reveal_type(recipe.decode.threshold)
spotter = mespot.load_spotter()
reveal_type(spotter)
reveal_type(spotter.recipe)
frames = np.zeros((10, 48, 64), np.uint8)
result = mespot.spot(frames, spotter=spotter, fps=30, progress=lambda done, total: None)
reveal_type(result)
reveal_type(result.expressions)
reveal_type(result.scores)
reveal_type(result.reading.frames)
reveal_type(result.expressions[0].apex)
rows = mespot.describe("clip.mp4", RegionFlow())
reveal_type(rows)
reveal_type(rows.values)
reveal_type(mespot.decode(rows, mespot.Decode()))
score = mespot.score({"a": result.expressions}, "events.csv")
reveal_type(score.overall.f1)
reveal_type(score.by_recording)
recordings = [mespot.Recording("a", "s", rows.fps, expressions=tuple(result.expressions))]
reveal_type(mespot.train(recipe, recordings))
reveal_type(mespot.Recipe(scorer=Never()).hash)
reveal_type(mespot.load_recipe("default"))
reveal_type(mespot.FrameMap.identity(3).source_of)
reveal_type(mespot.describe(frames, RegionFlow(), fps=30).centres)
reveal_type(result.times_s)
reveal_type(mespot.decode(result, threshold=0.5))
reveal_type(mespot.decode(result.scores, fps=result.fps, threshold=0.5))
reveal_type(mespot.score(result.expressions, result.expressions).overall.tp)
figures = mespot.evaluate([recipe], recordings, "out", protocols=["default", "paper"], workers=2)
reveal_type(figures)
reveal_type(figures[0]["apex"]["f1"])
reveal_type(figures[0]["folds"][0]["threshold"])
mespot.evaluate(recipe, ("casme_sq", "/data/casme_sq"), "out")
reveal_type(mespot.plugins("descriptors"))
reveal_type(mespot.plugins("scorers")["lstm"])
reveal_type(mespot.plugins("datasets")["folder"].citation)
reveal_type(mespot.plugins("exports"))
mespot.register("descriptors", RegionFlow, "mine")
reveal_type(mespot.load_spotter("folder").spot("clip.mp4").expressions)
reveal_type(mespot.Fold("a", ("x",), ("y",)).train)
reveal_type(mespot.Counts(1, 2, 3).f1)
reveal_type(mespot.Reading().notes)
reveal_type(mespot.__version__)
