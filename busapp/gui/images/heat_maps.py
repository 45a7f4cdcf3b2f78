"""Heat maps of images of the study by one model, computed in the background one after the other."""

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
"""Heat map of each class. Empty for an image that cannot be read."""


class _Maker:
    """Loads its model when the first image needs it. Used by one thread at a time."""

    def __init__(self, model: Path) -> None:
        self._path = model
        self._diagnoser: Diagnoser | None = None

    @property
    def unseen(self) -> str:
        return "" if self._diagnoser is None else self._diagnoser.model.description.preprocessing.unseen

    def maps(self, image: ImageRecord, path: Path) -> tuple[str, ClassMaps]:
        if self._diagnoser is None:
            self._diagnoser = Diagnoser(Model.load(self._path))
        try:
            return image.sha256, self._diagnoser.diagnose(path).heat_maps
        except UnreadableImage:
            return image.sha256, {}


class HeatMaps(QObject):
    """Computes heat maps and keeps them all. A map is small: one number for each place of the network's last layer.

    Signals:
        made: the content hash of an image whose maps are now available.
        failed: the reason why there are no maps, a sentence.
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
        """Compute maps with this model from now on; None if there is none. Forgets the maps of an older file."""
        wanted = (model, model.stat().st_mtime_ns) if model is not None and model.exists() else None
        if wanted == self._model and workspace is self._workspace:
            return
        self.stop()
        self._workspace, self._model = workspace, wanted
        self._maker = _Maker(wanted[0]) if wanted else None
        self._known.clear()

    @property
    def is_possible(self) -> bool:
        """True if there is a model."""
        return self._maker is not None

    @property
    def unseen(self) -> str:
        """A sentence about the parts of a picture that the model does not see. Empty if it sees everything, and until
        the first maps are made."""
        return "" if self._maker is None else self._maker.unseen

    def get(self, image: ImageRecord) -> ClassMaps | None:
        """The maps of an image, or None if they are not computed yet."""
        return self._known.get(image.sha256)

    def want(self, image: ImageRecord) -> None:
        """Request the maps of this image as well. If many images wait, only the newest are computed, because the user
        has already moved past the others."""
        if image.sha256 in self._known or any(image.sha256 == other.sha256 for other in self._waiting):
            return
        self._waiting = [*self._waiting, image][-_MOST_WAITING:]
        if len(self._waiting) == 1:
            self._make_next()

    def forget_wanted(self) -> None:
        """Drop all requests except the one being computed."""
        self._waiting = self._waiting[:1]

    def stop(self) -> None:
        """Drop all requests, and wait until the current image is done."""
        self._waiting = []
        self._background.stop()

    def _make_next(self) -> None:
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
        self._make_next()
        self.made.emit(sha256)

    def _give_up(self, sentence: str) -> None:
        self._waiting = []
        self.failed.emit(sentence)


def coloured(heat_map: HeatMap, size: QSize) -> QImage:
    """The map in colours, enlarged to the size of its picture."""
    return to_qimage(colour_heat_map(heat_map, (size.width(), size.height())))


def laid_over(picture: QImage, heat_map: HeatMap) -> QImage:
    """A copy of the picture with its map over it."""
    both = picture.convertToFormat(QImage.Format.Format_RGB32)
    painter = QPainter(both)
    painter.setOpacity(OPACITY)
    painter.drawImage(0, 0, coloured(heat_map, both.size()))
    painter.end()
    return both
