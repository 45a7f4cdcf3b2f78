"""Heat maps of images of the study by one model, made off the window's thread, one after the other."""

from pathlib import Path

from PySide6.QtCore import QObject, QSize, Signal
from PySide6.QtGui import QImage, QPainter

from busapp.engine.catalog import ImageRecord
from busapp.engine.diagnosis.diagnosis import Diagnoser
from busapp.engine.images.heat_map import HeatMap, colour_heat_map
from busapp.engine.models.model import Model
from busapp.engine.study.workspace import Workspace
from busapp.errors import UnreadableImage
from busapp.gui.images.image_canvas import to_qimage
from busapp.gui.widgets.background import Background

OPACITY = 0.45
_MOST_WAITING = 60

ClassMaps = dict[str, HeatMap]
"""By class. Empty for an image that cannot be read."""


class _Maker:
    """A model that is loaded when the first image needs it. Only one thread at a time asks it."""

    def __init__(self, model: Path) -> None:
        self._path = model
        self._diagnoser: Diagnoser | None = None

    def maps(self, image: ImageRecord, path: Path) -> tuple[str, ClassMaps]:
        if self._diagnoser is None:
            self._diagnoser = Diagnoser(Model.load(self._path))
        try:
            return image.sha256, self._diagnoser.diagnose(path).heat_maps
        except UnreadableImage:
            return image.sha256, {}


class HeatMaps(QObject):
    """Keeps what it made: a map has only as many numbers as the network's last layer has places.

    Signals:
        made: the content hash of an image whose maps are now there.
        failed: why there are none, a sentence.
    """

    made = Signal(str)
    failed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._model: tuple[Path, int] | None = None
        self._maker: _Maker | None = None
        self._workspace: Workspace | None = None
        self._known: dict[str, ClassMaps] = {}
        self._waiting: list[ImageRecord] = []
        self._background = Background(self)
        self._background.made.connect(self._keep)
        self._background.failed.connect(self._give_up)

    def use(self, workspace: Workspace, model: Path | None) -> None:
        """Make maps with this model from now on; None: there is none. What an older file made is forgotten."""
        wanted = (model, model.stat().st_mtime_ns) if model is not None and model.exists() else None
        if wanted == self._model and workspace is self._workspace:
            return
        self.stop()
        self._workspace, self._model = workspace, wanted
        self._maker = _Maker(wanted[0]) if wanted else None
        self._known.clear()

    @property
    def is_possible(self) -> bool:
        """Whether there is a model."""
        return self._maker is not None

    def get(self, image: ImageRecord) -> ClassMaps | None:
        """The maps of an image, or None where they were not made yet."""
        return self._known.get(image.sha256)

    def want(self, image: ImageRecord) -> None:
        """Make the maps of this image, too. Of many that wait only the newest are made: the user has gone past the
        others."""
        if image.sha256 in self._known or any(image.sha256 == other.sha256 for other in self._waiting):
            return
        self._waiting = [*self._waiting, image][-_MOST_WAITING:]
        if len(self._waiting) == 1:
            self._go_on()

    def forget_wanted(self) -> None:
        """Make no more maps than the one at hand."""
        self._waiting = self._waiting[:1]

    def stop(self) -> None:
        """Forget what was asked for, and wait for the image at hand."""
        self._waiting = []
        self._background.stop()

    def _go_on(self) -> None:
        maker, workspace = self._maker, self._workspace
        if maker is None or workspace is None or not self._waiting:
            return
        image = self._waiting[0]
        path = workspace.image_path(image)
        self._background.ask(lambda: maker.maps(image, path))

    def _keep(self, made: tuple[str, ClassMaps]) -> None:
        sha256, maps = made
        self._known[sha256] = maps
        self._waiting = [image for image in self._waiting if image.sha256 != sha256]
        self._go_on()
        self.made.emit(sha256)

    def _give_up(self, sentence: str) -> None:
        self._waiting = []
        self.failed.emit(sentence)


def coloured(heat_map: HeatMap, size: QSize) -> QImage:
    """The map in its colours, as large as the picture that it lies over."""
    return to_qimage(colour_heat_map(heat_map, (size.width(), size.height())))


def laid_over(picture: QImage, heat_map: HeatMap) -> QImage:
    """A picture with its map over it."""
    both = picture.convertToFormat(QImage.Format.Format_RGB32)
    painter = QPainter(both)
    painter.setOpacity(OPACITY)
    painter.drawImage(0, 0, coloured(heat_map, both.size()))
    painter.end()
    return both
