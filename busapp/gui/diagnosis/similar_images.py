"""The training images of a model that are most similar to the diagnosed image."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from PySide6.QtCore import QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from busapp.engine.catalog import ImageRecord
from busapp.engine.diagnosis.diagnosis import SimilarImage
from busapp.engine.images.preprocessing import read_image
from busapp.engine.study.workspace import Workspace
from busapp.errors import UserError
from busapp.gui.images.image_canvas import ImageCanvas, to_qimage
from busapp.gui.images.thumbnails import thumbnail
from busapp.gui.theme import SPACE, class_colour, colours, theme
from busapp.gui.widgets.background import Background

ABSENT: Final = "not in this study"
_DOT: Final = 8
_GAP: Final = 4


@dataclass(frozen=True)
class SimilarInStudy:
    """A similar image, looked up in the study. `record` is None if the study does not have it; the picture `small` is
    null if it cannot be read."""

    image: SimilarImage
    record: ImageRecord | None
    small: QImage

    def in_words(self) -> str:
        """Its class, its file and its distance, one line each."""
        place = self.record.file if self.record else f"This image is {ABSENT}"
        distance = f"distance {self.image.distance:.2f} (1 is usual between two of the model's training images)"
        return f"{self.image.class_name}\n{place}\n{distance}"


def find_in_study(workspace: Workspace, similar: Sequence[SimilarImage]) -> list[SimilarInStudy]:
    """Look images up in the study by their hash, now or as imported, and read their small pictures."""
    wanted = {image.sha256 for image in similar}
    records: dict[str, ImageRecord] = {}
    for record in workspace.catalog.images():
        for sha256 in {record.sha256, record.original} & wanted:
            assert sha256 is not None
            records.setdefault(sha256, record)
    found = []
    for image in similar:
        known = records.get(image.sha256)
        found.append(SimilarInStudy(image, known, thumbnail(workspace, known) if known else QImage()))
    return found


class SimilarTile(QAbstractButton):
    """A small picture with its class, by word and colour."""

    def __init__(self, similar: SimilarInStudy, classes: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.similar = similar
        self._colour = class_colour(similar.image.class_name, classes)
        self.setToolTip(similar.in_words())
        self.setAccessibleName(similar.in_words().replace("\n", ", "))
        self.setText(similar.image.class_name)
        if similar.record is not None:
            self.setCursor(Qt.CursorShape.PointingHandCursor)
        else:
            self.setEnabled(False)
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        side = SimilarImages.SIDE
        return QSize(side, side + self.fontMetrics().height() + _GAP)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        side = SimilarImages.SIDE
        square = QRect(0, 0, side, side)
        painter.fillRect(square, QColor(colours().base))
        if self.similar.small.isNull():
            painter.setPen(QColor(colours().muted))
            words = ABSENT if self.similar.record is None else "cannot be read"
            painter.drawText(square, int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap), words)
        else:
            size = self.similar.small.size().scaled(square.size(), Qt.AspectRatioMode.KeepAspectRatio)
            place = QRect(QPoint(0, 0), size)
            place.moveCenter(square.center())
            painter.drawImage(place, self.similar.small)
        is_lit = self.hasFocus() or self.underMouse()
        painter.setPen(QColor(colours().accent if is_lit and self.isEnabled() else colours().border))
        painter.drawRect(square.adjusted(0, 0, -1, -1))
        self._draw_class(painter, QRect(0, side + _GAP, side, self.height() - side - _GAP))

    def _draw_class(self, painter: QPainter, line: QRect) -> None:
        painter.setBrush(self._colour)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.drawEllipse(QRectF(line.left(), line.center().y() - _DOT / 2 + 1, _DOT, _DOT))
        painter.setPen(QColor(colours().text))
        words = line.adjusted(_DOT + 2, 0, 0, 0)
        name = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, words.width())
        painter.drawText(words, Qt.AlignmentFlag.AlignVCenter, name)


class SimilarImages(QWidget):
    """Rows of tiles, the most similar first. A thread looks the images up. Hidden if the model does not list its
    training images.

    Signals:
        chosen: the `SimilarInStudy` to show large.
    """

    SIDE: ClassVar[int] = 88
    """Pixels of a tile's picture; wide enough for a class's name below it."""
    COLUMNS: ClassVar[int] = 3
    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workspace: Workspace | None = None
        self._classes: Sequence[str] = ()
        self.tiles: list[SimilarTile] = []
        self._background = Background(self)
        self._background.made.connect(self._show)
        heading = QLabel("Most similar training images")
        heading.setProperty("role", "heading")
        heading.setWordWrap(True)
        self._grid = QGridLayout()
        self._grid.setSpacing(_GAP)
        self._grid.setColumnStretch(self.COLUMNS, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(_GAP)
        column.addWidget(heading)
        column.addLayout(self._grid)
        self.hide()

    def open_study(self, workspace: Workspace) -> None:
        """Look images up in another study."""
        self._background.stop()
        self._workspace = workspace

    def stop(self) -> None:
        """Wait for the running look-up, and discard its result."""
        self._background.stop()

    def show_similar(self, similar: Sequence[SimilarImage], classes: Sequence[str]) -> None:
        """Look up these images and show them."""
        self._classes = classes
        self.setVisible(bool(similar))
        workspace = self._workspace
        self._background.ask((lambda: find_in_study(workspace, similar)) if workspace is not None and similar else None)

    def _show(self, found: list[SimilarInStudy]) -> None:
        for tile in self.tiles:
            self._grid.removeWidget(tile)
            tile.deleteLater()
        self.tiles = [SimilarTile(similar, self._classes) for similar in found]
        for at, tile in enumerate(self.tiles):
            tile.clicked.connect(lambda _checked=False, tile=tile: self.chosen.emit(tile.similar))
            self._grid.addWidget(tile, *divmod(at, self.COLUMNS))


class SimilarDialog(QDialog):
    """One of the similar images, large. It does not block the window. Esc or Space closes it."""

    def __init__(self, workspace: Workspace, similar: SimilarInStudy, classes: Sequence[str], parent: QWidget) -> None:
        super().__init__(parent)
        assert similar.record is not None
        record, image = similar.record, similar.image
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(f"Similar image: {image.class_name}")
        self.canvas = ImageCanvas()
        self.canvas.is_synthetic = record.kind == "synthetic"
        self.canvas.show_picture(similar.small)  # until the full image is read
        self.answer = QLabel(f"● {image.class_name}")
        self.answer.setStyleSheet(f"color: {class_colour(image.class_name, classes).name()}; font-weight: 600;")
        self.words = QLabel(f"{record.file} · distance {image.distance:.2f}")
        self.words.setProperty("role", "muted")
        close = QPushButton("Close (Esc)")
        close.setAutoDefault(False)
        close.clicked.connect(self.reject)
        row = QHBoxLayout()
        row.setSpacing(SPACE)
        row.addWidget(self.answer)
        row.addWidget(self.words, 1)
        row.addWidget(close)
        column = QVBoxLayout(self)
        column.addLayout(row)
        column.addWidget(self.canvas, 1)
        self.resize(560, 460)
        self._background = Background(self)
        self._background.made.connect(self.canvas.show_picture)
        self._background.failed.connect(self._on_problem)
        self._background.ask(lambda: _whole(workspace, record))
        self.canvas.setFocus()

    def _on_problem(self, sentence: str) -> None:
        self.canvas.show_picture(QImage())
        self.canvas.sentence = sentence

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space:
            self.reject()
        else:
            super().keyPressEvent(event)

    def done(self, result: int) -> None:
        self._background.stop()
        super().done(result)


def _whole(workspace: Workspace, record: ImageRecord) -> QImage:
    try:
        return to_qimage(read_image(workspace.image_path(record)))
    except UserError as error:
        raise type(error)(error.what) from error  # the path inside the study would not help the user
