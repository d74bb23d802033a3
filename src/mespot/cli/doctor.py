"""`mespot doctor`: is everything here that spotting needs?"""

from __future__ import annotations

from collections.abc import Callable

import click

from mespot.errors import EXIT_DONE, EXIT_FAILURE
from mespot.versions import versions


def _cascade() -> str:
    import numpy as np

    from mespot.align.detect import find_faces

    find_faces(np.zeros((120, 160), np.uint8), 40)
    return "Viola-Jones cascade of OpenCV, and dlib's detector that confirms it"


def _landmarks() -> str:
    from mespot.align.landmarks import model_path

    path = model_path("shape_predictor_5_face_landmarks.dat")
    return f"dlib's 5-point model ({path.stat().st_size // 1_000_000} MB)"


def _video() -> str:
    import av

    missing = [name for name in ("h264", "hevc", "mpeg4") if name not in av.codecs_available]
    if missing:
        raise RuntimeError(f"PyAV cannot decode {', '.join(missing)}; reinstall av")
    return "decoders for H.264, HEVC and MPEG-4"


def _kernels() -> str:
    import numpy as np

    from mespot import registry

    frames = np.zeros((12, 24, 24), np.uint8)
    from mespot.types import FaceClip

    clip = FaceClip(
        frames,
        np.ones(12, bool),
        np.zeros((12, 5, 2), np.float32),
        np.arange(12) / 25,
        25,  # type: ignore[arg-type]
    )
    for name in ("lbp_top", "hog_top", "higo_top"):
        registry.build("descriptors", {"name": name, "span": 9}).describe(clip)
    return "descriptor kernels compile and run"


def _spotter() -> str:
    from mespot.spotter import load_spotter

    spotter = load_spotter()
    spotter.self_test()
    return f"packaged spotter {spotter.recipe.name!r}, weights {spotter.weights_hash[:12]}"


def _torch() -> str:
    try:
        import torch
    except ImportError:
        return "torch is not installed: only `mespot train` needs it"
    return f"torch {torch.__version__}: training is possible"


@click.command()
def command() -> int:
    """Check that everything spotting needs is installed and works."""
    for name, number in versions().items():
        click.echo(f"   {name} {number}")
    failed = 0
    checks: tuple[Callable[[], str], ...] = (
        _cascade, _landmarks, _video, _kernels, _spotter, _torch
    )  # fmt: skip
    for check in checks:
        try:
            click.echo(f"ok {check()}")
        except Exception as error:
            failed += 1
            line = f"{type(error).__name__}: {error}".splitlines()[0]
            click.echo(f"NO {check.__name__.strip('_')}: {line}")
    click.echo("all is well" if not failed else f"{failed} problem(s)")
    return EXIT_FAILURE if failed else EXIT_DONE
