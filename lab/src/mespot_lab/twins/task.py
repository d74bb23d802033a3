"""One recording of a twin as a folder of images, complete or not there at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mespot.errors import MespotError
from mespot.synthetic.config import ScriptConfig
from mespot.synthetic.portraits import Portrait
from mespot.synthetic.render import render, to_bgr, to_grey
from mespot.synthetic.script import Script, make_script
from mespot_lab.sheets import sheet_module
from mespot_lab.twins.compress import through_h264
from mespot_lab.twins.identities import Identity
from mespot_lab.twins.plan import Take


class Stopped(Exception):
    """The recording was given up half-way, because the run is to end."""


@dataclass(frozen=True)
class TwinTask:
    """All that a recording needs but the portraits.

    ``name`` is the data set's, ``config`` the recording's own; ``quality`` that of the JPEGs.
    """

    name: str
    take: Take
    identity: Identity
    config: ScriptConfig
    quality: int

    @property
    def folder(self) -> Path:
        """Where its images lie, relative to the root."""
        return sheet_module(self.name).frame_path(self.take.recording, 0).parent

    def script(self) -> Script:
        """What happens in it."""
        recording, fps = self.take.recording, sheet_module(self.name).SHAPE.fps
        events = recording.expressions
        return make_script(self.config, self.take.seed, fps, recording.n_frames, events)

    @property
    def crf(self) -> int:
        """The rate factor of the video that its frames go through; 0 for none."""
        low, high = self.config.crf
        return int(np.random.default_rng([self.take.seed, 4]).integers(low, high + 1))

    def finished(self, root: Path) -> bool:
        """Whether all of its images are there."""
        folder = root / self.folder
        if not folder.is_dir():
            return False
        names = {entry.name for entry in os.scandir(folder)}
        return names == {self.path(i).name for i in range(self.take.recording.n_frames)}

    def path(self, i: int) -> Path:
        """Where frame ``i`` lies, relative to the root."""
        return sheet_module(self.name).frame_path(self.take.recording, i)

    def make(self, root: Path, portrait: Portrait, tick: Callable[[], bool]) -> None:
        """Draw the recording; ``tick`` is called after every frame and says whether to go on.

        The images are written to a hidden folder beside, which takes its name when it is whole.
        Raises Stopped, leaving nothing behind.
        """
        final = root / self.folder
        part = final.with_name(f".{final.name}.part")
        grey = sheet_module(self.name).SHAPE.grey
        options = [cv2.IMWRITE_JPEG_QUALITY, self.quality]
        try:
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)
            for i, frame in enumerate(self._frames(portrait, grey)):
                picture = to_grey(frame) if grey else to_bgr(frame)
                (part / self.path(i).name).write_bytes(_jpeg(picture, options))
                if not tick():
                    raise Stopped
            shutil.rmtree(final, ignore_errors=True)
            part.replace(final)
        except OSError as error:
            raise MespotError(f"{final}: cannot be written ({error})") from error
        finally:
            shutil.rmtree(part, ignore_errors=True)

    def _frames(self, portrait: Portrait, grey: bool) -> Iterator[NDArray[np.uint8]]:
        """Drawn and, where that is asked for, compressed and read again."""
        script = self.script()
        frames = render(portrait, script, self.config, self.take.seed, grey)
        return through_h264(frames, script.fps, self.crf, grey) if self.crf else frames


def _jpeg(picture: NDArray[np.uint8], options: list[int]) -> bytes:
    """An image of three channels or one as JPEG (4:2:0)."""
    _, data = cv2.imencode(".jpg", picture, options)
    return data.tobytes()
