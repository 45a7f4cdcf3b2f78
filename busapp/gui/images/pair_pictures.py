"""Pictures for the duplicate review: read, laid over each other and coloured in the background."""

import logging
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from PIL import Image
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from busapp.engine.catalog import ImageRecord
from busapp.engine.images.heat_map import COLOURS
from busapp.engine.images.preprocessing import read_image
from busapp.engine.study.workspace import Workspace
from busapp.errors import UnreadableImage
from busapp.gui.images.image_canvas import to_qimage
from busapp.gui.widgets.background import BackgroundQueue

log = logging.getLogger(__name__)

STRONGEST: Final = 96
"""In grey levels. Differences from this one on have the brightest colour."""
_KEPT: Final = 16
_LEVELS: Final = COLOURS[np.minimum(np.arange(256) * 255 // STRONGEST, 255)]


@dataclass(frozen=True, slots=True)
class PairKey:
    """Two images and `how` the second one differs from the first, in the engine's words."""

    first: ImageRecord
    second: ImageRecord
    how: str

    @property
    def contents(self) -> tuple[str, str, str]:
        """The two content hashes and `how`. The pictures depend on nothing else."""
        return self.first.sha256, self.second.sha256, self.how


@dataclass(frozen=True, slots=True)
class PairPictures:
    """Both pictures at one scale, the second one aligned with the first (`brought`), and their difference in colours.

    A picture that cannot be made is null; `problems` has the reason for each image, or "". `mean` is the mean
    difference in grey levels."""

    first: QImage
    second: QImage
    brought: QImage
    difference: QImage
    mean: float = 0.0
    problems: tuple[str, str] = ("", "")


def make_pictures(workspace: Workspace, key: PairKey) -> PairPictures:
    """Read and compare two images of the study. If one cannot be read, only the other one is shown."""
    from busapp.engine.curation.side_by_side import side_by_side

    read: list[Image.Image | None] = []
    problems = []
    for image in (key.first, key.second):
        try:
            read.append(read_image(workspace.image_path(image)))
            problems.append("")
        except UnreadableImage as error:
            read.append(None)
            problems.append(f"{error.what}.")  # without the path inside the study, which helps nobody
    first, second = read
    if first is None or second is None:
        alone = [QImage() if picture is None else to_qimage(_small(picture)) for picture in read]
        return PairPictures(alone[0], alone[1], QImage(), QImage(), problems=(problems[0], problems[1]))
    both = side_by_side(first, second, mirrored="mirrored" in key.how, cropped="cropped" in key.how)
    return PairPictures(
        to_qimage(both.first),
        to_qimage(both.second),
        to_qimage(both.brought),
        to_qimage(Image.fromarray(_LEVELS[both.difference])),
        both.mean,
    )


def _small(picture: Image.Image) -> Image.Image:
    small = picture.copy()
    small.thumbnail((1024, 1024))
    return small


class PairLoader(QObject):
    """Loads pictures of pairs. Those in memory are available at once, the others after `loaded`.

    Signals:
        loaded: the `PairKey` whose pictures are now available.
    """

    loaded = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._workspace: Workspace | None = None
        self._memory: OrderedDict[tuple[str, str, str], PairPictures] = OrderedDict()
        self._queue = BackgroundQueue(self)
        self._queue.made.connect(self._keep)

    def open_study(self, workspace: Workspace) -> None:
        """Load from another study."""
        self._queue.clear()
        self._memory.clear()
        self._workspace = workspace

    def get(self, key: PairKey) -> PairPictures | None:
        """The pictures, or None if they are not in memory."""
        return self._memory.get(key.contents)

    def want(self, keys: Sequence[PairKey]) -> None:
        """Load these, the first one first; what was wanted before and is not among them is forgotten."""
        if self._workspace is not None:
            missing = [key for key in keys if key.contents not in self._memory]
            self._queue.put_all((key, partial(_pictures_or_problem, self._workspace, key)) for key in missing)

    def stop(self) -> None:
        """Forget what waits, and wait for what is being loaded."""
        self._queue.stop()

    def _keep(self, key: PairKey, pictures: PairPictures) -> None:
        self._memory[key.contents] = pictures
        self._memory.move_to_end(key.contents)
        while len(self._memory) > _KEPT:
            self._memory.popitem(last=False)
        self.loaded.emit(key)


def _pictures_or_problem(workspace: Workspace, key: PairKey) -> PairPictures:
    try:
        return make_pictures(workspace, key)
    except Exception as error:  # a defect must not leave the user before "Loading…"
        log.exception("a pair cannot be shown")
        nothing = QImage()
        words = f"The pair cannot be shown ({type(error).__name__}). The log has the details."
        return PairPictures(nothing, nothing, nothing, nothing, problems=(words, words))
